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

/* ---- the tower and the projector ---- */

#define TOWER_SITES "vision.resid_pre,vision.attn_out,vision.mlp_out,vision.resid_post,proj.hook_out"

static pb_trace_options of_the_tower(void)
{
    pb_trace_options options = corrupted_picture();
    options.sites = TOWER_SITES;
    return options;
}

static size_t vision_size(const trace_vision *g)
{
    return g->layer_count * g->cell_count;
}

static void assert_same_vision(const trace *a, const trace *b)
{
    assert_int_equal(a->vision_count, b->vision_count);
    for (size_t s = 0; s < a->vision_count; s++) {
        assert_int_equal(vision_size(&a->vision[s]), vision_size(&b->vision[s]));
        for (size_t i = 0; i < vision_size(&a->vision[s]); i++)
            assert_same(a->vision[s].grid.prob[i], b->vision[s].grid.prob[i], a->vision[s].name);
    }
}

static trace traced_in_order(model *m, const char *order, const pb_trace_options *options)
{
    question q = in_order(m, order);
    trace t;
    assert_ok(trace_run_question(&t, &q, options, err));
    question_free(&q);
    return t;
}

/* Cell by cell the fast form is a full pass of tower, projector and decoder, to the bit. */
static void tower_cells_are_full_passes(void **state)
{
    (void)state;
    static const char *const noise = "image-noise:0.5";
    static const char *const folders[] = {LLAVA, BUNNY};
    for (size_t i = 0; i < 8; i++) {
        model *m = tiny_open(folders[i % 2]);
        pb_trace_options options = of_the_tower();
        options.noise_direction = i & 2;
        options.window = 1 + i % 3;
        options.positions = i & 4 ? "image" : "all";
        options.group = i & 1;
        options.verify = 7;
        if (i >= 6)
            options = (pb_trace_options){.corruptions = &noise, .corruption_count = 1, .samples = 2, .blocks = 2,
                                         .sites = TOWER_SITES, .noise_direction = i & 1};
        const char *order = i % 3 == 1 ? "shuffle:2" : NULL;
        trace fast = traced_in_order(m, order, &options);
        assert_true(fast.verify_max_rel_diff <= slack());
        options.naive = true;
        trace naive = traced_in_order(m, order, &options);
        assert_same_vision(&fast, &naive);
        assert_int_equal(naive.cost.cells_skipped, 0);
        assert_int_equal(fast.cost.cells, naive.cost.cells);
        trace_free(&fast), trace_free(&naive);
        model_free(m);
    }
}

/* All rows restored at the tower's input, or all image rows at the projector's output, are the clean run. */
static void the_whole_picture_is_the_clean_run(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, BUNNY};
    for (size_t i = 0; i < 2; i++) {
        model *m = tiny_open(folders[i]);
        pb_trace_options options = corrupted_picture();
        options.sites = "vision.blocks.{l}.hook_resid_pre,proj.hook_out";
        options.positions = "all";
        options.group = true;
        trace t = traced(m, PICTURE, &options);
        assert_true(t.clean.prob != t.corrupted.prob);
        assert_same(t.vision[0].grid.prob[0], t.clean.prob, "the tower's whole input");
        assert_same(t.vision[1].grid.prob[0], t.clean.prob, "the projector's whole output");
        trace_free(&t);
        model_free(m);
    }
}

/* The layers above the features change nothing, and are not run; nor are the same rows put in. */
static void layers_above_the_features_are_known(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    size_t used = vision_used_layers(m->vision), L = vision_settings(m->vision)->layers;
    assert_true(used < L);
    pb_trace_options options = corrupted_picture();
    options.sites = "vision.blocks.{l}.hook_mlp_out";
    trace t = traced(m, PICTURE, &options);
    const trace_vision *g = &t.vision[0];
    assert_int_equal(g->layer_count, L);
    assert_int_equal(g->cell_count, vision_tower_rows(m->vision)); /* `all`: with the class row */
    for (size_t l = used; l < L; l++)
        for (size_t c = 0; c < g->cell_count; c++)
            assert_true(g->grid.prob[l * g->cell_count + c] == t.corrupted.prob);
    /* and the class row in the last layer that the features pass, which leave it out */
    assert_int_equal(t.cost.cells_skipped, (L - used) * g->cell_count + 1);
    trace_free(&t);
    static const char *const same = "image:" PICTURE;
    options.corruptions = &same;
    t = traced(m, PICTURE, &options);
    assert_int_equal(t.cost.cells_skipped, t.cost.cells);
    for (size_t i = 0; i < vision_size(&t.vision[0]); i++)
        assert_true(t.vision[0].grid.prob[i] == t.clean.prob);
    trace_free(&t);
    model_free(m);
}

/* A row of the projector is that row of the decoder's input. */
static void projector_rows_are_the_decoders_input(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options options = {.corruptions = (const char *const[]){"image-rowmean"}, .corruption_count = 1,
                                .sites = "proj.hook_out,resid_pre", .positions = "image,last", .end_layer = 1};
    trace t = traced(m, PICTURE, &options);
    assert_int_equal(t.vision[0].cell_count, 9); /* `last` is no row of the projector's */
    assert_int_equal(t.cell_count, 10);
    for (size_t c = 0; c < 9; c++) {
        assert_int_equal(t.vision[0].cells[c].positions[0], t.cells[c].positions[0]);
        assert_same(t.vision[0].grid.prob[c], t.sites[0].prob[c], "an image row");
    }
    trace_free(&t);
    model_free(m);
}

static void expect_refused(model *m, const char *picture_file, pb_trace_options options, const char *words)
{
    trace t;
    question q = asked(m, picture_file);
    assert_fails(trace_run_question(&t, &q, &options, err), PB_EINVAL, words);
    question_free(&q);
}

static void what_the_tower_cannot_do_is_refused(void **state)
{
    (void)state;
    static const char *const mean = "image-rowmean";
    model *m = tiny_open(LLAVA), *blind = tiny_open(LLAMA);
    pb_trace_options options = of_the_tower();
    expect_refused(m, PICTURE, (pb_trace_options){.sites = TOWER_SITES}, "picture is not corrupted");
    expect_refused(m, NULL, (pb_trace_options){.sites = TOWER_SITES}, "the question has no picture");
    expect_refused(blind, NULL, (pb_trace_options){.sites = "proj.hook_out"}, "the question has no picture");
    expect_refused(m, PICTURE, (pb_trace_options){.sites = "vision.hook_out"}, "proj.hook_out");
    options.corruptions = &mean;
    expect_refused(m, PICTURE, options, "the tower has no corrupted run");
    options = of_the_tower();
    options.positions = "text";
    expect_refused(m, PICTURE, options, "names no row of vision.blocks.{l}.hook_resid_pre");
    options.positions = "picture";
    expect_refused(m, PICTURE, options, "picture");
    options = of_the_tower();
    options.end_layer = 50;
    expect_refused(m, PICTURE, options, "the vision tower has layers 0:");
    model_free(m), model_free(blind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_the_rows_of_their_squares),
        cmocka_unit_test(blocks_are_what_they_hold),
        cmocka_unit_test(blocks_need_a_corrupted_picture),
        cmocka_unit_test(tower_cells_are_full_passes),
        cmocka_unit_test(the_whole_picture_is_the_clean_run),
        cmocka_unit_test(layers_above_the_features_are_known),
        cmocka_unit_test(projector_rows_are_the_decoders_input),
        cmocka_unit_test(what_the_tower_cannot_do_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
