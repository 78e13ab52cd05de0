/* edit.c: each row of a sweep as a request for an edit, found and measured by itself: what edit.json says, and its metrics. Several
 * requests go through the layers together, and what all of them ask of the model as it is they ask once.
 *
 * Neighbours and other pictures of a subject are drawn from the evaluation questions' pictures and those of all rows, by the seed and
 * the row's number: as `patchbay edit --requests` draws them for a file of these rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/edit_choice.h"
#include "method/edit_plan.h"
#include "method/edit_run.h"
#include "report/edit_report.h"
#include "report/json_values.h"
#include "sweep/methods.h"

typedef struct edits_shared {
    edit_settings settings;
    measure_question *pool;       /* [pool_count] the rows that can be asked */
    measure_question *evaluation; /* [eval_count] */
    size_t pool_count;
    question *kept;               /* [kept_count] questions that the edits are to leave alone, and pointers to them */
    question **kept_pointers;
    size_t kept_count;
    char **paths;                 /* [path_count] pictures, resolved: one file, one name */
    size_t path_count;
    size_t most;                  /* requests that are made together: fewer when memory does not hold what they need */
} edits_shared;

enum { REQUESTS_AT_ONCE = 8 };
/* Operations of those: a few minutes' of one machine. A signal or a crash loses them. */
static const double work_at_once = 4e13;

/* ---- what edits share ---- */

static const char *resolve(edits_shared *e, const char *path)
{
    if (!path)
        return NULL;
    char *resolved = realpath(path, NULL);
    e->paths = mem_resize(e->paths, e->path_count + 1, sizeof *e->paths);
    return e->paths[e->path_count++] = resolved ? resolved : mem_text(path);
}

static pb_question question_of(edits_shared *e, const sweep_job *j, const row_question *q)
{
    return (pb_question){.image = resolve(e, q->image), .question = q->question, .prefill = q->prefill,
                         .constraints = q->constraints, .constraint_count = q->constraint_count, .constraint_starts = q->starts,
                         .all_occurrences = j->options.all_occurrences, .template_name = j->options.template_name,
                         .image_order = q->image ? j->options.image_order : NULL};
}

static void make_pool(edits_shared *e, const sweep_job *j)
{
    e->pool = mem_new(j->rows.count, sizeof *e->pool);
    for (size_t i = 0; i < j->rows.count; i++) {
        const row *r = &j->rows.items[i];
        if (r->marked || r->problem || !r->asked.image)
            continue;
        e->pool[e->pool_count++] = (measure_question){.asked = question_of(e, j, &r->asked), .id = r->id, .subject = r->subject,
                                                      .answers = r->answers, .answer_count = r->answer_count};
    }
}

static pb_question with_template(const sweep_job *j, const pb_question *q)
{
    pb_question copy = *q;
    if (!copy.template_name && !copy.prompt)
        copy.template_name = j->options.template_name;
    return copy;
}

static void make_evaluation(edits_shared *e, const sweep_job *j)
{
    const pb_sweep_options *o = &j->options;
    e->evaluation = mem_new(o->eval_count, sizeof *e->evaluation);
    for (size_t i = 0; i < o->eval_count; i++) {
        const pb_eval_question *q = &o->eval[i];
        e->evaluation[i] = (measure_question){.asked = with_template(j, &q->question), .name = q->name, .id = q->id,
                                              .subject = q->subject, .answers = q->answers, .answer_count = q->answer_count};
        e->evaluation[i].asked.image = resolve(e, q->question.image);
    }
}

