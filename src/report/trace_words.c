/* trace_words.c: see trace_words.h. */
#include "report/trace_words.h"

#include <math.h>
#include <string.h>

#include "report/markup.h"

void trace_answer_text(const trace_report *r, buffer *out)
{
    about_answer_text(&r->about, r->trace->answer, r->trace->answer_count, out);
}

void trace_answer_label(const trace_report *r, buffer *out)
{
    about_answer_label(&r->about, r->trace->answer, r->trace->answer_count, out);
}

const char *trace_method_name(const trace *t)
{
    return t->estimates.made ? "Attribution patching" : "Causal trace";
}

const char *trace_site_name(site s)
{
    static const char *const names[SITE_PUT_COUNT] = {
        [SITE_RESID_PRE] = "Block input",
        [SITE_ATTN_OUT] = "Attention output",
        [SITE_MLP_OUT] = "MLP output",
        [SITE_RESID_POST] = "Residual stream",
        [SITE_HEAD_OUT] = "Attention head",
    };
    return names[s];
}

void trace_site_title(const trace *t, site s, buffer *out)
{
    if (t->estimates.made)
        buffer_printf(out, "%s, estimated", trace_site_name(s));
    else
        buffer_printf(out, "%s %s", trace_site_name(s), t->direction == TRACE_DENOISE ? "restored" : "corrupted");
}

void trace_vision_title(const trace *t, const trace_vision *g, buffer *out)
{
    static const char *const names[SITE_COUNT] = {
        [SITE_RESID_PRE] = "Tower block input",
        [SITE_ATTN_OUT] = "Tower attention output",
        [SITE_MLP_OUT] = "Tower MLP output",
        [SITE_RESID_POST] = "Tower residual stream",
    };
    const char *name = g->part == TRACE_PROJECTOR ? "Projector output" : names[g->grid.site];
    buffer_printf(out, "%s %s", name, t->direction == TRACE_DENOISE ? "restored" : "corrupted");
}

void trace_vision_cell(const trace_report *r, const trace_vision *g, size_t cell, buffer *out)
{
    const span *rows = &g->cells[cell];
    if (g->groups)
        text_visible(out, g->groups[cell], strlen(g->groups[cell]));
    else if (g->part == TRACE_PROJECTOR)
        buffer_printf(out, "image row %zu", rows->positions[0] - r->about.prompt->image_first);
    else
        buffer_printf(out, "tower row %zu", rows->positions[0]);
}

void trace_layer_axis(const trace *t, buffer *out)
{
    if (t->window_kind == WINDOW_CENTRED && t->window != 1)
        buffer_printf(out, "layer (centre of a window of %zu)", t->window);
    else if (t->window_kind == WINDOW_RADIUS && t->window != 0)
        buffer_printf(out, "layer (and %zu on either side)", t->window);
    else
        buffer_text(out, "layer");
}

void trace_severed(const trace *t, buffer *out)
{
    bool denoise = t->direction == TRACE_DENOISE,
         windows = t->window_kind == WINDOW_RADIUS ? t->window > 0 : t->window > 1;
    buffer_printf(out, "%s held at its %s values on ", trace_site_name(t->severed_site),
                  denoise ? "corrupted" : "clean");
    text_visible(out, t->severed_name, strlen(t->severed_name));
    buffer_printf(out, ", in all layers after the %s %s", windows ? "window" : "one",
                  denoise ? "restored" : "corrupted");
}

void trace_corruption(const trace_report *r, buffer *out)
{
    const trace *t = r->trace;
    buffer_text(out, "");
    for (size_t i = 0; i < t->corruption_count; i++) {
        const char *spec = t->corruptions[i];
        buffer_text(out, i ? ", " : "");
        text_visible(out, spec, strlen(spec));
    }
    if (t->corrupt_span && (r->about.prompt->constraint_count > 1 || strcmp(t->corrupt_span, "constraint") != 0)) {
        buffer_text(out, " on ");
        text_visible(out, t->corrupt_span, strlen(t->corrupt_span));
    }
}

const double *trace_shown(const trace_grid *g)
{
    return g->estimate ? g->estimate : g->prob;
}

double trace_shown_clean(const trace *t)
{
    return t->estimates.made ? t->clean.logprob : t->clean.prob;
}

double trace_shown_corrupted(const trace *t)
{
    return t->estimates.made ? t->corrupted.logprob : t->corrupted.prob;
}

double trace_recovered(const trace *t, double value)
{
    double clean = trace_shown_clean(t), corrupted = trace_shown_corrupted(t), total = clean - corrupted;
    double effect = t->direction == TRACE_DENOISE ? value - corrupted : clean - value;
    return total != 0 ? effect / total : NAN;
}
