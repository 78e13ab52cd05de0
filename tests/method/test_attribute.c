/* test_attribute.c: estimates approach what they estimate as the change grows small, add up as gradients do, and stand
 * beside exact values that are a trace's. */
#include "tests/method/asked.h"

#include "method/attribute.h"
#include "method/spearman.h"

static trace attributed(model *m, const char *picture_file, const pb_attribute_options *options)
{
    question q = asked(m, picture_file);
    trace t;
    assert_ok(attribute_run_question(&t, &q, options, err));
    question_free(&q);
    return t;
}

static void refused(model *m, const pb_attribute_options *options, const char *words)
{
    question q = asked(m, PICTURE);
    trace t;
    pb_error err;
    assert_int_not_equal(attribute_run_question(&t, &q, options, &err), PB_OK);
    assert_non_null(strstr(err.message, words));
    question_free(&q);
}

static double unpatched(const trace *t)
{
    return t->direction == TRACE_DENOISE ? t->corrupted.logprob : t->clean.logprob;
}

/* One corruption, all sites. */
static pb_attribute_options options_of(const char *const *spec, const char *positions)
{
    pb_attribute_options o = pb_attribute_defaults();
    o.trace.corruptions = spec;
    o.trace.corruption_count = 1;
    o.trace.samples = 1;
    o.trace.sites = "resid_pre,attn_out,mlp_out,resid_post,head_out";
    o.trace.positions = positions;
    return o;
}

/* ---- against what is estimated ---- */

/* The largest difference of estimate and exact value, as a share of the largest change. */
static double worst_share(const trace *t)
{
    double worst = 0, largest = 0;
    for (size_t s = 0; s < t->site_count; s++)
        for (size_t i = 0; i < trace_grid_size(t, &t->sites[s]); i++) {
            const trace_grid *g = &t->sites[s];
            worst = fmax(worst, fabs(g->estimate[i] - g->logprob[i]));
            largest = fmax(largest, fabs(g->logprob[i] - unpatched(t)));
        }
    assert_true(largest > 0);
    return worst / largest;
}

/* A tenth of the change leaves about a tenth of the difference: it is of second order. */
static void check_small_changes(const char *folder, const char *picture_file, const char *large, const char *small)
{
    model *m = tiny_open(folder);
    const char *const specs[] = {large, small};
    for (size_t k = 0; k < 6; k++) {
        double share[2];
        for (size_t i = 0; i < 2; i++) {
            pb_attribute_options o = options_of(&specs[i], "all");
            o.exact_all = true;
            o.trace.noise_direction = k % 2;
            o.trace.window = k == 2 ? 2 : 1;
            o.trace.samples = k == 3 ? 3 : 1;
            o.trace.answer.text = "a river in Japan";
            o.trace.answer.whole = k == 4;
            o.steps = k == 5 ? 2 : 0;
            trace t = attributed(m, picture_file, &o);
            share[i] = k == 2 ? 0 : worst_share(&t); /* in a window's layers effects add up, to first order twice */
            trace_free(&t);
        }
        assert_true(share[0] < 0.5);
        assert_true(share[1] < 0.2 * share[0] + 0.01); /* rounding */
    }
    model_free(m);
}

static void small_changes_are_estimated_well(void **state)
{
    (void)state;
    check_small_changes(LLAVA, PICTURE, "noise:0.02", "noise:0.002");
    check_small_changes(BUNNY, PICTURE, "noise:0.02", "noise:0.002"); /* Phi's parallel blocks */
    check_small_changes(PHI, NULL, "noise:0.02", "noise:0.002");
    check_small_changes(QWEN2, NULL, "noise:0.02", "noise:0.002");
    check_small_changes(LLAVA, PICTURE, "image-noise:0.01", "image-noise:0.001");
}

/* In a window of layers a change is counted in each, and its rows' add up. */
static void windows_and_groups_are_sums(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "swap:Paris";
    pb_attribute_options one = options_of(&spec, "all"), window = one, group = one;
    window.trace.window = 2;
    group.trace.positions = "constraint,all";
    group.trace.group = true;
    trace a = attributed(m, PICTURE, &one), b = attributed(m, PICTURE, &window), c = attributed(m, PICTURE, &group);
    size_t n = a.cell_count, L = a.layer_count;
    for (size_t s = 0; s < a.site_count; s++)
        for (size_t l = 0; l < L; l++) {
            const double *of = a.sites[s].estimate;
            size_t H = a.sites[s].heads;
            for (size_t h = 0; h < H; h++) {
                double all = 0, constraint = 0;
                for (size_t p = 0; p < n; p++) {
                    double here = of[(l * n + p) * H + h], below = l > 0 ? of[((l - 1) * n + p) * H + h] :
                        unpatched(&a);
                    assert_close(b.sites[s].estimate[(l * n + p) * H + h], here + below - unpatched(&a), 1e-9,
                                 "window", p);
                    all += here - unpatched(&a);
                    constraint += span_has(&c.cells[0], p) ? here - unpatched(&a) : 0;
                }
                assert_close(c.sites[s].estimate[(l * 2 + 1) * H + h] - unpatched(&a), all, 1e-9, "all", l);
                assert_close(c.sites[s].estimate[l * 2 * H + h] - unpatched(&a), constraint, 1e-9, "constraint", l);
            }
        }
    trace_free(&a);
    trace_free(&b);
    trace_free(&c);
    model_free(m);
}

