/* test_sweep.c: a sweep's numbers are those of single questions, to the bit; what fails, what is marked and what is wrong is
 * recorded; results do not depend on how the questions are cut into units. */
#include "tests/sweep/swept.h"

#include "base/interrupt.h"
#include "method/flow.h"
#include "method/knockout.h"
#include "sweep/sweep.h"

#include <omp.h>
#include <signal.h>

#define DATASET                                                                                                                      \
    "{\"id\": \"q0\", \"image\": \"" PICTURE "\", \"question\": \"What is the capital of this country?\", \"subject\": \"a\","       \
    " \"constraints\": [{\"text\": \"this country\"}], \"answers\": [\"x1\"], \"note\": \"Rome\"}\n"                                 \
    "{\"id\": \"q1\", \"image\": \"" PICTURE "\", \"question\": \"What is the name of this country?\", \"subject\": \"a\","          \
    " \"constraints\": [{\"text\": \"this country\"}], \"answers\": [\"x2\"], \"note\": \"Oslo\"}\n"                                 \
    "{\"id\": \"q2\", \"image\": \"" OTHER_PICTURE "\", \"question\": \"What is the capital of this country?\", \"subject\": \"b\"," \
    " \"constraints\": [{\"text\": \"this country\"}], \"answers\": [\"x3\"]}\n"                                                     \
    "{\"id\": \"q3\", \"question\": \"What is it?\", \"marked\": \"no picture\"}\n"                                                  \
    "{\"id\": \"q4\", \"image\": \"nowhere.png\", \"question\": \"What?\"}\n"                                                        \
    "{broken\n"                                                                                                                      \
    "{\"id\": \"q6\", \"image\": \"" PICTURE "\", \"question\": \"Where is this country?\", \"subject\": \"a\","                                       \
    " \"constraints\": [{\"text\": \"this country\"}]}\n"

enum { ROWS = 7 };

/* ---- what a sink keeps ---- */

typedef struct kept_result {
    char *status, *reason, *detail, *answer;
    int correct;
    double clean_prob, corrupted_prob, flop;
    char *names[128];      /* "attn_out/prob constraint_last" of curves, "attn_out/prob" of grids */
    double *numbers[128];
    size_t sizes[128], count;
} kept_result;

typedef struct kept_results {
    kept_result of[ROWS];
    size_t count, stop_after;
} kept_results;

static void keep_numbers(kept_result *k, char *name, const double *data, size_t size)
{
    assert_true(k->count < 128);
    k->names[k->count] = name;
    k->numbers[k->count] = mem_new(size, sizeof(double));
    memcpy(k->numbers[k->count], data, size * sizeof *data);
    k->sizes[k->count++] = size;
}

static pb_status keep(void *context, const store_result *r, pb_error *err)
{
    kept_results *all = context;
    kept_result *k = &all->of[r->question.number];
    (void)err;
    assert_null(k->status);
    *k = (kept_result){.status = mem_text(r->status), .reason = r->reason ? mem_text(r->reason) : NULL,
                       
                       .detail = r->detail ? mem_text(r->detail) : NULL, .answer = r->answer ? mem_text(r->answer) : NULL,
                       .correct = r->correct, .clean_prob = r->clean_prob,
                       .corrupted_prob = r->corrupted_prob, .flop = r->flop};
    for (size_t i = 0; i < r->grid_count; i++) {
        size_t size = 1;
        for (size_t d = 0; d < r->grids[i].dimensions; d++)
            size *= r->grids[i].shape[d];
        keep_numbers(k, mem_text(r->grids[i].name), r->grids[i].data, size);
    }
    for (size_t i = 0; i < r->curve_count; i++) {
        buffer name = {0};
        buffer_printf(&name, "%s %s", r->curves[i].name, r->curves[i].class);
        keep_numbers(k, name.data, r->curves[i].data, r->curves[i].count);
    }
    if (++all->count == all->stop_after)
        raise(SIGTERM);
    return PB_OK;
}

