/* csv.c: see csv.h. A record's fields are unquoted into one buffer, each ended by NUL. */
#include "data/csv.h"

#include <stdlib.h>
#include <string.h>

#include "data/lines.h"
#include "text/unicode.h"

/* ---- characters ---- */

static void add(csv *c, char byte)
{
    if (c->bytes.size < CSV_RECORD_MOST)
        buffer_add(&c->bytes, &byte, 1);
    else
        c->overlong = true;
}

static void begin_field(csv *c)
{
    if (c->start_count == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 16;
        c->starts = mem_resize(c->starts, c->capacity, sizeof *c->starts);
    }
    c->starts[c->start_count++] = c->bytes.size;
}

/* Behind the opening quote, up to behind the closing one. */
static void read_quoted(csv *c)
{
    c->quoted = true;
    for (; c->at < c->end; c->at++) {
        if (*c->at == '"' && (c->at + 1 == c->end || c->at[1] != '"')) {
            c->at++;
            return;
        }
        c->at += *c->at == '"';
        c->next_line += *c->at == '\n';
        add(c, *c->at);
    }
    c->open = true;
}

/* Up to the comma or line end behind it. */
static void read_field(csv *c)
{
    begin_field(c);
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        read_quoted(c);
    }
    while (c->at < c->end && *c->at != ',' && *c->at != '\n' && *c->at != '\r')
        add(c, *c->at++);
    if (!c->overlong) /* else only the last field's beginning is there, which is none */
        buffer_add(&c->bytes, "", 1);
}

static void end_line(csv *c)
{
    if (c->at < c->end && *c->at == '\r')
        c->at++;
    if (c->at < c->end && *c->at == '\n')
        c->at++;
    c->next_line++;
}

/* ---- records ---- */

static bool fields_are_utf8(const csv *c)
{
    for (size_t i = 0; i < c->field_count; i++) {
        const char *text = c->bytes.data + c->starts[i];
        if (utf8_valid(text, strlen(text)) != strlen(text))
            return false;
    }
    return true;
}

/* All fields anew, with U+FFFD for what is no UTF-8. */
static void mend_fields(csv *c)
{
    buffer clean = {0};
    for (size_t i = 0; i < c->field_count; i++) {
        const char *text = c->bytes.data + c->starts[i];
        c->starts[i] = clean.size;
        utf8_add_lossy(&clean, text, strlen(text));
        buffer_add(&clean, "", 1);
    }
    buffer_free(&c->bytes);
    c->bytes = clean;
}

/* Every field is ended by one NUL: more of them were in the fields. */
static bool holds_nul(const csv *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->bytes.size; i++)
        count += c->bytes.data[i] == '\0';
    return count > c->field_count;
}

static void take_fields(csv *c)
{
    c->field_count = c->overlong ? c->start_count - 1 : c->start_count;
    c->fields = mem_resize(c->fields, c->start_count, sizeof *c->fields);
    if (holds_nul(c))
        c->problem = "holds a NUL character";
    if (!fields_are_utf8(c)) {
        mend_fields(c);
        c->problem = "is not UTF-8";
    }
    for (size_t i = 0; i < c->field_count; i++)
        c->fields[i] = c->bytes.data + c->starts[i];
}

static bool read_record(csv *c)
{
    do {
        if (c->at == c->end)
            return false;
        c->line = c->next_line;
        c->bytes.size = c->start_count = 0;
        c->quoted = c->overlong = c->open = false;
        c->problem = NULL;
        for (;;) {
            read_field(c);
            if (c->at == c->end || *c->at != ',')
                break;
            c->at++;
        }
        end_line(c);
    } while (c->start_count == 1 && c->bytes.size == 1 && !c->quoted); /* a blank line */
    take_fields(c);
    return true;
}

bool csv_next(csv *c)
{
    if (!read_record(c))
        return false;
    if (c->open)
        c->problem = "has a quote that is never closed";
    else if (c->overlong)
        c->problem = "is longer than 4 MiB";
    else if (!c->problem && c->field_count != c->column_count)
        c->problem = c->field_count < c->column_count ? "has fewer fields than the header"
                                                      : "has more fields than the header";
    return true;
}

static size_t column_of(const csv *c, const char *column)
{
    size_t i = 0;
    while (i < c->column_count && strcmp(c->columns[i], column) != 0)
        i++;
    return i;
}

bool csv_has(const csv *c, const char *column)
{
    return column_of(c, column) < c->column_count;
}

const char *csv_get(const csv *c, const char *column)
{
    size_t i = column_of(c, column);
    return i < c->column_count && i < c->field_count ? c->fields[i] : NULL;
}

/* ---- the whole ---- */

static char *trimmed(const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    return mem_text_n(text, n);
}

pb_status csv_open(csv *c, const char *text, size_t size, const char *name, pb_error *err)
{
    *c = (csv){.at = text, .end = text + size, .next_line = 1};
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return fail(err, PB_EFORMAT, "%s: is UTF-16, expected UTF-8", name);
    c->at += lines_mark(text, size);
    if (!read_record(c)) {
        csv_close(c);
        return fail(err, PB_EFORMAT, "%s: is empty", name);
    }
    c->columns = mem_new(c->field_count, sizeof *c->columns);
    for (size_t i = 0; i < c->field_count; i++)
        c->columns[i] = trimmed(c->fields[i]);
    c->column_count = c->field_count;
    return PB_OK;
}

void csv_close(csv *c)
{
    for (size_t i = 0; i < c->column_count; i++)
        free(c->columns[i]);
    free(c->columns);
    free(c->fields);
    free(c->starts);
    buffer_free(&c->bytes);
    *c = (csv){0};
}
