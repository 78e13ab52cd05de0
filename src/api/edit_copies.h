/* edit_copies.h: what an edit is asked for lives as long as the call, what it reports does longer: so requests and
 * questions are copied.
 *
 *     edit_copies c = {0};
 *     measure_request r = edit_copy_request(&c, &request, &options);
 *     ...
 *     edit_copies_free(&c);        // with all that was copied
 */
#ifndef API_EDIT_COPIES_H
#define API_EDIT_COPIES_H

#include "method/measure.h"
#include "patchbay/patchbay.h"

typedef struct edit_copies {
    struct known_picture *pictures; /* [picture_count] files, each under one path */
    size_t picture_count;
    void **kept;                    /* [kept_count] what the copies are made of */
    size_t kept_count;
} edit_copies;

/* NULL of NULL. */
const char *edit_copy_text(edit_copies *c, const char *text);
/* [count]; before the requests, which take from them what a picture shows. */
measure_question *edit_copy_evaluation(edit_copies *c, const pb_eval_question *eval, size_t count,
                                       const pb_edit_options *o);
measure_request edit_copy_request(edit_copies *c, const pb_edit_request *q, const pb_edit_options *o);

void edit_copies_free(edit_copies *c);

#endif
