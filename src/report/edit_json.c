/* edit_json.c: an edit as JSON (docs/formats.md): the field names and their order are a contract
 * with other programs. */
#include <math.h>

#include "report/edit_report.h"
#include "report/edit_words.h"
#include "report/json_values.h"
#include "report/report.h"

/* ---- small parts ---- */

/* low and high, beside a mean that stands under a name of its own. */
static json_t *make_ends(const interval *i)
{
    return json_pack("[o, o]", make_number(i->low), make_number(i->high));
}

static json_t *make_interval(const interval *i)
{
    return json_pack("{s:o, s:o}", "mean", make_number(i->mean), "interval", make_ends(i));
}

/* A text without the space before it, which byte-level tokens bring along. */
static json_t *make_answer(const measure_answer *a)
{
    return make_text(a->text && *a->text == ' ' ? a->text + 1 : a->text);
}

/* What was answered where a target is wanted. */
static json_t *make_said(const measure_answer *a)
{
    return json_pack("{s:o, s:o, s:b}", "prob", make_number(a->prob), "answer", make_answer(a), "exact", a->right);
}

/* What was answered where an answer is right or wrong. */
static json_t *make_judged(const measure_answer *a)
{
    return json_pack("{s:o, s:b}", "answer", make_answer(a), "right", a->right);
}

/* Who was asked: what the lists of all measures begin with. */
static json_t *make_asked(const measure_question *q)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", make_text(q->id));
    json_object_set_new(o, "subject", make_text(q->subject));
    json_object_set_new(o, "image", make_text(q->asked.image));
    json_object_set_new(o, "question", make_text(edit_question(q)));
    if (q->asked.image_order)
        json_object_set_new(o, "image_order", make_text(q->asked.image_order));
    return o;
}

static json_t *make_pair(const measured *m)
{
    json_t *o = make_asked(m->question);
    json_object_set_new(o, "before", make_said(&m->before));
    json_object_set_new(o, "after", make_said(&m->after));
    return o;
}

static json_t *make_pairs(const measured_list *list)
{
    json_t *pairs = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(pairs, make_pair(&list->items[i]));
    return pairs;
}

/* ---- settings ---- */

/* The numbers that the method has. */
static json_t *make_settings(const edit_report *r)
{
    const edit_settings *s = &r->run->settings;
    json_t *o = json_object();
    json_object_set_new(o, "preset", make_text(r->preset));
    json_object_set_new(o, "target_tokens", json_string(r->run->whole_target ? "all" : "first"));
    json_object_set_new(o, "lr", make_number(s->lr));
    json_object_set_new(o, "steps", make_count(s->steps));
    if (s->method == EDIT_MULTEDIT) {
        json_object_set_new(o, "weight_decay", make_number(s->weight_decay));
        json_object_set_new(o, "clamp", make_number(s->clamp));
        json_object_set_new(o, "lambda", make_number(s->lambda));
        json_object_set_new(o, "key", make_text(s->key ? s->key : "constraint:0"));
        json_object_set_new(o, "kept_questions", make_count(s->keep_count));
        if (s->keep_count)
            json_object_set_new(o, "keep_lambda", make_number(s->keep_lambda));
    } else {
        json_object_set_new(o, "ft_scope", json_string(edit_scope_name(s->scope)));
    }
    if (s->method == EDIT_FT_CONSTRAINED)
        json_object_set_new(o, "epsilon", make_number(s->epsilon));
    return o;
}

/* A layer, or the range [a, b] that a:b names. */
static json_t *make_layer(const edit_settings *s)
{
    if (s->end_layer == s->first_layer + 1)
        return make_count(s->first_layer);
    return json_pack("[o, o]", make_count(s->first_layer), make_count(s->end_layer));
}

/* ---- requests ---- */

static json_t *make_ids(const int32_t *ids, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(ids[i]));
    return list;
}

/* What a request is, and what the model said before. */
static json_t *make_wanted(const edit_report *r, size_t i)
{
    const measure_request *q = &r->run->requests[i];
    const pb_question *asked = &q->question.asked;
    json_t *o = make_asked(&q->question);
    json_object_set_new(o, "prefill", make_text(asked->prefill));
    json_object_set_new(o, "constraint", make_text(asked->constraint_count ? asked->constraints[0] : NULL));
    json_object_set_new(o, "target", make_text(q->target));
    json_object_set_new(o, "target_ids", make_ids(r->run->targets[i], edit_target_count(r, i)));
    json_object_set_new(o, "target_token_count", make_count(r->run->target_counts[i]));
    json_object_set_new(o, "before", make_said(&r->run->measured.results[i].edited.before));
    return o;
}