/* What heads change passes through the output projection, which is linear. */
static void heads_add_up_to_attention(void **state)
{
    (void)state;
    model *m = tiny_open(BUNNY);
    const char *spec = "swap:Paris";
    pb_attribute_options o = options_of(&spec, "all");
    trace t = attributed(m, PICTURE, &o);
    const trace_grid *attention = &t.sites[1], *heads = &t.sites[4];
    assert_true(heads->heads > 1);
    for (size_t i = 0; i < grid_size(&t); i++) {
        double sum = unpatched(&t);
        for (size_t h = 0; h < heads->heads; h++)
            sum += heads->estimate[i * heads->heads + h] - unpatched(&t);
        assert_close(sum, attention->estimate[i], 1e-4 * (1 + fabs(attention->estimate[i] - unpatched(&t))), "heads",
                     i);
    }
    trace_free(&t);
    model_free(m);
}

/* Along the way from one run to the other the gradients' mean accounts for the whole difference, and both directions
 * have the same mean. */
static void steps_on_the_way_account_for_the_difference(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "swap:Paris";
    double change[2], missed[2];
    for (size_t k = 0; k < 2; k++)
        for (int noise = 0; noise < 2; noise++) {
            pb_attribute_options o = options_of(&spec, "constraint");
            o.trace.group = true;
            o.trace.noise_direction = noise;
            o.steps = k ? 64 : 8;
            trace t = attributed(m, PICTURE, &o);
            change[noise] = t.sites[0].estimate[0] - unpatched(&t);
            missed[k] = fabs(t.clean.logprob - t.corrupted.logprob - (noise ? -change[1] : change[0]));
            assert_true(missed[k] <= (k ? 1e-4 : 0.05) * fabs(t.clean.logprob - t.corrupted.logprob));
            if (noise)
                assert_close(change[1], -change[0], 1e-5 * fabs(change[0]), "steps", o.steps);
            trace_free(&t);
        }
    assert_true(missed[1] < missed[0]);
    model_free(m);
}

/* Rows that no change reaches, and in the last layer those that nothing reads, have an estimate of nothing. */
static void known_cells_are_estimated_as_nothing(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "noise:0.5";
    pb_attribute_options o = options_of(&spec, "all");
    o.trace.samples = 3;
    trace t = attributed(m, PICTURE, &o);
    for (size_t s = 0; s < t.site_count; s++)
        for (size_t l = 0; l < t.layer_count; l++)
            for (size_t p = 0; p < t.cell_count; p++)
                for (size_t h = 0; h < t.sites[s].heads; h++)
                    if (p < t.first_changed || (l + 1 == t.layer_count && p + 1 < t.cell_count && s > 0))
                        assert_true(t.sites[s].estimate[(l * t.cell_count + p) * t.sites[s].heads + h] == t.corrupted.logprob);
    trace_free(&t);
    model_free(m);
}

/* ---- exact values ---- */

static void check_exact(const trace *t, const trace *whole, size_t expected)
{
    size_t found = 0;
    double least = INFINITY, most_left = 0;
    for (size_t s = 0; s < t->site_count; s++)
        for (size_t i = 0; i < trace_grid_size(t, &t->sites[s]); i++) {
            const trace_grid *g = &t->sites[s], *w = &whole->sites[s];
            double size = fabs(g->estimate[i] - unpatched(t));
            assert_true(isnan(g->prob[i]) == isnan(g->logprob[i]) && isnan(g->prob[i]) == isnan(g->sd[i]));
            assert_true(isnan(g->prob[i]) == isnan(g->logit_diff[i]));
            if (isnan(g->prob[i])) {
                most_left = fmax(most_left, size);
                continue;
            }
            found++;
            least = fmin(least, size);
            assert_same(g->prob[i], w->prob[i], "prob");
            assert_same(g->logprob[i], w->logprob[i], "logprob");
            assert_same(g->sd[i], w->sd[i], "sd");
            assert_same(g->logit_diff[i], w->logit_diff[i], "logit_diff");
        }
    assert_int_equal(found, expected);
    assert_int_equal(t->estimates.exact, expected);
    assert_true(least >= most_left - 1e-12);
    for (size_t i = 1; i < expected; i++) {
        const trace_cell *a = &t->estimates.largest[i - 1], *b = &t->estimates.largest[i];
        double x = t->sites[a->site].estimate[trace_cell_in_grid(t, *a)];
        double y = t->sites[b->site].estimate[trace_cell_in_grid(t, *b)];
        assert_true(fabs(x - unpatched(t)) >= fabs(y - unpatched(t)) - 1e-12);
    }
}

