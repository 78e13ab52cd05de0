/* test_report.c: what the reports promise, on made-up traces. check_samples.py looks at the same files from outside. */
#include "tests/support.h"

#include <math.h>

#include "made_up.h"
#include "report/heat.h"
#include "report/markup.h"
#include "report/palette.h"
#include "report/trace_words.h"

/* ---- text ---- */

typedef void text_fn(buffer *out, const char *text, size_t n);

static void expect_text(text_fn *of, const char *text, size_t n, const char *expected)
{
    buffer b = {0};
    of(&b, text, n);
    assert_string_equal(b.data, expected);
    buffer_free(&b);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    expect_text(text_utf8, "a\xff" "b\xe2\x82", 5, "a\uFFFD" "b\uFFFD\uFFFD");
    expect_text(text_utf8, "", 0, "");
    expect_text(text_utf8, "\xed\xa0\x80", 3, "\uFFFD\uFFFD\uFFFD"); /* half of a surrogate pair */
}

static void what_cannot_be_seen_is_shown(void **state)
{
    (void)state;
    expect_text(text_visible, "a\nb\tc", 5, "a\u23CE" "b\u21E5" "c");
    expect_text(text_visible, "\x01\x7f", 2, "\u2401\u2421");
    expect_text(text_visible, "  ", 2, "\u2423\u2423");
    expect_text(text_visible, " x ", 3, " x ");
    expect_text(text_visible, "\u202E" "abc", 6, "<202E>abc");
}

