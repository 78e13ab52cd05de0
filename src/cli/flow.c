/* flow.c: what rows give each other through attention. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/methods.h"

static const char *line_wrong(const settings *s)
{
    const char *wrong = command_question_wrong(s);
    wrong = wrong ? wrong : command_pairs_wrong(s);
    return wrong ? wrong : command_answer_wrong(s);
}

pb_flow_options flow_options(const settings *s, const pb_span_pair *pairs, progress *p)
{
    pb_flow_options o = pb_flow_defaults();
    o.pairs = pairs;
    o.pair_count = s->from.count;
    o.per_head = s->per_head;
    o.per_position = s->per_position;
    o.first_layer = s->first_layer;
    o.end_layer = s->end_layer;
    o.answer = command_answer(s);
    o.run = command_run_options(s, p);
    return o;
}

/* Where a measure of a pair is highest. */
static void print_highest(const pb_flow *flow, size_t i, const char *measure, const char *name)
{
    pb_span_pair pair;
    size_t first, layers, best = 0;
    const double *values = pb_flow_curve(flow, i, measure, &pair, &first, &layers);
    for (size_t l = 1; l < layers; l++)
        if (values[l] > values[best] || isnan(values[best]))
            best = l;
    printf("  %-16s highest %.4g, in layer %zu\n", name, values[best], first + best);
}

static void flow_print(const pb_flow *flow)
{
    double prob;
    pb_span_pair pair;
    size_t first, layers;
    const char *answer = pb_flow_answer(flow, &prob);
    printf("P(\"%s\"): %.4f\n", answer, prob);
    for (size_t i = 0; pb_flow_curve(flow, i, "share", &pair, &first, &layers); i++) {
        printf("%s > %s\n", pair.from, pair.to);
        print_highest(flow, i, "share", "share");
        print_highest(flow, i, "sum_norm", "sum of norms");
        print_highest(flow, i, "relative", "over residual");
    }
}

static pb_status flow_and_show(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    progress p;
    pb_flow *flow = NULL;
    pb_question question = command_question(s);
    pb_span_pair *pairs = command_pairs(s);
    pb_flow_options options = flow_options(s, pairs, &p);
    size_t made = 0;
    pb_status status = out ? command_out(out, &made, err) : PB_OK;
    if (!status)
        status = pb_flow_run(&flow, model, &question, &options, err);
    progress_end(&p);
    if (!status && out)
        status = pb_flow_write(flow, out, err);
    if (status && out)
        dir_remove(out, made);
    if (!status && s->json) {
        char *json;
        pb_flow_json(flow, &json);
        command_print(json);
    } else if (!status) {
        flow_print(flow);
        printf("see %s/flow.html\n", out);
    }
    pb_flow_free(flow);
    free(pairs);
    return status;
}

static int run(const settings *s)
{
    return command_run("flow", s, line_wrong(s), "patchbay-flow", flow_and_show);
}

static const char *const options[] = {QUESTION_OPTIONS, ANSWER_OPTIONS, PAIR_OPTIONS, "per-head", "per-position",
                                      "layers", "out", NULL};

const command command_flow = {
    "flow",
    "flow MODEL --image FILE --question TEXT --constraint TEXT",
    "attention contributions between spans, layer by layer",
    "patchbay flow demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\"",
    options,
    run,
};
