/* question.c: see question.h. */
#include "method/question.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"

static pb_status check_length(const question *q, size_t length, pb_error *err)
{
    size_t most = q->model->decoder.config.max_positions;
    if (length > most)
        return fail(err, PB_EINVAL, "the prompt has %zu rows, the model allows %zu (max_position_embeddings)", length,
                    most);
    return PB_OK;
}

static pb_status build_prompt(question *q, const pb_question *asked, pb_error *err)
{
    const model *m = q->model;
    if (asked->image && !m->vision) {
        fail(err, PB_EINVAL, "%s: this model (%s) has no vision tower, but a picture was given", m->path, m->family);
        return fail_hint(err, "leave --image out to ask the decoder alone");
    }
    prompt_request request = {
        .question = asked->question,
        .template_name = asked->template_name ? asked->template_name : m->template_name,
        .raw = asked->prompt,
        .prefill = asked->prefill,
        .constraints = asked->constraints,
        .constraint_count = asked->constraint_count,
        .constraint_starts = asked->constraint_starts,
        .all_occurrences = asked->all_occurrences,
        .has_image = asked->image != NULL,
        .image_rows = asked->image ? vision_rows(m->vision) : 0,
        .image_token = m->image_token,
    };
    TRY(prompt_build(&q->prompt, m->tokenizer, &request, err));
    return check_length(q, q->prompt.length, err);
}

size_t question_budget(size_t asked)
{
    return asked ? asked : (size_t)8 << 30;
}

pb_status question_fits(size_t needed, size_t budget, const char *what, pb_error *err)
{
    enum { MEGABYTE = 1 << 20 };
    if (question_budget(budget) >= needed)
        return PB_OK;
    fail(err, PB_ENOMEM, "--memory: a budget of %zu MB is too small, %s needs at least %zu MB",
         question_budget(budget) / MEGABYTE, what, needed / MEGABYTE + 1);
    fail_hint(err, "give --memory %zuM or more", needed / MEGABYTE + 1);
    return PB_ENOMEM;
}

pb_status question_encode(const question *q, const float *pixels, float *rows, pb_error *err)
{
    return vision_encode(q->model->vision, pixels, rows, err);
}

static pb_status open_picture(question *q, const char *path, pb_error *err)
{
    if (!path)
        return PB_OK;
    q->image_path = mem_text(path);
    TRY(picture_open(&q->picture, q->model, path, err));
    TRY(mem_try(&q->image_rows, q->prompt.image_count, q->model->decoder.config.d_model * sizeof(float),
                "the picture's rows", err));
    return question_encode(q, q->picture.pixels, q->image_rows, err);
}

/* input[first .. end-1] from ids and, where the picture stands, its rows. */
static pb_status look_up(question *q, size_t first, size_t end, pb_error *err)
{
    size_t D = q->model->decoder.config.d_model, from = q->prompt.image_first;
    for (size_t p = first; p < end; p++) {
        if (prompt_is_image(&q->prompt, p))
            memcpy(q->input + p * D, q->image_rows + (p - from) * D, D * sizeof(float));
        else
            TRY(decoder_embed(&q->model->decoder, &q->ids[p], 1, q->input + p * D, err));
    }
    return PB_OK;
}

static pb_status open_parts(question *q, const pb_question *asked, pb_error *err)
{
    TRY(build_prompt(q, asked, err));
    TRY(open_picture(q, asked->image, err));
    q->length = q->prompt.length;
    q->last = q->length - 1;
    q->ids = mem_new(q->length, sizeof *q->ids);
    memcpy(q->ids, q->prompt.ids, q->length * sizeof *q->ids);
    q->input = mem_resize(NULL, q->length * q->model->decoder.config.d_model, sizeof *q->input);
    return look_up(q, 0, q->length, err);
}

pb_status question_open(question *q, model *m, const pb_question *asked, pb_error *err)
{
    *q = (question){.model = m, .began = clock_now(), .flop_before = m->vision ? vision_flop(m->vision) : 0};
    pb_status status = open_parts(q, asked, err);
    if (status)
        question_free(q);
    return status;
}

pb_status question_set_answer(question *q, const int32_t *ids, size_t count, pb_error *err)
{
    size_t before = q->length;
    TRY(check_length(q, before + count - 1, err));
    q->answer = mem_new(count, sizeof *q->answer);
    memcpy(q->answer, ids, count * sizeof *ids);
    q->answer_count = count;
    q->length = before + count - 1;
    q->ids = mem_resize(q->ids, q->length, sizeof *q->ids);
    memcpy(q->ids + before, ids, (count - 1) * sizeof *ids);
    q->input = mem_resize(q->input, q->length * q->model->decoder.config.d_model, sizeof *q->input);
    return look_up(q, before, q->length, err);
}

double question_vision_flop(const question *q)
{
    return q->model->vision ? vision_flop(q->model->vision) - q->flop_before : 0;
}

void question_free(question *q)
{
    prompt_free(&q->prompt);
    picture_free(&q->picture);
    free(q->image_path);
    free(q->image_rows);
    free(q->ids);
    free(q->input);
    free(q->answer);
    *q = (question){0};
}
