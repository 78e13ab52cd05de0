/* measure.c: see measure.h. A pass over the questions, before or after: they are put in an order in which neighbours
 * share weights and pictures, opened some at a time, asked, and their answers handed to whoever wanted them. */
#include "method/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/measure_parts.h"
#include "method/vqa.h"

/* ---- one pass ---- */

/* One question under one change, for all that use it. */
typedef struct measure_job {
    const weight_term *terms;
    size_t term_count, entry;
    measure_use **uses; /* [use_count] */
    size_t use_count;
} measure_job;

/* A use and the change of its request. */
typedef struct changed_use {
    measure_use *use;
    const weight_term *terms;
    size_t term_count;
} changed_use;

typedef struct measure_pass {
    measure *x;
    measure_job *jobs;      /* [job_count] */
    size_t job_count;
    measure_use **uses;     /* all, job by job */
    const char *what;       /* for progress */
    bool after;
    size_t done;            /* jobs */
} measure_pass;

static int by_change(const void *a, const void *b)
{
    const changed_use *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->terms, q = (uintptr_t)y->terms;
    if (p != q)
        return p < q ? -1 : 1;
    if (x->term_count != y->term_count)
        return x->term_count < y->term_count ? -1 : 1;
    return (x->use->entry > y->use->entry) - (x->use->entry < y->use->entry);
}

/* Sorts the uses into jobs. */
static void make_jobs(measure_pass *p, changed_use *uses, size_t count)
{
    qsort(uses, count, sizeof *uses, by_change);
    p->jobs = mem_new(count, sizeof *p->jobs);
    p->uses = mem_new(count, sizeof *p->uses);
    for (size_t i = 0; i < count; i++) {
        p->uses[i] = uses[i].use;
        if (i == 0 || by_change(&uses[i - 1], &uses[i]) != 0)
            p->jobs[p->job_count++] = (measure_job){.terms = uses[i].terms, .term_count = uses[i].term_count,
                                                    .entry = uses[i].use->entry, .uses = p->uses + i};
        p->jobs[p->job_count - 1].use_count++;
    }
}

static void pass_free(measure_pass *p)
{
    free(p->jobs);
    free(p->uses);
}

/* ---- slices: as many jobs as are open at a time ---- */

enum { SLICE_MOST = 4096 };

typedef struct slice {
    measure_job *jobs;      /* [count] */
    size_t count;
    question *questions;
    asking *askings;
    tap *taps;
    size_t bytes;           /* of inputs, logits and keys */
} slice;

static void slice_free(slice *s)
{
    for (size_t i = 0; i < s->count; i++) {
        asking_free(&s->askings[i]);
        question_free(&s->questions[i]);
    }
    free(s->questions);
    free(s->askings);
    free(s->taps);
}

/* The edited question's key, or a neighbour's, is read in the run before. */
static pb_status tap_key(const measure_pass *p, measure_entry *e, const question *q, tap *t, asking *a, pb_error *err)
{
    span s;
    const char *key = p->x->plan.key ? p->x->plan.key : "constraint:0";
    if (p->after || !e->keyed || prompt_span(&q->prompt, key, &s, NULL))
        return PB_OK;
    size_t position = s.positions[s.count - 1];
    span_free(&s);
    TRY(mem_try(&e->key, q->model->decoder.config.d_ff, sizeof *e->key, "a key", err));
    *t = (tap){SITE_MLP_POST, p->x->plan.key_layer, position, e->key};
    a->taps = t;
    a->tap_count = 1;
    return PB_OK;
}

/* A failure to open a question that has a name: said of it. */
static pb_status failed_at(const measure_question *q, pb_status code, pb_error *err)
{
    if (!q->name || !err)
        return code;
    pb_error inner = *err;
    fail(err, code, "%s: %s", q->name, inner.message);
    return inner.hint[0] ? fail_hint(err, "%s", inner.hint) : code;
}

static picture_cache *pictures_of(const measure *x)
{
    return x->plan.pictures ? x->plan.pictures : &x->state->pictures;
}

picture_cache *measure_pictures(measure *x)
{
    x->state->pictures.limit = question_budget(x->plan.memory) / 8;
    return pictures_of(x);
}

