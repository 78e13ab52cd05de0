/* edit_curves.c: see edit_curves.h. */
#include "report/edit_curves.h"

#include <math.h>
#include <stdlib.h>

#include "report/edit_words.h"

typedef double value_fn(const edit_report *r, size_t line, size_t point);

/* One panel: lines over points; requests, each a faint line, and their mean if there are several; or measures. */
typedef struct lines {
    const char *title, *axis;
    size_t points, first, count;
    const char *const *names; /* [count] of measures, each of which has a colour; NULL: requests */
    value_fn *value;
} lines;

/* values[count + 1][points]: the last one is the mean. */
static double *values_of(const edit_report *r, const lines *l)
{
    double *values = mem_new((l->count + 1) * l->points, sizeof *values), *mean = values + l->count * l->points;
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->points; k++) {
            values[i * l->points + k] = l->value(r, i, k);
            mean[k] += values[i * l->points + k] / (double)l->count;
        }
    return values;
}

static void draw(buffer *out, const edit_report *r, const lines *l, bool from_0_to_1, const curve_box *b)
{
    double *values = values_of(r, l);
    curve *curves = mem_new(l->count + 1, sizeof *curves);
    curve_panel p = {.title = l->title, .axis = l->axis, .points = l->points, .first = l->first, .curves = curves,
                     .key = l->names, .to = 1};
    for (size_t i = 0; i < l->count && (l->names || l->count > 1); i++)
        curves[p.count++] = (curve){.name = l->names ? l->names[i] : NULL, .values = values + i * l->points,
                                    .colour = l->names ? i : 0, .faint = !l->names};
    if (!l->names)
        curves[p.count++] = (curve){.values = values + l->count * l->points};
    if (!from_0_to_1)
        curve_fit_decades(&p);
    curve_draw(out, &p, b);
    free(curves);
    free(values);
}

double edit_curves_above(const curve_box *b)
{
    return curve_above(&(curve_panel){0}, b);
}

/* ---- a search ---- */

static double loss_at(const edit_report *r, size_t request, size_t point)
{
    return r->run->found[request].loss[point];
}

/* The last point is what the edit gave. */
static double prob_at(const edit_report *r, size_t request, size_t point)
{
    if (point < r->run->settings.steps)
        return r->run->found[request].prob[point];
    return r->run->measured.results[request].edited.after.prob;
}

/* ---- a sweep ---- */

static const char *const measures[] = {"edited", "said otherwise", "neighbours", "unrelated"};
enum { MEASURES = sizeof measures / sizeof *measures };

/* NaN where nothing was asked. */
static double share_of(const interval *i)
{
    return i->questions ? i->mean : NAN;
}

static double measure_at(const edit_report *r, size_t line, size_t point)
{
    const measure_summary *s = &r->run->layers[point].summary;
    const interval *words = &s->rephrasings.after_right, *pictures = &s->pictures.after_right;
    double questions = (double)(words->questions + pictures->questions);
    switch (line) {
    case 0: return share_of(&s->edited.after_right);
    case 1: return questions > 0 ? (words->mean * (double)words->questions +
                                    pictures->mean * (double)pictures->questions) / questions : NAN;
    case 2: return share_of(&s->neighbourhood.kept);
    default: return share_of(&s->specificity.after);
    }
}

static double outcome_at(const edit_report *r, size_t request, size_t point)
{
    return r->run->layers[point].outcomes[request].prob;
}

/* ---- the two panels ---- */

void edit_left_panel(buffer *out, const edit_report *r, const curve_box *b)
{
    lines search = {r->run->count > 1 ? "loss (of each, and their mean)" : "loss", "steps done", r->run->settings.steps,
                    0, r->run->count, NULL, loss_at};
    if (!edit_is_sweep(r)) {
        draw(out, r, &search, false, b);
        return;
    }
    lines sweep = {"share of answers right, or kept (neighbours)", "layer", r->run->layer_count,
                   r->run->layers[0].layer, MEASURES, measures, measure_at};
    draw(out, r, &sweep, true, b);
}

void edit_right_panel(buffer *out, const edit_report *r, const curve_box *b)
{
    lines l = {r->run->count > 1 ? "p(target) (of each, and their mean)" : "p(target)", "steps done",
               r->run->settings.steps + 1, 0, r->run->count, NULL, prob_at};
    if (edit_is_sweep(r)) {
        l.axis = "layer";
        l.points = r->run->layer_count;
        l.first = r->run->layers[0].layer;
        l.value = outcome_at;
    }
    draw(out, r, &l, true, b);
}
