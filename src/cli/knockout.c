/* knockout.c: attention edges cut, layer by layer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/methods.h"

static const char *line_wrong(const settings *s)
{
    const char *wrong = command_question_wrong(s);
    wrong = wrong ? wrong : command_pairs_wrong(s);
    wrong = wrong ? wrong : command_answer_wrong(s);
    if (!wrong && s->has_window && s->has_radius)
        wrong = "--window and --radius exclude each other";
    return wrong;
}

pb_knockout_options knockout_options(const settings *s, const pb_span_pair *pairs, progress *p)
{
    pb_knockout_options o = pb_knockout_defaults();
    o.pairs = pairs;
    o.pair_count = s->from.count;
    o.together = s->together;
    o.radius = s->has_radius;
    o.window = s->has_radius ? s->radius : s->window;
    o.first_layer = s->first_layer;
    o.end_layer = s->end_layer;
    o.answer = command_answer(s);
    o.verify = s->verify;
    o.naive = s->naive;
    o.run = command_run_options(s, p);
    return o;
}

/* Where each curve is lowest. */
static void knockout_print(const pb_knockout *knockout)
{
    double clean;
    const char *name;
    size_t layers;
    const char *answer = pb_knockout_answer(knockout, &clean);
    printf("P(\"%s\"): %.4f with nothing cut\n", answer, clean);
    for (size_t i = 0; pb_knockout_prob(knockout, i, &name, &layers); i++) {
        const double *prob = pb_knockout_prob(knockout, i, &name, &layers);
        size_t lowest = 0;
        for (size_t l = 1; l < layers; l++)
            lowest = prob[l] < prob[lowest] ? l : lowest;
        printf("%-24s lowest %.4f, cut at layer %zu\n", name, prob[lowest], pb_knockout_layer(knockout, lowest));
    }
}

static pb_status knockout_and_show(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    progress p;
    pb_knockout *knockout = NULL;
    pb_question question = command_question(s);
    pb_span_pair *pairs = command_pairs(s);
    pb_knockout_options options = knockout_options(s, pairs, &p);
    size_t made = 0;
    pb_status status = out ? command_out(out, &made, err) : PB_OK;
    if (!status)
        status = pb_knockout_run(&knockout, model, &question, &options, err);
    progress_end(&p);
    if (!status && out)
        status = pb_knockout_write(knockout, out, err);
    if (status && out)
        dir_remove(out, made);
    if (!status && s->json) {
        char *json;
        pb_knockout_json(knockout, &json);
        command_print(json);
    } else if (!status) {
        knockout_print(knockout);
        printf("see %s/knockout.html\n", out);
    }
    pb_knockout_free(knockout);
    free(pairs);
    return status;
}

static int run(const settings *s)
{
    return command_run("knockout", s, line_wrong(s), "patchbay-knockout", knockout_and_show);
}

static const char *const options[] = {QUESTION_OPTIONS, ANSWER_OPTIONS, PAIR_OPTIONS, "together", "window", "radius",
                                      "layers", "verify", "naive", "out", NULL};

const command command_knockout = {
    "knockout",
    "knockout MODEL --image FILE --question TEXT --constraint TEXT",
    "attention edges between spans cut, layer by layer",
    "patchbay knockout demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\"",
    options,
    run,
};
