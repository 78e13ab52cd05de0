/* test_meter.c: whose the time is, and the work. */
#include "tests/support.h"

#include "base/meter.h"
#include "base/process.h"

static void spend(double seconds)
{
    for (double begin = clock_now(); clock_now() - begin < seconds;)
        ;
}

static void nothing_is_counted_without_a_meter(void **state)
{
    (void)state;
    meter m;
    meter_leave(meter_enter(METER_PRODUCTS));
    meter_product(3, 4, 5, 6);
    meter_start(&m);
    meter_stop();
    meter_product(3, 4, 5, 6);
    meter_leave(meter_enter(METER_PRODUCTS));
    for (size_t i = 0; i < METER_KINDS; i++)
        assert_true(m.phase[i].flop + m.phase[i].bytes == 0);
    assert_true(m.phase[METER_PRODUCTS].seconds == 0);
}

static void phases_add_up_to_all_the_time(void **state)
{
    (void)state;
    meter m;
    double begin = clock_now();
    meter_start(&m);
    spend(0.002);
    meter_kind before = meter_enter(METER_READ_OUT);
    spend(0.004);
    meter_kind inner = meter_enter(METER_PRODUCTS); /* the read-out's */
    meter_product(1, 10, 20, 800);
    meter_leave(inner);
    meter_leave(before);
    before = meter_enter(METER_PRODUCTS);
    meter_product(100, 10, 20, 800);
    meter_product(100, 10, 20, 800);
    meter_leave(before);
    meter_work(7, 0);
    meter_stop();
    double seconds = clock_now() - begin, sum = 0;
    for (size_t i = 0; i < METER_KINDS; i++)
        sum += m.phase[i].seconds;
    assert_true(sum <= seconds && sum >= 0.006);
    assert_true(m.phase[METER_READ_OUT].seconds >= 0.004 && m.phase[METER_REST].seconds >= 0.002);
    assert_true(m.phase[METER_READ_OUT].flop == 400 && m.phase[METER_READ_OUT].products[0].bytes == 800);
    assert_true(m.phase[METER_PRODUCTS].flop == 80000 && m.phase[METER_PRODUCTS].products[7].flop == 80000);
    assert_true(m.phase[METER_PRODUCTS].bytes == 1600 && m.phase[METER_REST].flop == 7);
}

static void sizes_are_the_nearest_powers_of_two(void **state)
{
    (void)state;
    static const size_t rows[] = {0, 1, 2, 3, 5, 6, 16, 1000, 1500, 4096, 1000000};
    static const size_t sizes[] = {0, 0, 1, 2, 2, 3, 4, 10, 11, 12, 12};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(meter_size(rows[i]), sizes[i]);
}

static void less_of_the_same_is_taken_off(void **state)
{
    (void)state;
    meter more, less;
    meter_start(&less);
    meter_product(1, 10, 20, 800);
    meter_stop();
    meter_start(&more);
    for (size_t i = 0; i < 3; i++)
        meter_product(1, 10, 20, 800);
    meter_stop();
    meter_subtract(&more, &less);
    assert_true(more.phase[METER_REST].flop == 800 && more.phase[METER_REST].products[0].bytes == 1600);
    assert_true(more.phase[METER_REST].seconds >= 0);
}

static void a_helpers_work_counts_without_its_seconds(void **state)
{
    (void)state;
    meter helper, m;
    meter_start(&helper);
    assert_true(meter_runs());
    meter_enter(METER_PRODUCTS);
    meter_product(1, 10, 20, 800);
    meter_leave(METER_REST);
    meter_stop();
    assert_false(meter_runs());
    meter_add_help(&helper); /* of no one */
    meter_start(&m);
    helper.phase[METER_PRODUCTS].seconds = 1000;
    meter_add_help(&helper);
    meter_stop();
    assert_true(m.phase[METER_PRODUCTS].flop == 400 && m.phase[METER_PRODUCTS].products[0].bytes == 800);
    assert_true(m.phase[METER_PRODUCTS].seconds < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_without_a_meter),
        cmocka_unit_test(phases_add_up_to_all_the_time),
        cmocka_unit_test(sizes_are_the_nearest_powers_of_two),
        cmocka_unit_test(less_of_the_same_is_taken_off),
        cmocka_unit_test(a_helpers_work_counts_without_its_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
