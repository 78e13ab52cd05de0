/* decoder_change.c: changes of a decoder's weights that every run sees (decoder.h).
 *
 * Terms are kept so that their sum is a product, as matmul_linear has it: scale * b^T a = left right^T. It is formed for
 * a few rows of the matrix at a time. */
#include "model/decoder_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/matmul.h"
#include "model/weights.h"

enum { TERM_ROWS = 256 }; /* rows of a matrix whose terms are summed up at a time */

typedef struct kept_term {
    const tensor *of;
    size_t rank;
    float *left;  /* [out][rank]: b transposed, scaled */
    float *right; /* [in][rank]: a transposed */
} kept_term;

typedef struct replaced {
    const tensor *of;
    const float *values;
} replaced;

struct decoder_changes {
    kept_term *terms; /* [term_count] */
    size_t term_count;
    replaced *replaced; /* [replaced_count] */
    size_t replaced_count;
};

static decoder_changes *changes_of(decoder *m)
{
    if (!m->changes)
        m->changes = mem_new(1, sizeof *m->changes);
    return m->changes;
}

/* ---- what a tensor has ---- */

static replaced *find_replaced(const decoder *m, const tensor *t)
{
    for (size_t i = 0; m->changes && i < m->changes->replaced_count; i++)
        if (m->changes->replaced[i].of == t)
            return &m->changes->replaced[i];
    return NULL;
}

static bool has_terms(const decoder *m, const tensor *t)
{
    for (size_t i = 0; m->changes && i < m->changes->term_count; i++)
        if (m->changes->terms[i].of == t)
            return true;
    return false;
}

bool decoder_changed(const decoder *m, const tensor *t)
{
    return find_replaced(m, t) || has_terms(m, t);
}

const float *decoder_in_place(const decoder *m, const tensor *t)
{
    const replaced *r = find_replaced(m, t);
    if (r)
        return r->values;
    return weights_in_place(t) && !has_terms(m, t) ? t->data : NULL;
}

/* Elements in a row: of a vector 1. */
static size_t row_width(const tensor *t)
{
    return t->rank == 2 ? t->shape[1] : 1;
}

size_t decoder_room(const decoder *m, const tensor *t)
{
    if (find_replaced(m, t) || !has_terms(m, t))
        return 0;
    return (t->shape[0] < TERM_ROWS ? t->shape[0] : TERM_ROWS) * row_width(t);
}

/* ---- the sum ---- */

/* w[n] += sum, but where the sum is 0 not even -0 becomes 0: a term of zeros changes no bit. False when a number is not
 * finite. */
static bool add_sum(float *w, const float *sum, size_t n)
{
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        w[i] = sum[i] == 0 ? w[i] : w[i] + sum[i];
    return all_finite(w, n);
}

/* out[rows][in] += the term's rows first .. */
static pb_status add_term_rows(const kept_term *t, size_t first, size_t rows, float *out, float *room, pb_error *err)
{
    size_t in = t->of->shape[1];
    for (size_t row = 0; row < rows; row += TERM_ROWS) {
        size_t n = rows - row < TERM_ROWS ? rows - row : TERM_ROWS;
        TRY(matmul_linear(room, t->left + (first + row) * t->rank, t->right, NULL, n, in, t->rank, err));
        if (!add_sum(out + row * in, room, n * in))
            return fail(err, PB_EINVAL, "%s: tensor %s is not finite any more with its changes added", t->of->file,
                        t->of->name);
    }
    return PB_OK;
}

static pb_status add_terms(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, float *room,
                           pb_error *err)
{
    for (size_t i = 0; i < m->changes->term_count; i++)
        if (m->changes->terms[i].of == t)
            TRY(add_term_rows(&m->changes->terms[i], first, rows, out, room, err));
    return PB_OK;
}

pb_status decoder_read_in_room(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, float *room,
                               pb_error *err)
{
    size_t width = row_width(t), needed = decoder_room(m, t);
    const replaced *r = find_replaced(m, t);
    if (r) {
        memcpy(out, r->values + first * width, rows * width * sizeof *out);
        return PB_OK;
    }
    TRY(weights_read(t, first * width, rows * width, out, err));
    if (needed == 0)
        return PB_OK;
    float *own = NULL;
    if (!room)
        TRY(mem_try(&own, needed, sizeof *own, "a change of the weights", err));
    pb_status status = add_terms(m, t, first, rows, out, room ? room : own, err);
    free(own);
    return status;
}

pb_status decoder_read_rows(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, pb_error *err)
{
    return decoder_read_in_room(m, t, first, rows, out, NULL, err);
}

/* ---- changing ---- */

/* What was derived from the weights holds no more. */
static void forget_derived(decoder *m)
{
    for (size_t l = 0; l < m->config.layers; l++)
        m->layers[l].checked = false;
    m->head_checked = false;
    decoder_size_store(m);
}

/* to[n][rank] = scale * from[rank][n] transposed. */
static void transpose(float *to, const float *from, size_t rank, size_t n, float scale)
{
    for (size_t r = 0; r < rank; r++)
        for (size_t i = 0; i < n; i++)
            to[i * rank + r] = scale * from[r * n + i];
}

static void term_free(kept_term *t)
{
    free(t->left);
    free(t->right);
}

pb_status decoder_add_term(decoder *m, const decoder_term *t, pb_error *err)
{
    size_t out = t->of->shape[0], in = t->of->shape[1];
    kept_term kept = {.of = t->of, .rank = t->rank};
    pb_status status = mem_try(&kept.left, out * t->rank, sizeof(float), "a change of the weights", err);
    if (!status)
        status = mem_try(&kept.right, in * t->rank, sizeof(float), "a change of the weights", err);
    if (status) {
        term_free(&kept);
        return status;
    }
    transpose(kept.left, t->b, t->rank, out, t->scale);
    transpose(kept.right, t->a, t->rank, in, 1);
    decoder_changes *c = changes_of(m);
    c->terms = mem_resize(c->terms, c->term_count + 1, sizeof *c->terms);
    c->terms[c->term_count++] = kept;
    forget_derived(m);
    return PB_OK;
}

void decoder_drop_terms(decoder *m, size_t kept)
{
    decoder_changes *c = m->changes;
    if (!c || c->term_count <= kept)
        return;
    while (c->term_count > kept)
        term_free(&c->terms[--c->term_count]);
    forget_derived(m);
}

size_t decoder_term_count(const decoder *m)
{
    return m->changes ? m->changes->term_count : 0;
}

void decoder_replace(decoder *m, const tensor *t, const float *values)
{
    replaced *r = find_replaced(m, t);
    if (r) {
        r->values = values;
        return;
    }
    decoder_changes *c = changes_of(m);
    c->replaced = mem_resize(c->replaced, c->replaced_count + 1, sizeof *c->replaced);
    c->replaced[c->replaced_count++] = (replaced){t, values};
    forget_derived(m);
}

void decoder_restore(decoder *m, const tensor *t)
{
    replaced *r = find_replaced(m, t);
    if (!r)
        return;
    *r = m->changes->replaced[--m->changes->replaced_count];
    forget_derived(m);
}

void decoder_changes_free(decoder *m)
{
    decoder_changes *c = m->changes;
    if (!c)
        return;
    for (size_t i = 0; i < c->term_count; i++)
        term_free(&c->terms[i]);
    free(c->terms);
    free(c->replaced);
    free(c);
    m->changes = NULL;
}
