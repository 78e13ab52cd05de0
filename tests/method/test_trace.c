/* test_trace.c: a trace is what its definition says: windows, known cells, marks, whole answers; and the same to the bit
 * as its naive form, which runs every cell by itself. */
#include "tests/method/asked.h"

#include "method/trace_heads.h"

/* ---- windows ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The formulas of the definition, for every size and place, on models of one to four layers. */
static void windows_are_as_defined(void **state)
{
    (void)state;
    for (size_t L = 1; L <= 4; L++) {
        char *folder = tiny_copy(LLAVA), layers[8];
        snprintf(layers, sizeof layers, "%zu", L);
        tiny_set(folder, "config.json", "text_config.num_hidden_layers", layers);
        model *m = tiny_open(folder);
        for (size_t size = 0; size <= 9; size++)
            for (size_t radius = 0; radius < 2; radius++) {
                pb_trace_options o = pb_trace_defaults();
                o.radius = radius;
                o.window = size;
                o.positions = "last";
                o.sites = "attn_out";
                trace t = traced(m, NULL, &o);
                size_t W = size ? size : 1; /* 0 stands for the default */
                assert_int_equal(t.layer_count, L);
                for (size_t l = 0; l < L; l++) {
                    size_t first = radius ? (l > size ? l - size : 0) : (l > W / 2 ? l - W / 2 : 0);
                    size_t end = radius ? least(L, l + size + 1) : least(L, l + (W + 1) / 2);
                    assert_int_equal(t.sites[0].restored[l][0], first);
                    assert_int_equal(t.sites[0].restored[l][1], end - 1);
                }
                trace_free(&t);
            }
        model_free(m);
        folder_remove(folder);
    }
}

/* ---- replay and naive ---- */

/* The same request naively, and in as many waves as there can be: every cell that was filled in without running is
 * really so. */
static void check_request(model *m, const char *picture_file, const pb_trace_options *asked_for)
{
    pb_trace_options naive = *asked_for;
    naive.naive = true;
    trace a = traced(m, picture_file, asked_for), b = traced(m, picture_file, &naive);
    assert_same_grids(&a, &b);
    assert_int_equal(b.cost.cells_skipped, 0);
    assert_true(a.cost.flop <= b.cost.flop);
    trace_free(&a);
    trace_free(&b);
}

/* Corruptions in turn with windows, directions, groups, foils and whole answers. Positions begin with `first`. */
static void check_corruptions(const char *folder, const char *picture_file, const char *first,
                              const char *const (*corruptions)[2], size_t count)
{
    static const size_t windows[][2] = {{0, 1}, {0, 3}, {1, 0}, {1, 1}, {0, 9}};
    const char *rows = picture_file ? "image," : "";
    buffer positions = {0}, groups = {0};
    buffer_printf(&positions, "%s,%sconstraint,last", first, rows);
    buffer_printf(&groups, "constraint,%s,constraint,%slast,all,3:8", first, rows);
    model *m = tiny_open(folder);
    for (size_t c = 0; c < count; c++)
        for (size_t k = 0; k < 4; k++) {
            pb_trace_options o = pb_trace_defaults();
            o.corruptions = corruptions[c];
            o.corruption_count = 1 + (corruptions[c][1] != NULL);
            o.samples = 2;
            o.sites = (c + k) % 3 ? "resid_pre,attn_out,mlp_out,resid_post" : "head_out,mlp_out";
            o.freeze = (c + k) % 2 ? NULL : c % 2 ? "mlp" : "attn";
            o.freeze_span = (c + k) % 2 ? NULL : k == 2 ? "constraint,last" : "all";
            o.radius = windows[(c + k) % 5][0];
            o.window = windows[(c + k) % 5][1];
            o.noise_direction = k % 2;
            o.foil = k == 2 ? "Rome" : NULL;
            o.answer.text = k == 3 ? "a river in Japan" : NULL;
            o.answer.whole = k == 3;
            o.group = k == 1;
            o.positions = k == 1 ? groups.data : positions.data;
            check_request(m, picture_file, &o);
        }
    model_free(m);
    buffer_free(&positions);
    buffer_free(&groups);
}

static void every_cell_is_what_a_full_pass_gives(void **state)
{
    (void)state;
    buffer other = {0};
    buffer_printf(&other, "image:%s", OTHER_PICTURE);
    const char *const corruptions[][2] = {{"swap:Paris", NULL}, {"swap-phrase:this country", NULL}, {"noise:s1", NULL},
                                          {"image-rowmean", NULL}, {other.data, "swap:Rome"}, {"noise:0.3", "image-noise:0.2"}};
    check_corruptions(LLAVA, PICTURE, "bos", corruptions, 6);
    check_corruptions(BUNNY, PICTURE, "0:1", corruptions, 6); /* Phi's parallel blocks */
    check_corruptions(PHI, NULL, "0:1", corruptions, 3);
    check_corruptions(QWEN2, NULL, "0:1", corruptions, 3);
    buffer_free(&other);
}

