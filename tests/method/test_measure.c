/* test_measure.c: a measurement asks whom it should, each once; every number in it is what the question gives when it
 * is asked alone; and the summary is of just these. On the demo model, which knows its answers. */
#include "tests/method/asked.h"

#include "method/measure.h"
#include "method/vqa.h"

#define DEMO TEST_DATA "/../models/demo"

enum { MOST = 32, REQUESTS = 3, KEY_LAYER = 2 };

/* ---- the demo's questions ---- */

typedef struct row {
    json_t *json;
    char *image;
    const char *constraint, *answer;
} row;

typedef struct scene {
    model *m;
    row rows[MOST];
    measure_question evaluation[MOST];
    size_t count;
    measure_request requests[REQUESTS];
    measure_question rephrasings[2];
    weight_term terms[REQUESTS];
    measure_change changes[REQUESTS];
    size_t before_total, after_total; /* questions of a pass, as progress has them */
} scene;

static scene one;

static void add_row(scene *s, const char *line)
{
    row *r = &s->rows[s->count];
    assert_ok(json_parse_object(&r->json, line, strlen(line), "questions.jsonl", err));
    r->image = path_join(DEMO, json_string_value(json_object_get(r->json, "image")));
    const json_t *constraint = json_array_get(json_object_get(r->json, "constraints"), 0);
    r->constraint = json_string_value(json_object_get(constraint, "text"));
    r->answer = json_string_value(json_array_get(json_object_get(r->json, "answers"), 0));
    s->evaluation[s->count++] = (measure_question){
        .asked = {.image = r->image, .question = json_string_value(json_object_get(r->json, "question")),
                  .constraints = &r->constraint, .constraint_count = 1},
        .id = json_string_value(json_object_get(r->json, "id")),
        .subject = json_string_value(json_object_get(r->json, "subject")),
        .answers = &r->answer, .answer_count = 1};
}

static void read_rows(scene *s)
{
    file_map map;
    assert_ok(file_map_open(&map, DEMO "/questions.jsonl", err));
    char *text = mem_text_n((const char *)map.data, map.size), *rest = text, *line;
    while ((line = strtok_r(rest, "\n", &rest)))
        add_row(s, line);
    free(text);
    file_map_close(&map);
}

/* An edit of rank 1 that answers to the question's own key, with a made-up value. */
static weight_term made_up_edit(scene *s, const pb_question *p, uint64_t seed, float scale)
{
    const decoder_config *c = &s->m->decoder.config;
    float *a = zeros(c->d_ff), *b = gaussians(c->d_model, seed), squares = 0;
    question q;
    assert_ok(question_open(&q, s->m, p, err));
    tap t = {SITE_MLP_POST, KEY_LAYER, q.prompt.constraints[0].positions[q.prompt.constraints[0].count - 1], a};
    replay_fork f = {.end = q.length, .input = q.input, .read_first = q.last, .taps = &t, .tap_count = 1};
    rows_free(run_forks(&s->m->decoder, &f, 1, 0, NULL), 1);
    question_free(&q);
    for (size_t i = 0; i < c->d_ff; i++)
        squares += a[i] * a[i];
    for (size_t i = 0; i < c->d_ff; i++)
        a[i] *= scale / squares;
    return (weight_term){.layer = KEY_LAYER, .part = PART_DOWN, .rank = 1, .a = a, .b = b};
}

static int32_t first_id(const model *m, const char *text)
{
    int32_t *ids, first;
    size_t count;
    assert_ok(tokenizer_mid_sentence(m->tokenizer, text, "", &ids, &count, err));
    first = ids[0];
    free(ids);
    return first;
}

/* Row, target and strength of each request: about Portugal, Japan and Kenya. */
static const struct {
    size_t row;
    const char *target;
    float scale;
} wanted[REQUESTS] = {{0, "Madrid", 300}, {5, "Lisbon", 0.5f}, {9, "Euro", 60}};