static pb_status open_kept(edits_shared *e, sweep_job *j, pb_error *err)
{
    const pb_edit_options *o = &j->options.edit;
    e->kept = mem_new(o->keep_count, sizeof *e->kept);
    e->kept_pointers = mem_new(o->keep_count, sizeof *e->kept_pointers);
    for (; e->kept_count < o->keep_count; e->kept_count++) {
        pb_question q = with_template(j, &o->keep[e->kept_count].question);
        TRY(question_open_shared(&e->kept[e->kept_count], j->model, &q, &j->pictures, err));
        e->kept_pointers[e->kept_count] = &e->kept[e->kept_count];
    }
    e->settings.keep = e->kept_pointers;
    e->settings.keep_count = e->kept_count;
    e->settings.keep_rows = o->keep_rows;
    return PB_OK;
}

static pb_status check_targets(const sweep_job *j, pb_error *err)
{
    size_t tokens;
    const char *target = j->options.target;
    for (size_t i = 0; !target && i < j->rows.count; i++)
        if (j->rows.items[i].target)
            return PB_OK;
    if (!target) {
        fail(err, PB_EINVAL, "no row has a \"target\", which its edit could make the answer");
        return fail_hint(err, "give --target TEXT, --target @FIELD or --target @other");
    }
    return target[0] == '@' ? PB_OK : edit_check_target(j->model, target, &tokens, err);
}

pb_status edits_shared_open(sweep_job *j, pb_error *err)
{
    size_t layers = j->model->decoder.config.layers;
    edits_shared *e = j->edits = mem_new(1, sizeof *e);
    e->most = j->options.edit.method == PB_MULTEDIT ? REQUESTS_AT_ONCE : 1;
    TRY(check_targets(j, err));
    TRY(edit_choose_settings(&e->settings, &j->options.edit, j->model, err));
    if (e->settings.end_layer > layers)
        return fail(err, PB_EINVAL, "layer %zu: the model has layers 0 to %zu", e->settings.end_layer - 1, layers - 1);
    make_pool(e, j);
    make_evaluation(e, j);
    return open_kept(e, j, err);
}

void edits_shared_free(sweep_job *j)
{
    edits_shared *e = j->edits;
    if (!e)
        return;
    for (size_t i = 0; i < e->kept_count; i++)
        question_free(&e->kept[i]);
    for (size_t i = 0; i < e->path_count; i++)
        free(e->paths[i]);
    free(e->kept);
    free(e->kept_pointers);
    free(e->paths);
    free(e->pool);
    free(e->evaluation);
    free(e);
    j->edits = NULL;
}

/* ---- options ---- */

static json_t *questions_json(const pb_eval_question *list, size_t count)
{
    uint64_t d = DIGEST_BEGIN;
    if (count == 0)
        return json_null();
    for (size_t i = 0; i < count; i++) {
        digest_text(&d, list[i].id);
        digest_text(&d, list[i].subject);
        digest_text(&d, list[i].question.question);
        digest_text(&d, list[i].question.prefill);
        for (size_t k = 0; k < list[i].answer_count; k++)
            digest_text(&d, list[i].answers[k]);
    }
    return json_pack("{s:o, s:o}", "questions", make_count(count), "digest", digest_json(d));
}

static void set_numbers(json_t *o, const edit_settings *s)
{
    json_object_set_new(o, "steps", make_count(s->steps));
    json_object_set_new(o, "lr", make_number(s->lr));
    if (s->method == EDIT_MULTEDIT) {
        json_object_set_new(o, "weight_decay", make_number(s->weight_decay));
        json_object_set_new(o, "clamp", make_number(s->clamp));
        json_object_set_new(o, "lambda", make_number(s->lambda));
        json_object_set_new(o, "key", make_text(s->key ? s->key : "constraint:0"));
        json_object_set_new(o, "keep_rows", make_text(s->keep_rows));
        json_object_set_new(o, "keep_lambda", make_number(s->keep_lambda));
    }
    if (s->method == EDIT_FT_CONSTRAINED)
        json_object_set_new(o, "epsilon", make_number(s->epsilon));
}

