/* about.h: what a result is about: a model, and a question put to it. Every result's files say it in the same words. */
#ifndef REPORT_ABOUT_H
#define REPORT_ABOUT_H

#include <jansson.h>

#include "base/memory.h"
#include "method/question.h"
#include "model/model.h"
#include "report/token_texts.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

/* Nothing is owned. */
typedef struct report_about {
    const char *model_path, *family, *dtype; /* "llava", "f32" */
    const model_change *changes;             /* [change_count] of its weights, by files */
    size_t change_count;
    size_t layers, d_model;                  /* of the whole decoder */
    const tokenizer *tokenizer;              /* NULL of a result that was read back, which has */
    const token_texts *texts;                /* those of its tokens that it names; else NULL */
    const prompt *prompt;                    /* from here on NULL and 0 of what is about several questions */
    const char *image_path;                  /* the picture's file, or NULL */
    size_t image_width, image_height;        /* its pixels; 0 without */
    const char *image_order;                 /* of its rows, as asked for; NULL: the projector's */
    const image_area *image_areas;           /* [prompt->image_count] those that each image row shows (picture_map.h) */
} report_about;

/* Of a model and a question put to it; q is NULL of what is about several. */
report_about about_of(const model *m, const question *q);

/* ---- JSON, as docs/formats.md defines it; free with json_decref ---- */

json_t *about_model_json(const report_about *a);
json_t *about_image_json(const report_about *a);
/* One entry per token; the image rows are one entry together. */
json_t *about_tokens_json(const report_about *a);
json_t *about_constraints_json(const report_about *a);
/* The picture's pixels that rows show: [[left, top, right, bottom] or "padding" or "class", ...]. */
json_t *about_areas_json(const image_area *areas, size_t count);
/* Sets "model", "image", "prompt", "question", "tokens", "constraints" and, with a picture, "image_areas",
 * in this order. */
void about_json(const report_about *a, json_t *object);
json_t *about_token_text_json(const report_about *a, int32_t id);
/* {"id", "text", "ids"} of an answer; id is the first of them. */
json_t *about_answer_json(const report_about *a, const int32_t *ids, size_t count);
/* What --edit and --lora changed: [{"file", "kind", "terms", "rank"}, ...]. */
json_t *report_changes_json(const model_change *changes, size_t count);

/* ---- words; all append to `out` ---- */

/* The most telling span that a position belongs to: "image", "bos", "constraint:N" (the first that has it), "last",
 * "question", else "text". */
void about_span_name(const prompt *p, size_t position, buffer *out);
/* What marks rows that all lie in constraint i: "*", with several constraints "*0", "*1"; "*" of rows that lie in
 * several of them together; nothing of others. */
void about_constraint_mark(const prompt *p, const size_t *positions, size_t count, buffer *out);
/* How a caption explains these marks, with the constraints' words, shortened. Nothing without constraints. */
void about_constraint_key(const prompt *p, buffer *out);
/* A token as tokenizer_token_text has it. */
void about_token_text(const report_about *a, int32_t id, buffer *out);
/* The same, visible and without the space before it: for labels. */
void about_token_label(const report_about *a, int32_t id, buffer *out);
/* An answer as it stands in a sentence, its leading space kept; and as a label. */
void about_answer_text(const report_about *a, const int32_t *ids, size_t count, buffer *out);
void about_answer_label(const report_about *a, const int32_t *ids, size_t count, buffer *out);
/* The question as asked, without its template and without `<image>`. */
void about_question(const prompt *p, buffer *out);
/* How a figure's caption begins and ends: the question, the answer and its probability; the model. */
void about_caption_open(const report_about *a, const int32_t *ids, size_t count, double prob, buffer *out);
void about_caption_close(const report_about *a, buffer *out);
/* "llava-1.5-7b-hf" of "/models/llava-1.5-7b-hf/". */
void about_model_name(const report_about *a, buffer *out);

#endif
