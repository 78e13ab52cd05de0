/* test_knockout.c: a knockout is what its definition says, and the same to the bit as its naive form, which runs every point
 * as a full forward pass by itself. */
#include "tests/method/asked.h"

#include "method/knockout.h"

static const pb_span_pair three[] = {{"image", "constraint"}, {"image", "last"}, {"constraint", "last"}};

static knockout cut(model *m, const char *picture_file, const pb_knockout_options *options)
{
    question q = asked(m, picture_file);
    knockout k;
    assert_ok(knockout_run_question(&k, &q, options, err));
    question_free(&q);
    return k;
}

static void assert_same_curves(const knockout *a, const knockout *b)
{
    assert_int_equal(a->curve_count, b->curve_count);
    assert_int_equal(a->layer_count, b->layer_count);
    assert_same(a->clean.prob, b->clean.prob, "clean");
    for (size_t i = 0; i < a->curve_count; i++)
        for (size_t l = 0; l < a->layer_count; l++) {
            assert_same(a->curves[i].prob[l], b->curves[i].prob[l], a->curves[i].name);
            assert_close(a->curves[i].logprob[l], b->curves[i].logprob[l], 10 * slack(), a->curves[i].name, l);
        }
}

/* ---- replay and naive ---- */

static void check_options(model *m, const char *picture_file, const pb_knockout_options *o)
{
    pb_knockout_options naive = *o;
    naive.naive = true;
    knockout a = cut(m, picture_file, o), b = cut(m, picture_file, &naive);
    assert_same_curves(&a, &b);
    assert_int_equal(b.cost.cells_skipped, 0);
    assert_true(a.cost.flop < b.cost.flop);
    assert_true(a.cost.naive_flop > 0 && a.cost.naive_flop == b.cost.naive_flop);
    knockout_free(&a);
    knockout_free(&b);
}

static void check_family(const char *folder, const char *picture_file, const pb_span_pair *pairs, size_t count)
{
    static const size_t windows[][2] = {{0, 1}, {0, 3}, {1, 0}, {1, 1}, {0, 9}};
    model *m = tiny_open(folder);
    for (size_t c = 0; c < 10; c++) {
        pb_knockout_options o = {.pairs = pairs, .pair_count = count, .together = c >= 5, .radius = windows[c % 5][0],
                                 .window = windows[c % 5][1]};
        o.answer.text = c % 3 == 2 ? "a river in Japan" : NULL;
        o.answer.whole = c % 3 == 2;
        o.first_layer = c == 4;
        check_options(m, picture_file, &o);
    }
    model_free(m);
}

static void every_point_is_what_a_full_pass_gives(void **state)
{
    (void)state;
    static const pb_span_pair pictured[] = {{"image", "constraint"}, {"constraint", "last"}, {"image,constraint", "question"},
                                            {"all", "constraint"}, {"0:3", "3:20"}};
    static const pb_span_pair plain[] = {{"constraint", "last"}, {"2:4", "text"}, {"3:7", "last"}};
    check_family(LLAVA, PICTURE, pictured, 3);
    check_family(BUNNY, PICTURE, pictured, 3); /* Phi's parallel blocks */
    check_family(LLAVA, PICTURE, pictured + 4, 1);
    check_family(PHI, NULL, plain, 3);
    check_family(QWEN2, NULL, plain, 3);
    check_family(LLAMA, NULL, plain, 3);
}

/* In as many waves as there can be, and checked once more. */
static void memory_does_not_show_and_verify_finds_nothing(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_knockout_options o = {.pairs = three, .pair_count = 3}, tight = o;
    knockout a = cut(m, PICTURE, &o);
    size_t low = 0, high = (size_t)1 << 30; /* the least budget that is enough */
    while (high - low > 1) {
        question q = asked(m, PICTURE);
        knockout k;
        pb_error ignored;
        tight.run.memory = low + (high - low) / 2;
        if (knockout_run_question(&k, &q, &tight, &ignored)) {
            assert_true(ignored.code == PB_ENOMEM && strstr(ignored.message, "needs at least"));
            low = tight.run.memory;
        } else {
            high = tight.run.memory;
            knockout_free(&k);
        }
        question_free(&q);
    }
    tight.run.memory = high;
    tight.verify = 1000;
    knockout b = cut(m, PICTURE, &tight);
    assert_same_curves(&a, &b);
    assert_true(b.cost.waves > a.cost.waves);
    assert_int_equal(a.verify_cells, 0);
    assert_int_equal(b.verify_cells, 3 * b.layer_count);
    assert_true(b.verify_max_rel_diff <= 2 * slack());
    knockout_free(&a);
    knockout_free(&b);
    model_free(m);
}

