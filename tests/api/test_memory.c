/* test_memory.c: budgets are kept: the memory that is resident and no file's, looked at while commands run. */
#include "tests/api/commands.h"

#include <malloc.h>
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

/* The most that a command has resident; its status. What commands before it freed, and the C library kept in pieces, is
 * not its own. */
static pb_status watched(command *run, pb_model *m, size_t memory, size_t *most, pb_error *err)
{
    pthread_t watcher;
    malloc_trim(0);
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

/* ---- commands that write ---- */

static pb_status dump_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_dump *d;
    pb_dump_options o = pb_dump_defaults();
    char *folder = folder_new();
    o.run.memory = memory;
    pb_status status = pb_dump_run(&d, m, q, &o, folder, err);
    if (!status)
        pb_dump_free(d);
    folder_remove(folder);
    return status;
}

/* The first of the demo's own questions. */
static pb_status sweep_them(pb_model *m, pb_sweep_options *o, size_t memory, pb_error *err)
{
    pb_sweep_summary summary;
    char *folder = folder_new(), *store = path_join(folder, "s.db");
    o->store = store;
    o->limit = 6;
    o->include_wrong = true;
    o->run.memory = memory;
    pb_status status = pb_sweep_run(m, DEMO "/questions.jsonl", o, &summary, err);
    if (!status)
        assert_int_equal(summary.failed, 0);
    free(store);
    folder_remove(folder);
    return status;
}

#define DEFINE_SWEEP(name, of_method)                                                                                  \
    static pb_status name(pb_model *m, const pb_question *q, size_t memory, pb_error *err)                             \
    {                                                                                                                  \
        (void)q;                                                                                                       \
        pb_sweep_options o = pb_sweep_defaults();                                                                      \
        o.method = (of_method);                                                                                        \
        o.target = o.method == PB_SWEEP_EDIT ? "Cairo" : NULL;                                                         \
        return sweep_them(m, &o, memory, err);                                                                         \
    }

DEFINE_SWEEP(sweep_answers, PB_SWEEP_ASK)
DEFINE_SWEEP(sweep_traces, PB_SWEEP_TRACE)
DEFINE_SWEEP(sweep_flows, PB_SWEEP_FLOW)
DEFINE_SWEEP(sweep_cuts, PB_SWEEP_KNOCKOUT)
DEFINE_SWEEP(sweep_edits, PB_SWEEP_EDIT)

/* ---- the tests ---- */

static pb_model *opened(void)
{
    pb_model *m;
    assert_ok(pb_model_open(&m, DEMO, NULL, err));
    return m;
}

/* Of the budgets that errors name, each greater than the one before, one of the first `times` works. */
static void check_what_is_named(pb_model *m, command *run, const char *name, size_t times)
{
    pb_error failure = {0};
    size_t named = 0;
    pb_status status = run(m, &question, 1, &failure);
    assert_int_equal(status, PB_ENOMEM);
    for (size_t i = 0; status && i < times && wanted(&failure) > named; i++) {
        named = wanted(&failure);
        status = run(m, &question, named * MEGABYTE, &failure);
    }
    if (status)
        test_stop(__FILE__, __LINE__, "%s: %zu MB: %s", name, named, failure.message);
}

/* The first budget that works is the one that the first error names. (Of an edit there are several: for its questions, and
 * for itself.) */
static void the_least_that_is_named_works(void **state)
{
    (void)state;
    pb_model *m = opened();
    for (size_t i = 0; i < COMMANDS; i++)
        check_what_is_named(m, commands[i].run, commands[i].name, commands[i].run == edit_it ? 4 : 1);
    pb_model_free(m);
}

/* What a sweep holds beside its runs grows with the room that there is for questions: by less than the budget does, so what
 * is named is enough soon. */
static void what_sweeps_name_works(void **state)
{
    (void)state;
    pb_model *m = opened();
    check_what_is_named(m, sweep_answers, "a sweep of answers", 8);
    check_what_is_named(m, sweep_traces, "a sweep of traces", 8);
    check_what_is_named(m, sweep_flows, "a sweep of flows", 8);
    check_what_is_named(m, sweep_cuts, "a sweep of cuts", 8);
    check_what_is_named(m, sweep_edits, "a sweep of edits", 8);
    pb_model_free(m);
}

/* Everything that is there counts: the test's own, the open model. A first run lets the library make its code. */
static void keeps_budgets(command *run, pb_model *m, const char *name)
{
    static const size_t budgets[] = {72, 96, 160};
    for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
        pb_error failure;
        size_t most;
        if (watched(run, m, budgets[b] * MEGABYTE, &most, &failure))
            test_stop(__FILE__, __LINE__, "%s: %zu MB: %s", name, budgets[b], failure.message);
        assert_true(most > MEGABYTE);
        if (most > budgets[b] * MEGABYTE / 20 * 21)
            test_stop(__FILE__, __LINE__, "%s: a budget of %zu MB, %zu MB resident", name, budgets[b], most / MEGABYTE);
    }
}

static void budgets_are_kept(void **state)
{
    (void)state;
#if defined __SANITIZE_ADDRESS__
    skip(); /* what is freed stays */
#endif
    pb_model *m = opened();
    for (size_t i = 0; i < COMMANDS; i++)
        keeps_budgets(commands[i].run, m, commands[i].name);
    keeps_budgets(dump_it, m, "dump");
    keeps_budgets(sweep_traces, m, "a sweep of traces");
    keeps_budgets(sweep_edits, m, "a sweep of edits");
    pb_model_free(m);
}

/* Below 64 MB nothing is set aside for what stands there before: the budget is for what the command takes beside it. */
static void small_budgets_are_kept(void **state)
{
    (void)state;
#if defined __SANITIZE_ADDRESS__
    skip();
#endif
    pb_model *m = opened();
    pb_error failure;
    size_t standing, most;
    const size_t budget = 32 * MEGABYTE;
    command *const all[] = {ask_it, trace_it, knock_out, dump_it, sweep_traces};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i](m, &question, budget, &failure)) /* lets the library make its code */
            test_stop(__FILE__, __LINE__, "%s", failure.message);
        standing = process_anonymous_bytes();
        if (watched(all[i], m, budget, &most, &failure))
            test_stop(__FILE__, __LINE__, "%s", failure.message);
        if (most > standing + budget / 20 * 21)
            test_stop(__FILE__, __LINE__, "command %zu: a budget of 32 MB, %zu MB beside the %zu before", i,
                      (most - standing) / MEGABYTE, standing / MEGABYTE);
    }
    pb_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_that_is_named_works),
        cmocka_unit_test(what_sweeps_name_works),
        cmocka_unit_test(budgets_are_kept),
        cmocka_unit_test(small_budgets_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
