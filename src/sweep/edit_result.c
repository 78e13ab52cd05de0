/* edit_result.c: what a sweep keeps of an edit: its metrics as values, and what edit.json says (edit_parts.h). */
#include <math.h>

#include "base/memory.h"
#include "report/edit_report.h"
#include "sweep/edit_parts.h"

/* ---- metrics ---- */

static double mean_of(const measured_list *list, double (*value)(const measured *))
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        double v = value(&list->items[i]);
        sum += isnan(v) ? 0 : v;
        n += isnan(v) ? 0 : 1;
    }
    return n ? sum / (double)n : NAN;
}

static double before_prob(const measured *m) { return m->before.prob; }
static double after_prob(const measured *m) { return m->after.prob; }
static double before_right(const measured *m) { return m->before.right; }
static double after_right(const measured *m) { return m->after.right; }
static double gained(const measured *m) { return !m->before.right && m->after.right; }
static double lost(const measured *m) { return m->before.right && !m->after.right; }
static double is_kept(const measured *m) { return m->kept; }
static double change(const measured *m) { return m->after.prob - m->before.prob; }
static double cosine(const measured *m) { return m->key_cosine; }
static double divergence(const measured *m) { return m->kl; }

/* "rephrasings", how many; "rephrasings_prob", ... */
static void keep_success(sweep_result *out, const char *of, const measured_list *list)
{
    static const struct {
        const char *name;
        double (*value)(const measured *);
    } values[] = {{"before_prob", before_prob},
                  {"prob", after_prob},
                  {"before_exact", before_right},
                  {"exact", after_right}};
    if (list->count == 0)
        return;
    result_value(out, of, (double)list->count);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        buffer name = {0};
        buffer_printf(&name, "%s_%s", of, values[i].name);
        result_value(out, name.data, mean_of(list, values[i].value));
        buffer_free(&name);
    }
}

static void keep_neighbours(sweep_result *out, const measured_list *list)
{
    if (list->count == 0)
        return;
    result_value(out, "neighbours", (double)list->count);
    result_value(out, "neighbours_kept", mean_of(list, is_kept));
    result_value(out, "neighbours_change", mean_of(list, change));
    result_value(out, "key_cosine", mean_of(list, cosine));
}

static void keep_specificity(sweep_result *out, const measured_list *list)
{
    double n = (double)list->count;
    if (list->count == 0)
        return;
    result_value(out, "specificity", n);
    result_value(out, "specificity_before", mean_of(list, before_right));
    result_value(out, "specificity_after", mean_of(list, after_right));
    result_value(out, "specificity_gained", mean_of(list, gained) * n);
    result_value(out, "specificity_lost", mean_of(list, lost) * n);
    result_value(out, "specificity_kl", mean_of(list, divergence));
}

static void keep_metrics(sweep_result *out, const edit_run_result *r)
{
    const measure_result *m = &r->measured.results[0];
    result_value(out, "before_prob", m->edited.before.prob);
    result_value(out, "after_prob", m->edited.after.prob);
    result_value(out, "before_exact", m->edited.before.right);
    result_value(out, "after_exact", m->edited.after.right);
    result_value(out, "delta_norm", r->found[0].delta_norm);
    keep_success(out, "rephrasings", &m->rephrasings);
    keep_success(out, "pictures", &m->pictures);
    keep_neighbours(out, &m->neighbours);
    keep_specificity(out, &m->evaluation);
}

/* ---- the result ---- */

/* edit.json, without the evaluation questions one by one. */
static json_t *detail_of(const sweep_job *j, const edit_run_result *r)
{
    const char *preset = j->options.edit.preset ? j->options.edit.preset : "default";
    const edit_report report = {.about = about_of(j->model, NULL), .preset = preset, .run = r};
    json_t *o = report_edit_json(&report);
    json_object_del(json_object_get(o, "specificity"), "asked");
    return o;
}

void edit_keep_result(const sweep_job *j, sweep_item *item, const edit_run_result *r, sweep_result *out)
{
    const measure_answer *before = &r->measured.results[0].edited.before;
    buffer_text(&item->text, before->text);
    item->correct = sweep_judge(&j->rows.items[item->row], before->text);
    out->r.clean_prob = before->prob;
    out->r.flop = r->cost.flop;
    keep_metrics(out, r);
    result_detail(out, detail_of(j, r));
}
