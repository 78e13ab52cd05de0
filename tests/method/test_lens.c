/* test_lens.c: a lens's cells are the model's own end applied to the rows that a recording keeps, and at the last layer the
 * answer itself. */
#include "tests/method/asked.h"

#include "method/lens.h"

static lens looked(model *m, const char *picture_file, const pb_lens_options *options)
{
    question q = asked(m, picture_file);
    lens n;
    assert_ok(lens_run_question(&n, &q, options, err));
    question_free(&q);
    return n;
}

/* Every cell, from a recording: the probabilities of the whole vocabulary, sorted. */
static void check_cells(model *m, const char *picture_file, const lens *n)
{
    question q = asked(m, picture_file);
    size_t V = m->decoder.config.vocab, P = n->positions.count;
    recording *r = record(&m->decoder, q.input, q.length, NULL);
    for (size_t l = 0; l < n->layer_count; l++)
        for (size_t k = 0; k < P; k++) {
            double *prob = mem_new(V, sizeof *prob);
            int32_t *ids = mem_new(n->top, sizeof *ids);
            size_t at = l * P + k;
            const float *row = recording_row(r, n->site, n->layers[l], n->positions.positions[k]);
            assert_ok(score_add_probabilities(&m->decoder, &row, 1, &prob, err));
            score_top(prob, V, n->top, ids);
            assert_same(n->answer_prob[at], prob[n->answer[0]], "P(answer)");
            for (size_t i = 0; i < n->top; i++) {
                assert_true(!matmul_row_invariant() || n->top_id[at * n->top + i] == ids[i]);
                assert_same(n->top_prob[at * n->top + i], prob[ids[i]], "a token's probability");
            }
            free(prob), free(ids);
        }
    recording_free(r);
    question_free(&q);
}

static void every_cell_is_its_row_through_the_models_end(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, BUNNY, LLAMA, QWEN2, PHI};
    static const char *const sites[] = {NULL, "resid_pre", "attn_out", "mlp_out", "resid_post"};
    for (size_t f = 0; f < 5; f++) {
        const char *picture_file = f < 2 ? PICTURE : NULL;
        model *m = tiny_open(folders[f]);
        for (size_t s = 0; s < 5; s++) {
            pb_lens_options o = pb_lens_defaults();
            o.site = sites[s];
            o.positions = s % 2 ? "all" : NULL;
            o.first_layer = s == 2;
            o.end_layer = s == 2 ? 2 : 0;
            o.top = s == 1 ? 7 : 0;
            lens n = looked(m, picture_file, &o);
            assert_int_equal(n.top, s == 1 ? 7 : 5);
            assert_int_equal(n.layer_count, s == 2 ? 1 : m->decoder.config.layers);
            check_cells(m, picture_file, &n);
            lens_free(&n);
        }
        model_free(m);
    }
}

static void text_rows_are_looked_at_unless_others_are_named(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    pb_lens_options o = pb_lens_defaults();
    lens n;
    assert_ok(lens_run_question(&n, &q, &o, err));
    assert_int_equal(n.positions.count, q.prompt.length - q.prompt.image_count);
    for (size_t k = 0; k < n.positions.count; k++)
        assert_false(prompt_is_image(&q.prompt, n.positions.positions[k]));
    lens_free(&n);
    question_free(&q);
    model_free(m);
}

/* The logits themselves: to the bit what `ask` says. */
static void the_last_layer_says_what_the_model_answers(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, PHI};
    for (size_t f = 0; f < 2; f++) {
        model *m = tiny_open(folders[f]);
        const char *picture_file = f ? NULL : PICTURE;
        question q = asked(m, picture_file);
        pb_lens_options o = pb_lens_defaults();
        answer a;
        o.positions = "all";
        o.top = 9;
        assert_ok(ask_run(&a, &q, 1, 9, NULL, err));
        lens n = looked(m, picture_file, &o);
        size_t at = (n.layer_count * n.positions.count - 1) * n.top;
        for (size_t i = 0; i < 9; i++) {
            assert_int_equal(n.top_id[at + i], a.top[i]);
            assert_same(n.top_prob[at + i], a.top_prob[i], "a token's probability");
        }
        assert_int_equal(n.answer[0], a.top[0]);
        assert_same(n.answer_prob[n.layer_count * n.positions.count - 1], a.top_prob[0], "P(answer)");
        assert_same(n.clean.prob, a.top_prob[0], "clean");
        answer_free(&a);
        lens_free(&n);
        question_free(&q);
        model_free(m);
    }
}

