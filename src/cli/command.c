/* command.c: see command.h. */
#include "cli/command.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"

int command_failed(const char *name, const pb_error *err)
{
    fprintf(stderr, "patchbay %s: %s\n", name, err->message);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
    return EXIT_FAILED;
}

int command_misused(const char *name, const char *what)
{
    fprintf(stderr, "patchbay %s: %s\nTry: patchbay %s --help\n", name, what, name);
    return EXIT_USAGE;
}

/* ---- models ---- */

/* PATCHBAY_MODELS, else ../models beside the program (a build folder), else the installed share folder. */
static char *demo_candidate(size_t i)
{
    char program[PATH_MAX];
    const char *chosen = getenv("PATCHBAY_MODELS");
    if (chosen && *chosen)
        return i == 0 ? path_join(chosen, "demo") : NULL;
    if (i == 1)
        return path_join(PATCHBAY_SHARE, "models/demo");
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (i > 1 || n <= 0)
        return NULL;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    *slash = '\0';
    return path_join(program, "../models/demo");
}

pb_status command_demo_folder(char **folder, pb_error *err)
{
    *folder = NULL;
    for (size_t i = 0; i < 2; i++) {
        char *candidate = demo_candidate(i);
        if (candidate && dir_exists(candidate)) {
            *folder = candidate;
            return PB_OK;
        }
        free(candidate);
    }
    fail(err, PB_EIO, "the embedded demo model is neither beside the program nor installed");
    return fail_hint(err, "set PATCHBAY_MODELS to the folder that holds demo/");
}

pb_status command_open(pb_model **model, const settings *s, pb_error *err)
{
    return command_open_named(model, s->positional.items[0], s, err);
}

static void say_widened(const pb_model *model)
{
    bool widened, invariant;
    pb_model_dtype(model, &widened);
    if (widened)
        fprintf(stderr,
                "bf16: no products of it here (%s, this processor): weights are rounded, and multiplied in f32\n",
                pb_library(&invariant));
}

pb_status command_open_named(pb_model **model, const char *name, const settings *s, pb_error *err)
{
    char *folder = NULL;
    const pb_model_options options = {.dtype = s->dtype, .vision_tower = s->vision_tower, .mmproj = s->mmproj,
                                      .edits = s->edits.items, .edit_count = s->edits.count,
                                      .loras = s->loras.items, .lora_count = s->loras.count};
    *model = NULL;
    if (strcmp(name, "demo") == 0)
        TRY(command_demo_folder(&folder, err));
    pb_status status = pb_model_open(model, folder ? folder : name, &options, err);
    free(folder);
    if (!status && !s->quiet)
        say_widened(*model);
    return status;
}

/* ---- questions ---- */

const char *command_question_wrong(const settings *s)
{
    bool asked = s->question || s->positional.count == 2;
    if (s->positional.count < 1 || s->positional.count > 2 || (s->positional.count == 2 && s->question))
        return "needs a MODEL and one QUESTION";
    if (!asked && !s->prompt)
        return "needs a QUESTION (--question), or --prompt";
    if (asked && s->prompt)
        return "--question and --prompt exclude each other";
    return s->prompt && s->template_name ? "--prompt and --template exclude each other" : NULL;
}

pb_question command_question(const settings *s)
{
    const char *question = s->question;
    if (!question && s->positional.count > 1)
        question = s->positional.items[1];
    return (pb_question){
        .image = s->image,
        .question = question,
        .constraints = s->constraints.items,
        .constraint_count = s->constraints.count,
        .all_occurrences = s->occurrences && strcmp(s->occurrences, "all") == 0,
        .prefill = s->prefill,
        .template_name = s->template_name,
        .prompt = s->prompt,
        .image_order = s->image_order,
    };
}

const char *command_answer_wrong(const settings *s)
{
    return s->answer && s->has_answer_id ? "--answer and --answer-id exclude each other" : NULL;
}