static void markup_escapes_and_holds_only_what_xml_can(void **state)
{
    (void)state;
    expect_text(text_markup, "<a b='c' d=\"e\">&", 16, "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
    expect_text(text_markup, "\x02\uFFFF\0x", 6, "\uFFFD\uFFFD\uFFFDx");
}

static void long_texts_are_shortened_between_characters(void **state)
{
    (void)state;
    buffer b = {0};
    text_shorten(&b, "Saint-Vincent-et-les-Grenadines", 6);
    assert_string_equal(b.data, "Saint-Vinc\u2026");
    b.size = 0;
    text_shorten(&b, "Paris", 6);
    assert_string_equal(b.data, "Paris");
    b.size = 0;
    text_shorten(&b, "e\u0301e\u0301e\u0301", 1.6); /* an accent stays with its letter */
    assert_string_equal(b.data, "e\u0301\u2026");
    buffer_free(&b);
}

static void probabilities_read_well(void **state)
{
    (void)state;
    const double values[] = {0.93421, 0.0123, 0, 3e-6, 1, NAN};
    const char *const expected[] = {"0.934", "0.0123", "0", "3.0e-06", "1.000", "n/a"};
    for (size_t i = 0; i < 6; i++) {
        buffer b = {0};
        text_prob(&b, values[i]);
        assert_string_equal(b.data, expected[i]);
        buffer_free(&b);
    }
}

/* ---- colours ---- */

#define assert_near(found, expected) assert_true(fabs((found) - (expected)) < 1e-12)

static void palettes_are_those_of_matplotlib(void **state)
{
    (void)state;
    assert_int_equal(palette_colour(palette_of(SITE_RESID_POST)->light, 0), 0xfcfbfd);
    assert_int_equal(palette_colour(palette_of(SITE_RESID_PRE)->light, 1), 0x3f007d);
    assert_int_equal(palette_colour(palette_of(SITE_MLP_OUT)->light, 0.25), 0xc7e9c0);
    assert_int_equal(palette_colour(palette_of(SITE_ATTN_OUT)->light, 0.0625), 0xffebe1); /* half-way to 0xfee0d2 */
    assert_int_equal(palette_colour(palette_of(SITE_ATTN_OUT)->light, 7), 0x67000d);
    assert_int_equal(palette_level(-1), 0);
    assert_int_equal(palette_level(2), PALETTE_LEVELS - 1);
}

/* A trace of one site with the cells given, clean 0.9, corrupted 0.1. */
static heat_scale scale_of(trace_direction direction, double *prob, size_t count)
{
    size_t restored[1][2] = {{0, 0}};
    trace_grid g = {.site = SITE_MLP_OUT, .heads = 1, .prob = prob, .logprob = prob, .restored = restored};
    trace t = {.layer_count = 1, .cell_count = count, .sites = &g, .site_count = 1, .clean = {.prob = 0.9},
               .corrupted = {.prob = 0.1}, .direction = direction};
    return heat_scale_of(&t, &g);
}

static void colour_runs_from_the_reference_to_the_largest_effect(void **state)
{
    (void)state;
    heat_scale s = scale_of(TRACE_DENOISE, (double[]){0.1, 0.3, 0.5, NAN}, 4);
    assert_near(s.from, 0.1);
    assert_near(s.to, 0.5);
    assert_false(s.above || s.below);
    assert_near(heat_share(&s, 0.3), 0.5);
    assert_true(isnan(heat_share(&s, NAN)));
    s = scale_of(TRACE_NOISE, (double[]){0.9, 0.7}, 2);
    assert_near(s.from, 0.9);
    assert_near(s.to, 0.7);
}

static void colour_ends_at_the_clean_score_and_says_what_lies_beyond(void **state)
{
    (void)state;
    heat_scale s = scale_of(TRACE_DENOISE, (double[]){0.02, 0.97}, 2);
    assert_near(s.to, 0.9);
    assert_true(s.above && s.below);
    s = scale_of(TRACE_DENOISE, (double[]){0.1, 0.1 + 1e-9}, 2);
    assert_near(s.to, 0.1 + HEAT_LEAST * 0.8); /* rounding is no effect */
}

/* ---- words ---- */

static void expect_span(const prompt *p, size_t position, const char *expected)
{
    buffer b = {0};
    about_span_name(p, position, &b);
    assert_string_equal(b.data, expected);
    buffer_free(&b);
}

static void positions_are_named_by_their_most_telling_span(void **state)
{
    (void)state;
    made_up m;
    made_up_make(&m, &made_up_usual);
    expect_span(&m.prompt, 0, "bos");
    expect_span(&m.prompt, 1, "text");
    expect_span(&m.prompt, 4, "image");
    expect_span(&m.prompt, 579, "image");
    expect_span(&m.prompt, 580, "text");
    expect_span(&m.prompt, 581, "question");
    expect_span(&m.prompt, 586, "constraint:0");
    expect_span(&m.prompt, m.prompt.length - 1, "last");
    made_up_free(&m);
}

static void expect_mark(const prompt *p, const size_t *positions, size_t count, const char *expected)
{
    buffer mark = {0};
    buffer_text(&mark, "");
    about_constraint_mark(p, positions, count, &mark);
    assert_string_equal(mark.data, expected);
    buffer_free(&mark);
}

static void rows_are_marked_by_their_constraint(void **state)
{
    (void)state;
    size_t one[] = {3, 4}, two[] = {4, 7}, both[] = {3, 4, 7}, none[] = {4, 5};
    span constraints[] = {{one, 2}, {two, 2}};
    char first[] = "this country", second[] = "Portuguese", *texts[] = {first, second};
    prompt p = {.constraints = constraints, .constraint_texts = texts, .constraint_count = 1, .length = 9};
    buffer key = {0};
    expect_mark(&p, one, 2, "*");
    expect_mark(&p, none, 2, "");
    expect_mark(&p, none, 0, "");
    about_constraint_key(&p, &key);
    assert_string_equal(key.data, "* marks the constraint \u201cthis country\u201d");
    buffer_free(&key);
    p.constraint_count = 2;
    expect_mark(&p, one, 1, "*0");
    expect_mark(&p, one + 1, 1, "*0*1"); /* a row of both */
    expect_mark(&p, two + 1, 1, "*1");
    expect_mark(&p, both, 3, "*"); /* in neither alone */
    expect_mark(&p, none, 2, "");
    about_constraint_key(&p, &key);
    assert_string_equal(key.data, "*0 marks the constraint \u201cthis country\u201d, *1 \u201cPortuguese\u201d");
    buffer_free(&key);
}

static void an_answer_of_several_tokens_keeps_its_space(void **state)
{
    (void)state;
    made_up m;
    buffer b = {0};
    made_up_make(&m, &made_up_usual);
    m.trace.answer = mem_resize(m.trace.answer, 2, sizeof *m.trace.answer);
    m.trace.answer[1] = m.trace.answer[0] + 1;
    m.trace.answer_count = 2;
    trace_answer_text(&m.report, &b);
    assert_string_equal(b.data, " Lisbon Madrid");
    buffer_free(&b);
    made_up_free(&m);
}

/* ---- JSON ---- */

/* The object as another program reads it. */
static json_t *read_back(const made_up *m)
{
    buffer text = {0};
    json_error_t error;
    json_t *object = report_trace_json(&m->report);
    report_json_text(object, &text);
    json_decref(object);
    json_t *back = json_loadb(text.data, text.size, 0, &error);
    assert_non_null(back);
    buffer_free(&text);
    return back;
}

static void json_has_the_promised_keys_in_order(void **state)
{
    (void)state;
    static const char *const keys[] = {"schema", "model", "image", "prompt", "question", "tokens", "constraints", "corruption",
                                       "answer", "window", "positions", "layers", "clean", "corrupted", "marks",
                                       "direction", "sites", "verify", "cost"};
    made_up m;
    made_up_make(&m, &made_up_usual);
    json_t *object = read_back(&m), *value;
    const char *key;
    size_t at = 0;
    json_object_foreach(object, key, value)
        assert_string_equal(key, keys[at++]);
    assert_int_equal(at, sizeof keys / sizeof *keys);
    assert_string_equal(json_string_value(json_object_get(object, "schema")), "patchbay.trace/1");
    assert_int_equal(json_array_size(json_object_get(object, "tokens")), 19); /* the image is one */
    json_decref(object);
    made_up_free(&m);
}

static void json_grids_have_a_row_per_layer_and_null_for_nan(void **state)
{
    (void)state;
    made_up m;
    made_up_request q = made_up_usual;
    q.samples = 10;
    q.with_foil = true;
    made_up_make(&m, &q);
    m.trace.sites[1].prob[3] = NAN;
    m.trace.sites[1].prob[4] = 1.0 / 3;
    json_t *object = read_back(&m), *mlp = json_object_get(json_object_get(object, "sites"), "mlp_out");
    static const char *const grids[] = {"prob", "logprob", "logit_diff", "sd"};
    for (size_t i = 0; i < 4; i++) {
        const json_t *grid = json_object_get(mlp, grids[i]);
        assert_int_equal(json_array_size(grid), 32);
        assert_int_equal(json_array_size(json_array_get(grid, 31)), m.trace.cell_count);
    }
    const json_t *first = json_array_get(json_object_get(mlp, "prob"), 0);
    assert_true(json_is_null(json_array_get(first, 3)));
    assert_true(json_real_value(json_array_get(first, 4)) == 0.333333333); /* 9 digits */
    assert_int_equal(json_array_size(json_array_get(json_object_get(mlp, "restored"), 0)), 2);
    json_decref(object);
    made_up_free(&m);
}

static void json_of_groups_lists_their_positions(void **state)
{
    (void)state;
    made_up m;
    made_up_request q = made_up_usual;
    q.grouped = true;
    q.image_path = NULL;
    made_up_make(&m, &q);
    m.trace.verify_cells = 0;
    json_t *object = read_back(&m), *positions = json_object_get(object, "positions");
    assert_int_equal(json_array_size(positions), 3);
    assert_int_equal(json_array_size(json_array_get(positions, 1)), 576);
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "groups"), 0)), "constraint");
    assert_true(json_is_null(json_object_get(object, "image")));
    assert_true(json_is_null(json_object_get(object, "verify")));
    assert_null(json_object_get(json_object_get(json_object_get(object, "sites"), "mlp_out"), "sd"));
    json_decref(object);
    made_up_free(&m);
}

