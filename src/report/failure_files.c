/* failure_files.c: failure prediction of several stores as tables and figures, files beside a report's page
 * (failure_report.h). */
#include "report/csv_text.h"
#include "report/failure_report.h"
#include "report/sweep_csv_parts.h"

/* ---- tables ---- */

static void add_scores(const failure_report *r, const sweep_summary *s, size_t stores, buffer *out)
{
    buffer layers = {0};
    failure_layers_name(r, &layers);
    for (size_t i = 0; i < r->failure.count; i++) {
        const failure_score *x = &r->failure.scores[i];
        csv_text(out, failure_signal_name(x->signal));
        csv_text(out, failure_half_name(x->half));
        csv_text(out, x->relation);
        csv_text(out, x->signal == FAILURE_PROB ? NULL : layers.data);
        csv_count(out, x->auroc.questions);
        csv_count(out, x->right);
        csv_count(out, x->wrong);
        csv_count(out, x->auroc.subjects);
        csv_number(out, x->auroc.mean);
        csv_number(out, x->auroc.low);
        csv_number(out, x->auroc.high);
        csv_text(out, failure_verdict(x));
        sweep_csv_end(out, s, stores);
    }
    buffer_free(&layers);
}

static void add_runs(const failure_report *r, const sweep_summary *s, size_t stores, buffer *out)
{
    for (size_t i = 0; i < r->failure.run_count; i++) {
        buffer name = {0};
        failure_run_name(r, &r->failure.runs[i], &name);
        csv_text(out, name.data);
        csv_number(out, r->failure.runs[i].auroc);
        csv_count(out, (long)i == r->failure.chosen);
        sweep_csv_end(out, s, stores);
        buffer_free(&name);
    }
}

/* ---- files ---- */

/* failure.svg, failure-2.svg, ...; counted from 1 */
static pb_status put_figure(const failure_report *r, size_t number, const file_set *set, pb_error *err)
{
    buffer figure = {0}, name = {0};
    if (number == 1)
        buffer_text(&name, "failure.svg");
    else
        buffer_printf(&name, "failure-%zu.svg", number);
    failure_svg(r, &figure);
    pb_status status = file_set_text(set, name.data, &figure, err);
    buffer_free(&figure);
    buffer_free(&name);
    return status;
}

pb_status failures_write(const failure_report *r, const sweep_summary *s, size_t count, const file_set *set,
                         pb_error *err)
{
    buffer scores = {0}, layers = {0};
    size_t figures = 0;
    pb_status status = PB_OK;
    sweep_csv_open(&scores, "signal,half,relation,layers,questions,right,wrong,subjects,auroc,low,high,verdict", false,
                   count);
    sweep_csv_open(&layers, "layers,auroc,chosen", false, count);
    for (size_t i = 0; i < count && !status; i++) {
        if (!r[i].any)
            continue;
        add_scores(&r[i], &s[i], count, &scores);
        add_runs(&r[i], &s[i], count, &layers);
        status = put_figure(&r[i], ++figures, set, err);
    }
    if (!status && figures)
        status = file_set_text(set, "failure.csv", &scores, err);
    if (!status && figures)
        status = file_set_text(set, "failure_layers.csv", &layers, err);
    buffer_free(&scores);
    buffer_free(&layers);
    return status;
}
