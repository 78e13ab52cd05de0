/* ask.h: the greedy answer to a question, and what else the model might have said. */
#ifndef METHOD_ASK_H
#define METHOD_ASK_H

#include "method/question.h"

typedef struct answer {
    int32_t *ids;        /* [count] generated tokens, the one that ended it left out */
    size_t count;
    int32_t *top;        /* [top_count] most likely first tokens, best first */
    double *top_prob;    /* [top_count] */
    size_t top_count;
} answer;

/* At most max_tokens tokens, cut at an end-of-sequence token and where the model's positions end. memory: bytes that it
 * may work in; 0: the default. */
pb_status ask_run(answer *a, question *q, size_t max_tokens, size_t top, size_t memory, pb_error *err);
void answer_free(answer *a);

#endif
