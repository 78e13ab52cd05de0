/* csv.h: tables as spreadsheets and pandas write them (RFC 4180): fields between commas, quoted where they hold commas,
 * quotes (doubled) or line breaks, records ended by LF, CRLF or CR.
 *
 *     csv c;
 *     TRY(csv_open(&c, text, size, "known.csv", err));     // reads the header
 *     while (csv_next(&c))
 *         ... csv_get(&c, "question") ... c.line ... c.problem ...
 *     csv_close(&c);
 *
 * A byte order mark and blank lines are passed over. As pandas does, a quote inside of a field that began without one
 * is a character like any other, and what follows a closing quote belongs to the field. A record that is no record (of
 * too many fields, too long, not UTF-8, a quote that is never closed) has a problem, and the fields that could be
 * read. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "base/memory.h"

#define CSV_RECORD_MOST ((size_t)4 << 20) /* bytes of a record; what goes beyond is not kept */

typedef struct csv {
    char **columns;       /* [column_count] the header's names, without blanks around */
    size_t column_count;
    const char **fields;  /* [field_count] of this record, valid UTF-8 */
    size_t field_count;
    size_t line;          /* where the record begins, from 1 */
    const char *problem;  /* NULL: none */
    const char *at, *end; /* from here on the file's own business */
    size_t next_line;
    buffer bytes;
    size_t *starts, capacity, start_count;
    bool quoted, overlong, open;
} csv;

/* text must outlive it. PB_EFORMAT: nothing in it, or UTF-16. */
pb_status csv_open(csv *c, const char *text, size_t size, const char *name, pb_error *err);
/* Moves on to the next record; false behind the last. */
bool csv_next(csv *c);
/* This record's field of that column, or NULL: there is no such column, or the record ends before it. */
const char *csv_get(const csv *c, const char *column);
bool csv_has(const csv *c, const char *column);
void csv_close(csv *c);

#endif
