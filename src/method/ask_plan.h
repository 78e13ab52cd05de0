/* ask_plan.h: what asking questions will take, by their prompts alone (run_plan.h): ask_many's families, batches and walks.
 *
 *     ask_planned one = {.prompt = &q.prompt, .image = q.image_path};
 *     ask_plan_add(&plan, &one, 1, ask_plan_tokens(max_tokens), memory);
 *
 * How long answers will be nobody knows; of answers of that many tokens the operations are those that are counted. */
#ifndef METHOD_ASK_PLAN_H
#define METHOD_ASK_PLAN_H

#include "method/run_plan.h"

/* One question that is to be asked. Neighbours that have the same picture and change share what they begin with. */
typedef struct ask_planned {
    const prompt *prompt; /* an empty one, of a question that will fail, takes nothing */
    const char *image;    /* NULL: none */
    size_t change;        /* the number of its changes of weights */
    size_t shared;        /* filled in: rows that are run once for its family; of one alone all but the last */
} ask_planned;

/* What is planned for answers that may have so many tokens: their length, or a few. */
size_t ask_plan_tokens(size_t max_tokens);

/* Adds asking them all, `tokens` tokens each, as far as the budget asked for holds them together. */
void ask_plan_add(run_plan *plan, ask_planned *list, size_t n, size_t tokens, size_t memory);

#endif
