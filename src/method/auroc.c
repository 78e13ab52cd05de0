/* auroc.c: see auroc.h. The questions are sorted once; a resample, which is how often each subject was drawn, is then
 * one walk over them. */
#include "method/auroc.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "method/subjects.h"

/* ---- questions in the order of their scores ---- */

typedef struct ranked {
    double score;
    size_t subject;
    bool right;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

/* Ascending; free() */
static ranked *rank(const auroc_sample *s, const double *score, const size_t *subject)
{
    ranked *r = mem_new(s->count, sizeof *r);
    for (size_t i = 0; i < s->count; i++)
        r[i] = (ranked){score[i], subject ? subject[i] : 0, s->right[i]};
    qsort(r, s->count, sizeof *r, by_score);
    return r;
}

/* Right and wrong answers, each counted as often as its subject was drawn. */
typedef struct tally {
    uint64_t right, wrong;
} tally;

/* The area when subject i was drawn times[i] times. Twice the pairs in order, so that a tie counts 1. */
static double area(const ranked *r, size_t count, const uint32_t *times)
{
    tally below = {0};
    uint64_t twice = 0;
    for (size_t i = 0; i < count;) {
        tally tied = {0};
        double score = r[i].score;
        for (; i < count && r[i].score == score; i++)
            *(r[i].right ? &tied.right : &tied.wrong) += times[r[i].subject];
        twice += tied.right * (2 * below.wrong + tied.wrong);
        below.right += tied.right;
        below.wrong += tied.wrong;
    }
    return below.right && below.wrong ? (double)twice / (2 * (double)below.right * (double)below.wrong) : NAN;
}

double auroc_of(const auroc_sample *s)
{
    uint32_t once = 1;
    ranked *r = rank(s, s->score, NULL);
    double found = area(r, s->count, &once);
    free(r);
    return found;
}

/* ---- resamples ---- */

/* Ascending; what is no number stands last. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static double statistic(const ranked *a, const ranked *b, size_t count, const uint32_t *times)
{
    double x = area(a, count, times);
    return b ? area(b, count, times) - x : x;
}

/* The area by `a`, or the difference that `b` makes. */
static interval bootstrap(const ranked *a, const ranked *b, size_t count, size_t subjects, uint64_t seed)
{
    uint32_t *times = mem_new(subjects, sizeof *times);
    double *values = mem_new(INTERVAL_RESAMPLES, sizeof *values);
    random_state random = random_from(seed);
    for (size_t i = 0; i < subjects; i++)
        times[i] = 1;
    interval out = {.mean = statistic(a, b, count, times), .questions = count, .subjects = subjects};
    for (size_t k = 0; k < INTERVAL_RESAMPLES; k++) {
        for (size_t i = 0; i < subjects; i++)
            times[i] = 0;
        for (size_t i = 0; i < subjects; i++)
            times[random_below(&random, subjects)]++;
        values[k] = statistic(a, b, count, times);
    }
    qsort(values, INTERVAL_RESAMPLES, sizeof *values, by_value);
    out.low = values[INTERVAL_LOW];
    out.high = values[INTERVAL_HIGH];
    free(times);
    free(values);
    return out;
}

static interval interval_by(const auroc_sample *s, const double *other, uint64_t seed)
{
    if (s->count == 0)
        return (interval){.mean = NAN, .low = NAN, .high = NAN};
    size_t *subject = mem_new(s->count, sizeof *subject), subjects = subjects_number(s->subject, s->count, subject);
    ranked *a = rank(s, s->score, subject), *b = other ? rank(s, other, subject) : NULL;
    interval out = {.mean = NAN, .low = NAN, .high = NAN, .questions = s->count, .subjects = subjects};
    if (isfinite(auroc_of(s)))
        out = bootstrap(a, b, s->count, subjects, seed);
    free(subject);
    free(a);
    free(b);
    return out;
}

interval auroc_interval(const auroc_sample *s, uint64_t seed)
{
    return interval_by(s, NULL, seed);
}

interval auroc_interval_of_gain(const auroc_sample *s, const double *other, uint64_t seed)
{
    return interval_by(s, other, seed);
}

/* ---- the curve ---- */

/* Keeps at most `most` of the points, evenly, the first and the last among them; returns how many. */
static size_t thin(auroc_point *points, size_t count, size_t most)
{
    if (count <= most)
        return count;
    for (size_t i = 0; i < most; i++)
        points[i] = points[i * (count - 1) / (most - 1)];
    return most;
}

auroc_point *auroc_curve(const auroc_sample *s, size_t most, size_t *count)
{
    ranked *r = rank(s, s->score, NULL);
    auroc_point *points = mem_new(s->count + 1, sizeof *points);
    tally all = {0}, above = {0};
    *count = 1; /* a threshold that none reaches */
    for (size_t i = 0; i < s->count; i++)
        (*(r[i].right ? &all.right : &all.wrong))++;
    for (size_t i = s->count; i-- > 0;) {
        (*(r[i].right ? &above.right : &above.wrong))++;
        if (i == 0 || r[i - 1].score < r[i].score)
            points[(*count)++] = (auroc_point){.wrong = (double)above.wrong / (double)all.wrong,
                                               .right = (double)above.right / (double)all.right};
    }
    free(r);
    if (all.right && all.wrong) {
        *count = thin(points, *count, most);
        return points;
    }
    free(points);
    *count = 0;
    return NULL;
}
