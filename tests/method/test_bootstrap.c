/* test_bootstrap.c: many intervals at once are those that interval.h draws one by one, and what is rounded on the way to them changes
 * no bit. */
#include "tests/math/numbers.h"

#include "base/random.h"
#include "method/bootstrap.h"
#include "method/bootstrap_parts.h"

/* ---- made-up questions ---- */

/* Questions about `subjects` subjects, in an order of their own; some have no value in some column. */
typedef struct questions {
    double *top, *bottom; /* [count][columns], [count] */
    size_t *subject, count, columns;
    const char **names;   /* [count] */
} questions;

static char (*names_of(size_t subjects))[16]
{
    static char names[20000][16];
    for (size_t i = 0; i < subjects; i++)
        snprintf(names[i], sizeof names[i], "s%zu", i * 7919 % 20011);
    return names;
}

static questions make(uint64_t seed, size_t count, size_t subjects, size_t columns)
{
    questions q = {mem_new(count * columns, sizeof(double)), mem_new(count, sizeof(double)), mem_new(count, sizeof(size_t)),
                   count, columns, mem_new(count, sizeof(char *))};
    random_state r = random_from(seed);
    char (*names)[16] = names_of(subjects);
    for (size_t i = 0; i < count; i++) {
        q.subject[i] = random_below(&r, subjects);
        q.names[i] = names[q.subject[i]];
        q.bottom[i] = 0.1 + (double)random_below(&r, 1000) / 1000;
        for (size_t c = 0; c < columns; c++)
            q.top[i * columns + c] = random_gaussian(&r) + (double)c;
    }
    return q;
}

static void questions_free(questions *q)
{
    free(q->top), free(q->bottom), free(q->subject), free(q->names);
}

static bootstrap_sample sample_of(const questions *q, bool bottom)
{
    return (bootstrap_sample){q->top, bottom ? q->bottom : NULL, q->subject, q->count, q->columns};
}


/* One column, without the questions that have no value there. */
static sample column_of(const questions *q, size_t c, bool bottom)
{
    double *top = mem_new(q->count, sizeof *top), *below = mem_new(q->count, sizeof *below);
    const char **names = mem_new(q->count, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) {
        if (isnan(q->top[i * q->columns + c]) || (bottom && isnan(q->bottom[i])))
            continue;
        top[count] = q->top[i * q->columns + c];
        below[count] = bottom ? q->bottom[i] : 1;
        names[count++] = q->names[i];
    }
    return (sample){top, below, names, count};
}

static void sample_free(sample *s)
{
    free((void *)s->top), free((void *)s->bottom), free((void *)s->subject);
}

/* ---- one by one ---- */

static void assert_interval(const interval *got, const interval *expected, const char *what, size_t i)
{
    double tolerance = 1e-12; /* sums in another order */
    assert_close(got->mean, expected->mean, tolerance, what, i);
    assert_close(got->low, expected->low, tolerance, what, i);
    assert_close(got->high, expected->high, tolerance, what, i);
    assert_int_equal(got->questions, expected->questions);
    assert_int_equal(got->subjects, expected->subjects);
}

static void assert_columns(const questions *q, bool bottom, const interval *got, uint64_t seed)
{
    for (size_t c = 0; c < q->columns; c++) {
        sample s = column_of(q, c, bottom);
        interval expected = interval_of(&s, seed);
        assert_interval(&got[c], &expected, "column", c);
        sample_free(&s);
    }
}

static void assert_differences(const questions *a, const questions *b, bool bottom, const interval *got, uint64_t seed)
{
    for (size_t c = 0; c < a->columns; c++) {
        sample x = column_of(a, c, bottom), y = column_of(b, c, bottom);
        interval expected = interval_of_difference(&x, &y, seed);
        assert_interval(&got[c], &expected, "difference", c);
        sample_free(&x), sample_free(&y);
    }
}

