/* test_transfer.c: what rows give each other is what the definition says, in double precision from the weights and the
 * recording; all sources together are attn_out; and no bit hangs on what else is asked for, nor on blocks. */
#include "tests/engine/runs.h"

#include "engine/transfer.h"
#include "math/matmul.h"

/* All that was handed over of some pairs, per layer: [pairs][L]. */
typedef struct taken {
    const transfer_pair *pairs;
    size_t L, H, D;
    float **norm, **head_norm, **total, **attended;
} taken;

static float **matrices(size_t count)
{
    return mem_new(count, sizeof(float *));
}

static void put(float **to, const float *from, size_t first, size_t rows, size_t of, size_t width)
{
    if (!*to)
        *to = zeros(of * width + 1);
    memcpy(*to + first * width, from, rows * width * sizeof(float));
}

static void take(void *context, const transfer *t)
{
    taken *k = context;
    const transfer_pair *p = &k->pairs[t->pair];
    size_t i = t->pair * k->L + t->layer, of = p->destination_count;
    put(&k->norm[i], t->norm, t->first, t->rows, of, p->source_count);
    put(&k->head_norm[i], t->head_norm, t->first, t->rows, of, k->H);
    put(&k->total[i], t->total, t->first, t->rows, of, k->D);
    put(&k->attended[i], t->attended, t->first, t->rows, of, k->D);
}

/* The pairs' recording is filled in where it is not set. */
static taken look(decoder *m, const recording *r, transfer_pair *pairs, size_t count)
{
    const decoder_config *c = &m->config;
    size_t n = count * c->layers;
    taken k = {pairs, c->layers, c->heads, c->d_model, matrices(n), matrices(n), matrices(n), matrices(n)};
    for (size_t i = 0; i < count; i++)
        pairs[i].recording = r ? r : pairs[i].recording;
    transfer_request t = {.pairs = pairs, .pair_count = count, .end_layer = c->layers, .take = take,
                          .context = &k};
    replay_work work = {0};
    assert_ok(transfer_run(m, &t, &work, err));
    assert_true(work.flop > 0);
    return k;
}

static void taken_free(taken *k, size_t pairs)
{
    for (size_t i = 0; i < pairs * k->L; i++)
        free(k->norm[i]), free(k->head_norm[i]), free(k->total[i]), free(k->attended[i]);
    free(k->norm), free(k->head_norm), free(k->total), free(k->attended);
}

/* ---- the definition ---- */

/* A layer by its formulas, with nothing of the engine's but what it recorded. */
typedef struct layer_by_formula {
    const decoder_config *c;
    const recording *r;
    size_t layer;
    weight w[PART_COUNT];
} layer_by_formula;

/* q of one row and head, turned to its position: [d] */
static void plain_query(const layer_by_formula *k, size_t position, size_t head, double *q)
{
    const decoder_config *c = k->c;
    size_t D = c->d_model, d = c->head_dim, half = c->rotary_dim / 2;
    float *x = zeros(D), *cosine = zeros(half + 1), *sine = zeros(half + 1);
    decoder_norm(c, x, recording_row(k->r, SITE_RESID_PRE, k->layer, position), k->w[PART_ATTN_NORM].f32,
                 k->w[PART_ATTN_NORM_BIAS].f32, 1);
    for (size_t i = 0; i < d; i++) {
        size_t row = head * d + i;
        q[i] = k->w[PART_Q_BIAS].f32 ? (double)k->w[PART_Q_BIAS].f32[row] : 0;
        for (size_t n = 0; n < D; n++)
            q[i] += (double)x[n] * (double)k->w[PART_Q].f32[row * D + n];
    }
    rope_angles(cosine, sine, c->rope_frequency, half, position);
    for (size_t i = 0; i < half; i++) {
        double a = q[i], b = q[i + half];
        q[i] = a * (double)cosine[i] - b * (double)sine[i];
        q[i + half] = b * (double)cosine[i] + a * (double)sine[i];
    }
    free(x), free(cosine), free(sine);
}

/* A_h[i, 0 .. i] */
static void plain_shares(const layer_by_formula *k, size_t position, size_t head, double *a)
{
    const decoder_config *c = k->c;
    size_t d = c->head_dim, first = head / (c->heads / c->kv_heads) * d;
    const float *keys = k->r->k + k->layer * k->r->kv_width * k->r->k_stride;
    double *q = mem_new(d, sizeof *q), sum = 0;
    plain_query(k, position, head, q);
    for (size_t t = 0; t <= position; t++) {
        a[t] = 0;
        for (size_t i = 0; i < d; i++)
            a[t] += q[i] * (double)keys[(first + i) * k->r->k_stride + t];
        sum += a[t] = exp(a[t] / sqrt((double)d));
    }
    for (size_t t = 0; t <= position; t++)
        a[t] /= sum;
    free(q);
}

