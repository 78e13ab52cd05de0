/* test_ask.c: many questions asked at once give, to the bit, what each gives in plain runs of its own: full forward
 * passes that share nothing. */
#include "tests/method/asked.h"

enum { TOKENS = 6 };

/* ---- the plain form ---- */

/* A full pass over the question's prompt and the answer's tokens so far; the logits after its last row. */
static next_token plain_next(const asking *a, size_t tokens)
{
    decoder *m = &a->q->model->decoder;
    size_t D = m->config.d_model, V = m->config.vocab, T = a->q->last + 1;
    float *input = zeros((T + tokens) * D);
    memcpy(input, a->q->input, T * D * sizeof *input);
    if (tokens)
        assert_ok(decoder_embed(m, a->ids, tokens, input + T * D, err));
    replay_fork f = {.end = T + tokens, .input = input, .read_first = T + tokens - 1, .plain = true,
                     .terms = a->terms, .term_count = a->term_count};
    float **rows = run_forks(m, &f, 1, 0, NULL);
    readout read = {.x = rows[0], .want = {-1, -1}, .logits = zeros(V)};
    assert_ok(score_read(m, &read, 1, err));
    rows_free(rows, 1);
    free(input);
    return (next_token){read.logits, read.log_sum_exp};
}

static int32_t highest(const next_token *n, size_t vocab)
{
    size_t best = 0;
    for (size_t i = 1; i < vocab; i++)
        if (n->logits[i] > n->logits[best])
            best = i;
    return (int32_t)best;
}

static bool is_end(const model *m, int32_t id)
{
    for (size_t i = 0; i < m->eos_count; i++)
        if (m->eos[i] == id)
            return true;
    return false;
}

/* Each token of the answer is the likeliest after a plain pass over all before it; where it ended, it had to. */
static void assert_answered(const asking *a, size_t most)
{
    const model *m = a->q->model;
    size_t V = m->decoder.config.vocab;
    for (size_t k = 0; k <= a->count && k < most; k++) {
        next_token next = plain_next(a, k);
        int32_t id = highest(&next, V);
        if (k == 0 && a->next.logits && slack() == 0) {
            assert_same_bits(a->next.logits, next.logits, V, "logits");
            assert_true(a->next.log_sum_exp == next.log_sum_exp);
        }
        if (k < a->count)
            assert_int_equal(a->ids[k], id);
        else
            assert_true(is_end(m, id));
        free(next.logits);
    }
}

/* ---- questions ---- */

static const char *const texts[] = {"What is the capital of this country?", "What is the name of this country?", "Who?",
                                    "What is the capital of this country?", "Where is this river, and why?"};

static question opened(model *m, const char *picture_file, size_t text)
{
    question q;
    pb_question p = {.image = picture_file, .question = texts[text]};
    assert_ok(question_open(&q, m, &p, err));
    return q;
}

/* A change of rank 1 of one layer's down projection. free() both */
static weight_term made_up_term(const model *m, size_t layer, uint64_t seed)
{
    const decoder_config *c = &m->decoder.config;
    return (weight_term){.layer = layer, .part = PART_DOWN, .rank = 1, .a = gaussians(c->d_ff, seed),
                         .b = gaussians(c->d_model, seed + 1)};
}

enum { PICTURES = 3, TEXTS = 5, CHANGES = 3, ALL = PICTURES * TEXTS * CHANGES };

/* Every text about every picture (or none) under every change, in an order that mixes them. */
typedef struct crowd {
    model *m;
    weight_term terms[2];
    question questions[PICTURES * TEXTS];
    asking list[ALL];
} crowd;

static void crowd_open(crowd *c, const char *folder)
{
    c->m = tiny_open(folder);
    bool sees = c->m->vision != NULL;
    const char *pictures[PICTURES] = {sees ? PICTURE : NULL, NULL, sees ? OTHER_PICTURE : NULL};
    c->terms[0] = made_up_term(c->m, 1, 5);
    c->terms[1] = made_up_term(c->m, 0, 7);
    for (size_t i = 0; i < PICTURES * TEXTS; i++)
        c->questions[i] = opened(c->m, pictures[i % PICTURES], i / PICTURES);
    for (size_t i = 0; i < ALL; i++) {
        size_t change = i % CHANGES;
        c->list[i] = (asking){.q = &c->questions[i / CHANGES], .terms = change ? &c->terms[change - 1] : NULL,
                             .term_count = change > 0};
    }
}

