/* edit_plan.c: see edit_plan.h. */
#include "method/edit_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/backward.h"
#include "method/ask_plan.h"
#include "method/edit_parts.h"
#include "method/measure_parts.h"

/* A request whose question has a prompt, and a key where one is wanted. */
typedef struct planned_request {
    size_t entry, first, key, last, end; /* first: rows below are there from asking; last, end: of the rows that are read */
    row_edit put;
    recording clean, own;                /* shapes alone */
} planned_request;

typedef struct edit_planning {
    run_plan *plan;
    const decoder *m;
    edit_settings s;
    const measure_state *x;
    size_t answer_tokens, asked_tokens;
    prompt *prompts;           /* [x->entry_count] an empty one where it cannot be built: asking will say why */
    ask_planned *before;       /* [x->entry_count] */
    ask_planned *after;        /* [after_count] by request, each with its own change */
    size_t after_count;
    planned_request *requests; /* [count] */
    size_t count;
    replay_fork *forks;        /* [x->entry_count + s.keep_count] for whoever adds some */
} edit_planning;

/* ---- what is asked ---- */

static void open_prompts(edit_planning *p)
{
    const measure_state *x = p->x;
    p->prompts = mem_new(x->entry_count, sizeof *p->prompts);
    p->before = mem_new(x->entry_count, sizeof *p->before);
    for (size_t i = 0; i < x->entry_count; i++) {
        const pb_question *q = &x->entries[i].question->asked;
        question_prompt(&p->prompts[i], x->m, q, NULL);
        p->before[i] = (ask_planned){.prompt = &p->prompts[i], .image = q->image};
    }
}

static int by_request(const void *a, const void *b)
{
    const measure_use *x = a, *y = b;
    if (x->request != y->request)
        return x->request < y->request ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

/* What each request asks after its edit: what several of its uses need, once. */
static void list_after(edit_planning *p)
{
    const measure_state *x = p->x;
    measure_use *uses = mem_new(x->use_count, sizeof *uses);
    memcpy(uses, x->uses, x->use_count * sizeof *uses);
    qsort(uses, x->use_count, sizeof *uses, by_request);
    p->after = mem_new(x->use_count, sizeof *p->after);
    for (size_t i = 0; i < x->use_count; i++)
        if (i == 0 || by_request(&uses[i - 1], &uses[i]) != 0) {
            p->after[p->after_count] = p->before[uses[i].entry];
            p->after[p->after_count++].change = uses[i].request;
        }
    free(uses);
}

static void add_before(edit_planning *p)
{
    ask_plan_add(p->plan, p->before, p->x->entry_count, p->asked_tokens, p->s.memory);
}

/* MultEdit's changes go through the layers together; tuned weights, request by request. */
static void add_after(edit_planning *p)
{
    size_t n = 0;
    if (p->s.together) {
        add_before(p);
        return;
    }
    for (size_t i = 0; i < p->after_count; i += n) {
        for (n = 1; i + n < p->after_count && (p->s.method == EDIT_MULTEDIT || p->after[i + n].change == p->after[i].change);)
            n++;
        ask_plan_add(p->plan, p->after + i, n, p->asked_tokens, p->s.memory);
    }
}

/* ---- requests ---- */

/* Where its key lies; false: nowhere. */
static bool find_key(const edit_planning *p, const prompt *of, size_t *key)
{
    const question q = {.prompt = *of};
    *key = 0;
    return p->s.method != EDIT_MULTEDIT || !edit_find_key(&p->s, &q, 0, key, NULL);
}

/* Once what is asked before has been added: a clean run rests on what asking its question has left behind. */
static void place_requests(edit_planning *p)
{
    const measure_state *x = p->x;
    p->requests = mem_new(x->use_count, sizeof *p->requests);
    p->forks = mem_new(x->use_count + p->s.keep_count, sizeof *p->forks);
    for (size_t i = 0; i < x->use_count; i++) {
        size_t entry = x->uses[i].entry, key, shared = p->before[entry].shared, length = p->prompts[entry].length;
        if (x->uses[i].kind != MEASURE_EDITED || length == 0 || !find_key(p, &p->prompts[entry], &key))
            continue;
        p->requests[p->count++] = (planned_request){.entry = entry, .first = shared < key ? shared : key, .key = key,
                                                    .last = length - 1, .end = length - 1 + p->answer_tokens};
    }
}

static void add_forks(edit_planning *p, size_t count)
{
    replay_plan_add(&p->plan->forks, p->m, p->forks, count, question_budget(p->s.memory));
}

/* Read forward, again, and backward. */
static void add_loss_reads(edit_planning *p, size_t requests)
{
    p->plan->reads += 3 * requests * p->answer_tokens;
}

/* ---- MultEdit ---- */

static void add_clean_runs(edit_planning *p)
{
    for (size_t i = 0; i < p->count; i++) {
        planned_request *r = &p->requests[i];
        r->clean = (recording){.first = r->first, .end = r->end, .sites_first = r->key};
        p->forks[i] = (replay_fork){.first = r->first, .end = r->end, .input = p->plan->question->input, .record = &r->clean,
                                    .read_first = r->last};
    }
    add_forks(p, p->count);
}

static void add_kept_keys(edit_planning *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->s.keep_count; i++) {
        span rows;
        if (edit_kept_rows(&p->s, i, &rows, NULL))
            continue;
        size_t end = rows.positions[rows.count - 1] + 1;
        p->forks[count++] = (replay_fork){.end = end, .input = p->s.keep[i]->input, .read_first = end};
        span_free(&rows);
    }
    add_forks(p, count);
}

