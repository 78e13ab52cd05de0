/* edit_parts.h: what the files of edits in a sweep share: edit.c, edit_shared.c, edit_result.c. */
#ifndef SWEEP_EDIT_PARTS_H
#define SWEEP_EDIT_PARTS_H

#include "method/edit_run.h"
#include "sweep/methods.h"

enum { EDITS_AT_ONCE = 8 }; /* requests that are made together at most */

typedef struct edits_shared {
    edit_settings settings;
    measure_question *pool;       /* [pool_count] the rows that can be asked */
    measure_question *evaluation; /* [eval_count] */
    size_t pool_count;
    question *kept;               /* [kept_count] questions that the edits are to leave alone, and pointers to them */
    question **kept_pointers;
    size_t kept_count;
    char **paths;                 /* [path_count] pictures, resolved: one file, one name */
    size_t path_count;
    size_t most;                  /* requests that are made together: fewer where memory does not hold what they need */
} edits_shared;

/* The path of a picture with no links in it, so that one file has one name; NULL of NULL. It lives as long as e. */
const char *edits_resolve(edits_shared *e, const char *path);
/* A row's question, or a rephrasing of it, as the job's options ask it. */
pb_question edits_question(edits_shared *e, const sweep_job *j, const row_question *q);

/* Puts what an edit did into its question's result: what edit.json says, and its metrics. r is of one request. */
void edit_keep_result(const sweep_job *j, sweep_item *item, const edit_run_result *r, sweep_result *out);

#endif
