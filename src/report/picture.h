/* picture.h: a picture's file inside a page. */
#ifndef REPORT_PICTURE_H
#define REPORT_PICTURE_H

#include <stdbool.h>

#include "base/memory.h"

/* Appends "data:image/png;base64,..." of the file as it is. False, and nothing appended, when it cannot be read, is no
 * JPEG, PNG or WebP by its first bytes, or has PICTURE_LIMIT bytes or more: a page can do without. */
bool picture_data_uri(const char *path, buffer *out);

/* An <image> of 1000 x 1000 with this id, to be scaled by who uses it; a <rect> of a colour where it cannot be had. */
void picture_element(buffer *out, const char *path, const char *id, const char *colour);

#define PICTURE_LIMIT ((size_t)20 << 20)

#endif
