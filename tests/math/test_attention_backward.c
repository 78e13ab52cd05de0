/* test_attention_backward.c: attention's gradients against PyTorch's, against slopes of the definition and against the
 * gradients' own definition in double precision; and their bits, which depend neither on where keys are cut, nor on
 * threads, nor on which rows and positions are wanted. */
#include "tests/math/scene.h"

#include <omp.h>

#include "math/attention_inner.h"

/* dq of all rows; dk and dv of the positions from `first` on. */
typedef struct gradients {
    size_t queries, keys; /* numbers in dq; in dk and dv */
    float *dq, *dk, *dv;
} gradients;

static gradients gradients_of(const scene *s, size_t first)
{
    size_t queries = s->T * s->heads * s->head_dim, keys = (s->T - first) * s->kv_heads * s->head_dim;
    /* what dq held does not matter */
    return (gradients){queries, keys, gaussians(queries, 7), zeros(keys), zeros(keys)};
}

static void gradients_free(gradients *g)
{
    free(g->dq), free(g->dk), free(g->dv);
}

static void assert_same_gradients(const gradients *a, const gradients *b)
{
    assert_same_bits(a->dq, b->dq, a->queries, "dq");
    assert_same_bits(a->dk, b->dk, a->keys, "dk");
    assert_same_bits(a->dv, b->dv, a->keys, "dv");
}

static float *gradient_of_z(const scene *s)
{
    return gaussians(s->T * s->heads * s->head_dim, 4);
}

static gradients attend_all_backward(const scene *s, size_t first)
{
    float *dz = gradient_of_z(s);
    gradients g = gradients_of(s, first);
    size_t *positions = mem_new(s->T, sizeof *positions);
    for (size_t t = 0; t < s->T; t++)
        positions[t] = t;
    attention_job job = job_of(s, positions, s->T, s->q, NULL);
    attention_backward(&job, &(attention_gradient){dz, g.dq, first, g.dk, g.dv}, 1);
    free(positions), free(dz);
    return g;
}

/* ---- numbers ---- */

static void assert_all_close(const float *found, const double *expected, size_t n, double tolerance, const char *what)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabs(expected[i]) > most ? fabs(expected[i]) : most;
    for (size_t i = 0; i < n; i++)
        assert_close((double)found[i], expected[i], tolerance * (most + 0.1), what, i);
}

static size_t number(const json_t *object, const char *key)
{
    return (size_t)json_number_value(json_object_get(object, key));
}

static void compare_with_pytorch(const json_t *of)
{
    size_t rows = number(of, "rows"), n, keys;
    float *q = json_floats(of, "q", &n), *dz = json_floats(of, "dz", &n), *z = zeros(n);
    scene s = {.T = number(of, "keys"), .heads = number(of, "heads"), .kv_heads = number(of, "kv_heads"),
               .head_dim = number(of, "head_dim"), .causal = json_is_array(json_object_get(of, "positions")),
               .k = json_floats(of, "k", &keys), .v = json_floats(of, "v", &keys)};
    double *dq = json_numbers(of, "dq", &n), *dk = json_numbers(of, "dk", &keys), *dv = json_numbers(of, "dv", &keys);
    double *expected_z = json_numbers(of, "z", &n);
    size_t *positions = mem_new(rows, sizeof *positions);
    for (size_t i = 0; i < rows && s.causal; i++)
        positions[i] = (size_t)json_number_value(json_array_get(json_object_get(of, "positions"), i));
    cut(&s, (size_t[]){s.T / 2}, s.T > 1);
    gradients g = {n, keys, zeros(n), zeros(keys), zeros(keys)};
    attention_job job = job_of(&s, positions, rows, q, z);
    attention(&job, 1);
    attention_backward(&job, &(attention_gradient){dz, g.dq, 0, g.dk, g.dv}, 1);
    assert_all_close(z, expected_z, n, 1e-6, "z");
    assert_all_close(g.dq, dq, n, 1e-6, "dq");
    assert_all_close(g.dk, dk, keys, 1e-6, "dk");
    assert_all_close(g.dv, dv, keys, 1e-6, "dv");
    free(q), free(dz), free(z), free(dq), free(dk), free(dv), free(expected_z), free(positions);
    gradients_free(&g);
    scene_free(&s);
}

