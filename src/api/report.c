/* report.c: the public functions of reports of sweeps (patchbay.h). */
#include <stdlib.h>
#include <string.h>

#include "api/parts.h"
#include "base/file_set.h"
#include "base/memory.h"
#include "report/failure_report.h"
#include "report/html.h"
#include "report/sweep_csv.h"
#include "report/sweep_page.h"

struct pb_report {
    store **stores;          /* [count] */
    sweep_summary *summaries; /* [count] */
    failure_report *failures; /* [count] */
    bool *has_failure;        /* [count] whether the store says how well wrong answers are foretold */
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

/* Of methods whose runs are the plain model's, with its own answers. */
static pb_status foretell(pb_report *r, pb_error *err)
{
    static const char *const plain[] = {"flow", "knockout", "ask"};
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
            if (strcmp(store_of(r->stores[i])->method, plain[k]) == 0)
                TRY(failure_of_store(&r->failures[i], &r->has_failure[i], r->stores[i], err));
    return PB_OK;
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
    r->has_failure = mem_new(count, sizeof *r->has_failure);
    pb_status status = read_stores(r, stores, count, options->by, err);
    if (!status && options->contrast)
        status = make_contrast(r, err);
    if (!status)
        status = foretell(r, err);
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
        sweep_summary_free(&r->summaries[i]);
        failure_report_free(&r->failures[i]);
        store_close(r->stores[i]);
    }
    free(r->stores);
    free(r->summaries);
    free(r->failures);
    free(r->has_failure);
    free(r);
}

pb_report_counts pb_report_count(const pb_report *r, size_t i)
{
    const sweep_summary *s = &r->summaries[i];
    return (pb_report_counts){.label = s->label, .method = s->about->method, .questions = s->questions, .done = s->done,
                              .wrong = s->wrong, .marked = s->marked, .failed = s->failed, .pending = s->pending,
                              .subjects = s->subjects};
}

/* failure.csv and failure_layers.csv of all stores, and a figure of each: failure.svg, failure-2.svg, ... */
static pb_status write_failures(const pb_report *r, const file_set *set, pb_error *err)
{
    buffer scores = {0}, layers = {0};
    size_t figures = 0;
    pb_status status = PB_OK;
    failure_csv_open(r->count, &scores, &layers);
    for (size_t i = 0; i < r->count && !status; i++) {
        buffer figure = {0}, name = {0};
        if (!r->has_failure[i])
            continue;
        failure_csv(&r->failures[i], r->count > 1 ? r->summaries[i].label : NULL, &scores, &layers);
        failure_svg(&r->failures[i], &figure);
        if (++figures == 1)
            buffer_text(&name, "failure.svg");
        else
            buffer_printf(&name, "failure-%zu.svg", figures);
        status = file_set_text(set, name.data, &figure, err);
        buffer_free(&figure);
        buffer_free(&name);
    }
    if (!status && figures)
        status = file_set_text(set, "failure.csv", &scores, err);
    if (!status && figures)
        status = file_set_text(set, "failure_layers.csv", &layers, err);
    buffer_free(&scores);
    buffer_free(&layers);
    return status;
}

static pb_status write_page(const pb_report *r, const file_set *set, pb_error *err)
{
    buffer foretold = {0};
    for (size_t i = 0; i < r->count; i++) {
        if (!r->has_failure[i])
            continue;
        if (r->count > 1) {
            buffer_text(&foretold, "<h2 class=\"of-store\">");
            html_safe(&foretold, r->summaries[i].label);
            buffer_text(&foretold, "</h2>\n");
        }
        failure_section(&r->failures[i], &foretold);
    }
    pb_status status = sweep_page_write(r->summaries, r->count, r->stores, r->has_contrast ? &r->contrast : NULL,
                                        foretold.size ? &foretold : NULL, set, err);
    buffer_free(&foretold);
    return status;
}

pb_status pb_report_write(const pb_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    pb_status status = sweep_tables_write(r->summaries, r->count, r->has_contrast ? &r->contrast : NULL, &set, err);
    if (!status)
        status = write_failures(r, &set, err);
    if (!status)
        status = write_page(r, &set, err);
    return file_set_close(&set, status, err);
}