static json_t *make_key_position(const edit_report *r, size_t i)
{
    return r->run->settings.method == EDIT_MULTEDIT ? make_count(r->run->found[i].key_position) : json_null();
}

/* Of a sweep: what was found stands layer by layer. */
static json_t *make_swept(const edit_report *r, size_t i)
{
    json_t *o = make_wanted(r, i);
    json_object_set_new(o, "key_position", make_key_position(r, i));
    return o;
}

static json_t *make_request(const edit_report *r, size_t i)
{
    const measure_result *result = &r->run->measured.results[i];
    const edit_request_found *found = &r->run->found[i];
    const edit_settings *s = &r->run->settings;
    json_t *o = make_wanted(r, i);
    json_object_set_new(o, "after", make_said(&result->edited.after));
    json_object_set_new(o, "loss", make_numbers(found->loss, s->steps));
    json_object_set_new(o, "prob", make_numbers(found->prob, s->steps));
    json_object_set_new(o, "layer", make_layer(s));
    json_object_set_new(o, "key_position", make_key_position(r, i));
    json_object_set_new(o, "delta_norm", make_number(found->delta_norm));
    json_object_set_new(o, "rephrasings", make_pairs(&result->rephrasings));
    json_object_set_new(o, "pictures", make_pairs(&result->pictures));
    return o;
}

static json_t *make_requests(const edit_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < edit_request_count(r); i++)
        json_array_append_new(list, edit_is_sweep(r) ? make_swept(r, i) : make_request(r, i));
    return list;
}

/* ---- measures ---- */

/* null where nothing was asked. */
static json_t *make_success(const measure_success *s)
{
    if (s->before_prob.questions == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o}}", "questions", make_count(s->before_prob.questions),
                     "subjects", make_count(s->before_prob.subjects), "prob", "before", make_interval(&s->before_prob),
                     "after", make_interval(&s->after_prob), "exact", "before", make_interval(&s->before_right),
                     "after", make_interval(&s->after_right));
}

static json_t *make_generalisation(const measure_summary *s)
{
    return json_pack("{s:o, s:o}", "rephrasings", make_success(&s->rephrasings),
                     "pictures", make_success(&s->pictures));
}

/* The neighbours of all requests. */
static json_t *make_neighbours(const edit_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured_list *of = &r->run->measured.results[i].neighbours;
        for (size_t k = 0; k < of->count; k++) {
            json_t *o = make_pair(&of->items[k]);
            json_object_set_new(o, "request", make_count(i));
            json_object_set_new(o, "kept", json_boolean(of->items[k].kept));
            json_object_set_new(o, "key_cosine", make_number(of->items[k].key_cosine));
            json_array_append_new(list, o);
        }
    }
    return list;
}

static json_t *make_neighbourhood(const measure_summary *s)
{
    const interval *kept = &s->neighbourhood.kept, *change = &s->neighbourhood.target_change;
    const interval *cosine = &s->neighbourhood.key_cosine;
    if (kept->questions == 0)
        return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "questions", make_count(kept->questions));
    json_object_set_new(o, "subjects", make_count(kept->subjects));
    json_object_set_new(o, "kept", make_number(kept->mean));
    json_object_set_new(o, "kept_interval", make_ends(kept));
    json_object_set_new(o, "target_change", make_number(change->mean));
    json_object_set_new(o, "target_change_interval", make_ends(change));
    json_object_set_new(o, "key_cosine", cosine->questions ? make_number(cosine->mean) : json_null());
    return o;
}

/* The evaluation questions of all requests: of those made together, too, each has its own, without its subject's. */
static json_t *make_evaluated(const edit_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured_list *of = &r->run->measured.results[i].evaluation;
        for (size_t k = 0; k < of->count; k++) {
            json_t *o = make_asked(of->items[k].question);
            json_object_set_new(o, "before", make_judged(&of->items[k].before));
            json_object_set_new(o, "after", make_judged(&of->items[k].after));
            json_object_set_new(o, "kept", json_boolean(of->items[k].kept));
            json_object_set_new(o, "kl", make_number(of->items[k].kl));
            json_object_set_new(o, "request", make_count(i));
            json_array_append_new(list, o);
        }
    }
    return list;
}

