/* test_memory.c: budgets are kept: the memory that is resident and no file's, looked at while commands run. */
#include "tests/api/commands.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/process.h"

#define DEMO GOLDEN("../models/demo")

enum { MEGABYTE = 1 << 20 };

static const char *const constraint = "this country";
static const pb_question question = {.image = DEMO "/pictures/es.png", .question = "What is the capital of this country?",
                                     .constraints = &constraint, .constraint_count = 1};

/* ---- looking ---- */

static atomic_bool looking;
static atomic_size_t peak;

static void *look(void *unused)
{
    while (atomic_load(&looking)) {
        size_t now = process_anonymous_bytes();
        if (now > atomic_load(&peak))
            atomic_store(&peak, now);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return unused;
}

/* The most that a command has resident; its status. */
static pb_status watched(command *run, pb_model *m, size_t memory, size_t *most, pb_error *err)
{
    pthread_t watcher;
    atomic_store(&peak, 0);
    atomic_store(&looking, true);
    assert_int_equal(pthread_create(&watcher, NULL, look, NULL), 0);
    pb_status status = run(m, &question, memory, err);
    atomic_store(&looking, false);
    pthread_join(watcher, NULL);
    *most = atomic_load(&peak);
    return status;
}

/* The megabytes that an error says a command needs at least; 0 where it says none. */
static size_t wanted(const pb_error *err)
{
    const char *give = strstr(err->hint, "give --memory ");
    return give ? strtoul(give + strlen("give --memory "), NULL, 10) : 0;
}

/* ---- the tests ---- */

static pb_model *opened(void)
{
    pb_model *m;
    assert_ok(pb_model_open(&m, DEMO, NULL, err));
    return m;
}

/* The first budget that works is the one that the first error names. (Of an edit there are several: for its questions, and
 * for itself.) */
static void the_least_that_is_named_works(void **state)
{
    (void)state;
    pb_model *m = opened();
    for (size_t i = 0; i < COMMANDS; i++) {
        pb_error failure = {0};
        assert_int_equal(commands[i].run(m, &question, 1, &failure), PB_ENOMEM);
        size_t least = wanted(&failure);
        assert_true(least > 0);
        pb_status status = commands[i].run(m, &question, least * MEGABYTE, &failure);
        for (size_t more = 0; status && commands[i].run == edit_it && more < 3; more++) {
            assert_true(wanted(&failure) > least);
            least = wanted(&failure);
            status = commands[i].run(m, &question, least * MEGABYTE, &failure);
        }
        if (status)
            test_stop(__FILE__, __LINE__, "%s: %zu MB: %s", commands[i].name, least, failure.message);
    }
    pb_model_free(m);
}

/* Everything that is there counts: the test's own, the open model. A first run lets the library make its code. */
static void budgets_are_kept(void **state)
{
    (void)state;
#if defined __SANITIZE_ADDRESS__
    skip(); /* what is freed stays */
#endif
    static const size_t budgets[] = {72, 96, 160};
    pb_model *m = opened();
    size_t most = 0;
    for (size_t i = 0; i < COMMANDS; i++)
        for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
            pb_error failure;
            if (watched(commands[i].run, m, budgets[b] * MEGABYTE, &most, &failure))
                test_stop(__FILE__, __LINE__, "%s: %zu MB: %s", commands[i].name, budgets[b], failure.message);
            assert_true(most > MEGABYTE);
            if (most > budgets[b] * MEGABYTE / 20 * 21)
                test_stop(__FILE__, __LINE__, "%s: a budget of %zu MB, %zu MB resident", commands[i].name, budgets[b],
                          most / MEGABYTE);
        }
    pb_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_least_that_is_named_works), cmocka_unit_test(budgets_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