/* ---- heads ---- */

static void each_head_is_a_cell(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options o = pb_trace_defaults();
    o.sites = "attn_out,head_out";
    o.positions = "constraint,last";
    trace t = traced(m, PICTURE, &o);
    size_t H = m->decoder.config.heads, columns = t.cell_count;
    assert_int_equal(t.sites[0].heads, 1);
    assert_int_equal(t.sites[1].heads, H);
    assert_int_equal(t.cost.cells, t.layer_count * columns * (1 + H));
    assert_ptr_equal(trace_heads_grid(&t), &t.sites[1]);
    trace_head top[TRACE_TOP_HEADS], all[64];
    size_t count = trace_top_heads(&t, top, TRACE_TOP_HEADS), most = trace_top_heads(&t, all, 64);
    assert_true(count > 1 && count <= TRACE_TOP_HEADS && most >= count);
    for (size_t i = 0; i < most; i++) {
        assert_true(i >= count || (top[i].effect == all[i].effect && top[i].head == all[i].head));
        assert_true(i == 0 || all[i].effect <= all[i - 1].effect);
        assert_true(all[i].effect == all[i].prob - t.corrupted.prob && all[i].effect > 0);
        assert_true(all[i].prob == t.sites[1].prob[(all[i].layer * columns + all[i].column) * H + all[i].head]);
        for (size_t c = 0; c < columns; c++)
            assert_true(t.sites[1].prob[(all[i].layer * columns + c) * H + all[i].head] <= all[i].prob);
    }
    trace_free(&t);
    o.sites = "mlp_out";
    t = traced(m, PICTURE, &o);
    assert_null(trace_heads_grid(&t));
    assert_int_equal(trace_top_heads(&t, top, TRACE_TOP_HEADS), 0);
    trace_free(&t);
    model_free(m);
}

/* Where there is one head, it is all that attention puts out: the same cells, to the bit, and the same ones known. */
static void an_only_head_is_the_attention_output(void **state)
{
    (void)state;
    static const char *const config[] = {"num_attention_heads", "num_key_value_heads"};
    char *folder = tiny_copy(PHI);
    for (size_t i = 0; i < 2; i++)
        tiny_set(folder, "config.json", config[i], "1");
    model *m = tiny_open(folder);
    assert_int_equal(m->decoder.config.heads, 1);
    for (int k = 0; k < 4; k++) {
        pb_trace_options o = pb_trace_defaults();
        o.sites = "attn_out";
        o.window = k % 2 ? 3 : 1;
        o.noise_direction = k / 2;
        trace a = traced(m, NULL, &o);
        o.sites = "head_out";
        trace b = traced(m, NULL, &o);
        assert_same_doubles(a.sites[0].prob, b.sites[0].prob, grid_size(&a), "one head");
        assert_same_doubles(a.sites[0].logprob, b.sites[0].logprob, grid_size(&a), "one head");
        assert_int_equal(a.cost.cells_skipped, b.cost.cells_skipped);
        trace_free(&a);
        trace_free(&b);
    }
    model_free(m);
    folder_remove(folder);
}

/* ---- severed traces ---- */

static bool same_grids(const trace *a, const trace *b)
{
    return memcmp(a->sites[0].prob, b->sites[0].prob, grid_size(a) * sizeof(double)) == 0;
}

/* What is held below the cell is not reached by it, and after the last layer nothing is left to hold; elsewhere it
 * shows. Known cells stay known. */
static void what_is_held_shows_where_the_cell_reaches_it(void **state)
{
    (void)state;
    if (!matmul_row_invariant())
        skip();
    model *m = tiny_open(LLAVA);
    for (int k = 0; k < 4; k++) {
        pb_trace_options o = pb_trace_defaults();
        o.sites = "attn_out";
        o.positions = "last";
        o.noise_direction = k % 2;
        o.freeze = NULL;
        trace plain = traced(m, PICTURE, &o);
        o.freeze = k / 2 ? "mlp" : "attn";
        o.freeze_span = "constraint";
        trace below = traced(m, PICTURE, &o);
        o.freeze_span = "last,bos";
        trace here = traced(m, PICTURE, &o);
        assert_true(here.severed && here.severed_site == (k / 2 ? SITE_MLP_OUT : SITE_ATTN_OUT));
        assert_string_equal(here.severed_name, "last,bos");
        assert_int_equal(here.severed_rows.count, 2);
        assert_false(plain.severed);
        assert_true(same_grids(&plain, &below));
        assert_false(same_grids(&plain, &here));
        size_t L = plain.layer_count; /* one position: the last layer's cell is the last number */
        assert_true(plain.sites[0].prob[L - 1] == here.sites[0].prob[L - 1]);
        assert_true(plain.cost.cells_skipped == here.cost.cells_skipped);
        trace_free(&plain);
        trace_free(&below);
        trace_free(&here);
    }
    model_free(m);
}