/* ---- what is cut ---- */

static void windows_and_names_are_as_asked(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    size_t L = m->decoder.config.layers;
    pb_knockout_options o = {.pairs = three, .pair_count = 3, .window = 3, .first_layer = 1};
    knockout k = cut(m, PICTURE, &o);
    assert_int_equal(k.layer_count, L - 1);
    assert_int_equal(k.layers[0], 1);
    assert_int_equal(k.curve_count, 3);
    assert_string_equal(k.curves[1].name, "image > last");
    for (size_t i = 0; i < k.layer_count; i++) {
        size_t layer = i + 1, window[1][2];
        layers_windows(WINDOW_CENTRED, 3, &layer, 1, L, window);
        assert_true(k.cut[i][0] == window[0][0] && k.cut[i][1] == window[0][1]);
    }
    knockout_free(&k);
    o = (pb_knockout_options){.pairs = three, .pair_count = 3, .together = true};
    k = cut(m, PICTURE, &o);
    assert_int_equal(k.curve_count, 1);
    assert_string_equal(k.curves[0].name, "image > constraint, image > last, constraint > last");
    knockout_free(&k);
    o = (pb_knockout_options){0};
    k = cut(m, PICTURE, &o);
    assert_int_equal(k.curve_count, 2);
    assert_string_equal(k.curves[0].name, "image > constraint");
    assert_string_equal(k.curves[1].name, "constraint > last");
    knockout_free(&k);
    k = cut(m, NULL, &o);
    assert_int_equal(k.curve_count, 1);
    knockout_free(&k);
    model_free(m);
}

static void the_relative_change_is_of_the_clean_run(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_knockout_options o = {0};
    knockout k = cut(m, PICTURE, &o);
    assert_int_equal(k.answer_count, 1);
    assert_int_equal(k.answer[0], k.clean.top_id[0]);
    for (size_t i = 0; i < k.curve_count; i++)
        for (size_t l = 0; l < k.layer_count; l++) {
            const knockout_curve *c = &k.curves[i];
            assert_close(c->relative[l], c->prob[l] / k.clean.prob - 1, 1e-12, c->name, l);
            assert_close(c->prob[l], exp(c->logprob[l]), 1e-12, c->name, l);
        }
    knockout_free(&k);
    model_free(m);
}

/* Above the last layer's attention only the answer's rows are read: cuts to others are the clean run, and are not run. */
static void what_nobody_reads_is_known(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_knockout_options o = {.pairs = three, .pair_count = 3};
    knockout k = cut(m, PICTURE, &o);
    size_t last = k.layer_count - 1;
    assert_int_equal(k.cost.cells, 3 * k.layer_count);
    assert_int_equal(k.cost.cells_skipped, 1);
    assert_true(k.curves[0].prob[last] == k.clean.prob && k.curves[0].relative[last] == 0);
    assert_true(k.curves[1].prob[last] != k.clean.prob);
    knockout_free(&k);
    model_free(m);
}

/* Cut at once they are one run, which need not be any sum of theirs; where one of the pairs is cut for nothing, the other
 * remains. */
static void pairs_may_be_cut_together(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_knockout_options o = {.pairs = three, .pair_count = 3};
    knockout apart = cut(m, PICTURE, &o);
    o.together = true;
    knockout joint = cut(m, PICTURE, &o);
    size_t last = joint.layer_count - 1;
    for (size_t i = 0; i < 3; i++)
        assert_true(joint.curves[0].prob[0] != apart.curves[i].prob[0]);
    static const pb_span_pair two[] = {{"image", "constraint"}, {"image", "last"}};
    o.pairs = two;
    o.pair_count = 2;
    knockout fewer = cut(m, PICTURE, &o);
    assert_same(fewer.curves[0].prob[last], apart.curves[1].prob[last], "image > last");
    static const pb_span_pair twice[] = {{"image", "last"}, {"image", "last"}};
    o.pairs = twice;
    knockout same = cut(m, PICTURE, &o);
    for (size_t l = 0; l < same.layer_count; l++)
        assert_same(same.curves[0].prob[l], apart.curves[1].prob[l], "image > last twice");
    knockout_free(&apart), knockout_free(&joint), knockout_free(&fewer), knockout_free(&same);
    model_free(m);
}