/* All requests' forks from the keys on, forward and backward, step by step. */
static void add_steps(edit_planning *p)
{
    replay_plan before = p->plan->forks;
    if (p->s.steps == 0)
        return;
    for (size_t i = 0; i < p->count; i++) {
        planned_request *r = &p->requests[i];
        r->put = (row_edit){.site = SITE_MLP_OUT, .first_layer = p->s.end_layer - 1, .end_layer = p->s.end_layer,
                            .positions = &r->key, .position_count = 1};
        r->own = (recording){.first = r->key, .end = r->end, .sites_first = r->key};
        p->forks[i] = (replay_fork){.first = r->key, .end = r->end, .edits = &r->put, .edit_count = 1, .record = &r->own,
                                    .read_first = r->last};
    }
    add_forks(p, p->count);
    replay_plan_add_backward(&p->plan->forks, p->m, p->forks, p->count, question_budget(p->s.memory));
    replay_plan_repeat(&p->plan->forks, &before, p->s.steps - 1);
    add_loss_reads(p, p->s.steps * p->count);
}

/* A range of layers is spread over one by one: each needs the runs up to the keys, with the layers below it edited. */
static void add_spreading(edit_planning *p)
{
    size_t layers = p->s.end_layer - p->s.first_layer;
    replay_plan before = p->plan->forks;
    if (layers == 1)
        return;
    for (size_t i = 0; i < p->count; i++) {
        size_t end = p->requests[i].key + 1;
        p->forks[i] = (replay_fork){.end = end, .input = p->plan->question->input, .read_first = end};
    }
    add_forks(p, p->count);
    replay_plan_repeat(&p->plan->forks, &before, layers - 1);
}

static void add_values(edit_planning *p)
{
    add_clean_runs(p);
    add_steps(p);
    add_kept_keys(p);
    add_spreading(p);
}

/* ---- fine-tuning ---- */

/* Gradients of the tuned matrices, as many operations as the products backward through them: in the layers last walked. */
static void add_weight_gradients(edit_planning *p, size_t rows)
{
    const decoder_config *c = &p->m->config;
    double down = 2.0 * (double)rows * (double)c->d_model * (double)c->d_ff, all = (double)rows * decoder_layer_flop(c);
    replay_plan_add_to_last(&p->plan->forks, p->s.scope == EDIT_MATRIX ? 1 : c->layers, p->s.scope == EDIT_ALL ? all : down);
}

/* A step of one request: its run from the lowest tuned layer on, all rows, after a clean one where that is not the first. */
static void add_tuning_step(edit_planning *p, const planned_request *r)
{
    size_t zero = 0, start = p->s.scope == EDIT_MATRIX ? p->s.end_layer - 1 : 0;
    recording own = {.end = r->end};
    row_edit from = {.site = SITE_RESID_PRE, .first_layer = start, .end_layer = start + 1, .positions = &zero, .position_count = 1};
    replay_fork *f = p->forks;
    *f = (replay_fork){.end = r->end, .input = p->plan->question->input, .record = &own, .read_first = r->last};
    if (start > 0) {
        add_forks(p, 1);
        f->input = NULL;
        f->edits = &from;
        f->edit_count = 1;
    }
    add_forks(p, 1);
    replay_plan_add_backward(&p->plan->forks, p->m, f, 1, SIZE_MAX);
    add_weight_gradients(p, r->end);
    add_loss_reads(p, 1);
}

