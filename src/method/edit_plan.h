/* edit_plan.h: what edits will take. Of use to edit_run.c alone. */
#ifndef METHOD_EDIT_PLAN_H
#define METHOD_EDIT_PLAN_H

#include "method/edit_run.h"

/* Where there is a progress function, says what the edits will take, in a trace's words (run_plan.h): once r->measured is open and
 * before anything is asked. layers: they are found at each layer by itself. */
pb_status edit_announce(edit_run_result *r, model *m, bool layers, pb_error *err);

#endif