static void kept_free(kept_results *all)
{
    for (size_t i = 0; i < ROWS; i++) {
        kept_result *k = &all->of[i];
        for (size_t n = 0; n < k->count; n++) {
            free(k->names[n]);
            free(k->numbers[n]);
        }
        free(k->status);
        free(k->reason);
        free(k->detail);
        free(k->answer);
    }
    *all = (kept_results){0};
}

static const double *numbers(const kept_result *k, const char *name, size_t size)
{
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->names[i], name) == 0) {
            assert_int_equal(k->sizes[i], size);
            return k->numbers[i];
        }
    test_stop(__FILE__, __LINE__, "there is no %s", name);
    return NULL;
}

static void assert_numbers(const kept_result *k, const char *name, const double *expected, size_t size)
{
    const double *found = numbers(k, name, size);
    for (size_t i = 0; i < size; i++)
        if (!isnan(expected[i]) || !isnan(found[i]))
            assert_close(found[i], expected[i], slack() * fabs(expected[i]), name, i);
}

/* ---- sweeping ---- */

static int begin(void **state)
{
    return swept_begin(state, DATASET);
}

/* All units, at most `most` questions of one at a time. */
static void sweep_in_parts(const swept *s, const pb_sweep_options *o, size_t most, kept_results *out)
{
    sweep_job *j;
    size_t units;
    const sweep_sink sink = {keep, out};
    assert_ok(sweep_job_open(&j, s->m, s->path, o, err));
    const sweep_unit *u = sweep_job_units(j, &units);
    for (size_t k = 0; k < units; k++)
        for (size_t i = 0; i < u[k].count; i += most)
            assert_ok(sweep_unit_run(j, u[k].questions + i, u[k].count - i < most ? u[k].count - i : most, &sink, err));
    sweep_job_free(j);
}

/* Whatever they are about, in one call. */
static void sweep_at_once(const swept *s, const pb_sweep_options *o, kept_results *out)
{
    static const size_t all[ROWS] = {0, 1, 6, 2, 3, 4, 5};
    const sweep_sink sink = {keep, out};
    sweep_job *j;
    assert_ok(sweep_job_open(&j, s->m, s->path, o, err));
    assert_ok(sweep_unit_run(j, all, ROWS, &sink, err));
    sweep_job_free(j);
    assert_int_equal(out->count, ROWS);
}

static void sweep_all(const swept *s, const pb_sweep_options *o, kept_results *out)
{
    sweep_in_parts(s, o, ROWS, out);
    assert_int_equal(out->count, ROWS);
}

static question open_single(const swept *s, const char *picture_file, const char *text)
{
    question q;
    const pb_question p = {.image = picture_file, .question = text, .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open(&q, s->m, &p, err));
    return q;
}

static void assert_trace(const swept *s, const kept_result *k, const char *picture_file, const char *text, pb_trace_options o,
                         const char *spec)
{
    question q = open_single(s, picture_file, text);
    trace t;
    o.corruptions = &spec;
    o.corruption_count = 1;
    assert_ok(trace_run_question(&t, &q, &o, err));
    assert_string_equal(k->status, STORE_DONE);
    assert_same(k->clean_prob, t.clean.prob, "clean");
    assert_same(k->corrupted_prob, t.corrupted.prob, "corrupted");
    size_t size = grid_size(&t);
    assert_numbers(k, "attn_out/prob", t.sites[0].prob, size);
    assert_numbers(k, "attn_out/logprob", t.sites[0].logprob, size);
    assert_numbers(k, "mlp_out/prob", t.sites[1].prob, size);
    assert_numbers(k, "resid_post/logprob", t.sites[2].logprob, size);
    if (o.foil)
        assert_numbers(k, "mlp_out/logit_diff", t.sites[1].logit_diff, size);
    assert_non_null(strstr(k->detail, spec));
    assert_null(strstr(k->detail, "\"cost\""));
    trace_free(&t);
    question_free(&q);
}

