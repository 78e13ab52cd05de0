/* test_stop.c: sweeps that are told to stop, at any of the moments at which they look: what is finished by then is handed over as it
 * always is, of what is in hand nothing is said, and what is left comes to the same bytes when it is done afterwards. */
#include "tests/sweep/swept.h"

#include <omp.h>
#include <signal.h>

#include "data/pack.h"
#include "sweep/sweep.h"
#include "tests/stopping.h"

#define CAPITAL "{\"image\": \"" PICTURE "\", \"question\": \"What is the capital of this country?\", \"subject\": \"a\","
#define OTHER "{\"image\": \"" OTHER_PICTURE "\", \"question\": \"What is the name of this country?\", \"subject\": \"b\","
#define REQUEST " \"constraints\": [{\"text\": \"this country\"}], \"target\": \"Rome\", \"rephrasings\": [\"Which is it?\"],"
#define DATASET                                                        \
    CAPITAL REQUEST "\"id\": \"q0\", \"answers\": [\"x1\"]}\n"         \
    OTHER REQUEST "\"id\": \"q1\", \"answers\": [\"x2\"]}\n"           \
    "{\"id\": \"q2\", \"image\": \"nowhere.png\", \"question\": \"?\"}\n" \
    CAPITAL REQUEST "\"id\": \"q3\", \"answers\": [\"x1\"]}\n"         \
    "{\"id\": \"q4\", \"question\": \"What?\", \"marked\": \"no picture\"}\n" \
    OTHER REQUEST "\"id\": \"q5\", \"answers\": [\"x2\"]}\n"           \
    OTHER "\"id\": \"q6\", \"answers\": [\"x2\"]}\n"

enum { QUESTIONS = 7 };

static const size_t all_questions[QUESTIONS] = {0, 1, 2, 3, 4, 5, 6};

static int begin(void **state)
{
    return swept_begin(state, DATASET);
}

/* ---- results ---- */

/* Results as bytes, without what they cost. */
typedef struct kept_results {
    buffer of[QUESTIONS];
    bool failed[QUESTIONS];
    size_t count, raises; /* a signal comes with that result; 0: none */
} kept_results;

static pb_status keep(void *context, const store_result *r, pb_error *err)
{
    kept_results *k = context;
    store_result free_of_charge = *r;
    (void)err;
    free_of_charge.seconds = free_of_charge.flop = 0;
    assert_int_equal(k->of[r->question.number].size, 0); /* each once */
    result_pack(&k->of[r->question.number], &free_of_charge);
    k->failed[r->question.number] = strcmp(r->status, STORE_FAILED) == 0;
    if (++k->count == k->raises)
        raise(SIGTERM);
    return PB_OK;
}

static void kept_free(kept_results *k)
{
    for (size_t i = 0; i < QUESTIONS; i++)
        buffer_free(&k->of[i]);
    *k = (kept_results){0};
}

/* What is there is what it should be. */
static void assert_part_of(const kept_results *part, const kept_results *whole)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (part->of[i].size == 0)
            continue;
        assert_int_equal(part->failed[i], whole->failed[i]);
        if (!matmul_row_invariant())
            continue;
        assert_int_equal(part->of[i].size, whole->of[i].size);
        assert_memory_equal(part->of[i].data, whole->of[i].data, whole->of[i].size);
    }
}

/* ---- sweeping ---- */

/* As one command does it, from the start. */
static void run_some(swept *s, const pb_sweep_options *o, const size_t *questions, size_t count, kept_results *out)
{
    const sweep_sink sink = {keep, out};
    sweep_job *j;
    assert_ok(sweep_job_open(&j, s->m, s->path, o, err));
    assert_ok(sweep_unit_run(j, questions, count, &sink, err));
    sweep_job_free(j);
}

/* Those that have no result, as the same command does when it is started again. */
static void run_missing(swept *s, const pb_sweep_options *o, kept_results *out)
{
    size_t missing[QUESTIONS], count = 0;
    for (size_t i = 0; i < QUESTIONS; i++)
        if (out->of[i].size == 0)
            missing[count++] = i;
    run_some(s, o, missing, count, out);
    assert_int_equal(out->count, QUESTIONS);
}