static int open_scene(void **state)
{
    (void)state;
    scene *s = &one;
    s->m = tiny_open(DEMO);
    read_rows(s);
    s->rephrasings[0] = (measure_question){.asked = s->evaluation[0].asked};
    s->rephrasings[0].asked.question = "Which city is the capital of this country?";
    s->rephrasings[1] = s->evaluation[12]; /* another picture of it */
    for (size_t i = 0; i < REQUESTS; i++) {
        s->requests[i] = (measure_request){.question = s->evaluation[wanted[i].row], .target = wanted[i].target,
                                           .target_id = first_id(s->m, wanted[i].target)};
        s->terms[i] = made_up_edit(s, &s->requests[i].question.asked, 30 + i, wanted[i].scale);
        s->changes[i] = (measure_change){&s->terms[i], 1};
    }
    s->requests[0].rephrasings = s->rephrasings;
    s->requests[0].rephrasing_count = 2;
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene *s = &one;
    for (size_t i = 0; i < s->count; i++) {
        json_decref(s->rows[i].json);
        free(s->rows[i].image);
    }
    for (size_t i = 0; i < REQUESTS; i++)
        free((void *)s->terms[i].a), free((void *)s->terms[i].b);
    model_free(s->m);
    return 0;
}

static void count_questions(void *context, const char *what, double done, double total)
{
    scene *s = context;
    assert_true(done <= total);
    *(strcmp(what, "asking before") == 0 ? &s->before_total : &s->after_total) = (size_t)total;
}

static measure_plan the_plan(void)
{
    scene *s = &one;
    return (measure_plan){.requests = s->requests, .request_count = REQUESTS, .evaluation = s->evaluation,
                          .evaluation_count = s->count, .neighbours = 4, .key_layer = KEY_LAYER, .seed = 9,
                          .progress = count_questions, .context = s};
}

static measure measured_before(const measure_plan *plan)
{
    measure x;
    assert_ok(measure_open(&x, one.m, plan, err));
    assert_ok(measure_before(&x, err));
    return x;
}

/* All requests at once, each under its own change. */
static measure measured_all(const measure_plan *plan)
{
    measure x = measured_before(plan);
    assert_ok(measure_after(&x, (size_t[]){0, 1, 2}, REQUESTS, one.changes, err));
    return x;
}

/* ---- who is asked ---- */

static bool shows(const char *path, const char *name)
{
    return strcmp(strrchr(path, '/') + 1, name) == 0;
}

/* The pictures of the pool in the order of the rows, by their names. */
static const char *const pool[] = {"pt.png", "es.png", "jp.png", "br.png", "ke.png", "ch.png", "pt-photo.png",
                                   "jp-photo.png", "eg-photo.png"};

/* As the header has it: of those that fit the k-th is exchanged with that at k + random_below(n - k). */
static void assert_drawn(const measured_list *list, size_t request, const char *const *fitting, size_t n)
{
    const char *names[9];
    random_state r = random_from(9 + request);
    memcpy(names, fitting, n * sizeof *names);
    assert_int_equal(list->count, n < 4 ? n : 4);
    for (size_t k = 0; k < list->count; k++) {
        size_t other = k + random_below(&r, n - k);
        const char *drawn = names[other];
        names[other] = names[k];
        assert_true(shows(list->items[k].question->asked.image, drawn));
        assert_string_equal(list->items[k].question->asked.question, one.requests[request].question.asked.question);
    }
}

static void neighbours_are_drawn_from_the_pool(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x;
    assert_ok(measure_open(&x, one.m, &plan, err));
    /* Portugal -> Madrid: not its own pictures, nor Spain's, of which a row has Madrid for an answer. */
    const char *of_portugal[] = {pool[2], pool[3], pool[4], pool[5], pool[7], pool[8]};
    assert_drawn(&x.results[0].neighbours, 0, of_portugal, 6);
    /* Japan -> Lisbon: not its own, nor Portugal's. */
    const char *of_japan[] = {pool[1], pool[3], pool[4], pool[5], pool[8]};
    assert_drawn(&x.results[1].neighbours, 1, of_japan, 5);
    /* Kenya -> Euro: not Spain's. */
    const char *of_kenya[] = {pool[0], pool[2], pool[3], pool[5], pool[6], pool[7], pool[8]};
    assert_drawn(&x.results[2].neighbours, 2, of_kenya, 7);
    const measure_question *drawn = x.results[0].neighbours.items[0].question;
    for (size_t i = 0; i < one.count; i++)
        if (strcmp(one.evaluation[i].asked.image, drawn->asked.image) == 0)
            assert_string_equal(drawn->subject, one.evaluation[i].subject);
    /* The other picture of the same subject. */
    assert_int_equal(x.results[0].pictures.count, 1);
    assert_true(shows(x.results[0].pictures.items[0].question->asked.image, "pt-photo.png"));
    assert_int_equal(x.results[2].pictures.count, 0);
    for (size_t r = 0; r < REQUESTS; r++) {
        measured_list far = x.results[r].evaluation;
        size_t others = 0;
        for (size_t i = 0; i < one.count; i++)
            if (strcmp(one.evaluation[i].subject, one.requests[r].question.subject) != 0)
                assert_ptr_equal(far.items[others++].question, &one.evaluation[i]);
        assert_int_equal(far.count, others);
    }
    measure_free(&x);
}

