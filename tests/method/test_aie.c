/* test_aie.c: classes hold the positions that their definition says, and a class's value is the mean over them. */
#include "tests/method/asked.h"

#include "method/aie.h"

/* ---- by hand ---- */

/* <s> <image><image> the *this *fine *country of the world is: 11 rows, those with a star the constraint. */
enum { ROWS = 11, IMAGE = 1, IMAGES = 2 };

typedef struct by_hand {
    prompt prompt;
    trace trace;
    trace_grid grid;
} by_hand;

/* One site, two layers; a cell's prob is 100 layer + position, its logprob the negative. */
static void make(by_hand *h, const span *constraints, size_t constraint_count, const size_t *traced_rows, size_t count)
{
    *h = (by_hand){.prompt = {.length = ROWS, .image_first = IMAGE, .image_count = IMAGES, .has_bos = true,
                              .constraints = (span *)constraints, .constraint_count = constraint_count}};
    h->grid = (trace_grid){.site = SITE_MLP_OUT, .heads = 1, .prob = mem_new(2 * count, sizeof(double)),
                           .logprob = mem_new(2 * count, sizeof(double))};
    h->trace = (trace){.layer_count = 2, .cell_count = count, .cells = mem_new(count, sizeof(span)), .site_count = 1,
                       .sites = &h->grid};
    for (size_t i = 0; i < count; i++) {
        h->trace.cells[i] = (span){(size_t *)&traced_rows[i], 1};
        for (size_t l = 0; l < 2; l++) {
            h->grid.prob[l * count + i] = (double)(100 * l + traced_rows[i]);
            h->grid.logprob[l * count + i] = -h->grid.prob[l * count + i];
        }
    }
}

static void make_free(by_hand *h)
{
    free(h->grid.prob), free(h->grid.logprob), free(h->trace.cells);
}

static const aie_curve *curve_of(const aie *a, const char *name, const char *class)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->curves[i].name, name) == 0 && strcmp(a->curves[i].class, class) == 0)
            return &a->curves[i];
    return NULL;
}

/* A class without cells has no curve: mean -1. */
static void assert_class(const aie *a, const char *class, double mean)
{
    const aie_curve *prob = curve_of(a, "mlp_out/prob", class), *logprob = curve_of(a, "mlp_out/logprob", class);
    if (mean < 0) {
        assert_null(prob);
        assert_null(logprob);
        return;
    }
    assert_non_null(prob);
    assert_int_equal(prob->layer_count, 2);
    for (size_t l = 0; l < 2; l++) {
        assert_true(fabs(prob->data[l] - ((double)(100 * l) + mean)) < 1e-13);
        assert_true(logprob->data[l] == -prob->data[l]);
    }
}

