/* corruption.h: what is made wrong with a question: the definitions of docs/trace.md, "Corruption".
 *
 *     swap:TEXT          every token of the span becomes the first token of TEXT in mid-sentence
 *     swap-phrase:TEXT   the span becomes TEXT, of as many tokens
 *     noise:X  noise:sX  Gaussian noise of X, or X standard deviations of the token embeddings, on the span's rows
 *     noise:sX@F.jsonl   the same, the deviation taken over the embeddings of that data set's constraint tokens
 *     image:FILE         another picture
 *     image-noise:S      Gaussian noise of S on the normalised pixels
 *     image-mean:DIR     image row i becomes the mean of row i over the pictures in DIR
 *     image-rowmean      every image row becomes this picture's mean row */
#ifndef METHOD_CORRUPTION_H
#define METHOD_CORRUPTION_H

#include "base/random.h"
#include "method/question.h"

typedef enum corruption_kind {
    CORRUPT_SWAP,
    CORRUPT_SWAP_PHRASE,
    CORRUPT_NOISE,
    CORRUPT_NOISE_FILE,
    CORRUPT_IMAGE,
    CORRUPT_IMAGE_NOISE,
    CORRUPT_IMAGE_MEAN,
    CORRUPT_IMAGE_ROWMEAN
} corruption_kind;

typedef struct corruption {
    corruption_kind kind;
    char *spec;          /* as reported: "swap:Paris" */
    char *argument;      /* TEXT, FILE or DIR */
    double amount;       /* noise: standard deviation, once `in_sd` is resolved */
    bool in_sd;          /* noise: `amount` counts standard deviations */
    int32_t *ids;        /* [id_count] swap: the one token; swap-phrase: all of them */
    size_t id_count;
    float *rows;         /* image, image-mean, image-rowmean: [image rows][D]; noise file: [samples][span rows][D] */
} corruption;

typedef struct corruption_list {
    corruption *items;
    size_t count;
    span span;           /* the rows that text corruptions touch */
    size_t samples;      /* 1 unless something is drawn or given several times */
    bool on_image;       /* any of them touches the picture */
    random_state random; /* advances from sample to sample */
    float *pixels;       /* [3][image_size][image_size] what the tower sees in the sample last applied, where it is watched;
                          * else NULL */
} corruption_list;

/* Whether options' corruptions are such, whatever the question. */
pb_status corruption_check(const pb_trace_options *options, pb_error *err);
/* Parses and prepares options' corruptions for this question: spans, ids, other pictures' rows, deviations. */
pb_status corruption_prepare(corruption_list *c, const question *q, const pb_trace_options *options, pb_error *err);
void corruption_free(corruption_list *c);

/* Keeps the corrupted pixels from now on, in `pixels`. Fails where the picture's rows are made wrong but its pixels are
 * not (image-mean, image-rowmean): then there is no corrupted run of the tower. */
pb_status corruption_watch_pixels(corruption_list *c, const question *q, pb_error *err);

/* input[T][D] = the question's input with everything made wrong, sample by sample from 0. */
pb_status corruption_apply(corruption_list *c, const question *q, size_t sample, float *input, pb_error *err);

#endif
