/* answer_choice.h: which answer is followed: one that is named, or what the clean run says. */
#ifndef METHOD_ANSWER_CHOICE_H
#define METHOD_ANSWER_CHOICE_H

#include "method/question.h"

/* Sets the question's answer where one is named (--answer, --answer-id); else leaves it unset, for the clean run to tell. */
pb_status answer_choose(question *q, const pb_answer_choice *choice, pb_error *err);
/* The tokens of a text in mid-sentence, which the model must have rows for: its tokenizer may know more. `option` is what
 * errors name. *ids: free() */
pb_status answer_tokens(const question *q, const char *text, const char *option, int32_t **ids, size_t *count,
                        pb_error *err);

#endif
