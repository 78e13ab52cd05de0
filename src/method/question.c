/* question.c: see question.h. */
#include "method/question.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/meter.h"
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
    if (asked->image_order && !asked->image) {
        fail(err, PB_EINVAL, "--image-order %s: there is no picture whose rows could be ordered", asked->image_order);
        return fail_hint(err, "give --image FILE");
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

pb_status question_prompt(prompt *p, model *m, const pb_question *asked, pb_error *err)
{
    question q = {.model = m};
    pb_status status = build_prompt(&q, asked, err);
    *p = q.prompt;
    if (status)
        prompt_free(p);
    return status;
}

pb_status question_check(model *m, const pb_question *asked, size_t more, pb_error *err)
{
    question q = {.model = m};
    pb_status status = build_prompt(&q, asked, err);
    if (!status && more)
        status = check_length(&q, q.prompt.length + more - 1, err);
    prompt_free(&q.prompt);
    return status;
}

size_t question_budget_asked(size_t asked)
{
    return asked ? asked : (size_t)8 << 30;
}

/* Of a budget of that size or less nothing is set aside: it would be eaten up by what is there anyway. */
enum { SMALL_BUDGET = 64 << 20 };

/* Twice as much more of a budget than is set aside of it, so that a larger one never leaves less. */
static size_t set_aside(size_t asked)
{
    size_t standing = model_standing_bytes(), most = asked > SMALL_BUDGET ? (asked - SMALL_BUDGET) / 2 : 0;
    return standing < most ? standing : most;
}

static _Thread_local size_t held;

size_t question_budget_hold(size_t bytes)
{
    size_t before = held;
    held = bytes;
    return before;
}

size_t question_budget(size_t asked)
{
    size_t all = question_budget_asked(asked), left = all - set_aside(all);
    return left > held ? left - held : 0;
}

/* The budget of which so much is left. */
static size_t budget_for(size_t needed)
{
    size_t more = needed > SMALL_BUDGET ? needed - SMALL_BUDGET : 0, standing = model_standing_bytes();
    return needed + (standing < more ? standing : more);
}

size_t question_needs(const question *q, size_t bytes)
{
    size_t tower = q->image_path ? vision_encode_bytes(q->model->vision) : 0;
    return tower > bytes ? tower : bytes;
}

pb_status question_fits(size_t needed, size_t budget, const char *what, pb_error *err)
{
    enum { MEGABYTE = 1 << 20 };
    if (question_budget(budget) >= needed)
        return PB_OK;
    size_t least = budget_for(needed + held) / MEGABYTE + 1;
    fail(err, PB_ENOMEM, "--memory: a budget of %zu MB is too small, %s needs at least %zu MB",
         question_budget_asked(budget) / MEGABYTE, what, least);
    fail_hint(err, "give --memory %zuM or more", least);
    return PB_ENOMEM;
}

pb_status question_encode(const question *q, const float *pixels, float *rows, pb_error *err)
{
    meter_kind before = meter_enter(METER_PICTURE);
    pb_status status = vision_encode(q->model->vision, pixels, rows, err);
    meter_leave(before);
    if (status)
        return status;
    return image_order_apply(&q->order, rows, q->model->decoder.config.d_model, err);
}

/* ---- pictures ---- */

struct cached_picture {
    char *path;  /* resolved: one file, one name */
    char *order; /* of its rows; NULL: the projector's */
    picture picture;
    float *rows;
    size_t bytes, users;
};

static void cached_free(cached_picture *p)
{
    picture_free(&p->picture);
    free(p->rows);
    free(p->path);
    free(p->order);
    free(p);
}

static pb_status encode_picture(const question *q, const char *path, picture *pixels, float **rows, pb_error *err)
{
    TRY(stop_check(err)); /* to decode one takes time, too */
    TRY(picture_open(pixels, q->model, path, err));
    size_t bytes = q->model->decoder.config.d_model * sizeof(float);
    TRY(mem_try(rows, q->prompt.image_count, bytes, "the picture's rows", err));
    return question_encode(q, pixels->pixels, *rows, err);
}

static void cache_remove(picture_cache *c, size_t at)
{
    c->bytes -= c->items[at]->bytes;
    cached_free(c->items[at]);
    memmove(c->items + at, c->items + at + 1, (--c->count - at) * sizeof *c->items);
}

/* Drops what nobody uses until the rest is within the limit, or all that is left is used. */
static void cache_trim(picture_cache *c)
{
    for (size_t i = 0; i < c->count && c->bytes > c->limit;)
        if (c->items[i]->users == 0)
            cache_remove(c, i);
        else
            i++;
}

void picture_cache_free(picture_cache *c)
{
    while (c->count)
        cache_remove(c, c->count - 1);
    free(c->items);
    *c = (picture_cache){0};
}

/* path: resolved, the cache's from now on; `named`: as errors call it. */
static pb_status cache_add(picture_cache *c, const question *q, char *path, const char *named, pb_error *err)
{
    cached_picture *p = mem_new(1, sizeof *p);
    p->path = path;
    p->order = mem_text(q->order.name);
    pb_status status = encode_picture(q, named, &p->picture, &p->rows, err);
    if (status) {
        cached_free(p);
        return status;
    }
    size_t side = vision_settings(q->model->vision)->image_size;
    p->bytes = (3 * side * side + q->prompt.image_count * q->model->decoder.config.d_model) * sizeof(float);
    c->items = mem_resize(c->items, c->count + 1, sizeof *c->items);
    c->items[c->count++] = p;
    c->bytes += p->bytes;
    return PB_OK;
}

static bool is_picture(const cached_picture *p, const char *path, const char *order)
{
    bool same_order = p->order && order ? strcmp(p->order, order) == 0 : p->order == order;
    return same_order && strcmp(p->path, path) == 0;
}

/* A picture from the cache, put there first where it is not. */
static pb_status cache_find(picture_cache *c, const question *q, const char *named, cached_picture **out, pb_error *err)
{
    char *resolved = realpath(named, NULL), *path = resolved ? resolved : mem_text(named);
    size_t at = 0;
    while (at < c->count && !is_picture(c->items[at], path, q->order.name))
        at++;
    if (at == c->count)
        TRY(cache_add(c, q, path, named, err));
    else
        free(path);
    *out = c->items[at];
    return PB_OK;
}

static pb_status share_picture(question *q, picture_cache *c, pb_error *err)
{
    TRY(cache_find(c, q, q->image_path, &q->shared, err));
    q->pictures = c;
    q->shared->users++;
    q->picture = q->shared->picture;
    q->image_rows = q->shared->rows;
    cache_trim(c);
    return PB_OK;
}

pb_status question_encode_file(const question *q, const char *path, float *rows, pb_error *err)
{
    size_t bytes = q->prompt.image_count * q->model->decoder.config.d_model * sizeof *rows;
    picture other;
    if (q->pictures) {
        cached_picture *p;
        TRY(cache_find(q->pictures, q, path, &p, err));
        memcpy(rows, p->rows, bytes);
        cache_trim(q->pictures);
        return PB_OK;
    }
    TRY(picture_open(&other, q->model, path, err));
    pb_status status = question_encode(q, other.pixels, rows, err);
    picture_free(&other);
    return status;
}

/* The pixels of each image row, in the order in which the decoder gets them. */
static void find_areas(question *q)
{
    size_t n = q->prompt.image_count;
    image_area *areas = mem_new(n, sizeof *areas);
    q->areas = mem_new(n, sizeof *q->areas);
    picture_areas(q->model, q->picture.width, q->picture.height, areas);
    for (size_t i = 0; i < n; i++)
        q->areas[i] = areas[image_order_from(&q->order, i)];
    free(areas);
}

static pb_status open_picture(question *q, const pb_question *asked, picture_cache *pictures, pb_error *err)
{
    if (!asked->image)
        return PB_OK;
    TRY(image_order_make(&q->order, asked->image_order, q->prompt.image_count, err));
    q->image_path = mem_text(asked->image);
    if (pictures)
        TRY(share_picture(q, pictures, err));
    else
        TRY(encode_picture(q, asked->image, &q->picture, &q->image_rows, err));
    find_areas(q);
    return PB_OK;
}

static void close_picture(question *q)
{
    free(q->areas);
    image_order_free(&q->order);
    if (q->shared) {
        q->shared->users--; /* the next one to come trims */
        return;
    }
    picture_free(&q->picture);
    free(q->image_rows);
}

/* ---- opening ---- */

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

static pb_status open_parts(question *q, const pb_question *asked, picture_cache *pictures, pb_error *err)
{
    TRY(build_prompt(q, asked, err));
    TRY(open_picture(q, asked, pictures, err));
    q->length = q->prompt.length;
    q->last = q->length - 1;
    q->ids = mem_new(q->length, sizeof *q->ids);
    memcpy(q->ids, q->prompt.ids, q->length * sizeof *q->ids);
    q->input = mem_resize(NULL, q->length * q->model->decoder.config.d_model, sizeof *q->input);
    return look_up(q, 0, q->length, err);
}

pb_status question_open_shared(question *q, model *m, const pb_question *asked, picture_cache *pictures, pb_error *err)
{
    *q = (question){.model = m, .began = clock_now(), .flop_before = m->vision ? vision_flop(m->vision) : 0};
    pb_status status = open_parts(q, asked, pictures, err);
    if (status)
        question_free(q);
    return status;
}

pb_status question_open(question *q, model *m, const pb_question *asked, pb_error *err)
{
    return question_open_shared(q, m, asked, NULL, err);
}

pb_status question_set_answer(question *q, const int32_t *ids, size_t count, pb_error *err)
{
    size_t before = q->last + 1;
    TRY(check_length(q, before + count - 1, err));
    free(q->answer);
    q->answer = mem_new(count, sizeof *q->answer);
    memcpy(q->answer, ids, count * sizeof *ids);
    q->answer_count = count;
    q->length = before + count - 1;
    q->ids = mem_resize(q->ids, q->length, sizeof *q->ids);
    memcpy(q->ids + before, ids, (count - 1) * sizeof *ids);
    q->input = mem_resize(q->input, q->length * q->model->decoder.config.d_model, sizeof *q->input);
    return look_up(q, before, q->length, err);
}

double question_pass_flop(const question *q)
{
    const decoder_config *c = &q->model->decoder.config;
    double T = (double)q->length, L = (double)c->layers;
    double attention = decoder_attention_flop(c, 1) * T * (T + 1) / 2;
    return L * (T * decoder_layer_flop(c) + attention) + (double)q->answer_count * decoder_readout_flop(c);
}

size_t question_answer_tokens(const question *q)
{
    return q->answer_count ? q->answer_count : 1;
}

int32_t *question_copy_answer(const question *q, size_t *count)
{
    int32_t *ids = mem_new(q->answer_count, sizeof *ids);
    memcpy(ids, q->answer, q->answer_count * sizeof *ids);
    *count = q->answer_count;
    return ids;
}

double question_vision_flop(const question *q)
{
    return q->model->vision ? vision_flop(q->model->vision) - q->flop_before : 0;
}

void question_free(question *q)
{
    prompt_free(&q->prompt);
    close_picture(q);
    free(q->image_path);
    free(q->ids);
    free(q->input);
    free(q->answer);
    *q = (question){0};
}
