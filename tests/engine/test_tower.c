/* test_tower.c: the vision tower with rows put in: by forks of a recorded run, and from the pixels on. */
#include "tests/math/numbers.h"
#include "tests/model/tiny.h"

#include "engine/tower.h"
#include "math/matmul.h"

#define PICTURE GOLDEN("data/image/rgb.jpg")
#define OTHER_PICTURE GOLDEN("data/image/photo.png")

static const site sites[] = {SITE_RESID_PRE, SITE_ATTN_OUT, SITE_MLP_OUT, SITE_RESID_POST};
static const tower_kept both = {true, true};

/* A model with two pictures, their runs recorded, and the rows that they become. */
typedef struct scene {
    model *m;
    vision *v;
    picture a, b;
    tower_recording *run_a, *run_b;
    float *rows_a, *rows_b; /* [n] */
    size_t n, R, L;
} scene;

static float *encoded(scene *s, const picture *p, tower_recording **run)
{
    float *rows = zeros(s->n);
    assert_ok(tower_recording_new(run, s->v, both, err));
    tower_fork f = {.pixels = p->pixels, .record = *run, .image_rows = rows};
    assert_ok(tower_run(s->v, &f, 1, err));
    return rows;
}

static void scene_open(scene *s, const char *folder)
{
    *s = (scene){.m = tiny_open(folder)};
    s->v = s->m->vision;
    s->n = vision_rows(s->v) * s->m->decoder.config.d_model;
    s->R = vision_tower_rows(s->v);
    s->L = vision_used_layers(s->v);
    assert_ok(picture_open(&s->a, s->m, PICTURE, err));
    assert_ok(picture_open(&s->b, s->m, OTHER_PICTURE, err));
    s->rows_a = encoded(s, &s->a, &s->run_a);
    s->rows_b = encoded(s, &s->b, &s->run_b);
}

static void scene_close(scene *s)
{
    tower_recording_free(s->run_a), tower_recording_free(s->run_b);
    picture_free(&s->a), picture_free(&s->b);
    free(s->rows_a), free(s->rows_b);
    model_free(s->m);
}

static void for_both(void (*check)(scene *s))
{
    static const char *const folders[] = {LLAVA, BUNNY};
    for (size_t i = 0; i < 2; i++) {
        scene s;
        scene_open(&s, folders[i]);
        check(&s);
        scene_close(&s);
    }
}

/* Equal to the bit, where a row's bits do not depend on the rows beside it. */
static void assert_rows(const float *found, const float *expected, size_t n, const char *what)
{
    if (matmul_row_invariant())
        assert_same_bits(found, expected, n, what);
    else
        for (size_t i = 0; i < n; i++)
            assert_close(found[i], expected[i], 1e-5, what, i);
}

static size_t *all_rows(size_t count)
{
    size_t *rows = mem_new(count, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = i;
    return rows;
}

/* ---- ---- */

static void check_encode(scene *s)
{
    float *rows = zeros(s->n);
    assert_ok(vision_encode(s->v, s->a.pixels, rows, err));
    assert_same_bits(rows, s->rows_a, s->n, "a run of the tower");
    free(rows);
}

static void a_run_is_the_encoder(void **state)
{
    (void)state;
    for_both(check_encode);
}

/* A picture patched with its own rows is the picture: in every site and layer, some rows or all. */
static void check_own(scene *s)
{
    size_t *all = all_rows(s->R);
    float *rows = zeros(s->n);
    for (size_t i = 0; i < 4; i++)
        for (size_t l = 0; l < s->L; l++)
            for (size_t k = 1; k <= s->R; k += s->R - 1) {
                tower_edit e = {sites[i], l, l + 1, all, k, s->run_a};
                tower_fork f = {.base = s->run_a, .edit = &e, .image_rows = rows};
                assert_ok(tower_run(s->v, &f, 1, err));
                assert_rows(rows, s->rows_a, s->n, site_name(sites[i]));
            }
    free(all), free(rows);
}

static void own_rows_change_no_bit(void **state)
{
    (void)state;
    for_both(check_own);
}

/* All of b's inputs in a's run are b's run. */
static void check_whole(scene *s)
{
    size_t *all = all_rows(s->R);
    float *rows = zeros(s->n);
    tower_edit e = {SITE_RESID_PRE, 0, 1, all, s->R, s->run_b};
    tower_fork f = {.base = s->run_a, .edit = &e, .image_rows = rows};
    assert_ok(tower_run(s->v, &f, 1, err));
    assert_rows(rows, s->rows_b, s->n, "all rows restored");
    free(all), free(rows);
}

static void the_whole_input_is_the_other_run(void **state)
{
    (void)state;
    for_both(check_whole);
}

/* Forks of a recording, many at once, are the runs from the pixels on, one at a time. */
static void check_plain(scene *s)
{
    enum { MOST = 400 };
    static const size_t chosen[] = {0, 2, 5};
    tower_edit *edits = mem_new(MOST, sizeof *edits);
    tower_fork *forks = mem_new(MOST, sizeof *forks);
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        for (size_t first = 0; first <= s->L; first++)
            for (size_t end = first + 1; end <= s->L + 1 && end <= first + 2; end++) {
                edits[count] = (tower_edit){sites[i], first, end, chosen, 3, s->run_b};
                forks[count] = (tower_fork){.base = s->run_a, .edit = &edits[count], .image_rows = zeros(s->n)};
                count++;
            }
    assert_ok(tower_run(s->v, forks, count, err));
    float *rows = zeros(s->n);
    for (size_t i = 0; i < count; i++) {
        tower_fork plain = {.pixels = s->a.pixels, .edit = &edits[i], .image_rows = rows};
        assert_ok(tower_run(s->v, &plain, 1, err));
        assert_rows(forks[i].image_rows, rows, s->n, site_name(edits[i].site));
        bool changed = memcmp(rows, s->rows_a, s->n * sizeof *rows) != 0;
        assert_int_equal(changed, edits[i].first_layer < s->L); /* above the features nothing is felt */
        free(forks[i].image_rows);
    }
    free(rows), free(edits), free(forks);
}

static void forks_are_full_runs(void **state)
{
    (void)state;
    for_both(check_plain);
}

/* attn_out + mlp_out is what a layer adds. */
static void check_sums(scene *s)
{
    size_t D = vision_settings(s->v)->width;
    for (size_t l = 0; l < s->L; l++)
        for (size_t r = 0; r < s->R; r++)
            for (size_t i = 0; i < D; i++) {
                double sum = 0;
                for (size_t k = 0; k < 3; k++)
                    sum += (double)tower_recording_row(s->run_a, sites[k], l, r)[i];
                assert_close(sum, tower_recording_row(s->run_a, SITE_RESID_POST, l, r)[i], 1e-5, "a layer's sum", r);
            }
}

static void sites_add_up(void **state)
{
    (void)state;
    for_both(check_sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_the_encoder),
        cmocka_unit_test(own_rows_change_no_bit),
        cmocka_unit_test(the_whole_input_is_the_other_run),
        cmocka_unit_test(forks_are_full_runs),
        cmocka_unit_test(sites_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
