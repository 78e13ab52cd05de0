/* test_flow.c: flows are what they are defined as: sums over sources, means over destinations, shares of attn_out; of all
 * families. What the engine hands over is held to its definition in tests/engine/test_transfer.c. */
#include "tests/method/asked.h"

#include "method/flow.h"

static flow flown(model *m, const char *picture_file, const pb_span_pair *pairs, size_t count)
{
    question q = asked(m, picture_file);
    pb_flow_options o = {.pairs = pairs, .pair_count = count};
    flow f;
    assert_ok(flow_run_question(&f, &q, &o, err));
    question_free(&q);
    return f;
}

static double sum(const double *values, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += values[i];
    return total;
}

/* Identities of one pair, whatever the spans are. */
static void check_pair(const flow *f, size_t pair)
{
    const flow_curve *c = &f->curves[pair];
    size_t S = f->pairs.items[pair].sources.count;
    for (size_t l = 0; l < f->layer_count; l++) {
        assert_close(sum(c->per_position + l * S, S), c->sum_norm[l], 1e-9 * c->sum_norm[l], "norms of all sources", l);
        assert_true(c->norm_sum[l] <= c->sum_norm[l] * (1 + 1e-6)); /* the triangle's inequality */
        assert_true(c->sum_norm[l] <= sum(c->per_head + l * f->heads, f->heads) * (1 + 1e-6));
        assert_true(c->sum_norm[l] > 0 && c->relative[l] > 0 && isfinite(c->share[l]));
    }
}

static void check_family(const char *folder, bool pictured)
{
    static const pb_span_pair pairs[] = {{"all", "last"}, {"constraint", "last"}, {"all", "constraint"}, {"0:2", "last"}};
    model *m = tiny_open(folder);
    flow f = flown(m, pictured ? PICTURE : NULL, pairs, 4);
    assert_int_equal(f.layer_count, m->decoder.config.layers);
    for (size_t p = 0; p < 4; p++)
        check_pair(&f, p);
    for (size_t l = 0; l < f.layer_count; l++) { /* all sources together are attn_out */
        assert_close(f.curves[0].share[l], 1, 1e-5, "shares of all sources", l);
        assert_close(f.curves[2].share[l], 1, 1e-5, "shares of all sources", l);
        assert_true(fabs(f.curves[1].share[l] - 1) > 1e-4);
    }
    assert_true(f.clean.prob > 0 && f.clean.prob <= 1);
    assert_int_equal(f.answer_count, 1);
    assert_int_equal(f.answer[0], f.clean.top_id[0]);
    flow_free(&f);
    model_free(m);
}

static void identities_hold_of_all_families(void **state)
{
    (void)state;
    check_family(LLAVA, true);
    check_family(LLAVA, false);
    check_family(BUNNY, true);
    check_family(LLAMA, false);
    check_family(QWEN2, false);
    check_family(PHI, false);
}

/* Disjoint spans that make up all: their shares, and their sums of norms, add up. */
static void spans_add_up(void **state)
{
    (void)state;
    static const pb_span_pair pairs[] = {{"image", "last"}, {"text", "last"}, {"image,text", "last"}, {"all", "last"}};
    model *m = tiny_open(LLAVA);
    flow f = flown(m, PICTURE, pairs, 4);
    for (size_t l = 0; l < f.layer_count; l++) {
        const flow_curve *c = f.curves;
        assert_close(c[0].share[l] + c[1].share[l], 1, 1e-5, "shares", l);
        assert_close(c[0].sum_norm[l] + c[1].sum_norm[l], c[3].sum_norm[l], 1e-5 * c[3].sum_norm[l], "sums of norms", l);
        for (size_t h = 0; h < f.heads; h++)
            assert_close(c[0].per_head[l * f.heads + h] + c[1].per_head[l * f.heads + h], c[3].per_head[l * f.heads + h], 1e-5,
                         "heads", h);
        assert_same(c[2].norm_sum[l], c[3].norm_sum[l], "one set, named in two ways");
        assert_same(c[2].relative[l], c[3].relative[l], "one set, named in two ways");
    }
    flow_free(&f);
    model_free(m);
}