static void gradients_are_pytorchs(void **state)
{
    (void)state;
    json_t *golden;
    size_t c;
    const json_t *of;
    assert_ok(json_read_file(&golden, GOLDEN("math/golden/attention_backward.json"), err));
    const json_t *cases = json_object_get(golden, "cases");
    assert_true(json_array_size(cases) > 3);
    json_array_foreach(cases, c, of)
        compare_with_pytorch(of);
    json_decref(golden);
}

/* The number whose gradients are taken: sum of dz z. */
static double definition(const exact *e, const float *dz)
{
    const scene *s = e->of;
    double *z = mem_new(s->head_dim, sizeof *z), total = 0;
    for (size_t row = 0; row < s->T; row++)
        for (size_t head = 0; head < s->heads; head++) {
            plain(e, row, head, z);
            for (size_t i = 0; i < s->head_dim; i++)
                total += z[i] * (double)dz[(row * s->heads + head) * s->head_dim + i];
        }
    free(z);
    return total;
}

/* Differences of four values: what they are off by falls with the fourth power of their distance. */
static double *slopes(const exact *e, double *x, size_t n, const float *dz)
{
    const double h = 1e-2;
    double *slope = mem_new(n, sizeof *slope);
    for (size_t i = 0; i < n; i++) {
        double at = x[i], value[4];
        static const double steps[] = {1, -1, 2, -2};
        for (size_t k = 0; k < 4; k++) {
            x[i] = at + steps[k] * h;
            value[k] = definition(e, dz);
        }
        x[i] = at;
        slope[i] = (8 * (value[0] - value[1]) - (value[2] - value[3])) / (12 * h);
    }
    return slope;
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    static const size_t shapes[][4] = {{1, 1, 1, 2}, {4, 2, 1, 3}, {6, 4, 2, 5}, {5, 3, 3, 4}};
    for (size_t c = 0; c < 2 * sizeof shapes / sizeof *shapes; c++) {
        const size_t *of = shapes[c / 2];
        scene s = scene_new(of[0], of[1], of[2], of[3], c % 2);
        cut(&s, (size_t[]){1}, s.T > 1);
        exact e = exact_of(&s);
        float *dz = gradient_of_z(&s);
        gradients g = attend_all_backward(&s, 0);
        double *dq = slopes(&e, e.q, g.queries, dz);
        double *dk = slopes(&e, e.k, g.keys, dz), *dv = slopes(&e, e.v, g.keys, dz);
        assert_all_close(g.dq, dq, g.queries, 1e-6, "dq");
        assert_all_close(g.dk, dk, g.keys, 1e-6, "dk");
        assert_all_close(g.dv, dv, g.keys, 1e-6, "dv");
        free(dz), free(dq), free(dk), free(dv);
        gradients_free(&g);
        exact_free(&e);
        scene_free(&s);
    }
}

/* The gradients' definition: one row's and head's share of them. p and dp [T]. */
static void plain_backward(const exact *e, const float *dz, size_t row, size_t head, double *p, double *dp, double *dq,
                           double *dk, double *dv)
{
    const scene *s = e->of;
    size_t d = s->head_dim, width = s->kv_heads * d, at = (row * s->heads + head) * d;
    size_t keys = plain_softmax(e, row, head, p);
    double mean = 0;
    for (size_t t = 0; t < keys; t++) {
        size_t column = t * width + column_of(s, head);
        dp[t] = 0;
        for (size_t i = 0; i < d; i++) {
            dp[t] += (double)dz[at + i] * e->v[column + i];
            dv[column + i] += p[t] * (double)dz[at + i];
        }
        mean += p[t] * dp[t];
    }
    for (size_t t = 0; t < keys; t++) {
        size_t column = t * width + column_of(s, head);
        double ds = p[t] * (dp[t] - mean) / sqrt((double)d);
        for (size_t i = 0; i < d; i++) {
            dq[at + i] += ds * e->k[column + i];
            dk[column + i] += ds * e->q[at + i];
        }
    }
}

static void compare_with_plain(const scene *s)
{
    exact e = exact_of(s);
    float *dz = gradient_of_z(s);
    gradients g = attend_all_backward(s, 0);
    double *dq = mem_new(g.queries, sizeof *dq), *dk = mem_new(g.keys, sizeof *dk), *dv = mem_new(g.keys, sizeof *dv);
    double *p = mem_new(s->T, sizeof *p), *dp = mem_new(s->T, sizeof *dp);
    for (size_t row = 0; row < s->T; row++)
        for (size_t head = 0; head < s->heads; head++)
            plain_backward(&e, dz, row, head, p, dp, dq, dk, dv);
    assert_all_close(g.dq, dq, g.queries, 2e-6, "dq");
    assert_all_close(g.dk, dk, g.keys, 2e-6, "dk");
    assert_all_close(g.dv, dv, g.keys, 2e-6, "dv");
    free(dz), free(dq), free(dk), free(dv), free(p), free(dp);
    gradients_free(&g);
    exact_free(&e);
}