static void of_a_whole_answer_the_first_token_is_read(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_lens_options o = pb_lens_defaults();
    o.answer.text = "a river in Japan";
    lens first = looked(m, PICTURE, &o);
    o.answer.whole = true;
    lens whole = looked(m, PICTURE, &o);
    assert_int_equal(first.answer_count, 1);
    assert_true(whole.answer_count > 1);
    assert_int_equal(whole.answer[0], first.answer[0]);
    assert_int_equal(whole.positions.count, first.positions.count);
    for (size_t i = 0; i < first.layer_count * first.positions.count; i++)
        assert_same(whole.answer_prob[i], first.answer_prob[i], "P(answer)");
    assert_true(whole.clean.prob < first.clean.prob);
    lens_free(&first);
    lens_free(&whole);
    model_free(m);
}

static void more_tokens_than_there_are_are_all_of_them(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_lens_options o = pb_lens_defaults();
    o.positions = "last";
    o.top = 100000;
    lens n = looked(m, NULL, &o);
    double total = 0;
    assert_int_equal(n.top, m->decoder.config.vocab);
    for (size_t i = 0; i < n.top; i++)
        total += n.top_prob[i];
    assert_close(total, 1, 1e-6, "sum of a cell", 0);
    lens_free(&n);
    model_free(m);
}

static void refuse(model *m, const pb_lens_options *o, pb_status code, const char *words)
{
    question q = asked(m, PICTURE);
    lens n;
    assert_fails(lens_run_question(&n, &q, o, err), code, words);
    question_free(&q);
}

/* What an error says; the hint. */
static pb_error error_of(model *m, const pb_lens_options *o)
{
    question q = asked(m, PICTURE);
    lens n;
    pb_error why = {0};
    assert_int_not_equal(lens_run_question(&n, &q, o, &why), PB_OK);
    question_free(&q);
    return why;
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const char *const sites[] = {"mlp_post", "head_out", "vision.blocks.0.hook_resid_post", "proj.hook_out", "resid", ""};
    model *m = tiny_open(LLAVA);
    for (size_t i = 0; i < 6; i++) {
        pb_lens_options o = {.site = sites[i]};
        refuse(m, &o, PB_EINVAL, "resid_pre, attn_out, mlp_out, resid_post");
        assert_true((strstr(error_of(m, &o).hint, "--layers 0:1") != NULL) == (i == 3));
    }
    refuse(m, &(pb_lens_options){.first_layer = 1, .end_layer = 9}, PB_EINVAL, "--layers 1:9");
    refuse(m, &(pb_lens_options){.positions = "nowhere"}, PB_EINVAL, "nowhere");
    refuse(m, &(pb_lens_options){.answer = {.has_id = true, .id = 100000}}, PB_EINVAL, "--answer-id");
    refuse(m, &(pb_lens_options){.run = {.memory = 1}}, PB_ENOMEM, "--memory");
    model_free(m);
}

/* The least budget that an error names is enough, and what it holds is what was asked for. */
static void the_budget_that_it_names_is_enough(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    pb_lens_options o = {.positions = "all", .run = {.memory = 1}};
    lens n;
    size_t megabytes;
    pb_error why = error_of(m, &o);
    assert_int_equal(sscanf(strstr(why.message, "at least "), "at least %zu MB", &megabytes), 1);
    o.run.memory = megabytes << 20;
    assert_ok(lens_run_question(&n, &q, &o, err));
    lens_free(&n);
    question_free(&q);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_its_row_through_the_models_end),
        cmocka_unit_test(text_rows_are_looked_at_unless_others_are_named),
        cmocka_unit_test(the_last_layer_says_what_the_model_answers),
        cmocka_unit_test(of_a_whole_answer_the_first_token_is_read),
        cmocka_unit_test(more_tokens_than_there_are_are_all_of_them),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(the_budget_that_it_names_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
