/* result_files.h: what every result leaves in a folder: its numbers, its figure and its page. */
#ifndef REPORT_RESULT_FILES_H
#define REPORT_RESULT_FILES_H

#include <jansson.h>

#include "base/file_set.h"
#include "base/memory.h"

/* A result as its writers made it. */
typedef struct result_files {
    const char *name;  /* "flow": flow.json, flow.svg, flow.html */
    json_t *tree;
    buffer svg, html;
} result_files;

/* Adds the three files to a set, and frees the result. */
pb_status result_files_add(result_files *f, const file_set *set, pb_error *err);
/* The same into a folder, which is created: they appear together or not at all. */
pb_status result_files_write(result_files *f, const char *directory, pb_error *err);

#endif
