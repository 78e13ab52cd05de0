/* lens_words.c: see lens_words.h. */
#include "report/lens_words.h"

#include <math.h>

size_t lens_cell(const lens *n, size_t layer, size_t position)
{
    return layer * n->positions.count + position;
}

bool lens_is_image(const lens_report *r, size_t k)
{
    return prompt_is_image(r->about.prompt, r->lens->positions.positions[k]);
}

bool lens_is_constraint(const lens_report *r, size_t k)
{
    const prompt *p = r->about.prompt;
    bool found = false;
    for (size_t i = 0; i < p->constraint_count && !found; i++)
        found = span_has(&p->constraints[i], r->lens->positions.positions[k]);
    return found;
}

size_t lens_image_count(const lens_report *r)
{
    size_t count = 0;
    for (size_t k = 0; k < r->lens->positions.count; k++)
        count += lens_is_image(r, k);
    return count;
}

void lens_row_label(const lens_report *r, size_t k, buffer *out)
{
    const prompt *p = r->about.prompt;
    size_t at = r->lens->positions.positions[k];
    if (prompt_is_image(p, at))
        buffer_printf(out, "image row %zu", at - p->image_first);
    else
        about_token_label(&r->about, p->ids[at], out);
}

void lens_answer_label(const lens_report *r, buffer *out)
{
    about_token_label(&r->about, r->lens->answer[0], out);
}

const char *lens_site_words(site s)
{
    static const char *const words[SITE_COUNT] = {
        [SITE_RESID_PRE] = "the residual stream before each layer",
        [SITE_ATTN_OUT] = "what attention adds in each layer",
        [SITE_MLP_OUT] = "what the MLP adds in each layer",
        [SITE_RESID_POST] = "the residual stream after each layer",
    };
    return words[s];
}

double *lens_image_values(const lens_report *r)
{
    const lens *n = r->lens;
    const prompt *p = r->about.prompt;
    double *values = mem_new(n->layer_count * p->image_count, sizeof *values);
    for (size_t i = 0; i < n->layer_count * p->image_count; i++)
        values[i] = NAN;
    for (size_t l = 0; l < n->layer_count; l++)
        for (size_t k = 0; k < n->positions.count; k++)
            if (lens_is_image(r, k))
                values[l * p->image_count + n->positions.positions[k] - p->image_first] =
                    n->answer_prob[lens_cell(n, l, k)];
    return values;
}

size_t lens_settles(const lens *n, size_t k)
{
    size_t from = n->layer_count;
    while (from > 0 && n->top_id[lens_cell(n, from - 1, k) * n->top] == n->answer[0])
        from--;
    return from;
}
