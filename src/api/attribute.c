/* attribute.c: the public functions of estimates (patchbay.h), which are a trace's. */
#include <stdlib.h>
#include <string.h>

#include "api/parts.h"
#include "base/memory.h"
#include "method/attribute.h"

struct pb_attribute {
    pb_trace *of;
};

pb_attribute_options pb_attribute_defaults(void)
{
    return (pb_attribute_options){.trace = pb_trace_defaults()};
}

pb_status pb_attribute_run(pb_attribute **out, pb_model *pm, const pb_question *asked,
                           const pb_attribute_options *options, pb_error *err)
{
    pb_trace *t;
    *out = NULL;
    pb_status status = api_trace_open(&t, pm, asked, &options->trace.run, err);
    if (!status)
        status = attribute_run_question(&t->trace, &t->question, options, err);
    if (status) {
        pb_trace_free(t);
        return status;
    }
    api_trace_name(t);
    *out = mem_new(1, sizeof **out);
    (*out)->of = t;
    return PB_OK;
}

void pb_attribute_free(pb_attribute *pa)
{
    if (!pa)
        return;
    pb_trace_free(pa->of);
    free(pa);
}

pb_status pb_attribute_write(const pb_attribute *pa, const char *directory, pb_error *err)
{
    trace_report r = api_trace_report(pa->of);
    return report_attribute_write(&r, directory, err);
}

void pb_attribute_json(const pb_attribute *pa, char **json)
{
    pb_trace_json(pa->of, json);
}

const pb_trace *pb_attribute_trace(const pb_attribute *pa)
{
    return pa->of;
}

const double *pb_attribute_estimate(const pb_attribute *pa, const char *site_wanted, size_t *layers, size_t *cells)
{
    const trace *t = &pa->of->trace;
    *layers = t->layer_count;
    *cells = t->cell_count;
    for (size_t s = 0; s < t->site_count; s++)
        if (strcmp(site_name(t->sites[s].site), site_wanted) == 0)
            return t->sites[s].estimate;
    return NULL;
}

double pb_attribute_unpatched(const pb_attribute *pa)
{
    return trace_unpatched_logprob(&pa->of->trace);
}

bool pb_attribute_largest(const pb_attribute *pa, size_t i, pb_attribute_cell *cell)
{
    const trace *t = &pa->of->trace;
    if (i >= t->estimates.exact)
        return false;
    const trace_cell *at = &t->estimates.largest[i];
    const trace_grid *g = &t->sites[at->site];
    size_t k = trace_cell_in_grid(t, *at);
    *cell = (pb_attribute_cell){.site = site_name(g->site), .cell = pa->of->cell_names[at->column],
                                .layer = t->layers[at->layer], .head = at->head, .estimate = g->estimate[k],
                                .logprob = g->logprob[k], .prob = g->prob[k]};
    return true;
}

double pb_attribute_spearman(const pb_attribute *pa)
{
    return pa->of->trace.estimates.spearman;
}
