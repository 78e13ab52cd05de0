/* trace_references.c: the clean run of a trace and its corrupted ones (one per sample). See trace_job.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/earlier.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

static size_t first_difference(const float *a, const float *b, size_t rows, size_t D)
{
    for (size_t r = 0; r < rows; r++)
        if (memcmp(a + r * D, b + r * D, D * sizeof *a) != 0)
            return r;
    return rows;
}

static pb_status corrupt_inputs(trace_job *j, pb_error *err)
{
    size_t T = j->q->length, D = j->q->model->decoder.config.d_model;
    j->inputs = mem_new(j->samples, sizeof *j->inputs);
    j->first_changed = mem_new(j->samples, sizeof *j->first_changed);
    TRY(trace_tower_inputs(j, err));
    for (size_t s = 0; s < j->samples; s++) {
        TRY(mem_try(&j->inputs[s], T, D * sizeof(float), "a corrupted input", err));
        TRY(corruption_apply(&j->corruption, j->q, s, j->inputs[s], err));
        TRY(trace_tower_keep_input(j, s, err));
        j->first_changed[s] = first_difference(j->q->input, j->inputs[s], T, D);
        if (j->first_changed[s] > j->q->last)
            j->first_changed[s] = j->q->last; /* nothing changed: the run is read all the same */
        if (s == 0 || j->first_changed[s] < j->t->first_changed)
            j->t->first_changed = j->first_changed[s];
    }
    return PB_OK;
}

/* Site rows are needed from the first changed row on; where cells are computed without sharing, from the first cell's. */
static size_t sites_first(const trace_job *j)
{
    size_t first = j->t->first_changed;
    if (!j->options->naive && !j->options->verify)
        return first;
    for (size_t c = 0; c < j->t->cell_count; c++)
        first = j->t->cells[c].positions[0] < first ? j->t->cells[c].positions[0] : first;
    return j->t->severed && j->t->severed_rows.positions[0] < first ? j->t->severed_rows.positions[0] : first;
}

static bool traces_heads(const trace *t)
{
    for (size_t s = 0; s < t->site_count; s++)
        if (t->sites[s].site == SITE_HEAD_OUT)
            return true;
    return false;
}

/* Heads are kept where they are traced. */
static pb_status new_recording(const trace_job *j, recording **out, const recording *base, size_t first, size_t from,
                               pb_error *err)
{
    const decoder_config *c = &j->q->model->decoder.config;
    TRY(recording_new(out, c, base, first, j->q->length, from, err));
    return traces_heads(j->t) ? recording_keep_heads(*out, c, err) : PB_OK;
}

static size_t one_recording_bytes(const trace_job *j, size_t first, size_t from)
{
    const decoder_config *c = &j->q->model->decoder.config;
    size_t T = j->q->length;
    return recording_bytes(c, first, T, from) + (traces_heads(j->t) ? recording_heads_bytes(c, T, from) : 0);
}

/* The clean run rests on an earlier one that begins alike, as far as no site of its rows is wanted. */
static pb_status new_clean(trace_job *j, pb_error *err)
{
    size_t kept = sites_first(j), rows, most = kept < j->q->last ? kept : j->q->last;
    const recording *base = earlier_find(j->q->earlier, j->q, most, &rows);
    return new_recording(j, &j->clean, base, rows, kept, err);
}

static pb_status new_recordings(trace_job *j, pb_error *err)
{
    TRY(new_clean(j, err));
    j->corrupted = mem_new(j->samples, sizeof *j->corrupted);
    for (size_t s = 0; s < j->samples; s++) {
        size_t first = j->first_changed[s];
        TRY(new_recording(j, &j->corrupted[s], j->clean, first, first, err));
    }
    return PB_OK;
}

static size_t recordings_bytes(const trace_job *j)
{
    size_t input = j->q->length * j->q->model->decoder.config.d_model * sizeof(float);
    size_t bytes = one_recording_bytes(j, 0, sites_first(j));
    for (size_t s = 0; s < j->samples; s++)
        bytes += one_recording_bytes(j, j->first_changed[s], j->first_changed[s]) + input;
    return bytes + trace_tower_held_bytes(j);
}

/* What the budget leaves for the rows of a wave; too small a budget is an error that says what is needed. */
static pb_status plan_memory(trace_job *j, pb_error *err)
{
    const decoder *m = &j->q->model->decoder;
    size_t T = j->q->length, tokens = T - j->q->last;
    size_t cells = trace_cell_total(j->t) * j->samples; /* of heads there may be hundreds of thousands */
    size_t held = recordings_bytes(j), fixed = held + replay_fixed_bytes(m, T) + score_bytes(m, cells, tokens) +
                                               cells * (sizeof(replay_fork) + sizeof(row_edit[2]) + sizeof(score));
    size_t least = fixed + T * m->config.d_model * sizeof(float) * (j->samples + 1) + trace_tower_working_bytes(j);
    TRY(question_fits(least, j->options->run.memory, "this trace", err));
    j->wave_bytes = question_budget(j->options->run.memory) - fixed;
    j->fixed_bytes = fixed;
    j->held_bytes = held;
    return PB_OK;
}

