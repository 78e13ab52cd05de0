/* lens.c: the public functions of lenses (patchbay.h). */
#include <stdlib.h>

#include "api/parts.h"
#include "base/memory.h"
#include "report/lens_report.h"

struct pb_lens {
    model *model;
    question question;
    lens lens;
};

pb_lens_options pb_lens_defaults(void)
{
    return (pb_lens_options){0};
}

pb_status pb_lens_run(pb_lens **out, pb_model *pm, const pb_question *asked, const pb_lens_options *options,
                      pb_error *err)
{
    *out = NULL;
    api_set_threads(&options->run);
    pb_lens *n = mem_new(1, sizeof *n);
    n->model = pm->m;
    pb_status status = question_open(&n->question, pm->m, asked, err);
    if (!status)
        status = lens_run_question(&n->lens, &n->question, options, err);
    if (status) {
        pb_lens_free(n);
        return status;
    }
    *out = n;
    return PB_OK;
}

void pb_lens_free(pb_lens *pn)
{
    if (!pn)
        return;
    lens_free(&pn->lens);
    question_free(&pn->question);
    free(pn);
}

static lens_report report_of(const pb_lens *pn)
{
    return (lens_report){.lens = &pn->lens, .about = about_of(pn->model, &pn->question)};
}

pb_status pb_lens_write(const pb_lens *pn, const char *directory, pb_error *err)
{
    lens_report r = report_of(pn);
    return report_lens_write(&r, directory, err);
}

void pb_lens_json(const pb_lens *pn, char **json)
{
    lens_report r = report_of(pn);
    api_dump(report_lens_json(&r), json);
}

void pb_lens_text(const pb_lens *pn, char **text)
{
    lens_report r = report_of(pn);
    buffer out = {0};
    report_lens_text(&r, &out);
    *text = out.data;
}

void pb_lens_size(const pb_lens *pn, size_t *layers, size_t *positions)
{
    *layers = pn->lens.layer_count;
    *positions = pn->lens.positions.count;
}

size_t pb_lens_layer(const pb_lens *pn, size_t i)
{
    return pn->lens.layers[i];
}

size_t pb_lens_position(const pb_lens *pn, size_t k)
{
    return pn->lens.positions.positions[k];
}

const double *pb_lens_answer_prob(const pb_lens *pn)
{
    return pn->lens.answer_prob;
}

bool pb_lens_top(const pb_lens *pn, size_t layer, size_t position, size_t i, int32_t *id, double *prob)
{
    const lens *n = &pn->lens;
    if (i >= n->top || layer >= n->layer_count || position >= n->positions.count)
        return false;
    size_t at = (layer * n->positions.count + position) * n->top + i;
    *id = n->top_id[at];
    *prob = n->top_prob[at];
    return true;
}
