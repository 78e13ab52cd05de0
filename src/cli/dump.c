/* dump.c: activations of one question as files. */
#include <stdio.h>

#include "base/file.h"
#include "cli/command.h"

#define FOLDER "patchbay-dump"

static pb_dump_options dump_options(const settings *s, progress *p)
{
    pb_dump_options o = pb_dump_defaults();
    o.sites = s->sites;
    o.first_layer = s->first_layer;
    o.end_layer = s->end_layer;
    o.positions = s->positions;
    o.run = command_run_options(s, p);
    return o;
}

static void dump_print(const pb_dump *dump, const settings *s, const char *out)
{
    const char *site;
    size_t shape[3], not_finite;
    for (size_t i = 0; pb_dump_site(dump, i, &site, shape, &not_finite); i++) {
        if (!s->json)
            printf("%s/%s.npy  float32 [%zu layers, %zu rows, %zu]\n", out, site, shape[0], shape[1], shape[2]);
        if (not_finite)
            fprintf(stderr, "patchbay dump: %s: %zu numbers are NaN or infinite; they are in the file as they are\n",
                    site, not_finite);
    }
    if (s->json) {
        char *json;
        pb_dump_json(dump, &json);
        command_print(json);
    } else {
        printf("see %s/dump.json\n", out);
    }
}

/* --json or not, the activations go into files. */
static pb_status dump_and_show(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    out = out ? out : FOLDER;
    progress p;
    pb_dump *dump = NULL;
    size_t made = 0;
    pb_question question = command_question(s);
    pb_dump_options options = dump_options(s, &p);
    TRY(command_out(out, &made, err));
    pb_status status = pb_dump_run(&dump, model, &question, &options, out, err);
    progress_end(&p);
    if (status)
        dir_remove(out, made);
    else
        dump_print(dump, s, out);
    pb_dump_free(dump);
    return status;
}

static int run(const settings *s)
{
    return command_run("dump", s, command_question_wrong(s), FOLDER, dump_and_show);
}

static const char *const options[] = {QUESTION_OPTIONS, "sites", "layers", "positions", "out", NULL};

const command command_dump = {
    "dump",
    "dump MODEL --image FILE --question TEXT --sites LIST",
    "activations of sites and spans as npy files",
    "patchbay dump demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--sites resid_post,mlp_post",
    options,
    run,
};
