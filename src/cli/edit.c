/* edit.c: changes what the model knows, says what that did, and keeps it. */
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/methods.h"

static bool is(const char *value, const char *wanted)
{
    return value && strcmp(value, wanted) == 0;
}

/* ---- what is wrong with the line ---- */

/* Options that say what one request is, which a file of them says itself. */
static const char *const one_request[] = {"image",   "question", "constraint", "occurrences", "prefill",
                                          "prompt",  "target",   "rephrase",   "image-order"};

static const char *requests_wrong(const settings *s)
{
    static char text[80];
    if (s->positional.count != 1)
        return "needs a MODEL alone beside --requests, whose rows hold the questions";
    for (size_t i = 0; i < sizeof one_request / sizeof *one_request; i++)
        for (size_t k = 0; k < s->given.count; k++)
            if (strcmp(s->given.items[k], one_request[i]) == 0) {
                snprintf(text, sizeof text, "--requests and --%s exclude each other", one_request[i]);
                return text;
            }
    return NULL;
}

/* What a method has no use for. */
const char *edit_options_wrong(const settings *s)
{
    bool tunes = s->method && !is(s->method, "multedit");
    if (s->has_layer && (s->end_layer || s->each_layer))
        return s->end_layer ? "--layer and --layers exclude each other" : "--layer and --each-layer exclude each other";
    if (!tunes && s->ft_scope)
        return "--ft-scope is of --method ft and ft-constrained";
    if (s->has_epsilon && !is(s->method, "ft-constrained"))
        return "--epsilon is of --method ft-constrained";
    if (tunes && (s->has_weight_decay || s->has_clamp || s->has_lambda))
        return "--weight-decay, --clamp and --lambda are of --method multedit";
    if (tunes && is(s->preset, "official"))
        return "--preset official is of --method multedit";
    if (tunes && s->end_layer > s->first_layer + 1)
        return "--layers is of --method multedit: fine-tuning takes a --layer, or --ft-scope down";
    if (tunes && (s->each_layer || s->key || s->keep))
        return "--each-layer, --key and --keep are of --method multedit";
    if ((s->keep_rows || s->has_keep_lambda) && !s->keep)
        return "--keep-rows and --keep-lambda need --keep, the questions that have the rows";
    if (tunes && s->save_lora)
        return "--save-lora is of --method multedit: what fine-tuning changes is of no low rank; "
               "--save-merged keeps it";
    return NULL;
}

static const char *line_wrong(const settings *s)
{
    const char *wrong = s->requests ? requests_wrong(s) : command_question_wrong(s);
    if (wrong)
        return wrong;
    if (!s->requests && !s->target)
        return "needs a --target, or --requests";
    if (s->each_layer && (s->together || s->save_lora || s->save_merged))
        return "--each-layer compares layers: --together, --save-lora and --save-merged are of one edit";
    return edit_options_wrong(s);
}

/* ---- what is asked for ---- */

static double number(bool given, double value)
{
    return given ? value : NAN;
}

pb_edit_options edit_options(const settings *s, progress *p)
{
    pb_edit_options o = pb_edit_defaults();
    o.method = is(s->method, "ft") ? PB_FT : is(s->method, "ft-constrained") ? PB_FT_CONSTRAINED : PB_MULTEDIT;
    o.ft_scope = is(s->ft_scope, "down") ? PB_FT_DOWN : is(s->ft_scope, "all") ? PB_FT_ALL : PB_FT_MATRIX;
    o.preset = s->preset;
    o.first_layer = s->has_layer ? s->layer : s->first_layer;
    o.end_layer = s->has_layer ? s->layer + 1 : s->end_layer;
    o.steps = s->steps;
    o.lr = number(s->has_lr, s->lr);
    o.weight_decay = number(s->has_weight_decay, s->weight_decay);
    o.clamp = number(s->has_clamp, s->clamp);
    o.lambda = number(s->has_lambda, s->lambda);
    o.epsilon = number(s->has_epsilon, s->epsilon);
    o.key = s->key;
    o.keep_rows = s->keep_rows;
    o.keep_lambda = number(s->has_keep_lambda, s->keep_lambda);
    o.each_layer = s->each_layer;
    o.whole_target = is(s->target_tokens, "all");
    o.together = s->together;
    o.neighbours = s->has_neighbours ? s->neighbours : o.neighbours;
    o.template_name = s->template_name;
    o.run = command_run_options(s, p);
    return o;
}

