/* scene.h: a tiny decoder with two runs of it, whose first rows are alike, recorded: what tests of replays fork from. Each test is
 * run with every kind of decoder, in f32 and in bf16. */
#ifndef TESTS_ENGINE_SCENE_H
#define TESTS_ENGINE_SCENE_H

#include "tests/engine/runs.h"

#include "math/matmul.h"

enum { T = 23, CHANGED = 6 }; /* rows; the first in which the two runs below differ */

typedef struct scene {
    model *model;
    decoder *m;
    size_t D, L;
    float *clean_input, *corrupted_input;   /* [T][D] */
    recording *clean, *corrupted, *resting; /* `resting` is the corrupted run on top of the clean one */
    float *clean_final, *corrupted_final;   /* [T][D] */
} scene;

static scene one;

static inline int open_scene(const char *folder)
{
    scene *s = &one;
    *s = (scene){.model = tiny_open(folder)};
    s->m = &s->model->decoder;
    s->D = s->m->config.d_model;
    s->L = s->m->config.layers;
    s->clean_input = gaussians(T * s->D, 1);
    s->corrupted_input = gaussians(T * s->D, 1);
    float *other = gaussians(3 * s->D, 2);
    memcpy(s->corrupted_input + CHANGED * s->D, other, 3 * s->D * sizeof *other);
    free(other);
    s->clean = record(s->m, s->clean_input, T, &s->clean_final);
    s->corrupted = record(s->m, s->corrupted_input, T, &s->corrupted_final);
    assert_ok(recording_new(&s->resting, &s->m->config, s->clean, CHANGED, T, CHANGED, err));
    assert_ok(recording_keep_heads(s->resting, &s->m->config, err));
    replay_fork f = {.base = s->clean, .first = CHANGED, .end = T, .input = s->corrupted_input + CHANGED * s->D,
              .record = s->resting, .read_first = T};
    rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
    return 0;
}

static const char *scene_folder;

/* Everything here is about bits, which products that depend on the number of rows do not keep. */
static inline int open_this_scene(void **state)
{
    (void)state;
    return matmul_row_invariant() ? open_scene(scene_folder) : 0;
}

static inline int close_scene(void **state)
{
    (void)state;
    scene *s = &one;
    if (!s->model)
        return 0;
    free(s->clean_input), free(s->corrupted_input), free(s->clean_final), free(s->corrupted_final);
    recording_free(s->resting);
    recording_free(s->clean);
    recording_free(s->corrupted);
    model_free(s->model);
    *s = (scene){0};
    return 0;
}

static inline scene *ready(void)
{
    if (!one.model)
        skip();
    return &one;
}

static inline size_t width_of(site w)
{
    const decoder_config *c = &one.m->config;
    return w == SITE_HEAD_OUT ? c->heads * c->head_dim : w == SITE_MLP_POST ? c->d_ff : c->d_model;
}

static inline void assert_recorded(const recording *a, const recording *b, size_t first)
{
    const scene *s = &one;
    for (site w = 0; w < SITE_PUT_COUNT; w++)
        for (size_t l = 0; l < s->L; l++)
            for (size_t p = first; p < T; p++) {
                const float *x = recording_row(a, w, l, p), *y = recording_row(b, w, l, p);
                if (w == SITE_HEAD_OUT && (!a->z || !b->z))
                    continue;
                assert_non_null(x);
                assert_non_null(y);
                assert_same_bits(x, y, width_of(w), site_name(w));
            }
}

/* All positions. */
static const size_t every[T] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22};

static inline int run_tests_in_scenes(const struct CMUnitTest *tests, size_t count)
{
    static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI};
    int failed = 0;
    for (tiny_compute = COMPUTE_F32; tiny_compute <= COMPUTE_BF16; tiny_compute++)
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
            scene_folder = folders[i];
            failed += _cmocka_run_group_tests(strrchr(folders[i], '/') + 1, tests, count, open_this_scene, close_scene);
        }
    return failed;
}

/* How many of tests[] failed. */
#define run_in_scenes(tests) run_tests_in_scenes(tests, sizeof(tests) / sizeof *(tests))

#endif
