/* failure_report.c: from a store to failure prediction, and to its tables as CSV (failure_report.h). */
#include "report/failure_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/csv_text.h"

/* ---- the store's questions ---- */

typedef struct collected {
    char **texts;
    size_t text_count;
    char **subject, **relation; /* [count] among the texts, or NULL */
    bool *correct;
    double *prob;
    double **contribution;      /* [count]; NULL: not measured */
    size_t count, capacity, layer_count, unknown;
    size_t *layers;
} collected;

static char *keep_text(collected *c, const char *text)
{
    if (!text)
        return NULL;
    c->texts = mem_resize(c->texts, c->text_count + 1, sizeof *c->texts);
    return c->texts[c->text_count++] = mem_text(text);
}

static void grow(collected *c)
{
    if (c->count < c->capacity)
        return;
    c->capacity = 2 * c->capacity + 64;
    c->subject = mem_resize(c->subject, c->capacity, sizeof *c->subject);
    c->relation = mem_resize(c->relation, c->capacity, sizeof *c->relation);
    c->correct = mem_resize(c->correct, c->capacity, sizeof *c->correct);
    c->prob = mem_resize(c->prob, c->capacity, sizeof *c->prob);
    c->contribution = mem_resize(c->contribution, c->capacity, sizeof *c->contribution);
}

/* The layers' numbers are in the result; where it does not say, they count from 0. */
static void take_layers(collected *c, size_t count, const char *detail)
{
    json_t *object = detail ? json_loads(detail, JSON_ALLOW_NUL, NULL) : NULL, *layers = json_object_get(object, "layers");
    c->layer_count = count;
    c->layers = mem_new(count, sizeof *c->layers);
    for (size_t l = 0; l < count; l++) {
        const json_t *number = json_array_size(layers) == count ? json_array_get(layers, l) : NULL;
        c->layers[l] = number ? (size_t)json_number_value(number) : l;
    }
    json_decref(object);
}

static double *contribution_of(collected *c, const store_result *r)
{
    for (size_t i = 0; i < r->curve_count; i++) {
        const store_curve *curve = &r->curves[i];
        if (strcmp(curve->name, FAILURE_PAIR) != 0 || strcmp(curve->class, FAILURE_MEASURE) != 0 || curve->count == 0)
            continue;
        if (!c->layers)
            take_layers(c, curve->count, r->detail);
        if (curve->count != c->layer_count)
            return NULL;
        double *values = mem_new(curve->count, sizeof *values);
        memcpy(values, curve->data, curve->count * sizeof *values);
        return values;
    }
    return NULL;
}

static pb_status collect(void *context, const store_result *r, pb_error *err)
{
    (void)err;
    collected *c = context;
    if (!r->status || !(strcmp(r->status, STORE_DONE) == 0 || strcmp(r->status, STORE_WRONG) == 0))
        return PB_OK;
    if (r->correct < 0) {
        c->unknown++;
        return PB_OK;
    }
    grow(c);
    c->subject[c->count] = keep_text(c, store_subject(&r->question));
    c->relation[c->count] = keep_text(c, r->question.relation);
    c->correct[c->count] = r->correct == 1;
    c->prob[c->count] = r->clean_prob;
    c->contribution[c->count++] = contribution_of(c, r);
    return PB_OK;
}

static void collected_free(collected *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->contribution[i]);
    for (size_t i = 0; i < c->text_count; i++)
        free(c->texts[i]);
    free(c->texts);
    free(c->subject);
    free(c->relation);
    free(c->correct);
    free(c->prob);
    free(c->contribution);
    free(c->layers);
}

/* ---- failure prediction ---- */

/* Why contributions cannot be judged; NULL: they can. */
static const char *why_not(const collected *c)
{
    size_t right = 0, wrong = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->contribution[i])
            (*(c->correct[i] ? &right : &wrong))++;
    if (!c->layers)
        return "The store holds no flow from the constraint to the last row.";
    return right && !wrong ? "Flows of wrong answers were not measured: sweep --include-wrong does." : NULL;
}

static failure judge(const collected *c, size_t layers, uint64_t seed)
{
    double *values = mem_new(c->count * layers, sizeof *values);
    for (size_t i = 0; i < c->count; i++)
        for (size_t l = 0; l < layers; l++)
            values[i * layers + l] = c->contribution[i] ? c->contribution[i][l] : NAN;
    failure_input in = {.subject = (const char *const *)c->subject, .relation = (const char *const *)c->relation,
                        .correct = c->correct, .prob = c->prob, .contribution = values, .count = c->count,
                        .layers = layers, .seed = seed};
    failure f = failure_of(&in);
    free(values);
    return f;
}

