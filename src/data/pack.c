/* pack.c: see pack.h.
 *
 * First the mark, then the fields in store_result's order. Numbers are 8 bytes, little-endian; a text is its length, or
 * NO_TEXT, and its bytes without the NUL; a list its length and its items. */
#include "data/pack.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const char mark[8] = "pbresult";

#define NO_TEXT UINT64_MAX

/* ---- packing ---- */

static void put_size(buffer *out, uint64_t n)
{
    buffer_add(out, &n, sizeof n);
}

static void put_real(buffer *out, double x)
{
    if (isnan(x))
        x = (double)NAN;
    buffer_add(out, &x, sizeof x);
}

static void put_reals(buffer *out, const double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_real(out, x[i]);
}

static void put_text(buffer *out, const char *text)
{
    put_size(out, text ? strlen(text) : NO_TEXT);
    if (text)
        buffer_text(out, text);
}

static void put_grid(buffer *out, const store_grid *g)
{
    size_t numbers = 1;
    put_text(out, g->name);
    put_size(out, g->dimensions);
    for (size_t i = 0; i < g->dimensions; i++) {
        put_size(out, g->shape[i]);
        numbers *= g->shape[i];
    }
    put_reals(out, g->data, numbers);
}

void result_pack(buffer *out, const store_result *r)
{
    const store_question *q = &r->question;
    const char *const texts[] = {q->id, q->subject, q->source, q->relation, q->question, q->image, q->row,
                                 r->status, r->reason, r->answer, r->detail};
    buffer_add(out, mark, sizeof mark);
    put_size(out, q->number);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put_text(out, texts[i]);
    put_size(out, (uint64_t)(r->correct + 1));
    put_reals(out, (const double[]){r->clean_prob, r->corrupted_prob, r->seconds, r->flop}, 4);
    put_size(out, r->value_count);
    for (size_t i = 0; i < r->value_count; i++) {
        put_text(out, r->values[i].name);
        put_real(out, r->values[i].value);
    }
    put_size(out, r->curve_count);
    for (size_t i = 0; i < r->curve_count; i++) {
        put_text(out, r->curves[i].name);
        put_text(out, r->curves[i].class);
        put_size(out, r->curves[i].count);
        put_reals(out, r->curves[i].data, r->curves[i].count);
    }
    put_size(out, r->grid_count);
    for (size_t i = 0; i < r->grid_count; i++)
        put_grid(out, &r->grids[i]);
}

/* ---- unpacking ---- */

typedef struct unpacking {
    const unsigned char *at;
    size_t left;
    arena *memory;
} unpacking;

static pb_status cut_short(const unpacking *u, pb_error *err)
{
    return fail(err, PB_EFORMAT, "a packed result is damaged: %zu bytes before its end", u->left);
}

static pb_status take(unpacking *u, void *out, size_t n, pb_error *err)
{
    if (n > u->left)
        return cut_short(u, err);
    if (n > 0)
        memcpy(out, u->at, n);
    u->at += n;
    u->left -= n;
    return PB_OK;
}

static pb_status take_size(unpacking *u, size_t *out, pb_error *err)
{
    uint64_t n;
    TRY(take(u, &n, sizeof n, err));
    *out = (size_t)n;
    return PB_OK;
}

/* A list's length; each of its items takes at least `least` of the bytes left. */
static pb_status take_count(unpacking *u, size_t least, size_t *out, pb_error *err)
{
    TRY(take_size(u, out, err));
    return *out <= u->left / least ? PB_OK : cut_short(u, err);
}

static pb_status take_text(unpacking *u, const char **out, pb_error *err)
{
    uint64_t n;
    char *text;
    *out = NULL;
    TRY(take(u, &n, sizeof n, err));
    if (n == NO_TEXT)
        return PB_OK;
    if (n > u->left)
        return cut_short(u, err);
    TRY(arena_try(u->memory, &text, (size_t)n + 1, 1, "a result", err));
    TRY(take(u, text, (size_t)n, err));
    text[n] = '\0';
    *out = text;
    return strlen(text) == n ? PB_OK : cut_short(u, err);
}

/* A text that has to be there. */
static pb_status take_name(unpacking *u, const char **out, pb_error *err)
{
    TRY(take_text(u, out, err));
    return *out ? PB_OK : cut_short(u, err);
}

