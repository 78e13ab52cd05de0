/* test_trace_image.c: traces on the image side: single image rows, blocks of patches. */
#include "tests/method/asked.h"

#include "method/image_blocks.h"

static const char *const other_picture = "image:" OTHER_PICTURE;

static pb_trace_options corrupted_picture(void)
{
    return (pb_trace_options){.corruptions = &other_picture, .corruption_count = 1};
}

static question in_order(model *m, const char *order)
{
    question q;
    pb_question p = {.image = PICTURE, .question = "What is the capital of this country?", .image_order = order,
                     .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open(&q, m, &p, err));
    return q;
}

static void blocks_free(image_blocks *b)
{
    for (size_t i = 0; i < b->count; i++) {
        span_free(&b->rows[i]);
        free(b->names[i]);
    }
    free(b->rows), free(b->names);
}

/* ---- blocks ---- */

/* Every patch's row is in one block, that of its place; `expected` are the blocks' sizes. */
static void check_blocks(const question *q, size_t n, const size_t *expected, size_t count)
{
    image_blocks b;
    const vision *v = q->model->vision;
    size_t side = vision_side(v), seen = 0;
    image_blocks_of_prompt(&b, q, n);
    assert_int_equal(b.count, count);
    for (size_t i = 0; i < b.count; i++) {
        size_t line, column;
        assert_int_equal(sscanf(b.names[i], "block %zu,%zu", &line, &column), 2);
        assert_int_equal(b.rows[i].count, expected[i]);
        for (size_t k = 0; k < b.rows[i].count; k++, seen++) {
            size_t row = image_order_from(&q->order, b.rows[i].positions[k] - q->prompt.image_first);
            size_t patch = row + vision_settings(v)->skipped_rows - vision_settings(v)->class_row;
            assert_int_equal(patch / side / n, line);
            assert_int_equal(patch % side / n, column);
            assert_true(k == 0 || b.rows[i].positions[k] > b.rows[i].positions[k - 1]);
        }
    }
    assert_int_equal(seen, side * side);
    blocks_free(&b);
}

static void blocks_hold_the_rows_of_their_squares(void **state)
{
    (void)state;
    static const char *const orders[] = {NULL, "reverse", "shuffle:9"};
    static const size_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, twos[] = {4, 2, 2, 1}, all[] = {9};
    model *m = tiny_open(LLAVA); /* 3 x 3 patches */
    for (size_t i = 0; i < 3; i++) {
        question q = in_order(m, orders[i]);
        check_blocks(&q, 1, ones, 9);
        check_blocks(&q, 2, twos, 4); /* does not divide 3: the last ones are smaller */
        check_blocks(&q, 3, all, 1);
        check_blocks(&q, 50, all, 1);
        question_free(&q);
    }
    model_free(m);
}

static trace blocks_traced(model *m, size_t n)
{
    pb_trace_options options = corrupted_picture();
    options.blocks = n;
    return traced(m, PICTURE, &options);
}

/* A block of one patch is that image row; one of all patches is the span `image`. */
static void blocks_are_what_they_hold(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options rows = corrupted_picture(), whole = corrupted_picture();
    rows.positions = whole.positions = "image";
    whole.group = true;
    trace single = traced(m, PICTURE, &rows), group = traced(m, PICTURE, &whole);
    trace ones = blocks_traced(m, 1), all = blocks_traced(m, 3);
    assert_int_equal(ones.blocks, 1);
    for (size_t s = 0; s < single.site_count; s++) {
        assert_int_equal(grid_size(&single), grid_size(&ones));
        for (size_t i = 0; i < grid_size(&ones); i++)
            assert_same(ones.sites[s].prob[i], single.sites[s].prob[i], "a block of one patch");
        for (size_t i = 0; i < grid_size(&all); i++)
            assert_same(all.sites[s].prob[i], group.sites[s].prob[i], "a block of all patches");
    }
    trace_free(&single), trace_free(&group), trace_free(&ones), trace_free(&all);
    model_free(m);
}

static void blocks_need_a_corrupted_picture(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    trace t;
    question q = asked(m, PICTURE), blind = asked(m, NULL);
    pb_trace_options options = {.blocks = 2};
    assert_fails(trace_run_question(&t, &q, &options, err), PB_EINVAL, "not corrupted");
    assert_fails(trace_run_question(&t, &blind, &options, err), PB_EINVAL, "no picture");
    options = corrupted_picture();
    options.blocks = 2;
    options.group = true;
    assert_fails(trace_run_question(&t, &q, &options, err), PB_EINVAL, "--group excludes");
    question_free(&q), question_free(&blind);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_the_rows_of_their_squares),
        cmocka_unit_test(blocks_are_what_they_hold),
        cmocka_unit_test(blocks_need_a_corrupted_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
