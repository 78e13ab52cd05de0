/* changed.h: models opened with changes of their weights, and what they say. */
#ifndef TESTS_MODEL_CHANGED_H
#define TESTS_MODEL_CHANGED_H

#include "tests/engine/runs.h"

#define CHANGE(name) GOLDEN("data/change/" name)

/* Opens a model with an adapter and an edit, each NULL where there is none. */
static inline pb_status open_changed(model **m, const char *path, const char *lora, const char *edited, pb_error *err)
{
    model_source source = {.path = path, .loras = &lora, .lora_count = lora != NULL, .edits = &edited,
                           .edit_count = edited != NULL};
    return model_open(m, &source, err);
}

/* logits[V] after the last of the golden's "ids". free() */
static inline float *last_logits(model *m, const json_t *golden)
{
    decoder *d = &m->decoder;
    size_t n, D = d->config.d_model;
    double *numbers = json_numbers(golden, "ids", &n);
    float *input = zeros(n * D), *final, *logits = zeros(d->config.vocab);
    for (size_t i = 0; i < n; i++) {
        int32_t id = (int32_t)numbers[i];
        assert_ok(decoder_embed(d, &id, 1, input + i * D, err));
    }
    recording *r = record(d, input, n, &final);
    readout read = {.x = final + (n - 1) * D, .want = {-1, -1}, .logits = logits};
    assert_ok(decoder_readout(d, &read, 1, err));
    recording_free(r);
    free(numbers), free(input), free(final);
    return logits;
}

static inline json_t *read_golden(const char *folder)
{
    json_t *golden;
    char *path = path_join(folder, "golden.json");
    assert_ok(json_read_file(&golden, path, err));
    free(path);
    return golden;
}

/* The model's logits are those at `key`. */
static inline void assert_logits(model *m, const json_t *golden, const json_t *object, const char *key)
{
    size_t n;
    double *expected = json_numbers(object, key, &n);
    float *logits = last_logits(m, golden);
    assert_int_equal(n, m->decoder.config.vocab);
    for (size_t i = 0; i < n; i++)
        assert_close((double)logits[i], expected[i], 1e-4, key, i);
    free(expected);
    free(logits);
}

#endif