/* All layers of one pair cost what the trace of its first destination's row does, and a forward pass. */
static void a_curve_costs_a_rows_trace(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_knockout_options o = {.pairs = three, .pair_count = 1};
    pb_trace_options one = pb_trace_defaults();
    question q = asked(m, PICTURE);
    char row[32];
    snprintf(row, sizeof row, "%zu:%zu", q.prompt.constraints[0].positions[0], q.prompt.constraints[0].positions[0] + 1);
    question_free(&q);
    one.sites = "attn_out";
    one.positions = row;
    knockout k = cut(m, PICTURE, &o);
    trace t = traced(m, PICTURE, &one);
    question again = asked(m, PICTURE);
    assert_true(k.cost.flop <= t.cost.flop + question_pass_flop(&again));
    question_free(&again);
    trace_free(&t);
    knockout_free(&k);
    model_free(m);
}

/* ---- bad input ---- */

static void assert_refused(model *m, const char *picture_file, const pb_knockout_options *o, const char *words)
{
    question q = asked(m, picture_file);
    knockout k;
    assert_fails(knockout_run_question(&k, &q, o, err), PB_EINVAL, words);
    assert_null(k.curves);
    question_free(&q);
}

static void what_cannot_be_cut_is_refused(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    static const struct {
        pb_span_pair pair;
        const char *picture, *words;
    } cases[] = {
        {{"last", "constraint"}, NULL, "nothing flows there"},
        {{"image", "last"}, NULL, "image"},
        {{"nonsense", "last"}, NULL, "nonsense"},
        {{"constraint:3", "last"}, NULL, "constraint:3"},
        {{"5:5", "last"}, NULL, "5:5"},
        {{"0:900", "last"}, NULL, "0:900"},
        {{"bos", "bos"}, NULL, "leaves row 0"},
        {{"all", "last"}, PICTURE, "no row to attend to"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_knockout_options o = {.pairs = &cases[i].pair, .pair_count = 1};
        assert_refused(m, cases[i].picture, &o, cases[i].words);
    }
    static const pb_span_pair halves[] = {{"0:6", "5:7"}, {"6:7", "6:9"}};
    pb_knockout_options o = {.pairs = halves, .pair_count = 2, .together = true};
    assert_refused(m, NULL, &o, "leaves row 5");
    o = (pb_knockout_options){.pairs = three + 2, .pair_count = 1, .first_layer = 2, .end_layer = 99};
    assert_refused(m, NULL, &o, "--layers 2:99");
    o = (pb_knockout_options){.answer = {.has_id = true, .id = 1 << 30}};
    assert_refused(m, NULL, &o, "--answer-id");
    model_free(m);
}

/* Each half leaves a source; both together do not. */
static void pairs_that_starve_a_row_together_may_be_cut_apart(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    static const pb_span_pair halves[] = {{"0:6", "7:8"}, {"6:8", "7:8"}};
    pb_knockout_options o = {.pairs = halves, .pair_count = 2};
    knockout k = cut(m, NULL, &o);
    assert_int_equal(k.curve_count, 2);
    knockout_free(&k);
    o.together = true;
    assert_refused(m, NULL, &o, "cutting 0:6 > 7:8, 6:8 > 7:8 leaves row 7 (\"");
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_is_what_a_full_pass_gives),
        cmocka_unit_test(memory_does_not_show_and_verify_finds_nothing),
        cmocka_unit_test(windows_and_names_are_as_asked),
        cmocka_unit_test(the_relative_change_is_of_the_clean_run),
        cmocka_unit_test(what_nobody_reads_is_known),
        cmocka_unit_test(pairs_may_be_cut_together),
        cmocka_unit_test(a_curve_costs_a_rows_trace),
        cmocka_unit_test(what_cannot_be_cut_is_refused),
        cmocka_unit_test(pairs_that_starve_a_row_together_may_be_cut_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
