/* edit_plan.h: what edits will take (run_plan.h): the questions asked before and after, and the values found, or the steps of tuning.
 *
 * Prompts are looked at, one of each question; nothing is asked. How long answers will be nobody knows (ask_plan.h). */
#ifndef METHOD_EDIT_PLAN_H
#define METHOD_EDIT_PLAN_H

#include "method/edit_run.h"
#include "method/run_plan.h"

/* Adds to the plan what edit_run would take for these requests, each by itself or all together as the settings say; answer_tokens:
 * those of a target that are made likely. The plan's question is one of theirs. */
pb_status edit_foresee(run_plan *plan, const measure_plan *asked, const edit_settings *settings, size_t answer_tokens, pb_error *err);

/* Where there is a progress function, says what the edits will take, in a trace's words: once r->measured is open and before anything
 * is asked. layers: they are found at each layer by itself. Of use to edit_run.c alone. */
pb_status edit_announce(edit_run_result *r, model *m, bool layers, pb_error *err);

#endif
