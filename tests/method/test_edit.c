/* test_edit.c: edits do what their definitions say: the value that is found, the closed form against the direct solve,
 * requests alone and together, ranges of layers, fine-tuning and its undoing. */
#include "tests/method/asked.h"

#include "method/ask.h"
#include "method/edit.h"

enum { N = 3 };

/* Requests whose constraints, so their keys, differ. */
static const char *const constraints[N] = {"capital", "this country", "What"};
static const int32_t targets[N][2] = {{40, 41}, {300, 12}, {77, 5}};

typedef struct requests {
    model *m;
    decoder *d;
    question q[N];
    question *list[N];
    size_t D, F;
} requests;

static requests requests_open(const char *folder, size_t target_tokens)
{
    requests r = {.m = tiny_open(folder)};
    r.d = &r.m->decoder;
    r.D = r.d->config.d_model;
    r.F = r.d->config.d_ff;
    for (size_t i = 0; i < N; i++) {
        pb_question p = {.image = r.m->vision ? PICTURE : NULL, .question = "What is the capital of this country?",
                         .constraints = &constraints[i], .constraint_count = 1};
        assert_ok(question_open(&r.q[i], r.m, &p, err));
        assert_ok(question_set_answer(&r.q[i], targets[i], target_tokens, err));
    }
    return r;
}

static void point(requests *r)
{
    for (size_t i = 0; i < N; i++)
        r->list[i] = &r->q[i];
}

static void requests_close(requests *r)
{
    for (size_t i = 0; i < N; i++)
        question_free(&r->q[i]);
    model_free(r->m);
}

static edit_settings strong(size_t first, size_t end)
{
    edit_settings s = {.method = EDIT_MULTEDIT};
    assert_true(edit_preset("default", EDIT_MULTEDIT, &s));
    s.first_layer = first;
    s.end_layer = end;
    s.steps = 8;
    s.clamp = 3;
    return s;
}

/* P(first target token) of a question's run under changes. */
static double prob_of(const requests *r, size_t i, const weight_term *terms, size_t count, tap *taps, size_t tap_count)
{
    replay_fork f = {.end = r->q[i].length, .input = r->q[i].input, .terms = terms, .term_count = count,
                     .read_first = r->q[i].last, .taps = taps, .tap_count = tap_count};
    float **final = run_forks(r->d, &f, 1, 1 << 20, NULL);
    readout read = {.x = final[0], .want = {r->q[i].answer[0], -1}};
    assert_ok(decoder_readout(r->d, &read, 1, err));
    rows_free(final, 1);
    return exp((double)read.logit[0] - read.log_sum_exp);
}

static double product(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* ---- one request at a time ---- */

static void an_edit_is_its_definition(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI};
    for (size_t n = 0; n < sizeof folders / sizeof *folders; n++) {
        requests r = requests_open(folders[n], 1);
        point(&r);
        edit e;
        edit_settings s = strong(1, 2);
        assert_ok(edit_find(&e, r.m, r.list, N, &s, err));
        const edit_layer *l = &e.layers[0];
        for (size_t i = 0; i < N; i++) {
            const edit_request_found *found = &e.found[i];
            float *key = zeros(r.F), *out = zeros(r.D);
            tap taps[] = {{SITE_MLP_POST, 1, found->key_position, key}, {SITE_MLP_OUT, 1, found->key_position, out}};
            assert_same(found->prob[0], prob_of(&r, i, NULL, 0, taps, 2), "prob before");
            assert_close(found->loss[0], -log(found->prob[0]), 1e-9, "loss", 0);
            assert_true(found->loss[s.steps - 1] < found->loss[0]);
            assert_same_bits(key, l->key + i * r.F, r.F, "key");
            assert_same_bits(out, l->v0 + i * r.D, r.D, "v0");
            double kk = product(key, key, r.F), delta = 0, v0 = product(out, out, r.D);
            for (size_t d = 0; d < r.D; d++) {
                double moved = (double)l->v[i * r.D + d] - (double)l->v0[i * r.D + d];
                assert_close((double)l->u[i * r.D + d], moved / (kk + s.lambda), 1e-6 * fabs(moved), "u", d);
                delta += moved * moved;
            }
            assert_close(sqrt(delta), found->delta_norm, 1e-5 * found->delta_norm, "delta", i);
            assert_true(found->delta_norm <= s.clamp * sqrt(v0) * 1.00001);
            size_t count;
            const weight_term *terms = edit_terms(&e, i, &count);
            prob_of(&r, i, terms, count, taps + 1, 1); /* mlp_out there is now v0 + u (k.k), nearly v */
            for (size_t d = 0; d < r.D; d++)
                assert_close((double)out[d], (double)l->v0[i * r.D + d] + (double)l->u[i * r.D + d] * kk,
                             1e-5 * (1 + fabs((double)out[d])), "mlp_out", d);
            free(key), free(out);
        }
        edit_free(&e);
        requests_close(&r);
    }
}

