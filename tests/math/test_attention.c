/* test_attention.c: attention against a plain loop in double precision; and its bits, which depend neither on where keys
 * are cut into segments, nor on what is computed beside a row. */
#include "tests/math/scene.h"

#include <omp.h>

#include "math/attention_inner.h"

static void compare_with_plain(const scene *s)
{
    float *z = attend_all(s);
    exact e = exact_of(s);
    double *expected = mem_new(s->head_dim, sizeof *expected);
    for (size_t row = 0; row < s->T; row++)
        for (size_t head = 0; head < s->heads; head++) {
            plain(&e, row, head, expected);
            for (size_t i = 0; i < s->head_dim; i++)
                assert_close((double)z[(row * s->heads + head) * s->head_dim + i], expected[i], 3e-6, "z", i);
        }
    exact_free(&e);
    free(expected);
    free(z);
}

static void attention_is_its_definition(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 2, 3, 5, 8, 16, 24, 31, 32, 33, 64, 80, 95, 96, 127, 128, 130};
    static const size_t heads[][2] = {{1, 1}, {3, 3}, {4, 2}, {5, 1}, {8, 4}};
    static const size_t lengths[] = {1, 2, 31, 33, 64, 70};
    size_t c = 0;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t h = 0; h < sizeof heads / sizeof *heads; h++)
            for (size_t causal = 0; causal < 2; causal++, c++) {
                scene s = scene_new(lengths[c % 6], heads[h][0], heads[h][1], dims[d], causal);
                cut(&s, NULL, 0);
                compare_with_plain(&s);
                scene_free(&s);
            }
}

/* ---- cuts ---- */

static void cut_edges_have_no_share(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 8, 24, 32, 33, 64, 128};
    static const size_t heads[][2] = {{1, 1}, {4, 2}, {5, 1}};
    for (size_t c = 0; c < 42; c++) {
        scene s = scene_new(1 + (c * 31) % 97, heads[c % 3][0], heads[c % 3][1], dims[c % 7], true);
        cutting edges;
        cut_some(&edges, &s, c % (MOST_CUTS + 1), c);
        size_t at[] = {s.T / 2};
        cut(&s, at, s.T > 1);
        compare_with_plain(&s);
        cutting_free(&edges);
        scene_free(&s);
    }
}

/* A cut of edges that are not there, none at all included. */
static void cuts_of_nothing_change_no_bit(void **state)
{
    (void)state;
    scene s = scene_new(70, 6, 3, 32, true);
    cut(&s, NULL, 0);
    float *whole = attend_all(&s);
    const size_t late[] = {40, 41, 69}, early[] = {0, 7, 39}, beyond[] = {70, 300};
    const attention_cut cuts[] = {{late, early, 3, 3}, {early, late, 0, 3}, {early, late, 3, 0}, {beyond, late, 2, 3},
                                  {early, beyond, 3, 2}};
    s.cuts = cuts;
    s.cut_count = sizeof cuts / sizeof *cuts;
    float *same = attend_all(&s);
    assert_same_bits(whole, same, s.T * s.heads * s.head_dim, "cut of nothing");
    free(whole), free(same);
    scene_free(&s);
}

/* Rows that lose edges, beside others that do not; each as alone, however keys are cut into segments. */
static void a_cut_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    scene s = scene_new(75, 6, 2, 40, true);
    size_t width = s.heads * s.head_dim;
    cutting edges;
    cut_some(&edges, &s, 2, 5);
    cut(&s, NULL, 0);
    float *whole = attend_all(&s), *z = zeros(width);
    cut(&s, (size_t[]){3, 32, 50}, 3);
    for (size_t t = 0; t < s.T; t++) {
        attention_job job = job_of(&s, &t, 1, s.q + t * width, z);
        attention(&job, 1);
        assert_same_bits(z, whole + t * width, width, "row alone");
    }
    cutting_free(&edges);
    free(whole), free(z);
    scene_free(&s);
}

