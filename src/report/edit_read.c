/* edit_read.c: edit.json read back (result_read.h). Texts are the tree's; lists are held until edit_read_free. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/edit_read_measures.h"
#include "report/edit_words.h"
#include "report/result_read.h"

enum { MOST_STEPS = 1 << 24 };

static void *hold(edit_read *r, size_t count, size_t size)
{
    void *block = mem_new(count, size);
    r->held = mem_resize(r->held, r->held_count + 1, sizeof *r->held);
    r->held[r->held_count++] = block;
    return block;
}

/* ---- questions and answers ---- */

static pb_status read_asked(const json_at *of, measure_question *q, pb_error *err)
{
    TRY(json_at_object(of, err));
    TRY(json_at_text_of(of, "id", &q->id, err));
    TRY(json_at_text_of(of, "subject", &q->subject, err));
    TRY(json_at_text_of(of, "image", &q->asked.image, err));
    TRY(json_at_text_of(of, "image_order", &q->asked.image_order, err));
    json_at words = json_at_key(of, "question");
    return json_at_text(&words, &q->asked.question, err);
}

/* {"prob", "answer", "exact"}, or of what is right or wrong {"answer", "right"}. */
static pb_status read_answer(const json_at *of, const char *key, const char *right, measure_answer *a, pb_error *err)
{
    json_at said = json_at_key(of, key), prob = json_at_key(&said, "prob"), exact = json_at_key(&said, right);
    TRY(json_at_object(&said, err));
    TRY(json_at_text_of(&said, "answer", &a->text, err));
    TRY(json_at_bool(&exact, &a->right, err));
    a->prob = NAN;
    return strcmp(right, "exact") == 0 ? json_at_number(&prob, &a->prob, err) : PB_OK;
}

static pb_status read_measured(edit_read *r, const json_at *of, const char *right, measured *m, pb_error *err)
{
    measure_question *q = hold(r, 1, sizeof *q);
    *m = (measured){.question = q, .kl = NAN, .key_cosine = NAN};
    TRY(read_asked(of, q, err));
    TRY(read_answer(of, "before", right, &m->before, err));
    return read_answer(of, "after", right, &m->after, err);
}

static pb_status read_list(edit_read *r, const json_at *of, const char *key, measured_list *out, pb_error *err)
{
    json_at list = json_at_key(of, key);
    size_t count;
    TRY(json_at_list(&list, &count, err));
    *out = (measured_list){hold(r, count, sizeof *out->items), count};
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(&list, i);
        TRY(read_measured(r, &item, "exact", &out->items[i], err));
    }
    return PB_OK;
}

/* ---- settings ---- */

static pb_status read_method(edit_read *r, const json_at *root, pb_error *err)
{
    json_at name = json_at_key(root, "method");
    const char *word;
    TRY(json_at_text(&name, &word, err));
    for (int m = EDIT_MULTEDIT; m <= EDIT_FT_CONSTRAINED; m++)
        if (strcmp(word, edit_method_name((edit_method)m)) == 0) {
            r->run.settings.method = (edit_method)m;
            return PB_OK;
        }
    return json_at_wrong(&name, "\"multedit\", \"ft\" or \"ft-constrained\"", err);
}

static pb_status read_scope(edit_settings *s, const json_at *of, pb_error *err)
{
    json_at name = json_at_key(of, "ft_scope");
    const char *word;
    TRY(json_at_text(&name, &word, err));
    for (int scope = EDIT_MATRIX; scope <= EDIT_ALL; scope++)
        if (strcmp(word, edit_scope_name((edit_scope)scope)) == 0) {
            s->scope = (edit_scope)scope;
            return PB_OK;
        }
    return json_at_wrong(&name, "\"matrix\", \"down\" or \"all\"", err);
}

static pb_status read_multedit(edit_settings *s, const json_at *of, pb_error *err)
{
    TRY(json_at_number_of(of, "weight_decay", &s->weight_decay, err));
    TRY(json_at_number_of(of, "clamp", &s->clamp, err));
    TRY(json_at_number_of(of, "lambda", &s->lambda, err));
    TRY(json_at_size_of(of, "kept_questions", SIZE_MAX, &s->keep_count, err));
    TRY(json_at_text_of(of, "key", &s->key, err));
    if (s->key && strcmp(s->key, "constraint:0") == 0)
        s->key = NULL;
    return PB_OK;
}

