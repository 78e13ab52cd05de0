/* sweep_rows.c: see sweep_rows.h. */
#include "report/sweep_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "method/subjects.h"

/* ---- groups ---- */

/* "visual", "textual", "textual and visual": the kinds of a row's constraints, each once, ascending;
 * NULL without any. */
static char *kinds_of(const json_t *row)
{
    const json_t *constraints = json_object_get(row, "constraints"), *c;
    const char *kinds[8];
    size_t count = 0, i;
    json_array_foreach(constraints, i, c)
    {
        const char *kind = json_string_value(json_object_get(c, "kind"));
        size_t at = 0;
        while (kind && at < count && strcmp(kinds[at], kind) < 0)
            at++;
        if (!kind || count == 8 || (at < count && strcmp(kinds[at], kind) == 0))
            continue;
        memmove(&kinds[at + 1], &kinds[at], (count - at) * sizeof *kinds);
        kinds[at] = kind;
        count++;
    }
    buffer text = {0};
    for (i = 0; i < count; i++)
        buffer_printf(&text, "%s%s", i ? " and " : "", kinds[i]);
    return text.data;
}

static char *group_of(const char *by, const store_question *q)
{
    if (strcmp(by, "relation") == 0)
        return mem_text(q->relation);
    if (strcmp(by, "source") == 0)
        return mem_text(q->source);
    json_t *row = q->row ? json_loads(q->row, JSON_ALLOW_NUL, NULL) : NULL;
    char *group = strcmp(by, "kind") == 0 ? kinds_of(row) : mem_text(json_string_value(json_object_get(row, by)));
    json_decref(row);
    return group;
}

/* ---- adding ---- */

static void add_row(sweep_rows *r, const store_result *result)
{
    const store_question *q = &result->question;
    sweep_row row = {.done = result->status && strcmp(result->status, STORE_DONE) == 0, .group = SWEEP_NONE,
                     .clean = NAN, .corrupted = NAN, .correct = -1, .subject_name = mem_text(store_subject(q)),
                     .group_name = group_of(r->by, q), .relation = mem_text(q->relation)};
    if (result->status) {
        row.clean = result->clean_prob;
        row.corrupted = result->corrupted_prob;
        row.correct = result->correct;
        row.weak = row.clean - row.corrupted < 0.1;
    }
    r->items = mem_resize(r->items, r->count + 1, sizeof *r->items);
    r->items[r->count++] = row;
}

static bool is_curve(const sweep_curve *c, const char *name, const char *class)
{
    return strcmp(c->name, name) == 0 && strcmp(c->class, class) == 0;
}

/* Questions have their curves in one order, so the next one is mostly that behind the last. */
static sweep_curve *curve_for(sweep_rows *r, const store_curve *from)
{
    for (size_t i = 0; i < r->curve_count; i++) {
        size_t at = (r->next_curve + i) % r->curve_count;
        if (is_curve(&r->curves[at], from->name, from->class)) {
            r->next_curve = at + 1;
            return &r->curves[at];
        }
    }
    r->curves = mem_resize(r->curves, r->curve_count + 1, sizeof *r->curves);
    r->curves[r->curve_count] = (sweep_curve){.name = mem_text(from->name), .class = mem_text(from->class),
                                              .columns = from->count};
    r->next_curve = r->curve_count + 1;
    return &r->curves[r->curve_count++];
}

static pb_status add_curve(sweep_rows *r, const store_result *result, const store_curve *from, pb_error *err)
{
    sweep_curve *c = curve_for(r, from);
    if (c->columns != from->count)
        return fail(err, PB_EFORMAT,
                    "%s: question %s: its curve %s has %zu layers, those of the questions before it have %zu", r->path,
                    result->question.id, from->name, from->count, c->columns);
    if ((c->count & (c->count - 1)) == 0) { /* 0 and powers of 2: room for twice as many */
        size_t room = c->count ? 2 * c->count : 1;
        c->values = mem_resize(c->values, room * c->columns, sizeof *c->values);
        c->row = mem_resize(c->row, room, sizeof *c->row);
    }
    memcpy(c->values + c->count * c->columns, from->data, c->columns * sizeof *c->values);
    c->row[c->count++] = r->count - 1;
    return PB_OK;
}

/* ---- source rows ---- */