/* What attention mixes with, by itself: the definition's softmax, 0 beyond; and the same whichever rows stand beside. */
static void shares_are_the_softmax(void **state)
{
    (void)state;
    static const size_t heads[][2] = {{1, 1}, {3, 3}, {4, 2}, {5, 1}, {8, 4}}, lengths[] = {1, 2, 31, 33, 64, 70};
    for (size_t c = 0; c < 60; c++) {
        scene s = scene_new(lengths[c % 6], heads[c % 5][0], heads[c % 5][1], 1 + c * 7 % 90, c % 4 > 0);
        size_t middle = s.T / 2, positions[70], H = s.heads, stride = s.T + c % 3;
        cut(&s, &middle, s.T > 1);
        float *p = zeros(s.T * H * stride), *alone = zeros(H * stride);
        double *expected = mem_new(s.T, sizeof *expected);
        for (size_t t = 0; t < s.T; t++)
            positions[t] = t;
        attention_job job = job_of(&s, positions, s.T, s.q, NULL);
        attention_shares(&job, p, stride);
        exact e = exact_of(&s);
        for (size_t i = 0; i < s.T * H; i++) {
            size_t keys = plain_softmax(&e, i / H, i % H, expected);
            for (size_t t = 0; t < s.T; t++)
                assert_close((double)p[i * stride + t], t < keys ? expected[t] : 0, t < keys ? 2e-6 : 0, "share", t);
        }
        job = job_of(&s, &positions[middle], 1, s.q + middle * H * s.head_dim, NULL);
        attention_shares(&job, alone, stride);
        for (size_t h = 0; h < H; h++)
            assert_same_bits(alone + h * stride, p + (middle * H + h) * stride, s.T, "a row's shares");
        exact_free(&e);
        free(p), free(alone), free(expected);
        scene_free(&s);
    }
}

/* Scores of a thousand: without taking the maximum off first, e^x would overflow. */
static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    scene s = scene_new(40, 2, 1, 16, true);
    for (size_t i = 0; i < s.T * 2 * 16; i++)
        s.q[i] *= 300;
    cut(&s, NULL, 0);
    float *z = attend_all(&s);
    for (size_t i = 0; i < s.T * 2 * 16; i++)
        assert_true(isfinite(z[i]));
    free(z);
    scene_free(&s);
}

static void segments_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const size_t dims[] = {7, 32, 40, 64};
    for (size_t c = 0; c < 40; c++) {
        scene s = scene_new(1 + (c * 37) % 103, 4, 2, dims[c % 4], c % 3 != 0);
        cut(&s, NULL, 0);
        float *whole = attend_all(&s);
        random_state r = random_from(c);
        for (size_t tries = 0; tries < 6; tries++) {
            size_t at[MOST_SEGMENTS], n = 0;
            for (size_t t = 1; t < s.T && n < MOST_SEGMENTS - 1; t++)
                if (random_below(&r, s.T) < 4)
                    at[n++] = t;
            cut(&s, at, n);
            float *pieces = attend_all(&s);
            assert_same_bits(whole, pieces, s.T * s.heads * s.head_dim, "cut");
            free(pieces);
        }
        free(whole);
        scene_free(&s);
    }
}

/* Any subset of rows, in one job or in several of one call, gives each row the bits it has among all. */
static void rows_do_not_depend_on_their_neighbours(void **state)
{
    (void)state;
    for (size_t c = 0; c < 30; c++) {
        scene s = scene_new(1 + (c * 41) % 90, c % 2 ? 6 : 3, 3, c % 3 ? 20 : 64, c % 4 != 0);
        size_t cut_at[] = {s.T / 2 ? s.T / 2 : 1}, width = s.heads * s.head_dim;
        cut(&s, cut_at, s.T > 1);
        float *whole = attend_all(&s), *q = zeros(s.T * width), *z = zeros(s.T * width);
        size_t *positions = mem_new(s.T, sizeof *positions), n = 0, jobs = 0;
        attention_job list[4];
        random_state r = random_from(c);
        for (size_t j = 0; j < 4; j++) { /* up to four jobs, each with about a quarter of the rows */
            size_t from = n;
            for (size_t t = 0; t < s.T; t++)
                if (random_below(&r, 4) == 0 && n < s.T) {
                    positions[n] = t;
                    memcpy(q + n++ * width, s.q + t * width, width * sizeof *q);
                }
            if (n > from)
                list[jobs++] = job_of(&s, positions + from, n - from, q + from * width, z + from * width);
        }
        attention(list, jobs);
        for (size_t i = 0; i < n; i++)
            assert_same_bits(z + i * width, whole + positions[i] * width, width, "row");
        free(whole), free(q), free(z), free(positions);
        scene_free(&s);
    }
}

