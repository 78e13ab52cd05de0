/* edit_made_up.c: see edit_made_up.h. The numbers imitate what edits look like: the loss falls, P(target) rises, some
 * neighbours change with it. */
#include "edit_made_up.h"

#include <math.h>
#include <stdlib.h>

const edit_made_up_request edit_made_up_usual = {
    .requests = 1, .steps = 20, .rephrasings = 2, .pictures = 1, .neighbours = 10, .evaluation = 24, .first_layer = 2,
    .end_layer = 3, .image_path = "flags/pt.png",
};

static const char *const constraint = "this country";
static const char *const awkward_constraint = "<\"'&";
static const size_t place = 23;
static int32_t target_ids[] = {7, 8};
static const char *const subjects[] = {"Portugal", "Spain", "Japan", "Kenya", "Norway"};

static measure_question question_of(const edit_made_up_request *q, size_t i, const char *text)
{
    static const char *const files[] = {"flags/pt.png", "flags/es.png", "flags/jp.png", "flags/ke.png", "flags/no.png"};
    measure_question m = {.id = i % 2 ? "q-1" : NULL, .subject = subjects[i % 5]};
    m.asked = (pb_question){.question = text, .image = i == 0 ? q->image_path : files[i % 5], .constraints = &constraint,
                            .constraint_starts = &place, .constraint_count = 1};
    if (q->awkward) {
        m.id = "\xff</script>";
        m.asked.question = "<&\"'>]]> \x01\x1b \xff\xfe <\"'& \xe2\x80\xae";
        m.asked.constraints = &awkward_constraint;
        m.asked.constraint_starts = NULL;
    }
    return m;
}

static measured measured_of(const measure_question *q, double before, double after, bool wanted)
{
    bool changed = fabs(after - before) > 0.3;
    return (measured){
        .question = q,
        .before = {.prob = before, .text = " Lisbon", .right = !wanted},
        .after = {.prob = after, .text = changed ? " Madrid" : " Lisbon", .right = changed == wanted},
        .kept = !changed, .kl = 0.01 + after / 10, .key_cosine = NAN,
    };
}

static measured_list list_of(const edit_made_up_request *q, size_t n, const char *text, double before, double after,
                             bool wanted)
{
    measured_list list = {mem_new(n, sizeof *list.items), n};
    for (size_t i = 0; i < n; i++) {
        measure_question *asked = mem_new(1, sizeof *asked);
        *asked = question_of(q, i + 1, text);
        list.items[i] = measured_of(asked, before, i % 3 == 1 ? after : before + 0.02, wanted);
        list.items[i].key_cosine = wanted ? NAN : 0.97 - 0.01 * (double)i;
    }
    return list;
}

static void make_result(edit_made_up *m, const edit_made_up_request *q, size_t i)
{
    measure_result *r = &m->run.measured.results[i];
    double after = q->fails ? 0.0004 : 0.998;
    m->run.requests[i] = (measure_request){.question = question_of(q, i, "What is the capital of this country?"),
                                       .target = q->awkward ? "<b>\n" : "Madrid", .target_id = 7};
    r->edited = measured_of(&m->run.requests[i].question, 0.0003, after, true);
    r->rephrasings = list_of(q, q->rephrasings, "Which city is the capital of this country?", 0.0002, 0.87, true);
    r->pictures = list_of(q, q->pictures, "What is the capital of this country?", 0.0002, 0.87, true);
    r->neighbours = list_of(q, q->neighbours, "What is the capital of this country?", 0.001, 0.6, false);
    r->evaluation = list_of(q, q->evaluation, "Which currency is used in this country?", 0.01, 0.4, false);
    r->done = true;
    m->run.targets[i] = target_ids;
    m->run.target_counts[i] = i % 2 + 1;
}

static void make_found(edit_made_up *m, const edit_made_up_request *q, size_t i)
{
    edit_request_found *f = &m->run.found[i];
    *f = (edit_request_found){.key_position = 580, .delta_norm = 1.75 + (double)i};
    f->loss = mem_new(q->steps, sizeof *f->loss);
    f->prob = mem_new(q->steps, sizeof *f->prob);
    for (size_t s = 0; s < q->steps; s++) {
        f->loss[s] = q->fails ? 7.8 : 8.1 * exp(-0.4 * (double)s - 0.1 * (double)(i % 7)) + 0.002;
        f->prob[s] = exp(-f->loss[s]);
    }
}

static void make_factors(edit_made_up *m, const edit_made_up_request *q)
{
    size_t layers = q->end_layer - q->first_layer, n = q->requests * layers;
    edit_factors *f = &m->factors;
    *f = (edit_factors){.count = n, .d_ff = 6, .d_model = 4, .together = q->together};
    f->key = mem_new(n * f->d_ff, sizeof *f->key);
    f->v0 = mem_new(n * f->d_model, sizeof *f->v0);
    f->v = mem_new(n * f->d_model, sizeof *f->v);
    f->u = mem_new(n * f->d_model, sizeof *f->u);
    f->layer = mem_new(n, sizeof *f->layer);
    f->request = mem_new(n, sizeof *f->request);
    for (size_t i = 0; i < n; i++) {
        f->layer[i] = (int64_t)(q->first_layer + i % layers);
        f->request[i] = (int64_t)(i / layers);
        f->key[i * f->d_ff] = 0.5f + (float)i;
        f->u[i * f->d_model + 1] = -0.25f * (float)i;
    }
    m->report.factors = f;
}

