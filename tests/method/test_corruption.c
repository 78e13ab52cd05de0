/* test_corruption.c: what each corruption does to the input rows, and that nothing else is touched. */
#include "tests/method/asked.h"

static model *m;
static question q;
static size_t D;

static int open_question(void **state)
{
    (void)state;
    m = tiny_open(LLAVA);
    q = asked(m, PICTURE);
    D = m->decoder.config.d_model;
    return 0;
}

static int close_question(void **state)
{
    (void)state;
    question_free(&q);
    model_free(m);
    return 0;
}

static pb_trace_options with(const char *const *specs, size_t count)
{
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = specs;
    o.corruption_count = count;
    return o;
}

/* The corrupted input of a sample after those before it. free() */
static float *corrupted(corruption_list *c, size_t sample)
{
    float *input = zeros(q.length * D);
    assert_ok(corruption_apply(c, &q, sample, input, err));
    return input;
}

static corruption_list prepared(const pb_trace_options *o)
{
    corruption_list c;
    assert_ok(corruption_prepare(&c, &q, o, err));
    return c;
}

/* Rows outside a span are the question's own. */
static void assert_rest_untouched(const float *input, const span *s)
{
    for (size_t p = 0; p < q.length; p++)
        if (!span_has(s, p))
            assert_same_bits(input + p * D, q.input + p * D, D, "untouched row");
}

static void a_swap_puts_one_token_everywhere(void **state)
{
    (void)state;
    const char *spec = "swap:in Portugal";
    pb_trace_options o = with(&spec, 1);
    corruption_list c = prepared(&o);
    int32_t *ids;
    size_t count;
    float row[32];
    assert_ok(tokenizer_mid_sentence(m->tokenizer, "in Portugal", "", &ids, &count, err));
    assert_true(count > 1 && c.samples == 1 && !c.on_image && c.span.count > 1);
    assert_ok(decoder_embed(&m->decoder, ids, 1, row, err));
    float *input = corrupted(&c, 0);
    for (size_t i = 0; i < c.span.count; i++)
        assert_same_bits(input + c.span.positions[i] * D, row, D, "swapped row");
    assert_rest_untouched(input, &c.span);
    free(input), free(ids);
    corruption_free(&c);
}

static void the_default_is_paris(void **state)
{
    (void)state;
    const char *spec = "swap:Paris";
    pb_trace_options none = pb_trace_defaults(), paris = with(&spec, 1);
    corruption_list a = prepared(&none), b = prepared(&paris);
    float *x = corrupted(&a, 0), *y = corrupted(&b, 0);
    assert_same_bits(x, y, q.length * D, "default");
    free(x), free(y);
    corruption_free(&a);
    corruption_free(&b);
}

static void a_phrase_takes_the_spans_place(void **state)
{
    (void)state;
    const char *same = "swap-phrase:this country", *spans[] = {"constraint", "last"};
    pb_trace_options o = with(&same, 1);
    corruption_list c = prepared(&o);
    float *input = corrupted(&c, 0);
    assert_same_bits(input, q.input, q.length * D, "the phrase that was there");
    free(input);
    corruption_free(&c);
    o.corrupt_span = spans[1];
    assert_fails(corruption_prepare(&c, &q, &o, err), PB_EINVAL, "the span it replaces has 1");
}

/* Sample by sample, row by row, from one generator: the documented order. */
static void noise_is_drawn_in_order(void **state)
{
    (void)state;
    static const char *const specs[] = {"noise:0.25", "noise:s2"};
    double sd;
    assert_ok(decoder_embedding_sd(&m->decoder, &sd, err));
    for (size_t k = 0; k < 2; k++) {
        pb_trace_options o = with(&specs[k], 1);
        o.run.seed = 5;
        o.samples = 3;
        corruption_list c = prepared(&o);
        random_state r = random_from(5);
        assert_int_equal(c.samples, 3);
        for (size_t sample = 0; sample < 3; sample++) {
            float *input = corrupted(&c, sample);
            for (size_t i = 0; i < c.span.count; i++)
                for (size_t j = 0; j < D; j++) {
                    size_t at = c.span.positions[i] * D + j;
                    float expected = q.input[at] + (float)((k ? 2 * sd : 0.25) * random_gaussian(&r));
                    assert_same_bits(input + at, &expected, 1, "noisy element");
                }
            assert_rest_untouched(input, &c.span);
            free(input);
        }
        corruption_free(&c);
    }
}

static void ten_samples_are_the_default(void **state)
{
    (void)state;
    const char *specs[] = {"swap:Rome", "image-noise:1"};
    pb_trace_options drawn = with(specs, 2), fixed = with(specs, 1);
    corruption_list c = prepared(&drawn);
    assert_true(c.samples == 10 && c.on_image);
    corruption_free(&c);
    fixed.samples = 4; /* nothing is drawn: one sample says it all */
    c = prepared(&fixed);
    assert_true(c.samples == 1 && !c.on_image);
    corruption_free(&c);
}

