/* prompt.h: a question in its template, as decoder rows with named spans.
 *
 * The prompt's text is cut at `<image>`, each piece is encoded by itself (only the first gets BOS, and only where the
 * tokenizer's post-processor adds it), and `image_rows` rows stand in the image's place. Positions are 0-based, count
 * BOS, and run over image rows too. T below is prompt.length. */
#ifndef TEXT_PROMPT_H
#define TEXT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

#define CONSTRAINT_ANYWHERE SIZE_MAX

typedef struct prompt_request {
    const char *question;            /* what is asked; with `raw` it may be NULL */
    const char *template_name;       /* "paper", "llava", "vicuna", "bunny", "flags", "plain" */
    const char *raw;                 /* --prompt: the whole prompt, all of which counts as the question; or NULL */
    const char *prefill;             /* what the answer begins with, joined by one space; or NULL */
    const char *const *constraints;  /* texts to be found in the question; [0] is constraint:0 */
    size_t constraint_count;
    const size_t *constraint_starts; /* [constraint_count] the code point of the question where each begins, or
                                      * CONSTRAINT_ANYWHERE; NULL: all are looked for */
    bool all_occurrences;            /* every match in question and prefill, not just the first */
    bool has_image;                  /* else `<image>` and the newline after it drop out of the template */
    size_t image_rows;               /* rows that `<image>` expands to */
    int32_t image_token;             /* the id that stands for image rows: a token's, or below -1 where the vocabulary has
                                      * none for it; -1 for a model without a vision side */
} prompt_request;

/* A set of positions, ascending, without repeats. */
typedef struct span {
    size_t *positions;
    size_t count;
} span;

typedef struct prompt {
    char *text;                      /* the whole prompt, `<image>` once where the picture stands */
    size_t length;                   /* T: rows, image rows expanded */
    int32_t *ids;                    /* [T] */
    uint32_t *start, *end;           /* [T] code points of `text`; image rows cover `<image>`; BOS is empty */
    size_t image_first, image_count; /* the image rows; count 0 without an image */
    uint32_t question_start, question_end; /* the question's code points in `text` (of the raw prompt: all of it) */
    span *constraints;               /* [constraint_count] */
    char **constraint_texts;         /* [constraint_count] as given */
    size_t constraint_count;
    bool has_bos;                    /* position 0 was added by the post-processor */
} prompt;

/* Fails on: unknown template (the error lists the names), an empty question, no `<image>` in template or `raw` when
 * has_image, more than one in `raw`, an `<image>` in question or prefill, text that is no UTF-8, a constraint that is
 * empty or does not occur, or not at its start (the error shows the question), a start in a `raw` prompt. Without an
 * image, one `<image>` in `raw` drops out as it does from a template. Constraints are compared under simple case folding,
 * one code point with one, so that "Straße" is not found as "STRASSE". */
pb_status prompt_build(prompt *out, const tokenizer *t, const prompt_request *request, pb_error *err);
void prompt_free(prompt *p);

/* Rows from the first to the end of the picture; 0 where there is none. */
size_t prompt_picture_end(const prompt *p);

/* Whether a position is an image row; whether it is a text row that covers any of the code points [start, end). */
bool prompt_is_image(const prompt *p, size_t position);
bool prompt_overlaps(const prompt *p, size_t position, uint32_t start, uint32_t end);

/* Appends what stands in a row: its token's text, or `<image>`, whatever id its model gives the picture. */
void prompt_row_text(const prompt *p, const tokenizer *t, size_t position, buffer *out);

/* The positions of a span expression, e.g. "constraint,last" or "bos,12:20": the names of docs/trace.md
 * (bos, image, text, constraint, constraint:N, question, last, control, all, a:b), unions with commas. A name that
 * exists but is empty here ("control" absent, "image" without one) is an error that says why; a:b must lie within T. */
pb_status prompt_span(const prompt *p, const char *expression, span *out, pb_error *err);
/* What of it can be told without a prompt: PB_EINVAL names an item that is no span of any. NULL is none. */
pb_status span_check(const char *expression, pb_error *err);
void span_free(span *s);
bool span_has(const span *s, size_t position);

/* The disjoint class a position belongs to, for reports: "bos", "image", "before", "constraint_first",
 * "constraint_middle", "constraint_last", "after", "last" (docs/trace.md, AIE). With several constraints each position of
 * any of them counts by its place in its own constraint, and text rows between them are "after". The last row is "last"
 * even where a constraint ends the prompt. */
const char *prompt_class(const prompt *p, size_t position);

/* The templates by name, for --help and errors: "paper, llava, ...". */
const char *prompt_template_names(void);

#endif
