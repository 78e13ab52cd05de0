/* result.c: a result in the making. See job.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sweep/job.h"

static void *keep(sweep_result *s, void *block)
{
    s->kept = mem_resize(s->kept, s->kept_count + 1, sizeof *s->kept);
    return s->kept[s->kept_count++] = block;
}

static const char *keep_text(sweep_result *s, const char *text)
{
    return keep(s, mem_text(text));
}

/* The text with every path inside of the folder as the data set's rows would name it. free() */
static char *without_folder(const char *text, const char *folder)
{
    buffer out = {0}, prefix = {0};
    buffer_printf(&prefix, "%s/", folder);
    for (const char *next; (next = strstr(text, prefix.data)); text = next + prefix.size)
        buffer_add(&out, text, (size_t)(next - text));
    buffer_text(&out, text);
    buffer_free(&prefix);
    return out.data;
}

static const char *keep_placeless(sweep_result *s, const char *text)
{
    return s->folder ? keep(s, without_folder(text, s->folder)) : keep_text(s, text);
}

static const double *keep_numbers(sweep_result *s, const double *data, size_t count)
{
    double *copy = keep(s, mem_new(count, sizeof *copy));
    if (count)
        memcpy(copy, data, count * sizeof *copy);
    return copy;
}

void sweep_result_free(sweep_result *s)
{
    for (size_t i = 0; i < s->kept_count; i++)
        free(s->kept[i]);
    free(s->kept);
    free(s->values);
    free(s->curves);
    free(s->grids);
    *s = (sweep_result){0};
}

void result_status(sweep_result *s, const char *status, const char *reason)
{
    s->r.status = status;
    s->r.reason = reason ? keep_placeless(s, reason) : NULL;
}

void result_value(sweep_result *s, const char *name, double value)
{
    s->values = mem_resize(s->values, s->r.value_count + 1, sizeof *s->values);
    s->values[s->r.value_count++] = (store_value){keep_text(s, name), value};
    s->r.values = s->values;
}

void result_curve(sweep_result *s, const char *name, const char *class, const double *data, size_t count)
{
    s->curves = mem_resize(s->curves, s->r.curve_count + 1, sizeof *s->curves);
    s->curves[s->r.curve_count++] = (store_curve){.name = keep_text(s, name), .class = keep_text(s, class),
                                                  .data = keep_numbers(s, data, count), .count = count};
    s->r.curves = s->curves;
}

void result_grid(sweep_result *s, const char *name, const size_t *shape, size_t dimensions, const double *data)
{
    size_t count = 1;
    store_grid g = {.name = keep_text(s, name), .dimensions = dimensions};
    for (size_t i = 0; i < dimensions; i++)
        count *= g.shape[i] = shape[i];
    g.data = keep_numbers(s, data, count);
    s->grids = mem_resize(s->grids, s->r.grid_count + 1, sizeof *s->grids);
    s->grids[s->r.grid_count++] = g;
    s->r.grids = s->grids;
}

void result_detail(sweep_result *s, json_t *tree)
{
    static const char *const elsewhere[] = {"model", "cost", "image_areas", "tower_areas"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        json_object_del(tree, elsewhere[i]);
    char *text = json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17));
    s->r.detail = keep_placeless(s, text);
    free(text);
    json_decref(tree);
}
