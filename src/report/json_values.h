/* json_values.h: values of C as values of JSON, for the writers of results. */
#ifndef REPORT_JSON_VALUES_H
#define REPORT_JSON_VALUES_H

#include <jansson.h>
#include <stddef.h>

/* NaN and infinities, which JSON lacks, are null. */
json_t *make_number(double value);
json_t *make_numbers(const double *values, size_t count);
json_t *make_count(size_t value);
/* Any bytes as a string: what is no UTF-8 becomes U+FFFD. */
json_t *make_text_n(const char *text, size_t n);
/* The same of a NUL-terminated text; NULL is null. */
json_t *make_text(const char *text);

/* [p, ...] */
json_t *make_positions(const size_t *positions, size_t count);

#endif