static void requests_do_not_see_each_other(void **state)
{
    (void)state;
    if (!matmul_row_invariant())
        skip();
    requests r = requests_open(LLAVA, 2);
    point(&r);
    edit all, one;
    edit_settings s = strong(2, 3);
    assert_ok(edit_find(&all, r.m, r.list, N, &s, err));
    for (size_t i = 0; i < N; i++) {
        assert_ok(edit_find(&one, r.m, &r.list[i], 1, &s, err));
        assert_same_bits(one.layers[0].u, all.layers[0].u + i * r.D, r.D, "u");
        assert_memory_equal(one.found[0].loss, all.found[i].loss, s.steps * sizeof(double));
        edit_free(&one);
    }
    edit_free(&all);
    requests_close(&r);
}

/* The questions are asked first, and what they begin with is kept: all of it but the last row, of which an edit takes
 * what lies below its key. */
static void an_edit_may_rest_on_earlier_runs(void **state)
{
    (void)state;
    if (!matmul_row_invariant())
        skip();
    static const char *const folders[] = {LLAVA, PHI};
    for (size_t n = 0; n < 2; n++) {
        requests r = requests_open(folders[n], 2);
        point(&r);
        earlier_runs earlier = {.limit = SIZE_MAX};
        ask_options options = {.max_tokens = 2, .earlier = &earlier};
        replay_work work = {0};
        asking asked = {.q = &r.q[0], .keep_run = true};
        assert_ok(ask_many(r.m, &asked, 1, &options, &work, err));
        asking_free(&asked);
        assert_int_equal(earlier.count, 1);
        edit fresh, resting, tight;
        edit_settings s = strong(1, 2);
        assert_ok(edit_find(&fresh, r.m, r.list, N, &s, err));
        s.earlier = &earlier;
        assert_ok(edit_find(&resting, r.m, r.list, N, &s, err));
        assert_true(resting.flop < fresh.flop && earlier.count == 1);
        pb_error failure;
        s.memory = 1;
        assert_int_equal(edit_find(&tight, r.m, r.list, N, &s, &failure), PB_ENOMEM);
        assert_int_equal(earlier.count, 0); /* they were in the way */
        for (size_t i = 0; i < N; i++)
            assert_memory_equal(fresh.found[i].loss, resting.found[i].loss, s.steps * sizeof(double));
        assert_same_bits(fresh.layers[0].key, resting.layers[0].key, N * r.F, "key");
        assert_same_bits(fresh.layers[0].u, resting.layers[0].u, N * r.D, "u");
        edit_free(&fresh), edit_free(&resting);
        earlier_free(&earlier);
        requests_close(&r);
    }
}

