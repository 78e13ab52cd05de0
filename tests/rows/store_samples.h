/* store_samples.h: made-up work and results for tests of the store. */
#ifndef TESTS_STORE_SAMPLES_H
#define TESTS_STORE_SAMPLES_H

#include <math.h>

#include "data/store.h"

/* A sweep of 3 questions, "q0" ...; free with sample_about_free. */
static inline store_about sample_about(void)
{
    return (store_about){
        .method = "trace",
        .model = json_pack("{s:s, s:i, s:s}", "family", "llama", "layers", 4, "fingerprint", "5ca1ab1e"),
        .options = json_pack("{s:i, s:i, s:f, s:[s]}", "window", 1, "seed", 0, "scale", 0.1, "corrupt", "swap-phrase:@other"),
        .dataset = json_pack("{s:i, s:s}", "rows", 100, "digest", "d1d1"),
    };
}

static inline void sample_about_free(store_about *about)
{
    json_decref((json_t *)(size_t)about->model);
    json_decref((json_t *)(size_t)about->options);
    json_decref((json_t *)(size_t)about->dataset);
}

static inline store_question sample_question(size_t number)
{
    static const char *const ids[] = {"q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7"};
    return (store_question){.number = number, .id = ids[number % 8], .subject = number % 2 ? "Portugal" : NULL,
                            .source = "flags", .relation = "capital", .question = "What is the capital of this country?",
                            .image = "pictures/pt.png", .row = "{\"question\": \"What is the capital of this country?\"}"};
}

/* Numbers that lose something in any text of fewer than 17 digits, and those that JSON lacks. */
static const double sample_numbers[] = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 0.30000000000000004, NAN,
                                        INFINITY, -INFINITY, 2, -123456789.123456789, 1e-17};
enum { SAMPLE_NUMBERS = sizeof sample_numbers / sizeof *sample_numbers };

static inline store_result sample_result(size_t number)
{
    static const store_value values[] = {{"early", 0.25}, {"none", NAN}, {"third", 1.0 / 3}};
    static const store_curve curves[] = {{"attn_out/logprob", "last", sample_numbers, SAMPLE_NUMBERS},
                                         {"attn_out/prob", "constraint", sample_numbers, 4},
                                         {"attn_out/prob", "last", sample_numbers + 4, 0}};
    static const store_grid grids[] = {{"attn_out/prob", {3, 4}, 2, sample_numbers},
                                       {"head_out/prob", {2, 3, 2}, 3, sample_numbers}};
    return (store_result){.question = sample_question(number), .status = STORE_DONE, .answer = "Lisbon", .correct = 1,
                          .clean_prob = 0.1 + (double)number, .corrupted_prob = NAN, .detail = "{\"window\":1}",
                          .seconds = 0.5, .flop = 1e12, .values = values, .value_count = 3, .curves = curves,
                          .curve_count = 3, .grids = grids, .grid_count = 2};
}

/* A question that was not worked on to the end. */
static inline store_result sample_failure(size_t number)
{
    return (store_result){.question = sample_question(number), .status = STORE_FAILED, .reason = "no such span",
                          .correct = -1, .clean_prob = NAN, .corrupted_prob = NAN};
}

/* Equal to the bit; two NaN are equal. */
static inline int same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static inline void assert_same_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a)
        assert_string_equal(a, b);
}

static inline void assert_same_numbers(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!same_number(a[i], b[i]))
            test_stop(__FILE__, __LINE__, "number %zu: %.17g, expected %.17g", i, a[i], b[i]);
}

static inline void assert_same_result(const store_result *a, const store_result *b)
{
    assert_int_equal(a->question.number, b->question.number);
    assert_same_text(a->question.id, b->question.id);
    assert_same_text(a->question.subject, b->question.subject);
    assert_same_text(a->question.image, b->question.image);
    assert_same_text(a->question.row, b->question.row);
    assert_same_text(a->status, b->status);
    assert_same_text(a->reason, b->reason);
    assert_same_text(a->answer, b->answer);
    assert_same_text(a->detail, b->detail);
    assert_int_equal(a->correct, b->correct);
    assert_same_numbers((const double[]){a->clean_prob, a->corrupted_prob, a->seconds, a->flop},
                        (const double[]){b->clean_prob, b->corrupted_prob, b->seconds, b->flop}, 4);
    assert_int_equal(a->value_count, b->value_count);
    assert_int_equal(a->curve_count, b->curve_count);
    assert_int_equal(a->grid_count, b->grid_count);
    for (size_t i = 0; i < a->value_count; i++) {
        assert_string_equal(a->values[i].name, b->values[i].name);
        assert_same_numbers(&a->values[i].value, &b->values[i].value, 1);
    }
    for (size_t i = 0; i < a->curve_count; i++) {
        assert_string_equal(a->curves[i].name, b->curves[i].name);
        assert_string_equal(a->curves[i].class, b->curves[i].class);
        assert_int_equal(a->curves[i].count, b->curves[i].count);
        assert_same_numbers(a->curves[i].data, b->curves[i].data, a->curves[i].count);
    }
    for (size_t i = 0; i < a->grid_count; i++) {
        size_t numbers = 1;
        assert_string_equal(a->grids[i].name, b->grids[i].name);
        assert_int_equal(a->grids[i].dimensions, b->grids[i].dimensions);
        for (size_t d = 0; d < a->grids[i].dimensions; d++) {
            assert_int_equal(a->grids[i].shape[d], b->grids[i].shape[d]);
            numbers *= a->grids[i].shape[d];
        }
        assert_same_numbers(a->grids[i].data, b->grids[i].data, numbers);
    }
}

#endif
