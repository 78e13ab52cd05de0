/* test_knockout.c: what the report of a knockout says, of made-up numbers. */
#include "tests/support.h"

#include <math.h>

#include "made_up.h"
#include "read_back.h"
#include "report/knockout_words.h"
#include "report/result_read.h"

enum { LAYERS = 32 };

/* A prompt's question with two curves: one falls around layer 8, the other hardly. */
typedef struct cut_up {
    made_up prompt;
    knockout k;
    knockout_report report;
} cut_up;

static span_pair pair_of(const char *from, const char *to)
{
    span_pair p = {.from = mem_text(from), .to = mem_text(to)};
    p.sources = (span){.positions = mem_new(2, sizeof(size_t)), .count = 2};
    p.destinations = (span){.positions = mem_new(1, sizeof(size_t)), .count = 1};
    p.sources.positions[1] = 1;
    p.destinations.positions[0] = 5;
    return p;
}

static void make_curve(knockout *k, size_t i, size_t first_pair, size_t pairs, double depth)
{
    knockout_curve *c = &k->curves[i];
    *c = (knockout_curve){.name = mem_text("curve"), .first_pair = first_pair, .pair_count = pairs,
                          .prob = mem_new(LAYERS, sizeof(double)), .logprob = mem_new(LAYERS, sizeof(double)),
                          .relative = mem_new(LAYERS, sizeof(double))};
    for (size_t l = 0; l < LAYERS; l++) {
        c->relative[l] = -depth * exp(-pow(((double)l - 8) / 3, 2));
        c->prob[l] = k->clean.prob * (1 + c->relative[l]);
        c->logprob[l] = log(c->prob[l]);
    }
}

static void make(cut_up *m, bool together, const char *from)
{
    *m = (cut_up){0};
    made_up_make(&m->prompt, &made_up_usual);
    knockout *k = &m->k;
    *k = (knockout){.curve_count = together ? 1 : 2, .layer_count = LAYERS, .window = 5, .answer_count = 1,
                    .clean = {.prob = 0.9, .logprob = log(0.9)}, .verify_cells = 4, .verify_max_rel_diff = 2e-7};
    k->cost = m->prompt.trace.cost;
    k->pairs = (span_pairs){.items = mem_new(2, sizeof(span_pair)), .count = 2};
    k->pairs.items[0] = pair_of(from, "constraint");
    k->pairs.items[1] = pair_of("constraint", "last");
    k->curves = mem_new(2, sizeof *k->curves);
    k->layers = mem_new(LAYERS, sizeof *k->layers);
    k->cut = mem_new(LAYERS, sizeof *k->cut);
    for (size_t l = 0; l < LAYERS; l++) {
        k->layers[l] = l;
        k->cut[l][0] = l > 2 ? l - 2 : 0;
        k->cut[l][1] = l + 2 < LAYERS ? l + 2 : LAYERS - 1;
    }
    k->answer = mem_new(1, sizeof *k->answer);
    k->answer[0] = k->clean.top_id[0] = m->prompt.trace.answer[0];
    for (size_t i = 1; i < RUN_TOP; i++)
        k->clean.top_id[i] = -1;
    make_curve(k, 0, 0, together ? 2 : 1, 0.99);
    if (!together)
        make_curve(k, 1, 1, 1, 0.02);
    m->report = (knockout_report){.knockout = k, .about = m->prompt.report.about};
}

static void unmake(cut_up *m)
{
    knockout_free(&m->k);
    made_up_free(&m->prompt);
}

static void expect(const buffer *out, const char *words)
{
    if (!strstr(out->data, words))
        test_stop(__FILE__, __LINE__, "\"%s\" is not in it", words);
}

static void the_json_has_its_keys_in_order(void **state)
{
    (void)state;
    static const char *const keys[] = {"schema", "model", "image", "prompt", "question", "tokens", "constraints", "answer", "clean",
                                       "window", "layers", "cut_layers", "cuts", "verify", "cost"};
    cut_up m;
    make(&m, false, "image");
    json_t *o = report_knockout_json(&m.report), *value;
    const char *key;
    size_t i = 0;
    json_object_foreach(o, key, value)
        assert_string_equal(key, keys[i++]);
    assert_int_equal(i, sizeof keys / sizeof *keys);
    const json_t *cuts = json_object_get(o, "cuts"), *one = json_array_get(cuts, 0);
    assert_int_equal(json_array_size(cuts), 2);
    assert_string_equal(json_string_value(json_object_get(one, "from")), "image");
    assert_string_equal(json_string_value(json_object_get(one, "to")), "constraint");
    assert_int_equal(json_array_size(json_object_get(one, "prob")), LAYERS);
    assert_true(json_real_value(json_array_get(json_object_get(one, "relative"), 8)) == m.k.curves[0].relative[8]);
    assert_int_equal(json_array_size(json_object_get(o, "cut_layers")), LAYERS);
    json_decref(o);
    unmake(&m);
}

static void pairs_cut_together_are_one_curve_named_by_all(void **state)
{
    (void)state;
    cut_up m;
    make(&m, true, "image");
    json_t *o = report_knockout_json(&m.report);
    const json_t *one = json_array_get(json_object_get(o, "cuts"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "from")), "image,constraint");
    assert_string_equal(json_string_value(json_object_get(one, "to")), "constraint,last");
    assert_int_equal(json_array_size(json_object_get(one, "pairs")), 2);
    json_decref(o);
    buffer name = {0};
    knockout_curve_name(&m.k, 0, &name);
    assert_string_equal(name.data, "image \u2192 constraint, constraint \u2192 last");
    buffer_free(&name);
    unmake(&m);
}

