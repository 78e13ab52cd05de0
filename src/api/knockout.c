/* knockout.c: the public functions of knockouts (patchbay.h). */
#include <stdlib.h>

#include "api/parts.h"
#include "base/memory.h"
#include "method/knockout.h"
#include "report/knockout_report.h"

struct pb_knockout {
    model *model;
    question question;
    knockout knockout;
    char *answer_text;
};

pb_knockout_options pb_knockout_defaults(void)
{
    return (pb_knockout_options){0};
}

static knockout_report report_of(const pb_knockout *k)
{
    return (knockout_report){.knockout = &k->knockout, .about = about_of(k->model, &k->question)};
}

pb_status pb_knockout_run(pb_knockout **out, pb_model *pm, const pb_question *asked, const pb_knockout_options *options,
                          pb_error *err)
{
    *out = NULL;
    api_set_threads(&options->run);
    pb_knockout *k = mem_new(1, sizeof *k);
    k->model = pm->m;
    pb_status status = question_open(&k->question, pm->m, asked, err);
    if (!status)
        status = knockout_run_question(&k->knockout, &k->question, options, err);
    if (status) {
        pb_knockout_free(k);
        return status;
    }
    buffer text = {0};
    knockout_report r = report_of(k);
    about_answer_text(&r.about, k->knockout.answer, k->knockout.answer_count, &text);
    k->answer_text = text.data;
    *out = k;
    return PB_OK;
}

void pb_knockout_free(pb_knockout *pk)
{
    if (!pk)
        return;
    knockout_free(&pk->knockout);
    question_free(&pk->question);
    free(pk->answer_text);
    free(pk);
}

pb_status pb_knockout_write(const pb_knockout *pk, const char *directory, pb_error *err)
{
    knockout_report r = report_of(pk);
    return report_knockout_write(&r, directory, err);
}

void pb_knockout_json(const pb_knockout *pk, char **json)
{
    knockout_report r = report_of(pk);
    api_dump(report_knockout_json(&r), json);
}

const char *pb_knockout_answer(const pb_knockout *pk, double *clean)
{
    *clean = pk->knockout.clean.prob;
    return pk->answer_text;
}

const double *pb_knockout_prob(const pb_knockout *pk, size_t curve, const char **name, size_t *layers)
{
    const knockout *k = &pk->knockout;
    *layers = k->layer_count;
    *name = curve < k->curve_count ? k->curves[curve].name : NULL;
    return curve < k->curve_count ? k->curves[curve].prob : NULL;
}

size_t pb_knockout_layer(const pb_knockout *pk, size_t point)
{
    return pk->knockout.layers[point];
}