/* As ROME did it: n - 1 over all elements of the embeddings of a data set's constraint tokens. */
static void deviations_come_from_a_data_set(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = path_join(folder, "set.jsonl");
    static const char text[] = "{\"question\":\"Is this river here?\",\"constraints\":[{\"text\":\"this river\"}]}\r\n\n"
                               "{\"question\":\"Who made it?\",\"constraints\":[]}\n{\"id\":3}\n"
                               "{\"question\":\"The capital of Japan\",\"constraints\":[{\"text\":\"capital\"},{\"text\":\"Japan\"}]}";
    assert_ok(file_write_all(path, text, sizeof text - 1, err));
    static const char *const questions[] = {"Is this river here?", "The capital of Japan"};
    static const char *const texts[] = {"this river", "capital", "Japan"};
    double sum = 0, squares = 0, n = 0;
    for (size_t k = 0; k < 2; k++) {
        prompt p;
        prompt_request request = {.question = questions[k], .template_name = "plain", .constraints = texts + k,
                                  .constraint_count = 1 + k, .image_token = -1};
        assert_ok(prompt_build(&p, m->tokenizer, &request, err));
        for (size_t c = 0; c < p.constraint_count; c++)
            for (size_t i = 0; i < p.constraints[c].count; i++) {
                float row[32];
                assert_ok(decoder_embed(&m->decoder, &p.ids[p.constraints[c].positions[i]], 1, row, err));
                for (size_t j = 0; j < D; j++, n++) {
                    sum += (double)row[j];
                    squares += (double)row[j] * (double)row[j];
                }
            }
        prompt_free(&p);
    }
    buffer spec = {0};
    buffer_printf(&spec, "noise:s3@%s", path);
    const char *specs[] = {spec.data};
    pb_trace_options o = with(specs, 1);
    corruption_list c = prepared(&o);
    assert_close(c.items[0].amount, 3 * sqrt((squares - sum * sum / n) / (n - 1)), 1e-9, "deviation", 0);
    corruption_free(&c);
    buffer_free(&spec);
    free(path);
    folder_remove(folder);
}

static void pictures_take_the_pictures_rows(void **state)
{
    (void)state;
    buffer other = {0}, same = {0};
    buffer_printf(&other, "image:%s", OTHER_PICTURE);
    buffer_printf(&same, "image:%s", PICTURE);
    const char *specs[] = {same.data, other.data};
    size_t first = q.prompt.image_first, rows = q.prompt.image_count;
    for (size_t k = 0; k < 2; k++) {
        pb_trace_options o = with(&specs[k], 1);
        corruption_list c = prepared(&o);
        float *input = corrupted(&c, 0);
        assert_same_bits(input, q.input, first * D, "before the picture");
        assert_same_bits(input + (first + rows) * D, q.input + (first + rows) * D, (q.length - first - rows) * D, "after it");
        assert_true((memcmp(input + first * D, q.input + first * D, rows * D * sizeof *input) == 0) == (k == 0));
        free(input);
        corruption_free(&c);
    }
    buffer_free(&other);
    buffer_free(&same);
}

static void mean_rows_are_means(void **state)
{
    (void)state;
    const char *spec = "image-rowmean";
    pb_trace_options o = with(&spec, 1);
    corruption_list c = prepared(&o);
    float *input = corrupted(&c, 0);
    size_t first = q.prompt.image_first, rows = q.prompt.image_count;
    for (size_t j = 0; j < D; j++) {
        double mean = 0;
        for (size_t r = 0; r < rows; r++)
            mean += (double)q.image_rows[r * D + j] / (double)rows;
        for (size_t r = 0; r < rows; r++)
            assert_close((double)input[(first + r) * D + j], mean, 1e-6, "mean", j);
    }
    free(input);
    corruption_free(&c);
}

static void a_folders_mean_is_over_its_pictures(void **state)
{
    (void)state;
    char *folder = folder_new(), *a = path_join(folder, "a.jpg"), *b = path_join(folder, "b.png"), *hidden = path_join(folder, ".x");
    assert_int_equal(symlink(PICTURE, a) | symlink(OTHER_PICTURE, b), 0);
    assert_ok(file_write_all(hidden, "no picture", 10, err));
    buffer spec = {0};
    buffer_printf(&spec, "image-mean:%s", folder);
    const char *specs[] = {spec.data};
    pb_trace_options o = with(specs, 1);
    corruption_list c = prepared(&o);
    question other = asked(m, OTHER_PICTURE);
    float *input = corrupted(&c, 0);
    size_t first = q.prompt.image_first;
    for (size_t i = 0; i < q.prompt.image_count * D; i++)
        assert_close((double)input[first * D + i], ((double)q.image_rows[i] + (double)other.image_rows[i]) / 2, 1e-6, "mean", i);
    free(input), free(a), free(b), free(hidden);
    question_free(&other);
    corruption_free(&c);
    buffer_free(&spec);
    folder_remove(folder);
}

static void no_pixel_noise_is_the_same_picture(void **state)
{
    (void)state;
    const char *none = "image-noise:0", *some = "image-noise:0.5";
    pb_trace_options a = with(&none, 1), b = with(&some, 1);
    corruption_list c = prepared(&a), d = prepared(&b);
    float *x = corrupted(&c, 0), *y = corrupted(&d, 0), *z = corrupted(&d, 1);
    assert_same_bits(x, q.input, q.length * D, "noise of zero");
    assert_true(memcmp(x, y, q.length * D * sizeof *x) != 0);
    assert_true(memcmp(y, z, q.length * D * sizeof *x) != 0);
    free(x), free(y), free(z);
    corruption_free(&c);
    corruption_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_swap_puts_one_token_everywhere),
        cmocka_unit_test(the_default_is_paris),
        cmocka_unit_test(a_phrase_takes_the_spans_place),
        cmocka_unit_test(noise_is_drawn_in_order),
        cmocka_unit_test(ten_samples_are_the_default),
        cmocka_unit_test(deviations_come_from_a_data_set),
        cmocka_unit_test(pictures_take_the_pictures_rows),
        cmocka_unit_test(mean_rows_are_means),
        cmocka_unit_test(a_folders_mean_is_over_its_pictures),
        cmocka_unit_test(no_pixel_noise_is_the_same_picture),
    };
    return cmocka_run_group_tests(tests, open_question, close_question);
}