static pb_status read_settings(edit_read *r, const json_at *root, pb_error *err)
{
    edit_settings *s = &r->run.settings;
    json_at of = json_at_key(root, "settings"), tokens = json_at_key(&of, "target_tokens"),
            preset = json_at_key(&of, "preset");
    const char *word;
    TRY(read_method(r, root, err));
    TRY(json_at_object(&of, err));
    TRY(json_at_text(&preset, &r->report.preset, err));
    TRY(json_at_text(&tokens, &word, err));
    r->run.whole_target = strcmp(word, "all") == 0;
    TRY(json_at_number_of(&of, "lr", &s->lr, err));
    TRY(json_at_size_of(&of, "steps", MOST_STEPS, &s->steps, err));
    if (s->method == EDIT_MULTEDIT)
        return read_multedit(s, &of, err);
    TRY(read_scope(s, &of, err));
    return s->method == EDIT_FT_CONSTRAINED ? json_at_number_of(&of, "epsilon", &s->epsilon, err) : PB_OK;
}

/* A layer, or [a, b] of a range a:b. */
static pb_status read_layer(edit_settings *s, const json_at *request, pb_error *err)
{
    json_at layer = json_at_key(request, "layer"), first = json_at_item(&layer, 0), end = json_at_item(&layer, 1);
    if (!json_is_array(layer.value)) {
        TRY(json_at_size(&layer, MOST_STEPS, &s->first_layer, err));
        s->end_layer = s->first_layer + 1;
        return PB_OK;
    }
    TRY(json_at_list_of(&layer, 2, err));
    TRY(json_at_size(&first, MOST_STEPS, &s->first_layer, err));
    TRY(json_at_size(&end, MOST_STEPS, &s->end_layer, err));
    return s->end_layer > s->first_layer ? PB_OK : json_at_wrong(&end, "more than the first layer", err);
}

/* ---- requests ---- */

static pb_status read_target(edit_read *r, const json_at *request, size_t i, pb_error *err)
{
    json_at target = json_at_key(request, "target"), ids = json_at_key(request, "target_ids");
    size_t count;
    TRY(json_at_text(&target, &r->run.requests[i].target, err));
    TRY(json_at_list(&ids, &count, err));
    if (count == 0)
        return json_at_wrong(&ids, "an id or more", err);
    r->run.targets[i] = hold(r, count, sizeof **r->run.targets);
    for (size_t k = 0; k < count; k++) {
        json_at id = json_at_item(&ids, k);
        TRY(json_at_id(&id, &r->run.targets[i][k], err));
    }
    TRY(json_at_size_of(request, "target_token_count", MOST_STEPS, &r->run.target_counts[i], err));
    json_at whole = json_at_key(request, "target_token_count");
    bool fits = r->run.whole_target ? r->run.target_counts[i] == count : r->run.target_counts[i] >= 1;
    return fits ? PB_OK : json_at_wrong(&whole, "the number of target_ids", err);
}

static pb_status read_wanted(edit_read *r, const json_at *request, size_t i, pb_error *err)
{
    measure_request *q = &r->run.requests[i];
    measured *m = &r->run.measured.results[i].edited;
    json_at key = json_at_key(request, "key_position");
    const char **constraint = hold(r, 1, sizeof *constraint);
    *m = (measured){.question = &q->question, .kl = NAN, .key_cosine = NAN};
    TRY(read_asked(request, &q->question, err));
    TRY(json_at_text_of(request, "constraint", constraint, err));
    q->question.asked.constraints = constraint;
    q->question.asked.constraint_count = *constraint != NULL;
    TRY(read_target(r, request, i, err));
    if (json_at_is_there(&key))
        TRY(json_at_size(&key, SIZE_MAX, &r->run.found[i].key_position, err));
    if (r->run.settings.method == EDIT_MULTEDIT && !r->run.settings.key && !*constraint)
        return json_at_wrong(&(json_at){.from = request, .key = "constraint", .file = request->file},
                             "a string: the key is there", err);
    return read_answer(request, "before", "exact", &m->before, err);
}