static void gradients_are_their_definition(void **state)
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

static void nothing_flows_through_a_cut_edge(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 8, 24, 33, 64, 128};
    for (size_t c = 0; c < 24; c++) {
        scene s = scene_new(1 + (c * 31) % 83, c % 2 ? 4 : 3, c % 2 ? 2 : 1, dims[c % 6], true);
        cutting edges;
        cut_some(&edges, &s, 1 + c % MOST_CUTS, c);
        cut(&s, NULL, 0);
        compare_with_plain(&s);
        cutting_free(&edges);
        scene_free(&s);
    }
}

static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    scene s = scene_new(40, 2, 1, 16, true);
    for (size_t i = 0; i < s.T * 2 * 16; i++)
        s.q[i] *= 300;
    cut(&s, NULL, 0);
    gradients g = attend_all_backward(&s, 0);
    for (size_t i = 0; i < g.queries; i++)
        assert_true(isfinite(g.dq[i]));
    for (size_t i = 0; i < g.keys; i++)
        assert_true(isfinite(g.dk[i]) && isfinite(g.dv[i]));
    gradients_free(&g);
    scene_free(&s);
}

/* ---- bits ---- */

static void segments_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const size_t dims[] = {7, 32, 40, 64};
    for (size_t c = 0; c < 24; c++) {
        scene s = scene_new(1 + (c * 37) % 103, 4, 2, dims[c % 4], c % 3 != 0);
        size_t first = s.T * (c % 5) / 5;
        cut(&s, NULL, 0);
        gradients whole = attend_all_backward(&s, first);
        random_state r = random_from(c);
        for (size_t tries = 0; tries < 5; tries++) {
            size_t at[MOST_SEGMENTS], n = 0;
            for (size_t t = 1; t < s.T && n < MOST_SEGMENTS - 1; t++)
                if (random_below(&r, s.T) < 4)
                    at[n++] = t;
            cut(&s, at, n);
            gradients pieces = attend_all_backward(&s, first);
            assert_same_gradients(&whole, &pieces);
            gradients_free(&pieces);
        }
        gradients_free(&whole);
        scene_free(&s);
    }
}

/* The gradients of the last positions are the bits that they have among those of all. */
static void positions_before_the_first_get_none(void **state)
{
    (void)state;
    scene s = scene_new(70, 6, 3, 48, true);
    size_t width = s.kv_heads * s.head_dim;
    cut(&s, (size_t[]){40}, 1);
    gradients all = attend_all_backward(&s, 0);
    for (size_t first = 0; first <= s.T; first += 7) {
        gradients some = attend_all_backward(&s, first);
        assert_same_bits(some.dq, all.dq, all.queries, "dq");
        assert_same_bits(some.dk, all.dk + first * width, some.keys, "dk");
        assert_same_bits(some.dv, all.dv + first * width, some.keys, "dv");
        gradients_free(&some);
    }
    gradients_free(&all);
    scene_free(&s);
}

/* A row's dq among any others, in one job or in several of one call. Nothing asks for keys' gradients here. */
static void rows_do_not_depend_on_their_neighbours(void **state)
{
    (void)state;
    for (size_t c = 0; c < 20; c++) {
        scene s = scene_new(2 + (c * 41) % 90, c % 2 ? 6 : 3, 3, c % 3 ? 20 : 64, c % 4 != 0);
        size_t width = s.heads * s.head_dim, n = 0, jobs = 0;
        cut(&s, (size_t[]){s.T / 2}, 1);
        gradients whole = attend_all_backward(&s, s.T);
        float *all = gradient_of_z(&s), *q = zeros(s.T * width), *dz = zeros(s.T * width), *dq = zeros(s.T * width);
        size_t *positions = mem_new(s.T, sizeof *positions);
        attention_job list[4];
        attention_gradient of[4];
        random_state r = random_from(c);
        for (size_t j = 0; j < 4; j++) { /* up to four jobs, each with about a quarter of the rows */
            size_t from = n;
            for (size_t t = 0; t < s.T; t++)
                if (random_below(&r, 4) == 0 && n < s.T) {
                    positions[n] = t;
                    memcpy(q + n * width, s.q + t * width, width * sizeof *q);
                    memcpy(dz + n++ * width, all + t * width, width * sizeof *dz);
                }
            of[jobs] = (attention_gradient){dz + from * width, dq + from * width, s.T, NULL, NULL};
            if (n > from)
                list[jobs++] = job_of(&s, positions + from, n - from, q + from * width, NULL);
        }
        attention_backward(list, of, jobs);
        for (size_t i = 0; i < n; i++)
            assert_same_bits(dq + i * width, whole.dq + positions[i] * width, width, "dq");
        free(all), free(q), free(dz), free(dq), free(positions);
        gradients_free(&whole);
        scene_free(&s);
    }
}

