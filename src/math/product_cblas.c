/* product_cblas.c: products by a CBLAS, which promises nothing about bits, and knows no bf16. */
#include "math/product.h"

#include <cblas.h>
#include <string.h>

#include "math/matmul.h"

/* The library takes matrices whose rows stand so far apart, or such a matrix transposed. */
static CBLAS_TRANSPOSE order_of(const matrix *m)
{
    return m->across == 1 ? CblasNoTrans : CblasTrans;
}

static int apart(const matrix *m, size_t columns)
{
    size_t rows_apart = m->down > columns ? m->down : columns; /* which the library insists on, also of a single row */
    return (int)(m->across == 1 ? rows_apart : m->across);
}

pb_status product_multiply(const product *p, pb_error *err)
{
    (void)err; /* the library has no failures */
    for (size_t r = 0; p->bias && r < p->rows; r++)
        memcpy(p->y + r * p->columns, p->bias, p->columns * sizeof *p->y);
    cblas_sgemm(CblasRowMajor, order_of(&p->x), order_of(&p->w), (int)p->rows, (int)p->columns, (int)p->inner, 1.0f,
                p->x.data, apart(&p->x, p->inner), p->w.data, apart(&p->w, p->columns),
                p->bias || p->is_sum ? 1.0f : 0.0f, p->y, (int)p->columns);
    return PB_OK;
}

bool product_keeps_rows(void)
{
    return false;
}

bool matmul_row_invariant(void)
{
    return false;
}

bool matmul_has_bf16(void)
{
    return false;
}

const char *matmul_library(void)
{
    return "CBLAS";
}