void sweep_edit_options(const sweep_job *j, json_t *o)
{
    static const char *const methods[] = {[PB_MULTEDIT] = "multedit", [PB_FT] = "ft", [PB_FT_CONSTRAINED] = "ft-constrained"};
    static const char *const scopes[] = {[PB_FT_MATRIX] = "matrix", [PB_FT_DOWN] = "down", [PB_FT_ALL] = "all"};
    const pb_edit_options *e = &j->options.edit;
    const edit_settings *s = &j->edits->settings;
    bool one = s->end_layer == s->first_layer + 1;
    json_object_set_new(o, "method", json_string(methods[e->method]));
    json_object_set_new(o, "target", make_text(j->options.target ? j->options.target : "@target"));
    json_object_set_new(o, "target_tokens", json_string(e->whole_target ? "all" : "first"));
    json_object_set_new(o, "layer", one ? make_count(s->first_layer) : json_pack("[o, o]", make_count(s->first_layer),
                                                                                 make_count(s->end_layer)));
    if (e->method != PB_MULTEDIT)
        json_object_set_new(o, "ft_scope", json_string(scopes[e->ft_scope]));
    set_numbers(o, s);
    json_object_set_new(o, "neighbours", make_count(e->neighbours));
    json_object_set_new(o, "keep", questions_json(e->keep, e->keep_count));
    json_object_set_new(o, "eval", questions_json(j->options.eval, j->options.eval_count));
}

/* Each step goes forward and backward from the key on; then all that is measured is asked twice. */
double sweep_edit_work(const sweep_job *j, size_t length, size_t behind)
{
    const pb_sweep_options *o = &j->options;
    double steps = (double)j->edits->settings.steps, asked = 2 * (double)(1 + o->edit.neighbours + o->eval_count);
    return decoder_rows_flop(j, 3 * steps * (double)behind + asked * (double)length);
}

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
    } values[] = {{"before_prob", before_prob}, {"prob", after_prob}, {"before_exact", before_right}, {"exact", after_right}};
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

/* edit.json, without the evaluation questions one by one. */
static json_t *detail_of(const sweep_job *j, const edit_run_result *r)
{
    const char *preset = j->options.edit.preset ? j->options.edit.preset : "default";
    const edit_report report = {.about = about_of(j->model, NULL), .preset = preset, .run = r};
    json_t *o = report_edit_json(&report);
    json_object_del(json_object_get(o, "specificity"), "asked");
    return o;
}

/* ---- one row ---- */

/* What the picture shows, where the row does not say: as an evaluation question about it says. */
static const char *subject_of(const sweep_job *j, const row *r, const char *picture_file)
{
    for (size_t i = 0; !r->subject && picture_file && i < j->options.eval_count; i++) {
        const measure_question *q = &j->edits->evaluation[i];
        if (q->subject && q->asked.image && strcmp(q->asked.image, picture_file) == 0)
            return q->subject;
    }
    return r->subject;
}

/* made[rephrasing_count] */
static measure_request request_of(sweep_job *j, const sweep_item *item, measure_question *made)
{
    const row *r = &j->rows.items[item->row];
    measure_request q = {.question = {.asked = item->asked.question, .name = r->id, .id = r->id, .answers = r->answers,
                                      .answer_count = r->answer_count},
                         .target = item->asked.target, .rephrasings = made, .rephrasing_count = r->rephrasing_count};
    q.question.asked.image = resolve(j->edits, item->asked.question.image);
    q.question.subject = subject_of(j, r, q.question.asked.image);
    for (size_t i = 0; i < r->rephrasing_count; i++)
        made[i] = (measure_question){.asked = question_of(j->edits, j, &r->rephrasings[i]), .subject = q.question.subject};
    return q;
}

/* Some requests on their way. */
typedef struct edits_batch {
    sweep_job *j;
    sweep_item **items;           /* [count] */
    sweep_outcome **out;          /* [count] */
    measure_request *requests;    /* [count] */
    measure_question **made;      /* [count] */
    size_t *numbers;              /* [count] */
    size_t count, memory;
} edits_batch;