static void without_names_a_picture_is_a_subject(void **state)
{
    (void)state;
    measure_question nameless[3] = {one.evaluation[0], one.evaluation[1], one.evaluation[12]};
    for (size_t i = 0; i < 3; i++)
        nameless[i].subject = NULL;
    measure_request request = one.requests[0];
    request.question.subject = NULL;
    measure_plan plan = the_plan();
    plan.requests = &request, plan.request_count = 1, plan.evaluation = nameless, plan.evaluation_count = 3;
    measure x;
    assert_ok(measure_open(&x, one.m, &plan, err));
    assert_int_equal(x.results[0].evaluation.count, 1); /* of the other picture */
    assert_int_equal(x.results[0].neighbours.count, 1);
    assert_int_equal(x.results[0].pictures.count, 0);
    measure_free(&x);
}

static void no_picture_no_neighbours(void **state)
{
    (void)state;
    measure_request request = {.question.asked = {.question = "What is the capital of Portugal?"}, .target = "Madrid",
                               .target_id = first_id(one.m, "Madrid")};
    measure_plan plan = the_plan();
    plan.requests = &request, plan.request_count = 1, plan.evaluation_count = 4;
    measure x = measured_before(&plan);
    assert_true(x.results[0].neighbours.count == 0 && x.results[0].pictures.count == 0);
    assert_true(x.results[0].evaluation.count == 4 && x.results[0].edited.before.text);
    measure_free(&x);
}

/* ---- what they say ---- */

/* A question asked alone, under a change or none. */
static asking alone(const question *q, const weight_term *terms, size_t term_count)
{
    asking a = {.q = q, .terms = terms, .term_count = term_count};
    replay_work work = {0};
    assert_ok(ask_many(q->model, &a, 1, &(ask_options){.max_tokens = MEASURE_TOKENS, .keep_next = true}, &work, err));
    return a;
}

static void assert_answer(const measure_answer *found, const asking *expected, size_t request)
{
    buffer text = {0};
    buffer_text(&text, "");
    tokenizer_decode(one.m->tokenizer, expected->ids, expected->count, true, &text);
    assert_string_equal(found->text, text.data);
    assert_same(found->prob, exp(next_logprob(&expected->next, one.requests[request].target_id)), "prob");
    buffer_free(&text);
}

static bool right(const measured *m, size_t request, bool evaluation, const char *text)
{
    return vqa_contains(text, evaluation ? m->question->answers[0] : one.requests[request].target);
}

static void check_measured(const measured *m, size_t request, bool evaluation)
{
    question q;
    assert_ok(question_open(&q, one.m, &m->question->asked, err));
    asking before = alone(&q, NULL, 0), after = alone(&q, &one.terms[request], 1);
    assert_answer(&m->before, &before, request);
    assert_answer(&m->after, &after, request);
    assert_int_equal(m->before.right, right(m, request, evaluation, m->before.text));
    assert_int_equal(m->after.right, right(m, request, evaluation, m->after.text));
    assert_int_equal(m->kept, vqa_same(m->before.text, m->after.text));
    if (evaluation)
        assert_same(m->kl, next_kl(&before.next, &after.next, one.m->decoder.config.vocab), "kl");
    else
        assert_true(isnan(m->kl));
    asking_free(&before);
    asking_free(&after);
    question_free(&q);
}

static void check_list(const measured_list *list, size_t request, bool evaluation)
{
    for (size_t i = 0; i < list->count; i++)
        check_measured(&list->items[i], request, evaluation);
}

