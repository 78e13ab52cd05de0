/* parts.h: what the files of this room share. */
#ifndef API_PARTS_H
#define API_PARTS_H

#include <jansson.h>

#include "method/trace.h"
#include "model/model.h"
#include "patchbay/patchbay.h"
#include "report/report.h"

struct pb_model {
    model *m;
};

/* A trace, or one of estimates, with its words. */
struct pb_trace {
    model *model;
    question question;
    trace trace;
    char **cell_names;  /* [trace.cell_count] */
    char ***vision_names; /* [trace.vision_count][its cell_count] */
    char *answer_text, *corrupted_text;
};

/* A trace that is still to be made of an open question: pb_trace_free frees it in any state. */
pb_status api_trace_open(pb_trace **out, pb_model *model, const pb_question *asked, const pb_run_options *run,
                         pb_error *err);
/* Finds its words, once it is made. */
void api_trace_name(pb_trace *t);
trace_report api_trace_report(const pb_trace *t);

/* As many threads as asked for; NULL or 0: as many as OpenMP would take. In all of them denormal numbers count as zeros
 * from then on. */
void api_set_threads(const pb_run_options *run);
/* *json = the text of a tree, which is released. */
void api_dump(json_t *tree, char **json);

#endif