static void exact_values_are_the_traces(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "noise:s1";
    for (int noise = 0; noise < 2; noise++) {
        pb_attribute_options o = options_of(&spec, "bos,constraint,last");
        o.trace.samples = 2;
        o.trace.foil = "Rome";
        o.trace.noise_direction = noise;
        trace whole = traced(m, PICTURE, &o.trace), t;
        size_t all = trace_cell_total(&whole), counts[] = {0, 1, 7, all - 1, all, all + 5};
        for (size_t i = 0; i < 6; i++) {
            o.exact = counts[i];
            t = attributed(m, PICTURE, &o);
            check_exact(&t, &whole, counts[i] == 0 ? ATTRIBUTE_EXACT : counts[i] < all ? counts[i] : all);
            assert_true(isnan(t.estimates.spearman) == (counts[i] < all));
            assert_true(isnan(t.sites[1].spearman) == (counts[i] < all));
            trace_free(&t);
        }
        o.exact = 1;
        o.exact_all = true;
        t = attributed(m, PICTURE, &o);
        check_exact(&t, &whole, all);
        assert_int_equal(t.cost.cells, all);
        assert_int_equal(t.cost.cells_skipped, whole.cost.cells_skipped);
        trace_free(&t);
        trace_free(&whole);
    }
    model_free(m);
}

static void spearman_is_as_defined(void **state)
{
    (void)state;
    const double up[] = {1, 2, 3, 40}, down[] = {9, 8, 7, -6}, tied[] = {1, 2, 2, 3}, flat[] = {1, 1, 1, 1},
        none[] = {1, NAN, 2, 3};
    const double a[] = {106, 100, 86, 101, 99, 103, 97, 113, 112, 110}, b[] = {7, 27, 2, 50, 28, 29, 20, 12, 6, 17};
    assert_close(spearman_of(up, up, 4), 1, 1e-15, "same", 0);
    assert_close(spearman_of(up, down, 4), -1, 1e-15, "reverse", 0);
    assert_close(spearman_of(up, tied, 4), 0.9486832980505138, 1e-15, "tied", 0); /* SciPy's */
    assert_close(spearman_of(a, b, 10), -29.0 / 165, 1e-15, "a known one", 0);
    assert_true(isnan(spearman_of(up, flat, 4)) && isnan(spearman_of(up, none, 4)) && isnan(spearman_of(up, up, 1)));
}

/* ---- limits ---- */

/* As many gradients at a time as the budget has room for; fewer give the same. */
static void budgets_do_not_change_estimates(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "image-noise:0.5";
    pb_attribute_options o = options_of(&spec, "all");
    o.trace.samples = 3;
    o.steps = 3;
    trace large = attributed(m, PICTURE, &o);
    size_t fits = 0;
    for (o.trace.run.memory = 1 << 16; fits < 3; o.trace.run.memory += o.trace.run.memory / 8) {
        question q = asked(m, PICTURE);
        trace t;
        pb_error err = {0};
        if (attribute_run_question(&t, &q, &o, &err) == PB_OK) {
            fits++;
            for (size_t s = 0; s < t.site_count; s++)
                for (size_t i = 0; i < trace_grid_size(&t, &t.sites[s]); i++)
                    assert_close(t.sites[s].estimate[i], large.sites[s].estimate[i],
                                 1e-12 + slack() * fabs(t.sites[s].estimate[i]), "estimate", i);
            trace_free(&t);
        } else {
            assert_int_equal(fits, 0);
            assert_non_null(strstr(err.message, "memory"));
        }
        question_free(&q);
    }
    trace_free(&large);
    model_free(m);
}

static void a_corruption_that_changes_nothing_is_refused(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const char *spec = "noise:0";
    pb_attribute_options o = options_of(&spec, "text");
    refused(m, &o, "noise:0) changes no row");
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_and_groups_are_sums),
        cmocka_unit_test(heads_add_up_to_attention),
        cmocka_unit_test(steps_on_the_way_account_for_the_difference),
        cmocka_unit_test(known_cells_are_estimated_as_nothing),
        cmocka_unit_test(exact_values_are_the_traces),
        cmocka_unit_test(spearman_is_as_defined),
        cmocka_unit_test(budgets_do_not_change_estimates),
        cmocka_unit_test(a_corruption_that_changes_nothing_is_refused),
        cmocka_unit_test(small_changes_are_estimated_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
