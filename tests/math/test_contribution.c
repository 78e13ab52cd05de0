/* test_contribution.c: contributions against their definition in double precision; their bits, which depend neither on how
 * sources are cut into blocks nor on threads. */
#include "tests/math/numbers.h"

#include <omp.h>

#include "math/contribution.h"

typedef struct scene {
    size_t rows, sources, heads, width;
    float *shares;          /* [sources][rows][heads] */
    float *given;           /* [heads][sources][width] */
    size_t *at, *seen_from; /* [sources] */
} scene;

static scene scene_new(size_t rows, size_t sources, size_t heads, size_t width)
{
    scene s = {rows, sources, heads, width, gaussians(sources * rows * heads, 1), gaussians(heads * sources * width, 2),
               mem_new(sources, sizeof(size_t)), mem_new(sources, sizeof(size_t))};
    for (size_t j = 0; j < sources; j++) {
        s.at[j] = (j * 7 + 3) % sources; /* sources stand in any order: 7 has no divisor in common with their numbers here */
        s.seen_from[j] = j * 5 % (rows + 1);
        memset(s.shares + j * rows * heads, 0, s.seen_from[j] * heads * sizeof(float));
    }
    return s;
}

static void scene_free(scene *s)
{
    free(s->shares), free(s->given), free(s->at), free(s->seen_from);
}

static contribution_block block_of(const scene *s, size_t first, size_t count)
{
    return (contribution_block){.rows = s->rows, .sources = count, .heads = s->heads, .width = s->width,
                                .shares = s->shares + first * s->rows * s->heads, .seen_from = s->seen_from + first,
                                .given = s->given, .head_down = s->sources * s->width, .at = s->at + first};
}

/* One element of c(row <- source). */
static double plain(const scene *s, size_t row, size_t source, size_t column)
{
    double sum = 0;
    for (size_t h = 0; h < s->heads; h++)
        sum += (double)s->shares[(source * s->rows + row) * s->heads + h] *
               (double)s->given[(h * s->sources + s->at[source]) * s->width + column];
    return sum;
}

static void check(const scene *s)
{
    float *norm = zeros(s->rows * s->sources), *total = zeros(s->rows * s->width);
    contribution_block b = block_of(s, 0, s->sources);
    assert_ok(contribution_add(&b, norm, s->sources, total, err));
    for (size_t r = 0; r < s->rows; r++) {
        for (size_t j = 0; j < s->sources; j++) {
            double square = 0;
            for (size_t c = 0; c < s->width; c++)
                square += plain(s, r, j, c) * plain(s, r, j, c);
            assert_close((double)norm[r * s->sources + j], sqrt(square), 3e-6 * sqrt(square), "norm", j);
        }
        for (size_t c = 0; c < s->width; c++) {
            double sum = 0;
            for (size_t j = 0; j < s->sources; j++)
                sum += plain(s, r, j, c);
            assert_close((double)total[r * s->width + c], sum, 2e-5, "total", c);
        }
    }
    free(norm), free(total);
}

static void contributions_are_their_definition(void **state)
{
    (void)state;
    static const size_t shapes[][4] = {{1, 1, 1, 1}, {2, 3, 1, 5}, {3, 8, 2, 64}, {5, 9, 3, 65}, {4, 30, 4, 128}, {9, 5, 9, 200}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        scene s = scene_new(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
        check(&s);
        scene_free(&s);
    }
}

static void heads_are_added_by_their_norms(void **state)
{
    (void)state;
    scene s = scene_new(4, 9, 3, 10);
    float *norms = gaussians(s.heads * s.sources, 5), *found = zeros(s.rows * s.heads);
    contribution_block b = block_of(&s, 0, s.sources);
    contribution_add_heads(&b, norms, s.sources, found);
    for (size_t i = 0; i < s.rows * s.heads; i++) {
        double sum = 0;
        for (size_t j = 0; j < s.sources; j++)
            sum += (double)s.shares[(j * s.rows + i / s.heads) * s.heads + i % s.heads] *
                   (double)norms[i % s.heads * s.sources + s.at[j]];
        assert_close((double)found[i], sum, 1e-5, "head", i);
    }
    free(norms), free(found);
    scene_free(&s);
}

static void neither_blocks_nor_threads_show(void **state)
{
    (void)state;
    scene s = scene_new(6, 40, 5, 300);
    float *norm = zeros(6 * 40), *total = zeros(6 * 300), *again = zeros(6 * 40), *total_again = zeros(6 * 300);
    int threads = omp_get_max_threads();
    contribution_block b = block_of(&s, 0, 40);
    omp_set_num_threads(1);
    assert_ok(contribution_add(&b, norm, 40, total, err));
    omp_set_num_threads(3);
    for (size_t first = 0, n; first < 40; first += n) {
        n = 1 + first % 7 < 40 - first ? 1 + first % 7 : 40 - first;
        b = block_of(&s, first, n);
        assert_ok(contribution_add(&b, again + first, 40, total_again, err));
    }
    omp_set_num_threads(threads);
    assert_same_bits(again, norm, 6 * 40, "norms");
    assert_same_bits(total_again, total, 6 * 300, "totals");
    free(norm), free(total), free(again), free(total_again);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_are_their_definition),
        cmocka_unit_test(heads_are_added_by_their_norms),
        cmocka_unit_test(neither_blocks_nor_threads_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
