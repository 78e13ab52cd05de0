/* stats.h: what is in a file of questions: constraints per kind and length, answers, duplicates,
 * pictures, subjects, relations. */
#ifndef DATA_STATS_H
#define DATA_STATS_H

#include "base/error.h"
#include "data/tally.h"

/* Counts over all rows, marked ones too, whatever they can be read for. PB_EIO, PB_EFORMAT: the file cannot be read, or
 * holds no rows. The tally is opened in any case. */
pb_status stats_run(tally *t, const char *path, pb_error *err);

#endif