/* Rows are joined by attention alone: with its output held on all of them after the cell, what is restored at other rows
 * never comes to the last one. */
static void with_attention_held_nothing_moves_between_rows(void **state)
{
    (void)state;
    if (!matmul_row_invariant())
        skip();
    model *m = tiny_open(LLAVA);
    pb_trace_options o = pb_trace_defaults();
    o.sites = "resid_post,mlp_out,head_out";
    o.positions = "constraint";
    o.freeze = "attn";
    o.freeze_span = "all";
    trace t = traced(m, PICTURE, &o);
    for (size_t s = 0; s < t.site_count; s++)
        for (size_t i = 0; i < trace_grid_size(&t, &t.sites[s]); i++)
            assert_true(t.sites[s].prob[i] == t.corrupted.prob);
    assert_true(t.cost.cells_skipped < t.cost.cells); /* run, not filled in */
    trace_free(&t);
    model_free(m);
}

static void what_cannot_be_held_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *freeze, *rows, *says;
    } wrong[] = {{"mlp", NULL, "--freeze needs --freeze-span"}, {NULL, "last", "--freeze-span needs --freeze"},
                 {"resid_post", "last", "neither mlp nor attn"}, {"mlp", "control,nowhere", "unknown span \"nowhere\""},
                 {"mlp", "", "unknown span \"\""}, {"attn", "5:5", "is empty"}, {"attn", "constraint:3", "out of range"}};
    model *m = tiny_open(LLAVA);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        question q = asked(m, PICTURE);
        pb_trace_options o = pb_trace_defaults();
        trace t;
        o.freeze = wrong[i].freeze;
        o.freeze_span = wrong[i].rows;
        assert_fails(trace_run_question(&t, &q, &o, err), PB_EINVAL, wrong[i].says);
        question_free(&q);
    }
    model_free(m);
}

/* ---- what is known ---- */

static void positions_before_the_change_and_last_layers_are_known(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options o = pb_trace_defaults();
    o.positions = "all";
    trace t = traced(m, PICTURE, &o);
    size_t columns = t.cell_count, before = t.first_changed, last = columns - 1, L = t.layer_count, known = 0;
    for (size_t s = 0; s < t.site_count; s++)
        for (size_t l = 0; l < L; l++)
            for (size_t p = 0; p < columns; p++)
                if (p < before || (l == L - 1 && p < last)) {
                    assert_true(t.sites[s].prob[l * columns + p] == t.corrupted.prob);
                    known++;
                }
    assert_true(t.cost.cells_skipped >= known && t.cost.cells_skipped < t.cost.cells);
    trace_free(&t);
    model_free(m);
}

static void all_changed_rows_at_the_start_are_the_clean_run(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    for (int noise = 0; noise < 2; noise++) {
        pb_trace_options o = pb_trace_defaults();
        o.sites = "resid_pre";
        o.group = true;
        o.positions = "constraint,all";
        o.noise_direction = noise;
        trace t = traced(m, PICTURE, &o);
        for (size_t c = 0; c < 2; c++)
            assert_same(t.sites[0].prob[c], noise ? t.corrupted.prob : t.clean.prob, "restored");
        trace_free(&t);
    }
    model_free(m);
}

/* Nothing is wrong with the corrupted run: every cell is known, and the trace is weak. */
static void a_corruption_that_changes_nothing(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "noise:0";
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = &spec;
    o.corruption_count = 1;
    o.verify = 1000000;
    trace t = traced(m, NULL, &o);
    assert_true(t.weak);
    assert_close(t.corrupted.prob, t.clean.prob, 1e-15 + slack(), "mean of ten equal samples", 0);
    assert_true(t.cost.cells_skipped == t.cost.cells || !matmul_row_invariant());
    assert_int_equal(t.verify_cells, t.cost.cells);
    assert_true(t.verify_max_rel_diff < 1e-12 + 2 * slack());
    for (size_t i = 0; i < grid_size(&t); i++)
        assert_true(t.sites[0].sd[i] < 1e-15 + slack());
    trace_free(&t);
    model_free(m);
}

/* ---- answers ---- */

