/* describe.h: the JSON of `info` and `ask`: docs/formats.md says what it holds. */
#ifndef REPORT_DESCRIBE_H
#define REPORT_DESCRIBE_H

#include <jansson.h>

#include "base/memory.h"
#include "method/ask.h"
#include "method/trace.h"
#include "model/model.h"

/* Schema patchbay.info/1, with what a trace would take, or NULL. Free with json_decref. */
json_t *report_info_json(const model *m, const trace_plan *plan);

/* An answer with its texts; nothing is owned. */
typedef struct ask_report {
    const answer *answer;
    size_t prompt_tokens;
    const buffer *text;     /* the answer's */
    const buffer *top_text; /* [answer->top_count] */
    const char *image_order; /* of the picture's rows, as asked for; NULL: the projector's */
} ask_report;

/* Schema patchbay.ask/1. Free with json_decref. */
json_t *report_ask_json(const ask_report *r);

#endif