static pb_status open_job(const measure_pass *p, slice *s, pb_error *err)
{
    measure_state *state = p->x->state;
    const decoder_config *c = &state->m->decoder.config;
    const measure_job *job = &s->jobs[s->count];
    measure_entry *e = &state->entries[job->entry];
    question *q = &s->questions[s->count];
    asking *a = &s->askings[s->count];
    pb_status status = question_open_shared(q, state->m, &e->question->asked, pictures_of(p->x), err);
    if (status)
        return failed_at(e->question, status, err);
    *a = (asking){.q = q, .terms = job->terms, .term_count = job->term_count, .keep_run = e->edited && !p->after};
    s->bytes += (q->length * c->d_model + c->vocab + (e->keyed ? c->d_ff : 0)) * sizeof(float);
    tap *t = &s->taps[s->count++];
    return tap_key(p, e, q, t, a, err);
}

/* Opens jobs until they take `bytes`, at least one. */
static pb_status open_slice(const measure_pass *p, slice *s, size_t bytes, pb_error *err)
{
    size_t left = p->job_count - p->done, most = left < SLICE_MOST ? left : SLICE_MOST;
    *s = (slice){.jobs = p->jobs + p->done, .questions = mem_new(most, sizeof *s->questions),
                 .askings = mem_new(most, sizeof *s->askings), .taps = mem_new(most, sizeof *s->taps)};
    while (s->count < most && (s->count == 0 || s->bytes < bytes))
        TRY(open_job(p, s, err));
    return PB_OK;
}

/* ---- answers ---- */

static const char *decoded(measure_state *s, const asking *a)
{
    buffer text = {0};
    buffer_text(&text, "");
    tokenizer_decode(s->m->tokenizer, a->ids, a->count, true, &text);
    s->texts = mem_resize(s->texts, s->text_count + 1, sizeof *s->texts);
    return s->texts[s->text_count++] = text.data;
}

static bool is_right(const measure *x, const measure_use *u, const char *text)
{
    const measure_question *q = u->m->question;
    if (u->kind != MEASURE_EVALUATION)
        return vqa_contains(text, x->plan.requests[u->request].target);
    for (size_t i = 0; i < q->answer_count; i++)
        if (vqa_contains(text, q->answers[i]))
            return true;
    return false;
}

/* Hands one question's answer to whoever uses it. */
static void hand_out(const measure_pass *p, const measure_job *job, asking *a)
{
    measure *x = p->x;
    measure_entry *e = &x->state->entries[job->entry];
    const char *text = decoded(x->state, a);
    double kl = p->after && e->compared ? next_kl(&e->before, &a->next, x->state->m->decoder.config.vocab) : NAN;
    for (size_t i = 0; i < job->use_count; i++) {
        const measure_use *u = job->uses[i];
        measure_answer given = {.prob = exp(next_logprob(&a->next, x->plan.requests[u->request].target_id)),
                                 .text = text, .right = is_right(x, u, text)};
        *(p->after ? &u->m->after : &u->m->before) = given;
        if (!p->after)
            continue;
        u->m->kept = vqa_same(u->m->before.text, text);
        u->m->kl = u->kind == MEASURE_EVALUATION ? kl : NAN;
    }
    if (!p->after && e->compared) {
        free(e->before.logits);
        e->before = a->next;
        a->next.logits = NULL;
    }
}

static void report(void *context, double done)
{
    const measure_pass *p = context;
    if (p->x->plan.progress)
        p->x->plan.progress(p->x->plan.context, p->what, (double)p->done + done, (double)p->job_count);
}

/* What a pass keeps beside its slices: logits that are compared, keys. */
static size_t kept_bytes(const measure *x)
{
    const measure_state *s = x->state;
    size_t bytes = 0;
    for (size_t i = 0; i < s->entry_count; i++)
        bytes += (s->entries[i].compared ? s->m->decoder.config.vocab : 0) +
                 (s->entries[i].keyed ? s->m->decoder.config.d_ff : 0);
    return bytes * sizeof(float);
}

static pb_status ask_slice(measure_pass *p, slice *s, size_t kept, pb_error *err)
{
    measure_state *state = p->x->state;
    ask_options options = {.max_tokens = MEASURE_TOKENS, .keep_next = true, .memory = p->x->plan.memory,
                           .taken = kept + s->bytes + pictures_of(p->x)->bytes, .earlier = p->x->plan.earlier,
                           .progress = report, .context = p};
    TRY(ask_many(state->m, s->askings, s->count, &options, &p->x->work, err));
    for (size_t i = 0; i < s->count; i++)
        hand_out(p, &s->jobs[i], &s->askings[i]);
    p->done += s->count;
    return PB_OK;
}