/* A mean over destinations is the mean of each alone. */
static void destinations_are_averaged(void **state)
{
    (void)state;
    static const pb_span_pair pairs[] = {{"0:8", "20:22"}, {"0:8", "20:21"}, {"0:8", "21:22"}};
    model *m = tiny_open(LLAVA);
    flow f = flown(m, PICTURE, pairs, 3);
    for (size_t l = 0; l < f.layer_count; l++) {
        const flow_curve *c = f.curves;
        assert_same(c[0].sum_norm[l], (c[1].sum_norm[l] + c[2].sum_norm[l]) / 2, "sum_norm");
        assert_same(c[0].norm_sum[l], (c[1].norm_sum[l] + c[2].norm_sum[l]) / 2, "norm_sum");
        assert_close(c[0].share[l], (c[1].share[l] + c[2].share[l]) / 2, 1e-9, "share", l);
        assert_close(c[0].relative[l], (c[1].relative[l] + c[2].relative[l]) / 2, 1e-9, "relative", l);
        for (size_t s = 0; s < 8; s++)
            assert_close(c[0].per_position[l * 8 + s], (c[1].per_position[l * 8 + s] + c[2].per_position[l * 8 + s]) / 2, 1e-9,
                         "per_position", s);
    }
    flow_free(&f);
    model_free(m);
}

/* What comes later gives nothing; a span may hold rows that some destinations see and others do not. */
static void later_rows_give_nothing(void **state)
{
    (void)state;
    static const pb_span_pair pairs[] = {{"3:12", "5:6"}, {"3:6", "5:6"}};
    model *m = tiny_open(LLAMA);
    flow f = flown(m, NULL, pairs, 2);
    for (size_t l = 0; l < f.layer_count; l++) {
        assert_same(f.curves[0].sum_norm[l], f.curves[1].sum_norm[l], "sum_norm");
        assert_same(f.curves[0].share[l], f.curves[1].share[l], "share");
        for (size_t s = 3; s < 9; s++)
            assert_true(f.curves[0].per_position[l * 9 + s] == 0);
        assert_true(f.curves[0].per_position[l * 9 + 2] > 0); /* a row gives to itself */
    }
    flow_free(&f);
    model_free(m);
}

static void layers_can_be_chosen(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    pb_flow_options o = {.first_layer = 1, .end_layer = 2};
    flow f, all = flown(m, PICTURE, NULL, 0);
    assert_ok(flow_run_question(&f, &q, &o, err));
    question_free(&q);
    assert_int_equal(f.layer_count, 1);
    assert_int_equal(f.layers[0], 1);
    assert_int_equal(f.pairs.count, 2); /* image > constraint, constraint > last */
    assert_same(f.curves[0].share[0], all.curves[0].share[1], "a layer by itself");
    assert_same(f.curves[1].sum_norm[0], all.curves[1].sum_norm[1], "a layer by itself");
    flow_free(&f), flow_free(&all);
    model_free(m);
}

/* A teacher-forced answer stands behind the prompt: it changes no flow inside of it. */
static void a_whole_answer_is_scored(void **state)
{
    (void)state;
    model *m = tiny_open(LLAMA);
    question q = asked(m, NULL), short_question = asked(m, NULL);
    pb_flow_options o = {.answer = {.text = "New York", .whole = true}}, first = {.answer = {.text = "New York"}};
    flow f, g;
    assert_ok(flow_run_question(&f, &q, &o, err));
    assert_ok(flow_run_question(&g, &short_question, &first, err));
    assert_true(f.answer_count > 1 && f.clean.prob < g.clean.prob);
    for (size_t l = 0; l < f.layer_count; l++)
        assert_same(f.curves[0].share[l], g.curves[0].share[l], "share");
    flow_free(&f), flow_free(&g);
    question_free(&q), question_free(&short_question);
    model_free(m);
}

static void refuses(model *m, pb_flow_options o, const char *words)
{
    question q = asked(m, NULL);
    flow f;
    assert_fails(flow_run_question(&f, &q, &o, err), words[0] == '!' ? PB_ENOMEM : PB_EINVAL, words + (words[0] == '!'));
    question_free(&q);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    model *m = tiny_open(LLAMA);
    refuses(m, (pb_flow_options){.first_layer = 1, .end_layer = 99}, "99");
    refuses(m, (pb_flow_options){.pairs = &(pb_span_pair){"image", "last"}, .pair_count = 1}, "image");
    refuses(m, (pb_flow_options){.pairs = &(pb_span_pair){"last", "2:4"}, .pair_count = 1}, "nothing flows there");
    refuses(m, (pb_flow_options){.pairs = &(pb_span_pair){"2:4", "nowhere"}, .pair_count = 1}, "nowhere");
    refuses(m, (pb_flow_options){.run.memory = 1000}, "!this flow");
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_hold_of_all_families), cmocka_unit_test(spans_add_up),
        cmocka_unit_test(destinations_are_averaged),       cmocka_unit_test(later_rows_give_nothing),
        cmocka_unit_test(layers_can_be_chosen),            cmocka_unit_test(a_whole_answer_is_scored),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