static void crowd_close(crowd *c)
{
    for (size_t i = 0; i < PICTURES * TEXTS; i++)
        question_free(&c->questions[i]);
    for (size_t i = 0; i < 2; i++)
        free((void *)c->terms[i].a), free((void *)c->terms[i].b);
    model_free(c->m);
}

static replay_work ask_crowd(crowd *c, size_t tokens, size_t memory)
{
    replay_work work = {0};
    ask_options o = {.max_tokens = tokens, .keep_next = true, .memory = memory};
    assert_ok(ask_many(c->m, c->list, ALL, &o, &work, err));
    return work;
}

static void free_answers(crowd *c)
{
    for (size_t i = 0; i < ALL; i++)
        asking_free(&c->list[i]);
}

/* ---- many questions ---- */

static void check_crowd(const char *folder)
{
    crowd c;
    crowd_open(&c, folder);
    replay_work work = ask_crowd(&c, TOKENS, 0);
    size_t rows = 0, generated = 0, changed = 0;
    for (size_t i = 0; i < ALL; i++) {
        assert_answered(&c.list[i], TOKENS);
        rows += c.list[i].q->length;
        generated += c.list[i].count - (c.list[i].count == TOKENS);
        const next_token *unchanged = &c.list[i - i % CHANGES].next;
        changed += next_kl(unchanged, &c.list[i].next, c.m->decoder.config.vocab) > 1e-4;
    }
    assert_true(changed > ALL / 2); /* the terms do something */
    if (c.m->vision) /* and yet many rows are shared: those of pictures, at least */
        assert_true(3 * (work.rows - generated) < 2 * rows);
    free_answers(&c);
    crowd_close(&c);
}

static void many_answers_are_each_ones_own(void **state)
{
    (void)state;
    check_crowd(LLAVA);
    check_crowd(BUNNY);
    check_crowd(PHI);
    check_crowd(QWEN2);
}

/* The bytes that an error says are needed. */
static size_t needed_bytes(const pb_error *e)
{
    size_t megabytes;
    const char *at = strstr(e->message, "needs at least ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "needs at least %zu MB", &megabytes), 1);
    return megabytes << 20;
}

static void little_memory_changes_nothing(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    next_token before[ALL];
    int32_t *ids[ALL];
    size_t counts[ALL];
    replay_work roomy = ask_crowd(&c, TOKENS, 0);
    for (size_t i = 0; i < ALL; i++) {
        before[i] = c.list[i].next, ids[i] = c.list[i].ids, counts[i] = c.list[i].count;
        c.list[i] = (asking){.q = c.list[i].q, .terms = c.list[i].terms, .term_count = c.list[i].term_count};
    }
    pb_error failure;
    replay_work unused = {0};
    ask_options o = {.max_tokens = TOKENS, .memory = 1};
    assert_int_equal(ask_many(c.m, c.list, ALL, &o, &unused, &failure), PB_ENOMEM);
    replay_work tight = ask_crowd(&c, TOKENS, needed_bytes(&failure));
    assert_true(tight.waves > roomy.waves && tight.rows > roomy.rows);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(c.list[i].count, counts[i]);
        assert_memory_equal(c.list[i].ids, ids[i], counts[i] * sizeof *ids[i]);
        if (slack() == 0)
            assert_same_bits(c.list[i].next.logits, before[i].logits, c.m->decoder.config.vocab, "logits");
        free(before[i].logits), free(ids[i]);
    }
    free_answers(&c);
    crowd_close(&c);
}

/* Asked once more, the same questions rest on what was kept. With no run allowed, or a budget that has no room for any,
 * they are answered all the same. */
