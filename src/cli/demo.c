/* demo.c: the embedded model, a question about a picture, its trace. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/trace.h"

static pb_status ask(pb_model *model, const pb_question *question, pb_error *err)
{
    pb_answer *answer;
    TRY(pb_ask(&answer, model, question, 0, 0, NULL, err));
    printf("%s: %s%s\n", path_base(question->image), question->question, pb_answer_text(answer));
    pb_answer_free(answer);
    return PB_OK;
}

/* What the model answers about one flag, and where that answer comes from. */
static pb_status show(pb_model *model, const char *folder, const settings *s, pb_error *err)
{
    static const char *const constraint = "this country";
    static const char *const others[] = {"What is the name of this country?", "Which continent is this country in?"};
    char *picture = path_join(folder, "pictures/pt.png");
    pb_question question = {.image = picture, .constraints = &constraint, .constraint_count = 1};
    pb_status status = PB_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others && !status; i++) {
        question.question = others[i];
        status = ask(model, &question, err);
    }
    question.question = "What is the capital of this country?";
    if (!status)
        status = ask(model, &question, err);
    if (!status) {
        printf("\nWhere does that come from? \"this country\" is swapped for \"Paris\", then put back, "
               "cell by cell:\n");
        status = trace_and_show(model, &question, s, s->out ? s->out : "patchbay-demo", err);
    }
    free(picture);
    return status;
}

static int run(const settings *s)
{
    pb_error err;
    pb_model *model;
    char *folder;
    if (s->positional.count)
        return command_misused("demo", "takes no arguments");
    if (command_demo_folder(&folder, &err))
        return command_failed("demo", &err);
    pb_status status = pb_model_open(&model, folder, NULL, &err);
    if (!status)
        status = show(model, folder, s, &err);
    pb_model_free(model);
    free(folder);
    return status ? command_failed("demo", &err) : EXIT_DONE;
}

static const char *const options[] = {"out", "threads", "quiet", NULL};

const command command_demo = {
    "demo", "demo [--out DIR]", "the embedded model, a traced question, a report", "patchbay demo", options, run,
};
