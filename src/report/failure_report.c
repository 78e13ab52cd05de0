/* failure_report.c: from a store's summary to failure prediction (failure_report.h). */
#include "report/failure_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_rows.h"

/* ---- the summary's questions ---- */

/* Those whose answers are known to be right or wrong, as a failure_input has them. */
typedef struct known {
    const char **subject, **relation; /* [count] the summary's; NULL: none */
    bool *correct;                    /* [count] */
    double *prob;                     /* [count] */
    double *contribution;             /* [count][layers] NAN: not measured */
    size_t count, layers;
    size_t right, wrong;              /* of those whose contribution was measured */
    size_t unknown;                   /* questions beside them that are done */
} known;

static void add_known(known *k, const sweep_row *row, const double *measured)
{
    for (size_t l = 0; l < k->layers; l++)
        k->contribution[k->count * k->layers + l] = measured ? measured[l] : NAN;
    if (measured)
        ++*(row->correct ? &k->right : &k->wrong);
    k->subject[k->count] = row->subject_name;
    k->relation[k->count] = row->relation;
    k->correct[k->count] = row->correct == 1;
    k->prob[k->count++] = row->clean;
}

/* Those that are done, whether or not more was asked of them than their answer. */
static known known_of(const sweep_summary *s)
{
    const sweep_rows *r = s->rows;
    const sweep_curve *c = sweep_rows_curve(r, FAILURE_PAIR, FAILURE_MEASURE);
    size_t n = r->count, L = c ? c->columns : 0, at = 0;
    known k = {.subject = mem_new(n, sizeof *k.subject), .relation = mem_new(n, sizeof *k.relation),
               .correct = mem_new(n, sizeof *k.correct), .prob = mem_new(n, sizeof *k.prob),
               .contribution = mem_new(n * L, sizeof *k.contribution), .layers = L};
    for (size_t i = 0; i < n; i++) {
        bool has_curve = L && at < c->count && c->row[at] == i;
        const double *measured = has_curve ? c->values + at++ * L : NULL;
        if (!r->items[i].done && strcmp(s->list[i].status, STORE_WRONG) != 0)
            continue;
        if (r->items[i].correct < 0)
            k.unknown++;
        else
            add_known(&k, &r->items[i], measured);
    }
    return k;
}

static void known_free(known *k)
{
    free(k->subject);
    free(k->relation);
    free(k->correct);
    free(k->prob);
    free(k->contribution);
}

/* ---- failure prediction ---- */

/* Whether the method's runs are the plain model's, with its own answers. */
static bool runs_plainly(const char *method)
{
    static const char *const plain[] = {"flow", "knockout", "ask"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(method, plain[i]) == 0)
            return true;
    return false;
}

static bool is_given(const json_t *value)
{
    return value && !json_is_null(value);
}

/* Whether clean_prob is that of the first token of the model's own answer: no other is named (option "answer": {"id",
 * "text", "tokens"}), and no more of its tokens are counted. */
static bool own_first_token(const json_t *options)
{
    const json_t *answer = json_object_get(options, "answer");
    const char *tokens = json_string_value(json_object_get(answer, "tokens"));
    if (is_given(answer) && !json_is_object(answer))
        return false;
    return !is_given(json_object_get(answer, "text")) && !is_given(json_object_get(answer, "id")) &&
           (!tokens || strcmp(tokens, "first") == 0);
}

/* Why contributions cannot be judged; NULL: they can. */
static const char *why_not(const known *k)
{
    if (k->right + k->wrong == 0)
        return "The store holds no flow from the constraint to the last row.";
    return k->wrong == 0 ? "Flows of wrong answers were not measured: sweep --include-wrong does." : NULL;
}

static failure judge(const known *k, size_t layers, uint64_t seed)
{
    const failure_input in = {.subject = k->subject, .relation = k->relation, .correct = k->correct, .prob = k->prob,
                              .contribution = k->contribution, .count = k->count, .layers = layers, .seed = seed};
    return failure_of(&in);
}

failure_report failure_of_summary(const sweep_summary *s)
{
    failure_report out = {0};
    if (!runs_plainly(s->about->method) || !own_first_token(s->about->options))
        return out;
    known k = known_of(s);
    if (k.count) {
        out.any = true;
        out.why = why_not(&k);
        if (!out.why) {
            out.layer_count = k.layers;
            out.layers = sweep_series_find(s, FAILURE_PAIR, FAILURE_MEASURE, "", NULL)->layers;
        }
        out.failure = judge(&k, out.layer_count, s->rows->seed);
        out.unknown = k.unknown;
    }
    known_free(&k);
    return out;
}

void failure_report_free(failure_report *r)
{
    if (!r)
        return;
    failure_free(&r->failure);
    *r = (failure_report){0};
}

/* ---- names ---- */

void failure_run_name(const failure_report *r, const failure_run *run, buffer *out)
{
    buffer_printf(out, "%zu", r->layers[run->first]);
    if (run->length > 1)
        buffer_printf(out, "-%zu", r->layers[run->first + run->length - 1]);
}

void failure_layers_name(const failure_report *r, buffer *out)
{
    buffer_text(out, "");
    if (r->failure.chosen >= 0)
        failure_run_name(r, &r->failure.runs[r->failure.chosen], out);
}
