/* dump.c: see dump.h. A run that is watched (replay.h), and no recording; the tower's rows, which are few, come from one. */
#include "method/dump.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/layers.h"
#include "method/vision_site.h"

/* ---- what is asked ---- */

static bool find_site(const char *name, dump_site *out)
{
    site s;
    const vision_site *v = vision_site_find(name);
    if (v)
        *out = (dump_site){.name = v->name, .hook = v->hook, .part = v->projector ? DUMP_PROJECTOR : DUMP_TOWER,
                           .site = v->site};
    else if (site_find_read(name, &s))
        *out = (dump_site){.name = site_name(s), .hook = site_hook(s), .site = s};
    else
        return false;
    return true;
}

/* "resid_pre, ..., proj.out": for errors. buffer_free */
static buffer known_sites(void)
{
    buffer list = {0};
    buffer_text(&list, site_read_names());
    for (size_t i = 0; i < VISION_SITE_COUNT; i++)
        buffer_printf(&list, ", %s", vision_sites[i].name);
    return list;
}

static pb_status fail_unknown(const char *name, pb_error *err)
{
    buffer list = known_sites();
    pb_status status = fail(err, PB_EINVAL, "--sites: \"%s\" is no site; known are %s", name, list.data);
    buffer_free(&list);
    return status;
}

static pb_status fail_no_site(pb_error *err)
{
    buffer list = known_sites();
    pb_status status = fail(err, PB_EINVAL, "--sites: names no site; known are %s", list.data);
    buffer_free(&list);
    return status;
}

static pb_status add_site(dump *d, const question *q, const char *name, pb_error *err)
{
    dump_site s;
    if (!find_site(name, &s))
        return fail_unknown(name, err);
    if (s.part != DUMP_DECODER && !q->image_rows)
        return fail(err, PB_EINVAL, "--sites %s: that is on the picture's side, but no --image was given", name);
    for (size_t i = 0; i < d->site_count; i++)
        if (strcmp(d->sites[i].name, s.name) == 0)
            return PB_OK;
    d->sites[d->site_count++] = s;
    return PB_OK;
}

static pb_status choose_sites(dump *d, const question *q, const char *list, pb_error *err)
{
    d->sites = mem_new(SITE_READ_COUNT + VISION_SITE_COUNT, sizeof *d->sites);
    for (char *name; (name = mem_text_item(&list));) {
        pb_status status = add_site(d, q, name, err);
        free(name);
        TRY(status);
    }
    return d->site_count ? PB_OK : fail_no_site(err);
}

/* --layers counts the layers of a site's own stack. */
static pb_status choose_layers(dump *d, dump_site *s, const question *q, const pb_dump_options *o, pb_error *err)
{
    bool tower = s->part == DUMP_TOWER;
    size_t L = tower ? vision_used_layers(q->model->vision) : q->model->decoder.config.layers, end = o->end_layer;
    s->layers = 1;
    if (s->part == DUMP_PROJECTOR)
        return PB_OK;
    TRY(layers_check(o->first_layer, &end, L, tower ? "what the features pass of the vision tower" : "the model", err));
    s->first = o->first_layer;
    s->layers = end - s->first;
    if (tower || d->layers)
        return PB_OK;
    return layers_choose(s->first, end, L, "the model", &d->layers, &d->layer_count, err);
}

static void size_site(dump_site *s, const dump *d, const question *q)
{
    const decoder_config *c = &q->model->decoder.config;
    const vision *v = q->model->vision;
    s->rows = s->part == DUMP_DECODER ? d->positions.count : s->part == DUMP_TOWER ? vision_tower_rows(v) : q->prompt.image_count;
    s->width = s->part == DUMP_DECODER ? site_row_width(c, s->site) : s->part == DUMP_TOWER ? vision_settings(v)->width : c->d_model;
}

