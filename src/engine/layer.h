/* layer.h: what the walks over the layers, chunk.c and backward*.c, do with one layer's matrices. */
#ifndef ENGINE_LAYER_H
#define ENGINE_LAYER_H

#include "base/memory.h"
#include "engine/replay.h"

/* Rows that go through a layer's matrices together: enough for products to run at the machine's rate. */
enum { CHUNK_ROWS = 1024 };

/* One layer of a walk. */
typedef struct layer_walk {
    const decoder_config *c;
    size_t layer;
    weight w[PART_COUNT];
    const float *cosine, *sine; /* [longest][rotary_dim / 2] by position */
    arena *memory;              /* of one chunk in one layer */
    replay_work *work;
} layer_walk;

/* Rows of a chunk's memory. */
pb_status layer_rows(const layer_walk *k, float **out, size_t rows, size_t width, pb_error *err);

/* y[rows][out] = x[rows][in] w^T + bias */
pb_status layer_product(const layer_walk *k, float *y, const float *x, decoder_part w, decoder_part bias, size_t rows,
                        size_t out, size_t in, pb_error *err);

/* Bytes that one layer's weights take beside the file, and the products of `rows` rows with them. */
size_t layer_bytes(const decoder *m, size_t rows);

/* One run's rows as attention takes them: against its base's keys of this layer, and its own (NULL: they are the base's
 * too), without the edges that it cuts there. */
pb_status layer_job(const layer_walk *k, const replay_fork *f, const kv_segment *own, attention_job *job,
                    pb_error *err);

/* Cosines and sines of all positions that the forks reach, [longest][rotary_dim / 2]. free() both */
pb_status layer_angles(const decoder_config *c, const replay_fork *forks, size_t count, float **cosine, float **sine,
                       pb_error *err);

#endif
