/* measure_parts.h: what measure.c, measure_plan.c and measure_summary.c share: who is asked what. */
#ifndef METHOD_MEASURE_PARTS_H
#define METHOD_MEASURE_PARTS_H

#include "method/ask.h"
#include "method/measure.h"

/* Where in a result a question stands. */
typedef enum measure_kind {
    MEASURE_EDITED,
    MEASURE_REPHRASINGS,
    MEASURE_PICTURES,
    MEASURE_NEIGHBOURS,
    MEASURE_EVALUATION,
    MEASURE_KINDS
} measure_kind;

/* A result's questions of one kind; the edited one is a list of one. */
measured_list measure_list(measure_result *r, measure_kind kind);

/* A question that is asked once before, whoever uses it. */
typedef struct measure_entry {
    const measure_question *question; /* one of those that are alike */
    next_token before;  /* its logits: of evaluation questions alone, which are compared as a whole */
    bool compared;
    float *key;         /* [F] of the unedited run, where it is needed and there is one; until the cosines are known */
    bool keyed;
    bool edited;        /* of a request */
} measure_entry;

/* One place in the results that wants an answer. */
typedef struct measure_use {
    measured *m;
    size_t request, entry;
    measure_kind kind;
} measure_use;

struct measure_state {
    model *m;
    measure_question **made;  /* [plan.request_count] the edited question about other pictures: the lists point to it */
    measure_use *uses;        /* [use_count], by request */
    size_t use_count;
    measure_entry *entries;   /* [entry_count]; those about one picture stand together */
    size_t entry_count;
    picture_cache pictures;
    char **texts;             /* [text_count] all answers */
    size_t text_count;
};

/* Fills in the results' lists, and makes uses and entries of them. */
void measure_lay_out(measure *x);

/* Where pictures are kept between questions: an eighth of the memory, where the caller has no place of its own for them. */
picture_cache *measure_pictures(measure *x);

#endif
