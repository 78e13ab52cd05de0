/* trace.c: MultimodalCausalTrace of one question. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/trace.h"

static bool is(const char *value, const char *wanted)
{
    return value && strcmp(value, wanted) == 0;
}

pb_trace_options trace_options(const settings *s, progress *p)
{
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = s->corruptions.items;
    o.corruption_count = s->corruptions.count;
    o.corrupt_span = s->corrupt_span;
    o.noise_file = s->noise_file;
    o.samples = s->samples;
    o.noise_direction = is(s->direction, "noise");
    o.sites = s->sites;
    o.radius = s->has_radius;
    o.window = s->has_radius ? s->radius : s->window;
    o.first_layer = s->first_layer;
    o.end_layer = s->end_layer;
    o.positions = s->positions;
    o.group = s->group;
    o.blocks = s->blocks;
    o.freeze = s->freeze;
    o.freeze_span = s->freeze_span;
    o.answer = command_answer(s);
    o.foil = s->foil;
    o.verify = s->verify;
    o.naive = s->naive;
    o.run = command_run_options(s, p);
    return o;
}

const char *trace_options_wrong(const settings *s)
{
    if (s->has_window && s->has_radius)
        return "--window and --radius exclude each other";
    if (s->blocks && (s->group || (s->positions && strcmp(s->positions, "image") != 0)))
        return "--blocks are cells of the picture's rows: --group and --positions (other than image) exclude them";
    if (s->freeze && !s->freeze_span)
        return "--freeze needs --freeze-span, the rows that are held";
    if (s->freeze_span && !s->freeze)
        return "--freeze-span needs --freeze mlp or --freeze attn";
    return command_answer_wrong(s);
}

const char *trace_wrong(const settings *s)
{
    const char *wrong = command_question_wrong(s);
    return wrong ? wrong : trace_options_wrong(s);
}

/* A site's highest cell, in words. */
static void print_site(const pb_trace *trace, const char *site)
{
    size_t layers, cells, row, column;
    const double *prob = pb_trace_prob(trace, site, &layers, &cells);
    if (pb_trace_highest(trace, site, &row, &column))
        printf("%-11s highest %.4f, at layer %zu of \"%s\"\n", site, prob[row * cells + column],
               pb_trace_layer(trace, row), pb_trace_cell(trace, column));
}

/* The same of a site on the picture's side. */
static void print_vision_site(const pb_trace *trace, const char *site, const char *brief)
{
    size_t layers, cells, row, column;
    const double *prob = pb_trace_prob(trace, site, &layers, &cells);
    if (!pb_trace_highest(trace, site, &row, &column))
        return;
    printf("%s highest %.4f, at ", brief, prob[row * cells + column]);
    if (layers > 1)
        printf("layer %zu of ", pb_trace_site_layer(trace, site, row));
    printf("\"%s\"\n", pb_trace_site_cell(trace, site, column));
}

/* The heads that do most, a line each. */
static void print_heads(const pb_trace *trace)
{
    enum { SHOWN = 5 };
    size_t row, head, column;
    double prob;
    for (size_t i = 0; i < SHOWN && pb_trace_top_head(trace, i, &row, &head, &column, &prob); i++)
        printf(prob < 0.001 ? "%-11s %s %.1e, layer %zu head %zu of \"%s\"\n"
                            : "%-11s %s %.4f, layer %zu head %zu of \"%s\"\n",
               i ? "" : "head_out", i ? "then     " : "strongest", prob, pb_trace_layer(trace, row), head,
               pb_trace_cell(trace, column));
}

void trace_print_runs(const pb_trace *trace)
{
    double clean, corrupted;
    pb_trace_scores(trace, &clean, &corrupted);
    printf("P(\"%s\"): clean %.4f, corrupted %.2g, which says \"%s\"\n", pb_trace_answer(trace), clean, corrupted,
           pb_trace_corrupted_says(trace));
    if (pb_trace_is_weak(trace))
        printf("weak: the corruption hardly hurts, so there is little to bring back; try another --corrupt\n");
    if (pb_trace_is_primed(trace))
        printf("primed: the corrupted run says the very word that was swapped in; try another --corrupt swap:TEXT\n");
}

static void trace_print(const pb_trace *trace)
{
    static const char *const sites[] = {"attn_out", "mlp_out", "resid_pre", "resid_post"};
    static const char *const vision[][2] = {{"vision.blocks.{l}.hook_attn_out", "vision.attn_out"},
                                            {"vision.blocks.{l}.hook_mlp_out", "vision.mlp_out"},
                                            {"vision.blocks.{l}.hook_resid_pre", "vision.resid_pre"},
                                            {"vision.blocks.{l}.hook_resid_post", "vision.resid_post"},
                                            {"proj.hook_out", "proj.out"}};
    trace_print_runs(trace);
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        print_site(trace, sites[i]);
    for (size_t i = 0; i < sizeof vision / sizeof *vision; i++)
        print_vision_site(trace, vision[i][0], vision[i][1]);
    print_heads(trace);
}

pb_status trace_and_show(pb_model *model, const pb_question *question, const settings *s, const char *out,
                         pb_error *err)
{
    progress p;
    pb_trace *trace = NULL;
    size_t made = 0;
    pb_trace_options options = trace_options(s, &p);
    if (out)
        TRY(command_out(out, &made, err));
    pb_status status = pb_trace_run(&trace, model, question, &options, err);
    progress_end(&p);
    bool row_invariant;
    const char *library = pb_library(&row_invariant);
    if (!status && !row_invariant && !s->quiet)
        fprintf(stderr, "%s: cells equal full forward passes within rounding, not to the bit\n", library);
    if (!status && out)
        status = pb_trace_write(trace, out, err);
    if (status && out)
        dir_remove(out, made);
    if (!status && s->json) {
        char *json;
        pb_trace_json(trace, &json);
        command_print(json);
    } else if (!status) {
        trace_print(trace);
        if (s->freeze)
            printf("severed: %s_out held on \"%s\" in all layers after the cell's\n", s->freeze, s->freeze_span);
        printf("see %s/trace.html\n", out);
    }
    pb_trace_free(trace);
    return status;
}

static pb_status trace_asked(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    pb_question question = command_question(s);
    return trace_and_show(model, &question, s, out, err);
}

static int run(const settings *s)
{
    return command_run("trace", s, trace_wrong(s), "patchbay-trace", trace_asked);
}

static const char *const options[] = {QUESTION_OPTIONS, TRACE_OPTIONS, "verify", "out", NULL};

const command command_trace = {
    "trace",
    "trace MODEL --image FILE --question TEXT --constraint TEXT",
    "MultimodalCausalTrace: which activations bring the answer back",
    "patchbay trace demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\"",
    options,
    run,
};