static void every_answer_is_the_one_given_alone(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_all(&plan);
    for (size_t r = 0; r < REQUESTS; r++) {
        const measure_result *result = &x.results[r];
        check_measured(&result->edited, r, false);
        check_list(&result->rephrasings, r, false);
        check_list(&result->pictures, r, false);
        check_list(&result->neighbours, r, false);
        check_list(&result->evaluation, r, true);
    }
    /* The demo model knows its answers, and the first edit is a strong one. */
    assert_true(x.results[0].evaluation.items[0].before.right && !x.results[0].edited.kept);
    measure_free(&x);
}

/* mlp_post at the last row of "this country", in a run of its own. free() */
static float *key_of(const pb_question *p)
{
    question q;
    assert_ok(question_open(&q, one.m, p, err));
    float *key = zeros(one.m->decoder.config.d_ff);
    const span *s = &q.prompt.constraints[0];
    tap t = {SITE_MLP_POST, KEY_LAYER, s->positions[s->count - 1], key};
    replay_fork f = {.end = q.length, .input = q.input, .read_first = q.last, .taps = &t, .tap_count = 1};
    f.plain = true;
    rows_free(run_forks(&one.m->decoder, &f, 1, 0, NULL), 1);
    question_free(&q);
    return key;
}

static void keys_of_neighbours_are_compared(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_before(&plan);
    size_t F = one.m->decoder.config.d_ff;
    for (size_t r = 0; r < REQUESTS; r++) {
        float *edited = key_of(&one.requests[r].question.asked);
        measured_list near = x.results[r].neighbours;
        for (size_t i = 0; i < near.count; i++) {
            float *key = key_of(&near.items[i].question->asked);
            double dot = 0, a = 0, b = 0;
            for (size_t k = 0; k < F; k++) {
                double u = (double)edited[k], v = (double)key[k];
                dot += u * v, a += u * u, b += v * v;
            }
            assert_close(near.items[i].key_cosine, dot / sqrt(a * b), 1e-12 + slack(), "cosine", i);
            assert_true(near.items[i].key_cosine < 1 - 1e-6); /* another picture, another key */
            free(key);
        }
        free(edited);
        assert_true(isnan(x.results[r].edited.key_cosine));
    }
    measure_free(&x);
    plan.key_layer = MEASURE_NO_KEY;
    x = measured_before(&plan);
    assert_true(isnan(x.results[0].neighbours.items[0].key_cosine));
    measure_free(&x);
    plan.key_layer = one.m->decoder.config.layers;
    assert_fails(measure_open(&x, one.m, &plan, err), PB_EINVAL, "layer 8: the model has layers 0 to 7");
}

/* ---- each once ---- */

static void assert_same_answers(const measured_list *a, const measured_list *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_same(a->items[i].before.prob, b->items[i].before.prob, "before");
        assert_same(a->items[i].after.prob, b->items[i].after.prob, "after");
        assert_string_equal(a->items[i].after.text, b->items[i].after.text);
        assert_true(isnan(a->items[i].kl) == isnan(b->items[i].kl));
        if (!isnan(a->items[i].kl))
            assert_same(a->items[i].kl, b->items[i].kl, "kl");
    }
}

static void assert_same_results(const measure *a, const measure *b)
{
    for (size_t r = 0; r < REQUESTS; r++) {
        const measure_result *x = &a->results[r], *y = &b->results[r];
        assert_same_answers(&(measured_list){(measured *)&x->edited, 1}, &(measured_list){(measured *)&y->edited, 1});
        assert_same_answers(&x->rephrasings, &y->rephrasings);
        assert_same_answers(&x->pictures, &y->pictures);
        assert_same_answers(&x->neighbours, &y->neighbours);
        assert_same_answers(&x->evaluation, &y->evaluation);
    }
}

static void requests_one_by_one_are_requests_at_once(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_all(&plan), y = measured_before(&plan);
    for (size_t r = REQUESTS; r-- > 0;) {
        assert_false(y.results[r].done);
        assert_ok(measure_after(&y, &r, 1, &one.changes[r], err));
        assert_true(y.results[r].done);
    }
    assert_same_results(&x, &y);
    measure_free(&x);
    measure_free(&y);
}

static bool same_asked(const pb_question *a, const pb_question *b)
{
    return strcmp(a->image, b->image) == 0 && strcmp(a->question, b->question) == 0;
}

