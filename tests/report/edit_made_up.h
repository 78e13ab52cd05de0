/* edit_made_up.h: edits as the method could have left them, without a model: for the tests of reports. */
#ifndef TESTS_REPORT_EDIT_MADE_UP_H
#define TESTS_REPORT_EDIT_MADE_UP_H

#include "report/edit_report.h"

typedef struct edit_made_up_request {
    size_t requests, steps, rephrasings, pictures, neighbours, evaluation; /* of each request */
    edit_method method;
    edit_scope scope;
    size_t first_layer, end_layer;
    bool together, sweep, fails, awkward; /* layers one by one; nothing is learnt; texts that could break a file */
    const char *image_path;
} edit_made_up_request;

/* One edit of a flag's capital, with some of everything. */
extern const edit_made_up_request edit_made_up_usual;

typedef struct edit_made_up {
    edit_report report;
    edit_run_result run;
    edit_factors factors;
} edit_made_up;

void edit_made_up_make(edit_made_up *m, const edit_made_up_request *q);
void edit_made_up_free(edit_made_up *m);

#endif
