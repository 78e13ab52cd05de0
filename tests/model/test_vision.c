/* test_vision.c: tower and projector against HF's, for several feature layers, with and without the class row; and the
 * decoder's two ends. */
#include "tests/math/numbers.h"
#include "tests/model/tiny.h"

#include <omp.h>

#include "math/matmul.h"

static json_t *golden;

static int read_golden(void **state)
{
    (void)state;
    assert_ok(json_read_file(&golden, LLAVA "/golden.json", err));
    return 0;
}

static int drop_golden(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

/* The first and the last row are HF's. */
static void check_rows(const char *layer, const char *strategy)
{
    char *folder = tiny_copy(LLAVA);
    char key[64], quoted[64];
    snprintf(key, sizeof key, "%s %s", layer, strategy);
    snprintf(quoted, sizeof quoted, "\"%s\"", strategy);
    tiny_set(folder, "config.json", "vision_feature_layer", layer);
    tiny_set(folder, "config.json", "vision_feature_select_strategy", quoted);
    model *m = tiny_open(folder);
    size_t n, D = m->decoder.config.d_model, rows = vision_rows(m->vision);
    assert_int_equal(rows, strcmp(strategy, "full") == 0 ? 10 : 9);
    float *pixels = json_floats(golden, "pixels", &n), *found = zeros(rows * D);
    double *expected = json_numbers(json_object_get(golden, "rows"), key, &n);
    assert_ok(vision_encode(m->vision, pixels, found, err));
    for (size_t i = 0; i < D; i++) {
        assert_close((double)found[i], expected[i], 2e-6 * (1 + fabs(expected[i])), key, i);
        assert_close((double)found[(rows - 1) * D + i], expected[D + i], 2e-6 * (1 + fabs(expected[D + i])), key, i);
    }
    float *again = zeros(rows * D);
    omp_set_num_threads(2);
    assert_ok(vision_encode(m->vision, pixels, again, err));
    omp_set_num_threads(1);
    if (matmul_row_invariant())
        assert_same_bits(found, again, rows * D, "two threads");
    free(pixels), free(found), free(again), free(expected);
    model_free(m);
    folder_remove(folder);
}

static void pictures_become_hfs_rows(void **state)
{
    (void)state;
    static const char *const layers[] = {"-1", "-2", "0", "2"};
    for (size_t i = 0; i < 4; i++) {
        check_rows(layers[i], "default");
        check_rows(layers[i], "full");
    }
}

static void feature_layers_count_from_both_ends(void **state)
{
    (void)state;
    for (long layer = -5; layer <= 4; layer++) {
        char *folder = tiny_copy(LLAVA), text[16];
        model *m;
        snprintf(text, sizeof text, "%ld", layer);
        tiny_set(folder, "config.json", "vision_feature_layer", text);
        if (layer < -4 || layer > 3)
            assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, "vision_feature_layer");
        else
            model_free(tiny_open(folder));
        folder_remove(folder);
    }
}

static void ids_outside_the_vocabulary_have_no_row(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    float row[32];
    int32_t outside[] = {-1, 571, INT32_MAX, INT32_MIN}, inside[] = {0, 570};
    for (size_t i = 0; i < 4; i++)
        assert_fails(decoder_embed(&m->decoder, &outside[i], 1, row, err), PB_EINVAL, "571");
    assert_ok(decoder_embed(&m->decoder, &inside[0], 1, row, err));
    assert_ok(decoder_embed(&m->decoder, &inside[1], 1, row, err));
    model_free(m);
}

static void embeddings_deviate_as_counted(void **state)
{
    (void)state;
    model *m = tiny_open(LLAMA);
    double sum = 0, squares = 0, sd;
    float row[24];
    for (int32_t id = 0; id < 421; id++) {
        assert_ok(decoder_embed(&m->decoder, &id, 1, row, err));
        for (size_t i = 0; i < 24; i++) {
            sum += (double)row[i];
            squares += (double)row[i] * (double)row[i];
        }
    }
    double n = 421 * 24, mean = sum / n;
    assert_ok(decoder_embedding_sd(&m->decoder, &sd, err));
    assert_close(sd, sqrt(squares / n - mean * mean), 1e-12, "sd", 0);
    model_free(m);
}

/* Logits of single rows and of many at once, wanted ones and all of them. */
static void read_outs_agree_with_each_other(void **state)
{
    (void)state;
    enum { ROWS = 40, V = 571, D = 32 };
    if (!matmul_row_invariant())
        skip();
    model *m = tiny_open(LLAVA);
    float *x = gaussians(ROWS * D, 1), *logits = zeros(ROWS * V);
    readout many[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        many[i] = (readout){.x = x + i * D, .want = {(int32_t)i, i % 2 ? V - 1 : -1}, .logits = logits + i * V};
    assert_ok(decoder_readout(&m->decoder, many, ROWS, err));
    for (size_t i = 0; i < ROWS; i++) {
        readout one = {.x = x + i * D, .want = {(int32_t)i, V - 1}};
        assert_ok(decoder_readout(&m->decoder, &one, 1, err));
        assert_same_bits(&one.logit[0], &many[i].logit[0], 1, "wanted logit");
        assert_same_bits(&one.logit[0], &logits[i * V + i], 1, "stored logit");
        assert_same_bits(&one.logit[1], &logits[i * V + V - 1], 1, "last logit");
        assert_true(one.log_sum_exp == many[i].log_sum_exp);
        double total = 0;
        for (size_t v = 0; v < V; v++)
            total += exp((double)logits[i * V + v] - one.log_sum_exp);
        assert_close(total, 1, 1e-12, "sum of probabilities", i);
    }
    free(x), free(logits);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_become_hfs_rows),
        cmocka_unit_test(feature_layers_count_from_both_ends),
        cmocka_unit_test(ids_outside_the_vocabulary_have_no_row),
        cmocka_unit_test(embeddings_deviate_as_counted),
        cmocka_unit_test(read_outs_agree_with_each_other),
    };
    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