static sweep_source_sums *sources_for(sweep_rows *r, const char *pair, size_t layers, size_t rows)
{
    for (size_t i = 0; i < r->source_count; i++)
        if (strcmp(r->sources[i].pair, pair) == 0)
            return &r->sources[i];
    r->sources = mem_resize(r->sources, r->source_count + 1, sizeof *r->sources);
    r->sources[r->source_count] = (sweep_source_sums){.pair = mem_text(pair), .layers = layers, .rows = rows,
                                                      .sum = mem_new(layers * rows, sizeof(double)),
                                                      .strongest = mem_new(layers * rows, sizeof(size_t))};
    return &r->sources[r->source_count++];
}

static size_t largest(const double *x, size_t count)
{
    size_t at = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[at])
            at = i;
    return at;
}

/* A grid "image>constraint/per_position" [layers][sources]; one of another shape than the first question's
 * does not count. */
static void add_sources(sweep_rows *r, const store_grid *g)
{
    static const char ending[] = "/per_position";
    size_t length = strlen(g->name), tail = sizeof ending - 1;
    if (g->dimensions != 2 || length <= tail || strcmp(g->name + length - tail, ending) != 0 || g->shape[1] == 0)
        return;
    char *pair = mem_text_n(g->name, length - tail);
    sweep_source_sums *s = sources_for(r, pair, g->shape[0], g->shape[1]);
    free(pair);
    if (s->layers != g->shape[0] || s->rows != g->shape[1])
        return;
    s->questions++;
    for (size_t l = 0; l < s->layers; l++) {
        const double *row = g->data + l * s->rows;
        for (size_t i = 0; i < s->rows; i++)
            s->sum[l * s->rows + i] += row[i];
        s->strongest[l * s->rows + largest(row, s->rows)]++;
    }
}

pb_status sweep_rows_add(sweep_rows *r, const store_result *result, pb_error *err)
{
    add_row(r, result);
    if (!r->items[r->count - 1].done)
        return PB_OK;
    for (size_t i = 0; i < result->curve_count; i++)
        TRY(add_curve(r, result, &result->curves[i], err));
    for (size_t i = 0; i < result->grid_count; i++)
        add_sources(r, &result->grids[i]);
    return PB_OK;
}

/* ---- numbering ---- */

static void number_subjects(sweep_rows *r)
{
    const char **names = mem_new(r->count, sizeof *names);
    size_t *number = mem_new(r->count, sizeof *number);
    for (size_t i = 0; i < r->count; i++)
        names[i] = r->items[i].subject_name;
    r->subjects = subjects_number(names, r->count, number);
    r->subject_names = mem_new(r->subjects, sizeof *r->subject_names);
    for (size_t i = 0; i < r->count; i++) {
        r->items[i].subject = number[i];
        r->subject_names[number[i]] = r->items[i].subject_name;
    }
    free(names);
    free(number);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_groups(sweep_rows *r)
{
    char **names = mem_new(r->count, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].group_name)
            names[count++] = r->items[i].group_name;
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++)
        if (r->group_count == 0 || strcmp(names[r->group_count - 1], names[i]) != 0)
            names[r->group_count++] = names[i];
    r->group_names = names;
}

static size_t find_group(const sweep_rows *r, const char *name)
{
    char **found = name ? bsearch(&name, r->group_names, r->group_count, sizeof *r->group_names, by_text) : NULL;
    return found ? (size_t)(found - r->group_names) : SWEEP_NONE;
}

pb_status sweep_rows_finish(sweep_rows *r, bool chosen, pb_error *err)
{
    number_subjects(r);
    list_groups(r);
    if (chosen && r->group_count == 0)
        return fail(err, PB_EINVAL, "--by %s: none of the questions has it", r->by);
    if (!chosen && r->group_count == 1)
        r->group_count = 0;
    for (size_t i = 0; i < r->count; i++)
        r->items[i].group = find_group(r, r->items[i].group_name);
    return PB_OK;
}

void sweep_rows_free(sweep_rows *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].subject_name);
        free(r->items[i].group_name);
        free(r->items[i].relation);
    }
    for (size_t i = 0; i < r->curve_count; i++) {
        free(r->curves[i].name);
        free(r->curves[i].class);
        free(r->curves[i].values);
        free(r->curves[i].row);
    }
    for (size_t i = 0; i < r->source_count; i++) {
        free(r->sources[i].pair);
        free(r->sources[i].sum);
        free(r->sources[i].strongest);
    }
    free(r->items);
    free(r->curves);
    free(r->sources);
    free(r->subject_names);
    free(r->group_names);
    *r = (sweep_rows){0};
}

const sweep_curve *sweep_rows_curve(const sweep_rows *r, const char *name, const char *class)
{
    for (size_t i = 0; i < r->curve_count; i++)
        if (is_curve(&r->curves[i], name, class))
            return &r->curves[i];
    return NULL;
}
