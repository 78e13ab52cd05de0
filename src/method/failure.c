/* failure.c: see failure.h. */
#include "method/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "method/subjects.h"

/* ---- what can be judged ---- */

/* The questions without a NAN, in the input's order. */
typedef struct questions {
    const char **subject, **relation; /* [count]; relations NULL where there is none */
    bool *right, *first;              /* [count]; first: in the first half of the subjects */
    double *prob;                     /* [count] */
    double *contribution;             /* [count][layers] */
    size_t count, layers, subjects;
} questions;

static bool is_whole(const failure_input *in, size_t i)
{
    for (size_t l = 0; l < in->layers; l++)
        if (isnan(in->contribution[i * in->layers + l]))
            return false;
    return !isnan(in->prob[i]);
}

/* Marks the questions of the first half of the subjects. */
static void split(questions *q, uint64_t seed)
{
    size_t *subject = mem_new(q->count, sizeof *subject);
    q->subjects = subjects_number(q->subject, q->count, subject);
    size_t *order = mem_new(q->subjects, sizeof *order);
    bool *first = mem_new(q->subjects, sizeof *first);
    random_state random = random_from(seed);
    for (size_t i = 0; i < q->subjects; i++)
        order[i] = i;
    for (size_t i = q->subjects; i-- > 1;) {
        size_t other = random_below(&random, i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < q->subjects / 2; i++)
        first[order[i]] = true;
    for (size_t i = 0; i < q->count; i++)
        q->first[i] = first[subject[i]];
    free(subject);
    free(order);
    free(first);
}

static questions whole_questions(const failure_input *in)
{
    size_t n = in->count, L = in->layers;
    questions q = {.subject = mem_new(n, sizeof *q.subject), .relation = mem_new(n, sizeof *q.relation),
                   .right = mem_new(n, sizeof *q.right), .first = mem_new(n, sizeof *q.first),
                   .prob = mem_new(n, sizeof *q.prob), .contribution = mem_new(n * L, sizeof *q.contribution), .layers = L};
    for (size_t i = 0; i < n; i++) {
        if (!is_whole(in, i))
            continue;
        q.subject[q.count] = in->subject[i];
        q.relation[q.count] = in->relation ? in->relation[i] : NULL;
        q.right[q.count] = in->correct[i];
        q.prob[q.count] = in->prob[i];
        if (L)
            memcpy(q.contribution + q.count * L, in->contribution + i * L, L * sizeof *q.contribution);
        q.count++;
    }
    split(&q, in->seed);
    return q;
}

static void questions_free(questions *q)
{
    free(q->subject);
    free(q->relation);
    free(q->right);
    free(q->first);
    free(q->prob);
    free(q->contribution);
}

/* ---- some of them, with a score each ---- */

typedef struct chosen {
    auroc_sample s;      /* its arrays are owned */
    double *other;       /* [s.count] the score that is compared with s.score; or NULL */
    size_t right, wrong;
} chosen;

static bool is_in(const questions *q, size_t i, failure_half half, const char *relation)
{
    if (half != FAILURE_ALL && q->first[i] != (half == FAILURE_FIRST))
        return false;
    return !relation || (q->relation[i] && strcmp(q->relation[i], relation) == 0);
}

/* score, other: [q->count]; other may be NULL. */
static chosen choose(const questions *q, failure_half half, const char *relation, const double *score,
                     const double *other)
{
    const char **subject = mem_new(q->count, sizeof *subject);
    bool *right = mem_new(q->count, sizeof *right);
    double *values = mem_new(q->count, sizeof *values);
    chosen c = {.s = {.score = values, .right = right, .subject = subject},
                .other = other ? mem_new(q->count, sizeof *c.other) : NULL};
    for (size_t i = 0; i < q->count; i++) {
        if (!is_in(q, i, half, relation))
            continue;
        subject[c.s.count] = q->subject[i];
        right[c.s.count] = q->right[i];
        values[c.s.count] = score[i];
        if (other)
            c.other[c.s.count] = other[i];
        c.s.count++;
        (*(q->right[i] ? &c.right : &c.wrong))++;
    }
    return c;
}

static void chosen_free(chosen *c)
{
    free((void *)c->s.score);
    free((void *)c->s.right);
    free((void *)c->s.subject);
    free(c->other);
}

/* ---- the run of layers ---- */

/* averages[count]: each question's contribution over the run. */
static void average(const questions *q, const failure_run *run, double *averages)
{
    for (size_t i = 0; i < q->count; i++) {
        double sum = 0;
        for (size_t l = run->first; l < run->first + run->length; l++)
            sum += q->contribution[i * q->layers + l];
        averages[i] = sum / (double)run->length;
    }
}

static void find_runs(failure *f, const questions *q, double *averages)
{
    f->runs = mem_new(q->layers * FAILURE_RUN, sizeof *f->runs);
    for (size_t length = 1; length <= FAILURE_RUN; length++)
        for (size_t first = 0; first + length <= q->layers; first++) {
            failure_run *run = &f->runs[f->run_count];
            *run = (failure_run){.first = first, .length = length};
            average(q, run, averages);
            chosen c = choose(q, FAILURE_FIRST, NULL, averages, NULL);
            run->auroc = auroc_of(&c.s);
            chosen_free(&c);
            if (isfinite(run->auroc) && (f->chosen < 0 || run->auroc > f->runs[f->chosen].auroc))
                f->chosen = (long)f->run_count;
            f->run_count++;
        }
}

/* ---- the fit ---- */

/* odds[count] of every question, by a fit on the first half. */
static void fit_both(failure *f, const questions *q, const double *averages, double *odds)
{
    double *x = mem_new(q->count * LOGISTIC_FEATURES, sizeof *x);
    bool *right = mem_new(q->count, sizeof *right);
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++)
        if (q->first[i]) {
            x[n * LOGISTIC_FEATURES] = q->prob[i];
            x[n * LOGISTIC_FEATURES + 1] = averages[i];
            right[n++] = q->right[i];
        }
    f->fit = logistic_fit(x, right, n);
    for (size_t i = 0; i < q->count; i++)
        odds[i] = logistic_odds(&f->fit, (double[LOGISTIC_FEATURES]){q->prob[i], averages[i]});
    free(x);
    free(right);
}

