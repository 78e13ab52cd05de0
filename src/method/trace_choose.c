/* trace_choose.c: what a trace is asked to do: its sites, layers, windows, cells and answer. See trace_job.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/answer_choice.h"
#include "method/image_blocks.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"
#include "method/vision_site.h"

static pb_status no_site(const char *name, pb_error *err)
{
    return fail(err, PB_EINVAL, "--sites: \"%s\" is no site; known are %s, %s", name, site_names(), vision_site_names());
}

pb_status trace_check_sites(const char *list, pb_error *err)
{
    site s;
    for (char *name; (name = mem_text_item(&list));) {
        pb_status status = site_find(name, &s) || vision_site_find(name) ? PB_OK : no_site(name, err);
        free(name);
        TRY(status);
    }
    return PB_OK;
}

static pb_status choose_sites(trace_job *j, pb_error *err)
{
    trace *t = j->t;
    const char *list = j->options->sites ? j->options->sites : "attn_out,mlp_out,resid_post";
    t->sites = mem_new(SITE_PUT_COUNT, sizeof *t->sites);
    for (char *name; (name = mem_text_item(&list));) {
        site s;
        bool known = site_find(name, &s), repeated = false;
        for (size_t i = 0; known && i < t->site_count; i++)
            repeated |= t->sites[i].site == s;
        bool on_picture = !known && trace_tower_find(t, name);
        pb_status status = PB_OK;
        if (!known && !on_picture)
            status = no_site(name, err);
        free(name);
        TRY(status);
        if (known && !repeated)
            t->sites[t->site_count++] = (trace_grid){
                .site = s, .heads = s == SITE_HEAD_OUT ? j->q->model->decoder.config.heads : 1};
    }
    return t->site_count || t->vision_count ? PB_OK : fail(err, PB_EINVAL, "--sites: names no site; known are %s", site_names());
}

static pb_status choose_layers(trace_job *j, pb_error *err)
{
    trace *t = j->t;
    t->window_kind = j->options->radius ? WINDOW_RADIUS : WINDOW_CENTRED;
    t->window = j->options->window || j->options->radius ? j->options->window : 1;
    if (t->site_count == 0)
        return PB_OK; /* the picture's sites have layers of their own */
    return layers_choose(j->options->first_layer, j->options->end_layer, j->q->model->decoder.config.layers, "the model",
                         &t->layers, &t->layer_count, err);
}

static pb_status add_group(trace *t, const prompt *p, const char *name, pb_error *err)
{
    TRY(prompt_span(p, name, &t->cells[t->cell_count], err));
    t->groups[t->cell_count++] = mem_text(name);
    return PB_OK;
}

static pb_status choose_groups(trace *t, const prompt *p, const char *expression, pb_error *err)
{
    size_t most = 1;
    for (const char *at = expression; *at; at++)
        most += *at == ',';
    t->cells = mem_new(most, sizeof *t->cells);
    t->groups = mem_new(most, sizeof *t->groups);
    for (char *name; (name = mem_text_item(&expression));) {
        pb_status status = add_group(t, p, name, err);
        free(name);
        TRY(status);
    }
    return t->cell_count ? PB_OK : fail(err, PB_EINVAL, "--positions: names no span");
}

/* --blocks: what they exclude, and that there is something to restore in them. */
static pb_status check_blocks(const trace_job *j, pb_error *err)
{
    const pb_trace_options *o = j->options;
    if (o->group || (o->positions && strcmp(o->positions, "image") != 0))
        return fail(err, PB_EINVAL, "--blocks are cells of the picture's rows: %s excludes them",
                    o->group ? "--group" : "--positions other than image");
    if (!j->q->image_rows)
        return fail(err, PB_EINVAL, "--blocks %zu: there is no picture; give --image FILE", o->blocks);
    if (j->corruption.on_image)
        return PB_OK;
    fail(err, PB_EINVAL, "--blocks %zu: the picture's rows are the same in both runs, as the picture is not corrupted",
         o->blocks);
    return fail_hint(err, "give --corrupt image:FILE, image-noise:S, image-mean:DIR or image-rowmean");
}