static void numbers_without_a_value_are_null_and_not_defined(void **state)
{
    (void)state;
    cut_up m;
    make(&m, false, "image");
    m.k.curves[1].relative[3] = NAN;
    m.k.verify_cells = 0;
    json_t *o = report_knockout_json(&m.report);
    assert_true(json_is_null(json_array_get(json_object_get(json_array_get(json_object_get(o, "cuts"), 1), "relative"), 3)));
    assert_true(json_is_null(json_object_get(o, "verify")));
    json_decref(o);
    buffer page = {0};
    report_knockout_html(&m.report, &page);
    expect(&page, "not defined");
    buffer_free(&page);
    unmake(&m);
}

static void the_page_says_where_a_curve_is_deepest(void **state)
{
    (void)state;
    cut_up m;
    make(&m, false, "image");
    buffer page = {0}, svg = {0};
    report_knockout_html(&m.report, &page);
    expect(&page, "Without those of <b>image \u2192 constraint</b> in layers 6\u201310, the probability is");
    expect(&page, "<title>image \u2192 constraint cut in layers 6\u201310: p = 0.0090, \u221299 %</title>");
    expect(&page, "nothing cut: 0.9");
    expect(&page, "4 random points recomputed");
    report_knockout_svg(&m.report, &svg);
    expect(&svg, "layer (centre of a window of 5)");
    expect(&svg, "p(Lisbon) with edges cut");
    assert_null(strstr(svg.data, "<circle"));
    buffer_free(&page);
    buffer_free(&svg);
    unmake(&m);
}

static void what_was_asked_for_is_escaped(void **state)
{
    (void)state;
    cut_up m;
    make(&m, false, "<script>\n");
    buffer page = {0}, svg = {0};
    report_knockout_html(&m.report, &page);
    report_knockout_svg(&m.report, &svg);
    assert_null(strstr(page.data, "<script>"));
    assert_null(strstr(svg.data, "<script>"));
    expect(&svg, "&lt;script&gt;\u23CE \u2192 constraint");
    buffer_free(&page);
    buffer_free(&svg);
    unmake(&m);
}

/* Many pairs cut together: the key keeps to the panel, the table tells all. */
static void a_long_name_is_shortened_in_the_key(void **state)
{
    (void)state;
    cut_up m;
    make(&m, true, "image,2:5,7:9,11:13,15:17,19:21,23:25");
    knockout_panels p;
    knockout_panels_make(&p, &m.report);
    assert_non_null(strstr(p.curves[0].name, "\u2026"));
    assert_true(strlen(p.curves[0].name) < 70);
    knockout_panels_free(&p);
    buffer page = {0};
    report_knockout_html(&m.report, &page);
    expect(&page, "<td>image,2:5,7:9,11:13,15:17,19:21,23:25 \u2192 constraint, constraint \u2192 last</td>");
    buffer_free(&page);
    unmake(&m);
}

static void changes_are_percents(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *words;
    } cases[] = {{0, "0 %"}, {-1e-5, "0.0 %"}, {-0.021, "\u22122.1 %"}, {0.5, "+50 %"}, {-0.996, "\u2212100 %"}, {NAN, "not defined"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer b = {0};
        knockout_change(cases[i].value, &b);
        assert_string_equal(b.data, cases[i].words);
        buffer_free(&b);
    }
}

/* ---- read back ---- */

static void check_read_back(const cut_up *m)
{
    knockout_read read;
    json_t *tree = read_back(report_knockout_json(&m->report));
    json_at root = {.value = tree, .file = "knockout.json"};
    assert_ok(knockout_read_json(&read, &root, err));
    buffer made = {0}, page = {0}, drawn = {0}, figure = {0};
    report_knockout_html(&m->report, &made);
    report_knockout_html(&read.report, &page);
    assert_same_page(&page, &made);
    report_knockout_svg(&m->report, &drawn);
    report_knockout_svg(&read.report, &figure);
    assert_same_page(&figure, &drawn);
    knockout_read_free(&read);
    json_decref(tree);
}

static void what_is_read_back_makes_the_same_page(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        cut_up m;
        make(&m, together, together ? "<b>" : "image");
        check_read_back(&m);
        m.k.curves[0].relative[3] = NAN;
        m.k.clean.prob = 0.05;
        m.k.verify_cells = 0;
        m.k.window_kind = WINDOW_RADIUS;
        check_read_back(&m);
        unmake(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_has_its_keys_in_order),
        cmocka_unit_test(pairs_cut_together_are_one_curve_named_by_all),
        cmocka_unit_test(numbers_without_a_value_are_null_and_not_defined),
        cmocka_unit_test(the_page_says_where_a_curve_is_deepest),
        cmocka_unit_test(what_was_asked_for_is_escaped),
        cmocka_unit_test(a_long_name_is_shortened_in_the_key),
        cmocka_unit_test(changes_are_percents),
        cmocka_unit_test(what_is_read_back_makes_the_same_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
