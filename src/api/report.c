/* report.c: the public functions of reports of sweeps (patchbay.h). */
#include <stdlib.h>

#include "api/parts.h"
#include "base/file_set.h"
#include "base/memory.h"
#include "report/failure_report.h"
#include "report/sweep_csv.h"
#include "report/sweep_page.h"

struct pb_report {
    store **stores;           /* [count] */
    sweep_summary *summaries; /* [count] */
    failure_report *failures; /* [count] how well wrong answers are foretold */
    size_t count;
    sweep_contrast contrast;
    bool has_contrast;
};

static pb_status read_stores(pb_report *r, const char *const *paths, size_t count, const char *by, pb_error *err)
{
    const sweep_groups groups = {.by = by};
    for (size_t i = 0; i < count; i++) {
        TRY(store_open(&r->stores[i], paths[i], err));
        r->count++;
        TRY(sweep_summarise(&r->summaries[i], r->stores[i], paths[i], &groups, err));
    }
    return sweep_summaries_label(r->summaries, count, err);
}

static pb_status make_contrast(pb_report *r, pb_error *err)
{
    if (r->count != 2)
        return fail(err, PB_EINVAL, "a contrast is of two stores, here are %zu", r->count);
    TRY(sweep_contrast_of(&r->contrast, &r->summaries[0], &r->summaries[1], err));
    r->has_contrast = true;
    return PB_OK;
}

pb_status pb_report_open(pb_report **out, const char *const *stores, size_t count, const pb_report_options *options,
                         pb_error *err)
{
    *out = NULL;
    if (count == 0)
        return fail(err, PB_EINVAL, "a report is of at least one store");
    api_set_threads(&(pb_run_options){.threads = options->threads});
    pb_report *r = mem_new(1, sizeof *r);
    r->stores = mem_new(count, sizeof(store *));
    r->summaries = mem_new(count, sizeof *r->summaries);
    r->failures = mem_new(count, sizeof *r->failures);
    pb_status status = read_stores(r, stores, count, options->by, err);
    if (!status && options->contrast)
        status = make_contrast(r, err);
    for (size_t i = 0; i < count && !status; i++)
        r->failures[i] = failure_of_summary(&r->summaries[i]);
    if (status)
        pb_report_free(r);
    else
        *out = r;
    return status;
}

void pb_report_free(pb_report *r)
{
    if (!r)
        return;
    if (r->has_contrast)
        sweep_contrast_free(&r->contrast);
    for (size_t i = 0; i < r->count; i++) {
        failure_report_free(&r->failures[i]);
        sweep_summary_free(&r->summaries[i]);
        store_close(r->stores[i]);
    }
    free(r->stores);
    free(r->summaries);
    free(r->failures);
    free(r);
}

pb_report_counts pb_report_count(const pb_report *r, size_t i)
{
    const sweep_summary *s = &r->summaries[i];
    return (pb_report_counts){.label = s->label, .method = s->about->method, .questions = s->questions, .done = s->done,
                              .wrong = s->wrong, .marked = s->marked, .failed = s->failed, .pending = s->pending,
                              .subjects = s->subjects};
}

pb_status pb_report_write(const pb_report *r, const char *directory, pb_error *err)
{
    const sweep_contrast *contrast = r->has_contrast ? &r->contrast : NULL;
    file_set set;
    TRY(file_set_open(&set, directory, err));
    pb_status status = sweep_tables_write(r->summaries, r->count, contrast, &set, err);
    if (!status)
        status = failures_write(r->failures, r->summaries, r->count, &set, err);
    if (!status)
        status = sweep_page_write(r->summaries, r->count, r->stores, contrast, r->failures, &set, err);
    return file_set_close(&set, status, err);
}
