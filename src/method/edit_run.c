/* edit_run.c: see edit_run.h. */
#include "method/edit_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/edit_parts.h"
#include "method/edit_plan.h"
#include "method/measure_parts.h"

/* Names a request in errors: as it is called, or by its number and id. */
static const char *name_of(const edit_run_result *r, size_t i, buffer *text)
{
    const measure_question *q = &r->requests[i].question;
    if (q->name)
        buffer_text(text, q->name);
    else if (q->id)
        buffer_printf(text, "request %zu (%s)", i, q->id);
    else
        buffer_printf(text, "request %zu", i);
    return text->data;
}

/* ---- targets ---- */

static pb_status find_targets(edit_run_result *r, model *m, pb_error *err)
{
    for (size_t i = 0; i < r->count; i++) {
        measure_request *q = &r->requests[i];
        TRY(tokenizer_mid_sentence(m->tokenizer, q->target, "--target", &r->targets[i], &r->target_counts[i], err));
        q->target_id = r->targets[i][0];
    }
    return PB_OK;
}

static pb_status check_not_known(edit_run_result *r, pb_error *err)
{
    for (size_t i = 0; i < r->count; i++) {
        const measured *q = &r->measured.results[i].edited;
        if (!q->before.right)
            continue;
        r->refused = i + 1;
        buffer name = {0};
        fail(err, PB_EINVAL, "%s: the model's answer, \"%s\", holds the target \"%s\" already", name_of(r, i, &name),
             q->before.text, r->requests[i].target);
        buffer_free(&name);
        return fail_hint(err, "choose another target, or leave this request out");
    }
    return PB_OK;
}

/* ---- questions ---- */

static void close_questions(question *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        question_free(&list[i]);
    free(list);
}

/* The requests' questions with their targets as answers. *list and *pointers: free, with close_questions. */
static pb_status open_questions(edit_run_result *r, model *m, picture_cache *pictures, question **list,
                                question ***pointers, pb_error *err)
{
    *list = mem_new(r->count, sizeof **list);
    *pointers = mem_new(r->count, sizeof **pointers);
    for (size_t i = 0; i < r->count; i++) {
        question *q = &(*list)[i];
        (*pointers)[i] = q;
        TRY(question_open_shared(q, m, &r->requests[i].question.asked, pictures, err));
        TRY(question_set_answer(q, r->targets[i], r->whole_target ? r->target_counts[i] : 1, err));
    }
    return PB_OK;
}

/* ---- the two ways ---- */

static pb_status measure_edited(edit_run_result *r, pb_error *err)
{
    measure_change *changes = mem_new(r->count, sizeof *changes);
    size_t *all = mem_new(r->count, sizeof *all);
    for (size_t i = 0; i < r->count; i++) {
        all[i] = i;
        changes[i].terms = edit_terms(&r->e, i, &changes[i].term_count);
    }
    pb_status status = measure_after(&r->measured, all, r->count, changes, err);
    free(all);
    free(changes);
    return status;
}

static pb_status run_multedit(edit_run_result *r, model *m, question *const *questions, pb_error *err)
{
    double begin = clock_now();
    TRY(edit_find(&r->e, m, questions, r->count, &r->settings, err));
    if (!r->layers) /* a sweep's next layer rests on them too */
        earlier_free(&r->earlier);
    r->found = r->e.found;
    r->cost.finding += clock_now() - begin;
    r->cost.flop += r->e.flop;
    begin = clock_now();
    TRY(measure_edited(r, err));
    r->cost.asking += clock_now() - begin;
    return PB_OK;
}

/* Tunes on requests first .. first + n-1 and asks what the decoder says then. */
static pb_status tune_and_measure(edit_run_result *r, question *const *questions, size_t first, size_t n, pb_error *err)
{
    double begin = clock_now();
    size_t *which = mem_new(n, sizeof *which);
    for (size_t i = 0; i < n; i++)
        which[i] = first + i;
    pb_status status = tuning_run(r->tuning, questions + first, n, r->found + first, err);
    r->cost.finding += clock_now() - begin;
    begin = clock_now();
    if (!status)
        status = measure_after(&r->measured, which, n, NULL, err);
    r->cost.asking += clock_now() - begin;
    free(which);
    return status;
}