static void a_whole_targets_loss_is_the_sum_over_its_tokens(void **state)
{
    (void)state;
    requests r = requests_open(LLAMA, 2);
    point(&r);
    edit e;
    edit_settings s = strong(1, 2);
    s.steps = 1;
    assert_ok(edit_find(&e, r.m, r.list, N, &s, err));
    for (size_t i = 0; i < N; i++) {
        score out;
        float *final;
        recording_free(record(r.d, r.q[i].input, r.q[i].length, &final));
        score_target target = {r.q[i].answer, 2, -1};
        const float *rows = final + r.q[i].last * r.D;
        assert_ok(score_runs(r.d, &rows, 1, &target, &out, err));
        assert_close(e.found[i].loss[0], -out.logprob, 1e-5, "loss", i);
        free(final);
    }
    edit_free(&e);
    requests_close(&r);
}

/* A clamp of nothing is no edit: not a bit of a run changes. */
static void a_delta_of_nothing_changes_no_bit(void **state)
{
    (void)state;
    requests r = requests_open(LLAVA, 1);
    point(&r);
    edit e;
    edit_settings s = strong(1, 2);
    s.clamp = 0;
    assert_ok(edit_find(&e, r.m, r.list, N, &s, err));
    size_t count;
    const weight_term *terms = edit_terms(&e, 0, &count);
    assert_true(prob_of(&r, 0, terms, count, NULL, 0) == prob_of(&r, 0, NULL, 0, NULL, 0));
    assert_true(e.found[0].delta_norm == 0);
    edit_free(&e);
    requests_close(&r);
}

/* ---- together ---- */

/* Solves a[n][n] x = b[n] by Gauss and Jordan with pivots: the direct way, of F x F. */
static void solve_directly(double *a, double *b, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t i = c + 1; i < n; i++)
            best = fabs(a[i * n + c]) > fabs(a[best * n + c]) ? i : best;
        for (size_t j = 0; j < n; j++) {
            double swap = a[c * n + j];
            a[c * n + j] = a[best * n + j];
            a[best * n + j] = swap;
        }
        double swap = b[c];
        b[c] = b[best];
        b[best] = swap;
        for (size_t i = 0; i < n; i++) {
            double f = a[i * n + c] / a[c * n + c];
            for (size_t j = c; j < n && i != c; j++)
                a[i * n + j] -= f * a[c * n + j];
            b[i] -= i != c ? f * b[c] : 0;
        }
    }
    for (size_t c = 0; c < n; c++)
        b[c] /= a[c * n + c];
}

/* (K K^T + lambda I) dW^T = K R^T, of F x F, row by row of W. */
static void together_is_the_direct_solve(void **state)
{
    (void)state;
    requests r = requests_open(LLAMA, 1);
    point(&r);
    edit e;
    edit_settings s = strong(1, 2);
    s.together = true;
    assert_ok(edit_find(&e, r.m, r.list, N, &s, err));
    const edit_layer *l = &e.layers[0];
    size_t F = r.F, D = r.D;
    for (size_t d = 0; d < D; d++) {
        double *a = mem_new(F * F, sizeof *a), *b = mem_new(F, sizeof *b), norm = 0;
        for (size_t x = 0; x < F; x++) {
            for (size_t y = 0; y < F; y++) {
                a[x * F + y] = x == y ? s.lambda : 0;
                for (size_t i = 0; i < N; i++)
                    a[x * F + y] += (double)l->key[i * F + x] * (double)l->key[i * F + y];
            }
            for (size_t i = 0; i < N; i++)
                b[x] += (double)l->key[i * F + x] * ((double)l->v[i * D + d] - (double)l->v0[i * D + d]);
        }
        solve_directly(a, b, F);
        for (size_t x = 0; x < F; x++)
            norm += b[x] * b[x];
        for (size_t x = 0; x < F; x++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++)
                sum += (double)l->u[i * D + d] * (double)l->key[i * F + x];
            assert_close(sum, b[x], 1e-5 * sqrt(norm), "dW", x);
        }
        free(a), free(b);
    }
    assert_true(e.largest_key_cosine > 0 && e.largest_key_cosine < 1);
    size_t count;
    assert_ptr_equal(edit_terms(&e, 0, &count), edit_terms(&e, 2, &count));
    assert_int_equal(edit_terms(&e, 0, &count)->rank, N);
    edit_free(&e);
    requests_close(&r);
}