/* Subjects from one to more than a block holds, columns in all fillings of a panel, all in one bootstrap. */
static void many_are_each_what_one_is(void **state)
{
    (void)state;
    enum { CASES = 7 };
    static const size_t counts[CASES] = {1, 2, 40, 300, 900, 5, 260}, subjects[CASES] = {1, 5, 12, 90, 700, 1, 90};
    static const size_t columns[CASES] = {1, 8, 3, 9, 2, 5, 7};
    for (int bottom = 0; bottom < 2; bottom++) {
        bootstrap *b = bootstrap_new(77, 700);
        questions q[CASES];
        interval *out[CASES];
        for (size_t i = 0; i < CASES; i++) {
            q[i] = make(i, counts[i], subjects[i], columns[i]);
            out[i] = mem_new(columns[i], sizeof **out);
            bootstrap_sample s = sample_of(&q[i], bottom);
            bootstrap_add(b, &s, NULL, out[i]);
        }
        bootstrap_run(b);
        for (size_t i = 0; i < CASES; i++) {
            assert_columns(&q[i], bottom, out[i], 77);
            questions_free(&q[i]);
            free(out[i]);
        }
        bootstrap_free(b);
    }
}

static void differences_are_over_common_subjects(void **state)
{
    (void)state;
    questions a = make(1, 120, 40, 6), b = make(2, 90, 60, 6);
    for (int bottom = 0; bottom < 2; bottom++) {
        interval out[6], reversed[6];
        bootstrap *all = bootstrap_new(5, 60);
        bootstrap_sample x = sample_of(&a, bottom), y = sample_of(&b, bottom);
        bootstrap_add(all, &x, &y, out);
        bootstrap_add(all, &y, &x, reversed);
        bootstrap_run(all);
        assert_differences(&a, &b, bottom, out, 5);
        assert_differences(&b, &a, bottom, reversed, 5);
        bootstrap_free(all);
    }
    questions_free(&a), questions_free(&b);
}

/* Each column over the questions that have it; with a bottom that is missing, none of the question's. */
static void values_that_are_missing_are_left_out(void **state)
{
    (void)state;
    questions a = make(3, 70, 20, 5), b = make(4, 50, 20, 5);
    interval out[5], minus[5];
    for (size_t i = 0; i < a.count; i += 3)
        a.top[i * 5 + 1] = NAN;
    for (size_t i = 0; i < a.count; i++)
        a.top[i * 5 + 3] = NAN; /* nobody has it */
    for (size_t i = 0; i < b.count; i += 2)
        b.top[i * 5 + 4] = NAN;
    for (int bottom = 0; bottom < 2; bottom++) {
        a.bottom[7] = bottom ? NAN : 1;
        bootstrap *all = bootstrap_new(6, 20);
        bootstrap_sample x = sample_of(&a, bottom), y = sample_of(&b, bottom);
        bootstrap_add(all, &x, NULL, out);
        bootstrap_add(all, &x, &y, minus);
        bootstrap_run(all);
        assert_columns(&a, bottom, out, 6);
        assert_differences(&a, &b, bottom, minus, 6);
        assert_true(out[3].questions == 0 && out[3].subjects == 0 && out[3].mean == 0);
        bootstrap_free(all);
    }
    questions_free(&a), questions_free(&b);
}

/* A statistic that has no value in some resamples: the sum below is 0 where only these subjects are drawn. */
static void resamples_without_a_value_stand_last(void **state)
{
    (void)state;
    double top[] = {0, 0, 3}, bottom[] = {0, 0, 1};
    size_t subject[] = {0, 1, 2};
    const char *names[] = {"a", "b", "c"};
    interval out;
    bootstrap *b = bootstrap_new(0, 3);
    bootstrap_add(b, &(bootstrap_sample){top, bottom, subject, 3, 1}, NULL, &out);
    bootstrap_run(b);
    interval expected = interval_of(&(sample){top, bottom, names, 3}, 0);
    assert_true(out.mean == 3 && out.low == expected.low && isnan(out.high) && isnan(expected.high));
    bootstrap_free(b);
}

/* More statistics than are kept waiting, and none at all. */
static void what_waits_is_run_in_between(void **state)
{
    (void)state;
    enum { TIMES = 41, COLUMNS = 63 };
    questions q[TIMES];
    interval *out = mem_new((size_t)TIMES * COLUMNS, sizeof *out), none, nobody[COLUMNS];
    bootstrap *b = bootstrap_new(1, 6);
    bootstrap_sample empty = {.columns = 1};
    for (size_t i = 0; i < TIMES; i++) {
        q[i] = make(9 + i, 60, 6, COLUMNS);
        bootstrap_sample s = sample_of(&q[i], false);
        bootstrap_add(b, &s, NULL, out + i * COLUMNS);
    }
    bootstrap_sample first = sample_of(&q[0], false);
    assert_int_equal(out[0].subjects, 6); /* it has been run */
    bootstrap_add(b, &empty, NULL, &none);
    bootstrap_add(b, &first, &(bootstrap_sample){.columns = COLUMNS}, nobody);
    bootstrap_run(b);
    assert_true(nobody[0].questions == 0 && nobody[0].subjects == 0 && none.questions == 0 && none.mean == 0);
    for (size_t i = 0; i < TIMES; i += 20)
        assert_columns(&q[i], false, out + i * COLUMNS, 1);
    for (size_t i = 0; i < TIMES; i++)
        questions_free(&q[i]);
    bootstrap_free(b);
    free(out);
}