static pb_status run_tuning(edit_run_result *r, model *m, question *const *questions, pb_error *err)
{
    size_t at_once = r->settings.together ? r->count : 1;
    r->found = mem_new(r->count, sizeof *r->found);
    TRY(tuning_new(&r->tuning, m, &r->settings, err));
    for (size_t i = 0; i < r->count; i += at_once)
        TRY(tune_and_measure(r, questions, i, at_once, err));
    r->cost.flop += tuning_flop(r->tuning);
    if (at_once < r->count) {
        tuning_free(r->tuning); /* each request's weights are gone with the next one's */
        r->tuning = NULL;
    }
    return PB_OK;
}

/* ---- layer by layer ---- */

/* The share of a list's questions for which `is` holds; NaN of none. */
static void count_list(const measured_list *list, bool (*is)(const measured *), size_t *holding, size_t *of)
{
    for (size_t i = 0; i < list->count; i++)
        *holding += is(&list->items[i]);
    *of += list->count;
}

static bool is_right(const measured *m)
{
    return m->after.right;
}

static bool is_kept(const measured *m)
{
    return m->kept;
}

static double share(size_t holding, size_t of)
{
    return of ? (double)holding / (double)of : NAN;
}

static struct edit_outcome outcome_of(const measure_result *m, double delta_norm)
{
    size_t right = 0, rephrased = 0, kept = 0, neighbours = 0;
    count_list(&m->rephrasings, is_right, &right, &rephrased);
    count_list(&m->pictures, is_right, &right, &rephrased);
    count_list(&m->neighbours, is_kept, &kept, &neighbours);
    return (struct edit_outcome){.prob = m->edited.after.prob, .right = m->edited.after.right, .delta_norm = delta_norm,
                                 .rephrased = share(right, rephrased), .kept = share(kept, neighbours)};
}

static void keep_layer(edit_run_result *r, size_t layer)
{
    edit_at_layer *at = &r->layers[r->layer_count++];
    *at = (edit_at_layer){.layer = layer, .outcomes = mem_new(r->count, sizeof *at->outcomes)};
    measure_summarise(&r->measured, NULL, 0, &at->summary);
    for (size_t i = 0; i < r->count; i++)
        at->outcomes[i] = outcome_of(&r->measured.results[i], r->e.found[i].delta_norm);
}

static pb_status run_layers(edit_run_result *r, model *m, question *const *questions, pb_error *err)
{
    size_t first = r->settings.first_layer, end = r->settings.end_layer;
    r->layers = mem_new(end - first, sizeof *r->layers);
    for (size_t layer = first; layer < end; layer++) {
        edit_free(&r->e);
        r->found = NULL;
        r->settings.first_layer = layer;
        r->settings.end_layer = layer + 1;
        TRY(run_multedit(r, m, questions, err));
        keep_layer(r, layer);
    }
    r->settings.first_layer = first;
    r->settings.end_layer = end;
    return PB_OK;
}

/* ---- from end to end ---- */

typedef pb_status (*way)(edit_run_result *r, model *m, question *const *questions, pb_error *err);

static pb_status find_and_measure(edit_run_result *r, model *m, way run, pb_error *err)
{
    question *list = NULL, **pointers = NULL;
    pb_status status = open_questions(r, m, measure_pictures(&r->measured), &list, &pointers, err);
    if (!status)
        status = run(r, m, pointers, err);
    close_questions(list, r->count);
    free(pointers);
    return status;
}