static void earlier_runs_change_nothing_but_the_work(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    ask_crowd(&c, TOKENS, 0);
    next_token before[ALL];
    for (size_t i = 0; i < ALL; i++) {
        before[i] = c.list[i].next;
        free(c.list[i].ids);
        c.list[i].keep_run = true;
    }
    pb_error failure;
    ask_options o = {.max_tokens = TOKENS, .keep_next = true, .memory = 1};
    replay_work unused = {0};
    assert_int_equal(ask_many(c.m, c.list, ALL, &o, &unused, &failure), PB_ENOMEM);
    size_t least = needed_bytes(&failure), D = c.m->decoder.config.d_model;
    const struct {
        size_t limit, memory;
        bool kept;
    } cases[] = {{SIZE_MAX, 0, true}, {SIZE_MAX, least, false}, {0, 0, false}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        earlier_runs earlier = {.limit = cases[k].limit};
        o.memory = cases[k].memory;
        o.earlier = &earlier;
        replay_work work[2] = {{0}};
        for (size_t again = 0; again < 2; again++) {
            assert_ok(ask_many(c.m, c.list, ALL, &o, &work[again], err));
            for (size_t i = 0; i < ALL; i++) {
                assert_answered(&c.list[i], TOKENS);
                if (slack() == 0)
                    assert_same_bits(c.list[i].next.logits, before[i].logits, c.m->decoder.config.vocab, "logits");
            }
            free_answers(&c);
        }
        if (cases[k].kept) {
            const question *q = &c.questions[0];
            size_t rows;
            assert_true(earlier.count == PICTURES && work[1].rows < work[0].rows);
            assert_true(earlier.bytes > 0);
            assert_non_null(earlier_find(&earlier, q, q->last, &rows));
            assert_true(rows >= q->prompt.image_first + q->prompt.image_count && rows <= q->last);
            assert_non_null(earlier_find(&earlier, q, 2, &rows));
            assert_int_equal(rows, 2);
            for (size_t e = 0; e < earlier.count; e++)
                assert_true(earlier.items[e].run->base == NULL && earlier.items[e].run->first == 0 && D > 0);
        }
        earlier_free(&earlier);
        assert_true(earlier.count == 0 && earlier.bytes == 0 && earlier.limit == cases[k].limit);
    }
    for (size_t i = 0; i < ALL; i++)
        free(before[i].logits);
    crowd_close(&c);
}

/* What is tapped is run, even where an earlier run has the row. */
static void taps_see_rows_that_were_run_earlier(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    size_t F = c.m->decoder.config.d_ff;
    earlier_runs earlier = {.limit = SIZE_MAX};
    ask_options o = {.max_tokens = 1, .earlier = &earlier};
    replay_work work = {0};
    float *seen[2] = {zeros(F), zeros(F)};
    for (size_t position = 0; position < 3; position++) {
        for (size_t again = 0; again < 2; again++) {
            tap t = {SITE_MLP_POST, 1, position, seen[again]};
            asking a = {.q = &c.questions[0], .taps = &t, .tap_count = 1, .keep_run = true};
            memset(seen[again], 0, F * sizeof(float));
            assert_ok(ask_many(c.m, &a, 1, &o, &work, err));
            asking_free(&a);
        }
        assert_same(seen[0][0], seen[1][0], "a tapped row");
        assert_true(seen[1][0] != 0);
    }
    free(seen[0]), free(seen[1]);
    earlier_free(&earlier);
    crowd_close(&c);
}

static void no_tokens_no_answers(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    replay_work work = ask_crowd(&c, 0, 0);
    assert_int_equal(work.waves, 1);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(c.list[i].count, 0);
        assert_non_null(c.list[i].next.logits);
    }
    free_answers(&c);
    assert_ok(ask_many(c.m, c.list, 0, &(ask_options){.max_tokens = 3}, &work, err));
    crowd_close(&c);
}

/* Of a question alone: every token of its answer by full passes. */
static void answers_are_greedy(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    answer a;
    assert_ok(ask_run(&a, &q, 12, 5, NULL, err));
    asking same = {.q = &q, .ids = a.ids, .count = a.count};
    next_token next = plain_next(&same, 0);
    assert_true(a.count > 0 && a.top_count == 5 && a.top[0] == a.ids[0]);
    assert_answered(&same, 12);
    for (size_t i = 0; i < a.top_count; i++)
        assert_same(a.top_prob[i], exp(next_logprob(&next, a.top[i])), "top");
    free(next.logits);
    answer_free(&a);
    question_free(&q);
    model_free(m);
}