/* ---- the page ---- */

static size_t occurrences(const char *text, const char *of)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, of)); at += strlen(of))
        count++;
    return count;
}

static void a_page_embeds_the_picture_and_refers_to_nothing(void **state)
{
    (void)state;
    made_up m;
    made_up_request q = made_up_usual;
    char *folder = folder_new(), *path = path_join(folder, "a<b>.png");
    buffer page = {0};
    assert_ok(file_write_all(path, "\x89PNG\r\n\x1a\n1234", 12, err));
    q.image_path = path;
    made_up_make(&m, &q);
    report_trace_html(&m.report, &page);
    assert_non_null(strstr(page.data, "src=\"data:image/png;base64,iVBORw0KGgoxMjM0\""));
    assert_non_null(strstr(page.data, "a&lt;b&gt;.png"));
    assert_int_equal(occurrences(page.data, "http://"), 1); /* the name of SVG, in the script */
    assert_int_equal(occurrences(page.data, "https://"), 0);
    assert_int_equal(occurrences(page.data, "<link"), 0);
    buffer_free(&page);
    made_up_free(&m);
    free(path);
    folder_remove(folder);
}

static void a_picture_that_is_none_is_only_named(void **state)
{
    (void)state;
    made_up m;
    buffer page = {0};
    made_up_request q = made_up_usual;
    q.image_path = "no/such/picture.png";
    made_up_make(&m, &q);
    report_trace_html(&m.report, &page);
    assert_null(strstr(page.data, "<img"));
    assert_non_null(strstr(page.data, "no/such/picture.png (not embedded)"));
    buffer_free(&page);
    made_up_free(&m);
}

