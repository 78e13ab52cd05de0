/* question_list.c: gathers the questions of a store, one by one (question_list.h); question_pack.c packs them. */
#include "report/question_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/question_pack.h"
#include "report/sweep_words.h"

const char *const question_list_columns[QUESTION_LIST_COLUMNS] = {
    "id", "question", "subject", "relation", "source", "image", "status", "reason",
    "answer", "accepted", "right", "clean", "corrupted", "instead", "values",
};

enum { ID, QUESTION, SUBJECT, RELATION, SOURCE, IMAGE, STATUS, REASON,
       ANSWER, ACCEPTED, RIGHT, CLEAN, CORRUPTED, INSTEAD, VALUES };

void question_list_open(question_list *l, const sweep_summary *of, question_list_kind kind)
{
    *l = (question_list){.of = of, .kind = kind};
}

unsigned question_list_reads(const question_list *l)
{
    return STORE_VALUES | STORE_ROWS | STORE_DETAILS | (l->kind == QUESTION_LIST_CELLS ? STORE_GRIDS : 0);
}

void question_list_free(question_list *l)
{
    for (size_t i = 0; i < QUESTION_LIST_COLUMNS; i++)
        buffer_free(&l->columns[i]);
    for (size_t i = 0; i < l->value_name_count; i++)
        free(l->value_names[i]);
    for (size_t i = 0; i < l->kind_count; i++)
        free(l->kinds[i].json);
    free(l->value_names);
    free(l->kinds);
    free(l->parts);
    free(l->ends);
    buffer_free(&l->values);
    *l = (question_list){0};
}

/* ---- columns ---- */

static buffer *next(question_list *l, size_t column)
{
    buffer_text(&l->columns[column], l->count ? "," : "[");
    return &l->columns[column];
}

/* A text of n bytes, what cannot be seen in it shown; null where there is none. */
static void add_bytes(question_list *l, size_t column, const char *text, size_t n)
{
    buffer *out = next(l, column);
    if (!text) {
        buffer_text(out, "null");
        return;
    }
    buffer visible = {0};
    text_visible(&visible, text, n);
    html_script_text(out, visible.data, visible.size);
    buffer_free(&visible);
}

static void add_text(question_list *l, size_t column, const char *text)
{
    add_bytes(l, column, text, text ? strlen(text) : 0);
}

static void add_number(question_list *l, size_t column, double value)
{
    buffer *out = next(l, column);
    if (isfinite(value))
        buffer_printf(out, "%.4g", value);
    else
        buffer_text(out, "null");
}

static size_t value_index(question_list *l, const char *name)
{
    size_t i = 0;
    while (i < l->value_name_count && strcmp(l->value_names[i], name) != 0)
        i++;
    if (i == l->value_name_count) {
        l->value_names = mem_resize(l->value_names, i + 1, sizeof *l->value_names);
        l->value_names[l->value_name_count++] = mem_text(name);
    }
    return i;
}

/* [name, value, name, value, ...], names by number */
static void add_values(question_list *l, const store_result *r)
{
    buffer *out = next(l, VALUES);
    size_t added = 0;
    buffer_text(out, "[");
    for (size_t i = 0; i < r->value_count; i++)
        if (isfinite(r->values[i].value))
            buffer_printf(out, "%s%zu,%.4g", added++ ? "," : "", value_index(l, r->values[i].name), r->values[i].value);
    buffer_text(out, "]");
}

/* The accepted answers of a row: "Lisbon / Lisboa". */
static void add_accepted(question_list *l, const char *row)
{
    json_t *o = row ? json_loads(row, JSON_ALLOW_NUL, NULL) : NULL, *one;
    buffer all = {0};
    size_t i;
    json_array_foreach(json_object_get(o, "answers"), i, one)
        if (json_is_string(one) && !(all.size && strstr(all.data, json_string_value(one))))
            buffer_printf(&all, "%s%s", all.size ? " / " : "", json_string_value(one));
    add_text(l, ACCEPTED, all.data);
    buffer_free(&all);
    json_decref(o);
}

/* What the corrupted run says: the first of its most likely tokens. */
static const json_t *instead_of(const json_t *detail)
{
    const json_t *top = json_object_get(json_object_get(detail, "corrupted"), "top");
    return json_object_get(json_array_get(top, 0), "text");
}

