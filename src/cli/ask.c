/* ask.c: the answer to a question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

static void print_answer(const pb_answer *answer)
{
    int32_t id;
    const char *text;
    double prob;
    const char *words = pb_answer_text(answer);
    printf("%s\n\n", words + strspn(words, " ")); /* byte-level tokens bring the space before them along */
    for (size_t i = 0; pb_answer_top(answer, i, &id, &text, &prob); i++)
        printf("%8.4f  %-6d \"%s\"\n", prob, id, text);
}

static int run(const settings *s)
{
    pb_error err;
    pb_model *model;
    pb_answer *answer = NULL;
    progress p;
    pb_run_options run_options = command_run_options(s, &p);
    pb_question question = command_question(s);
    const char *wrong = command_question_wrong(s);
    if (wrong)
        return command_misused("ask", wrong);
    if (command_open(&model, s, &err))
        return command_failed("ask", &err);
    pb_status status = pb_ask(&answer, model, &question, s->max_tokens, s->top, &run_options, &err);
    if (!status && s->json) {
        char *json;
        pb_answer_json(answer, &json);
        fputs(json, stdout);
        free(json);
    } else if (!status) {
        print_answer(answer);
    }
    pb_answer_free(answer);
    pb_model_free(model);
    return status ? command_failed("ask", &err) : EXIT_DONE;
}

static const char *const options[] = {QUESTION_OPTIONS, "max-tokens", "top", NULL};

const command command_ask = {
    "ask",
    "ask MODEL [--image FILE] QUESTION",
    "the answer, and the most likely next tokens",
    "patchbay ask demo --image models/demo/pictures/pt.png \"What is the capital of this country?\"",
    options,
    run,
};