static pb_status read_request(edit_read *r, const json_at *request, size_t i, pb_error *err)
{
    size_t steps = r->run.settings.steps;
    measure_result *result = &r->run.measured.results[i];
    edit_request_found *found = &r->run.found[i];
    json_at loss = json_at_key(request, "loss"), prob = json_at_key(request, "prob");
    TRY(json_at_list_of(&loss, steps, err)); /* before so much memory is asked for */
    found->loss = hold(r, steps, sizeof *found->loss);
    found->prob = hold(r, steps, sizeof *found->prob);
    TRY(json_at_numbers(&loss, found->loss, steps, err));
    TRY(json_at_numbers(&prob, found->prob, steps, err));
    TRY(read_layer(&r->run.settings, request, err));
    TRY(json_at_number_of(request, "delta_norm", &found->delta_norm, err));
    TRY(read_answer(request, "after", "exact", &result->edited.after, err));
    TRY(read_list(r, request, "rephrasings", &result->rephrasings, err));
    return read_list(r, request, "pictures", &result->pictures, err);
}

static pb_status read_requests(edit_read *r, const json_at *root, bool swept, pb_error *err)
{
    json_at list = json_at_key(root, "requests");
    size_t count;
    TRY(json_at_list(&list, &count, err));
    if (count == 0)
        return json_at_wrong(&list, "a request or more", err);
    r->run.count = count;
    r->run.requests = hold(r, count, sizeof *r->run.requests);
    r->run.targets = hold(r, count, sizeof *r->run.targets);
    r->run.target_counts = hold(r, count, sizeof *r->run.target_counts);
    r->run.found = hold(r, count, sizeof *r->run.found);
    r->run.measured.results = hold(r, count, sizeof *r->run.measured.results);
    for (size_t i = 0; i < count; i++) {
        json_at request = json_at_item(&list, i);
        TRY(read_wanted(r, &request, i, err));
        if (!swept)
            TRY(read_request(r, &request, i, err));
    }
    return PB_OK;
}

/* ---- the questions behind two measures, which stand under them, request after request ---- */

typedef pb_status read_one(edit_read *r, const json_at *of, measured *m, pb_error *err);

static pb_status read_neighbour(edit_read *r, const json_at *of, measured *m, pb_error *err)
{
    json_at kept = json_at_key(of, "kept");
    TRY(read_measured(r, of, "exact", m, err));
    TRY(json_at_bool(&kept, &m->kept, err));
    return json_at_number_of(of, "key_cosine", &m->key_cosine, err);
}

static pb_status read_evaluated(edit_read *r, const json_at *of, measured *m, pb_error *err)
{
    json_at kept = json_at_key(of, "kept");
    TRY(read_measured(r, of, "right", m, err));
    TRY(json_at_bool(&kept, &m->kept, err));
    return json_at_number_of(of, "kl", &m->kl, err);
}

static measured_list *list_of(edit_read *r, size_t request, bool neighbours)
{
    measure_result *result = &r->run.measured.results[request];
    return neighbours ? &result->neighbours : &result->evaluation;
}

static pb_status read_behind(edit_read *r, const json_at *root, const char *key, bool neighbours, read_one *read,
                             pb_error *err)
{
    json_at of = json_at_key(root, key), list = json_at_key(&of, "asked");
    size_t count, request, before = 0;
    if (!json_at_is_there(&of))
        return PB_OK;
    TRY(json_at_list(&list, &count, err));
    measured *all = hold(r, count, sizeof *all);
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(&list, i), number = json_at_key(&item, "request");
        TRY(json_at_size(&number, r->run.count - 1, &request, err));
        if (request < before)
            return json_at_wrong(&number, "no request before the last one's", err);
        before = request;
        measured_list *mine = list_of(r, request, neighbours);
        if (mine->count == 0)
            mine->items = all + i;
        TRY(read(r, &item, &mine->items[mine->count++], err));
    }
    return PB_OK;
}

/* ---- layer by layer ---- */