/* log P of a whole answer, token by token, each in a run of its own. */
static double step_by_step(model *m, const question *q, const int32_t *ids, size_t count)
{
    size_t D = m->decoder.config.d_model, V = m->decoder.config.vocab, T = q->prompt.length;
    float *input = zeros((T + count) * D);
    double total = 0;
    memcpy(input, q->input, T * D * sizeof *input);
    for (size_t k = 0; k < count; k++) {
        replay_fork f = {.end = T + k, .input = input, .read_first = T + k - 1};
        float **rows = run_forks(&m->decoder, &f, 1, 0, NULL);
        double *prob = mem_new(V, sizeof *prob);
        assert_ok(score_add_probabilities(&m->decoder, (const float *const *)rows, 1, &prob, err));
        total += log(prob[ids[k]]);
        free(prob);
        rows_free(rows, 1);
        assert_ok(decoder_embed(&m->decoder, &ids[k], 1, input + (T + k) * D, err));
    }
    free(input);
    return total;
}

static void a_whole_answer_is_scored_token_by_token(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options o = pb_trace_defaults();
    o.answer.text = "a river in Japan";
    o.answer.whole = true;
    trace t = traced(m, PICTURE, &o);
    question q = asked(m, PICTURE);
    assert_true(t.answer_count > 3);
    double expected = step_by_step(m, &q, t.answer, t.answer_count);
    assert_close(t.clean.logprob, expected, 1e-9 + 10 * slack(), "logprob", 0);
    assert_close(t.clean.prob, exp(expected), 1e-12 + slack(), "prob", 0);
    question_free(&q);
    trace_free(&t);
    model_free(m);
}

static void the_default_answer_is_the_most_likely_token(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_trace_options o = pb_trace_defaults();
    o.sites = "mlp_out";
    trace t = traced(m, PICTURE, &o);
    assert_int_equal(t.answer_count, 1);
    assert_int_equal(t.answer[0], t.clean.top_id[0]);
    assert_true(t.clean.prob == t.clean.top_prob[0] || fabs(t.clean.prob - t.clean.top_prob[0]) < 1e-12);
    for (size_t i = 1; i < RUN_TOP; i++)
        assert_true(t.clean.top_prob[i - 1] >= t.clean.top_prob[i]);
    trace_free(&t);
    model_free(m);
}

/* ---- marks ---- */

/* A corrupted run that answers with the very word that was swapped in. In a model with tied embeddings and one layer, a
 * prompt that ends in a word is often continued by the same one. */
static void a_swap_that_answers_is_primed(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAMA);
    tiny_set(folder, "config.json", "num_hidden_layers", "1");
    model *m = tiny_open(folder);
    static const char *const words[] = {"capital", "river", "Japan", "Kenya", "Norway", "flag", "bridge", "movie", "cities", "London"};
    const char *constraint = "country";
    size_t primed = 0, not_primed = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        buffer spec = {0};
        buffer_printf(&spec, "swap:%s", words[i]);
        const char *specs[] = {spec.data};
        pb_trace_options o = pb_trace_defaults();
        o.corruptions = specs;
        o.corruption_count = 1;
        pb_question asked_for = {.question = "Where is this country", .template_name = "plain", .constraints = &constraint,
                                 .constraint_count = 1};
        question q;
        trace t;
        int32_t *ids;
        size_t count;
        assert_ok(question_open(&q, m, &asked_for, err));
        assert_ok(trace_run_question(&t, &q, &o, err));
        assert_ok(tokenizer_mid_sentence(m->tokenizer, words[i], "", &ids, &count, err));
        assert_int_equal(t.primed, t.corrupted.top_id[0] == ids[0]);
        assert_int_equal(t.weak, t.clean.prob - t.corrupted.prob < 0.1);
        primed += t.primed;
        not_primed += !t.primed;
        free(ids);
        trace_free(&t);
        question_free(&q);
        buffer_free(&spec);
    }
    print_message("%zu of %zu swaps are primed\n", primed, primed + not_primed);
    assert_true(primed > 0);
    model_free(m);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_as_defined),
        cmocka_unit_test(every_cell_is_what_a_full_pass_gives),
        cmocka_unit_test(each_head_is_a_cell),
        cmocka_unit_test(an_only_head_is_the_attention_output),
        cmocka_unit_test(what_is_held_shows_where_the_cell_reaches_it),
        cmocka_unit_test(with_attention_held_nothing_moves_between_rows),
        cmocka_unit_test(what_cannot_be_held_is_refused),
        cmocka_unit_test(positions_before_the_change_and_last_layers_are_known),
        cmocka_unit_test(all_changed_rows_at_the_start_are_the_clean_run),
        cmocka_unit_test(a_corruption_that_changes_nothing),
        cmocka_unit_test(a_whole_answer_is_scored_token_by_token),
        cmocka_unit_test(the_default_answer_is_the_most_likely_token),
        cmocka_unit_test(a_swap_that_answers_is_primed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