/* Columns that are alike are kept once; each statistic has its interval all the same. */
static void columns_are_shared(void **state)
{
    (void)state;
    enum { TIMES = 41, COLUMNS = 9 };
    questions q = make(9, 300, 90, COLUMNS);
    interval *out = mem_new((size_t)TIMES * COLUMNS, sizeof *out), minus[COLUMNS];
    bootstrap *b = bootstrap_new(1, 90);
    bootstrap_sample s = sample_of(&q, false);
    for (size_t i = 0; i < TIMES; i++)
        bootstrap_add(b, &s, NULL, out + i * COLUMNS);
    bootstrap_add(b, &s, &s, minus);
    bootstrap_run(b);
    assert_columns(&q, false, out, 1);
    for (size_t i = 1; i < TIMES; i++)
        assert_memory_equal(out + i * COLUMNS, out, COLUMNS * sizeof *out);
    for (size_t c = 0; c < COLUMNS; c++)
        assert_true(minus[c].low == 0 && minus[c].mean == 0 && minus[c].high == 0);
    bootstrap_free(b);
    questions_free(&q);
    free(out);
}

/* ---- rounded columns first ---- */

/* The ends of every statistic, of all its values in full. */
static void ends_in_full(const questions *q, bool bottom, uint64_t seed, double *low, double *high)
{
    size_t n = 0, R = INTERVAL_RESAMPLES, P = BOOTSTRAP_PANEL, C = q->columns, panels = C / P + 1;
    size_t *place = mem_new(20000, sizeof *place);
    double *panel = mem_new(panels * q->count * P, sizeof *panel), *sums = mem_new(panels * P * R, sizeof *sums);
    double *values = mem_new(R, sizeof *values);
    for (size_t i = 0; i < q->count; i++)
        place[q->subject[i]] = place[q->subject[i]] ? place[q->subject[i]] : ++n;
    for (size_t i = 0; i < q->count; i++)
        for (size_t c = 0; c <= C; c++)
            panel[(c / P * n + place[q->subject[i]] - 1) * P + c % P] += c < C ? q->top[i * C + c] : bottom ? q->bottom[i] : 1;
    bootstrap_sums(seed, n, panel, panels, sums);
    for (size_t c = 0; c < C; c++) {
        for (size_t r = 0; r < R; r++)
            values[r] = sums[c * R + r] / sums[C * R + r];
        find_ends(values, &low[c], &high[c]);
    }
    free(place), free(panel), free(values), free(sums);
}

/* Columns of several kinds: of usual numbers, with one far off, small beside a constant, whole, of two values, all alike, and so small
 * that their squares are none. */
static void make_difficult(questions *q)
{
    for (size_t i = 0; i < q->count; i++) {
        double *x = q->top + i * q->columns;
        x[1] = i == 17 ? 1e6 : x[1];
        x[2] = 1e9 + x[2];
        x[3] = floor(3 * x[3]);
        x[4] = x[4] > 5 ? 0.3 : 0.1;
        x[5] = 0.7;
        x[6] *= 1e-200;
        x[7] = 40000 + floor(x[7]);
        x[8] *= 1e-300;
    }
}

/* To the bit what all values in full give, over few subjects and many, an odd number and an even one, and several blocks. */
static void rounded_columns_give_the_ends_in_full(void **state)
{
    (void)state;
    enum { CASES = 4, COLUMNS = 9 };
    static const size_t counts[CASES] = {120, 700, 2500, 3000}, subjects[CASES] = {64, 333, 2000, 20000};
    for (size_t i = 0; i < 2 * CASES; i++) {
        questions q = make(20 + i, counts[i / 2], subjects[i / 2], COLUMNS);
        interval out[COLUMNS];
        make_difficult(&q);
        bootstrap *b = bootstrap_new(3, 20000);
        bootstrap_sample s = sample_of(&q, i % 2);
        bootstrap_add(b, &s, NULL, out);
        bootstrap_run(b);
        double low[COLUMNS], high[COLUMNS];
        ends_in_full(&q, i % 2, 3, low, high);
        for (size_t c = 0; c < COLUMNS; c++)
            assert_true(out[c].low == low[c] && out[c].high == high[c]);
        bootstrap_free(b);
        questions_free(&q);
    }
}

