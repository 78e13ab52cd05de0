/* test_interrupt.c: signals that wait until what is half done is cleared away, and who is told of them. */
#include "tests/support.h"

#include <pthread.h>
#include <signal.h>

#include "tests/stopping.h"

static volatile sig_atomic_t came;

static void count_it(int signal)
{
    came = came + signal;
}

static void a_signal_waits(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        void (*before)(int) = signal(signals[i], count_it);
        came = 0;
        interrupt_watch();
        assert_false(interrupted());
        assert_ok(interrupt_check("a.file", err));
        interrupt_watch(); /* of what is called inside */
        assert_ok(stop_check(err));
        raise(signals[i]);
        assert_true(interrupted() && stop_wanted());
        assert_fails(stop_check(err), PB_EINTERRUPTED, "told to stop");
        interrupt_release();
        assert_true(interrupted() && came == 0);
        assert_fails(interrupt_check("a.file", err), PB_EIO, "a.file: writing it was interrupted");
        interrupt_release();
        assert_int_equal(came, signals[i]);
        assert_false(interrupted() || stop_wanted());
        raise(signals[i]); /* as before */
        assert_int_equal(came, 2 * signals[i]);
        signal(signals[i], before);
    }
}

static void what_is_ignored_stays_ignored(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    interrupt_watch();
    raise(SIGHUP);
    assert_false(interrupted());
    interrupt_release();
    signal(SIGHUP, before);
    interrupt_release(); /* one too many does nothing */
    assert_false(interrupted());
}

static void *look_elsewhere(void *looked)
{
    *(bool *)looked = stop_wanted();
    return NULL;
}

/* It speaks to the thread that listens, and to no other. */
static void who_listens_is_told(void **state)
{
    (void)state;
    stopping told;
    pthread_t other;
    bool elsewhere = true;
    stop_at(&told, 2);
    assert_ok(stop_check(err));
    assert_fails(stop_check(err), PB_EINTERRUPTED, "told to stop");
    assert_int_equal(pthread_create(&other, NULL, look_elsewhere, &elsewhere), 0);
    pthread_join(other, NULL);
    assert_false(elsewhere);
    assert_true(stop_wanted() && !interrupted());
    stop_listen(NULL);
    assert_int_equal(told.looks, 3);
    assert_ok(stop_check(err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_signal_waits),
                                       cmocka_unit_test(what_is_ignored_stays_ignored),
                                       cmocka_unit_test(who_listens_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
