/* check.h: is a file of questions fit to be worked on? Every picture is decoded, every span found, every question put
 * into a model's tokens. */
#ifndef DATA_CHECK_H
#define DATA_CHECK_H

#include "data/tally.h"
#include "model/model.h"
#include "patchbay/patchbay.h"

/* What is wrong with rows that are not marked becomes the tally's problems, one a row: the first that is found. m:
 * NULL, or the model whose tokens are tried, in this template (NULL: its own). PB_EIO, PB_EFORMAT: the file cannot be
 * read, or holds no rows. The tally is opened in any case. */
pb_status check_run(tally *t, const char *path, model *m, const char *template_name, const pb_run_options *run,
                    pb_error *err);

#endif
