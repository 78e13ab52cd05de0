/* runs.h: forks run through a tiny decoder, their final rows kept. */
#ifndef TESTS_ENGINE_RUNS_H
#define TESTS_ENGINE_RUNS_H

#include "tests/math/numbers.h"
#include "tests/model/tiny.h"

#include "engine/plan.h"

typedef struct kept {
    const replay_fork *first; /* forks[0] */
    float **rows;      /* per fork [end - read_first][D]; free each */
    size_t D;
} kept;

static inline pb_status keep_rows(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    kept *k = context;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        size_t n = (forks[i]->end - forks[i]->read_first) * k->D;
        float **rows = &k->rows[forks[i] - k->first];
        assert_null(*rows); /* each is handed over once */
        *rows = zeros(n + 1);
        memcpy(*rows, forks[i]->read, n * sizeof(float));
    }
    return PB_OK;
}

/* Runs forks and returns their final rows, one array a fork. What they take is what was planned. */
static inline float **run_forks(decoder *m, replay_fork *forks, size_t count, size_t memory, replay_work *work)
{
    kept k = {forks, mem_new(count + 1, sizeof(float *)), m->config.d_model};
    replay_work own = {0}, *counted = work ? work : &own;
    replay_options options = {.memory = memory, .finished = keep_rows, .context = &k};
    double before = counted->flop, planned = replay_plan_flop(m, forks, count);
    assert_ok(replay_run(m, forks, count, &options, counted, err));
    assert_true(fabs(counted->flop - before - planned) <= 1e-9 * planned);
    for (size_t i = 0; i < count; i++)
        assert_non_null(k.rows[i]);
    return k.rows;
}

static inline void rows_free(float **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rows[i]);
    free(rows);
}

/* A run of its own over input[T][D], recorded whole. *final: its last residuals [T][D]; NULL when not wanted. */
static inline recording *record(decoder *m, const float *input, size_t T, float **final)
{
    recording *r;
    assert_ok(recording_new(&r, &m->config, NULL, 0, T, 0, err));
    assert_ok(recording_keep_heads(r, &m->config, err));
    replay_fork f = {.end = T, .input = input, .record = r};
    float **rows = run_forks(m, &f, 1, 0, NULL);
    if (final)
        *final = rows[0];
    else
        free(rows[0]);
    free(rows);
    return r;
}

/* input[T][D] of a golden run: its tokens' embeddings, the picture's rows between the second and the third. */
static inline float *golden_input(model *m, const json_t *golden, size_t *length)
{
    size_t n, at = 0, D = m->decoder.config.d_model, pictured = m->vision ? vision_rows(m->vision) : 0;
    double *ids = json_numbers(golden, "ids", &n);
    float *input = zeros((n + pictured) * D);
    for (size_t i = 0; i < n; i++) {
        int32_t id = (int32_t)ids[i];
        if (m->vision && i == 2) {
            size_t count;
            float *pixels = json_floats(golden, "pixels", &count);
            assert_ok(vision_encode(m->vision, pixels, input + at * D, err));
            at += pictured;
            free(pixels);
        }
        assert_ok(decoder_embed(&m->decoder, &id, 1, input + at++ * D, err));
    }
    free(ids);
    *length = at;
    return input;
}

#endif
