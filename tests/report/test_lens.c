/* test_lens.c: what the report of a lens says, of made-up cells: its JSON, its lines, its figure and its page. */
#include "tests/support.h"

#include <math.h>

#include "made_up.h"
#include "read_back.h"
#include "report/json_values.h"
#include "report/lens_words.h"
#include "report/result_read.h"

enum { TOP = 2 };

typedef struct looked {
    made_up prompt;
    lens n;
    lens_report report;
    image_area *areas;
} looked;

/* The prompt's text rows, or all; every cell says the prompt's own token `word`, from layer `settles` on the answer. */
static void make(looked *m, size_t layers, bool with_image, int32_t word, size_t settles)
{
    *m = (looked){0};
    made_up_make(&m->prompt, &made_up_usual);
    const prompt *p = m->prompt.report.about.prompt;
    lens *n = &m->n;
    *n = (lens){.site = SITE_RESID_POST, .layer_count = layers, .top = TOP, .answer_count = 1, .clean = {.prob = 0.75, .logprob = log(0.75)}};
    n->layers = mem_new(layers, sizeof *n->layers);
    n->positions.positions = mem_new(p->length, sizeof(size_t));
    for (size_t at = 0; at < p->length; at++)
        if (with_image || !prompt_is_image(p, at))
            n->positions.positions[n->positions.count++] = at;
    size_t cells = layers * n->positions.count;
    n->top_id = mem_new(cells * TOP, sizeof *n->top_id);
    n->top_prob = mem_new(cells * TOP, sizeof *n->top_prob);
    n->answer_prob = mem_new(cells, sizeof *n->answer_prob);
    n->answer = mem_new(1, sizeof *n->answer);
    n->answer[0] = n->clean.top_id[0] = m->prompt.trace.answer[0];
    n->clean.top_id[1] = -1;
    for (size_t l = 0; l < layers; l++)
        n->layers[l] = l + 3;
    for (size_t i = 0; i < cells; i++) {
        bool says = i / n->positions.count >= settles;
        n->top_id[i * TOP] = says ? n->answer[0] : word;
        n->top_id[i * TOP + 1] = says ? word : n->answer[0];
        n->top_prob[i * TOP] = 0.9;
        n->top_prob[i * TOP + 1] = 0.05;
        n->answer_prob[i] = says ? 0.9 : 0.05;
    }
    m->report = (lens_report){.lens = n, .about = m->prompt.report.about};
    m->areas = mem_new(p->image_count, sizeof *m->areas); /* 24 x 24 patches */
    for (size_t i = 0; i < p->image_count; i++)
        m->areas[i] = (image_area){.kind = AREA_PIXELS, .left = (double)(i % 24), .right = (double)(i % 24 + 1),
                                   .top = (double)(i / 24), .bottom = (double)(i / 24 + 1)};
    m->report.about.image_areas = m->areas;
    m->report.about.image_width = m->report.about.image_height = 24;
}

static void unmake(looked *m)
{
    lens_free(&m->n);
    free(m->areas);
    made_up_free(&m->prompt);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void cells_stand_layer_by_layer(void **state)
{
    (void)state;
    looked m;
    make(&m, 4, false, 1, 3);
    json_t *o = report_lens_json(&m.report);
    const json_t *top = json_object_get(o, "top"), *prob = json_object_get(o, "answer_prob");
    assert_string_equal(json_string_value(json_object_get(o, "site")), "resid_post");
    assert_int_equal(json_array_size(top), 4);
    assert_int_equal(json_array_size(json_array_get(prob, 3)), m.n.positions.count);
    for (size_t l = 0; l < 4; l++) {
        const json_t *cell = json_array_get(json_array_get(top, l), 2);
        assert_int_equal(json_array_size(cell), TOP);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(cell, l < 3), "id")), m.n.answer[0]);
        assert_true(json_number_value(json_array_get(json_array_get(prob, l), 2)) == (l < 3 ? 0.05 : 0.9));
    }
    json_decref(o);
    unmake(&m);
}

static void the_last_row_is_told_in_lines(void **state)
{
    (void)state;
    looked m;
    buffer text = {0};
    make(&m, 5, false, 1, 2);
    report_lens_text(&m.report, &text);
    assert_int_equal(occurrences(text.data, "\n"), 2 + 5);
    assert_int_equal(occurrences(text.data, "0.9000   0.9000"), 3);
    assert_int_equal(occurrences(text.data, "0.9000   0.0500"), 2);
    buffer_free(&text);
    unmake(&m);
}