static score_target target_of(const trace_job *j)
{
    return (score_target){j->q->answer, j->q->answer_count, j->t->foil};
}

pb_status trace_read_scores(trace_job *j, replay_fork *const *forks, size_t n, score *scores, pb_error *err)
{
    const float **rows = mem_new(n, sizeof *rows);
    score_target target = target_of(j);
    double begin = clock_now();
    for (size_t i = 0; i < n; i++)
        rows[i] = forks[i]->read;
    pb_status status = score_runs(&j->q->model->decoder, rows, n, &target, scores, err);
    free(rows);
    j->readout_seconds += clock_now() - begin;
    j->readout_flop += (double)(n * target.count) * decoder_readout_flop(&j->q->model->decoder.config);
    return status;
}

/* The clean run stands first; where no answer was named, it says which one is traced. */
static pb_status read_reference(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    trace_job *j = context;
    decoder *m = &j->q->model->decoder;
    for (size_t i = 0; i < count; i++) {
        size_t sample = (size_t)(forks[i] - j->references);
        TRY(score_add_probabilities(m, forks[i]->read, sample == 0 ? j->clean_prob : j->corrupted_prob, err));
        j->readout_flop += decoder_readout_flop(&m->config); /* read once for all tokens, and below for the answer's */
        if (!j->q->answer) {
            int32_t best;
            score_top(j->clean_prob, m->config.vocab, 1, &best);
            TRY(question_set_answer(j->q, &best, 1, err));
        }
        TRY(trace_read_scores(j, &forks[i], 1, sample == 0 ? &j->clean_score : &j->corrupted_score[sample - 1], err));
    }
    return PB_OK;
}

static replay_fork reference_fork(const trace_job *j, recording *record, const float *input)
{
    size_t D = j->q->model->decoder.config.d_model;
    return (replay_fork){.base = record->base, .first = record->first, .end = record->end,
                  .input = input + record->first * D, .record = record, .read_first = j->q->last};
}

static pb_status run_references(trace_job *j, pb_error *err)
{
    size_t V = j->q->model->decoder.config.vocab;
    j->references = mem_new(1 + j->samples, sizeof *j->references);
    j->corrupted_score = mem_new(j->samples, sizeof *j->corrupted_score);
    j->clean_prob = mem_new(V, sizeof *j->clean_prob);
    j->corrupted_prob = mem_new(V, sizeof *j->corrupted_prob);
    j->references[0] = reference_fork(j, j->clean, j->q->input);
    for (size_t s = 0; s < j->samples; s++)
        j->references[1 + s] = reference_fork(j, j->corrupted[s], j->inputs[s]);
    replay_options options = {.memory = j->wave_bytes, .finished = read_reference, .context = j};
    return replay_run(&j->q->model->decoder, j->references, 1 + j->samples, &options, &j->work, err);
}

static void summarise(trace_run *run, const double *prob, size_t vocab, double samples)
{
    score_top(prob, vocab, TRACE_TOP, run->top_id);
    for (size_t i = 0; i < TRACE_TOP; i++)
        run->top_prob[i] = run->top_id[i] >= 0 ? prob[run->top_id[i]] / samples : 0;
}

static void summarise_references(trace_job *j)
{
    trace *t = j->t;
    size_t V = j->q->model->decoder.config.vocab;
    t->clean = (trace_run){.prob = j->clean_score.prob, .logprob = j->clean_score.logprob};
    t->corrupted = (trace_run){0};
    for (size_t s = 0; s < j->samples; s++) {
        t->corrupted.prob += j->corrupted_score[s].prob / (double)j->samples;
        t->corrupted.logprob += j->corrupted_score[s].logprob / (double)j->samples;
    }
    summarise(&t->clean, j->clean_prob, V, 1);
    summarise(&t->corrupted, j->corrupted_prob, V, (double)j->samples);
    t->weak = t->clean.prob - t->corrupted.prob < 0.1;
    for (size_t i = 0; i < j->corruption.count; i++)
        if (j->corruption.items[i].ids && j->corruption.items[i].ids[0] == t->corrupted.top_id[0])
            t->primed = true;
    t->answer_count = j->q->answer_count;
    t->answer = mem_new(t->answer_count, sizeof *t->answer);
    memcpy(t->answer, j->q->answer, t->answer_count * sizeof *t->answer);
}

pb_status trace_inputs(trace_job *j, pb_error *err)
{
    TRY(corrupt_inputs(j, err));
    return plan_memory(j, err);
}

pb_status trace_references(trace_job *j, pb_error *err)
{
    TRY(new_recordings(j, err));
    TRY(run_references(j, err));
    summarise_references(j);
    return trace_tower_references(j, err);
}
