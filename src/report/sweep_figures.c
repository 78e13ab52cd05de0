/* sweep_figures.c: which figures a report has, and what they share (sweep_figures.h). */
#include "report/sweep_figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_words.h"

panel_figure *sweep_figure_add(sweep_figures *out, const char *file, size_t number)
{
    out->items = mem_resize(out->items, out->count + 1, sizeof *out->items);
    panel_figure *f = &out->items[out->count++];
    *f = (panel_figure){.columns = 3};
    f->file = number ? panel_text(f, "%s-%zu", file, number + 1) : panel_text(f, "%s", file);
    return f;
}

/* The series' index of that layer; -1: it has none. */
static long index_of(const sweep_series *s, size_t layer)
{
    for (size_t l = 0; l < s->layer_count; l++)
        if (s->layers[l] == layer)
            return (long)l;
    return -1;
}

static char *note_of(panel_figure *f, const interval *i, size_t layer, const char *name)
{
    buffer note = {0};
    buffer_printf(&note, "%s, layer %zu: ", name, layer);
    sweep_interval_words(i, &note);
    return panel_take(f, &note);
}

curve sweep_curve(panel_figure *f, const sweep_series *s, const char *name, size_t colour, size_t first, size_t points)
{
    double *mean = panel_new(f, points, sizeof *mean), *low = panel_new(f, points, sizeof *low),
           *high = panel_new(f, points, sizeof *high);
    const char **notes = panel_new(f, points, sizeof *notes);
    bool bands = false;
    for (size_t k = 0; k < points; k++) {
        long l = index_of(s, first + k);
        const interval *i = l >= 0 && s->at[l].questions ? &s->at[l] : NULL;
        mean[k] = i ? i->mean : NAN;
        low[k] = i && i->subjects > 1 ? i->low : NAN;
        high[k] = i && i->subjects > 1 ? i->high : NAN;
        bands = bands || isfinite(low[k]);
        notes[k] = i ? note_of(f, i, first + k, name) : "";
    }
    return (curve){.name = name, .values = mean, .low = bands ? low : NULL, .high = bands ? high : NULL, .notes = notes,
                   .colour = colour};
}

size_t sweep_first_restored(const sweep_series *s)
{
    size_t l = 0;
    while (s->first_restored && l < s->layer_count && s->first_restored[l])
        l++;
    return l;
}

void sweep_layer_range(const sweep_series *const *series, size_t count, size_t *first, size_t *points)
{
    size_t end = 0;
    *first = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        for (size_t l = 0; l < series[i]->layer_count; l++) {
            size_t layer = series[i]->layers[l];
            *first = layer < *first ? layer : *first;
            end = layer + 1 > end ? layer + 1 : end;
        }
    *points = end > *first ? end - *first : 0;
}

void sweep_figures_make(sweep_figures *out, const sweep_summary *s, size_t count, const sweep_contrast *c)
{
    *out = (sweep_figures){0};
    for (size_t i = 0; i < count; i++)
        if (strcmp(s[i].about->method, "trace") == 0)
            sweep_figures_trace(out, &s[i], i);
    for (size_t i = 0; i < count; i++)
        if (strcmp(s[i].about->method, "trace") != 0)
            sweep_figures_pairs(out, &s[i], i);
    sweep_figures_overlay(out, s, count);
    if (c)
        sweep_figures_contrast(out, c);
    sweep_figures_edits(out, s, count);
    sweep_figures_answers(out, s, count);
}

void sweep_figures_free(sweep_figures *f)
{
    for (size_t i = 0; i < f->count; i++)
        panel_figure_free(&f->items[i]);
    free(f->items);
    *f = (sweep_figures){0};
}
