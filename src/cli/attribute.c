/* attribute.c: a trace's cells estimated to first order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/trace.h"

static pb_attribute_options attribute_options(const settings *s, progress *p)
{
    pb_attribute_options o = pb_attribute_defaults();
    o.trace = trace_options(s, p);
    o.exact_all = s->exact == SIZE_MAX;
    o.exact = o.exact_all ? 0 : s->exact;
    o.steps = s->ig;
    return o;
}

static void print_cell(const pb_attribute_cell *cell, double unpatched)
{
    char site[32];
    if (strcmp(cell->site, "head_out") == 0)
        snprintf(site, sizeof site, "head_out %zu", cell->head);
    else
        snprintf(site, sizeof site, "%s", cell->site);
    printf("%-11s layer %-3zu %+9.3f, exactly %+9.3f: p %.4f  \"%s\"\n", site, cell->layer, cell->estimate - unpatched,
           cell->logprob - unpatched, cell->prob, cell->cell);
}

static void attribute_print(const pb_attribute *a, bool noise)
{
    const pb_trace *t = pb_attribute_trace(a);
    pb_attribute_cell cell;
    double unpatched = pb_attribute_unpatched(a);
    trace_print_runs(t);
    printf("Estimated changes of log p, %.3f in the %s run; the largest, and what is so:\n", unpatched,
           noise ? "clean" : "corrupted");
    for (size_t i = 0; i < 10 && pb_attribute_largest(a, i, &cell); i++)
        print_cell(&cell, unpatched);
    if (isfinite(pb_attribute_spearman(a)))
        printf("Spearman's correlation of estimates and exact values over all cells: %.3f\n", pb_attribute_spearman(a));
}

static void show(const pb_attribute *a, const settings *s, bool noise, const char *out)
{
    char *json;
    if (!s->json) {
        attribute_print(a, noise);
        printf("see %s/attribute.html\n", out);
        return;
    }
    pb_attribute_json(a, &json);
    command_print(json);
}

static pb_status attribute_and_show(pb_model *model, const settings *s, const char *out, pb_error *err)
{
    progress p;
    pb_attribute *a = NULL;
    size_t made = 0;
    pb_question question = command_question(s);
    pb_attribute_options options = attribute_options(s, &p);
    if (out)
        TRY(command_out(out, &made, err));
    pb_status status = pb_attribute_run(&a, model, &question, &options, err);
    progress_end(&p);
    if (!status && out)
        status = pb_attribute_write(a, out, err);
    if (status && out)
        dir_remove(out, made);
    if (!status)
        show(a, s, options.trace.noise_direction, out);
    pb_attribute_free(a);
    return status;
}

static int run(const settings *s)
{
    return command_run("attribute", s, trace_wrong(s), "patchbay-attribute", attribute_and_show);
}

static const char *const options[] = {QUESTION_OPTIONS, TRACE_OPTIONS, "exact", "ig", "out", NULL};

const command command_attribute = {
    "attribute",
    "attribute MODEL --image FILE --question TEXT --constraint TEXT",
    "a trace's cells estimated to first order, in a fraction of its time",
    "patchbay attribute demo --image models/demo/pictures/pt.png --question \"What is the capital of this country?\" "
    "--constraint \"this country\"",
    options,
    run,
};