/* Stops it at one of its looks. */
static void stop_once(swept *s, const pb_sweep_options *o, size_t at, kept_results *part)
{
    stopping told;
    stop_at(&told, at);
    run_some(s, o, all_questions, QUESTIONS, part);
    stop_listen(NULL);
    if (omp_get_max_threads() == 1) /* a look for each question at most, and no computing */
        assert_in_range(told.looks, at, at + QUESTIONS);
}

/* Stops it at about `points` of its looks, the first and the last among them. */
static void stop_everywhere(swept *s, const pb_sweep_options *o, size_t points)
{
    kept_results whole = {0};
    stopping counted;
    stop_at(&counted, 0);
    run_some(s, o, all_questions, QUESTIONS, &whole);
    stop_listen(NULL);
    assert_int_equal(whole.count, QUESTIONS);
    size_t looks = counted.looks, step = looks / points + 1;
    for (size_t n = 1; n <= looks; n = n < looks && n + step > looks ? looks : n + step) {
        kept_results part = {0};
        stop_once(s, o, n, &part);
        assert_part_of(&part, &whole);
        run_missing(s, o, &part);
        assert_part_of(&part, &whole);
        kept_free(&part);
    }
    kept_free(&whole);
}

static void on_threads(swept *s, const pb_sweep_options *o, size_t points)
{
    int threads = omp_get_max_threads();
    for (int t = 1; t <= 2; t++) {
        omp_set_num_threads(t);
        stop_everywhere(s, o, t == 1 ? points : 2);
    }
    omp_set_num_threads(threads);
}

/* ---- tests ---- */

static void answers(void **state)
{
    pb_sweep_options o = {.method = PB_SWEEP_ASK};
    on_threads(*state, &o, 10);
}

static void flows(void **state)
{
    pb_sweep_options o = {.method = PB_SWEEP_FLOW, .include_wrong = true};
    on_threads(*state, &o, 10);
}

static void knockouts(void **state)
{
    pb_sweep_options o = {.method = PB_SWEEP_KNOCKOUT, .include_wrong = true};
    on_threads(*state, &o, 5);
}

/* Pictures go up the tower, too; those that are answered wrongly are told of before anything is traced. */
static void traces(void **state)
{
    const char *spec = "image:@other";
    pb_sweep_options o = {.method = PB_SWEEP_TRACE, .include_wrong = true};
    o.trace.corruptions = &spec;
    o.trace.corruption_count = 1;
    o.trace.positions = "constraint,last";
    on_threads(*state, &o, 5);
    o.include_wrong = false;
    on_threads(*state, &o, 4);
}

/* At every step all requests go forward and backward; the model is as it was. */
static void edits(void **state)
{
    pb_sweep_options o = {.method = PB_SWEEP_EDIT, .edit = pb_edit_defaults()};
    o.edit.first_layer = 1;
    o.edit.end_layer = 3;
    o.edit.steps = 3;
    o.edit.neighbours = 1;
    on_threads(*state, &o, 5);
    o.edit.method = PB_FT; /* weights are the model's own while they are tuned */
    on_threads(*state, &o, 5);
}

static void ignore(int signal)
{
    (void)signal;
}

/* A signal that comes with a batch's first result: the batch's others are finished, too, and kept; nothing else is begun. */
static void what_is_finished_is_kept(void **state)
{
    swept *s = *state;
    static const size_t some[] = {0, 3, 1, 5, 6};
    pb_sweep_options o = {.method = PB_SWEEP_FLOW, .include_wrong = true};
    kept_results all = {.raises = 1};
    signal(SIGTERM, ignore);
    interrupt_watch();
    run_some(s, &o, some, 5, &all);
    assert_int_equal(all.count, 5);
    kept_free(&all);
    run_some(s, &o, some, 5, &all);
    assert_int_equal(all.count, 0);
    interrupt_release();
    signal(SIGTERM, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, begin, swept_end),
        cmocka_unit_test_setup_teardown(flows, begin, swept_end),
        cmocka_unit_test_setup_teardown(knockouts, begin, swept_end),
        cmocka_unit_test_setup_teardown(traces, begin, swept_end),
        cmocka_unit_test_setup_teardown(edits, begin, swept_end),
        cmocka_unit_test_setup_teardown(what_is_finished_is_kept, begin, swept_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