/* The prompt has as many rows as the model allows, or nearly. */
static void answers_end_where_positions_do(void **state)
{
    (void)state;
    for (size_t spare = 0; spare < 3; spare++) {
        model *whole = tiny_open(LLAVA);
        question q = asked(whole, PICTURE);
        char *folder = tiny_copy(LLAVA), most[16];
        snprintf(most, sizeof most, "%zu", q.length + spare);
        question_free(&q);
        model_free(whole);
        tiny_set(folder, "config.json", "text_config.max_position_embeddings", most);
        model *m = tiny_open(folder);
        q = asked(m, PICTURE);
        answer a;
        assert_ok(ask_run(&a, &q, 12, 1, NULL, err));
        assert_int_equal(a.count, spare + 1);
        answer_free(&a);
        question_free(&q);
        model_free(m);
        folder_remove(folder);
    }
}

/* ---- what is read out ---- */

static void taps_see_shared_rows_and_own_ones(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    size_t F = c.m->decoder.config.d_ff, L = c.m->decoder.config.layers, D = c.m->decoder.config.d_model;
    float *seen = zeros(ALL * 3 * F), *expected = zeros(3 * F);
    tap taps[ALL][3];
    for (size_t i = 0; i < ALL; i++) {
        asking *a = &c.list[i];
        float *rows = seen + i * 3 * F;
        taps[i][0] = (tap){SITE_MLP_POST, 1, 0, rows};
        taps[i][1] = (tap){SITE_MLP_POST, L - 1, a->q->last - 1, rows + F};
        taps[i][2] = (tap){SITE_RESID_POST, 0, a->q->last, rows + 2 * F};
        a->taps = taps[i];
        a->tap_count = 3;
    }
    ask_crowd(&c, 1, 0);
    for (size_t i = 0; i < ALL && slack() == 0; i++) {
        asking *a = &c.list[i];
        tap wanted[3];
        memcpy(wanted, taps[i], sizeof wanted);
        for (size_t k = 0; k < 3; k++)
            wanted[k].row = expected + k * F;
        replay_fork f = {.end = a->q->length, .input = a->q->input, .read_first = a->q->last, .plain = true,
                         .terms = a->terms, .term_count = a->term_count, .taps = wanted, .tap_count = 3};
        rows_free(run_forks(&c.m->decoder, &f, 1, 0, NULL), 1);
        assert_same_bits(seen + i * 3 * F, expected, 2 * F + D, "tapped rows");
    }
    free(seen), free(expected);
    free_answers(&c);
    crowd_close(&c);
}

static void kl_is_between_distributions(void **state)
{
    (void)state;
    float a[] = {0, 1, 2}, b[] = {3, 0, 0};
    double za = log(1 + exp(1) + exp(2)), zb = log(exp(3) + 2);
    next_token p = {a, za}, q = {b, zb};
    double expected = 0;
    for (size_t i = 0; i < 3; i++)
        expected += exp((double)a[i] - za) * (((double)a[i] - za) - ((double)b[i] - zb));
    assert_close(next_kl(&p, &q, 3), expected, 1e-15, "kl", 0);
    assert_true(next_kl(&p, &p, 3) == 0);
    assert_close(next_logprob(&q, 0), 3 - zb, 0, "logprob", 0);
}

static void what_is_not_finite_is_an_error(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    float *huge = zeros(c.m->decoder.config.d_model);
    huge[0] = NAN;
    weight_term bad = c.terms[0];
    bad.b = huge;
    c.list[7].terms = &bad;
    c.list[7].term_count = 1;
    replay_work work = {0};
    assert_fails(ask_many(c.m, c.list, ALL, &(ask_options){.max_tokens = 2, .keep_next = true}, &work, err), PB_EINVAL,
                 "NaN or infinite");
    for (size_t i = 0; i < ALL; i++)
        assert_true(!c.list[i].ids && !c.list[i].next.logits);
    free(huge);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_answers_are_each_ones_own),
        cmocka_unit_test(little_memory_changes_nothing),
        cmocka_unit_test(earlier_runs_change_nothing_but_the_work),
        cmocka_unit_test(taps_see_rows_that_were_run_earlier),
        cmocka_unit_test(no_tokens_no_answers),
        cmocka_unit_test(answers_are_greedy),
        cmocka_unit_test(answers_end_where_positions_do),
        cmocka_unit_test(taps_see_shared_rows_and_own_ones),
        cmocka_unit_test(kl_is_between_distributions),
        cmocka_unit_test(what_is_not_finite_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