static void add_columns(question_list *l, const store_result *r, const json_t *detail)
{
    add_text(l, ID, r->question.id);
    add_text(l, QUESTION, r->question.question);
    add_text(l, SUBJECT, r->question.subject);
    add_text(l, RELATION, r->question.relation);
    add_text(l, SOURCE, r->question.source);
    add_text(l, IMAGE, r->question.image);
    add_text(l, STATUS, r->status ? r->status : "pending");
    add_text(l, REASON, r->status ? r->reason : NULL);
    add_text(l, ANSWER, r->status ? r->answer : NULL);
    add_accepted(l, r->question.row);
    add_number(l, RIGHT, r->status && r->correct >= 0 ? (double)r->correct : (double)NAN);
    add_number(l, CLEAN, r->status ? r->clean_prob : NAN);
    add_number(l, CORRUPTED, r->status ? r->corrupted_prob : NAN);
    add_bytes(l, INSTEAD, json_string_value(instead_of(detail)), json_string_length(instead_of(detail)));
    add_values(l, r);
}

/* ---- parts ---- */

static size_t kind_index(question_list *l, buffer *json, size_t size, size_t layers, bool unit)
{
    /* Questions are alike: the next kind is mostly the one behind the last that was asked for. */
    for (size_t i = 0; i < l->kind_count; i++) {
        size_t at = (l->last_kind + 1 + i) % l->kind_count;
        if (strcmp(l->kinds[at].json, json->data) == 0) {
            buffer_free(json);
            return l->last_kind = at;
        }
    }
    l->kinds = mem_resize(l->kinds, l->kind_count + 1, sizeof *l->kinds);
    l->kinds[l->kind_count] = (question_list_part_kind){json->data, size, layers, unit};
    return l->last_kind = l->kind_count++;
}

/* Rows of values: row r, layer l stands at data[r][l * step]. */
typedef struct row_values {
    const double *data;
    size_t step;
} row_values;

/* The range of the rows, widened to what the page can be told; returns whether it lies within 0 and 1. */
static bool range_of(const row_values *rows, size_t count, size_t layers, double *low, double *high)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t r = 0; r < count; r++)
        for (size_t l = 0; l < layers; l++) {
            double value = rows[r].data[l * rows[r].step];
            if (isfinite(value)) {
                least = fmin(least, value);
                most = fmax(most, value);
            }
        }
    if (!(most >= least))
        least = most = 0;
    bool unit = least >= 0 && most <= 1;
    *low = unit ? floor(least * 65535) / 65535 : (double)nextafterf((float)least, -INFINITY);
    *high = unit ? ceil(most * 65535) / 65535 : (double)nextafterf((float)most, INFINITY);
    return unit;
}

static void add_values_of(question_list *l, const row_values *rows, size_t count, size_t layers, double low,
                          double high)
{
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < layers; k++) {
            double value = rows[r].data[k * rows[r].step];
            double share = high > low ? (value - low) / (high - low) : 0;
            unsigned char q = isfinite(value) ? (unsigned char)lround(254 * fmin(1, fmax(0, share))) : 255;
            buffer_add(&l->values, &q, 1);
        }
}

static void add_part(question_list *l, const char *name, size_t first_layer, const row_values *rows, size_t count,
                     size_t layers, const char *names_json, bool needed)
{
    if (l->part_count == l->part_room) {
        l->part_room = l->part_room ? 2 * l->part_room : 64;
        l->parts = mem_resize(l->parts, l->part_room, sizeof *l->parts);
    }
    question_list_part *p = &l->parts[l->part_count++];
    *p = (question_list_part){.first = l->values.size, .needed = needed};
    bool unit = range_of(rows, count, layers, &p->low, &p->high);
    buffer json = {0};
    buffer_text(&json, "[");
    html_script_text(&json, name, strlen(name));
    buffer_printf(&json, ",%zu,%zu,[%s],%d]", first_layer, layers, names_json, unit);
    p->kind = kind_index(l, &json, count * layers, layers, unit);
    add_values_of(l, rows, count, layers, p->low, p->high);
}

/* The first layer that a curve's site (or pair) has: that of its summary. */
static size_t first_layer_of(const question_list *l, const char *name)
{
    size_t n = strcspn(name, "/");
    for (size_t i = 0; i < l->of->series_count; i++) {
        const sweep_series *s = &l->of->series[i];
        if (strncmp(s->name, name, n) == 0 && s->name[n] == '\0' && s->layer_count)
            return s->layers[0];
    }
    return 0;
}

/* ---- curves ---- */

static void name_rows(buffer *out, const store_curve *curves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *title = sweep_class_title(curves[i].class);
        buffer_text(out, i ? "," : "");
        html_script_text(out, title, strlen(title));
    }
    buffer_text(out, "");
}

/* Curves of one name and one length are one part of a trace; elsewhere each measure has a range, so a part,
 * of its own. */
