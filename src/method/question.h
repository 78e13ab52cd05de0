/* question.h: a question put to a model: its prompt, its picture, and the decoder's input rows.
 *
 * T below is question.length: the prompt's rows and, where a whole answer is scored, the rows of all its tokens but the
 * last, teacher-forced. */
#ifndef METHOD_QUESTION_H
#define METHOD_QUESTION_H

#include "method/image_order.h"
#include "model/model.h"
#include "patchbay/patchbay.h"
#include "text/prompt.h"

/* Pictures that questions share: each file goes through the tower once. What no open question uses is dropped, the
 * oldest first, as soon as all of them take more than `limit` bytes. Of one model; it must outlive the questions opened
 * with it. */
typedef struct cached_picture cached_picture;
typedef struct picture_cache {
    cached_picture **items; /* [count], by age */
    size_t count;
    size_t bytes, limit;    /* of pixels and rows; the limit is the caller's to set, 0: nothing is kept unused */
} picture_cache;

void picture_cache_free(picture_cache *c);

typedef struct question {
    model *model;
    prompt prompt;
    char *image_path;      /* NULL without a picture */
    picture picture;
    image_order order;     /* in which the decoder gets the projector's rows */
    float *image_rows;     /* [prompt.image_count][D] what the projector gives, in that order; NULL without */
    image_area *areas;     /* [prompt.image_count] the picture's pixels that each image row shows; NULL without */
    cached_picture *shared; /* which has picture and image_rows; NULL: they are its own */
    picture_cache *pictures; /* which has it, and other pictures that the question is asked about; NULL: none */
    const struct earlier_runs *earlier; /* what its clean run may rest on (earlier.h): the caller's to set; NULL: nothing */
    int32_t *ids;          /* [T] */
    float *input;          /* [T][D] the decoder's input rows */
    size_t length;         /* T */
    size_t last;           /* the last prompt row, whose logits predict the answer's first token */
    int32_t *answer;       /* [answer_count] token ids; NULL until they are known */
    size_t answer_count;
    double began;          /* clock_now() and the tower's flop so far, when it was opened: its cost counts from there */
    double flop_before;
} question;

/* Builds the prompt, encodes the picture, looks up the embeddings. */
pb_status question_open(question *q, model *m, const pb_question *asked, pb_error *err);
/* The same, with a picture that the cache may have already, and keeps. */
pb_status question_open_shared(question *q, model *m, const pb_question *asked, picture_cache *pictures, pb_error *err);
/* Its prompt alone. prompt_free */
pb_status question_prompt(prompt *p, model *m, const pb_question *asked, pb_error *err);
/* Whether it could be opened, and an answer of `more` tokens appended: its prompt is built; the picture's file is not read. */
pb_status question_check(model *m, const pb_question *asked, size_t more, pb_error *err);
/* Sets the answer that is scored, in place of one that was set before. With more than one token the rows of all but the last are
 * appended. */
pb_status question_set_answer(question *q, const int32_t *ids, size_t count, pb_error *err);
void question_free(question *q);

/* The budget that was asked for: 0 stands for 8 GiB. */
size_t question_budget_asked(size_t asked);
/* What a run may take of the budget that was asked for: less what stands before it begins
 * (model_standing_bytes), where it is more than a few dozen megabytes. */
size_t question_budget(size_t asked);
/* What whoever runs questions holds of their budget meanwhile, in this thread (a sweep's pictures, and the runs that
 * others rest on): from now on budgets are less by so many bytes, and errors ask for as much more. Returns what was held
 * before. */
size_t question_budget_hold(size_t bytes);
/* What a question takes whose runs need so many bytes: its picture's way through the tower, which is over before they begin,
 * may have taken more. */
size_t question_needs(const question *q, size_t bytes);
/* Whether work that needs so many bytes fits the budget asked for; the error says what `what` needs. */
pb_status question_fits(size_t needed, size_t budget, const char *what, pb_error *err);

/* Floating-point operations of one full-length pass of the decoder: every row through every layer, and the answer's rows to
 * logits. */
double question_pass_flop(const question *q);
/* How many tokens the answer has: one, until the clean run has named it. */
size_t question_answer_tokens(const question *q);
/* The answer's token ids[*count], for a result that outlives the question; free() */
int32_t *question_copy_answer(const question *q, size_t *count);
/* Floating-point operations of the vision side since the question was opened. */
double question_vision_flop(const question *q);

/* rows[prompt.image_count][D] = what the decoder would get for another picture's pixels, in this question's order. */
pb_status question_encode(const question *q, const float *pixels, float *rows, pb_error *err);
/* The same of a file, which the question's cache of pictures may have already, and keeps. */
pb_status question_encode_file(const question *q, const char *path, float *rows, pb_error *err);

#endif