static void a_token_cannot_close_the_script(void **state)
{
    (void)state;
    static const char *const tokens[] = {"</script><!--", "*<b>", "]]>&\"'", NULL};
    made_up m;
    buffer page = {0};
    made_up_request q = {.tokens = tokens, .layers = 4, .site_count = 1, .window = 1, .samples = 1, .clean = 0.9,
                         .corrupted = 0.1};
    made_up_make(&m, &q);
    report_trace_html(&m.report, &page);
    assert_int_equal(occurrences(page.data, "</script>"), 2); /* the data's and the code's own */
    assert_int_equal(occurrences(page.data, "<!--"), 0);
    assert_int_equal(occurrences(page.data, "<b>"), 4); /* all ours: answer, corruption, what it says, mark */
    buffer_free(&page);
    made_up_free(&m);
}

static void a_page_of_six_hundred_rows_stays_small(void **state)
{
    (void)state;
    made_up m;
    buffer page = {0};
    made_up_request q = made_up_usual;
    q.trace_image = true;
    q.samples = 10;
    q.with_foil = true;
    made_up_make(&m, &q);
    report_trace_html(&m.report, &page);
    assert_in_range(page.size, 100000, 4000000);
    buffer_free(&page);
    made_up_free(&m);
}

static void heads_and_what_is_held_are_told(void **state)
{
    (void)state;
    made_up m;
    buffer page = {0}, figure = {0};
    made_up_request q = made_up_usual;
    q.heads = 4;
    q.severed = true;
    made_up_make(&m, &q);
    report_trace_html(&m.report, &page);
    report_trace_svg(&m.report, &figure);
    const char *held = "MLP output held at its corrupted values on last, in all layers after the window restored";
    assert_int_equal(occurrences(page.data, held), 2); /* at the top, and among the facts */
    assert_non_null(strstr(page.data, "<h2>Single heads</h2>"));
    assert_non_null(strstr(page.data, "The heads that do most"));
    assert_int_equal(occurrences(figure.data, ">constraint, strongest of 2 rows<"), 1);
    assert_non_null(strstr(figure.data, "Severed: MLP output"));
    json_t *object = read_back(&m), *freeze = json_object_get(object, "freeze");
    assert_string_equal(json_string_value(json_object_get(freeze, "site")), "mlp_out");
    assert_string_equal(json_string_value(json_object_get(freeze, "span")), "last");
    assert_int_equal(json_array_size(json_object_get(object, "top_heads")), 10);
    json_decref(object);
    buffer_free(&page);
    buffer_free(&figure);
    made_up_free(&m);
}