/* ---- scores ---- */

typedef struct judged {
    const questions *q;
    const double *averages, *odds; /* [count] by the chosen run and by the fit */
    uint64_t seed;
} judged;

/* Whether there is a run, or a fit, that the signal needs. */
static bool is_there(const failure *f, failure_signal signal)
{
    if (signal == FAILURE_PROB)
        return true;
    return f->chosen >= 0 && (signal == FAILURE_CONTRIBUTION || f->fit.end == LOGISTIC_MADE);
}

static void judge(failure *f, const judged *j, failure_signal signal, failure_half half, const char *relation)
{
    const double *const score[] = {[FAILURE_PROB] = j->q->prob, [FAILURE_CONTRIBUTION] = j->averages,
                                   [FAILURE_BOTH] = j->odds, [FAILURE_GAIN] = j->q->prob};
    chosen c = choose(j->q, half, relation, score[signal], signal == FAILURE_GAIN ? j->odds : NULL);
    failure_score s = {.signal = signal, .half = half, .relation = relation, .right = c.right, .wrong = c.wrong};
    if (is_there(f, signal)) {
        s.auroc = c.other ? auroc_interval_of_gain(&c.s, c.other, j->seed) : auroc_interval(&c.s, j->seed);
        s.curve = c.other ? NULL : auroc_curve(&c.s, FAILURE_POINTS, &s.curve_count);
    } else {
        size_t *number = mem_new(c.s.count, sizeof *number);
        s.auroc = (interval){.mean = NAN, .low = NAN, .high = NAN, .questions = c.s.count,
                             .subjects = subjects_number(c.s.subject, c.s.count, number)};
        free(number);
    }
    s.testable = s.auroc.subjects >= FAILURE_SUBJECTS && isfinite(s.auroc.mean);
    chosen_free(&c);
    f->scores = mem_resize(f->scores, f->count + 1, sizeof *f->scores);
    f->scores[f->count++] = s;
}

static void judge_all(failure *f, const judged *j, const char *relation)
{
    judge(f, j, FAILURE_PROB, FAILURE_ALL, relation);
    if (j->q->layers == 0)
        return;
    judge(f, j, FAILURE_PROB, FAILURE_SECOND, relation);
    if (!relation)
        judge(f, j, FAILURE_CONTRIBUTION, FAILURE_FIRST, NULL);
    judge(f, j, FAILURE_CONTRIBUTION, FAILURE_SECOND, relation);
    judge(f, j, FAILURE_BOTH, FAILURE_SECOND, relation);
    judge(f, j, FAILURE_GAIN, FAILURE_SECOND, relation);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void judge_relations(failure *f, const judged *j)
{
    const questions *q = j->q;
    const char **names = mem_new(q->count, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++)
        if (q->relation[i])
            names[count++] = q->relation[i];
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            judge_all(f, j, names[i]);
    free(names);
}

failure failure_of(const failure_input *in)
{
    questions q = whole_questions(in);
    failure f = {.chosen = -1, .questions = q.count, .subjects = q.subjects, .left_out = in->count - q.count,
                 .fit = {.end = LOGISTIC_ONE_CLASS}};
    double *averages = mem_new(q.count, sizeof *averages), *odds = mem_new(q.count, sizeof *odds);
    find_runs(&f, &q, averages);
    if (f.chosen >= 0) {
        average(&q, &f.runs[f.chosen], averages);
        fit_both(&f, &q, averages, odds);
    }
    judged j = {&q, averages, odds, in->seed};
    judge_all(&f, &j, NULL);
    judge_relations(&f, &j);
    free(averages);
    free(odds);
    questions_free(&q);
    return f;
}

void failure_free(failure *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        free(f->scores[i].curve);
    free(f->scores);
    free(f->runs);
    *f = (failure){0};
}

/* ---- words ---- */

const char *failure_signal_name(failure_signal s)
{
    static const char *const names[] = {"prob", "contribution", "both", "gain"};
    return names[s];
}

const char *failure_half_name(failure_half h)
{
    static const char *const names[] = {"all", "first", "second"};
    return names[h];
}

const char *failure_verdict(const failure_score *s)
{
    bool gain = s->signal == FAILURE_GAIN;
    double chance = gain ? 0 : 0.5;
    if (!s->testable)
        return "not testable here";
    if (s->auroc.low > chance)
        return gain ? "a gain" : "above chance";
    if (s->auroc.high < chance)
        return gain ? "a loss" : "below chance";
    return "undecided";
}