static pb_sweep_options traces(const char *const *specs, size_t count)
{
    pb_sweep_options o = {.method = PB_SWEEP_TRACE, .include_wrong = true};
    o.trace.corruptions = specs;
    o.trace.corruption_count = count;
    return o;
}

/* ---- tests ---- */

static void traces_are_single_traces(void **state)
{
    const swept *s = *state;
    const char *spec = "swap:@note";
    pb_sweep_options o = traces(&spec, 1);
    kept_results all = {0};
    sweep_all(s, &o, &all);
    assert_trace(s, &all.of[0], PICTURE, "What is the capital of this country?", o.trace, "swap:Rome");
    assert_trace(s, &all.of[1], PICTURE, "What is the name of this country?", o.trace, "swap:Oslo");
    assert_string_equal(all.of[2].status, STORE_FAILED);
    assert_string_equal(all.of[2].reason, "@note: the row has no text of this name");
    assert_string_equal(all.of[3].status, STORE_MARKED);
    assert_string_equal(all.of[3].reason, "no picture");
    assert_string_equal(all.of[4].status, STORE_FAILED);
    assert_non_null(strstr(all.of[4].reason, "nowhere.png"));
    assert_string_equal(all.of[5].status, STORE_FAILED);
    assert_true(all.of[0].correct == 0 && all.of[3].correct == -1);
    kept_free(&all);
}

static void other_pictures_are_the_counterparts(void **state)
{
    const swept *s = *state;
    const char *spec = "image:@other";
    pb_sweep_options o = traces(&spec, 1);
    kept_results all = {0};
    o.trace.foil = "@other";
    o.trace.positions = "constraint,last";
    sweep_all(s, &o, &all);
    o.trace.foil = "x3";
    assert_trace(s, &all.of[0], PICTURE, "What is the capital of this country?", o.trace, "image:" OTHER_PICTURE);
    assert_trace(s, &all.of[1], PICTURE, "What is the name of this country?", o.trace, "image:" OTHER_PICTURE);
    o.trace.foil = "x1";
    assert_trace(s, &all.of[2], OTHER_PICTURE, "What is the capital of this country?", o.trace, "image:" PICTURE);
    kept_free(&all);
}

/* Noise is drawn from the seed for each question alike, heads are a third dimension, answers may be named. */
static void options_reach_every_question(void **state)
{
    const swept *s = *state;
    const char *spec = "noise:s3";
    pb_sweep_options o = traces(&spec, 1);
    kept_results all = {0};
    o.trace.samples = 3;
    o.trace.window = 2;
    o.trace.answer = (pb_answer_choice){.text = "@note", .whole = true};
    o.run.seed = 7;
    sweep_all(s, &o, &all);
    o.trace.run.seed = 7;
    o.trace.answer.text = "Oslo";
    assert_trace(s, &all.of[1], PICTURE, "What is the name of this country?", o.trace, "noise:s3");
    kept_free(&all);
}

/* The rows that are asked, two of them and one more about one picture. */
static const struct {
    size_t row;
    const char *picture, *words;
} asked_rows[] = {{0, PICTURE, "What is the capital of this country?"},
                  {1, PICTURE, "What is the name of this country?"},
                  {2, OTHER_PICTURE, "What is the capital of this country?"},
                  {6, PICTURE, "Where is this country?"}};

enum { ASKED = sizeof asked_rows / sizeof *asked_rows };