static interval interval_at(double mean, size_t questions)
{
    size_t n = questions < 5 ? questions : 5;
    return questions ? (interval){mean, fmax(0, mean - 0.05), mean + 0.05, questions, n} : (interval){0};
}

static void make_summary(edit_made_up *m, const edit_made_up_request *q)
{
    measure_summary *s = &m->run.summary;
    measure_success *all[] = {&s->edited, &s->rephrasings, &s->pictures};
    size_t counts[] = {q->requests, q->requests * q->rephrasings, q->requests * q->pictures};
    double reached[] = {q->fails ? 0 : 1, 0.5, 0};
    for (size_t i = 0; i < 3; i++)
        *all[i] = (measure_success){interval_at(0.0003, counts[i]), interval_at(q->fails ? 0.0004 : 0.9, counts[i]),
                                    interval_at(0, counts[i]), interval_at(reached[i], counts[i])};
    size_t n = q->requests * q->neighbours, e = q->requests * q->evaluation;
    s->neighbourhood.kept = interval_at(q->awkward ? 0.3 : 0.7, n);
    s->neighbourhood.target_change = interval_at(0.2, n);
    s->neighbourhood.key_cosine = interval_at(0.92, q->method == EDIT_MULTEDIT ? n : 0);
    s->specificity.before = interval_at(0.75, e);
    s->specificity.after = interval_at(0.7, e);
    s->specificity.change = interval_at(-0.05, e);
    s->specificity.kl = interval_at(0.02, e);
    s->specificity.gained_count = e ? 1 : 0;
    s->specificity.lost_count = e ? 2 : 0;
}

/* Layers one by one, in which later ones reach less and spoil less. */
static void make_layers(edit_made_up *m, const edit_made_up_request *q)
{
    size_t layers = q->end_layer - q->first_layer;
    m->run.layers = mem_new(layers, sizeof *m->run.layers);
    for (size_t l = 0; l < layers; l++) {
        edit_at_layer *at = &m->run.layers[m->run.layer_count++];
        double depth = (double)l / (double)layers;
        *at = (edit_at_layer){.layer = q->first_layer + l, .summary = m->run.summary,
                              .outcomes = mem_new(q->requests, sizeof *at->outcomes)};
        at->summary.edited.after_right.mean = 1 - depth;
        at->summary.neighbourhood.kept.mean = depth;
        for (size_t i = 0; i < q->requests; i++)
            at->outcomes[i] = (struct edit_outcome){.prob = 1 - depth, .right = depth < 0.5, .delta_norm = 2,
                                                    .rephrased = NAN, .kept = depth};
    }
}

void edit_made_up_make(edit_made_up *m, const edit_made_up_request *q)
{
    *m = (edit_made_up){
        .run = {.settings = {.method = q->method, .scope = q->scope, .first_layer = q->first_layer,
                             .end_layer = q->end_layer, .steps = q->steps, .lr = 0.1, .weight_decay = 0.001, .clamp = 4,
                             .lambda = 0.01, .epsilon = 5e-4, .together = q->together},
                .whole_target = q->requests > 1, .count = q->requests, .e = {.largest_key_cosine = 0.87},
                .cost = {.seconds = 12.4, .finding = 3.1, .asking = 9.2, .flop = 3.4e13,
                         .peak_rss_bytes = (size_t)9 << 30}},
        .report = {.about = {.model_path = "models/llava-1.5-7b-hf/", .family = "llava", .dtype = "f32", .layers = 32,
                             .d_model = 4096},
                   .preset = "default"}};
    m->report.run = &m->run;
    m->run.requests = mem_new(q->requests, sizeof *m->run.requests);
    m->run.measured.results = mem_new(q->requests, sizeof *m->run.measured.results);
    m->run.found = mem_new(q->requests, sizeof *m->run.found);
    m->run.targets = mem_new(q->requests, sizeof *m->run.targets);
    m->run.target_counts = mem_new(q->requests, sizeof *m->run.target_counts);
    for (size_t i = 0; i < q->requests; i++) {
        make_result(m, q, i);
        make_found(m, q, i);
    }
    make_summary(m, q);
    if (q->sweep)
        make_layers(m, q);
    else if (q->method == EDIT_MULTEDIT)
        make_factors(m, q);
}

static void list_free(measured_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((void *)(size_t)list->items[i].question);
    free(list->items);
}

void edit_made_up_free(edit_made_up *m)
{
    for (size_t i = 0; i < m->run.count; i++) {
        list_free(&m->run.measured.results[i].rephrasings);
        list_free(&m->run.measured.results[i].pictures);
        list_free(&m->run.measured.results[i].neighbours);
        list_free(&m->run.measured.results[i].evaluation);
        free(m->run.found[i].loss);
        free(m->run.found[i].prob);
    }
    for (size_t l = 0; l < m->run.layer_count; l++)
        free(m->run.layers[l].outcomes);
    free(m->run.layers);
    free(m->run.measured.results);
    free(m->run.requests);
    free(m->run.found);
    free(m->run.targets);
    free(m->run.target_counts);
    edit_factors *f = &m->factors;
    free(f->key);
    free(f->v0);
    free(f->v);
    free(f->u);
    free(f->layer);
    free(f->request);
    *m = (edit_made_up){0};
}
