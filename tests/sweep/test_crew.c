/* test_crew.c: one who leads and those who work, here threads of one process: every result arrives once; an end of any kind leaves
 * what was finished, and nobody waits for ever. */
#include "tests/support.h"

#include <pthread.h>
#include <signal.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "sweep/crew.h"
#include "tests/rows/store_samples.h"

enum { WORKERS = 4, QUESTIONS = 60 };

/* ---- a crew ---- */

typedef struct one_worker {
    pthread_t thread;
    sweep_link *link;
    store_about about;
    size_t number, fails_at; /* the question at which it fails; SIZE_MAX: none */
    bool endless;            /* each question takes until it is told to stop */
    pb_status status;
    size_t done;
} one_worker;

static store_result result_of(size_t question)
{
    store_result r = sample_result(question % 8);
    r.question.number = question;
    r.flop = (double)question;
    return r;
}

static pb_status run(void *context, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err)
{
    one_worker *w = context;
    for (size_t i = 0; i < count && !stop_wanted(); i++) {
        store_result r = result_of(questions[i]);
        if (questions[i] == w->fails_at)
            return fail(err, PB_ENOMEM, "no memory for question %zu", questions[i]);
        do
            usleep(200);
        while (w->endless && !stop_wanted());
        if (w->endless)
            return PB_OK;
        TRY(sink->put(sink->context, &r, err));
        w->done++;
    }
    return PB_OK;
}

static void *work(void *context)
{
    one_worker *w = context;
    const crew_worker worker = {run, w};
    pb_error err;
    w->status = crew_work(w->link, &w->about, &worker, &err);
    return NULL;
}

typedef struct crew {
    link_threads *links;
    one_worker workers[WORKERS];
    work_share *share;
    int seen[QUESTIONS];
    size_t put, fails_after, stops_after; /* of the sink: results after which it fails, or a signal comes */
    crew_outcome outcome;
    pb_error err;
    pb_status status;
} crew;

static pb_status put(void *context, const store_result *r, pb_error *err)
{
    crew *c = context;
    store_result expected = result_of(r->question.number);
    if (c->put == c->fails_after)
        return fail(err, PB_EIO, "the disk is full");
    assert_same_result(r, &expected);
    c->seen[r->question.number]++;
    if (++c->put == c->stops_after)
        raise(SIGTERM);
    return PB_OK;
}

static crew *crew_new(void)
{
    crew *c = mem_new(1, sizeof *c);
    c->links = link_threads_new(WORKERS);
    c->share = share_new();
    c->fails_after = c->stops_after = SIZE_MAX;
    for (size_t i = 0; i < WORKERS; i++)
        c->workers[i] = (one_worker){.link = link_of_worker(c->links, i), .about = sample_about(), .number = i, .fails_at = SIZE_MAX};
    for (size_t q = 0; q < QUESTIONS; q += 5) {
        const size_t questions[] = {q, q + 1, q + 2, q + 3, q + 4};
        share_add(c->share, questions, (const double[]){1, 2, 3, 4, 5}, 5);
    }
    return c;
}

static void crew_run(crew *c)
{
    store_about about = sample_about();
    const sweep_sink sink = {put, c};
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&c->workers[i].thread, NULL, work, &c->workers[i]), 0);
    c->status = crew_lead(link_of_leader(c->links), c->share, &about, &sink, &c->outcome, &c->err);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(c->workers[i].thread, NULL);
    sample_about_free(&about);
    for (size_t q = 0; q < QUESTIONS; q++)
        assert_in_range(c->seen[q], 0, 1);
}

static void crew_free(crew *c)
{
    for (size_t i = 0; i < WORKERS; i++)
        sample_about_free(&c->workers[i].about);
    link_threads_free(c->links);
    share_free(c->share);
    free(c);
}

/* ---- how it ends ---- */

static void every_result_arrives_once(void **state)
{
    (void)state;
    crew *c = crew_new();
    crew_run(c);
    assert_int_equal(c->status, PB_OK);
    assert_false(c->outcome.interrupted);
    assert_int_equal(c->put, QUESTIONS);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(c->workers[i].status, PB_OK);
    crew_free(c);
}

static void with_nothing_to_do_it_ends(void **state)
{
    (void)state;
    crew *c = crew_new();
    share_free(c->share);
    c->share = share_new();
    crew_run(c);
    assert_int_equal(c->status, PB_OK);
    assert_int_equal(c->put, 0);
    crew_free(c);
}

static void a_workers_failure_is_the_leaders(void **state)
{
    (void)state;
    crew *c = crew_new();
    for (size_t i = 0; i < WORKERS; i++)
        c->workers[i].fails_at = 12;
    crew_run(c);
    assert_int_equal(c->status, PB_ENOMEM);
    assert_non_null(strstr(c->err.message, "process "));
    assert_non_null(strstr(c->err.message, ": no memory for question 12"));
    assert_true(c->put < QUESTIONS);
    crew_free(c);
}

static void a_full_disk_stops_everybody(void **state)
{
    (void)state;
    crew *c = crew_new();
    c->fails_after = 10;
    crew_run(c);
    assert_int_equal(c->status, PB_EIO);
    assert_string_equal(c->err.message, "the disk is full");
    assert_int_equal(c->put, 10);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(c->workers[i].status, PB_OK);
    crew_free(c);
}

/* Three of the four would compute for ever: they are told while they do. */
static void who_computes_is_told(void **state)
{
    (void)state;
    crew *c = crew_new();
    for (size_t i = 1; i < WORKERS; i++)
        c->workers[i].endless = true;
    c->fails_after = 2;
    crew_run(c);
    assert_int_equal(c->status, PB_EIO);
    assert_int_equal(c->put, 2);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(c->workers[i].status, PB_OK);
    crew_free(c);
}

static void a_worker_of_another_job_is_named(void **state)
{
    (void)state;
    crew *c = crew_new();
    json_object_set_new((json_t *)(size_t)c->workers[2].about.model, "fingerprint", json_string("0ddba11"));
    json_object_set_new((json_t *)(size_t)c->workers[1].about.dataset, "folder", json_string("/elsewhere")); /* the same data set */
    crew_run(c);
    assert_int_equal(c->status, PB_EINVAL);
    assert_non_null(strstr(c->err.message, "process 2, on host "));
    assert_non_null(strstr(c->err.message, "has another model"));
    assert_int_equal(c->workers[2].done, 0);
    crew_free(c);
}

static void ignore(int signal)
{
    (void)signal;
}

static void a_signal_ends_it_with_what_was_finished(void **state)
{
    (void)state;
    crew *c = crew_new();
    signal(SIGTERM, ignore); /* what interrupt_release raises */
    interrupt_watch();
    c->stops_after = 9;
    crew_run(c);
    interrupt_release();
    signal(SIGTERM, SIG_DFL);
    assert_int_equal(c->status, PB_OK);
    assert_true(c->outcome.interrupted);
    assert_in_range(c->put, 9, QUESTIONS - 1);
    crew_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_result_arrives_once),
        cmocka_unit_test(with_nothing_to_do_it_ends),
        cmocka_unit_test(a_workers_failure_is_the_leaders),
        cmocka_unit_test(a_full_disk_stops_everybody),
        cmocka_unit_test(who_computes_is_told),
        cmocka_unit_test(a_worker_of_another_job_is_named),
        cmocka_unit_test(a_signal_ends_it_with_what_was_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