static void assert_flow(const swept *s, const kept_result *k, size_t asked_row, const pb_flow_options *o)
{
    question q = open_single(s, asked_rows[asked_row].picture, asked_rows[asked_row].words);
    flow f;
    assert_ok(flow_run_question(&f, &q, o, err));
    assert_string_equal(k->status, STORE_DONE);
    assert_same(k->clean_prob, f.clean.prob, "clean");
    assert_numbers(k, "image>constraint sum_norm", f.curves[0].sum_norm, f.layer_count);
    assert_numbers(k, "image>constraint norm_sum", f.curves[0].norm_sum, f.layer_count);
    assert_numbers(k, "constraint>last share", f.curves[1].share, f.layer_count);
    assert_numbers(k, "constraint>last relative", f.curves[1].relative, f.layer_count);
    assert_numbers(k, "image>constraint/per_position", f.curves[0].per_position,
                   f.layer_count * f.pairs.items[0].sources.count);
    flow_free(&f);
    question_free(&q);
}

static void assert_knockout(const swept *s, const kept_result *found, size_t asked_row, const pb_knockout_options *o)
{
    question q = open_single(s, asked_rows[asked_row].picture, asked_rows[asked_row].words);
    knockout k;
    assert_ok(knockout_run_question(&k, &q, o, err));
    assert_string_equal(found->status, STORE_DONE);
    assert_numbers(found, "image>constraint prob", k.curves[0].prob, k.layer_count);
    assert_numbers(found, "image>constraint logprob", k.curves[0].logprob, k.layer_count);
    assert_numbers(found, "constraint>last prob", k.curves[1].prob, k.layer_count);
    assert_numbers(found, "constraint>last relative", k.curves[1].relative, k.layer_count);
    knockout_free(&k);
    question_free(&q);
}

static void flows_and_knockouts_are_single_ones(void **state)
{
    const swept *s = *state;
    int threads = omp_get_max_threads();
    for (int t = 1; t <= 2; t++) {
        pb_sweep_options o = {.method = PB_SWEEP_FLOW, .include_wrong = true, .flow = {.per_position = true}};
        kept_results all = {0};
        omp_set_num_threads(t);
        sweep_at_once(s, &o, &all);
        for (size_t i = 0; i < ASKED; i++)
            assert_flow(s, &all.of[asked_rows[i].row], i, &o.flow);
        kept_free(&all);
        o.method = PB_SWEEP_KNOCKOUT;
        sweep_at_once(s, &o, &all);
        for (size_t i = 0; i < ASKED; i++)
            assert_knockout(s, &all.of[asked_rows[i].row], i, &o.knockout);
        kept_free(&all);
    }
    omp_set_num_threads(threads);
}

static void assert_equal_results(const kept_result *a, const kept_result *b)
{
    assert_string_equal(a->status, b->status);
    assert_int_equal(a->correct, b->correct);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_numbers(b, a->names[i], a->numbers[i], a->sizes[i]);
    if (matmul_row_invariant() && a->detail)
        assert_string_equal(a->detail, b->detail);
}

/* One at a time, all that share a picture, or all: the same to the bit, and the shared way is less work. */
static void cutting_changes_nothing(void **state)
{
    const swept *s = *state;
    const char *spec = "swap:Paris";
    pb_sweep_options o = traces(&spec, 1);
    kept_results together = {0}, apart = {0}, at_once = {0}, tight = {0};
    for (int method = PB_SWEEP_TRACE; method <= PB_SWEEP_ASK; method++) {
        if (method == PB_SWEEP_EDIT)
            continue;
        o.method = (pb_sweep_method)method;
        sweep_all(s, &o, &together);
        sweep_in_parts(s, &o, 1, &apart);
        sweep_at_once(s, &o, &at_once);
        o.run.memory = 8 << 20; /* not enough for what two pictures' questions begin with */
        sweep_at_once(s, &o, &tight);
        o.run.memory = 0;
        for (size_t i = 0; i < ROWS; i++) {
            assert_equal_results(&together.of[i], &apart.of[i]);
            assert_equal_results(&together.of[i], &at_once.of[i]);
            assert_equal_results(&together.of[i], &tight.of[i]);
        }
        assert_true(together.of[0].flop < apart.of[0].flop);
        kept_free(&together);
        kept_free(&apart);
        kept_free(&at_once);
        kept_free(&tight);
    }
}