pb_answer_choice command_answer(const settings *s)
{
    return (pb_answer_choice){
        .text = s->answer,
        .has_id = s->has_answer_id,
        .id = s->answer_id > INT32_MAX ? INT32_MAX : (int32_t)s->answer_id,
        .whole = s->answer_tokens && strcmp(s->answer_tokens, "all") == 0,
    };
}

const char *command_pairs_wrong(const settings *s)
{
    static char text[96];
    if (s->from.count == s->to.count)
        return NULL;
    snprintf(text, sizeof text, "--from and --to go in pairs, the first with the first: %zu and %zu are given",
             s->from.count, s->to.count);
    return text;
}

pb_span_pair *command_pairs(const settings *s)
{
    pb_span_pair *pairs = mem_new(s->from.count, sizeof *pairs);
    for (size_t i = 0; i < s->from.count; i++)
        pairs[i] = (pb_span_pair){s->from.items[i], s->to.items[i]};
    return pairs;
}

/* ---- progress ---- */

/* "45 s", "12 min", "3 h 20 min" */
typedef struct time_text {
    char text[32];
} time_text;

static time_text time_of(double seconds)
{
    time_text t;
    double minutes = floor(seconds / 60 + 0.5);
    if (seconds < 600)
        snprintf(t.text, sizeof t.text, "%.0f s", seconds);
    else if (minutes < 60)
        snprintf(t.text, sizeof t.text, "%.0f min", minutes);
    else
        snprintf(t.text, sizeof t.text, "%.0f h %.0f min", floor(minutes / 60), fmod(minutes, 60));
    return t;
}

/* A line that is written over on a terminal; elsewhere one every ten seconds. */
static void show_progress(void *context, const char *what, double done, double total)
{
    progress *p = context;
    double time = clock_now();
    if (total <= 0) {
        fprintf(stderr, "%s\n", what);
        return;
    }
    if (!p->what || strcmp(p->what, what) != 0) {
        p->what = what;
        p->began = time;
        p->last = time;
        return;
    }
    if (time - p->last < (p->terminal ? 0.2 : 10) || done <= 0)
        return;
    double rate = done / (time - p->began);
    fprintf(stderr, p->terminal ? "\r%s: %.0f of %.0f, %.3g a second, %s left \033[K"
                                : "%s: %.0f of %.0f, %.3g a second, %s left\n",
            what, done, total, rate, time_of((total - done) / rate).text);
    p->last = time;
}

pb_run_options command_run_options(const settings *s, progress *p)
{
    *p = (progress){.on = !s->quiet, .terminal = isatty(STDERR_FILENO)};
    pb_run_options run = {.threads = s->threads > INT_MAX ? INT_MAX : (int)s->threads, .memory = s->memory,
                          .seed = s->seed};
    if (p->on) {
        run.progress = show_progress;
        run.context = p;
    }
    return run;
}

void progress_end(progress *p)
{
    if (p->on && p->terminal && p->what)
        fprintf(stderr, "\r\033[K");
}

/* ---- results ---- */

pb_status command_out(const char *folder, size_t *made, pb_error *err)
{
    *made = dir_missing(folder);
    pb_status status = dir_create(folder, err);
    if (!status && access(folder, W_OK | X_OK) != 0)
        status = fail(err, PB_EIO, "%s: the folder cannot be written: %s", folder, strerror(errno));
    if (status)
        dir_remove(folder, *made);
    return status;
}

int command_run(const char *name, const settings *s, const char *wrong, const char *otherwise, command_work *work)
{
    pb_error err;
    pb_model *model;
    if (wrong)
        return command_misused(name, wrong);
    if (command_open(&model, s, &err))
        return command_failed(name, &err);
    pb_status status = work(model, s, s->out ? s->out : s->json ? NULL : otherwise, &err);
    pb_model_free(model);
    return status ? command_failed(name, &err) : EXIT_DONE;
}

void command_print(char *text)
{
    fputs(text, stdout);
    free(text);
}
