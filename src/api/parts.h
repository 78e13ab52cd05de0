/* parts.h: what the files of this room share. */
#ifndef API_PARTS_H
#define API_PARTS_H

#include <jansson.h>

#include "method/question.h"
#include "model/model.h"
#include "patchbay/patchbay.h"
#include "report/about.h"

struct pb_model {
    model *m;
};

/* What a result is about; q is NULL of several questions. */
report_about api_about(const model *m, const question *q);
/* As many threads as asked for; NULL or 0: as many as OpenMP would take. */
void api_set_threads(const pb_run_options *run);
/* *json = the text of a tree, which is released. */
void api_dump(json_t *tree, char **json);

#endif
