/* csv_text.c: see csv_text.h. */
#include "report/csv_text.h"

#include <math.h>
#include <string.h>

/* A line that is still empty: a text with a line feed in it ends with its quote. */
static bool at_start(const buffer *out)
{
    return out->size == 0 || out->data[out->size - 1] == '\n';
}

/* A comma before every field but a line's first. */
static void begin_field(buffer *out)
{
    if (!at_start(out))
        buffer_text(out, ",");
}

/* No value: of a line's first field quotes, or the next one would be taken for it. */
static void add_nothing(buffer *out)
{
    buffer_text(out, at_start(out) ? "\"\"" : ",");
}

void csv_fields(buffer *out, const char *names)
{
    buffer_text(out, names);
    csv_end(out);
}

/* A blank at either end is lost by some readers, and an empty text would be no value: quoted too. */
static bool needs_quotes(const char *text)
{
    size_t n = strlen(text);
    return n == 0 || strpbrk(text, ",\"\r\n") || text[0] == ' ' || text[n - 1] == ' ';
}

void csv_text(buffer *out, const char *text)
{
    if (!text) {
        add_nothing(out);
        return;
    }
    begin_field(out);
    if (!needs_quotes(text)) {
        buffer_text(out, text);
        return;
    }
    buffer_text(out, "\"");
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        buffer_add(out, text, (size_t)(quote - text));
        buffer_text(out, "\"\"");
    }
    buffer_text(out, text);
    buffer_text(out, "\"");
}

void csv_count(buffer *out, size_t n)
{
    begin_field(out);
    buffer_printf(out, "%zu", n);
}

void csv_number(buffer *out, double x)
{
    if (!isfinite(x)) {
        add_nothing(out);
        return;
    }
    begin_field(out);
    buffer_printf(out, "%.9g", x == 0 ? 0 : x); /* no -0 */
}

void csv_interval(buffer *out, const interval *i)
{
    csv_count(out, i->questions);
    csv_count(out, i->subjects);
    csv_number(out, i->mean);
    csv_number(out, i->low);
    csv_number(out, i->high);
}

void csv_end(buffer *out)
{
    buffer_text(out, "\n");
}
