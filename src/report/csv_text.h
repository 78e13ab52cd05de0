/* csv_text.h: tables as comma-separated values (RFC 4180, lines ended by a line feed).
 *
 *     csv_fields(&out, "site,layer,mean");
 *     csv_text(&out, "attn_out"), csv_count(&out, 3), csv_number(&out, 0.25);
 *     csv_end(&out);
 */
#ifndef REPORT_CSV_TEXT_H
#define REPORT_CSV_TEXT_H

#include "base/memory.h"
#include "method/interval.h"

/* A line as it stands: a header. */
void csv_fields(buffer *out, const char *names);
/* Fields of a line. A text is quoted where it has to be; NULL is empty. Numbers have 9 significant digits; NAN and
 * infinities are empty. */
void csv_text(buffer *out, const char *text);
void csv_count(buffer *out, size_t n);
void csv_number(buffer *out, double x);
/* questions, subjects, mean, low, high */
void csv_interval(buffer *out, const interval *i);
void csv_end(buffer *out);

#endif
