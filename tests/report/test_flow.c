/* test_flow.c: what the report of a flow says, of made-up numbers: its JSON, its figure, its page, and maps of layers and
 * heads. */
#include "tests/support.h"

#include <math.h>

#include "made_up.h"
#include "read_back.h"
#include "report/flow_figure.h"
#include "report/json_values.h"
#include "report/result_read.h"

enum { LAYERS = 6, HEADS = 4, SOURCES = 3 };

typedef struct flown {
    made_up prompt;
    flow f;
    flow_report report;
} flown;

static double *numbers(size_t count, double scale)
{
    double *values = mem_new(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = scale * (double)(i + 1);
    return values;
}

static void make_pair(flow *f, size_t i, const char *from)
{
    span_pair *p = &f->pairs.items[i];
    *p = (span_pair){.from = mem_text(from), .to = mem_text("last")};
    p->sources = (span){.positions = mem_new(SOURCES, sizeof(size_t)), .count = SOURCES};
    p->destinations = (span){.positions = mem_new(1, sizeof(size_t)), .count = 1};
    for (size_t s = 0; s < SOURCES; s++)
        p->sources.positions[s] = s + 1;
    f->curves[i] = (flow_curve){numbers(LAYERS, 1), numbers(LAYERS, 0.5), numbers(LAYERS, -0.1), numbers(LAYERS, 0.01),
                                numbers(LAYERS * SOURCES, 0.1), numbers(LAYERS * HEADS, 0.1)};
}

static void make(flown *m, const char *from, size_t pairs)
{
    *m = (flown){0};
    made_up_make(&m->prompt, &made_up_usual);
    m->f = (flow){.layer_count = LAYERS, .heads = HEADS, .answer_count = 1, .clean = {.prob = 0.9, .logprob = log(0.9)}};
    flow *f = &m->f;
    f->pairs = (span_pairs){.items = mem_new(pairs, sizeof(span_pair)), .count = pairs};
    f->curves = mem_new(pairs, sizeof *f->curves);
    for (size_t i = 0; i < pairs; i++)
        make_pair(f, i, from);
    f->layers = mem_new(LAYERS, sizeof *f->layers);
    for (size_t l = 0; l < LAYERS; l++)
        f->layers[l] = l + 2;
    f->answer = mem_new(1, sizeof *f->answer);
    f->answer[0] = f->clean.top_id[0] = m->prompt.trace.answer[0];
    for (size_t i = 1; i < RUN_TOP; i++)
        f->clean.top_id[i] = -1;
    m->report = (flow_report){.flow = f, .about = m->prompt.report.about};
}

static void unmake(flown *m)
{
    flow_free(&m->f);
    made_up_free(&m->prompt);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

/* ---- JSON ---- */

static void what_was_not_asked_for_is_null(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        flown m;
        make(&m, "image", 2);
        m.report.per_head = m.report.per_position = asked;
        json_t *o = report_flow_json(&m.report), *one = json_array_get(json_object_get(o, "flows"), 1);
        assert_int_equal(json_array_size(json_object_get(o, "flows")), 2);
        assert_int_equal(json_is_null(json_object_get(one, "per_head")), !asked);
        assert_int_equal(json_is_null(json_object_get(one, "per_position")), !asked);
        if (asked) {
            const json_t *row = json_array_get(json_object_get(one, "per_position"), 2);
            assert_int_equal(json_array_size(row), SOURCES);
            assert_true(json_number_value(json_array_get(row, 1)) == 0.1 * 8);
            assert_int_equal(json_array_size(json_array_get(json_object_get(one, "per_head"), 5)), HEADS);
        }
        assert_int_equal(json_integer_value(json_array_get(json_object_get(o, "layers"), 0)), 2);
        json_decref(o);
        unmake(&m);
    }
}

static void what_is_no_number_is_null_and_breaks_a_curve(void **state)
{
    (void)state;
    flown m;
    buffer svg = {0}, html = {0};
    make(&m, "text", 1);
    for (size_t l = 0; l < LAYERS; l++)
        m.f.curves[0].share[l] = NAN;
    m.f.curves[0].relative[3] = NAN;
    json_t *o = report_flow_json(&m.report), *one = json_array_get(json_object_get(o, "flows"), 0);
    assert_true(json_is_null(json_array_get(json_object_get(one, "share"), 0)));
    assert_true(json_is_null(json_array_get(json_object_get(one, "relative"), 3)));
    report_flow_svg(&m.report, &svg);
    report_flow_html(&m.report, &html);
    assert_null(strstr(svg.data, "nan"));
    assert_non_null(strstr(html.data, "no value"));
    json_decref(o);
    buffer_free(&svg), buffer_free(&html);
    unmake(&m);
}

/* ---- the figure and the page ---- */

static void spans_are_escaped(void **state)
{
    (void)state;
    flown m;
    buffer svg = {0}, html = {0};
    make(&m, "<b>&\"", 1);
    report_flow_svg(&m.report, &svg);
    report_flow_html(&m.report, &html);
    assert_null(strstr(svg.data, "<b>"));
    assert_null(strstr(html.data, "<b>&"));
    assert_non_null(strstr(svg.data, "&lt;b&gt;&amp;"));
    buffer_free(&svg), buffer_free(&html);
    unmake(&m);
}

/* More pairs than there are colours: each has its name in every key, and its map. */
static void many_pairs_are_all_drawn(void **state)
{
    (void)state;
    enum { MANY = 9 };
    flown m;
    buffer svg = {0};
    make(&m, "question", MANY);
    report_flow_svg(&m.report, &svg);
    assert_int_equal(occurrences(svg.data, "question \u2192 last"), MANY * (FLOW_MEASURES + 1));
    assert_int_equal(occurrences(svg.data, "<g class=\"heat reds\""), MANY);
    buffer_free(&svg);
    unmake(&m);
}

static void highest_values_are_found(void **state)
{
    (void)state;
    assert_int_equal(flow_highest((double[]){NAN, -3, -1, NAN, -2}, 5), 2);
    assert_int_equal(flow_highest((double[]){NAN, NAN}, 2), -1);
    assert_int_equal(flow_highest((double[]){INFINITY, 1}, 2), 1);
    flown m;
    make(&m, "image", 1);
    static const double first[FLOW_MEASURES] = {1, 0.5, -0.1, 0.01};
    for (size_t i = 0; i < FLOW_MEASURES; i++)
        assert_true(flow_values(&flow_measures[i], &m.f.curves[0])[0] == first[i]);
    unmake(&m);
}

/* ---- maps of layers and heads ---- */

static grid_map heads_of(const flown *m, buffer *title, heat_paint paint)
{
    grid_map g = flow_heads_map(&m->report, 0, title);
    g.x = g.y = 30;
    g.width = 60;
    g.height = 40;
    g.font = 10;
    g.paint = paint;
    return g;
}

static void a_map_has_a_cell_for_each_layer_and_head(void **state)
{
    (void)state;
    flown m;
    buffer title = {0}, page = {0}, paper = {0};
    make(&m, "image", 1);
    m.f.curves[0].per_head[5] = NAN;
    grid_map g = heads_of(&m, &title, HEAT_CLASSES);
    assert_true(g.scale.from == 0 && g.scale.to == 0.1 * LAYERS * HEADS);
    grid_map_draw(&page, &g);
    assert_int_equal(occurrences(page.data, "height=\"1\""), LAYERS * HEADS);
    assert_non_null(strstr(page.data, "<title>layer 3, head 0: 0.5</title>")); /* the fifth value; layers begin at 2 */
    assert_non_null(strstr(page.data, "class=\"qn\"><title>layer 3, head 1: no value"));
    assert_non_null(strstr(page.data, "class=\"q63\"><title>layer 7, head 3: 2.4"));
    g.paint = HEAT_ATTRIBUTES;
    grid_map_draw(&paper, &g);
    assert_int_equal(occurrences(paper.data, "h1v1h-1z"), LAYERS * HEADS);
    assert_int_equal(occurrences(paper.data, "#d5d5d5"), 1);
    assert_null(strstr(paper.data, "class=\"q"));
    buffer_free(&title), buffer_free(&page), buffer_free(&paper);
    unmake(&m);
}

/* Nothing but zeros, and a single cell. */
static void flat_maps_are_drawn(void **state)
{
    (void)state;
    buffer out = {0};
    double zero = 0;
    grid_map g = {.title = "flat", .values = &zero, .columns = 1, .rows = 1, .column_axis = "layer", .row_axis = "head",
                  .scale = {0, 0, "norm"}, .colours = &palette_reds, .width = 10, .height = 10, .font = 5};
    grid_map_draw(&out, &g);
    assert_null(strstr(out.data, "nan"));
    assert_null(strstr(out.data, "inf"));
    buffer_free(&out);
}

/* ---- read back ---- */

static void check_read_back(const flown *m)
{
    flow_read read;
    json_t *tree = read_back(report_flow_json(&m->report));
    json_at root = {.value = tree, .file = "flow.json"};
    assert_ok(flow_read_json(&read, &root, err));
    buffer made = {0}, page = {0}, drawn = {0}, figure = {0};
    report_flow_html(&m->report, &made);
    report_flow_html(&read.report, &page);
    assert_same_page(&page, &made);
    report_flow_svg(&m->report, &drawn);
    report_flow_svg(&read.report, &figure);
    assert_same_page(&figure, &drawn);
    flow_read_free(&read);
    json_decref(tree);
}

/* Without numbers of heads and positions there is a page without their maps. */
static void what_is_not_in_the_file_is_not_on_the_page(void **state)
{
    (void)state;
    flown m;
    flow_read read;
    buffer page = {0}, figure = {0};
    make(&m, "image", 2);
    json_t *tree = read_back(report_flow_json(&m.report));
    json_at root = {.value = tree, .file = "flow.json"};
    assert_ok(flow_read_json(&read, &root, err));
    report_flow_html(&read.report, &page);
    report_flow_svg(&read.report, &figure);
    assert_true(!strstr(page.data, "Head by head") && strstr(page.data, "Layer by layer"));
    json_object_set_new(json_array_get(json_object_get(tree, "flows"), 1), "to", json_null());
    flow_read_free(&read);
    assert_fails(flow_read_json(&read, &root, err), PB_EFORMAT, "flow.json: flows[1].to is null, expected a string");
    json_decref(tree);
    buffer_free(&page);
    buffer_free(&figure);
    unmake(&m);
}

/* Even numbers lie on axes' marks and where colours end: there the last digit would decide what is drawn. */
static void make_uneven(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= 1.1 + 0.01 * sin((double)i);
}

static void what_is_read_back_makes_the_same_page(void **state)
{
    (void)state;
    flown m;
    make(&m, "image", 2);
    m.report.per_head = m.report.per_position = true;
    for (size_t i = 0; i < 2; i++) {
        flow_curve *c = &m.f.curves[i];
        for (size_t k = 0; k < 4; k++)
            make_uneven((double *[]){c->sum_norm, c->norm_sum, c->share, c->relative}[k], LAYERS);
        make_uneven(c->per_head, LAYERS * HEADS);
        make_uneven(c->per_position, LAYERS * SOURCES);
    }
    check_read_back(&m);
    m.f.curves[1].share[2] = NAN;
    check_read_back(&m);
    m.f.answer[0] = m.f.clean.top_id[0] + 1; /* another answer than the model's own */
    check_read_back(&m);
    unmake(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_asked_for_is_null), cmocka_unit_test(what_is_no_number_is_null_and_breaks_a_curve),
        cmocka_unit_test(spans_are_escaped),              cmocka_unit_test(many_pairs_are_all_drawn),
        cmocka_unit_test(highest_values_are_found),       cmocka_unit_test(a_map_has_a_cell_for_each_layer_and_head),
        cmocka_unit_test(flat_maps_are_drawn),
        cmocka_unit_test(what_is_read_back_makes_the_same_page),
        cmocka_unit_test(what_is_not_in_the_file_is_not_on_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
