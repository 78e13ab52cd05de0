/* trace.h: the trace command's parts that other commands use too. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "cli/command.h"

/* The options that say what is traced. */
#define TRACE_OPTIONS                                                                                                 \
    ANSWER_OPTIONS, "corrupt", "corrupt-span", "direction", "sites", "window", "radius",      \
        "layers", "positions", "group", "blocks", "freeze", "freeze-span", "samples", "noise-file", "foil", "naive"

/* What is wrong with how the line asks for a trace, and of that with its options alone; NULL: nothing. */
const char *trace_wrong(const settings *s);
const char *trace_options_wrong(const settings *s);
pb_trace_options trace_options(const settings *s, progress *p);

/* Says in a line each what the clean and the corrupted run answer, and the marks. */
void trace_print_runs(const pb_trace *trace);

/* Traces a question, writes the results to `out` (NULL: nowhere) and prints a summary, or JSON with --json. */
pb_status trace_and_show(pb_model *model, const pb_question *question, const settings *s, const char *out,
                         pb_error *err);

#endif
