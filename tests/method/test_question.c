/* test_question.c: questions that share pictures are the questions that do not; each picture is encoded once. */
#include "tests/method/asked.h"

static question shared(model *m, const char *picture_file, picture_cache *pictures)
{
    question q;
    pb_question p = {.image = picture_file, .question = "What is the capital of this country?",
                     .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open_shared(&q, m, &p, pictures, err));
    return q;
}

static void assert_same_question(const question *a, const question *b)
{
    size_t D = a->model->decoder.config.d_model;
    assert_int_equal(a->length, b->length);
    assert_same_bits(a->input, b->input, a->length * D, "input");
    assert_int_equal(a->picture.width, b->picture.width);
    assert_int_equal(a->picture.height, b->picture.height);
}

static void a_picture_is_encoded_once(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    char *folder = folder_new(), *other_name = path_join(folder, "same.jpg");
    assert_int_equal(symlink(PICTURE, other_name), 0);
    picture_cache pictures = {.limit = SIZE_MAX};
    question own = asked(m, PICTURE);
    double once = question_vision_flop(&own), before = vision_flop(m->vision);
    question a = shared(m, PICTURE, &pictures), b = shared(m, other_name, &pictures), c = shared(m, PICTURE, &pictures);
    assert_true(vision_flop(m->vision) == before + once);
    assert_int_equal(pictures.count, 1);
    assert_same_question(&a, &own);
    assert_same_question(&b, &own);
    assert_string_equal(b.image_path, other_name);
    question_free(&a), question_free(&b), question_free(&c), question_free(&own);
    a = shared(m, PICTURE, &pictures); /* kept between questions */
    assert_true(vision_flop(m->vision) == before + once);
    question_free(&a);
    picture_cache_free(&pictures);
    free(other_name);
    folder_remove(folder);
    model_free(m);
}

static void what_is_not_used_is_dropped(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    picture_cache pictures = {.limit = 0};
    question a = shared(m, PICTURE, &pictures);
    size_t one = pictures.bytes, side = vision_settings(m->vision)->image_size;
    assert_int_equal(one, (3 * side * side + vision_rows(m->vision) * m->decoder.config.d_model) * sizeof(float));
    question b = shared(m, OTHER_PICTURE, &pictures);
    assert_int_equal(pictures.bytes, 2 * one); /* beyond the limit, but both are used */
    question_free(&a);
    question c = shared(m, OTHER_PICTURE, &pictures);
    assert_int_equal(pictures.bytes, one);
    question_free(&b), question_free(&c);
    pictures.limit = one;
    c = shared(m, OTHER_PICTURE, &pictures);
    question_free(&c);
    assert_int_equal(pictures.bytes, one);
    picture_cache_free(&pictures);
    assert_int_equal(pictures.bytes, 0);
    model_free(m);
}

static void no_picture_nothing_is_cached(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    picture_cache pictures = {.limit = SIZE_MAX};
    question a = shared(m, NULL, &pictures), q;
    question own = asked(m, NULL);
    assert_same_question(&a, &own);
    pb_question missing = {.image = "no such file.png", .question = "What?"};
    assert_fails(question_open_shared(&q, m, &missing, &pictures, err), PB_EIO, "no such file.png");
    assert_int_equal(pictures.count, 0);
    question_free(&a), question_free(&own);
    picture_cache_free(&pictures);
    model_free(m);
}

/* ---- the order of the picture's rows ---- */

static question ordered(model *m, const char *picture_file, const char *order, picture_cache *pictures)
{
    question q;
    pb_question p = {.image = picture_file, .question = "What is the capital of this country?", .image_order = order,
                     .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open_shared(&q, m, &p, pictures, err));
    return q;
}

static const float *image_row(const question *q, size_t i)
{
    return q->input + (q->prompt.image_first + i) * q->model->decoder.config.d_model;
}

/* Row i of q shows what row from[i] of `plain` does, pixels too; the text stays as it is. */
static void assert_permuted(const question *q, const question *plain)
{
    size_t D = q->model->decoder.config.d_model, n = q->prompt.image_count, end = q->prompt.image_first + n;
    bool *seen = mem_new(n, sizeof *seen);
    for (size_t i = 0; i < n; i++) {
        size_t from = image_order_from(&q->order, i);
        assert_true(from < n && !seen[from]);
        seen[from] = true;
        assert_same_bits(image_row(q, i), image_row(plain, from), D, "a permuted row");
        assert_memory_equal(&q->areas[i], &plain->areas[from], sizeof q->areas[i]);
    }
    assert_same_bits(q->input, plain->input, q->prompt.image_first * D, "rows before the picture");
    assert_same_bits(q->input + end * D, plain->input + end * D, (q->length - end) * D, "rows after the picture");
    free(seen);
}