/* What the line, or the files that it names, ask for. */
typedef struct asked {
    pb_edit_request one;
    pb_question *rephrasings;
    pb_edit_requests *file;
    pb_eval_questions *eval_file, *kept_file;
    const pb_edit_request *requests; /* [count] */
    const pb_eval_question *eval;    /* [eval_count] */
    size_t count, eval_count;
} asked;

/* The line's own request; its rephrasings are about its picture, their answers begun as its is. */
static void ask_one(asked *a, const settings *s)
{
    a->rephrasings = mem_new(s->rephrasings.count, sizeof *a->rephrasings);
    a->one = (pb_edit_request){.question = command_question(s), .target = s->target, .rephrasings = a->rephrasings,
                               .rephrasing_count = s->rephrasings.count};
    for (size_t i = 0; i < s->rephrasings.count; i++)
        a->rephrasings[i] = (pb_question){.image = s->image, .question = s->rephrasings.items[i], .prefill = s->prefill,
                                          .template_name = s->template_name, .image_order = s->image_order};
    a->requests = &a->one;
    a->count = 1;
}

static pb_status ask_all(asked *a, const settings *s, pb_error *err)
{
    *a = (asked){0};
    if (s->eval) {
        TRY(pb_eval_questions_read(&a->eval_file, s->eval, err));
        a->eval = pb_eval_questions_all(a->eval_file, &a->eval_count);
    }
    if (s->keep)
        TRY(pb_eval_questions_read(&a->kept_file, s->keep, err));
    if (!s->requests) {
        ask_one(a, s);
        return PB_OK;
    }
    TRY(pb_edit_requests_read(&a->file, s->requests, err));
    a->requests = pb_edit_requests_all(a->file, &a->count);
    return PB_OK;
}

static void asked_free(asked *a)
{
    free(a->rephrasings);
    pb_edit_requests_free(a->file);
    pb_eval_questions_free(a->eval_file);
    pb_eval_questions_free(a->kept_file);
}

/* ---- where results go ---- */

/* Whether a folder could be made, or written into. Nothing is made before there is something to put in: a run that is
 * stopped leaves nothing. */
static pb_status check_folder(const char *folder, pb_error *err)
{
    char *above = mem_text(folder);
    while (access(above, F_OK) != 0 && errno == ENOENT && strcmp(above, ".") != 0 && strcmp(above, "/") != 0) {
        char *cut = mem_text(dirname(above));
        free(above);
        above = cut;
    }
    pb_status status = PB_OK;
    if (!dir_exists(above))
        status = fail(err, PB_EIO, "%s: the folder cannot be created: %s", folder,
                      strerror(access(above, F_OK) ? errno : ENOTDIR));
    else if (access(above, W_OK | X_OK) != 0)
        status = fail(err, PB_EIO, "%s: the folder cannot be written: %s", folder, strerror(errno));
    free(above);
    return status;
}

/* Whether two paths are one folder; of one that is not there yet, by their names. */
static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return strcmp(a, b) == 0;
}

/* What could be found out when the work is done, too. */
static pb_status check_folders(const settings *s, const char *model, const char *out, pb_error *err)
{
    const char *given[] = {out, s->save_lora, s->save_merged};
    for (size_t i = 0; i < 3; i++) {
        if (!given[i])
            continue;
        if (i == 0 ? same_folder(out, model) : dir_is_inside(given[i], model))
            return fail(err, PB_EINVAL, "%s: is the model's own folder%s: results go elsewhere", given[i],
                        i == 0 ? "" : ", or inside of it");
        TRY(check_folder(given[i], err));
    }
    if (s->save_merged && dir_exists(s->save_merged) && !dir_is_empty(s->save_merged))
        return fail(err, PB_EINVAL, "%s: is not empty, expected a new folder for the checkpoint", s->save_merged);
    if (s->save_merged && out && same_folder(s->save_merged, out))
        return fail(err, PB_EINVAL, "%s: --save-merged needs a folder of its own, apart from --out", out);
    if (s->save_lora && s->save_merged && same_folder(s->save_lora, s->save_merged))
        return fail(err, PB_EINVAL,
                    "%s: --save-merged needs a folder of its own: an adapter beside it would be applied "
                    "once more", s->save_lora);
    return PB_OK;
}

