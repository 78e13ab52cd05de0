/* trace_npz.c: a trace in the files that ROME's causal tracing leaves, with its keys, so that its notebooks read them
 * (Meng et al. 2022; docs/formats.md).
 *
 * scores[T][L] has a row for every row of the prompt and a column for every layer of the decoder. NaN stands where
 * nothing was traced, except before the first row that the corruption changes: patching there changes no bit, so the
 * score is the reference run's. Positions restored together as a group all carry the group's score. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/npz.h"
#include "report/report.h"
#include "report/trace_words.h"

typedef struct rome_file {
    const char *name, *kind; /* kind as ROME's files have it: "" for the residual stream */
} rome_file;

static const rome_file files[SITE_PUT_COUNT] = {
    [SITE_RESID_PRE] = {"trace_resid_pre.npz", ""},
    [SITE_ATTN_OUT] = {"trace_attn.npz", "attn"},
    [SITE_MLP_OUT] = {"trace_mlp.npz", "mlp"},
    [SITE_RESID_POST] = {"trace.npz", ""},
    [SITE_HEAD_OUT] = {"trace_head.npz", "head"}, /* which ROME does not have */
};

/* scores[T][L], of heads [T][L][H] */
static void fill_scores(const trace_report *r, const trace_grid *g, float *scores)
{
    const trace *t = r->trace;
    size_t row = r->about.layers * g->heads, length = r->about.prompt->length;
    double reference = t->direction == TRACE_DENOISE ? t->corrupted.prob : t->clean.prob;
    for (size_t i = 0; i < length * row; i++)
        scores[i] = i / row < t->first_changed ? (float)reference : NAN;
    for (size_t c = t->cell_count; c-- > 0;) /* backwards: of overlapping groups the first one named wins */
        for (size_t i = 0; i < t->cells[c].count; i++)
            for (size_t l = 0; l < t->layer_count * g->heads; l++) {
                size_t layer = l / g->heads, head = l % g->heads;
                scores[t->cells[c].positions[i] * row + t->layers[layer] * g->heads + head] =
                    (float)g->prob[(layer * t->cell_count + c) * g->heads + head];
            }
}

static pb_status add_scores(npz *z, const trace_report *r, const trace_grid *g, pb_error *err)
{
    float *scores;
    size_t shape[3] = {r->about.prompt->length, r->about.layers, g->heads}, row, cells;
    if (!size_mul(shape[1], shape[2], &row) || !size_mul(shape[0], row, &cells))
        return fail(err, PB_ENOMEM, "no memory for scores: %zu x %zu x %zu values", shape[0], shape[1], shape[2]);
    TRY(mem_try(&scores, cells, sizeof *scores, "scores", err));
    fill_scores(r, g, scores);
    npz_add_f32(z, "scores", scores, g->site == SITE_HEAD_OUT ? 3 : 2, shape);
    free(scores);
    return PB_OK;
}

static void add_tokens(npz *z, const trace_report *r)
{
    size_t length = r->about.prompt->length;
    int64_t *ids = mem_new(length, sizeof *ids);
    buffer *texts = mem_new(length, sizeof *texts);
    for (size_t i = 0; i < length; i++) {
        ids[i] = r->about.prompt->ids[i];
        prompt_row_text(r->about.prompt, r->about.tokenizer, i, &texts[i]);
    }
    npz_add_i64(z, "input_ids", ids, 1, &length);
    npz_add_texts(z, "input_tokens", texts, length);
    for (size_t i = 0; i < length; i++)
        buffer_free(&texts[i]);
    free(texts);
    free(ids);
}

/* From the first to after the last row of constraint:0; (0, 0) without a constraint. */
static void add_subject(npz *z, const prompt *p)
{
    int64_t range[2] = {0, 0};
    if (p->constraint_count && p->constraints[0].count) {
        const span *s = &p->constraints[0];
        range[0] = (int64_t)s->positions[0];
        range[1] = (int64_t)s->positions[s->count - 1] + 1;
    }
    npz_add_i64(z, "subject_range", range, 1, (size_t[]){2});
}

static void add_rest(npz *z, const trace_report *r, const char *kind)
{
    const trace *t = r->trace;
    buffer answer = {0};
    int64_t window = (int64_t)(t->window_kind == WINDOW_CENTRED ? t->window : 2 * t->window + 1);
    npz_add_f64(z, "low_score", &t->corrupted.prob, 0, NULL);
    npz_add_f64(z, "high_score", &t->clean.prob, 0, NULL);
    add_tokens(z, r);
    add_subject(z, r->about.prompt);
    trace_answer_text(r, &answer);
    npz_add_text(z, "answer", answer.data, answer.size);
    buffer_free(&answer);
    npz_add_i64(z, "window", &window, 0, NULL);
    npz_add_text(z, "kind", kind, strlen(kind));
}

static pb_status write_site(const trace_report *r, const trace_grid *g, const char *path, pb_error *err)
{
    npz z;
    TRY(npz_open(&z, path, err));
    pb_status status = add_scores(&z, r, g, err);
    if (status) {
        npz_abandon(&z);
        return status;
    }
    add_rest(&z, r, files[g->site].kind);
    return npz_commit(&z, err);
}

pb_status report_trace_npz(const trace_report *r, const char *directory, pb_error *err)
{
    pb_status status = PB_OK;
    for (size_t s = 0; s < r->trace->site_count && !status; s++) {
        char *path = path_join(directory, files[r->trace->sites[s].site].name);
        status = write_site(r, &r->trace->sites[s], path, err);
        free(path);
    }
    return status;
}