/* An edit asks for itself what a sweep of answers says. */
static void edits_are_asked_once(void **state)
{
    const swept *s = *state;
    pb_sweep_options o = {.method = PB_SWEEP_ASK};
    kept_results asked_alone = {0}, edited = {0};
    sweep_all(s, &o, &asked_alone);
    o = (pb_sweep_options){.method = PB_SWEEP_EDIT, .target = "Rome", .edit = pb_edit_defaults()};
    o.edit.first_layer = 1;
    o.edit.end_layer = 2;
    o.edit.steps = 2;
    o.edit.neighbours = 1;
    sweep_all(s, &o, &edited);
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(edited.of[i].status, STORE_DONE) == 0) {
            assert_string_equal(edited.of[i].answer, asked_alone.of[i].answer);
            assert_int_equal(edited.of[i].correct, asked_alone.of[i].correct);
        }
    assert_string_equal(edited.of[0].status, STORE_DONE);
    kept_free(&asked_alone);
    kept_free(&edited);
}

/* Requests, of which one cannot be made: the model says its target already. */
static char *write_requests(const swept *s)
{
    buffer lines = {0};
    question q = open_single(s, OTHER_PICTURE, "Where is this country?");
    answer said;
    buffer known = {0};
    assert_ok(ask_run(&said, &q, 16, 1, NULL, err));
    tokenizer_decode(s->m->tokenizer, said.ids, said.count, true, &known);
    for (size_t i = 0; i < ASKED; i++) {
        json_t *row = json_pack("{s:s, s:s, s:[{s:s}], s:s, s:s, s:[s]}", "image", asked_rows[i].picture, "question",
                                asked_rows[i].words, "constraints", "text", "this country", "subject",
                                strcmp(asked_rows[i].picture, PICTURE) ? "b" : "a", "target", i == 1 ? "Oslo" : "Rome",
                                "rephrasings", "Which is it, in this country?");
        char *line = json_dumps(row, JSON_COMPACT);
        buffer_printf(&lines, "%s\n", line);
        free(line);
        json_decref(row);
    }
    json_t *row = json_pack("{s:s, s:s, s:[{s:s}], s:s}", "image", OTHER_PICTURE, "question", "Where is this country?",
                            "constraints", "text", "this country", "target", known.data);
    char *line = json_dumps(row, JSON_COMPACT), *path = path_join(s->folder, "requests.jsonl");
    buffer_printf(&lines, "%s\n", line);
    assert_ok(file_write_all(path, lines.data, lines.size, err));
    free(line);
    json_decref(row);
    answer_free(&said);
    question_free(&q);
    buffer_free(&known);
    buffer_free(&lines);
    return path;
}

/* Together they are what each is by itself, on however many threads, and less work; the one that is refused takes no other with
 * it. */
static void edits_are_single_edits(void **state)
{
    const swept *s = *state;
    char *path = write_requests(s);
    const swept requests = {.path = path, .m = s->m};
    const pb_eval_question eval = {.question = {.image = OTHER_PICTURE, .question = "What is it?"}, .subject = "b",
                                   .answers = (const char *const[]){"x"}, .answer_count = 1};
    pb_sweep_options o = {.method = PB_SWEEP_EDIT, .edit = pb_edit_defaults(), .eval = &eval, .eval_count = 1};
    o.edit.first_layer = 1;
    o.edit.end_layer = 3;
    o.edit.steps = 3;
    o.edit.neighbours = 2;
    int threads = omp_get_max_threads();
    kept_results apart = {0}, together = {0}, tight = {0};
    omp_set_num_threads(1);
    sweep_in_parts(&requests, &o, 1, &apart);
    for (int t = 1; t <= 2; t++) {
        omp_set_num_threads(t);
        sweep_in_parts(&requests, &o, ROWS, &together);
        o.run.memory = 8 << 20;
        sweep_in_parts(&requests, &o, ROWS, &tight);
        o.run.memory = 0;
        for (size_t i = 0; i <= ASKED; i++) {
            assert_string_equal(apart.of[i].status, i < ASKED ? STORE_DONE : STORE_FAILED);
            assert_equal_results(&apart.of[i], &together.of[i]);
            assert_equal_results(&apart.of[i], &tight.of[i]);
        }
        assert_non_null(strstr(together.of[ASKED].reason, "already"));
        assert_string_equal(together.of[ASKED].reason, apart.of[ASKED].reason);
        assert_true(together.of[0].flop < apart.of[0].flop);
        kept_free(&together);
        kept_free(&tight);
    }
    omp_set_num_threads(threads);
    kept_free(&apart);
    free(path);
}