static pb_status take_reals(unpacking *u, const double **out, size_t count, pb_error *err)
{
    double *data;
    if (count > u->left / sizeof *data)
        return cut_short(u, err);
    TRY(arena_try(u->memory, &data, count + 1, sizeof *data, "a result", err));
    *out = data;
    return take(u, data, count * sizeof *data, err);
}

static pb_status take_values(unpacking *u, store_result *r, pb_error *err)
{
    store_value *list;
    TRY(take_count(u, 16, &r->value_count, err));
    TRY(arena_try(u->memory, &list, r->value_count + 1, sizeof *list, "a result", err));
    for (size_t i = 0; i < r->value_count; i++) {
        TRY(take_name(u, &list[i].name, err));
        TRY(take(u, &list[i].value, sizeof list[i].value, err));
    }
    r->values = list;
    return PB_OK;
}

static pb_status take_curves(unpacking *u, store_result *r, pb_error *err)
{
    store_curve *list;
    TRY(take_count(u, 24, &r->curve_count, err));
    TRY(arena_try(u->memory, &list, r->curve_count + 1, sizeof *list, "a result", err));
    for (size_t i = 0; i < r->curve_count; i++) {
        TRY(take_name(u, &list[i].name, err));
        TRY(take_name(u, &list[i].class, err));
        TRY(take_size(u, &list[i].count, err));
        TRY(take_reals(u, &list[i].data, list[i].count, err));
    }
    r->curves = list;
    return PB_OK;
}

static pb_status take_grid(unpacking *u, store_grid *g, pb_error *err)
{
    size_t numbers = 1;
    *g = (store_grid){0};
    TRY(take_name(u, &g->name, err));
    TRY(take_size(u, &g->dimensions, err));
    if (g->dimensions > sizeof g->shape / sizeof *g->shape)
        return cut_short(u, err);
    for (size_t i = 0; i < g->dimensions; i++) {
        TRY(take_size(u, &g->shape[i], err));
        if (!size_mul(numbers, g->shape[i], &numbers))
            return cut_short(u, err);
    }
    return take_reals(u, &g->data, numbers, err);
}

static pb_status take_grids(unpacking *u, store_result *r, pb_error *err)
{
    store_grid *list;
    TRY(take_count(u, 16, &r->grid_count, err));
    TRY(arena_try(u->memory, &list, r->grid_count + 1, sizeof *list, "a result", err));
    for (size_t i = 0; i < r->grid_count; i++)
        TRY(take_grid(u, &list[i], err));
    r->grids = list;
    return PB_OK;
}

static pb_status take_result(unpacking *u, store_result *r, pb_error *err)
{
    store_question *q = &r->question;
    const char **const texts[] = {&q->id, &q->subject, &q->source, &q->relation, &q->question, &q->image, &q->row,
                                  &r->status, &r->reason, &r->answer, &r->detail};
    double *const reals[] = {&r->clean_prob, &r->corrupted_prob, &r->seconds, &r->flop};
    char found[sizeof mark];
    size_t correct;
    TRY(take(u, found, sizeof found, err));
    if (memcmp(found, mark, sizeof mark) != 0)
        return fail(err, PB_EFORMAT, "a packed result begins with \"%s\"", shown_bytes(found, sizeof found).text);
    TRY(take_size(u, &q->number, err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(take_text(u, texts[i], err));
    TRY(take_size(u, &correct, err));
    if (correct > 2)
        return cut_short(u, err);
    r->correct = (int)correct - 1;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        TRY(take(u, reals[i], sizeof *reals[i], err));
    TRY(take_values(u, r, err));
    TRY(take_curves(u, r, err));
    TRY(take_grids(u, r, err));
    return u->left == 0 ? PB_OK : cut_short(u, err);
}

pb_status result_unpack(packed_result *out, const void *bytes, size_t size, pb_error *err)
{
    *out = (packed_result){0};
    unpacking u = {.at = bytes, .left = size, .memory = &out->memory};
    pb_status status = take_result(&u, &out->result, err);
    if (status)
        packed_result_free(out);
    return status;
}

void packed_result_free(packed_result *r)
{
    arena_free(&r->memory);
    *r = (packed_result){0};
}