/* A fork of a run: it attends to the run's positions below `first`, kept in one or two pieces, then to its own. */
typedef struct fork {
    scene s;
    attention_job job;
    size_t positions[40];
    float *z, *alone;
} fork_scene;

/* Keys and values of `base`, whose memory all forks share, and the fork's own behind; none where it has but queries. */
static void fork_make(fork_scene *f, const scene *base, size_t first, bool has_own, uint64_t seed)
{
    size_t end = has_own ? base->T : first, rows = 0, width = base->heads * base->head_dim;
    f->s = scene_new(base->T, base->heads, base->kv_heads, base->head_dim, true);
    random_state r = random_from(seed);
    for (size_t t = has_own ? first : 0; t < end && rows < 40; t++)
        if (random_below(&r, 3) || rows == 0)
            f->positions[rows++] = t;
    for (size_t i = 0; i < rows * width; i++)
        f->s.q[i] = (float)random_gaussian(&r);
    if (has_own)
        cut(&f->s, &first, 1);
    kv_segment *own = &f->s.segments[0], last = has_own ? f->s.segments[1] : (kv_segment){0};
    size_t n = 0;
    for (size_t g = 0; g < base->segment_count && base->segments[g].first < first; g++) {
        own[n] = base->segments[g];
        own[n].end = own[n].end < first ? own[n].end : first;
        n++;
    }
    if (has_own)
        own[n++] = last;
    f->z = zeros(rows * width), f->alone = zeros(rows * width);
    f->job = job_of(&f->s, f->positions, rows, f->s.q, f->z);
    f->job.segment_count = n;
}

static void fork_free(fork_scene *f)
{
    f->s.segment_count = 0; /* cut's pieces, which kt and values still name */
    for (size_t i = 0; i < MOST_SEGMENTS; i++)
        free(f->s.kt[i]), free(f->s.values[i]);
    scene_free(&f->s);
    free(f->z), free(f->alone);
}

/* What forks share goes through tiles of rows of all of them; each row's bits are those that it has in a call of its own. */
static void forks_of_one_run_do_not_show(void **state)
{
    (void)state;
    enum { FORKS = 12 };
    static const size_t dims[] = {8, 24, 32, 40, 64, 72}, heads[][2] = {{1, 1}, {3, 3}, {6, 2}, {4, 1}};
    for (size_t c = 0; c < 48; c++) {
        scene base = scene_new(40 + (c * 29) % 90, heads[c % 4][0], heads[c % 4][1], dims[c % 6], true);
        size_t half = base.T / 2, width = base.heads * base.head_dim;
        cut(&base, &half, c % 2);
        fork_scene forks[FORKS];
        attention_job jobs[FORKS];
        cutting edges[FORKS];
        for (size_t i = 0; i < FORKS; i++) {
            size_t first = c % 3 ? base.T - 1 - (i * 7 + c) % 30 : base.T - 1;
            fork_make(&forks[i], &base, first, (i + c) % 5 > 0, c * FORKS + i);
            cut_some(&edges[i], &forks[i].s, (i + c) % 4 == 0 ? 2 : 0, i);
            forks[i].job.cuts = forks[i].s.cuts, forks[i].job.cut_count = forks[i].s.cut_count;
            jobs[i] = forks[i].job;
        }
        attention(jobs, FORKS);
        for (size_t i = 0; i < FORKS; i++) {
            for (size_t r = 0; r < forks[i].job.rows; r++) {
                attention_job one = forks[i].job;
                one.rows = 1, one.q += r * width, one.positions += r, one.z = forks[i].alone + r * width;
                attention(&one, 1);
            }
            assert_same_bits(forks[i].z, forks[i].alone, forks[i].job.rows * width, "a fork's rows");
            cutting_free(&edges[i]);
            fork_free(&forks[i]);
        }
        scene_free(&base);
    }
}

static void threads_do_not_show(void **state)
{
    (void)state;
    scene s = scene_new(300, 8, 4, 32, true);
    cut(&s, (size_t[]){100}, 1);
    omp_set_num_threads(1);
    float *one = attend_all(&s);
    omp_set_num_threads(2);
    float *two = attend_all(&s);
    omp_set_num_threads(1);
    assert_same_bits(one, two, s.T * s.heads * s.head_dim, "threads");
    free(one), free(two);
    scene_free(&s);
}