/* Whether no option names an answer to follow: {"answer": {"text": null, "id": null, ...}}. */
static bool is_given(const json_t *value)
{
    return value && !json_is_null(value);
}

/* Whether clean_prob is that of the first token of the model's own answer: no other is named (option "answer": {"id", "text",
 * "tokens"}), and no more of its tokens are counted. */
static bool own_first_token(const json_t *options)
{
    const json_t *answer = json_object_get(options, "answer");
    const char *tokens = json_string_value(json_object_get(answer, "tokens"));
    if (is_given(answer) && !json_is_object(answer))
        return false;
    return !is_given(json_object_get(answer, "text")) && !is_given(json_object_get(answer, "id")) &&
           (!tokens || strcmp(tokens, "first") == 0);
}

pb_status failure_of_store(failure_report *out, bool *any, store *s, pb_error *err)
{
    const store_about *about = store_of(s);
    collected c = {0};
    *out = (failure_report){0};
    *any = false;
    if (!own_first_token(about->options))
        return PB_OK;
    pb_status status = store_each(s, STORE_CURVES | STORE_DETAILS, collect, &c, err);
    if (status || c.count == 0) {
        collected_free(&c);
        return status;
    }
    *any = true;
    out->why = why_not(&c);
    out->layer_count = out->why ? 0 : c.layer_count;
    out->failure = judge(&c, out->layer_count, store_seed(about));
    out->unknown = c.unknown;
    out->layers = c.layers;
    out->texts = c.texts;
    out->text_count = c.text_count;
    c.layers = NULL;
    c.texts = NULL;
    c.text_count = 0;
    collected_free(&c);
    return PB_OK;
}

void failure_report_free(failure_report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->text_count; i++)
        free(r->texts[i]);
    free(r->texts);
    free(r->layers);
    failure_free(&r->failure);
    *r = (failure_report){0};
}

/* ---- tables ---- */

static void run_name(const failure_report *r, const failure_run *run, buffer *out)
{
    buffer_printf(out, "%zu", r->layers[run->first]);
    if (run->length > 1)
        buffer_printf(out, "-%zu", r->layers[run->first + run->length - 1]);
}

void failure_layers_name(const failure_report *r, buffer *out)
{
    buffer_text(out, "");
    if (r->failure.chosen >= 0)
        run_name(r, &r->failure.runs[r->failure.chosen], out);
}

void failure_csv_open(size_t stores, buffer *scores, buffer *layers)
{
    buffer_text(scores, "signal,half,relation,layers,questions,right,wrong,subjects,auroc,low,high,verdict");
    buffer_text(layers, "layers,auroc,chosen");
    csv_fields(scores, stores > 1 ? ",store" : "");
    csv_fields(layers, stores > 1 ? ",store" : "");
}

static void end_line(buffer *out, const char *label)
{
    if (label)
        csv_text(out, label);
    csv_end(out);
}

static void add_scores(const failure_report *r, const char *label, buffer *out)
{
    buffer layers = {0};
    failure_layers_name(r, &layers);
    for (size_t i = 0; i < r->failure.count; i++) {
        const failure_score *s = &r->failure.scores[i];
        csv_text(out, failure_signal_name(s->signal));
        csv_text(out, failure_half_name(s->half));
        csv_text(out, s->relation);
        csv_text(out, s->signal == FAILURE_PROB ? NULL : layers.data);
        csv_count(out, s->auroc.questions);
        csv_count(out, s->right);
        csv_count(out, s->wrong);
        csv_count(out, s->auroc.subjects);
        csv_number(out, s->auroc.mean);
        csv_number(out, s->auroc.low);
        csv_number(out, s->auroc.high);
        csv_text(out, failure_verdict(s));
        end_line(out, label);
    }
    buffer_free(&layers);
}

void failure_csv(const failure_report *r, const char *label, buffer *scores, buffer *layers)
{
    add_scores(r, label, scores);
    for (size_t i = 0; i < r->failure.run_count; i++) {
        buffer name = {0};
        run_name(r, &r->failure.runs[i], &name);
        csv_text(layers, name.data);
        csv_number(layers, r->failure.runs[i].auroc);
        csv_count(layers, (long)i == r->failure.chosen);
        end_line(layers, label);
        buffer_free(&name);
    }
}