static pb_status choose_blocks(trace_job *j, pb_error *err)
{
    image_blocks b;
    TRY(check_blocks(j, err));
    j->t->blocks = j->options->blocks;
    if (j->t->site_count == 0)
        return PB_OK;
    image_blocks_of_prompt(&b, j->q, j->options->blocks);
    j->t->cells = b.rows;
    j->t->groups = b.names;
    j->t->cell_count = b.count;
    return PB_OK;
}

static pb_status choose_cells(trace_job *j, pb_error *err)
{
    trace *t = j->t;
    if (j->options->blocks)
        return choose_blocks(j, err);
    if (t->site_count == 0)
        return PB_OK;
    const char *expression = j->options->positions ? j->options->positions : j->corruption.on_image ? "all" : "text";
    if (j->options->group)
        return choose_groups(t, &j->q->prompt, expression, err);
    span all;
    TRY(prompt_span(&j->q->prompt, expression, &all, err));
    t->cells = mem_new(all.count, sizeof *t->cells);
    for (; t->cell_count < all.count; t->cell_count++) {
        span *cell = &t->cells[t->cell_count];
        *cell = (span){.positions = mem_new(1, sizeof *cell->positions), .count = 1};
        cell->positions[0] = all.positions[t->cell_count];
    }
    span_free(&all);
    return PB_OK;
}

static void make_grids(trace_job *j)
{
    trace *t = j->t;
    size_t L = j->q->model->decoder.config.layers;
    for (size_t s = 0; s < t->site_count; s++) {
        trace_grid *g = &t->sites[s];
        size_t n = trace_grid_size(t, g);
        g->prob = mem_new(n, sizeof *g->prob);
        g->logprob = mem_new(n, sizeof *g->logprob);
        g->logit_diff = t->foil >= 0 ? mem_new(n, sizeof *g->logit_diff) : NULL;
        g->sd = j->samples > 1 ? mem_new(n, sizeof *g->sd) : NULL;
        g->restored = mem_new(t->layer_count, sizeof *g->restored);
        layers_windows(t->window_kind, t->window, t->layers, t->layer_count, L, g->restored);
    }
}

/* --freeze and --freeze-span */
static pb_status choose_severed(trace_job *j, pb_error *err)
{
    const char *site_wanted = j->options->freeze, *rows = j->options->freeze_span;
    trace *t = j->t;
    if (!site_wanted && !rows)
        return PB_OK;
    if (!site_wanted || !rows)
        return fail(err, PB_EINVAL, "%s", rows ? "--freeze-span needs --freeze mlp or --freeze attn"
                                               : "--freeze needs --freeze-span, the rows that are held");
    bool mlp = strcmp(site_wanted, "mlp") == 0;
    if (!mlp && strcmp(site_wanted, "attn") != 0)
        return fail(err, PB_EINVAL, "--freeze: \"%s\" is neither mlp nor attn", site_wanted);
    TRY(prompt_span(&j->q->prompt, rows, &t->severed_rows, err));
    if (t->severed_rows.count == 0)
        return fail(err, PB_EINVAL, "--freeze-span: the span \"%s\" is empty", rows);
    t->severed = true;
    t->severed_site = mlp ? SITE_MLP_OUT : SITE_ATTN_OUT;
    t->severed_name = mem_text(rows);
    return PB_OK;
}

/* --answer and --foil; without any answer it is set from the clean run. */
static pb_status choose_answer(trace_job *j, pb_error *err)
{
    size_t count;
    int32_t *ids;
    j->t->foil = -1;
    if (j->options->foil) {
        TRY(answer_tokens(j->q, j->options->foil, "--foil", &ids, &count, err));
        j->t->foil = ids[0];
        free(ids);
    }
    return answer_choose(j->q, &j->options->answer, err);
}

pb_status trace_choose(trace_job *j, pb_error *err)
{
    j->t->direction = j->options->noise_direction ? TRACE_NOISE : TRACE_DENOISE;
    TRY(choose_sites(j, err));
    TRY(choose_layers(j, err));
    TRY(choose_severed(j, err));
    return choose_answer(j, err);
}

pb_status trace_choose_cells(trace_job *j, pb_error *err)
{
    TRY(choose_cells(j, err));
    make_grids(j);
    return trace_tower_choose(j, err);
}