/* c[D] += A_h[i, j] v_h[j] W_O,h; returns its norm. */
static double plain_add(const layer_by_formula *k, double share, size_t source, size_t head, double *c)
{
    size_t d = k->c->head_dim, H = k->c->heads, column = head / (H / k->c->kv_heads) * d;
    const float *v = k->r->v + (k->layer * (k->r->end - k->r->first) + source) * k->r->kv_width + column;
    double square = 0;
    for (size_t n = 0; n < k->c->d_model; n++) {
        double sum = 0;
        for (size_t i = 0; i < d; i++)
            sum += (double)v[i] * (double)k->w[PART_O].f32[n * H * d + head * d + i];
        c[n] += share * sum;
        square += share * sum * share * sum;
    }
    return sqrt(square);
}

static void check_row(const layer_by_formula *k, size_t position, size_t T, const float *norm, const float *head_norm)
{
    size_t D = k->c->d_model, H = k->c->heads;
    double *a = mem_new(T * H, sizeof *a), *c = mem_new(D, sizeof *c), *heads = mem_new(H, sizeof *heads);
    for (size_t h = 0; h < H; h++)
        plain_shares(k, position, h, a + h * T);
    for (size_t j = 0; j < T; j++) {
        double square = 0;
        memset(c, 0, D * sizeof *c);
        for (size_t h = 0; h < H && j <= position; h++)
            heads[h] += plain_add(k, a[h * T + j], j, h, c);
        for (size_t n = 0; n < D; n++)
            square += c[n] * c[n];
        assert_close((double)norm[j], sqrt(square), 1e-5 * sqrt(square) + 1e-7, "norm of a source", j);
    }
    for (size_t h = 0; h < H; h++)
        assert_close((double)head_norm[h], heads[h], 1e-5 * heads[h] + 1e-7, "norm of a head", h);
    free(a), free(c), free(heads);
}

/* A run of T made-up rows, recorded whole. */
static recording *made_up(model *m, size_t T)
{
    float *input = gaussians(T * m->decoder.config.d_model, T);
    recording *r = record(&m->decoder, input, T, NULL);
    free(input);
    return r;
}

static size_t *positions_to(size_t T)
{
    size_t *at = mem_new(T, sizeof *at);
    for (size_t t = 0; t < T; t++)
        at[t] = t;
    return at;
}

static void check_family(const char *folder)
{
    enum { T = 20 };
    model *m = tiny_open(folder);
    size_t D = m->decoder.config.d_model, H = m->decoder.config.heads, *all = positions_to(T);
    recording *r = made_up(m, T);
    transfer_pair pair = {NULL, all, all, T, T};
    taken k = look(&m->decoder, r, &pair, 1);
    for (size_t l = 0; l < k.L; l++) {
        layer_by_formula by = {.c = &m->decoder.config, .r = r, .layer = l};
        assert_ok(decoder_read_layer(&m->decoder, l, by.w, err));
        for (size_t i = 0; i < T; i += 3)
            check_row(&by, i, T, k.norm[l] + i * T, k.head_norm[l] + i * H);
        for (size_t n = 0; n < T * D; n++) { /* all sources together */
            double bias = by.w[PART_O_BIAS].f32 ? (double)by.w[PART_O_BIAS].f32[n % D] : 0;
            double attended = (double)recording_row(r, SITE_ATTN_OUT, l, n / D)[n % D] - bias;
            assert_close((double)k.attended[l][n], attended, 1e-6, "attn_out without its bias", n);
            assert_close((double)k.total[l][n], attended, 1e-5, "what all sources give", n);
        }
    }
    taken_free(&k, 1);
    free(all);
    recording_free(r);
    model_free(m);
}

static void all_families_are_their_definition(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, BUNNY, LLAMA, QWEN2, PHI};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        check_family(folders[i]);
}

/* ---- bits ---- */

static void assert_equal_or_close(const float *a, const float *b, size_t n, const char *what)
{
    if (matmul_row_invariant())
        assert_same_bits(a, b, n, what);
    for (size_t i = 0; i < n; i++)
        assert_close((double)a[i], (double)b[i], 1e-5, what, i);
}