/* Rows that are to stay do, and the edited ones still get their values. */
static void kept_rows_stay(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++)
        for (int span_of_rows = 0; span_of_rows < 2; span_of_rows++) {
            requests r = requests_open(LLAVA, 1);
            point(&r);
            question other;
            pb_question p = {.image = OTHER_PICTURE,
                             .question = "What is the capital of this country?",
                             .constraints = &constraints[1],
                             .constraint_count = 1};
            assert_ok(question_open(&other, r.m, &p, err));
            question *keep = &other;
            edit e;
            edit_settings s = strong(1, 2);
            s.lambda = s.keep_lambda = 1e-7;
            s.together = together;
            s.keep = &keep;
            s.keep_count = 1;
            s.keep_rows = span_of_rows ? "constraint" : NULL;
            assert_ok(edit_find(&e, r.m, r.list, 2, &s, err));
            const edit_layer *l = &e.layers[0];
            assert_int_equal(l->kept_count, span_of_rows ? other.prompt.constraints[0].count : 1);
            for (size_t d = 0; d < r.D; d++) {
                for (size_t j = 0; j < l->kept_count; j++) {
                    double moved = (double)l->u[d] * product(l->along, l->kept + j * r.F, r.F);
                    assert_close(moved, 0, 1e-3 * e.found[0].delta_norm, "kept", d);
                }
                double moved = (double)l->u[d] * product(l->along, l->key, r.F);
                if (together)
                    moved += (double)l->u[r.D + d] * product(l->along + r.F, l->key, r.F);
                assert_close(moved, (double)l->v[d] - (double)l->v0[d], 1e-3 * e.found[0].delta_norm, "edited", d);
            }
            edit_free(&e);
            question_free(&other);
            requests_close(&r);
        }
}

/* ---- a range of layers ---- */

/* At the last layer of the range the residual stream ends up where delta wanted it, but for lambda. */
static void a_spread_arrives(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        requests r = requests_open(LLAVA, 1);
        point(&r);
        edit e;
        edit_settings s = strong(0, 3);
        s.lambda = 1e-6;
        s.together = together;
        assert_ok(edit_find(&e, r.m, r.list, N, &s, err));
        assert_int_equal(e.layer_count, 3);
        edit_settings alone = s;
        alone.first_layer = 2;
        edit last;
        assert_ok(edit_find(&last, r.m, r.list, N, &alone, err));
        for (size_t i = 0; i < N; i++) {
            size_t count;
            float *was = zeros(r.D), *now = zeros(r.D);
            tap before = {SITE_RESID_POST, 2, e.found[i].key_position, was},
                after = {SITE_RESID_POST, 2, e.found[i].key_position, now};
            const weight_term *terms = edit_terms(&e, i, &count);
            prob_of(&r, i, NULL, 0, &before, 1);
            prob_of(&r, i, terms, count, &after, 1);
            for (size_t d = 0; d < r.D; d++) {
                double delta = (double)last.layers[0].v[i * r.D + d] - (double)last.layers[0].v0[i * r.D + d];
                assert_close((double)now[d] - (double)was[d], delta, 2e-3 * e.found[i].delta_norm, "delta", d);
            }
            free(was), free(now);
        }
        edit_free(&last);
        edit_free(&e);
        requests_close(&r);
    }
}

/* ---- fine-tuning ---- */

