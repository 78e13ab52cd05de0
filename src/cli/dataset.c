/* dataset.c: the commands under `dataset`: files of questions, looked over and counted. */
#include <stdio.h>

#include "cli/command.h"

static const char *one_file(const settings *s)
{
    return s->positional.count == 1 ? NULL : "needs one FILE";
}

int dataset_finish(const char *name, const settings *s, pb_dataset *d, pb_status status, const pb_error *err)
{
    char *text;
    if (status)
        return command_failed(name, err);
    if (s->json)
        pb_dataset_json(d, &text);
    else
        pb_dataset_text(d, &text);
    command_print(text);
    pb_dataset_free(d);
    return EXIT_DONE;
}

/* ---- import ---- */

static const char *new_file_wrong(const settings *s)
{
    return s->out ? one_file(s) : "needs --out FILE.jsonl, the new file";
}

static int run_import(const settings *s)
{
    pb_error err;
    pb_dataset *d = NULL;
    const pb_dataset_import_options options = {.format = s->format, .answers = s->answers, .images = s->images};
    const char *wrong = new_file_wrong(s);
    if (wrong)
        return command_misused("dataset import", wrong);
    pb_status status = pb_dataset_import(&d, s->positional.items[0], &options, s->out, &err);
    return dataset_finish("dataset import", s, d, status, &err);
}

static const char *const import_options[] = {"format", "answers", "images", "out", "json", "quiet", NULL};

static const command command_import = {
    "dataset import",
    "dataset import FILE [--answers FILE] [--images DIR] --out FILE.jsonl",
    "VQA-Constraints, OK-VQA, VQAv2, ROME's facts as JSON lines",
    "patchbay dataset import models/demo/questions.jsonl --out questions.jsonl",
    import_options,
    run_import,
};

/* ---- check ---- */

static const char *check_wrong(const settings *s)
{
    if (!s->model && (s->vision_tower || s->mmproj || s->template_name))
        return "--vision-tower, --mmproj and --template are for --model";
    return one_file(s);
}

/* Like a linter: 0 nothing is wrong, 1 something is, or the file cannot be checked, 2 wrong usage. */
static int run_check(const settings *s)
{
    pb_error err;
    pb_dataset *d = NULL;
    pb_model *model = NULL;
    progress p;
    const char *wrong = check_wrong(s);
    if (wrong)
        return command_misused("dataset check", wrong);
    pb_run_options run = command_run_options(s, &p);
    pb_status status = s->model ? command_open_named(&model, s->model, s, &err) : PB_OK;
    if (!status)
        status = pb_dataset_check(&d, s->positional.items[0], model, s->template_name, &run, &err);
    progress_end(&p);
    bool well = !status && pb_dataset_problems(d) == 0;
    int code = dataset_finish("dataset check", s, d, status, &err);
    pb_model_free(model);
    return code == EXIT_DONE && !well ? EXIT_FAILED : code;
}

static const char *const check_options[] = {"model", "vision-tower", "mmproj", "template", "json", "quiet", NULL};

static const command command_check = {
    "dataset check",
    "dataset check FILE.jsonl [--model MODEL]",
    "open every picture, find every span; exit code 1 where something is wrong",
    "patchbay dataset check models/demo/questions.jsonl --model demo",
    check_options,
    run_check,
};

/* ---- stats ---- */

static int run_stats(const settings *s)
{
    pb_error err;
    pb_dataset *d = NULL;
    const char *wrong = one_file(s);
    if (wrong)
        return command_misused("dataset stats", wrong);
    pb_status status = pb_dataset_stats(&d, s->positional.items[0], &err);
    return dataset_finish("dataset stats", s, d, status, &err);
}

static const char *const stats_options[] = {"json", "quiet", NULL};

static const command command_stats = {
    "dataset stats",
    "dataset stats FILE.jsonl",
    "constraints, answers, duplicates, pictures, subjects of a data set",
    "patchbay dataset stats models/demo/questions.jsonl",
    stats_options,
    run_stats,
};

/* ---- annotate ---- */

static int run_annotate(const settings *s)
{
    pb_error err;
    pb_dataset *d = NULL;
    const char *wrong = new_file_wrong(s);
    if (wrong)
        return command_misused("dataset annotate", wrong);
    pb_status status = pb_dataset_annotate(&d, s->positional.items[0], s->out, &err);
    return dataset_finish("dataset annotate", s, d, status, &err);
}

static const char *const annotate_options[] = {"out", "json", "quiet", NULL};

static const command command_annotate = {
    "dataset annotate",
    "dataset annotate FILE.jsonl --out FILE.jsonl",
    "propose constraints for questions that have none",
    "patchbay dataset annotate models/demo/questions.jsonl --out annotated.jsonl",
    annotate_options,
    run_annotate,
};

/* ---- all of them ---- */

const command *const dataset_commands[] = {&command_import, &command_check, &command_stats, &command_annotate,
                                           &command_dataset_generate, NULL};
