/* edit_factors.c: see edit_factors.h. */
#include "model/edit_factors.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/npz_read.h"
#include "model/model.h"

/* ---- reading ---- */

static pb_status check_floats(const float *x, size_t n, const char *name, const char *path, pb_error *err)
{
    if (!all_finite(x, n))
        return fail(err, PB_EFORMAT, "%s: the array \"%s\" holds a number that is not finite", path, name);
    return PB_OK;
}

/* An array [N][width]; the first one sets N, and each width where it is still 0. */
static pb_status read_matrix(const npz_archive *z, const char *name, size_t *count, size_t *width, float **out,
                             pb_error *err)
{
    size_t shape[2];
    TRY(npz_archive_array(z, name, NPY_F32, shape, 2, out, err));
    if (*count == 0)
        *count = shape[0];
    if (*width == 0)
        *width = shape[1];
    if (shape[0] != *count || shape[1] != *width)
        return fail(err, PB_EFORMAT, "%s: the array \"%s\" has the shape [%zu, %zu], expected [%zu, %zu]", z->path,
                    name, shape[0], shape[1], *count, *width);
    if (*count == 0 || *width == 0)
        return fail(err, PB_EFORMAT, "%s: the array \"%s\" has the shape [%zu, %zu], and so no numbers", z->path, name,
                    shape[0], shape[1]);
    return check_floats(*out, *count * *width, name, z->path, err);
}

static pb_status read_numbers(const npz_archive *z, const char *name, size_t count, int64_t **out, pb_error *err)
{
    size_t found;
    TRY(npz_archive_array(z, name, NPY_I64, &found, 1, out, err));
    if (found != count)
        return fail(err, PB_EFORMAT, "%s: the array \"%s\" has %zu numbers, expected %zu", z->path, name, found, count);
    for (size_t i = 0; i < count; i++)
        if ((*out)[i] < 0)
            return fail(err, PB_EFORMAT, "%s: the array \"%s\" holds %lld, expected whole numbers of at least 0",
                        z->path, name, (long long)(*out)[i]);
    return PB_OK;
}

static pb_status read_together(const npz_archive *z, bool *together, pb_error *err)
{
    unsigned char *value;
    TRY(npz_archive_array(z, "together", NPY_U8, NULL, 0, &value, err));
    *together = *value != 0;
    free(value);
    return PB_OK;
}

static pb_status read_arrays(edit_factors *f, const npz_archive *z, pb_error *err)
{
    TRY(read_matrix(z, "key", &f->count, &f->d_ff, &f->key, err));
    TRY(read_matrix(z, "v0", &f->count, &f->d_model, &f->v0, err));
    TRY(read_matrix(z, "v", &f->count, &f->d_model, &f->v, err));
    TRY(read_matrix(z, "u", &f->count, &f->d_model, &f->u, err));
    TRY(read_numbers(z, "layer", f->count, &f->layer, err));
    TRY(read_numbers(z, "request", f->count, &f->request, err));
    return read_together(z, &f->together, err);
}

pb_status edit_factors_read(edit_factors *f, const char *path, pb_error *err)
{
    npz_archive z;
    *f = (edit_factors){0};
    TRY(npz_archive_open(&z, path, err));
    pb_status status = read_arrays(f, &z, err);
    npz_archive_close(&z);
    if (status)
        edit_factors_free(f);
    return status;
}

void edit_factors_free(edit_factors *f)
{
    free(f->key);
    free(f->v0);
    free(f->v);
    free(f->u);
    free(f->layer);
    free(f->request);
    *f = (edit_factors){0};
}

/* ---- which rows ---- */

/* "FILE" or "FILE@REQUEST", as given; a file whose name ends that way is the file. */
typedef struct edit_choice {
    char *path;
    bool chosen;
    int64_t request;
} edit_choice;

static edit_choice choice_of(const char *given)
{
    const char *at = strrchr(given, '@');
    edit_choice c = {.path = mem_text(given)};
    char *end;
    if (file_exists(given) || !at || !isdigit((unsigned char)at[1]))
        return c;
    errno = 0;
    c.request = strtoll(at + 1, &end, 10);
    c.chosen = *end == '\0' && errno == 0;
    if (c.chosen)
        c.path[at - given] = '\0';
    return c;
}