static void fine_tuning_learns_and_is_undone(void **state)
{
    (void)state;
    static const edit_method methods[] = {EDIT_FT, EDIT_FT_CONSTRAINED};
    static const char *const folders[] = {LLAVA, PHI};
    for (size_t n = 0; n < 2; n++)
        for (size_t m = 0; m < 2; m++)
            for (int scope = EDIT_MATRIX; scope <= EDIT_ALL; scope++) {
                requests r = requests_open(folders[n], 2);
                point(&r);
                edit_settings s = {0};
                assert_true(edit_preset(NULL, methods[m], &s));
                s.scope = (edit_scope)scope;
                s.steps = 4;
                s.lr = 1e-3;
                double before = prob_of(&r, 0, NULL, 0, NULL, 0);
                edit_request_found found[N];
                tuning *t;
                assert_ok(tuning_new(&t, r.m, &s, err));
                for (size_t count = 1; count <= N; count += 2) {
                    assert_ok(tuning_run(t, r.list, count, found, err));
                    assert_same(found[0].prob[0], before, "prob before");
                    assert_true(found[0].loss[3] < found[0].loss[0]);
                    assert_true(prob_of(&r, 0, NULL, 0, NULL, 0) != before);
                    assert_true(found[0].delta_norm > 0);
                    tuning_undo(t);
                    assert_true(prob_of(&r, 0, NULL, 0, NULL, 0) == before);
                    for (size_t i = 0; i < count; i++)
                        free(found[i].loss), free(found[i].prob);
                }
                tuning_free(t);
                requests_close(&r);
            }
}

/* Adam's first step is lr times the gradient's sign, wherever there is a gradient. */
static void the_first_step_is_lr_in_each_weight(void **state)
{
    (void)state;
    requests r = requests_open(LLAMA, 1);
    point(&r);
    edit_settings s = {0};
    assert_true(edit_preset(NULL, EDIT_FT, &s));
    s.steps = 1;
    edit_request_found found;
    tuning *t;
    assert_ok(tuning_new(&t, r.m, &s, err));
    assert_ok(tuning_run(t, r.list, 1, &found, err));
    double all = s.lr * sqrt((double)(r.D * r.F));
    assert_close(found.delta_norm, all, 2e-2 * all, "delta", 0);
    free(found.loss), free(found.prob);
    tuning_free(t);
    requests_close(&r);
}

/* ---- what is refused ---- */

static void what_cannot_be_edited_is_refused(void **state)
{
    (void)state;
    requests r = requests_open(LLAVA, 1);
    point(&r);
    edit e;
    edit_settings s = strong(1, 2), wrong = s;
    wrong.end_layer = r.d->config.layers + 1;
    assert_fails(edit_find(&e, r.m, r.list, N, &wrong, err), PB_EINVAL, "0:4");
    wrong = s;
    wrong.memory = 1000;
    assert_fails(edit_find(&e, r.m, r.list, N, &wrong, err), PB_ENOMEM, "--memory");
    question bare;
    pb_question p = {.question = "What is the capital of this country?"};
    assert_ok(question_open(&bare, r.m, &p, err));
    r.list[1] = &bare;
    assert_fails(edit_find(&e, r.m, r.list, N, &s, err), PB_EINVAL, "request 1 has no target");
    assert_ok(question_set_answer(&bare, targets[0], 1, err));
    assert_fails(edit_find(&e, r.m, r.list, N, &s, err), PB_EINVAL, "request 1 has no constraint");
    question_free(&bare);
    assert_false(edit_preset("best", EDIT_MULTEDIT, &s));
    requests_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_its_definition),
        cmocka_unit_test(requests_do_not_see_each_other),
        cmocka_unit_test(an_edit_may_rest_on_earlier_runs),
        cmocka_unit_test(a_whole_targets_loss_is_the_sum_over_its_tokens),
        cmocka_unit_test(a_delta_of_nothing_changes_no_bit),
        cmocka_unit_test(together_is_the_direct_solve),
        cmocka_unit_test(kept_rows_stay),
        cmocka_unit_test(a_spread_arrives),
        cmocka_unit_test(fine_tuning_learns_and_is_undone),
        cmocka_unit_test(the_first_step_is_lr_in_each_weight),
        cmocka_unit_test(what_cannot_be_edited_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