static void rows_stand_in_the_order_asked_for(void **state)
{
    (void)state;
    static const char *const orders[] = {"reverse", "shuffle:0", "shuffle:3", "shuffle:18446744073709551615"};
    model *m = tiny_open(LLAVA);
    picture_cache pictures = {.limit = SIZE_MAX}; /* which must not mix orders up */
    question plain = ordered(m, PICTURE, NULL, &pictures);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        question q = ordered(m, PICTURE, orders[i], &pictures), again = ordered(m, PICTURE, orders[i], &pictures);
        assert_permuted(&q, &plain);
        assert_same_question(&q, &again);
        question_free(&q), question_free(&again);
    }
    assert_int_equal(pictures.count, 5);
    question_free(&plain);
    picture_cache_free(&pictures);
    model_free(m);
}

/* The numbers are docs/random.md's, computed in Python. */
static void orders_are_the_documented_ones(void **state)
{
    (void)state;
    static const size_t shuffled[] = {1, 6, 0, 3, 5, 7, 2, 8, 4};
    image_order reverse, shuffle, none;
    float rows[18], given[18];
    assert_ok(image_order_make(&reverse, "reverse", 9, err));
    assert_ok(image_order_make(&shuffle, "shuffle:3", 9, err));
    assert_ok(image_order_make(&none, NULL, 9, err));
    for (size_t i = 0; i < 18; i++)
        rows[i] = given[i] = (float)i;
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(image_order_from(&reverse, i), 8 - i);
        assert_int_equal(image_order_from(&shuffle, i), shuffled[i]);
    }
    assert_ok(image_order_apply(&reverse, rows, 2, err));
    assert_true(rows[0] == 16 && rows[1] == 17 && rows[17] == 1);
    assert_ok(image_order_apply(&reverse, rows, 2, err)); /* twice is not at all */
    assert_ok(image_order_apply(&none, rows, 2, err));
    assert_memory_equal(rows, given, sizeof rows);
    image_order_free(&reverse), image_order_free(&shuffle), image_order_free(&none);
}

/* What a corruption puts in place of the picture stands in the question's order too. */
static void corrupted_pictures_are_ordered_likewise(void **state)
{
    (void)state;
    static const char *const specs[] = {"image:" OTHER_PICTURE, "image-noise:0.5", "image-rowmean"};
    model *m = tiny_open(LLAVA);
    question plain = asked(m, PICTURE), q = ordered(m, PICTURE, "shuffle:4", NULL);
    size_t D = m->decoder.config.d_model, n = plain.length * D;
    float *rows = mem_new(n, sizeof *rows), *changed = mem_new(n, sizeof *changed);
    for (size_t i = 0; i < 3; i++) {
        corruption_list a, b;
        pb_trace_options options = {.corruptions = &specs[i], .corruption_count = 1, .samples = 1};
        assert_ok(corruption_prepare(&a, &plain, &options, err));
        assert_ok(corruption_prepare(&b, &q, &options, err));
        assert_ok(corruption_apply(&a, &plain, 0, rows, err));
        assert_ok(corruption_apply(&b, &q, 0, changed, err));
        for (size_t r = 0; r < q.prompt.image_count && i < 2; r++) {
            size_t first = q.prompt.image_first;
            assert_same_bits(changed + (first + r) * D, rows + (first + image_order_from(&q.order, r)) * D, D, specs[i]);
        }
        for (size_t k = 0; k < n && i == 2; k++) /* a mean of the same rows, summed in another order */
            assert_close(changed[k], rows[k], 1e-6, specs[i], k);
        corruption_free(&a), corruption_free(&b);
    }
    free(rows), free(changed);
    question_free(&plain), question_free(&q);
    model_free(m);
}

static void other_orders_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "reversed", "shuffle", "shuffle:", "shuffle:-1", "shuffle:1x",
                                        "shuffle:99999999999999999999"};
    model *m = tiny_open(LLAVA);
    question q;
    pb_question p = {.image = PICTURE, .question = "What?"}, blind = {.question = "What?", .image_order = "reverse"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        p.image_order = wrong[i];
        assert_fails(question_open(&q, m, &p, err), PB_EINVAL, "expected reverse or shuffle:SEED");
    }
    assert_fails(question_open(&q, m, &blind, err), PB_EINVAL, "no picture");
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_encoded_once),
        cmocka_unit_test(what_is_not_used_is_dropped),
        cmocka_unit_test(no_picture_nothing_is_cached),
        cmocka_unit_test(rows_stand_in_the_order_asked_for),
        cmocka_unit_test(orders_are_the_documented_ones),
        cmocka_unit_test(corrupted_pictures_are_ordered_likewise),
        cmocka_unit_test(other_orders_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