/* How many different questions these are. */
static size_t different(const measure *x, const size_t *requests, size_t count)
{
    const pb_question *seen[256];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const measure_result *r = &x->results[requests[i]];
        const measured_list lists[] = {{(measured *)&r->edited, 1}, r->rephrasings, r->pictures, r->neighbours,
                                       r->evaluation};
        for (size_t l = 0; l < 5; l++)
            for (size_t k = 0; k < lists[l].count; k++) {
                size_t at = 0;
                while (at < n && !same_asked(seen[at], &lists[l].items[k].question->asked))
                    at++;
                if (at == n)
                    seen[n++] = &lists[l].items[k].question->asked;
            }
    }
    return n;
}

static void each_question_is_asked_once(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    double encoded = vision_flop(one.m->vision);
    question q;
    assert_ok(question_open(&q, one.m, &one.evaluation[0].asked, err));
    double one_picture = vision_flop(one.m->vision) - encoded;
    question_free(&q);
    encoded = vision_flop(one.m->vision);
    measure x = measured_all(&plan);
    assert_int_equal((size_t)((vision_flop(one.m->vision) - encoded) / one_picture + 0.5), 9); /* each picture once */
    size_t all[] = {0, 1, 2}, each = 0;
    for (size_t r = 0; r < REQUESTS; r++)
        each += different(&x, &all[r], 1);
    assert_int_equal(one.before_total, different(&x, all, REQUESTS));
    assert_int_equal(one.after_total, each);
    /* Changed together, they share the answers after. */
    measure_change together[] = {one.changes[0], one.changes[0], one.changes[0]};
    assert_ok(measure_after(&x, all, REQUESTS, together, err));
    assert_int_equal(one.after_total, different(&x, all, REQUESTS));
    measure_free(&x);
}

/* What is measured with terms and with a decoder that is changed itself, by the same edit. */
static void a_changed_decoder_needs_no_terms(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_all(&plan), y = measured_before(&plan);
    decoder *m = &one.m->decoder;
    for (size_t r = 0; r < REQUESTS; r++) {
        decoder_term t = {m->layers[KEY_LAYER].part[PART_DOWN], 1, one.terms[r].a, one.terms[r].b, 1};
        assert_ok(decoder_add_term(m, &t, err));
        assert_ok(measure_after(&y, &r, 1, NULL, err));
        decoder_drop_terms(m, 0);
        for (size_t i = 0; i < x.results[r].evaluation.count; i++) {
            const measured *a = &x.results[r].evaluation.items[i], *b = &y.results[r].evaluation.items[i];
            assert_close(b->after.prob, a->after.prob, 1e-5, "prob", i);
            assert_close(b->kl, a->kl, 1e-4 * (1 + a->kl), "kl", i);
            assert_true(b->before.prob == a->before.prob);
        }
    }
    measure_free(&x);
    measure_free(&y);
}

static void no_change_changes_nothing(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_before(&plan);
    measure_summary s;
    assert_ok(measure_after(&x, (size_t[]){0, 1, 2}, REQUESTS, NULL, err));
    measure_summarise(&x, NULL, 0, &s);
    assert_true(s.neighbourhood.kept.mean == 1 && s.neighbourhood.kept.low == 1);
    assert_int_equal(s.neighbourhood.kept.questions, 12);
    assert_true(s.neighbourhood.target_change.mean == 0 && s.specificity.kl.mean == 0 && s.specificity.kl.high == 0);
    assert_true(s.specificity.change.mean == 0 && s.specificity.gained_count == 0 && s.specificity.lost_count == 0);
    assert_true(s.edited.before_prob.mean == s.edited.after_prob.mean);
    measure_summary_free(&s);
    measure_free(&x);
}

static void little_memory_changes_nothing(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    measure x = measured_all(&plan);
    plan.memory = 18 << 20;
    measure y = measured_all(&plan);
    assert_true(y.work.waves > 2 * x.work.waves);
    assert_same_results(&x, &y);
    measure_free(&x);
    measure_free(&y);
    plan.memory = 100;
    assert_ok(measure_open(&x, one.m, &plan, err));
    assert_fails(measure_before(&x, err), PB_ENOMEM, "--memory: a budget of 0 MB is too small");
    measure_free(&x);
}

