/* decoder_change.c: changes of a decoder's weights that every run sees (decoder.h). */
#include "model/decoder_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/low_rank.h"

enum { BAND = 32 }; /* rows of a matrix to which a thread adds terms at a time */

typedef struct kept_term {
    const tensor *of;
    size_t rank;
    float *left;  /* [out][rank]: b transposed, scaled */
    float *right; /* [rank][in]: a */
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

/* Elements in a row: of a vector 1. */
static size_t row_width(const tensor *t)
{
    return t->rank == 2 ? t->shape[1] : 1;
}

static weight_form form_of(const decoder *m, const tensor *t)
{
    return t->rank == 2 ? m->form : FORM_F32;
}

weight decoder_in_place(const decoder *m, const tensor *t)
{
    const replaced *r = find_replaced(m, t);
    if (r)
        return (weight){.f32 = r->values};
    return has_terms(m, t) ? (weight){0} : weights_lie(t, form_of(m, t));
}

size_t decoder_element_bytes(const decoder *m, const tensor *t)
{
    return weight_form_bytes(decoder_changed(m, t) ? FORM_F32 : form_of(m, t));
}

/* ---- the sum ---- */

/* w[rows][in] = rows first .. of t, to which its terms are added; false when a number is not finite any more. */
static bool add_to_rows(const decoder_changes *c, const tensor *t, size_t first, size_t rows, float *w)
{
    size_t in = t->shape[1];
    for (size_t i = 0; i < c->term_count; i++) {
        const kept_term *k = &c->terms[i];
        if (k->of == t)
            low_rank_merge(w, k->left + first * k->rank, k->right, rows, in, k->rank);
    }
    return all_finite(w, rows * in);
}

static pb_status add_terms(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, pb_error *err)
{
    bool finite = true;
    ON_THREADS(rows > BAND, reduction(&& : finite),
        for (size_t i = 0; i < rows; i += BAND) {
            size_t n = rows - i < BAND ? rows - i : BAND;
            finite = add_to_rows(m->changes, t, first + i, n, out + i * t->shape[1]) && finite;
        })
    if (!finite)
        return fail(err, PB_EINVAL, "%s: tensor %s is not finite any more with its changes added", t->file, t->name);
    return PB_OK;
}

pb_status decoder_read_rows(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, pb_error *err)
{
    size_t width = row_width(t);
    const replaced *r = find_replaced(m, t);
    if (r) {
        memcpy(out, r->values + first * width, rows * width * sizeof *out);
        return PB_OK;
    }
    TRY(weights_read(t, first * width, rows * width, out, err));
    return has_terms(m, t) ? add_terms(m, t, first, rows, out, err) : PB_OK;
}

pb_status decoder_read_weight(const decoder *m, const tensor *t, size_t first, size_t rows, void *out, weight *w,
                              pb_error *err)
{
    size_t width = row_width(t);
    weight_form form = form_of(m, t);
    if (!decoder_changed(m, t))
        return weights_read_as(t, form, first * width, rows * width, out, w, err);
    *w = (weight){.f32 = out};
    if (form == FORM_F32 || find_replaced(m, t))
        return decoder_read_rows(m, t, first, rows, out, err);
    TRY(weights_read_as(t, FORM_WIDENED, first * width, rows * width, out, w, err));
    return add_terms(m, t, first, rows, out, err);
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

/* left[out][rank] = scale * b[rank][out] transposed. */
static void transpose(float *left, const float *b, size_t rank, size_t out, float scale)
{
    for (size_t r = 0; r < rank; r++)
        for (size_t i = 0; i < out; i++)
            left[i * rank + r] = scale * b[r * out + i];
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
    memcpy(kept.right, t->a, t->rank * in * sizeof *t->a);
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
