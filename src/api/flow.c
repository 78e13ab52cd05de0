/* flow.c: the public functions of flows (patchbay.h). */
#include <stdlib.h>
#include <string.h>

#include "api/parts.h"
#include "base/memory.h"
#include "method/flow.h"
#include "report/flow_report.h"

struct pb_flow {
    model *model;
    question question;
    flow flow;
    bool per_head, per_position;
    char *answer_text;
};

pb_flow_options pb_flow_defaults(void)
{
    return (pb_flow_options){0};
}

static flow_report report_of(const pb_flow *pf)
{
    return (flow_report){.flow = &pf->flow, .about = about_of(pf->model, &pf->question), .per_head = pf->per_head,
                         .per_position = pf->per_position};
}

pb_status pb_flow_run(pb_flow **out, pb_model *pm, const pb_question *asked, const pb_flow_options *options,
                      pb_error *err)
{
    *out = NULL;
    api_set_threads(&options->run);
    pb_flow *pf = mem_new(1, sizeof *pf);
    *pf = (pb_flow){.model = pm->m, .per_head = options->per_head, .per_position = options->per_position};
    pb_status status = question_open(&pf->question, pm->m, asked, err);
    if (!status)
        status = flow_run_question(&pf->flow, &pf->question, options, err);
    if (status) {
        pb_flow_free(pf);
        return status;
    }
    report_about about = about_of(pm->m, &pf->question);
    buffer text = {0};
    about_answer_text(&about, pf->flow.answer, pf->flow.answer_count, &text);
    pf->answer_text = text.data;
    *out = pf;
    return PB_OK;
}

void pb_flow_free(pb_flow *pf)
{
    if (!pf)
        return;
    flow_free(&pf->flow);
    question_free(&pf->question);
    free(pf->answer_text);
    free(pf);
}

pb_status pb_flow_write(const pb_flow *pf, const char *directory, pb_error *err)
{
    flow_report r = report_of(pf);
    return report_flow_write(&r, directory, err);
}

void pb_flow_json(const pb_flow *pf, char **json)
{
    flow_report r = report_of(pf);
    api_dump(report_flow_json(&r), json);
}

const char *pb_flow_answer(const pb_flow *pf, double *prob)
{
    *prob = pf->flow.clean.prob;
    return pf->answer_text;
}

const double *pb_flow_curve(const pb_flow *pf, size_t i, const char *measure, pb_span_pair *pair, size_t *first_layer,
                            size_t *layers)
{
    const flow *f = &pf->flow;
    if (i >= f->pairs.count)
        return NULL;
    *pair = (pb_span_pair){f->pairs.items[i].from, f->pairs.items[i].to};
    *first_layer = f->layers[0];
    *layers = f->layer_count;
    for (size_t m = 0; m < FLOW_MEASURES; m++)
        if (strcmp(flow_measures[m].name, measure) == 0)
            return flow_values(&flow_measures[m], &f->curves[i]);
    return NULL;
}
