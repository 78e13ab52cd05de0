/* aie.c: see aie.h. Cells are first sorted into classes, then each grid is averaged over each class's cells. */
#include "method/aie.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- classes ---- */

typedef struct cell_class {
    char *name;
    size_t *cells; /* [count] columns of the grid, ascending */
    size_t count;
} cell_class;

typedef struct cell_classes {
    cell_class *items;
    size_t count;
} cell_classes;

static cell_class *class_named(cell_classes *classes, const char *name)
{
    for (size_t i = 0; i < classes->count; i++)
        if (strcmp(classes->items[i].name, name) == 0)
            return &classes->items[i];
    classes->items = mem_resize(classes->items, classes->count + 1, sizeof *classes->items);
    classes->items[classes->count] = (cell_class){.name = mem_text(name)};
    return &classes->items[classes->count++];
}

static void add_cell(cell_classes *classes, const char *name, size_t cell)
{
    cell_class *c = class_named(classes, name);
    c->cells = mem_resize(c->cells, c->count + 1, sizeof *c->cells);
    c->cells[c->count++] = cell;
}

static void classes_free(cell_classes *classes)
{
    for (size_t i = 0; i < classes->count; i++) {
        free(classes->items[i].name);
        free(classes->items[i].cells);
    }
    free(classes->items);
}

/* The order of the table of classes, whatever a prompt's own order is. */
static void name_classes(cell_classes *classes)
{
    static const char *const names[] = {"bos", "image", "before", "constraint_first", "constraint_middle",
                                        "constraint_last", "after", "last", "control"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        class_named(classes, names[i]);
}

static void sort_positions(cell_classes *classes, const trace *t, const prompt *p)
{
    span control;
    name_classes(classes);
    if (prompt_span(p, "control", &control, NULL))
        control = (span){0}; /* this prompt has none */
    for (size_t i = 0; i < t->cell_count; i++) {
        size_t position = t->cells[i].positions[0];
        add_cell(classes, prompt_class(p, position), i);
        if (span_has(&control, position))
            add_cell(classes, "control", i);
    }
    span_free(&control);
}

static void sort_groups(cell_classes *classes, const trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        if (t->blocks)
            add_cell(classes, "image", i);
        add_cell(classes, t->groups[i], i);
    }
}

static void sort_tower_rows(cell_classes *classes, const trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++)
        add_cell(classes, t->tower_areas[t->cells[i].positions[0]].kind == AREA_CLASS ? "cls" : "image", i);
}

/* ---- means ---- */

/* values[layers][cells][heads]. The mean is taken from the first cell's value on, so that of equal values it is that value, to the
 * bit: cells that are known without running say what the unpatched run says, and nothing else. */
static double *class_means(const trace *t, const trace_grid *g, const double *values, size_t head, const cell_class *c)
{
    double *means = mem_new(t->layer_count, sizeof *means);
    for (size_t l = 0; l < t->layer_count; l++) {
        const double *row = values + l * t->cell_count * g->heads + head;
        double first = row[c->cells[0] * g->heads], beyond = 0;
        for (size_t i = 1; i < c->count; i++)
            beyond += row[c->cells[i] * g->heads] - first;
        means[l] = first + beyond / (double)c->count;
    }
    return means;
}

static char *curve_name(const char *of, const trace_grid *g, size_t head, const char *measure)
{
    buffer name = {0};
    buffer_text(&name, of);
    if (g->site == SITE_HEAD_OUT)
        buffer_printf(&name, ":%zu", head);
    buffer_printf(&name, "/%s", measure);
    return name.data;
}

static void add_measure(aie *out, const trace *t, const trace_grid *g, const char *of, size_t head, const char *measure,
                        const double *values, const cell_classes *classes)
{
    for (size_t i = 0; values && i < classes->count; i++) {
        const cell_class *c = &classes->items[i];
        if (c->count == 0)
            continue;
        out->curves = mem_resize(out->curves, out->count + 1, sizeof *out->curves);
        out->curves[out->count++] = (aie_curve){.name = curve_name(of, g, head, measure), .class = mem_text(c->name),
                                                .data = class_means(t, g, values, head, c),
                                                .layer_count = t->layer_count};
    }
}

static void add_grid(aie *out, const trace *t, const trace_grid *g, const char *of, const cell_classes *classes)
{
    for (size_t head = 0; head < g->heads; head++) {
        add_measure(out, t, g, of, head, "prob", g->prob, classes);
        add_measure(out, t, g, of, head, "logprob", g->logprob, classes);
        add_measure(out, t, g, of, head, "logit_diff", g->logit_diff, classes);
    }
}

static void add_decoder(aie *out, const trace *t, const prompt *p)
{
    cell_classes classes = {0};
    if (t->groups)
        sort_groups(&classes, t);
    else
        sort_positions(&classes, t, p);
    for (size_t i = 0; i < t->site_count; i++)
        add_grid(out, t, &t->sites[i], site_name(t->sites[i].site), &classes);
    classes_free(&classes);
}

static void add_vision(aie *out, const trace *t, const trace_vision *v, const prompt *p)
{
    trace view = trace_vision_view(t, v);
    cell_classes classes = {0};
    if (view.groups)
        sort_groups(&classes, &view);
    else if (v->part == TRACE_TOWER)
        sort_tower_rows(&classes, &view);
    else
        sort_positions(&classes, &view, p);
    add_grid(out, &view, &v->grid, v->name, &classes);
    classes_free(&classes);
}

void aie_of_trace(aie *out, const trace *t, const prompt *p)
{
    *out = (aie){0};
    add_decoder(out, t, p);
    for (size_t i = 0; i < t->vision_count; i++)
        add_vision(out, t, &t->vision[i], p);
}

void aie_free(aie *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->curves[i].name);
        free(a->curves[i].class);
        free(a->curves[i].data);
    }
    free(a->curves);
    *a = (aie){0};
}
