/* bench.c: speed against the machine's own limits. */
#include <stdio.h>

#include "cli/command.h"

static void show(const pb_bench *bench, bool json)
{
    char *text;
    if (json)
        pb_bench_json(bench, &text);
    else
        pb_bench_text(bench, &text);
    command_print(text);
}

static pb_status measure(pb_model *model, const settings *s, pb_error *err)
{
    progress p;
    pb_bench *bench;
    pb_run_options run = command_run_options(s, &p);
    pb_status status = pb_bench_run(&bench, model, &run, err);
    progress_end(&p);
    if (status)
        return status;
    show(bench, s->json);
    pb_bench_free(bench);
    return PB_OK;
}

static int run(const settings *s)
{
    pb_error err;
    pb_model *model;
    if (s->positional.count > 1)
        return command_misused("bench", "takes one MODEL, or none: the embedded one");
    if (command_open_named(&model, s->positional.count ? s->positional.items[0] : "demo", s, &err))
        return command_failed("bench", &err);
    pb_status status = measure(model, s, &err);
    pb_model_free(model);
    return status ? command_failed("bench", &err) : EXIT_DONE;
}

static const char *const options[] = {MODEL_OPTIONS, "dtype", "threads", "memory", "seed", "json", "quiet", NULL};

const command command_bench = {
    "bench",
    "bench [MODEL]",
    "speed against what this machine can do: products, reading, an answer, a trace, an edit",
    "patchbay bench demo",
    options,
    run,
};
