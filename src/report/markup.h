/* markup.h: text that came from outside, made fit for XML, HTML and JSON, and for the width of a label.
 *
 * All take UTF-8 of n bytes; bytes that are none become U+FFFD. All append to `out`. */
#ifndef REPORT_MARKUP_H
#define REPORT_MARKUP_H

#include <stddef.h>

#include "base/memory.h"
#include "method/interval.h"

/* Valid UTF-8, otherwise unchanged (jansson takes nothing else; a path may be any bytes). */
void text_utf8(buffer *out, const char *text, size_t n);

/* What a reader cannot see, made visible: newline as U+23CE, tab as U+21E5, other control characters as their pictures
 * (U+2400 on), a text of nothing but spaces as U+2423 each, marks that turn the writing direction as <202E>. */
void text_visible(buffer *out, const char *text, size_t n);

/* Escaped for element content and for attributes in single or double quotes; characters that XML 1.0 cannot hold
 * become U+FFFD. */
void text_markup(buffer *out, const char *text, size_t n);
/* The same of a NUL-terminated text. */
void markup(buffer *out, const char *text);

/* Bytes as RFC 4648's section 4 writes them. */
void text_base64(buffer *out, const unsigned char *bytes, size_t n);

/* Width in ems as a Helvetica-like face sets it (an estimate: the reader's font may differ by a tenth). */
double text_width(const char *text, size_t n);

/* text, or as much of its beginning as fits into `ems` together with an ellipsis. Never cuts a combining mark off. */
void text_shorten(buffer *out, const char *text, double ems);

/* "llava-1.5-7b-hf" of "/models/llava-1.5-7b-hf/", visible; NULL is "". */
void text_folder_name(buffer *out, const char *path);

/* A probability as a reader wants it: 0.934, 0.012, 2e-05, "n/a" for NaN. */
void text_prob(buffer *out, double prob);
/* "0.93", or "0.93 [0.90, 0.96]" where the interval is of several subjects. */
void text_interval(buffer *out, const interval *i);
/* The same, each of its numbers as `prob` writes it. */
void interval_by(buffer *out, const interval *i, void (*prob)(buffer *out, double prob));

#endif
