/* answer_choice.c: see answer_choice.h. */
#include "method/answer_choice.h"

#include <stdlib.h>

pb_status answer_tokens(const question *q, const char *text, const char *option, int32_t **ids, size_t *count,
                        pb_error *err)
{
    size_t V = q->model->decoder.config.vocab;
    TRY(tokenizer_mid_sentence(q->model->tokenizer, text, option, ids, count, err));
    for (size_t i = 0; i < *count; i++)
        if ((size_t)(*ids)[i] >= V) {
            fail(err, PB_EINVAL, "%s: token %d of \"%s\" is outside the model's vocabulary of %zu", option, (*ids)[i],
                 text, V);
            free(*ids);
            return PB_EINVAL;
        }
    return PB_OK;
}

pb_status answer_choose(question *q, const pb_answer_choice *choice, pb_error *err)
{
    size_t count, V = q->model->decoder.config.vocab;
    int32_t *ids;
    if (choice->has_id) {
        if (choice->id < 0 || (size_t)choice->id >= V)
            return fail(err, PB_EINVAL, "--answer-id %d: the vocabulary has %zu tokens", choice->id, V);
        return question_set_answer(q, &choice->id, 1, err);
    }
    if (!choice->text)
        return PB_OK;
    TRY(answer_tokens(q, choice->text, "--answer", &ids, &count, err));
    pb_status status = question_set_answer(q, ids, choice->whole ? count : 1, err);
    free(ids);
    return status;
}
