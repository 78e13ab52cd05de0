/* dump_report.h: activations as files, while they are computed.
 *
 *     dump_files files;
 *     TRY(dump_files_open(&files, &report, "out", err));
 *     pb_status status = ... dump_files_row(&files, site, row, err) for each row, in the files' order (method/dump.h)
 *     return dump_files_close(&files, status, err);   // dump.json too; they appear together, or nothing does
 */
#ifndef REPORT_DUMP_REPORT_H
#define REPORT_DUMP_REPORT_H

#include <jansson.h>

#include "base/file.h"
#include "base/file_set.h"
#include "method/dump.h"
#include "report/about.h"

/* Nothing is owned. */
typedef struct dump_report {
    const dump *dump;
    report_about about;
} dump_report;

/* Schema patchbay.dump/1. Free with json_decref. */
json_t *report_dump_json(const dump_report *r);

typedef struct dump_files {
    const dump_report *r;
    file_set set;
    file_writer *writers; /* [site_count] */
} dump_files;

pb_status dump_files_open(dump_files *f, const dump_report *r, const char *directory, pb_error *err);
/* context: the dump_files. The next row of a site's file. */
pb_status dump_files_row(void *context, size_t index, const float *row, pb_error *err);
/* Ends them all: whole where status is PB_OK, else nothing is left. Returns the status, or what went wrong now. */
pb_status dump_files_close(dump_files *f, pb_status status, pb_error *err);

#endif
