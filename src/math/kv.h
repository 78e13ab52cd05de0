/* kv.h: keys and values, as attention reads them and recordings keep them: in stretches of positions. */
#ifndef MATH_KV_H
#define MATH_KV_H

#include <stddef.h>

enum { KV_COLUMNS = 32 }; /* positions whose keys are loaded together */

/* Keys and values of the positions first .. end-1, ascending. Keys are stored transposed, so that one load serves
 * many positions. */
typedef struct kv_segment {
    size_t first, end;
    const float *k;  /* [kv_heads][head_dim][k_stride], column 0 is position `first` */
    size_t k_stride; /* kv_stride(number of positions stored) */
    const float *v;  /* [position - first][kv_heads * head_dim] */
} kv_segment;

/* Columns that n positions need in a transposed store: n rounded up to a multiple of KV_COLUMNS. */
size_t kv_stride(size_t n);

/* kt[kv_heads * head_dim][stride] = transpose of k[rows][kv_heads * head_dim]; padding columns are set to 0. */
void kv_transpose(float *kt, const float *k, size_t rows, size_t width, size_t stride);
/* The same from column `held` on, behind columns that stand there already. */
void kv_append(float *kt, size_t held, const float *k, size_t rows, size_t width, size_t stride);

#endif
