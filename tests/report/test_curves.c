/* test_curves.c: panels of curves: their axes, gaps, keys, levels and notes. */
#include "tests/support.h"

#include <math.h>

#include "report/curves.h"

static curve_box box_of(const curve_panel *p)
{
    curve_box b = {.width = 200, .height = 100, .font = 7, .paint = HEAT_ATTRIBUTES};
    b.x = curve_left(&b);
    b.y = curve_above(p, &b);
    return b;
}

static buffer drawn(const curve_panel *p)
{
    buffer out = {0};
    curve_box b = box_of(p);
    curve_draw(&out, p, &b);
    return out;
}

static size_t count_of(const buffer *out, const char *words)
{
    size_t n = 0;
    for (const char *at = out->data; (at = strstr(at, words)); at++)
        n++;
    return n;
}

static curve_panel panel_of(const curve *curves, size_t count, size_t points)
{
    return (curve_panel){.title = "p", .axis = "layer", .points = points, .curves = curves, .count = count, .to = 1};
}

static void an_axis_holds_zero_all_values_and_the_level(void **state)
{
    (void)state;
    static const struct {
        double values[3], level;
        double from, to;
    } cases[] = {
        {{0.1, 0.2, 0.93}, NAN, 0, 1},  {{0.1, 0.2, 0.3}, 0.41, 0, 0.5}, {{-0.3, 0.1, NAN}, NAN, -0.3, 0.1},
        {{-4, -3, -2}, NAN, -4, 0},     {{0, 0, 0}, NAN, 0, 1},          {{NAN, NAN, NAN}, NAN, 0, 1},
        {{1e-7, 2e-7, 3e-7}, NAN, 0, 3e-7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        curve c = {.values = cases[i].values};
        curve_panel p = panel_of(&c, 1, 3);
        p.level = cases[i].level;
        p.level_name = "clean";
        curve_fit(&p);
        assert_true(fabs(p.from - cases[i].from) < 1e-12 && fabs(p.to - cases[i].to) < 1e-9);
        assert_false(p.logarithmic);
    }
}

static void decades_are_for_values_that_span_one(void **state)
{
    (void)state;
    const double wide[] = {0.02, 3, 40}, narrow[] = {2, 3, 4}, zero[] = {0, 3, 40};
    curve c = {.values = wide};
    curve_panel p = panel_of(&c, 1, 3);
    curve_fit_decades(&p);
    assert_true(p.logarithmic && fabs(p.from - 0.01) < 1e-12 && fabs(p.to - 100) < 1e-9);
    buffer out = drawn(&p);
    assert_true(count_of(&out, ">0.01<") == 1 && count_of(&out, ">100<") == 1);
    buffer_free(&out);
    c.values = narrow;
    curve_fit_decades(&p);
    assert_true(!p.logarithmic && p.from == 0 && p.to == 4);
    c.values = zero;
    curve_fit_decades(&p);
    assert_false(p.logarithmic);
}

/* A curve is broken where there is no value; a value alone is a short stroke; the level a dashed one with its name. */
static void gaps_and_levels_show(void **state)
{
    (void)state;
    const double values[] = {0.5, 0.25, NAN, 1, NAN, NAN}, none[] = {NAN, NAN, NAN, NAN, NAN, NAN};
    const curve curves[] = {{.name = "a", .values = values}, {.name = "b", .values = none, .colour = 1}};
    curve_panel p = panel_of(curves, 2, 6);
    p.level = 0.75;
    p.level_name = "clean <1>";
    buffer out = drawn(&p);
    curve_box b = box_of(&p);
    char line[200];
    snprintf(line, sizeof line, "d=\"M%.2f %.2fL%.2f %.2fM%.2f %.2fh1\"", b.x, b.y + 50, b.x + 40, b.y + 75, b.x + 120, b.y);
    assert_non_null(strstr(out.data, line));
    assert_int_equal(count_of(&out, "d=\"\""), 1);
    assert_int_equal(count_of(&out, "stroke-dasharray"), 1);
    assert_int_equal(count_of(&out, "clean &lt;1&gt;"), 1);
    assert_int_equal(count_of(&out, ">-0<"), 0);
    buffer_free(&out);
}

static void a_long_key_takes_lines(void **state)
{
    (void)state;
    const double values[] = {0, 1};
    curve curves[9];
    for (size_t i = 0; i < 9; i++)
        curves[i] = (curve){.name = "constraint:0 > last", .values = values, .colour = i};
    curve_panel one = panel_of(curves, 1, 2), many = panel_of(curves, 9, 2), unnamed = many;
    one.key = many.key = true;
    curve_box b = box_of(&one);
    assert_true(curve_above(&unnamed, &b) == curve_above(&one, &b));
    assert_true(curve_above(&many, &b) > curve_above(&one, &b) + 2 * b.font); /* three lines */
    buffer out = drawn(&many);
    assert_int_equal(count_of(&out, "constraint:0 &gt; last"), 9);
    assert_int_equal(count_of(&out, "stroke-dasharray"), 2 * (9 - CURVE_COLOURS)); /* each line, and its stroke in the key */
    buffer_free(&out);
}

static void notes_stand_at_their_points(void **state)
{
    (void)state;
    const double values[] = {0.5, NAN, 1};
    const char *const notes[] = {"layer 0: \"a\" & b", "layer 1", "layer 2"};
    curve c = {.values = values, .notes = notes};
    curve_panel p = panel_of(&c, 1, 3);
    buffer out = drawn(&p);
    assert_int_equal(count_of(&out, "<title>"), 2);
    assert_int_equal(count_of(&out, "layer 0: &quot;a&quot; &amp; b"), 1);
    buffer_free(&out);
}

/* A band goes forth and back around the values that have intervals, and the axis holds it; a mark stands where it says. */
static void intervals_are_bands(void **state)
{
    (void)state;
    const double values[] = {0.1, 0.2, NAN, 0.4}, low[] = {0.05, 0.1, NAN, 0.3}, high[] = {0.2, 0.3, NAN, 0.95}, mark = 0.5;
    curve c = {.values = values, .low = low, .high = high, .mark = &mark};
    curve_panel p = panel_of(&c, 1, 4);
    curve_fit(&p);
    assert_true(p.from == 0 && fabs(p.to - 1) < 1e-12);
    buffer out = drawn(&p);
    assert_int_equal(count_of(&out, "fill-opacity=\"0.16\""), 2); /* one on either side of the gap */
    curve_box b = box_of(&p);
    buffer at = {0};
    buffer_printf(&at, "M%.2f ", b.x + b.width / 6);
    assert_int_equal(count_of(&out, at.data), 1);
    buffer_free(&at);
    buffer_free(&out);
}

static void a_close_axis_ends_where_values_do(void **state)
{
    (void)state;
    const double values[] = {-0.01, 0.2, 0.9};
    curve c = {.values = values};
    curve_panel p = panel_of(&c, 1, 3);
    curve_fit_close(&p);
    assert_true(p.from < -0.01 && p.from > -0.05 && fabs(p.to - 1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_bands),
        cmocka_unit_test(a_close_axis_ends_where_values_do),
        cmocka_unit_test(an_axis_holds_zero_all_values_and_the_level),
        cmocka_unit_test(decades_are_for_values_that_span_one),
        cmocka_unit_test(gaps_and_levels_show),
        cmocka_unit_test(a_long_key_takes_lines),
        cmocka_unit_test(notes_stand_at_their_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
