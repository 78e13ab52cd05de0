/* lens.c: the logit lens at one question's rows. */
#include <stdio.h>

#include "base/file.h"
#include "cli/command.h"

static const char *line_wrong(const settings *s)
{
    const char *wrong = command_question_wrong(s);
    return wrong ? wrong : command_answer_wrong(s);
}

static pb_lens_options lens_options(const settings *s, progress *p)
{
    pb_lens_options o = pb_lens_defaults();
    o.site = s->site;
    o.first_layer = s->first_layer;
    o.end_layer = s->end_layer;
    o.positions = s->positions;
    o.top = s->top;
    o.answer = command_answer(s);
    o.run = command_run_options(s, p);
    return o;
}

static void lens_print(const pb_lens *lens, const settings *s, const char *out)
{
    char *text;
    if (s->json)
        pb_lens_json(lens, &text);
    else
        pb_lens_text(lens, &text);
    command_print(text);
    if (!s->json)
        printf("see %s/lens.html\n", out);
}

static pb_status lens_and_show(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    progress p;
    pb_lens *lens = NULL;
    size_t made = 0;
    pb_question question = command_question(s);
    pb_lens_options options = lens_options(s, &p);
    if (out)
        TRY(command_out(out, &made, err));
    pb_status status = pb_lens_run(&lens, model, &question, &options, err);
    progress_end(&p);
    if (!status && out)
        status = pb_lens_write(lens, out, err);
    if (status && out)
        dir_remove(out, made);
    if (!status)
        lens_print(lens, s, out);
    pb_lens_free(lens);
    return status;
}

static int run(const settings *s)
{
    return command_run("lens", s, line_wrong(s), "patchbay-lens", lens_and_show);
}

static const char *const options[] = {QUESTION_OPTIONS, ANSWER_OPTIONS, "site", "layers", "positions", "top", "out",
                                      NULL};

const command command_lens = {
    "lens",
    "lens MODEL --image FILE --question TEXT",
    "logit lens: what rows inside the decoder would say",
    "patchbay lens demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\"",
    options,
    run,
};
