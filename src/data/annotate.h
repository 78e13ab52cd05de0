/* annotate.h: constraints proposed for questions that have none, and how good the proposals are where
 * they are known. */
#ifndef DATA_ANNOTATE_H
#define DATA_ANNOTATE_H

#include "data/tally.h"

/* Writes all rows of the file to `to`, whole or not at all, pictures' paths relative to it. A question without
 * constraints, marked at most as lacking them, gets those that propose.h finds, each with "proposed": true, and loses
 * the mark. Questions with known constraints, none of them proposed, get nothing, but are proposed for all the same:
 * `more` says what of it is right. PB_EIO, PB_EFORMAT: the file cannot be read, holds no rows, or has a line that is no
 * JSON. The tally is opened in any case. */
pb_status annotate_run(tally *t, const char *path, const char *to, pb_error *err);

#endif