static void a_question_that_cannot_be_asked(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    one.evaluation[20].asked.image = "no such file.png";
    measure x;
    assert_ok(measure_open(&x, one.m, &plan, err));
    assert_fails(measure_before(&x, err), PB_EIO, "no such file.png");
    measure_free(&x);
    one.evaluation[20].name = "rows.jsonl: line 21";
    assert_ok(measure_open(&x, one.m, &plan, err)); /* neighbours are called after the row that shows their picture */
    assert_fails(measure_before(&x, err), PB_EIO, "rows.jsonl: line 21: no such file.png");
    measure_free(&x);
    one.evaluation[20].name = NULL;
    one.evaluation[20].asked.image = one.rows[20].image;
}

/* ---- the summary ---- */

static void summaries_are_of_the_requests_named(void **state)
{
    (void)state;
    measure_plan plan = the_plan();
    const char *kenyan = one.rows[9].answer;
    one.rows[9].answer = "Riyal"; /* an answer that is wrong before, and what the first edit has it say */
    measure x = measured_before(&plan);
    assert_ok(measure_after(&x, (size_t[]){0, 2}, 2, (measure_change[]){one.changes[0], one.changes[2]}, err));
    measure_summary all, first;
    measure_summarise(&x, NULL, 0, &all); /* request 1 is not done */
    measure_summarise(&x, (size_t[]){0}, 1, &first);
    const measure_result *a = &x.results[0], *b = &x.results[2];
    assert_int_equal(all.edited.after_prob.questions, 2);
    assert_close(all.edited.after_prob.mean, (a->edited.after.prob + b->edited.after.prob) / 2, 1e-15, "mean", 0);
    assert_int_equal(first.rephrasings.before_right.questions, 2);
    assert_int_equal(first.rephrasings.before_right.subjects, 1); /* unnamed, it is its request's subject */
    assert_int_equal(first.neighbourhood.kept.questions, 4);
    assert_int_equal(all.specificity.before.questions, a->evaluation.count + b->evaluation.count);
    double stay = 0, change = 0, cosine = 0, kl = 0, hits = 0;
    size_t gained = 0, lost = 0;
    for (size_t i = 0; i < 4; i++) {
        const measured *m = &a->neighbours.items[i];
        stay += m->kept, change += m->after.prob - m->before.prob, cosine += m->key_cosine;
    }
    for (size_t i = 0; i < a->evaluation.count; i++) {
        const measured *m = &a->evaluation.items[i];
        hits += m->after.right, kl += m->kl;
        if (m->before.right && !m->after.right)
            assert_ptr_equal(first.specificity.lost[lost++].question, m->question);
        if (!m->before.right && m->after.right)
            assert_ptr_equal(first.specificity.gained[gained++].question, m->question);
    }
    double n = (double)a->evaluation.count;
    assert_true(lost > 0 && lost == first.specificity.lost_count);
    assert_true(gained > 0 && gained == first.specificity.gained_count);
    assert_close(first.neighbourhood.kept.mean, stay / 4, 1e-15, "kept", 0);
    assert_close(first.neighbourhood.target_change.mean, change / 4, 1e-15, "change", 0);
    assert_close(first.neighbourhood.key_cosine.mean, cosine / 4, 1e-15, "cosine", 0);
    assert_close(first.specificity.after.mean, hits / n, 1e-15, "after", 0);
    assert_close(first.specificity.kl.mean, kl / n, 1e-14, "kl", 0);
    const interval *before = &first.specificity.before, *after = &first.specificity.after;
    assert_close(first.specificity.change.mean, after->mean - before->mean, 1e-15, "change", 0);
    assert_true(after->low <= after->mean && after->mean <= after->high);
    measure_summary_free(&all);
    measure_summary_free(&first);
    measure_free(&x);
    one.rows[9].answer = kenyan;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_drawn_from_the_pool),
        cmocka_unit_test(without_names_a_picture_is_a_subject),
        cmocka_unit_test(no_picture_no_neighbours),
        cmocka_unit_test(every_answer_is_the_one_given_alone),
        cmocka_unit_test(keys_of_neighbours_are_compared),
        cmocka_unit_test(requests_one_by_one_are_requests_at_once),
        cmocka_unit_test(each_question_is_asked_once),
        cmocka_unit_test(a_changed_decoder_needs_no_terms),
        cmocka_unit_test(no_change_changes_nothing),
        cmocka_unit_test(little_memory_changes_nothing),
        cmocka_unit_test(a_question_that_cannot_be_asked),
        cmocka_unit_test(summaries_are_of_the_requests_named),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
