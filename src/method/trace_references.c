/* trace_references.c: the clean runs of traces and their corrupted ones (one per sample). See trace_job.h.
 *
 * What they begin with alike is run once: of several questions about one picture its rows, and those of another picture that all
 * of them get in its place. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/earlier.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

pb_status trace_inputs(trace_job *j, pb_error *err)
{
    size_t T = j->q->length, D = j->q->model->decoder.config.d_model;
    j->inputs = mem_new(j->samples, sizeof *j->inputs);
    j->first_changed = mem_new(j->samples, sizeof *j->first_changed);
    j->corrupted_bases = mem_new(j->samples, sizeof *j->corrupted_bases);
    TRY(trace_tower_inputs(j, err));
    for (size_t s = 0; s < j->samples; s++) {
        TRY(mem_try(&j->inputs[s], T, D * sizeof(float), "a corrupted input", err));
        TRY(corruption_apply(&j->corruption, j->q, s, j->inputs[s], err));
        TRY(trace_tower_keep_input(j, s, err));
        j->first_changed[s] = input_rows_alike(j->q->input, j->inputs[s], T, D);
        if (j->first_changed[s] > j->q->last)
            j->first_changed[s] = j->q->last; /* nothing changed: the run is read all the same */
        j->corrupted_bases[s].rows = j->first_changed[s];
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

/* ---- what runs rest on ---- */

/* Takes another job's run where it begins with more rows like this one's. Sites of this one's rows are wanted from `kept` on: those
 * that the other run has to give must be there. */
static void consider(trace_base *best, const trace_job *j, const float *input, size_t kept, const recording *run,
                     const float *others_input)
{
    bool has_sites = run->sites_first <= kept && (run->z || !traces_heads(j->t));
    size_t most = j->q->last < run->end ? j->q->last : run->end;
    if (!has_sites && kept < most)
        most = kept;
    size_t rows = input_rows_alike(input, others_input, most, j->q->model->decoder.config.d_model);
    if (rows > best->rows)
        *best = (trace_base){run, rows};
}

/* The runs of the last of the jobs rest on those that begin with most of their rows: the clean one on a run from before, of which
 * there are no sites, or another job's clean one; a corrupted one on its own clean one, or another job's of the same sample. */