static const size_t all_rows[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void classes_hold_their_positions(void **state)
{
    (void)state;
    static const char *const order[] = {"bos", "image", "before", "constraint_first", "constraint_middle",
                                        "constraint_last", "after", "last", "control"};
    size_t rows[] = {4, 5, 6};
    span constraint = {rows, 3};
    by_hand h;
    aie a;
    make(&h, &constraint, 1, all_rows, ROWS);
    aie_of_trace(&a, &h.trace, &h.prompt);
    static const double means[] = {0, 1.5, 3, 4, 5, 6, 8, 10, 8};
    for (size_t i = 0; i < 9; i++)
        assert_class(&a, order[i], means[i]);
    assert_int_equal(a.count, 18);
    for (size_t i = 0; i < a.count; i++)
        assert_string_equal(a.curves[i].class, order[i % 9]);
    aie_free(&a);
    make_free(&h);
}

/* Its only token is its last; control is the one row behind it. */
static void a_constraint_of_one_token_is_its_last(void **state)
{
    (void)state;
    size_t row = 5;
    span constraint = {&row, 1};
    by_hand h;
    aie a;
    make(&h, &constraint, 1, all_rows, ROWS);
    aie_of_trace(&a, &h.trace, &h.prompt);
    assert_class(&a, "constraint_first", -1);
    assert_class(&a, "constraint_middle", -1);
    assert_class(&a, "constraint_last", 5);
    assert_class(&a, "before", 3.5);
    assert_class(&a, "after", 7.5);
    assert_class(&a, "control", 6);
    aie_free(&a);
    make_free(&h);
}

/* Where the rows behind the constraint are too few there is no control; rows without a cell count for nothing. */
static void classes_without_cells_are_left_out(void **state)
{
    (void)state;
    size_t late[] = {6, 7, 8};
    static const size_t some[] = {3, 6, 8, 9};
    span constraint = {late, 3};
    by_hand h;
    aie a;
    make(&h, &constraint, 1, some, 4);
    aie_of_trace(&a, &h.trace, &h.prompt);
    static const char *const absent[] = {"bos", "image", "constraint_middle", "last", "control"};
    for (size_t i = 0; i < 5; i++)
        assert_class(&a, absent[i], -1);
    assert_class(&a, "before", 3);
    assert_class(&a, "constraint_first", 6);
    assert_class(&a, "constraint_last", 8);
    assert_class(&a, "after", 9);
    aie_free(&a);
    make_free(&h);
}

/* Each row counts by its place in its own constraint, and what lies between two is after the first. */
static void constraints_each_have_a_first_and_a_last(void **state)
{
    (void)state;
    size_t one[] = {3, 4}, two[] = {7, 8};
    span constraints[] = {{one, 2}, {two, 2}};
    by_hand h;
    aie a;
    make(&h, constraints, 2, all_rows, ROWS);
    aie_of_trace(&a, &h.trace, &h.prompt);
    assert_class(&a, "constraint_first", 5);
    assert_class(&a, "constraint_last", 6);
    assert_class(&a, "after", (5 + 6 + 9) / 3.0);
    assert_class(&a, "before", -1);
    assert_class(&a, "control", -1);
    aie_free(&a);
    make_free(&h);
}

/* 0.1 three times is more than 0.3 in binary: still the mean is 0.1. */
static void the_mean_of_equal_values_is_that_value(void **state)
{
    (void)state;
    size_t rows[] = {3, 4, 5};
    span constraint = {rows, 3};
    by_hand h;
    aie a;
    make(&h, &constraint, 1, all_rows, ROWS);
    for (size_t i = 0; i < 2 * ROWS; i++)
        h.grid.prob[i] = 0.1;
    aie_of_trace(&a, &h.trace, &h.prompt);
    for (size_t i = 0; i < a.count; i++)
        for (size_t l = 0; l < 2 && strcmp(a.curves[i].name, "mlp_out/prob") == 0; l++)
            assert_true(a.curves[i].data[l] == 0.1);
    aie_free(&a);
    make_free(&h);
}

static void without_constraint_all_is_before(void **state)
{
    (void)state;
    by_hand h;
    aie a;
    make(&h, NULL, 0, all_rows, ROWS);
    aie_of_trace(&a, &h.trace, &h.prompt);
    assert_class(&a, "before", 6);
    assert_class(&a, "after", -1);
    assert_class(&a, "last", 10);
    assert_class(&a, "control", -1);
    aie_free(&a);
    make_free(&h);
}

/* ---- of a model ---- */

static aie traced_classes(const char *positions, const char *sites, pb_trace_options o, trace *t)
{
    aie a;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    o.positions = positions;
    o.sites = sites;
    assert_ok(trace_run_question(t, &q, &o, err));
    aie_of_trace(&a, t, &q.prompt);
    question_free(&q);
    model_free(m);
    return a;
}

static void groups_are_classes(void **state)
{
    (void)state;
    trace t;
    pb_trace_options o = pb_trace_defaults();
    o.group = true;
    o.foil = "Rome";
    aie a = traced_classes("constraint,image,last", "attn_out,mlp_out", o, &t);
    static const char *const names[] = {"constraint", "image", "last"};
    assert_int_equal(a.count, 2 * 3 * 3);
    for (size_t i = 0; i < 3; i++) {
        const aie_curve *c = curve_of(&a, "mlp_out/logit_diff", names[i]);
        assert_non_null(c);
        for (size_t l = 0; l < t.layer_count; l++)
            assert_true(c->data[l] == t.sites[1].logit_diff[l * t.cell_count + i]);
    }
    aie_free(&a);
    trace_free(&t);
}

static void every_head_has_its_own(void **state)
{
    (void)state;
    trace t;
    aie a = traced_classes("last", "head_out", pb_trace_defaults(), &t);
    size_t heads = t.sites[0].heads;
    assert_true(heads > 1);
    assert_int_equal(a.count, heads * 2);
    for (size_t h = 0; h < heads; h++) {
        char name[64];
        snprintf(name, sizeof name, "head_out:%zu/prob", h);
        const aie_curve *c = curve_of(&a, name, "last");
        assert_non_null(c);
        for (size_t l = 0; l < t.layer_count; l++)
            assert_true(c->data[l] == t.sites[0].prob[l * heads + h]);
    }
    aie_free(&a);
    trace_free(&t);
}

static pb_trace_options other_picture(void)
{
    static const char *const other = "image:" OTHER_PICTURE;
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = &other;
    o.corruption_count = 1;
    return o;
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static void all_blocks_together_are_image(void **state)
{
    (void)state;
    trace t;
    pb_trace_options o = other_picture();
    o.blocks = 2;
    aie a = traced_classes(NULL, "resid_post", o, &t);
    assert_int_equal(t.cell_count, 4);
    assert_int_equal(a.count, 2 * 5);
    const aie_curve *all = curve_of(&a, "resid_post/prob", "image"), *one = curve_of(&a, "resid_post/prob", "block 1,0");
    for (size_t l = 0; l < t.layer_count; l++) {
        assert_true(fabs(all->data[l] - mean_of(t.sites[0].prob + l * 4, 4)) < 1e-15);
        assert_true(one->data[l] == t.sites[0].prob[l * 4 + 2]);
    }
    aie_free(&a);
    trace_free(&t);
}

static void the_pictures_side_has_patches_and_a_class_row(void **state)
{
    (void)state;
    trace t;
    aie a = traced_classes("all", "vision.attn_out,proj.hook_out", other_picture(), &t);
    const trace_vision *tower = &t.vision[0], *projector = &t.vision[1];
    const char *name = "vision.blocks.{l}.hook_attn_out/prob";
    const aie_curve *cls = curve_of(&a, name, "cls"), *patches = curve_of(&a, name, "image");
    const aie_curve *rows = curve_of(&a, "proj.hook_out/prob", "image");
    assert_int_equal(a.count, 2 * 3);
    assert_int_equal(patches->layer_count, tower->layer_count);
    for (size_t l = 0; l < tower->layer_count; l++) {
        const double *values = tower->grid.prob + l * tower->cell_count;
        assert_true(cls->data[l] == values[0]);
        assert_true(fabs(patches->data[l] - mean_of(values + 1, tower->cell_count - 1)) < 1e-15);
    }
    assert_int_equal(rows->layer_count, 1);
    assert_true(fabs(rows->data[0] - mean_of(projector->grid.prob, projector->cell_count)) < 1e-15);
    aie_free(&a);
    trace_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_hold_their_positions),
        cmocka_unit_test(a_constraint_of_one_token_is_its_last),
        cmocka_unit_test(classes_without_cells_are_left_out),
        cmocka_unit_test(constraints_each_have_a_first_and_a_last),
        cmocka_unit_test(the_mean_of_equal_values_is_that_value),
        cmocka_unit_test(without_constraint_all_is_before),
        cmocka_unit_test(groups_are_classes),
        cmocka_unit_test(every_head_has_its_own),
        cmocka_unit_test(all_blocks_together_are_image),
        cmocka_unit_test(the_pictures_side_has_patches_and_a_class_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
