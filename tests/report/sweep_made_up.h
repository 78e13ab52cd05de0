/* sweep_made_up.h: made-up results of sweeps: summaries with curves that look like real ones, and results question by question.
 *
 * The texts of some questions are hostile: they hold what would end a script, an attribute or a line, or turn the writing
 * direction. */
#ifndef TESTS_SWEEP_MADE_UP_H
#define TESTS_SWEEP_MADE_UP_H

#include "report/sweep_summary.h"

typedef struct sweep_made_up_request {
    const char *method;        /* "trace", "flow", "knockout", "edit", "ask" */
    const char *label;
    size_t questions, layers, subjects;
    size_t window;
    size_t tokens;             /* of a trace: tokens in its grids; 0: no grids */
    double strength;           /* of effects: 1 is usual */
    bool grouped;              /* visual and textual questions apart */
    const char *edit;          /* of edits: "multedit", "ft", ... */
    size_t edited_layer;
    uint64_t seed;
} sweep_made_up_request;

typedef struct sweep_made_up {
    sweep_made_up_request request;
    store_about about;
    json_t *model, *options, *dataset;
    sweep_summary summary;
} sweep_made_up;

void sweep_made_up_make(sweep_made_up *m, const sweep_made_up_request *request);
void sweep_made_up_free(sweep_made_up *m);

/* a - b, as sweep_contrast_of makes it; free it with sweep_made_up_contrast_free. */
sweep_contrast sweep_made_up_contrast(const sweep_made_up *a, const sweep_made_up *b);
void sweep_made_up_contrast_free(sweep_contrast *c);

/* Shows every question's result, as store_each does. */
pb_status sweep_made_up_each(const sweep_made_up *m, pb_status (*see)(void *context, const store_result *r, pb_error *err),
                             void *context, pb_error *err);

#endif