static pb_status check_results(const settings *s, const char *out, pb_error *err)
{
    char *demo = NULL;
    const char *model = s->positional.items[0];
    if (strcmp(model, "demo") == 0)
        TRY(command_demo_folder(&demo, err));
    pb_status status = check_folders(s, demo ? demo : model, out, err);
    free(demo);
    return status;
}

/* ---- the command ---- */

static pb_status save(const pb_edit *edit, const settings *s, const char *out, pb_error *err)
{
    if (s->save_merged)
        TRY(pb_edit_save_merged(edit, s->save_merged, err));
    if (s->save_lora)
        TRY(pb_edit_save_lora(edit, s->save_lora, err));
    return out ? pb_edit_write(edit, out, err) : PB_OK;
}

static void print(const pb_edit *edit, const settings *s, const char *out)
{
    char *text;
    if (s->json)
        pb_edit_json(edit, &text);
    else
        pb_edit_text(edit, &text);
    fputs(text, stdout);
    free(text);
    if (s->json)
        return;
    if (s->save_lora)
        printf("adapter in %s\n", s->save_lora);
    if (s->save_merged)
        printf("edited model in %s\n", s->save_merged);
    printf("see %s/edit.html\n", out);
}

static pb_status edit_and_show(pb_model *model, const asked *a, const settings *s, const char *out, pb_error *err)
{
    progress p;
    pb_edit *edit;
    pb_edit_options options = edit_options(s, &p);
    if (a->kept_file)
        options.keep = pb_eval_questions_all(a->kept_file, &options.keep_count);
    if ((s->save_lora || s->save_merged) && a->count > 1 && !s->together) {
        fail(err, PB_EINVAL, "%s: holds %zu requests, each edited in a model of its own, and only one model can be "
             "saved", s->requests, a->count);
        return fail_hint(err, "give --together to make them all in one model, or a file of one request");
    }
    size_t marked = a->eval_file ? pb_eval_questions_marked(a->eval_file) : 0;
    if (marked && !s->quiet)
        fprintf(stderr, "%s: %zu marked rows are left out\n", s->eval, marked);
    pb_status status = pb_edit_run(&edit, model, a->requests, a->count, a->eval, a->eval_count, &options, err);
    progress_end(&p);
    if (!status)
        status = save(edit, s, out, err);
    if (!status)
        print(edit, s, out);
    pb_edit_free(edit);
    return status;
}

static int run(const settings *s)
{
    pb_error err;
    pb_model *model = NULL;
    asked a = {0};
    const char *out = s->out ? s->out : s->json ? NULL : "patchbay-edit", *wrong = line_wrong(s);
    if (wrong)
        return command_misused("edit", wrong);
    pb_status status = check_results(s, out, &err);
    if (!status)
        status = command_open(&model, s, &err);
    if (!status)
        status = ask_all(&a, s, &err);
    if (!status)
        status = edit_and_show(model, &a, s, out, &err);
    asked_free(&a);
    pb_model_free(model);
    return status ? command_failed("edit", &err) : EXIT_DONE;
}

static const char *const options[] = {QUESTION_OPTIONS, "target", "target-tokens", "rephrase", "requests", "together",
                                      "method", "preset", "layer", "layers", "each-layer", "key", "keep", "keep-rows",
                                      "keep-lambda", "lr", "steps", "weight-decay", "clamp", "lambda", "ft-scope",
                                      "epsilon", "eval", "neighbours", "save-lora", "save-merged", "out", NULL};

const command command_edit = {
    "edit",
    "edit MODEL --image FILE --question TEXT --constraint TEXT --target TEXT",
    "MultEdit and fine-tuning: change an answer, measure what else changed, keep it",
    "patchbay edit demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\" --target Madrid --eval models/demo/questions.jsonl",
    options,
    run,
};
