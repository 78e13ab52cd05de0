/* dump.c: see dump.h. A run that is watched (replay.h), and no recording. */
#include "method/dump.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/layers.h"

/* ---- what is asked ---- */

static pb_status add_site(dump *d, const decoder_config *c, const char *name, pb_error *err)
{
    site s;
    if (!site_find_read(name, &s))
        return fail(err, PB_EINVAL, "--sites: \"%s\" is no site; known are %s", name, site_read_names());
    for (size_t i = 0; i < d->site_count; i++)
        if (d->sites[i].site == s)
            return PB_OK;
    d->sites[d->site_count++] = (dump_site){.site = s, .width = site_row_width(c, s)};
    return PB_OK;
}

static pb_status choose_sites(dump *d, const decoder_config *c, const char *list, pb_error *err)
{
    d->sites = mem_new(SITE_READ_COUNT, sizeof *d->sites);
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        char *name = mem_text_n(at, length);
        pb_status status = add_site(d, c, name, err);
        free(name);
        TRY(status);
        at += length + (at[length] == ',');
    }
    return d->site_count ? PB_OK : fail(err, PB_EINVAL, "--sites: names no site; known are %s", site_read_names());
}

static pb_status choose(dump *d, const question *q, const pb_dump_options *o, pb_error *err)
{
    const decoder_config *c = &q->model->decoder.config;
    TRY(choose_sites(d, c, o->sites ? o->sites : "attn_out,mlp_out,resid_post", err));
    TRY(layers_choose(o->first_layer, o->end_layer, c->layers, &d->layers, &d->layer_count, err));
    return prompt_span(&q->prompt, o->positions ? o->positions : "all", &d->positions, err);
}

pb_status dump_choose(dump *d, const question *q, const pb_dump_options *options, pb_error *err)
{
    *d = (dump){0};
    pb_status status = choose(d, q, options, err);
    if (status)
        dump_free(d);
    return status;
}

void dump_free(dump *d)
{
    free(d->sites);
    free(d->layers);
    span_free(&d->positions);
    *d = (dump){0};
}

/* ---- the run ---- */

typedef struct dump_job {
    dump *d;
    question *q;
    const dump_sink *sink;
    const pb_run_options *run;
} dump_job;

static size_t count_not_finite(const float *row, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += isfinite(row[i]) ? 0 : 1;
    return count;
}

static pb_status hand_on(void *context, site s, size_t layer, size_t position, const float *row, pb_error *err)
{
    dump_job *j = context;
    dump *d = j->d;
    (void)position;
    if (layer < d->layers[0] || layer - d->layers[0] >= d->layer_count)
        return PB_OK;
    for (size_t i = 0; i < d->site_count; i++)
        if (d->sites[i].site == s) {
            d->sites[i].not_finite += count_not_finite(row, d->sites[i].width);
            TRY(j->sink->row(j->sink->context, i, row, err));
        }
    return PB_OK;
}

/* What the run says next, so that whoever reads the files can tell that it is the run they mean. */
static pb_status read_next(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    dump_job *j = context;
    float logit[CLEAN_RUN_TOP];
    readout read = {.x = forks[0]->read, .want = {-1, -1}, .top = CLEAN_RUN_TOP, .top_id = j->d->top_id, .top_logit = logit};
    (void)count;
    TRY(decoder_readout(&j->q->model->decoder, &read, 1, err));
    for (size_t i = 0; i < CLEAN_RUN_TOP; i++) {
        if (!isfinite(read.log_sum_exp))
            j->d->top_id[i] = -1;
        j->d->top_prob[i] = j->d->top_id[i] >= 0 ? exp((double)logit[i] - read.log_sum_exp) : 0;
    }
    return PB_OK;
}

static void show_progress(void *context, double share)
{
    const dump_job *j = context;
    double layers = (double)j->q->model->decoder.config.layers;
    if (j->run->progress)
        j->run->progress(j->run->context, "dumping layers", share * layers, layers);
}

pb_status dump_run(dump *d, question *q, const dump_sink *sink, const pb_run_options *run, pb_error *err)
{
    decoder *m = &q->model->decoder;
    size_t T = q->prompt.length, rows = T * m->config.d_model * sizeof(float);
    dump_job j = {d, q, sink, run};
    replay_work work = {0};
    TRY(question_fits(rows + replay_fixed_bytes(m, T) + score_bytes(m, 1, 1), run->memory, "this dump", err));
    bool *wanted = mem_new(T, sizeof *wanted);
    for (size_t i = 0; i < d->positions.count; i++)
        wanted[d->positions.positions[i]] = true;
    row_watch watch = {wanted, hand_on, &j};
    replay_fork f = {.end = T, .input = q->input, .read_first = q->last, .watch = &watch};
    replay_options options = {.memory = rows, .finished = read_next, .progress = show_progress, .context = &j};
    pb_status status = replay_run(m, &f, 1, &options, &work, err);
    free(wanted);
    d->cost = (method_cost){.seconds = clock_now() - q->began, .peak_rss_bytes = process_peak_bytes(),
                            .flop = work.flop + decoder_readout_flop(&m->config) + question_vision_flop(q)};
    return status;
}