/* Two calls, each with some of the rows in order, add up to what one does. */
static void gradients_are_added_to(void **state)
{
    (void)state;
    scene s = scene_new(50, 6, 2, 33, true);
    size_t positions[50], width = s.heads * s.head_dim;
    for (size_t t = 0; t < s.T; t++)
        positions[t] = t;
    cut(&s, NULL, 0);
    gradients whole = attend_all_backward(&s, 0), parts = gradients_of(&s, 0);
    float *dz = gradient_of_z(&s);
    for (size_t from = 0, n = 17; from < s.T; from += n) {
        n = s.T - from < n ? s.T - from : n;
        attention_job job = job_of(&s, positions + from, n, s.q + from * width, NULL);
        attention_gradient of = {dz + from * width, parts.dq + from * width, 0, parts.dk, parts.dv};
        attention_backward(&job, &of, 1);
    }
    assert_same_gradients(&whole, &parts);
    free(dz);
    gradients_free(&whole);
    gradients_free(&parts);
    scene_free(&s);
}

static void threads_do_not_show(void **state)
{
    (void)state;
    scene s = scene_new(300, 8, 4, 32, true);
    cut(&s, (size_t[]){100}, 1);
    omp_set_num_threads(1);
    gradients one = attend_all_backward(&s, 100);
    for (int threads = 2; threads < 5; threads++) {
        omp_set_num_threads(threads);
        gradients more = attend_all_backward(&s, 100);
        assert_same_gradients(&one, &more);
        gradients_free(&more);
    }
    omp_set_num_threads(1);
    gradients_free(&one);
    scene_free(&s);
}

static void shapes_of_tiles_do_not_show(void **state)
{
    (void)state;
    enum { T = 50, WIDTH = 37 };
    float *to[3], *s = gaussians(QUERIES * T, 2), *x = gaussians(QUERIES * COLUMNS, 3), *shares[QUERIES];
    const float *from[QUERIES];
    for (size_t k = 0; k < 3; k++)
        to[k] = gaussians(T * WIDTH, 1);
    for (size_t i = 0; i < QUERIES; i++)
        shares[i] = s + i * T, from[i] = x + i * COLUMNS;
    spread_tile_16x8(to[0] + 5, WIDTH, shares, from, 0, T);
    for (size_t n = 0; n < QUERIES; n += FEW) {
        spread_tile_16x4(to[1] + 5, WIDTH, shares + n, from + n, 0, T);
        spread_tile_8x4(to[2] + 5, WIDTH, shares + n, from + n, 0, T);
    }
    for (size_t k = 1; k < 3; k++)
        assert_same_bits(to[0], to[k], T * WIDTH, "spread");
    for (size_t k = 0; k < 3; k++)
        free(to[k]);
    free(s), free(x);
}

static void no_rows_are_fine(void **state)
{
    (void)state;
    attention_backward(NULL, NULL, 0);
    scene s = scene_new(5, 1, 1, 4, true);
    cut(&s, NULL, 0);
    attention_job job = job_of(&s, NULL, 0, NULL, NULL);
    attention_backward(&job, &(attention_gradient){.first = 5}, 1);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_pytorchs),
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(gradients_are_their_definition),
        cmocka_unit_test(nothing_flows_through_a_cut_edge),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(segments_may_be_cut_anywhere),
        cmocka_unit_test(positions_before_the_first_get_none),
        cmocka_unit_test(rows_do_not_depend_on_their_neighbours),
        cmocka_unit_test(gradients_are_added_to),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(shapes_of_tiles_do_not_show),
        cmocka_unit_test(no_rows_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