/* Bounds hold: no sum of a rounded column is further from the sum in full than they say. */
static void rounded_sums_are_within_their_bounds(void **state)
{
    (void)state;
    enum { N = 801, COLUMNS = 9 };
    questions q = make(5, N, 20000, COLUMNS);
    double *columns[COLUMNS], sums[100];
    uint32_t resamples[100];
    rounding how[COLUMNS];
    int32_t *whole = mem_new((size_t)COLUMNS * INTERVAL_RESAMPLES, sizeof *whole);
    draws d = {.seed = 4};
    make_difficult(&q);
    for (size_t c = 0; c < COLUMNS; c++) {
        columns[c] = mem_new(N, sizeof(double));
        for (size_t i = 0; i < N; i++)
            columns[c][i] = q.top[i * COLUMNS + c];
    }
    for (uint32_t i = 0; i < 100; i++)
        resamples[i] = 101 * i;
    draws_make(&d, N);
    rounded_sums(&d, (const double *const *)columns, COLUMNS, how, whole);
    for (size_t c = 0; c < COLUMNS; c++) {
        drawn_sums(&d, columns[c], resamples, 100, sums);
        for (size_t i = 0; i < 100; i++) {
            double rounded = how[c].start + how[c].step * whole[c * INTERVAL_RESAMPLES + resamples[i]];
            assert_true(fabs(rounded - sums[i]) <= how[c].error);
        }
        free(columns[c]);
    }
    assert_true(how[3].error == 0 && how[0].error > 0 && how[0].error < 0.1); /* whole numbers; usual ones, whose sums spread by 28 */
    assert_true(how[6].error > 0 && how[6].error < 1e-201 && isinf(how[8].error));
    draws_free(&d);
    questions_free(&q);
    free(whole);
}

/* ---- of whole curves ---- */

static void first_and_spread(const void *context, const double *a, const double *minus, size_t columns, double *out)
{
    assert_string_equal(context, "context");
    out[0] = a[0];
    out[1] = a[columns - 1] - a[0];
    out[2] = minus ? a[0] - minus[0] : 0;
}

static void curves_are_reduced_in_every_resample(void **state)
{
    (void)state;
    questions a = make(10, 80, 30, 4), b = make(11, 80, 30, 4);
    for (size_t i = 0; i < a.count; i++)
        a.top[i * 4 + 2] = a.top[i * 4 + 3] - a.top[i * 4]; /* what the reduction must give, as a column */
    interval out[3], columns[4], minus[4];
    bootstrap *all = bootstrap_new(2, 30);
    bootstrap_sample x = sample_of(&a, false), y = sample_of(&b, false);
    bootstrap_add(all, &x, NULL, columns);
    bootstrap_add(all, &x, &y, minus);
    bootstrap_add_reduced(all, &x, NULL, first_and_spread, "context", 3, out);
    bootstrap_run(all);
    assert_interval(&out[0], &columns[0], "first", 0);
    assert_interval(&out[1], &columns[2], "spread", 0);
    bootstrap_add_reduced(all, &x, &y, first_and_spread, "context", 3, out);
    bootstrap_run(all);
    assert_interval(&out[2], &minus[0], "difference", 0);
    bootstrap_free(all);
    questions_free(&a), questions_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_are_each_what_one_is),
        cmocka_unit_test(differences_are_over_common_subjects),
        cmocka_unit_test(values_that_are_missing_are_left_out),
        cmocka_unit_test(resamples_without_a_value_stand_last),
        cmocka_unit_test(what_waits_is_run_in_between),
        cmocka_unit_test(columns_are_shared),
        cmocka_unit_test(rounded_columns_give_the_ends_in_full),
        cmocka_unit_test(rounded_sums_are_within_their_bounds),
        cmocka_unit_test(curves_are_reduced_in_every_resample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
