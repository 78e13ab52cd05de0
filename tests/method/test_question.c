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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_encoded_once),
        cmocka_unit_test(what_is_not_used_is_dropped),
        cmocka_unit_test(no_picture_nothing_is_cached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
