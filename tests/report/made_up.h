/* made_up.h: traces as an engine could have left them, without an engine: for the tests of reports. */
#ifndef TESTS_REPORT_MADE_UP_H
#define TESTS_REPORT_MADE_UP_H

#include "report/report.h"

typedef struct made_up_request {
    const char *const *tokens;   /* the prompt's tokens; "<image>" stands for all image rows, "*word" is constraint:0 */
    size_t asked[2];             /* the first token of the question and the one after its last; {0, 0}: all */
    size_t layers, image_rows;
    size_t site_count;           /* of attn_out, mlp_out, resid_post, resid_pre */
    size_t heads;                /* head_out is traced too, of so many; 0: it is not */
    bool severed;                /* with mlp_out held at the last row */
    bool trace_image, grouped;   /* the image rows have cells; the cells are constraint, image and last */
    trace_direction direction;
    window_kind window_kind;
    size_t window, samples;
    bool with_foil;
    double clean, corrupted;
    bool estimated, all_exact;   /* estimates instead, with exact values of twelve cells or of all */
    const char *image_path;
} made_up_request;

/* What a 7B model says about the capital of a flag's country: 32 layers, 576 image rows, three sites. */
extern const made_up_request made_up_usual;

typedef struct made_up {
    trace_report report;
    trace trace;
    prompt prompt;
    tokenizer *tokenizer;
    span all_text;
} made_up;

void made_up_make(made_up *m, const made_up_request *q);
void made_up_free(made_up *m);

#endif
