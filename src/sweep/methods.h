/* methods.h: what a sweep does with a question, a file each: sweep_NAME,
 * the options that decide its results, its work. */
#ifndef SWEEP_METHODS_H
#define SWEEP_METHODS_H

#include "method/together.h"
#include "sweep/job.h"

sweep_work sweep_trace, sweep_flow, sweep_knockout, sweep_edit, sweep_ask_question;

sweep_foresee sweep_trace_foresee, sweep_flow_foresee, sweep_knockout_foresee, sweep_edit_foresee;

void sweep_trace_options(const sweep_job *j, json_t *o);
void sweep_flow_options(const sweep_job *j, json_t *o);
void sweep_knockout_options(const sweep_job *j, json_t *o);
void sweep_edit_options(const sweep_job *j, json_t *o);
void sweep_ask_options(const sweep_job *j, json_t *o);

double sweep_trace_work(const sweep_job *j, size_t length, size_t behind);
double sweep_flow_work(const sweep_job *j, size_t length, size_t behind);
double sweep_knockout_work(const sweep_job *j, size_t length, size_t behind);
double sweep_edit_work(const sweep_job *j, size_t length, size_t behind);
double sweep_ask_work(const sweep_job *j, size_t length, size_t behind);

/* What edits share: their settings, the questions that they are to leave alone, and whose pictures are drawn. Fails on
 * settings that are wrong whatever the question, and where no row has a target. */
pb_status edits_shared_open(sweep_job *j, pb_error *err);
void edits_shared_free(sweep_job *j);

/* ---- what several of them say (method_parts.c) ---- */

/* The answer that is followed, as it was asked for. */
json_t *option_answer(const pb_answer_choice *a);
/* [a, b] of --layers; all of them where none are named. */
json_t *option_layers(const sweep_job *j, size_t first, size_t end);
json_t *option_window(bool radius, size_t window);
/* [["image", "constraint"], ...]; none: the default ones. */
json_t *option_pairs(const pb_span_pair *pairs, size_t count);

/* How one question of a sweep is run: without progress of its own. */
pb_run_options item_run_options(const sweep_job *j, size_t memory);
/* What a question's result is about. */
report_about item_about(const sweep_item *item);
/* How a question fared that was run together with others; whether there is a result to keep. */
bool outcome_of(sweep_outcome *out, const together_one *one);

/* Floating-point operations of so many rows through the whole decoder. */
double decoder_rows_flop(const sweep_job *j, double n);

#endif