/* More destinations than a block holds, sources of several blocks: each as if it were alone. */
static void pairs_do_not_show_in_each_other(void **state)
{
    (void)state;
    enum { T = 300 };
    model *m = tiny_open(LLAMA);
    size_t D = m->decoder.config.d_model, H = m->decoder.config.heads, *all = positions_to(T);
    size_t few[] = {3, 64, 65, 200, 280}, last[] = {100, 299}, one[] = {290};
    recording *r = made_up(m, T);
    transfer_pair pairs[] = {{NULL, all, all, T, T}, {NULL, few, last, 5, 2}, {NULL, all, one, T, 1}, {NULL, one, last, 1, 2}};
    taken together = look(&m->decoder, r, pairs, 4);
    for (size_t p = 1; p < 4; p++) {
        taken alone = look(&m->decoder, r, &pairs[p], 1);
        for (size_t l = 0; l < alone.L; l++) {
            size_t i = p * alone.L + l, rows = pairs[p].destination_count, S = pairs[p].source_count;
            assert_equal_or_close(alone.norm[l], together.norm[i], rows * S, "norms");
            assert_equal_or_close(alone.head_norm[l], together.head_norm[i], rows * H, "heads");
            assert_equal_or_close(alone.total[l], together.total[i], rows * D, "totals");
            for (size_t n = 0; n < rows * S; n++) { /* and as among all rows */
                size_t row = pairs[p].destinations[n / S], source = pairs[p].sources[n % S];
                assert_equal_or_close(alone.norm[l] + n, together.norm[l] + row * T + source, 1, "one source's norm");
            }
        }
        taken_free(&alone, 1);
    }
    for (size_t n = 0; n < 300 * D; n++)
        assert_close((double)together.total[1][n], (double)together.attended[1][n], 2e-5, "what all sources give", n);
    taken_free(&together, 4);
    free(all);
    recording_free(r);
    model_free(m);
}

/* A recording that rests on another gives the rows below its own from there. */
static void bases_are_looked_into(void **state)
{
    (void)state;
    enum { T = 24, P = 9 };
    model *m = tiny_open(QWEN2);
    size_t D = m->decoder.config.d_model, *all = positions_to(T), last[] = {P, T - 1};
    float *input = gaussians(T * D, 4);
    recording *whole = record(&m->decoder, input, T, NULL), *rest;
    assert_ok(recording_new(&rest, &m->decoder.config, whole, P, T, P, err));
    replay_fork f = {.base = whole, .first = P, .end = T, .input = input + P * D, .record = rest, .read_first = P};
    float **rows = run_forks(&m->decoder, &f, 1, 0, NULL);
    transfer_pair pair = {NULL, all, last, T, 2};
    taken a = look(&m->decoder, whole, &pair, 1), b = look(&m->decoder, rest, &pair, 1);
    for (size_t l = 0; l < a.L; l++) {
        assert_equal_or_close(a.norm[l], b.norm[l], 2 * T, "norms");
        assert_equal_or_close(a.total[l], b.total[l], 2 * D, "totals");
    }
    taken_free(&a, 1), taken_free(&b, 1);
    rows_free(rows, 1);
    free(input), free(all);
    recording_free(rest), recording_free(whole);
    model_free(m);
}

/* Several recordings at once, two of which rest on a third: each as if it were alone, and the work of the rows that they share is
 * done once. */
static void recordings_do_not_show_in_each_other(void **state)
{
    (void)state;
    enum { T = 150, P = 130, N = 4 };
    model *m = tiny_open(LLAMA);
    size_t D = m->decoder.config.d_model, H = m->decoder.config.heads, *all = positions_to(T), last[] = {P, T - 5, T - 1};
    float *input = gaussians(T * D, 4), *ends[2] = {gaussians(T * D, 5), gaussians(T * D, 6)};
    recording *whole = record(&m->decoder, input, T, NULL), *other = made_up(m, T - 1), *rest[2];
    float **rows[2];
    for (size_t i = 0; i < 2; i++) {
        assert_ok(recording_new(&rest[i], &m->decoder.config, whole, P, T, P, err));
        replay_fork f = {.base = whole, .first = P, .end = T, .input = ends[i], .record = rest[i], .read_first = P};
        rows[i] = run_forks(&m->decoder, &f, 1, 0, NULL);
    }
    transfer_pair pairs[N] = {{rest[0], all, last, T, 3}, {other, all + 2, last, 60, 2}, {rest[1], all, last, P, 3},
                              {whole, all + 100, last + 1, 50, 2}};
    taken together = look(&m->decoder, NULL, pairs, N);
    for (size_t p = 0; p < N; p++) {
        transfer_pair one = pairs[p];
        taken alone = look(&m->decoder, NULL, &one, 1);
        for (size_t l = 0; l < alone.L; l++) {
            size_t i = p * alone.L + l, n = one.destination_count;
            assert_equal_or_close(alone.norm[l], together.norm[i], n * one.source_count, "norms");
            assert_equal_or_close(alone.head_norm[l], together.head_norm[i], n * H, "heads");
            assert_equal_or_close(alone.total[l], together.total[i], n * D, "totals");
            assert_equal_or_close(alone.attended[l], together.attended[i], n * D, "attn_out");
        }
        taken_free(&alone, 1);
    }
    taken_free(&together, N);
    for (size_t i = 0; i < 2; i++) {
        rows_free(rows[i], 1);
        recording_free(rest[i]);
        free(ends[i]);
    }
    free(input), free(all);
    recording_free(other), recording_free(whole);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_families_are_their_definition),
        cmocka_unit_test(pairs_do_not_show_in_each_other),
        cmocka_unit_test(bases_are_looked_into),
        cmocka_unit_test(recordings_do_not_show_in_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