static void add_tuning(edit_planning *p)
{
    for (size_t i = 0; i < p->count && p->s.steps; i++) {
        replay_plan before = p->plan->forks;
        size_t reads = p->plan->reads;
        add_tuning_step(p, &p->requests[i]);
        replay_plan_repeat(&p->plan->forks, &before, p->s.steps - 1);
        p->plan->reads += (p->s.steps - 1) * (p->plan->reads - reads);
    }
}

/* ---- all of it ---- */

static void add_edits(edit_planning *p)
{
    p->s.method == EDIT_MULTEDIT ? add_values(p) : add_tuning(p);
    add_after(p);
}

static void add_each_layer(edit_planning *p)
{
    size_t first = p->s.first_layer, end = p->s.end_layer;
    for (size_t layer = first; layer < end; layer++) {
        p->s.first_layer = layer;
        p->s.end_layer = layer + 1;
        add_edits(p);
    }
}

/* Pictures that go through the tower: the plan's question has had its own. */
static double tower_flop(const edit_planning *p)
{
    size_t pictures = 0;
    for (size_t i = 0; i < p->x->entry_count; i++)
        pictures += p->before[i].image && (i == 0 || !p->before[i - 1].image || strcmp(p->before[i - 1].image, p->before[i].image));
    return pictures > 1 ? (double)(pictures - 1) * question_vision_flop(p->plan->question) : 0;
}

static size_t working_bytes(const edit_planning *p)
{
    const decoder_config *c = &p->m->config;
    size_t length = p->plan->question->length, budget = question_budget(p->s.memory), key = p->count ? p->requests[0].key : 0;
    size_t bytes = backward_fixed_bytes(p->m, length) + p->plan->forks.largest * c->d_model * sizeof(float) +
                   p->count * 2 * recording_bytes(c, 0, length, key);
    return bytes < budget ? bytes : budget;
}

static void add_all(run_plan *plan, const measure_state *x, const edit_settings *s, size_t answer_tokens, bool layers)
{
    edit_planning p = {.plan = plan, .m = &x->m->decoder, .s = *s, .x = x, .answer_tokens = answer_tokens,
                       .asked_tokens = ask_plan_tokens(MEASURE_TOKENS)};
    open_prompts(&p);
    list_after(&p);
    add_before(&p);
    place_requests(&p);
    layers ? add_each_layer(&p) : add_edits(&p);
    plan->tower += tower_flop(&p);
    plan->working_bytes = working_bytes(&p);
    for (size_t i = 0; i < x->entry_count; i++)
        prompt_free(&p.prompts[i]);
    free(p.prompts);
    free(p.before);
    free(p.after);
    free(p.requests);
    free(p.forks);
}

pb_status edit_foresee(run_plan *plan, const measure_plan *asked, const edit_settings *settings, size_t answer_tokens, pb_error *err)
{
    measure x;
    measure_plan shape = *asked;
    shape.key_layer = MEASURE_NO_KEY;
    TRY(measure_open(&x, plan->question->model, &shape, err));
    add_all(plan, x.state, settings, answer_tokens, false);
    measure_free(&x);
    return PB_OK;
}

static pb_status announce(edit_run_result *r, question *q, bool layers, const pb_run_options *run, pb_error *err)
{
    size_t tokens = r->whole_target ? r->target_counts[0] : 1;
    run_plan plan = {.question = q, .wave_bytes = question_budget(r->settings.memory)};
    TRY(question_set_answer(q, r->targets[0], tokens, err));
    add_all(&plan, r->measured.state, &r->settings, tokens, layers);
    pb_status status = run_plan_announce(&plan, r->count, "edit", run, err);
    run_plan_free(&plan);
    return status;
}

pb_status edit_announce(edit_run_result *r, model *m, bool layers, pb_error *err)
{
    measure *x = &r->measured;
    const pb_run_options run = {.progress = x->plan.progress, .context = x->plan.context};
    question q;
    if (!run.progress || r->count == 0)
        return PB_OK;
    TRY(question_open_shared(&q, m, &r->requests[0].question.asked, measure_pictures(x), err));
    pb_status status = announce(r, &q, layers, &run, err);
    question_free(&q);
    return status;
}