/* Open questions and unused pictures get an eighth of the memory each. */
static pb_status run_pass(measure_pass *p, pb_error *err)
{
    measure_state *state = p->x->state;
    size_t kept = kept_bytes(p->x), budget = question_budget(p->x->plan.memory);
    TRY(question_fits(2 * kept, p->x->plan.memory, "comparing so many questions", err));
    state->pictures.limit = (budget - kept) / 8;
    pb_status status = PB_OK;
    while (p->done < p->job_count && !status) {
        slice s;
        status = open_slice(p, &s, (budget - kept) / 8, err);
        if (!status)
            status = ask_slice(p, &s, kept, err);
        slice_free(&s);
    }
    return status;
}

/* ---- keys ---- */

static double cosine(const float *a, const float *b, size_t n)
{
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return dot / sqrt(aa * bb);
}

/* Compares neighbours' keys with the edited ones, and gives them back. */
static void compare_keys(measure *x)
{
    measure_state *s = x->state;
    const float *edited = NULL;
    for (size_t i = 0; i < s->use_count; i++) {
        const float *key = s->entries[s->uses[i].entry].key;
        if (s->uses[i].kind == MEASURE_EDITED) /* the first of its request */
            edited = key;
        else if (s->uses[i].kind == MEASURE_NEIGHBOURS && edited && key)
            s->uses[i].m->key_cosine = cosine(edited, key, s->m->decoder.config.d_ff);
    }
    for (size_t i = 0; i < s->entry_count; i++) {
        free(s->entries[i].key);
        s->entries[i].key = NULL;
        s->entries[i].keyed = false;
    }
}

/* ---- the measurement ---- */

pb_status measure_open(measure *x, model *m, const measure_plan *plan, pb_error *err)
{
    size_t layers = m->decoder.config.layers;
    *x = (measure){0};
    if (plan->key_layer != MEASURE_NO_KEY && plan->key_layer >= layers)
        return fail(err, PB_EINVAL, "layer %zu: the model has layers 0 to %zu", plan->key_layer, layers - 1);
    *x = (measure){.plan = *plan, .results = mem_new(plan->request_count, sizeof *x->results),
                   .state = mem_new(1, sizeof *x->state)};
    x->state->m = m;
    x->state->made = mem_new(plan->request_count, sizeof *x->state->made);
    measure_lay_out(x);
    return PB_OK;
}

pb_status measure_before(measure *x, pb_error *err)
{
    measure_state *s = x->state;
    changed_use *uses = mem_new(s->use_count, sizeof *uses);
    measure_pass p = {.x = x, .what = "asking before"};
    for (size_t i = 0; i < s->use_count; i++)
        uses[i] = (changed_use){.use = &s->uses[i]};
    make_jobs(&p, uses, s->use_count);
    free(uses);
    pb_status status = run_pass(&p, err);
    pass_free(&p);
    if (!status)
        compare_keys(x);
    return status;
}

pb_status measure_after(measure *x, const size_t *requests, size_t count, const measure_change *changes, pb_error *err)
{
    measure_state *s = x->state;
    changed_use *uses = mem_new(s->use_count, sizeof *uses);
    size_t *place = mem_new(x->plan.request_count, sizeof *place), n = 0; /* 1 + its index in requests; 0: not asked */
    measure_pass p = {.x = x, .what = "asking after", .after = true};
    for (size_t i = 0; i < count; i++)
        place[requests[i]] = i + 1;
    for (size_t i = 0; i < s->use_count; i++) {
        size_t at = place[s->uses[i].request];
        if (at)
            uses[n++] = (changed_use){&s->uses[i], changes ? changes[at - 1].terms : NULL,
                                      changes ? changes[at - 1].term_count : 0};
    }
    make_jobs(&p, uses, n);
    pb_status status = run_pass(&p, err);
    for (size_t i = 0; i < count && !status; i++)
        x->results[requests[i]].done = true;
    pass_free(&p);
    free(place);
    free(uses);
    return status;
}

static void state_free(measure_state *s, size_t requests)
{
    for (size_t i = 0; i < requests; i++)
        free(s->made[i]);
    for (size_t i = 0; i < s->entry_count; i++) {
        free(s->entries[i].before.logits);
        free(s->entries[i].key);
    }
    for (size_t i = 0; i < s->text_count; i++)
        free(s->texts[i]);
    picture_cache_free(&s->pictures);
    free(s->made);
    free(s->uses);
    free(s->entries);
    free(s->texts);
    free(s);
}

void measure_free(measure *x)
{
    for (size_t r = 0; x->results && r < x->plan.request_count; r++)
        for (measure_kind kind = MEASURE_REPHRASINGS; kind < MEASURE_KINDS; kind++)
            free(measure_list(&x->results[r], kind).items);
    if (x->state)
        state_free(x->state, x->plan.request_count);
    free(x->results);
    *x = (measure){0};
}
