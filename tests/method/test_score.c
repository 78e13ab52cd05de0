/* test_score.c: the most likely tokens, and what a run says about an answer. */
#include "tests/method/asked.h"

static void the_most_likely_stand_first(void **state)
{
    (void)state;
    random_state r = random_from(1);
    for (size_t n = 0; n < 60; n++)
        for (size_t count = 0; count < n + 4; count += 1 + count / 4) {
            double *prob = mem_new(n + 1, sizeof *prob);
            int32_t *ids = mem_new(count + 1, sizeof *ids);
            for (size_t i = 0; i < n; i++)
                prob[i] = (double)random_below(&r, 9); /* many ties */
            ids[count] = 77;
            score_top(prob, n, count, ids);
            for (size_t k = 0; k < count; k++) {
                assert_true(k < n ? ids[k] >= 0 && (size_t)ids[k] < n : ids[k] == -1);
                if (k && k < n) { /* of equals the smaller id, and each once */
                    double before = prob[ids[k - 1]], here = prob[ids[k]];
                    assert_true(before > here || (before == here && ids[k - 1] < ids[k]));
                }
            }
            for (size_t i = 0; i < n && count && count <= n; i++) { /* none that was left out is better than the last */
                bool taken = false;
                for (size_t k = 0; k < count; k++)
                    taken |= ids[k] == (int32_t)i;
                assert_true(taken || prob[i] <= prob[ids[count - 1]]);
            }
            assert_int_equal(ids[count], 77);
            free(prob), free(ids);
        }
}

static void scores_are_a_softmax_over_the_vocabulary(void **state)
{
    (void)state;
    enum { D = 32, V = 571, N = 20 }; /* two rows of each: more than are read at once */
    model *m = tiny_open(LLAVA);
    float *x = gaussians(N * 2 * D, 3);
    int32_t ids[2] = {7, 300};
    const float *rows[N], *each[N * 2];
    score scores[N];
    static double prob[N * 2][V];
    double *where[N * 2], sum[V] = {0}, *same[2] = {sum, sum};
    score_target both[N], first[N], mixed[N];
    for (size_t i = 0; i < N; i++) {
        rows[i] = x + i * 2 * D;
        both[i] = (score_target){ids, 2, 9};
        first[i] = (score_target){ids, 1, -1};
        mixed[i] = i % 3 ? first[i] : both[i];
    }
    for (size_t i = 0; i < N * 2; i++) {
        each[i] = x + i * D;
        where[i] = prob[i];
    }
    assert_ok(score_add_probabilities(&m->decoder, each, N * 2, where, err));
    assert_ok(score_add_probabilities(&m->decoder, each, 2, same, err));
    for (size_t v = 0; v < V; v++)
        assert_close(sum[v], prob[0][v] + prob[1][v], 1e-12 + slack(), "a sum", v);
    assert_ok(score_runs(&m->decoder, rows, N, both, scores, err));
    for (size_t i = 0; i < N; i++) {
        assert_close(scores[i].prob, prob[2 * i][7] * prob[2 * i + 1][300], 1e-12 + slack() * scores[i].prob, "prob", i);
        assert_close(scores[i].logprob, log(scores[i].prob), 1e-9, "logprob", i);
        assert_close(scores[i].logit_diff, log(prob[2 * i][7] / prob[2 * i][9]), 1e-5 + slack(), "logit_diff", i);
    }
    assert_ok(score_runs(&m->decoder, rows, N, first, scores, err));
    for (size_t i = 0; i < N; i++) {
        assert_close(scores[i].prob, prob[2 * i][7], 1e-12 + slack() * scores[i].prob, "prob", i);
        assert_true(scores[i].logit_diff == 0);
    }
    assert_ok(score_runs(&m->decoder, rows, N, mixed, scores, err)); /* each run has its own */
    for (size_t i = 0; i < N; i++) {
        double expected = prob[2 * i][7] * (i % 3 ? 1 : prob[2 * i + 1][300]);
        assert_close(scores[i].prob, expected, 1e-12 + slack() * expected, "prob", i);
        assert_true((scores[i].logit_diff == 0) == (i % 3 > 0));
    }
    free(x);
    model_free(m);
}

static void what_is_not_finite_is_an_error(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    float *x = gaussians(32, 4);
    const float *rows = x;
    int32_t id = 1;
    score_target target = {&id, 1, -1};
    score s;
    double *prob = mem_new(571, sizeof *prob);
    x[3] = NAN;
    assert_fails(score_runs(&m->decoder, &rows, 1, &target, &s, err), PB_EINVAL, "NaN or infinite");
    assert_fails(score_add_probabilities(&m->decoder, &rows, 1, &prob, err), PB_EINVAL, "NaN or infinite");
    x[3] = INFINITY;
    assert_fails(score_runs(&m->decoder, &rows, 1, &target, &s, err), PB_EINVAL, "NaN or infinite");
    free(x), free(prob);
    model_free(m);
}

/* The most likely tokens are those of all logits, sorted; a row that asks for more than there are gets -1. */
static void the_most_likely_tokens_are_those_of_the_logits(void **state)
{
    (void)state;
    enum { ROWS = 7, V = 571, D = 32, MOST = V + 3 };
    model *m = tiny_open(LLAVA);
    float *x = gaussians(ROWS * D, 2), *logits = zeros(ROWS * V), *tops = zeros(ROWS * MOST);
    int32_t *ids = mem_new(ROWS * MOST, sizeof *ids);
    readout many[ROWS];
    static const size_t wanted[ROWS] = {5, 1, 0, V, MOST, 2, 40};
    for (size_t i = 0; i < ROWS; i++)
        many[i] = (readout){.x = x + i * D, .want = {-1, -1}, .logits = logits + i * V, .top = wanted[i],
                            .top_id = ids + i * MOST, .top_logit = tops + i * MOST};
    assert_ok(decoder_readout(&m->decoder, many, ROWS, err));
    for (size_t i = 0; i < ROWS; i++) {
        double all[V];
        int32_t expected[MOST];
        for (size_t v = 0; v < V; v++)
            all[v] = (double)logits[i * V + v];
        score_top(all, V, wanted[i], expected);
        for (size_t k = 0; k < wanted[i]; k++) {
            assert_int_equal(ids[i * MOST + k], expected[k]);
            assert_true(k >= V || (double)tops[i * MOST + k] == all[expected[k]]);
        }
    }
    free(x), free(logits), free(tops), free(ids);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_likely_stand_first),
        cmocka_unit_test(the_most_likely_tokens_are_those_of_the_logits),
        cmocka_unit_test(scores_are_a_softmax_over_the_vocabulary),
        cmocka_unit_test(what_is_not_finite_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