static void add_curves(question_list *l, const store_result *r)
{
    bool of_trace = strcmp(l->of->about->method, "trace") == 0;
    for (size_t i = 0, end; i < r->curve_count; i = end) {
        const store_curve *c = &r->curves[i];
        for (end = i + 1; of_trace && end < r->curve_count && strcmp(r->curves[end].name, c->name) == 0 &&
                          r->curves[end].count == c->count; end++)
            ;
        row_values *rows = mem_new(end - i, sizeof *rows);
        for (size_t k = i; k < end; k++)
            rows[k - i] = (row_values){r->curves[k].data, 1};
        buffer names = {0};
        name_rows(&names, c, end - i);
        bool needed = of_trace ? text_ends(c->name, "/prob") && strncmp(c->name, "head_out:", 9) != 0
                               : strcmp(c->class, "norm_sum") != 0 && strcmp(c->class, "relative") != 0 &&
                                     strcmp(c->class, "logprob") != 0;
        add_part(l, c->name, first_layer_of(l, c->name), rows, end - i, c->count, names.data, needed);
        buffer_free(&names);
        free(rows);
    }
}

/* ---- cells ---- */

/* The token at a position: an entry of detail's "tokens"; image rows share one. */
static const json_t *token_at(const json_t *tokens, size_t position)
{
    size_t i;
    json_t *one;
    json_array_foreach(tokens, i, one)
    {
        size_t first = (size_t)json_number_value(json_object_get(one, "position"));
        const json_t *count = json_object_get(one, "count");
        if (position >= first && position < first + (count ? (size_t)json_number_value(count) : 1))
            return one;
    }
    return NULL;
}

static void name_cell(buffer *out, const json_t *detail, size_t cell, const char *what)
{
    const char *group = json_string_value(json_array_get(json_object_get(detail, "groups"), cell));
    const json_t *position = json_array_get(json_object_get(detail, "positions"), cell);
    const json_t *at = json_is_number(position)
                           ? token_at(json_object_get(detail, "tokens"), (size_t)json_number_value(position))
                           : NULL;
    const json_t *text = json_object_get(at, "text");
    const char *in = json_string_value(json_object_get(at, "span"));
    buffer label = {0};
    if (group)
        text_visible(&label, group, strlen(group));
    else if (json_is_string(text)) /* which may hold a NUL: a token of bytes */
        text_visible(&label, json_string_value(text), json_string_length(text));
    else if (at)
        buffer_printf(&label, "%s row %g", in ? in : "image",
                      json_number_value(position) - json_number_value(json_object_get(at, "position")));
    else
        buffer_printf(&label, "%s %zu", what, cell);
    buffer_text(out, "[");
    html_script_text(out, label.data, label.size);
    buffer_text(out, ",");
    html_script_text(out, !group && in ? in : "", !group && in ? strlen(in) : 0);
    buffer_text(out, "]");
    buffer_free(&label);
}

static void add_cells(question_list *l, const store_result *r, const json_t *detail)
{
    for (size_t i = 0; i < r->grid_count; i++) {
        const store_grid *g = &r->grids[i];
        if (g->dimensions != 2 || !text_ends(g->name, "/prob"))
            continue;
        bool on_picture = strncmp(g->name, "vision.", 7) == 0;
        size_t layers = g->shape[0], cells = g->shape[1];
        row_values *rows = mem_new(cells, sizeof *rows);
        buffer names = {0};
        buffer_text(&names, "");
        for (size_t c = 0; c < cells; c++) {
            rows[c] = (row_values){g->data + c, cells};
            buffer_text(&names, c ? "," : "");
            name_cell(&names, on_picture ? NULL : detail, c, on_picture ? "patch" : "row");
        }
        add_part(l, g->name, first_layer_of(l, g->name), rows, cells, layers, names.data, true);
        buffer_free(&names);
        free(rows);
    }
}

pb_status question_list_see(void *list, const store_result *r, pb_error *err)
{
    question_list *l = list;
    json_t *detail = r->detail ? json_loads(r->detail, JSON_ALLOW_NUL, NULL) : NULL;
    (void)err;
    size_t before = l->part_count;
    add_columns(l, r, detail);
    if (l->kind == QUESTION_LIST_CELLS)
        add_cells(l, r, detail);
    if (l->part_count == before) /* no cells: its curves, if it has some */
        add_curves(l, r);
    if (l->count == l->end_room) {
        l->end_room = l->end_room ? 2 * l->end_room : 256;
        l->ends = mem_resize(l->ends, l->end_room, sizeof *l->ends);
    }
    l->ends[l->count++] = l->part_count;
    json_decref(detail);
    return PB_OK;
}