static pb_status run_all(edit_run_result *r, model *m, const measure_plan *asked, way run, pb_error *err)
{
    double begin = clock_now(), encoded = m->vision ? vision_flop(m->vision) : 0;
    measure_plan plan = *asked;
    TRY(find_targets(r, m, err));
    TRY(edit_check_layers(m, &r->settings, err));
    plan.requests = r->requests;
    plan.key_layer = MEASURE_NO_KEY;
    if (r->settings.method == EDIT_MULTEDIT) {
        plan.key_layer = r->settings.end_layer - 1;
        plan.key = r->settings.key;
        r->earlier.limit = question_budget(plan.memory) / 2;
        plan.earlier = r->settings.earlier = &r->earlier;
    }
    TRY(measure_open(&r->measured, m, &plan, err));
    TRY(edit_announce(r, m, run == run_layers, err));
    double before = clock_now();
    TRY(measure_before(&r->measured, err));
    r->cost.asking = clock_now() - before;
    TRY(check_not_known(r, err));
    TRY(find_and_measure(r, m, run, err));
    measure_summarise(&r->measured, NULL, 0, &r->summary);
    r->cost.seconds = clock_now() - begin;
    r->cost.flop += r->measured.work.flop + (m->vision ? vision_flop(m->vision) - encoded : 0);
    r->cost.peak_rss_bytes = process_peak_bytes();
    return PB_OK;
}

static pb_status begin(edit_run_result *r, model *m, const measure_plan *plan, const edit_settings *settings,
                       bool whole_target, way run, pb_error *err)
{
    size_t N = plan->request_count;
    *r = (edit_run_result){.settings = *settings, .whole_target = whole_target, .count = N,
                           .requests = mem_new(N, sizeof *r->requests), .targets = mem_new(N, sizeof *r->targets),
                           .target_counts = mem_new(N, sizeof *r->target_counts)};
    memcpy(r->requests, plan->requests, N * sizeof *r->requests);
    pb_status status = run_all(r, m, plan, run, err);
    size_t refused = r->refused;
    if (status)
        edit_run_free(r);
    r->refused = refused;
    return status;
}

pb_status edit_run(edit_run_result *r, model *m, const measure_plan *plan, const edit_settings *settings,
                   bool whole_target, pb_error *err)
{
    return begin(r, m, plan, settings, whole_target, settings->method == EDIT_MULTEDIT ? run_multedit : run_tuning,
                 err);
}

pb_status edit_run_layers(edit_run_result *r, model *m, const measure_plan *plan, const edit_settings *settings,
                          bool whole_target, pb_error *err)
{
    return begin(r, m, plan, settings, whole_target, run_layers, err);
}

void edit_run_free(edit_run_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->targets[i]);
        if (r->found && r->found != r->e.found)
            free(r->found[i].loss), free(r->found[i].prob);
    }
    if (r->found != r->e.found)
        free(r->found);
    for (size_t i = 0; i < r->layer_count; i++) {
        measure_summary_free(&r->layers[i].summary);
        free(r->layers[i].outcomes);
    }
    free(r->layers);
    edit_free(&r->e);
    earlier_free(&r->earlier);
    tuning_free(r->tuning);
    measure_summary_free(&r->summary);
    measure_free(&r->measured);
    free(r->targets);
    free(r->target_counts);
    free(r->requests);
    *r = (edit_run_result){0};
}

edit_run_result edit_run_one(const edit_run_result *r, size_t i)
{
    edit_run_result one = *r;
    double share = 1 / (double)r->count;
    one.count = 1;
    one.requests += i;
    one.targets += i;
    one.target_counts += i;
    one.found += i;
    one.e = (edit){0};
    one.measured.results += i;
    one.measured.plan.requests = one.requests;
    one.measured.plan.request_count = 1;
    one.cost.seconds *= share;
    one.cost.finding *= share;
    one.cost.asking *= share;
    one.cost.flop *= share;
    measure_summarise(&one.measured, NULL, 0, &one.summary);
    return one;
}

void edit_run_one_free(edit_run_result *one)
{
    measure_summary_free(&one->summary);
    *one = (edit_run_result){0};
}
