/* trace.h: the trace command's parts that `demo` uses too. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "cli/command.h"

/* Traces a question, writes the results to `out` (NULL: nowhere) and prints a summary, or JSON with --json. */
pb_status trace_and_show(pb_model *model, const pb_question *question, const settings *s, const char *out,
                         pb_error *err);

#endif
