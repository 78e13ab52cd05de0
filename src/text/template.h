/* template.h: the words around a question, and where in them question, prefill and picture stand. */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include "text/prompt.h"

#define IMAGE_TAG "<image>"

typedef struct byte_range {
    size_t start, end; /* half open; empty when the part is not there */
} byte_range;

typedef struct rendered {
    char *text;          /* free with free() */
    byte_range question; /* as asked: without the `?` that the paper's template adds; all of a raw prompt */
    byte_range prefill;
    byte_range image;    /* of `<image>` */
} rendered;

/* The prompt's whole text. Fails as prompt_build's comment says. */
pb_status template_render(rendered *out, const prompt_request *request, pb_error *err);

#endif
