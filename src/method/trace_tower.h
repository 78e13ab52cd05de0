/* trace_tower.h: a trace's cells on the picture's side: rows of the vision tower's sites, and of the projector's
 * output.
 *
 * They are put into the tower's corrupted run (direction `noise`: the corrupted ones into its clean run), and what
 * follows goes through the projector and the decoder to the answer. A trace's steps, each beside the decoder's:
 * choose, inputs, references, cells, verify. All do nothing where no such site is traced. */
#ifndef METHOD_TRACE_TOWER_H
#define METHOD_TRACE_TOWER_H

#include "engine/plan.h"
#include "method/trace_job.h"

/* Whether the name is one of these sites' ("vision.blocks.{l}.hook_attn_out", "vision.attn_out" for short,
 * "proj.hook_out"); adds it to the trace, once. */
bool trace_tower_find(trace *t, const char *name);

/* Layers, cells and room for what they say. Fails without a picture, without a corruption that the site can see, and
 * where the positions asked for name none of its rows. */
pb_status trace_tower_choose(trace_job *j, pb_error *err);
/* Makes room for the corrupted pixels; trace_tower_keep_input takes those of a sample when it has been made wrong. */
pb_status trace_tower_inputs(trace_job *j, pb_error *err);
pb_status trace_tower_keep_input(trace_job *j, size_t sample, pb_error *err);
/* Records the tower's clean and corrupted runs. */
pb_status trace_tower_references(trace_job *j, pb_error *err);
/* Runs the cells that are not known, and fills them in. */
pb_status trace_tower_cells(trace_job *j, pb_error *err);
void trace_tower_free(trace_job *j);

/* Cells are numbered as the decoder's are, behind them. */
size_t trace_tower_total(const trace *t);
/* A cell in one sample by full, unshared passes of tower, projector and decoder; and what the grid says of it. */
pb_status trace_tower_plain(trace_job *j, size_t cell, size_t sample, score *out, pb_error *err);
double trace_tower_prob(const trace *t, size_t cell);

/* ---- plans ---- */

/* Adds the decoder's forks to the plan; returns how many read-outs they take; *flop += the tower's and projector's. */
size_t trace_tower_plan(trace_job *j, replay_plan *plan, double *flop);
/* Bytes that recordings and pixels take, and the least that running cells does. */
size_t trace_tower_held_bytes(const trace_job *j);
size_t trace_tower_working_bytes(const trace_job *j);
/* Operations of a full pass of tower and projector for each of the cells that would need one. */
double trace_tower_naive_flop(const trace_job *j);

#endif