/* ---- files ---- */

static void all_files_are_there(void **state)
{
    (void)state;
    static const char *const names[] = {"trace.json", "trace.npz", "trace_mlp.npz", "trace_attn.npz", "trace.svg",
                                        "trace.html"};
    made_up m;
    char *folder = folder_new(), *below = path_join(folder, "a/b");
    made_up_make(&m, &made_up_usual);
    assert_ok(report_trace_write(&m.report, below, err));
    for (size_t i = 0; i < 6; i++) {
        char *path = path_join(below, names[i]);
        assert_true(file_exists(path));
        free(path);
    }
    made_up_free(&m);
    free(below);
    folder_remove(folder);
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    made_up m;
    char *folder = folder_new(), *file = path_join(folder, "file"), *below = path_join(file, "out");
    made_up_make(&m, &made_up_usual);
    assert_ok(file_write_all(file, "x", 1, err));
    assert_fails(report_trace_write(&m.report, below, err), PB_EIO, file);
    made_up_free(&m);
    free(below);
    free(file);
    folder_remove(folder);
}

static void a_trace_without_cells_is_still_a_report(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", NULL};
    made_up m;
    made_up_request q = {.tokens = tokens, .layers = 1, .site_count = 2, .window = 1, .samples = 1, .clean = 0.5,
                         .corrupted = 0.5};
    char *folder = folder_new();
    made_up_make(&m, &q); /* one cell, and a corruption that changed nothing */
    assert_ok(report_trace_write(&m.report, folder, err));
    m.trace.site_count = 0;
    assert_ok(report_trace_write(&m.report, folder, err));
    m.trace.site_count = 2;
    made_up_free(&m);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(what_cannot_be_seen_is_shown),
        cmocka_unit_test(markup_escapes_and_holds_only_what_xml_can),
        cmocka_unit_test(long_texts_are_shortened_between_characters),
        cmocka_unit_test(probabilities_read_well),
        cmocka_unit_test(palettes_are_those_of_matplotlib),
        cmocka_unit_test(colour_runs_from_the_reference_to_the_largest_effect),
        cmocka_unit_test(colour_ends_at_the_clean_score_and_says_what_lies_beyond),
        cmocka_unit_test(positions_are_named_by_their_most_telling_span),
        cmocka_unit_test(rows_are_marked_by_their_constraint),
        cmocka_unit_test(an_answer_of_several_tokens_keeps_its_space),
        cmocka_unit_test(json_has_the_promised_keys_in_order),
        cmocka_unit_test(json_grids_have_a_row_per_layer_and_null_for_nan),
        cmocka_unit_test(json_of_groups_lists_their_positions),
        cmocka_unit_test(a_page_embeds_the_picture_and_refers_to_nothing),
        cmocka_unit_test(a_picture_that_is_none_is_only_named),
        cmocka_unit_test(a_token_cannot_close_the_script),
        cmocka_unit_test(a_page_of_six_hundred_rows_stays_small),
        cmocka_unit_test(heads_and_what_is_held_are_told),
        cmocka_unit_test(all_files_are_there),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
        cmocka_unit_test(a_trace_without_cells_is_still_a_report),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
