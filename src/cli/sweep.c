/* sweep.c: a method over a data set, into a results store. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "cli/methods.h"
#include "cli/trace.h"

/* ---- which options are whose ---- */

#define COMMON_OPTIONS                                                                                                 \
    MODEL_OPTIONS, "sweep:method", "store", "limit", "shard", "image-order", "occurrences", "prefill", "template",     \
        "dtype", "threads", "memory", "seed", "quiet", "json"
#define KNOCKOUT_OPTIONS ANSWER_OPTIONS, PAIR_OPTIONS, "together", "window", "radius", "layers", "verify", "naive"
#define FLOW_OPTIONS ANSWER_OPTIONS, PAIR_OPTIONS, "per-head", "per-position", "layers"
#define EDIT_OPTIONS                                                                                                   \
    "target", "target-tokens", "edit-method", "preset", "layer", "layers", "key", "keep", "keep-rows", "keep-lambda",  \
        "lr", "steps", "weight-decay", "clamp", "lambda", "ft-scope", "epsilon", "eval", "neighbours"
#define ASK_OPTIONS "max-tokens", "top"

static const char *const common[] = {COMMON_OPTIONS, NULL};
static const char *const of_trace[] = {TRACE_OPTIONS, "verify", "include-wrong", NULL};
static const char *const of_flow[] = {FLOW_OPTIONS, "include-wrong", NULL};
static const char *const of_knockout[] = {KNOCKOUT_OPTIONS, "include-wrong", NULL};
static const char *const of_edit[] = {EDIT_OPTIONS, NULL};
static const char *const of_ask[] = {ASK_OPTIONS, NULL};

static const char *const of_merge[] = {"merge", "store", "json", "quiet", "help", NULL};

static const struct {
    const char *name;
    pb_sweep_method method;
    const char *const *options;
} methods[] = {
    {"trace", PB_SWEEP_TRACE, of_trace}, {"flow", PB_SWEEP_FLOW, of_flow}, {"knockout", PB_SWEEP_KNOCKOUT, of_knockout},
    {"edit", PB_SWEEP_EDIT, of_edit},    {"ask", PB_SWEEP_ASK, of_ask},
};

static size_t method_number(const settings *s)
{
    size_t i = 0;
    while (strcmp(methods[i].name, s->swept) != 0) /* one of the choices */
        i++;
    return i;
}

/* The first option on the line that the method has no use for. */
static const char *foreign_option(const settings *s)
{
    static char text[120];
    size_t m = method_number(s);
    for (size_t i = 0; i < s->given.count; i++) {
        const char *name = s->given.items[i];
        if (strcmp(name, "help") == 0 || options_hold(common, name) || options_hold(methods[m].options, name))
            continue;
        snprintf(text, sizeof text, "--%s is no option of --method %s", options_typed(name), s->swept);
        return text;
    }
    return NULL;
}

/* ---- what is wrong with the line ---- */

static const char *method_wrong(const settings *s)
{
    const char *wrong = command_pairs_wrong(s);
    wrong = wrong ? wrong : trace_options_wrong(s);
    return wrong ? wrong : edit_options_wrong(s);
}

static const char *merge_wrong(const settings *s)
{
    for (size_t i = 0; i < s->given.count; i++)
        if (!options_hold(of_merge, s->given.items[i]))
            return "--merge puts stores together, it runs nothing: beside it there are --store, --json and --quiet";
    return s->positional.count ? NULL : "--merge needs the stores to be put together";
}

static const char *line_wrong(const settings *s)
{
    if (s->merge)
        return merge_wrong(s);
    if (s->positional.count != 2)
        return "needs a MODEL and a DATASET, a file of questions";
    if (!s->swept)
        return "needs --method: trace, flow, knockout, edit or ask";
    const char *wrong = foreign_option(s);
    return wrong ? wrong : method_wrong(s);
}

/* ---- what is asked for ---- */

/* The files that the options of edits name. */
typedef struct edit_files {
    pb_eval_questions *eval, *keep;
} edit_files;

static pb_status read_files(edit_files *f, const settings *s, pb_sweep_options *o, pb_error *err)
{
    if (s->eval) {
        TRY(pb_eval_questions_read(&f->eval, s->eval, err));
        o->eval = pb_eval_questions_all(f->eval, &o->eval_count);
    }
    if (s->keep) {
        TRY(pb_eval_questions_read(&f->keep, s->keep, err));
        o->edit.keep = pb_eval_questions_all(f->keep, &o->edit.keep_count);
    }
    return PB_OK;
}