static void it_settles_where_it_says_the_answer_to_the_end(void **state)
{
    (void)state;
    looked m;
    make(&m, 6, false, 1, 4);
    assert_int_equal(lens_settles(&m.n, 0), 4);
    m.n.top_id[lens_cell(&m.n, 1, 0) * TOP] = m.n.answer[0]; /* said once, before */
    assert_int_equal(lens_settles(&m.n, 0), 4);
    m.n.top_id[lens_cell(&m.n, 5, 0) * TOP] = 1;             /* not at the end */
    assert_int_equal(lens_settles(&m.n, 0), 6);
    unmake(&m);
}

/* Neighbours that say the same share one word; the answer is bold; narrow cells do without the words that have no room. */
static void a_figure_writes_a_shared_word_once(void **state)
{
    (void)state;
    static const size_t layers[] = {1, 8, 32, 80};
    for (size_t i = 0; i < 4; i++) {
        looked m;
        buffer svg = {0}, label = {0};
        size_t rows, settles = layers[i] - layers[i] / 4;
        make(&m, layers[i], false, 5, settles);
        rows = m.n.positions.count;
        report_lens_svg(&m.report, &svg);
        assert_int_equal(occurrences(svg.data, "height=\"9.5\""), rows * layers[i]);
        assert_int_equal(occurrences(svg.data, "text-anchor=\"middle\" fill=\"#fff\" font-weight=\"bold\""), settles < layers[i] ? rows : 0);
        assert_int_equal(occurrences(svg.data, "text-anchor=\"middle\" fill=\"#fff\">"), settles ? rows : 0);
        assert_int_equal(occurrences(svg.data, "<g"), occurrences(svg.data, "</g>"));
        buffer_free(&svg);
        buffer_free(&label);
        unmake(&m);
    }
}

/* Every cell is in the page, image rows apart from the others; a model's token cannot end the script that holds it. */
static void a_page_has_every_cell(void **state)
{
    (void)state;
    for (int with_image = 0; with_image < 2; with_image++) {
        looked m;
        buffer page = {0};
        make(&m, 3, with_image, 2, 1);
        report_lens_html(&m.report, &page);
        assert_int_equal(occurrences(page.data, "<td class=\"q"), 3 * m.n.positions.count);
        assert_int_equal(occurrences(page.data, "<table class=\"lens\">"), 1 + with_image);
        assert_int_equal(occurrences(page.data, "class=\"picture-map\""), with_image);
        assert_int_equal(occurrences(page.data, "<script"), occurrences(page.data, "</script>"));
        assert_non_null(strstr(page.data, "from layer 4 on"));
        assert_null(strstr(page.data, "nan"));
        buffer_free(&page);
        unmake(&m);
    }
}

/* Where only some of the picture was read, the rest has no value. */
static void rows_that_were_not_read_have_no_value(void **state)
{
    (void)state;
    looked m;
    make(&m, 2, true, 1, 1);
    const prompt *p = m.report.about.prompt;
    size_t first = 0;
    while (!prompt_is_image(p, m.n.positions.positions[first]))
        first++;
    m.n.positions.count = first + 2; /* two of its rows: cells are of these positions now */
    double *values = lens_image_values(&m.report);
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < p->image_count; i++)
            assert_true(isnan(values[l * p->image_count + i]) == (i >= 2));
    assert_int_equal(lens_image_count(&m.report), 2);
    free(values);
    unmake(&m);
}

/* ---- read back ---- */

static void check_read_back(const looked *m)
{
    lens_read read;
    json_t *tree = read_back(report_lens_json(&m->report));
    json_at root = {.value = tree, .file = "lens.json"};
    assert_ok(lens_read_json(&read, &root, err));
    buffer made = {0}, page = {0}, drawn = {0}, figure = {0};
    report_lens_html(&m->report, &made);
    report_lens_html(&read.report, &page);
    assert_same_page(&page, &made);
    report_lens_svg(&m->report, &drawn);
    report_lens_svg(&read.report, &figure);
    assert_same_page(&figure, &drawn);
    lens_read_free(&read);
    json_decref(tree);
}

static void what_is_read_back_makes_the_same_page(void **state)
{
    (void)state;
    for (int with_image = 0; with_image < 2; with_image++) {
        looked m;
        make(&m, 7, with_image, 3, 4);
        check_read_back(&m);
        unmake(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_stand_layer_by_layer),
        cmocka_unit_test(the_last_row_is_told_in_lines),
        cmocka_unit_test(it_settles_where_it_says_the_answer_to_the_end),
        cmocka_unit_test(a_figure_writes_a_shared_word_once),
        cmocka_unit_test(a_page_has_every_cell),
        cmocka_unit_test(rows_that_were_not_read_have_no_value),
        cmocka_unit_test(what_is_read_back_makes_the_same_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