static pb_status read_outcomes(edit_read *r, const json_at *one, edit_at_layer *at, pb_error *err)
{
    json_at list = json_at_key(one, "outcomes");
    TRY(json_at_list_of(&list, r->run.count, err));
    at->outcomes = hold(r, r->run.count, sizeof *at->outcomes);
    for (size_t i = 0; i < r->run.count; i++) {
        json_at item = json_at_item(&list, i), exact = json_at_key(&item, "exact");
        struct edit_outcome *of = &at->outcomes[i];
        TRY(json_at_number_of(&item, "prob", &of->prob, err));
        TRY(json_at_bool(&exact, &of->right, err));
        TRY(json_at_number_of(&item, "delta_norm", &of->delta_norm, err));
        TRY(json_at_number_of(&item, "generalisation", &of->rephrased, err));
        TRY(json_at_number_of(&item, "kept", &of->kept, err));
    }
    return PB_OK;
}

static pb_status read_sweep(edit_read *r, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "sweep");
    size_t count;
    TRY(json_at_list(&list, &count, err));
    if (count == 0)
        return json_at_wrong(&list, "a layer or more", err);
    r->run.layers = hold(r, count, sizeof *r->run.layers);
    r->run.layer_count = count;
    for (size_t i = 0; i < count; i++) {
        json_at one = json_at_item(&list, i);
        TRY(json_at_size_of(&one, "layer", MOST_STEPS, &r->run.layers[i].layer, err));
        TRY(edit_measures_read(&one, &r->run.layers[i].summary, err));
        TRY(read_outcomes(r, &one, &r->run.layers[i], err));
    }
    r->run.settings.first_layer = r->run.layers[0].layer;
    r->run.settings.end_layer = r->run.layers[count - 1].layer + 1;
    return PB_OK;
}

/* ---- the whole ---- */

static pb_status read_together(edit_read *r, const json_at *root, pb_error *err)
{
    json_at together = json_at_key(root, "together");
    r->run.settings.together = json_at_is_there(&together);
    r->run.e.largest_key_cosine = NAN;
    if (!r->run.settings.together)
        return PB_OK;
    TRY(json_at_object(&together, err));
    return json_at_number_of(&together, "largest_key_cosine", &r->run.e.largest_key_cosine, err);
}

static pb_status read_cost(edit_cost *c, const json_at *root, pb_error *err)
{
    json_at cost = json_at_key(root, "cost");
    TRY(json_at_object(&cost, err));
    TRY(json_at_number_of(&cost, "seconds", &c->seconds, err));
    TRY(json_at_number_of(&cost, "finding", &c->finding, err));
    TRY(json_at_number_of(&cost, "asking", &c->asking, err));
    TRY(json_at_number_of(&cost, "flop", &c->flop, err));
    return json_at_size_of(&cost, "peak_rss_bytes", SIZE_MAX, &c->peak_rss_bytes, err);
}

static pb_status read_all(edit_read *r, const json_at *root, pb_error *err)
{
    json_at sweep = json_at_key(root, "sweep");
    bool swept = json_at_is_there(&sweep);
    TRY(about_model_read(&r->report.about, root, err));
    TRY(read_settings(r, root, err));
    TRY(read_requests(r, root, swept, err));
    if (swept) {
        TRY(read_sweep(r, root, err));
    } else {
        TRY(edit_measures_read(root, &r->run.summary, err));
        TRY(read_behind(r, root, "neighbourhood", true, read_neighbour, err));
        TRY(read_behind(r, root, "specificity", false, read_evaluated, err));
        TRY(read_together(r, root, err));
    }
    return read_cost(&r->run.cost, root, err);
}

/* The page says whether there is an edit.npz, and no more of it. */
static const edit_factors beside_it;

pb_status edit_read_json(edit_read *r, const json_at *root, pb_error *err)
{
    *r = (edit_read){.report.run = NULL};
    pb_status status = read_all(r, root, err);
    r->report.run = &r->run;
    r->report.factors = r->run.settings.method == EDIT_MULTEDIT && r->run.layer_count == 0 ? &beside_it : NULL;
    if (status)
        edit_read_free(r);
    return status;
}

void edit_read_free(edit_read *r)
{
    for (size_t i = 0; i < r->held_count; i++)
        free(r->held[i]);
    free(r->held);
    *r = (edit_read){.report.run = NULL};
}