static pb_sweep_options sweep_options(const settings *s, const pb_span_pair *pairs, progress *p)
{
    pb_sweep_options o = pb_sweep_defaults();
    o.method = methods[method_number(s)].method;
    o.trace = trace_options(s, p);
    o.flow = flow_options(s, pairs, p);
    o.knockout = knockout_options(s, pairs, p);
    o.edit = edit_options(s, p);
    o.target = s->target;
    o.max_tokens = s->max_tokens;
    o.top = s->top;
    o.template_name = s->template_name;
    o.prefill = s->prefill;
    o.image_order = s->image_order;
    o.all_occurrences = s->occurrences && strcmp(s->occurrences, "all") == 0;
    o.include_wrong = s->include_wrong;
    o.store = s->store ? s->store : "results.db";
    o.limit = s->limit;
    o.shard = s->shard;
    o.shards = s->shards;
    o.run = command_run_options(s, p);
    return o;
}

/* ---- what came of it ---- */

static void print_json(const char *path, const pb_sweep_summary *m)
{
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "schema", "patchbay.sweep/1",
                          "store", path,
                          "questions", (json_int_t)m->questions, "done", (json_int_t)m->done,
                          "pending", (json_int_t)m->pending,
                          "finished", (json_int_t)m->finished, "wrong", (json_int_t)m->wrong,
                          "marked", (json_int_t)m->marked,
                          "failed", (json_int_t)m->failed, "added", (json_int_t)m->added,
                          "interrupted", m->interrupted);
    char *text = json_dumps(o, JSON_INDENT(1));
    printf("%s\n", text);
    free(text);
    json_decref(o);
}

static void print_part(const char **before, size_t n, const char *what)
{
    if (n) {
        printf("%s%zu %s", *before, n, what);
        *before = ", ";
    }
}

static void print_summary(const char *path, const pb_sweep_summary *m)
{
    const char *before = ": ";
    printf("%zu of %zu questions are done, %zu of them now", m->done, m->questions, m->added);
    print_part(&before, m->finished, "with a result");
    print_part(&before, m->wrong, "answered wrongly");
    print_part(&before, m->marked, "marked");
    print_part(&before, m->failed, "failed");
    printf("\nsee %s\n", path);
}

/* Of several processes one says it. */
static void show(const settings *s, const char *path, const pb_sweep_summary *m)
{
    if (m->follower)
        return;
    if (s->json)
        print_json(path, m);
    else
        print_summary(path, m);
}

static pb_status sweep_and_show(pb_model *model, const settings *s, bool *stopped, pb_error *err)
{
    progress p;
    edit_files files = {0};
    pb_sweep_summary summary;
    pb_span_pair *pairs = command_pairs(s);
    pb_sweep_options o = sweep_options(s, pairs, &p);
    pb_status status = read_files(&files, s, &o, err);
    if (!status)
        status = pb_sweep_run(model, s->positional.items[1], &o, &summary, err);
    progress_end(&p);
    if (!status)
        show(s, o.store, &summary);
    *stopped = !status && summary.interrupted;
    if (*stopped && summary.pending)
        fprintf(stderr,
                "patchbay sweep: stopped; the same command goes on from here: %zu questions are still to be done\n",
                summary.pending);
    pb_eval_questions_free(files.eval);
    pb_eval_questions_free(files.keep);
    free(pairs);
    return status;
}

static int merge(const settings *s)
{
    const char *path = s->store ? s->store : "results.db";
    pb_sweep_summary summary;
    pb_error err;
    if (pb_sweep_merge(path, s->positional.items, s->positional.count, &summary, &err))
        return command_failed("sweep", &err);
    show(s, path, &summary);
    return EXIT_DONE;
}

/* A signal ends the program as it would have, once all is said. */
static int run(const settings *s)
{
    pb_error err;
    pb_model *model;
    bool stopped = false;
    const char *wrong = line_wrong(s);
    if (wrong)
        return command_misused("sweep", wrong);
    if (s->merge)
        return merge(s);
    if (command_open(&model, s, &err))
        return command_failed("sweep", &err);
    interrupt_watch();
    pb_status status = sweep_and_show(model, s, &stopped, &err);
    pb_model_free(model);
    fflush(stdout);
    int code = status ? command_failed("sweep", &err) : stopped ? EXIT_FAILED : EXIT_DONE;
    interrupt_release();
    return code;
}

static const char *const options[] = {COMMON_OPTIONS, TRACE_OPTIONS, "verify", "include-wrong", PAIR_OPTIONS,
                                      "per-head", "per-position", "together", EDIT_OPTIONS, ASK_OPTIONS, "merge", NULL};

const command command_sweep = {
    "sweep",
    "sweep MODEL DATASET --method trace|flow|knockout|edit|ask | --merge A.db B.db ...",
    "any of these over a file of questions, into a results store; goes on where it was",
    "patchbay sweep demo models/demo/questions.jsonl --method trace --corrupt image:@other --limit 6",
    options,
    run,
};