static pb_status choose(dump *d, const question *q, const pb_dump_options *o, pb_error *err)
{
    TRY(choose_sites(d, q, o->sites ? o->sites : "attn_out,mlp_out,resid_post", err));
    TRY(prompt_span(&q->prompt, o->positions ? o->positions : "all", &d->positions, err));
    for (size_t i = 0; i < d->site_count; i++) {
        TRY(choose_layers(d, &d->sites[i], q, o, err));
        size_site(&d->sites[i], d, q);
    }
    return PB_OK;
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

static pb_status hand_row(dump_job *j, size_t i, const float *row, pb_error *err)
{
    dump_site *s = &j->d->sites[i];
    s->not_finite += count_not_finite(row, s->width);
    return j->sink->row(j->sink->context, i, row, err);
}

static pb_status hand_on(void *context, site s, size_t layer, size_t position, const float *row, pb_error *err)
{
    dump_job *j = context;
    const dump *d = j->d;
    (void)position;
    for (size_t i = 0; i < d->site_count; i++)
        if (d->sites[i].part == DUMP_DECODER && d->sites[i].site == s && layer >= d->sites[i].first &&
            layer - d->sites[i].first < d->sites[i].layers)
            TRY(hand_row(j, i, row, err));
    return PB_OK;
}

/* ---- the picture's side ---- */

static pb_status hand_tower(dump_job *j, const tower_recording *r, pb_error *err)
{
    for (size_t i = 0; i < j->d->site_count; i++) {
        const dump_site *s = &j->d->sites[i];
        for (size_t at = 0; s->part == DUMP_TOWER && at < s->layers * s->rows; at++)
            TRY(hand_row(j, i, tower_recording_row(r, s->site, s->first + at / s->rows, at % s->rows), err));
        for (size_t at = 0; s->part == DUMP_PROJECTOR && at < s->rows; at++)
            TRY(hand_row(j, i, j->q->image_rows + at * s->width, err));
    }
    return PB_OK;
}

/* What of the tower's run is kept; whether anything is wanted of it. */
static bool tower_wanted(const dump *d, tower_kept *kept)
{
    bool wanted = false;
    *kept = (tower_kept){0};
    for (size_t i = 0; i < d->site_count; i++) {
        const dump_site *s = &d->sites[i];
        wanted |= s->part == DUMP_TOWER;
        kept->attn_out |= s->part == DUMP_TOWER && s->site == SITE_ATTN_OUT;
        kept->mlp_out |= s->part == DUMP_TOWER && s->site == SITE_MLP_OUT;
    }
    return wanted;
}

/* The tower once more, recorded: its sites are small beside a decoder's. */
static pb_status run_tower(dump_job *j, pb_error *err)
{
    tower_kept kept;
    vision *v = j->q->model->vision;
    tower_recording *r = NULL;
    if (!tower_wanted(j->d, &kept))
        return hand_tower(j, NULL, err);
    TRY(tower_recording_new(&r, v, kept, err));
    tower_fork f = {.pixels = j->q->picture.pixels, .record = r};
    pb_status status = tower_run(v, &f, 1, err);
    if (!status)
        status = hand_tower(j, r, err);
    tower_recording_free(r);
    return status;
}

static size_t run_bytes(const question *q)
{
    const decoder *m = &q->model->decoder;
    size_t T = q->prompt.length;
    return T * m->config.d_model * sizeof(float) + replay_fixed_bytes(m, T) + score_bytes(m, 1, 1);
}

static size_t tower_bytes(const dump_job *j)
{
    const vision *v = j->q->model->vision;
    tower_kept kept;
    return tower_wanted(j->d, &kept) ? tower_recording_bytes(v, kept) + tower_fixed_bytes(v) + tower_fork_bytes(v) : 0;
}

/* The tower's run is over when the decoder's begins: the larger one must fit. */
static pb_status check_memory(const dump_job *j, pb_error *err)
{
    size_t run = question_needs(j->q, run_bytes(j->q)), tower = tower_bytes(j);
    return tower > run ? question_fits(tower, j->run->memory, "the tower's dump", err)
                       : question_fits(run, j->run->memory, "this dump", err);
}

/* What the run says next, so that whoever reads the files can tell that it is the run they mean. */
static pb_status read_next(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    dump_job *j = context;
    float logit[RUN_TOP];
    readout read = {.x = forks[0]->read, .want = {-1, -1}, .top = RUN_TOP, .top_id = j->d->top_id, .top_logit = logit};
    (void)count;
    TRY(decoder_readout(&j->q->model->decoder, &read, 1, err));
    for (size_t i = 0; i < RUN_TOP; i++) {
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

/* ---- what it takes ---- */

static double tower_flop(const dump_job *j)
{
    const vision *v = j->q->model->vision;
    tower_kept kept;
    return tower_wanted(j->d, &kept) ? vision_embed_flop(v) + (double)vision_used_layers(v) * vision_layer_flop(v) : 0;
}

/* All but the disk's time. */
static pb_status announce(const dump_job *j, replay_fork *run, pb_error *err)
{
    question *q = j->q;
    size_t rows = 0, decoder_bytes = run_bytes(q), most = tower_bytes(j);
    for (size_t i = 0; i < j->d->site_count; i++)
        rows += j->d->sites[i].layers * j->d->sites[i].rows;
    run_plan plan = {.question = q, .wave_bytes = SIZE_MAX, .reads = 1, .tower = tower_flop(j),
                     .working_bytes = most > decoder_bytes ? most : decoder_bytes};
    replay_plan_add(&plan.forks, &q->model->decoder, run, 1, SIZE_MAX);
    pb_status status = run_plan_announce(&plan, rows, "row", j->run, err);
    run_plan_free(&plan);
    return status;
}

/* ---- all of it ---- */

static pb_status run_all(dump_job *j, replay_fork *run, replay_work *work, pb_error *err)
{
    decoder *m = &j->q->model->decoder;
    replay_options options = {.memory = SIZE_MAX, .finished = read_next, .progress = show_progress, .context = j};
    TRY(announce(j, run, err));
    TRY(run_tower(j, err));
    return replay_run(m, run, 1, &options, work, err);
}

pb_status dump_run(dump *d, question *q, const dump_sink *sink, const pb_run_options *run, pb_error *err)
{
    decoder *m = &q->model->decoder;
    size_t T = q->prompt.length;
    dump_job j = {d, q, sink, run};
    replay_work work = {0};
    TRY(check_memory(&j, err));
    bool *wanted = mem_new(T, sizeof *wanted);
    for (size_t i = 0; i < d->positions.count; i++)
        wanted[d->positions.positions[i]] = true;
    row_watch watch = {wanted, hand_on, &j};
    replay_fork f = {.end = T, .input = q->input, .read_first = q->last, .watch = &watch};
    pb_status status = run_all(&j, &f, &work, err);
    free(wanted);
    d->cost = (method_cost){.seconds = clock_now() - q->began, .peak_rss_bytes = process_peak_bytes(),
                            .flop = work.flop + decoder_readout_flop(&m->config) + question_vision_flop(q)};
    return status;
}
