/* asked.h: questions to the tiny checkpoints, traced through trace_run_question. */
#ifndef TESTS_METHOD_ASKED_H
#define TESTS_METHOD_ASKED_H

#include "tests/engine/runs.h"

#include "math/matmul.h"
#include "method/ask.h"
#include "method/corruption.h"
#include "method/score.h"
#include "method/trace.h"

#define PICTURE GOLDEN("data/image/rgb.jpg")
#define OTHER_PICTURE GOLDEN("data/image/photo.png")

static const char *const the_constraint = "this country";

/* "What is the capital of this country?", with or without a picture. question_free */
static inline question asked(model *m, const char *picture_file)
{
    question q;
    pb_question p = {.image = picture_file, .question = "What is the capital of this country?",
                     .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open(&q, m, &p, err));
    return q;
}

static inline trace traced(model *m, const char *picture_file, const pb_trace_options *options)
{
    question q = asked(m, picture_file);
    trace t;
    assert_ok(trace_run_question(&t, &q, options, err));
    question_free(&q);
    return t;
}

/* How far two computations of one number may differ, relatively: not at all where a row's bits do not depend on the
 * other rows. */
static inline double slack(void)
{
    return matmul_row_invariant() ? 0 : 2e-5;
}

static inline void assert_same(double a, double b, const char *what)
{
    assert_close(a, b, slack() * fabs(b), what, 0);
}

static inline size_t grid_size(const trace *t)
{
    return t->layer_count * t->cell_count;
}

static inline void assert_same_doubles(const double *a, const double *b, size_t n, const char *what)
{
    assert_true((a == NULL) == (b == NULL));
    for (size_t i = 0; a && i < n; i++)
        if (!(fabs(a[i] - b[i]) <= slack() * (1 + fabs(b[i]))))
            test_stop(__FILE__, __LINE__, "%s: cell %zu of %zu is %.17g and %.17g", what, i, n, a[i], b[i]);
}

static inline void assert_same_grids(const trace *a, const trace *b)
{
    assert_int_equal(a->site_count, b->site_count);
    assert_int_equal(grid_size(a), grid_size(b));
    assert_same(a->clean.prob, b->clean.prob, "clean");
    assert_same(a->corrupted.prob, b->corrupted.prob, "corrupted");
    for (size_t s = 0; s < a->site_count; s++) {
        size_t n = trace_grid_size(a, &a->sites[s]);
        assert_int_equal(n, trace_grid_size(b, &b->sites[s]));
        assert_same_doubles(a->sites[s].prob, b->sites[s].prob, n, site_name(a->sites[s].site));
        assert_same_doubles(a->sites[s].logprob, b->sites[s].logprob, n, site_name(a->sites[s].site));
        assert_same_doubles(a->sites[s].logit_diff, b->sites[s].logit_diff, n, "logit_diff");
        assert_same_doubles(a->sites[s].sd, b->sites[s].sd, n, "sd");
    }
}

#endif
