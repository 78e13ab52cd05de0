/* postprocess.h: what a "post_processor" of a tokenizer.json does to the tokens of a text: ByteLevel takes the spaces
 * out of their ranges, TemplateProcessing puts special tokens around them. */
#ifndef TEXT_POSTPROCESS_H
#define TEXT_POSTPROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A special token of the template, or the place of the text. */
typedef struct template_piece {
    bool is_text;
    int32_t id;
} template_piece;

/* One ByteLevel with trim_offsets. */
typedef struct trimmer {
    bool keep_first; /* its add_prefix_space: the space in front of the first token is one that was put there */
} trimmer;

typedef struct postprocess {
    trimmer *trimmers; /* trimmers[trimmer_count], in order */
    size_t trimmer_count;
    template_piece *pieces; /* pieces[piece_count]; without a template just the text */
    size_t piece_count;
    bool has_template;
} postprocess;

pb_status postprocess_read(postprocess *p, const json_t *component, const char *file, pb_error *err);
void postprocess_free(postprocess *p);
/* The same without a file: the ids before and behind every text (-1: none), and whether spaces are taken out. */
void postprocess_make(postprocess *p, int32_t before, int32_t behind, bool trims);

/* Takes leading and trailing spaces out of the range [*start, *end) of the token number `index` whose text this is. */
void postprocess_trim(const postprocess *p, const char *text, size_t size, size_t index, uint32_t *start,
                      uint32_t *end);

#endif