/* attention takes the one that suits the processor and the number of queries; whichever it is, the numbers are the same. */
static void shapes_of_tiles_do_not_show(void **state)
{
    (void)state;
    scene s = scene_new(64, 8, 1, 48, true);
    cut(&s, (size_t[]){32}, 1);
    float *shares = gaussians(QUERIES * s.T, 4), *z[3];
    float *at[3][QUERIES], *p[QUERIES];
    const float *q[QUERIES];
    for (size_t k = 0; k < 3; k++)
        z[k] = zeros(QUERIES * COLUMNS);
    for (size_t i = 0; i < QUERIES; i++) {
        q[i] = s.q + i * s.head_dim, p[i] = shares + i * s.T;
        for (size_t k = 0; k < 3; k++)
            at[k][i] = z[k] + i * COLUMNS;
    }
    score_tile_16x8(at[0], q, s.kt[0], s.segments[0].k_stride, s.head_dim);
    for (size_t n = 0; n < QUERIES; n += FEW) {
        score_tile_16x4(at[1] + n, q + n, s.kt[0], s.segments[0].k_stride, s.head_dim);
        score_tile_8x4(at[2] + n, q + n, s.kt[0], s.segments[0].k_stride, s.head_dim);
    }
    for (size_t k = 1; k < 3; k++)
        assert_same_bits(z[0], z[k], QUERIES * COLUMNS, "score");
    attention_job job = job_of(&s, NULL, 0, NULL, NULL);
    mix_tile_16x8(at[0], p, &job, 5, 0, 40);
    for (size_t n = 0; n < QUERIES; n += FEW) {
        mix_tile_16x4(at[1] + n, p + n, &job, 5, 0, 40);
        mix_tile_8x4(at[2] + n, p + n, &job, 5, 0, 40);
    }
    for (size_t k = 1; k < 3; k++)
        assert_same_bits(z[0], z[k], QUERIES * COLUMNS, "mixed value");
    for (size_t k = 0; k < 3; k++)
        free(z[k]);
    free(shares);
    scene_free(&s);
}

static void nothing_to_attend_is_fine(void **state)
{
    (void)state;
    attention(NULL, 0);
    scene s = scene_new(5, 1, 1, 4, true);
    cut(&s, NULL, 0);
    attention_job job = job_of(&s, NULL, 0, NULL, NULL);
    attention(&job, 1);
    scene_free(&s);
}

static void keys_are_transposed_with_zeros_behind(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70; n++) {
        size_t stride = kv_stride(n);
        assert_true(stride >= n && stride - n < 32 && stride % 32 == 0);
        float *k = gaussians(n * 3, n), *kt = gaussians(3 * stride, 9);
        kv_transpose(kt, k, n, 3, stride);
        for (size_t c = 0; c < 3; c++)
            for (size_t t = 0; t < stride; t++)
                assert_true(kt[c * stride + t] == (t < n ? k[t * 3 + c] : 0));
        free(k), free(kt);
    }
}

static void keys_are_appended_column_by_column(void **state)
{
    (void)state;
    enum { ROWS = 45, WIDTH = 3 };
    size_t stride = kv_stride(ROWS);
    float *k = gaussians(ROWS * WIDTH, 1), *whole = zeros(WIDTH * stride), *grown = gaussians(WIDTH * stride, 2);
    kv_transpose(whole, k, ROWS, WIDTH, stride);
    for (size_t held = 0, n = 1; held < ROWS; held += n, n = n % 7 + 1) {
        n = held + n > ROWS ? ROWS - held : n;
        kv_append(grown, held, k + held * WIDTH, n, WIDTH, stride);
    }
    assert_same_bits(grown, whole, WIDTH * stride, "key");
    free(k), free(whole), free(grown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_its_definition),
        cmocka_unit_test(cut_edges_have_no_share),
        cmocka_unit_test(cuts_of_nothing_change_no_bit),
        cmocka_unit_test(a_cut_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(shares_are_the_softmax),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(segments_may_be_cut_anywhere),
        cmocka_unit_test(rows_do_not_depend_on_their_neighbours),
        cmocka_unit_test(forks_of_one_run_do_not_show),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(shapes_of_tiles_do_not_show),
        cmocka_unit_test(nothing_to_attend_is_fine),
        cmocka_unit_test(keys_are_transposed_with_zeros_behind),
        cmocka_unit_test(keys_are_appended_column_by_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