static void keep_edit(sweep_job *j, sweep_item *item, const edit_run_result *r, sweep_result *out)
{
    const measure_answer *before = &r->measured.results[0].edited.before;
    buffer_text(&item->text, before->text);
    item->correct = sweep_judge(&j->rows.items[item->row], before->text);
    out->r.clean_prob = before->prob;
    out->r.flop = r->cost.flop;
    keep_metrics(out, r);
    result_detail(out, detail_of(j, r));
}

/* What `count` requests of the batch from `first` on ask. */
static measure_plan measured_of(const edits_batch *b, size_t first, size_t count)
{
    const sweep_job *j = b->j;
    const edits_shared *e = j->edits;
    return (measure_plan){.requests = b->requests + first, .request_count = count, .numbers = b->numbers + first,
                          .pool = e->pool, .pool_count = e->pool_count, .evaluation = e->evaluation,
                          .evaluation_count = j->options.eval_count, .neighbours = j->options.edit.neighbours,
                          .seed = j->options.run.seed, .memory = b->memory, .pictures = &b->j->pictures};
}

/* Makes and measures `count` edits of the batch from `first` on; *refused as in edit_run_result. */
static pb_status run_requests(const edits_batch *b, size_t first, size_t count, size_t *refused, pb_error *err)
{
    sweep_job *j = b->j;
    edit_settings settings = j->edits->settings;
    const measure_plan plan = measured_of(b, first, count);
    edit_run_result r;
    settings.memory = b->memory;
    pb_status status = edit_run(&r, j->model, &plan, &settings, j->options.edit.whole_target, err);
    *refused = r.refused;
    for (size_t i = 0; i < count && !status; i++) {
        edit_run_result one = edit_run_one(&r, i);
        keep_edit(j, b->items[first + i], &one, &b->out[first + i]->result);
        edit_run_one_free(&one);
    }
    if (!status)
        edit_run_free(&r);
    return status;
}

static void end_request(const edits_batch *b, size_t i, pb_status status, const pb_error *why)
{
    b->out[i]->status = status;
    b->out[i]->why = *why;
}

/* Takes one of the batch's requests out. */
static void take_out(edits_batch *b, size_t at)
{
    free(b->made[at]);
    memmove(b->made + at, b->made + at + 1, (b->count - at - 1) * sizeof *b->made);
    memmove(b->requests + at, b->requests + at + 1, (b->count - at - 1) * sizeof *b->requests);
    memmove(b->numbers + at, b->numbers + at + 1, (b->count - at - 1) * sizeof *b->numbers);
    memmove(b->items + at, b->items + at + 1, (b->count - at - 1) * sizeof *b->items);
    memmove(b->out + at, b->out + at + 1, (b->count - at - 1) * sizeof *b->out);
    b->count--;
}

/* A request whose target makes no token, or is what the model says already, ends there, and the others go on; another failure is
 * that of one of them: each is made by itself. Where memory is missing they are fewer from now on. What is told to stop is given up. */
static void run_batch(edits_batch *b)
{
    pb_error why = {0};
    size_t refused = 0;
    pb_status status = PB_OK;
    while (b->count && (status = run_requests(b, 0, b->count, &refused, &why)) && refused) {
        end_request(b, refused - 1, status, &why);
        take_out(b, refused - 1);
    }
    if (!status || b->count == 0)
        return;
    if (status == PB_ENOMEM && b->count > 1)
        b->j->edits->most = b->count / 2;
    bool apart = b->count > 1 && status != PB_EINTERRUPTED;
    for (size_t i = 0; i < b->count; i++) {
        if (apart)
            status = run_requests(b, i, 1, &refused, &why);
        if (status)
            end_request(b, i, status, &why);
    }
}

/* How many of the items are made together. */
static size_t batch_length(const sweep_job *j, sweep_item *const *items, size_t count)
{
    double work = 0;
    size_t n = 0;
    while (n < count && n < j->edits->most && (n == 0 || work + sweep_job_work(j, items[n]->row) <= work_at_once))
        work += sweep_job_work(j, items[n++]->row);
    return n;
}