static void find_bases(trace_job *jobs, size_t count)
{
    trace_job *j = &jobs[count - 1];
    size_t kept = sites_first(j), most = kept < j->q->last ? kept : j->q->last;
    j->clean_base.run = earlier_find(j->q->earlier, j->q, most, &j->clean_base.rows);
    for (size_t i = 0; i + 1 < count; i++) {
        const trace_job *other = &jobs[i];
        consider(&j->clean_base, j, j->q->input, kept, other->clean, other->q->input);
        for (size_t s = 0; s < j->samples && s < other->samples; s++)
            consider(&j->corrupted_bases[s], j, j->inputs[s], j->first_changed[s], other->corrupted[s], other->inputs[s]);
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static pb_status new_recordings(trace_job *j, pb_error *err)
{
    const trace_base *b = &j->clean_base;
    TRY(new_recording(j, &j->clean, b->run, b->rows, larger(b->rows, sites_first(j)), err));
    j->corrupted = mem_new(j->samples, sizeof *j->corrupted);
    for (size_t s = 0; s < j->samples; s++) {
        b = &j->corrupted_bases[s];
        TRY(new_recording(j, &j->corrupted[s], b->run ? b->run : j->clean, b->rows, b->rows, err));
    }
    return PB_OK;
}

/* ---- memory ---- */

/* Recordings, inputs, and the next token's two distributions. */
static size_t held_bytes(const trace_job *j)
{
    const decoder_config *c = &j->q->model->decoder.config;
    size_t rows = j->clean_base.rows, bytes = one_recording_bytes(j, rows, larger(rows, sites_first(j)));
    for (size_t s = 0; s < j->samples; s++) {
        rows = j->corrupted_bases[s].rows;
        bytes += one_recording_bytes(j, rows, rows) + j->q->length * c->d_model * sizeof(float);
    }
    return bytes + 2 * c->vocab * sizeof(double) + trace_tower_held_bytes(j);
}

/* Forks of cells: of heads there may be hundreds of thousands. */
static size_t cell_count(const trace_job *j)
{
    return trace_cell_total(j->t) * j->samples;
}

/* What a job must have while it runs, beside what it holds. */
static size_t least_rows_bytes(const trace_job *j)
{
    return j->q->length * j->q->model->decoder.config.d_model * sizeof(float) * (j->samples + 1) + trace_tower_working_bytes(j);
}

/* What the budget leaves for the rows of a wave; too small a budget is an error that says what is needed. */
pb_status trace_divide(trace_job *jobs, size_t count, pb_error *err)
{
    const decoder *m = &jobs[0].q->model->decoder;
    size_t held = 0, cells = 0, longest = 0, tokens = 0, rows = 0, runs = 0, memory = jobs[0].options->run.memory;
    for (size_t i = 0; i < count; i++) {
        trace_job *j = &jobs[i];
        j->held_bytes = held_bytes(j);
        held += j->held_bytes;
        cells += cell_count(j);
        runs += 1 + j->samples;
        longest = larger(longest, j->q->length);
        tokens = larger(tokens, j->q->length - j->q->last);
        rows = larger(rows, least_rows_bytes(j));
    }
    size_t fixed = held + replay_fixed_bytes(m, longest) + score_bytes(m, cells, tokens) + score_probabilities_bytes(m, runs) +
                   cells * (sizeof(replay_fork) + sizeof(row_edit[2]) + sizeof(score) + sizeof(size_t));
    size_t after = count == 1 && jobs[0].least_after ? jobs[0].least_after(&jobs[0]) : 0;
    size_t least = question_needs(jobs[0].q, fixed + rows);
    TRY(after > least ? question_fits(after, memory, "this gradient", err)
                      : question_fits(least, memory, "this trace", err));
    for (size_t i = 0; i < count; i++) {
        jobs[i].wave_bytes = question_budget(memory) - fixed;
        jobs[i].fixed_bytes = fixed;
    }
    return PB_OK;
}

pb_status trace_join(trace_job *jobs, size_t count, pb_error *err)
{
    find_bases(jobs, count);
    TRY(trace_divide(jobs, count, err));
    return new_recordings(&jobs[count - 1], err);
}

/* ---- reading out ---- */

/* The reference runs of all jobs on their way through the engine. */
typedef struct reference_runs {
    trace_job *jobs;
    fork_batch forks;    /* of each job the clean run, then its samples' */
} reference_runs;

static trace_job *job_of(const reference_runs *r, const replay_fork *f)
{
    return &r->jobs[r->forks.owner_of[f - r->forks.forks]];
}

/* The run that is the fork's: 0 the clean one, then the samples'. */
static size_t run_of(const reference_runs *r, const replay_fork *f)
{
    return (size_t)(f - r->forks.forks) - job_of(r, f)->first_run;
}

static pb_status name_answer(trace_job *j, pb_error *err)
{
    int32_t best;
    if (j->q->answer)
        return PB_OK;
    score_top(j->clean_prob, j->q->model->decoder.config.vocab, 1, &best);
    return question_set_answer(j->q, &best, 1, err);
}

/* The next token's distributions. A clean run stands before the corrupted ones; where no answer was named, it says which one is
 * traced. */
static pb_status read_next(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    const reference_runs *r = context;
    double **prob = mem_new(count, sizeof *prob);
    for (size_t i = 0; i < count; i++)
        prob[i] = run_of(r, forks[i]) ? job_of(r, forks[i])->corrupted_prob : job_of(r, forks[i])->clean_prob;
    pb_status status = fork_batch_next(&r->forks, forks, count, prob, err);
    for (size_t i = 0; i < count && !status; i++)
        status = name_answer(job_of(r, forks[i]), err);
    free(prob);
    return status;
}

/* ---- the runs ---- */

static replay_fork reference_fork(const trace_job *j, recording *record, const float *input)
{
    size_t D = j->q->model->decoder.config.d_model;
    return (replay_fork){.base = record->base, .first = record->first, .end = record->end,
                  .input = input + record->first * D, .record = record, .read_first = j->q->last};
}

void trace_reference_shapes(const trace_job *j, recording *shapes, replay_fork *forks)
{
    size_t first = j->clean_base.rows;
    shapes[0] = (recording){.first = first, .end = j->q->length, .sites_first = larger(first, sites_first(j))};
    forks[0] = reference_fork(j, &shapes[0], j->q->input);
    for (size_t s = 0; s < j->samples; s++) {
        first = j->corrupted_bases[s].rows;
        shapes[1 + s] = (recording){.first = first, .end = j->q->length, .sites_first = first};
        forks[1 + s] = reference_fork(j, &shapes[1 + s], j->inputs[s]);
    }
}

/* Adds a job's runs. */
static void add_runs(reference_runs *r, size_t job)
{
    trace_job *j = &r->jobs[job];
    size_t V = j->q->model->decoder.config.vocab;
    j->references = mem_new(1 + j->samples, sizeof *j->references);
    j->corrupted_score = mem_new(j->samples, sizeof *j->corrupted_score);
    j->clean_prob = mem_new(V, sizeof *j->clean_prob);
    j->corrupted_prob = mem_new(V, sizeof *j->corrupted_prob);
    j->first_run = r->forks.count;
    j->references[0] = reference_fork(j, j->clean, j->q->input);
    for (size_t s = 0; s < j->samples; s++)
        j->references[1 + s] = reference_fork(j, j->corrupted[s], j->inputs[s]);
    for (size_t s = 0; s <= j->samples; s++)
        fork_batch_add(&r->forks, job, j->references[s]);
}

static void take_scores(trace_job *j, const score *scores)
{
    j->clean_score = scores[0];
    for (size_t s = 0; s < j->samples; s++)
        j->corrupted_score[s] = scores[1 + s];
}

static pb_status run_references(trace_job *jobs, size_t count, pb_error *err)
{
    size_t runs = 0;
    fork_owner **owners = mem_new(count, sizeof *owners);
    for (size_t i = 0; i < count; i++) {
        runs += 1 + jobs[i].samples;
        owners[i] = &jobs[i].own;
    }
    reference_runs r = {jobs, fork_batch_new(owners, count, runs)};
    for (size_t i = 0; i < count; i++)
        add_runs(&r, i);
    r.forks.before = read_next;
    r.forks.context = &r;
    pb_status status = fork_batch_run(&r.forks, jobs[0].wave_bytes, err);
    for (size_t i = 0; i < count && !status; i++)
        take_scores(&jobs[i], r.forks.scores + jobs[i].first_run);
    fork_batch_free(&r.forks);
    free(owners);
    return status;
}

static void summarise_references(trace_job *j)
{
    trace *t = j->t;
    size_t V = j->q->model->decoder.config.vocab;
    t->clean = (run_says){.prob = j->clean_score.prob, .logprob = j->clean_score.logprob};
    t->corrupted = (run_says){0};
    for (size_t s = 0; s < j->samples; s++) {
        t->corrupted.prob += j->corrupted_score[s].prob / (double)j->samples;
        t->corrupted.logprob += j->corrupted_score[s].logprob / (double)j->samples;
    }
    run_says_next(&t->clean, j->clean_prob, V, 1);
    run_says_next(&t->corrupted, j->corrupted_prob, V, j->samples);
    t->weak = t->clean.prob - t->corrupted.prob < 0.1;
    for (size_t i = 0; i < j->corruption.count; i++)
        if (j->corruption.items[i].ids && j->corruption.items[i].ids[0] == t->corrupted.top_id[0])
            t->primed = true;
    t->answer = question_copy_answer(j->q, &t->answer_count);
}

pb_status trace_references(trace_job *jobs, size_t count, pb_error *err)
{
    TRY(run_references(jobs, count, err));
    for (size_t i = 0; i < count; i++)
        summarise_references(&jobs[i]);
    return PB_OK;
}
