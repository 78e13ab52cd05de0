/* command.h: what a command is, and what commands share. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"
#include "patchbay/patchbay.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct command {
    const char *name, *usage, *summary, *example;
    const char *const *options; /* the names it takes, ended by NULL; NULL: the command is not there yet */
    int (*run)(const settings *s);
} command;

extern const command command_info, command_ask, command_trace, command_attribute, command_edit, command_flow,
    command_knockout, command_demo, command_lens, command_dump, command_report, command_sweep, command_bench;

/* The commands under `dataset`, each named "dataset import", "dataset check", ...; ended by NULL. */
extern const command *const dataset_commands[];
extern const command command_dataset_generate;

/* Shows what was counted, or tells what went wrong; returns the exit code. Frees d. */
int dataset_finish(const char *name, const settings *s, pb_dataset *d, pb_status status, const pb_error *err);

/* The options of every command that opens a model. */
#define MODEL_OPTIONS "vision-tower", "mmproj", "edit", "lora"

/* The options of every command that asks a question. */
#define QUESTION_OPTIONS                                                                                               \
    MODEL_OPTIONS, "image", "image-order", "question", "constraint", "occurrences", "prefill", "template", "prompt",   \
        "dtype", "threads", "memory", "seed", "quiet", "json"

/* And of those that follow an answer. */
#define ANSWER_OPTIONS "answer", "answer-id", "answer-tokens"

/* And of those that look between spans. */
#define PAIR_OPTIONS "from", "to"

/* Prints the error to standard error; returns EXIT_FAILED. */
int command_failed(const char *name, const pb_error *err);
/* Prints what is wrong with the line; returns EXIT_USAGE. */
int command_misused(const char *name, const char *what);

/* Opens MODEL, the first positional argument, with what the options say about where its parts lie; `demo` is the
 * embedded model. */
pb_status command_open(pb_model **model, const settings *s, pb_error *err);
/* The same for a model of another name. */
pb_status command_open_named(pb_model **model, const char *name, const settings *s, pb_error *err);
/* The embedded model's folder; free(). */
pb_status command_demo_folder(char **folder, pb_error *err);

/* What is wrong with how the line asks a question; NULL: nothing. */
const char *command_question_wrong(const settings *s);
/* The question that the settings ask. QUESTION may stand second among the positional arguments, or after --question. */
pb_question command_question(const settings *s);

/* What is wrong with how the line names the answer; NULL: nothing. And the answer. */
const char *command_answer_wrong(const settings *s);
pb_answer_choice command_answer(const settings *s);

/* What is wrong with how the line names pairs of spans; NULL: nothing. And the pairs, [s->from.count]: free(). */
const char *command_pairs_wrong(const settings *s);
pb_span_pair *command_pairs(const settings *s);

/* How to run, with progress on standard error unless --quiet. */
typedef struct progress {
    bool on, terminal;
    const char *what;
    double began, last; /* seconds; when this stage began, and when its last line was printed */
} progress;

pb_run_options command_run_options(const settings *s, progress *p);
/* Ends the progress line. */
void progress_end(progress *p);

/* What a command does with an open model; out: the folder that its results go to, or NULL. */
typedef pb_status command_work(pb_model *model, const settings *s, const char *out, pb_error *err);

/* A command that asks one question: opens MODEL, works, tells what went wrong; returns the exit code. wrong: what is
 * wrong with the line, or NULL. Results go to --out, else to `otherwise`, unless --json takes them. */
int command_run(const char *name, const settings *s, const char *wrong, const char *otherwise, command_work *work);

/* Prints a text that the library made, and frees it. */
void command_print(char *text);

/* Creates the folder results go to, before any work is done; *made counts the folders, it and those above it, that were
 * not there: dir_remove takes them away again. */
pb_status command_out(const char *folder, size_t *made, pb_error *err);

#endif