/* Adds an item's request, or finds that its target makes no token. */
static void add_request(edits_batch *b, sweep_item *item, sweep_outcome *out)
{
    size_t tokens;
    out->status = edit_check_target(b->j->model, item->asked.target, &tokens, &out->why);
    if (out->status)
        return;
    b->made[b->count] = mem_new(b->j->rows.items[item->row].rephrasing_count, sizeof **b->made);
    b->requests[b->count] = request_of(b->j, item, b->made[b->count]);
    b->numbers[b->count] = item->row;
    b->items[b->count] = item;
    b->out[b->count++] = out;
}

static edits_batch batch_of(sweep_job *j, sweep_item *const *items, size_t n, size_t memory, sweep_outcome *out)
{
    edits_batch b = {.j = j, .items = mem_new(n, sizeof *b.items), .out = mem_new(n, sizeof *b.out),
                     .requests = mem_new(n, sizeof *b.requests), .made = mem_new(n, sizeof *b.made),
                     .numbers = mem_new(n, sizeof *b.numbers), .memory = memory};
    for (size_t i = 0; i < n; i++)
        add_request(&b, items[i], &out[i]);
    return b;
}

static void batch_free(edits_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        free(b->made[i]);
    free(b->items);
    free(b->out);
    free(b->requests);
    free(b->made);
    free(b->numbers);
}

size_t sweep_edit(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    size_t n = batch_length(j, items, count);
    edits_batch b = batch_of(j, items, n, memory, out);
    run_batch(&b);
    batch_free(&b);
    return n;
}

/* ---- what it takes ---- */

/* The questions that would be made together with the first of them, as far as it is known which those are: items[REQUESTS_AT_ONCE]
 * with what is asked; returns how many. */
static size_t next_items(sweep_job *j, const sweep_item *first, sweep_item *items)
{
    size_t n = 0;
    for (size_t u = 0; u < j->unit_count; u++)
        for (size_t i = 0; i < j->units[u].count && n < REQUESTS_AT_ONCE; i++) {
            size_t at = j->units[u].questions[i];
            if (n == 0 && at != first->row)
                continue;
            items[n] = (sweep_item){.row = at};
            if (sweep_job_work(j, at) > 0 && !sweep_ask(&items[n].asked, j, at, NULL))
                n++;
        }
    return n;
}

/* The whole of a batch is planned, of which the first request takes its part. */
static pb_status foresee_batch(const edits_batch *b, run_plan *plan, pb_error *err)
{
    const sweep_job *j = b->j;
    double work = 0;
    size_t tokens = 1;
    edit_settings settings = j->edits->settings;
    settings.memory = b->memory;
    const measure_plan asked = measured_of(b, 0, b->count);
    if (b->count == 0)
        return fail(err, PB_EINVAL, "there is nothing to plan");
    if (j->options.edit.whole_target)
        TRY(edit_check_target(j->model, b->requests[0].target, &tokens, err));
    for (size_t i = 0; i < b->count; i++)
        work += sweep_job_work(j, b->items[i]->row);
    plan->times = sweep_job_work(j, b->items[0]->row) / work;
    return edit_foresee(plan, &asked, &settings, tokens, err);
}

pb_status sweep_edit_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err)
{
    sweep_item items[REQUESTS_AT_ONCE], *list[REQUESTS_AT_ONCE];
    sweep_outcome out[REQUESTS_AT_ONCE] = {0};
    size_t n = next_items(j, item, items);
    for (size_t i = 0; i < n; i++)
        list[i] = &items[i];
    edits_batch b = batch_of(j, list, batch_length(j, list, n), j->options.run.memory, out);
    pb_status status = foresee_batch(&b, plan, err);
    batch_free(&b);
    for (size_t i = 0; i < n; i++)
        sweep_asked_free(&items[i].asked);
    return status;
}
