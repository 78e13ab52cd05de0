/* dataset.c: the public functions of data sets (patchbay.h). */
#include <stdlib.h>
#include <string.h>

#include "api/parts.h"
#include "base/memory.h"
#include "data/annotate.h"
#include "data/check.h"
#include "data/flagqa/flagqa.h"
#include "data/import.h"
#include "data/stats.h"

struct pb_dataset {
    tally tally;
};

/* Hands out what was counted, or, after a failure, frees it. */
static pb_status hand_out(pb_dataset **out, const tally *t, pb_status status)
{
    *out = mem_new(1, sizeof **out);
    (*out)->tally = *t;
    if (status) {
        pb_dataset_free(*out);
        *out = NULL;
    }
    return status;
}

pb_status pb_dataset_import(pb_dataset **out, const char *path, const pb_dataset_import_options *options,
                            const char *to, pb_error *err)
{
    tally t;
    return hand_out(out, &t, import_run(&t, path, options, to, err));
}

pb_status pb_dataset_check(pb_dataset **out, const char *path, pb_model *pm, const char *template_name,
                           const pb_run_options *run, pb_error *err)
{
    static const pb_run_options quiet = {0};
    tally t;
    return hand_out(out, &t, check_run(&t, path, pm ? pm->m : NULL, template_name, run ? run : &quiet, err));
}

pb_status pb_dataset_stats(pb_dataset **out, const char *path, pb_error *err)
{
    tally t;
    return hand_out(out, &t, stats_run(&t, path, err));
}

pb_status pb_dataset_generate(pb_dataset **out, const char *name, const char *flags, const char *folder,
                              const pb_run_options *run, pb_error *err)
{
    static const pb_run_options quiet = {0};
    tally t;
    *out = NULL;
    if (strcmp(name, "flagqa") != 0)
        return fail(err, PB_EINVAL, "there is no data set \"%s\" to generate; known: flagqa", name);
    run = run ? run : &quiet;
    api_set_threads(run);
    flagqa_options options = {flags, folder, run->seed, run->progress, run->context};
    return hand_out(out, &t, flagqa_run(&t, &options, err));
}

pb_status pb_dataset_annotate(pb_dataset **out, const char *path, const char *to, pb_error *err)
{
    tally t;
    return hand_out(out, &t, annotate_run(&t, path, to, err));
}

void pb_dataset_free(pb_dataset *dataset)
{
    if (!dataset)
        return;
    tally_free(&dataset->tally);
    free(dataset);
}

size_t pb_dataset_problems(const pb_dataset *dataset)
{
    return json_array_size(dataset->tally.problems);
}

void pb_dataset_json(const pb_dataset *dataset, char **json)
{
    api_dump(tally_json(&dataset->tally), json);
}

void pb_dataset_text(const pb_dataset *dataset, char **text)
{
    buffer out = {0};
    tally_text(&dataset->tally, &out);
    *text = out.data;
}