/* The random model answers wrongly; without answers nobody knows. */
static void wrong_answers_end_there(void **state)
{
    const swept *s = *state;
    pb_sweep_options o = {.method = PB_SWEEP_TRACE};
    kept_results all = {0};
    sweep_all(s, &o, &all);
    assert_string_equal(all.of[0].status, STORE_WRONG);
    assert_null(all.of[0].detail);
    assert_true(all.of[0].clean_prob > 0);
    assert_string_equal(all.of[6].status, STORE_DONE);
    assert_int_equal(all.of[6].correct, -1);
    kept_free(&all);
}

static void a_signal_ends_it_after_the_question(void **state)
{
    const swept *s = *state;
    pb_sweep_options o = {.method = PB_SWEEP_FLOW, .include_wrong = true};
    kept_results all = {.stop_after = 1};
    signal(SIGTERM, SIG_IGN);
    interrupt_watch();
    sweep_in_parts(s, &o, ROWS, &all); /* ignored signals stay ignored */
    assert_int_equal(all.count, ROWS);
    interrupt_release();
    kept_free(&all);
    signal(SIGTERM, SIG_DFL);
}

static void units_and_shards(void **state)
{
    const swept *s = *state;
    pb_sweep_options o = {.method = PB_SWEEP_ASK, .shards = 3};
    sweep_job *j;
    size_t units, seen[ROWS] = {0};
    for (o.shard = 0; o.shard < 3; o.shard++) {
        assert_ok(sweep_job_open(&j, s->m, s->path, &o, err));
        const sweep_unit *u = sweep_job_units(j, &units);
        assert_int_equal(units, 1); /* the first picture's, the second's, and those that are not asked */
        for (size_t i = 0; i < u[0].count; i++)
            seen[u[0].questions[i]]++;
        sweep_job_free(j);
    }
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], 1);
    assert_fails(sweep_job_open(&j, s->m, s->path, &o, err), PB_EINVAL, "--shard 3/3");
    o = (pb_sweep_options){.method = PB_SWEEP_ASK, .limit = 2};
    assert_ok(sweep_job_open(&j, s->m, s->path, &o, err));
    assert_int_equal(sweep_job_question_count(j), 2);
    assert_int_equal(json_integer_value(json_object_get(sweep_job_about(j).dataset, "rows")), ROWS);
    sweep_job_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(traces_are_single_traces, begin, swept_end),
        cmocka_unit_test_setup_teardown(other_pictures_are_the_counterparts, begin, swept_end),
        cmocka_unit_test_setup_teardown(options_reach_every_question, begin, swept_end),
        cmocka_unit_test_setup_teardown(flows_and_knockouts_are_single_ones, begin, swept_end),
        cmocka_unit_test_setup_teardown(cutting_changes_nothing, begin, swept_end),
        cmocka_unit_test_setup_teardown(edits_are_asked_once, begin, swept_end),
        cmocka_unit_test_setup_teardown(edits_are_single_edits, begin, swept_end),
        cmocka_unit_test_setup_teardown(wrong_answers_end_there, begin, swept_end),
        cmocka_unit_test_setup_teardown(a_signal_ends_it_after_the_question, begin, swept_end),
        cmocka_unit_test_setup_teardown(units_and_shards, begin, swept_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
