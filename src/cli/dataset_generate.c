/* dataset_generate.c: `dataset generate`: data sets that are made, not read. */
#include "cli/command.h"

static const char *generate_wrong(const settings *s)
{
    if (s->positional.count != 1)
        return "needs the name of one data set: flagqa";
    return !s->flags ? "needs --flags" : !s->out ? "needs --out" : NULL;
}

static int run_generate(const settings *s)
{
    pb_error err;
    pb_dataset *d = NULL;
    progress p;
    const char *wrong = generate_wrong(s);
    if (wrong)
        return command_misused("dataset generate", wrong);
    pb_run_options run = command_run_options(s, &p);
    pb_status status = pb_dataset_generate(&d, s->positional.items[0], s->flags, s->out, &run, &err);
    progress_end(&p);
    return dataset_finish("dataset generate", s, d, status, &err);
}

static const char *const generate_options[] = {"flags", "out", "seed", "threads", "json", "quiet", NULL};

const command command_dataset_generate = {
    "dataset generate",
    "dataset generate flagqa --flags DIR --out DIR [--seed N]",
    "questions on flags and country facts, with pictures",
    "patchbay dataset generate flagqa --flags /usr/share/iso-flags-png-320x240 --out flagqa",
    generate_options,
    run_generate,
};