static pb_status check_choice(const edit_choice *c, const edit_factors *f, pb_error *err)
{
    int64_t last = 0;
    bool several = false, there = false;
    for (size_t i = 0; i < f->count; i++) {
        several = several || f->request[i] != f->request[0];
        there = there || f->request[i] == c->request;
        last = f->request[i] > last ? f->request[i] : last;
    }
    if (several && f->together && c->chosen)
        return fail(err, PB_EINVAL, "%s: its edits were made together and are one: leave @%lld out", c->path,
                    (long long)c->request);
    if (several && !f->together && !c->chosen)
        return fail(err, PB_EINVAL,
                    "%s: holds the edits of several requests, each made on its own: say which, as in %s@%lld", c->path,
                    c->path, (long long)f->request[0]);
    if (c->chosen && !there)
        return fail(err, PB_EINVAL, "%s: holds no edit of request %lld; the last is %lld", c->path,
                    (long long)c->request, (long long)last);
    return PB_OK;
}

/* ---- applying ---- */

pb_status edit_factors_fit(const edit_factors *f, const decoder_config *c, const char *path, pb_error *err)
{
    if (f->d_ff != c->d_ff)
        return fail(err, PB_EINVAL,
                    "%s: the array \"key\" has rows of %zu, expected the model's d_ff, %zu: the edit is of another "
                    "model", path, f->d_ff, c->d_ff);
    if (f->d_model != c->d_model)
        return fail(err, PB_EINVAL,
                    "%s: the array \"u\" has rows of %zu, expected the model's d_model, %zu: the edit is of another "
                    "model", path, f->d_model, c->d_model);
    for (size_t i = 0; i < f->count; i++)
        if ((uint64_t)f->layer[i] >= c->layers)
            return fail(err, PB_EINVAL,
                        "%s: the array \"layer\" holds %lld, the model has %zu layers: the edit is of another model",
                        path, (long long)f->layer[i], c->layers);
    return PB_OK;
}

size_t edit_factors_rows(const edit_factors *f, size_t layer, size_t *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        if ((uint64_t)f->layer[i] == layer)
            rows[n++] = i;
    return n;
}

/* The chosen rows of one layer, one below the other: a[n][F], b[n][D]; `rows` is working memory. */
static size_t gather_rows(const edit_factors *f, const edit_choice *c, size_t layer, size_t *rows, float *a, float *b)
{
    size_t count = edit_factors_rows(f, layer, rows), n = 0;
    for (size_t i = 0; i < count; i++) {
        if (c->chosen && f->request[rows[i]] != c->request)
            continue;
        memcpy(a + n * f->d_ff, f->key + rows[i] * f->d_ff, f->d_ff * sizeof *a);
        memcpy(b + n * f->d_model, f->u + rows[i] * f->d_model, f->d_model * sizeof *b);
        n++;
    }
    return n;
}

static pb_status add_layers(model *m, const edit_factors *f, const edit_choice *c, pb_error *err)
{
    size_t terms = 0, rank = 0, before = decoder_term_count(&m->decoder);
    size_t *rows = mem_new(f->count, sizeof *rows);
    float *a = NULL, *b = NULL;
    pb_status status = mem_try(&a, f->count * f->d_ff, sizeof *a, "an edit", err);
    if (!status)
        status = mem_try(&b, f->count * f->d_model, sizeof *b, "an edit", err);
    for (size_t l = 0; l < m->decoder.config.layers && !status; l++) {
        size_t n = gather_rows(f, c, l, rows, a, b);
        const decoder_term t = {m->decoder.layers[l].part[PART_DOWN], n, a, b, 1};
        if (n)
            status = decoder_add_term(&m->decoder, &t, err);
        terms += n > 0;
        rank = n > rank ? n : rank;
    }
    free(rows);
    free(a);
    free(b);
    if (status)
        decoder_drop_terms(&m->decoder, before);
    else
        model_note_change(m, c->path, "edit", terms, rank);
    return status;
}

pb_status edit_factors_apply(model *m, const char *given, pb_error *err)
{
    edit_factors f;
    edit_choice c = choice_of(given);
    pb_status status = edit_factors_read(&f, c.path, err);
    if (!status)
        status = check_choice(&c, &f, err);
    if (!status)
        status = edit_factors_fit(&f, &m->decoder.config, c.path, err);
    if (!status)
        status = add_layers(m, &f, &c, err);
    edit_factors_free(&f);
    free(c.path);
    return status;
}