static json_t *make_specificity(const measure_summary *s)
{
    const interval *before = &s->specificity.before, *after = &s->specificity.after;
    if (before->questions == 0)
        return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "questions", make_count(before->questions));
    json_object_set_new(o, "subjects", make_count(before->subjects));
    json_object_set_new(o, "before", make_number(before->mean));
    json_object_set_new(o, "before_interval", make_ends(before));
    json_object_set_new(o, "after", make_number(after->mean));
    json_object_set_new(o, "after_interval", make_ends(after));
    json_object_set_new(o, "change_interval", make_ends(&s->specificity.change));
    json_object_set_new(o, "gained", make_count(s->specificity.gained_count));
    json_object_set_new(o, "lost", make_count(s->specificity.lost_count));
    json_object_set_new(o, "kl", make_number(s->specificity.kl.mean));
    json_object_set_new(o, "kl_interval", make_ends(&s->specificity.kl));
    return o;
}

static json_t *make_together(const edit_report *r)
{
    if (!r->run->settings.together)
        return json_null();
    return json_pack("{s:o}", "largest_key_cosine", make_number(edit_is_joint(r) ? r->run->e.largest_key_cosine : NAN));
}

static json_t *make_cost(const edit_cost *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "seconds", make_number(c->seconds),
                     "finding", make_number(c->finding),
                     "asking", make_number(c->asking), "flop", make_number(c->flop), "peak_rss_bytes",
                     make_count(c->peak_rss_bytes));
}

/* ---- layer by layer ---- */

static json_t *make_outcomes(const edit_report *r, const edit_at_layer *at)
{
    json_t *list = json_array();
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const struct edit_outcome *of = &at->outcomes[i];
        json_array_append_new(list, json_pack("{s:o, s:b, s:o, s:o, s:o}", "prob", make_number(of->prob), "exact",
                                              of->right, "delta_norm", make_number(of->delta_norm), "generalisation",
                                              make_number(of->rephrased), "kept", make_number(of->kept)));
    }
    return list;
}

/* What was measured of all requests: of one layer of a sweep, or of the edits. */
static void set_measures(json_t *o, const measure_summary *s)
{
    json_object_set_new(o, "efficacy", make_success(&s->edited));
    json_object_set_new(o, "generalisation", make_generalisation(s));
    json_object_set_new(o, "neighbourhood", make_neighbourhood(s));
    json_object_set_new(o, "specificity", make_specificity(s));
}

static json_t *make_sweep(const edit_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->run->layer_count; i++) {
        const edit_at_layer *at = &r->run->layers[i];
        json_t *o = json_object();
        json_object_set_new(o, "layer", make_count(at->layer));
        set_measures(o, &at->summary);
        json_object_set_new(o, "outcomes", make_outcomes(r, at));
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- the whole ---- */

/* The questions behind two of the measures. */
static void set_asked(json_t *o, const edit_report *r)
{
    json_t *neighbourhood = json_object_get(o, "neighbourhood"), *specificity = json_object_get(o, "specificity");
    if (json_is_object(neighbourhood))
        json_object_set_new(neighbourhood, "asked", make_neighbours(r));
    if (json_is_object(specificity))
        json_object_set_new(specificity, "asked", make_evaluated(r));
}

json_t *report_edit_json(const edit_report *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_string("patchbay.edit/1"));
    json_object_set_new(o, "model", about_model_json(&r->about));
    json_object_set_new(o, "method", json_string(edit_method_name(r->run->settings.method)));
    json_object_set_new(o, "settings", make_settings(r));
    json_object_set_new(o, "requests", make_requests(r));
    if (edit_is_sweep(r)) {
        json_object_set_new(o, "sweep", make_sweep(r));
    } else {
        set_measures(o, &r->run->summary);
        set_asked(o, r);
        json_object_set_new(o, "together", make_together(r));
    }
    json_object_set_new(o, "cost", make_cost(&r->run->cost));
    return o;
}
