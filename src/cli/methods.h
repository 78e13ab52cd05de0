/* methods.h: what a line's options say to each method: for the method's own command, and for sweeps of it.
 * trace.h has a trace's. */
#ifndef CLI_METHODS_H
#define CLI_METHODS_H

#include "cli/command.h"

/* pairs: of command_pairs. */
pb_flow_options flow_options(const settings *s, const pb_span_pair *pairs, progress *p);
pb_knockout_options knockout_options(const settings *s, const pb_span_pair *pairs, progress *p);
pb_edit_options edit_options(const settings *s, progress *p);

/* What is wrong with what the line says of how an edit is made; NULL: nothing. */
const char *edit_options_wrong(const settings *s);

#endif
