/* knockout_words.c: see knockout_words.h. */
#include "report/knockout_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markup.h"

void knockout_curve_name(const knockout *k, size_t which, buffer *out)
{
    const knockout_curve *c = &k->curves[which];
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *pair = &k->pairs.items[c->first_pair + i];
        buffer_text(out, i ? ", " : "");
        text_visible(out, pair->from, strlen(pair->from));
        buffer_text(out, " \u2192 ");
        text_visible(out, pair->to, strlen(pair->to));
    }
}

void knockout_layer_axis(const knockout *k, buffer *out)
{
    if (k->window_kind == WINDOW_CENTRED && k->window != 1)
        buffer_printf(out, "layer (centre of a window of %zu)", k->window);
    else if (k->window_kind == WINDOW_RADIUS && k->window != 0)
        buffer_printf(out, "layer (and %zu on either side)", k->window);
    else
        buffer_text(out, "layer");
}

void knockout_place(const knockout *k, size_t point, buffer *out)
{
    if (k->cut[point][0] == k->cut[point][1])
        buffer_printf(out, "layer %zu", k->cut[point][0]);
    else
        buffer_printf(out, "layers %zu\u2013%zu", k->cut[point][0], k->cut[point][1]);
}

void knockout_change(double relative, buffer *out)
{
    double percent = 100 * relative, size = fabs(percent);
    if (!isfinite(relative))
        buffer_text(out, "not defined");
    else if (size < 0.05)
        buffer_text(out, percent == 0 ? "0 %" : "0.0 %");
    else
        buffer_printf(out, size < 9.95 ? "%s%.1f %%" : "%s%.0f %%", percent < 0 ? "\u2212" : "+", size);
}

size_t knockout_lowest(const knockout *k, size_t which)
{
    const double *prob = k->curves[which].prob;
    size_t lowest = 0;
    for (size_t l = 1; l < k->layer_count; l++)
        if (prob[l] < prob[lowest])
            lowest = l;
    return lowest;
}

/* ---- panels ---- */

#define KEY_EMS 28 /* of a name in the key: many pairs cut together have a long one */

/* "image \u2192 constraint cut in layer 7: p = 0.12, -83 %" */
static char *note_of(const knockout *k, size_t which, size_t point)
{
    buffer note = {0};
    knockout_curve_name(k, which, &note);
    buffer_text(&note, " cut in ");
    knockout_place(k, point, &note);
    buffer_text(&note, ": p = ");
    text_prob(&note, k->curves[which].prob[point]);
    buffer_text(&note, ", ");
    knockout_change(k->curves[which].relative[point], &note);
    return note.data;
}

static char *title_of(const knockout_report *r, const char *what)
{
    buffer title = {0}, answer = {0};
    about_answer_label(&r->about, r->knockout->answer, r->knockout->answer_count, &answer);
    buffer_printf(&title, "%s(", what);
    text_shorten(&title, answer.data, 14);
    buffer_text(&title, ") with edges cut");
    buffer_free(&answer);
    return title.data;
}

void knockout_panels_make(knockout_panels *p, const knockout_report *r)
{
    const knockout *k = r->knockout;
    size_t n = k->curve_count, L = k->layer_count;
    buffer axis = {0}, clean = {0};
    *p = (knockout_panels){.curves = mem_new(2 * n, sizeof *p->curves), .notes = mem_new(n * L, sizeof *p->notes),
                           .note_count = n * L, .curve_count = n};
    for (size_t i = 0; i < n; i++) {
        buffer full = {0}, name = {0};
        for (size_t l = 0; l < L; l++)
            p->notes[i * L + l] = note_of(k, i, l);
        knockout_curve_name(k, i, &full);
        text_shorten(&name, full.data, KEY_EMS);
        buffer_free(&full);
        p->curves[i] = (curve){.name = name.data, .values = k->curves[i].prob,
                               .notes = (const char *const *)(p->notes + i * L), .colour = i};
        p->curves[n + i] = p->curves[i];
        p->curves[n + i].values = k->curves[i].logprob;
    }
    knockout_layer_axis(k, &axis);
    buffer_text(&clean, "nothing cut: ");
    text_prob(&clean, k->clean.prob);
    p->axis = axis.data;
    p->clean = clean.data;
    p->titles[0] = title_of(r, "p");
    p->titles[1] = title_of(r, "log p");
    p->prob = (curve_panel){.title = p->titles[0], .axis = p->axis, .points = L, .first = k->layers[0],
                            .curves = p->curves, .count = n, .key = true, .level = k->clean.prob,
                            .level_name = p->clean};
    p->logprob = p->prob;
    p->logprob.title = p->titles[1];
    p->logprob.curves = p->curves + n;
    p->logprob.level = k->clean.logprob;
    p->logprob.level_name = "nothing cut";
    curve_fit(&p->prob);
    curve_fit(&p->logprob);
}

void knockout_panels_free(knockout_panels *p)
{
    for (size_t i = 0; i < p->note_count; i++)
        free(p->notes[i]);
    for (size_t i = 0; i < p->curve_count; i++) {
        char *name;
        memcpy(&name, &p->curves[i].name, sizeof name);
        free(name);
    }
    free(p->notes);
    free(p->curves);
    free(p->titles[0]);
    free(p->titles[1]);
    free(p->axis);
    free(p->clean);
}
