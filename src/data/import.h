/* import.h: question files of other forms as JSON lines of VQA-Constraints (docs/datasets.md).
 *
 * Every record of the input becomes a line of the output: kept, or kept with "marked", the first reason found why it
 * cannot be asked as it stands. So rows = kept + marked. */
#ifndef DATA_IMPORT_H
#define DATA_IMPORT_H

#include "data/tally.h"
#include "patchbay/patchbay.h"

/* Writes `to` whole or not at all, with pictures' paths relative to it; its folder is made where there is none. Every
 * marked row is a problem of the tally too, in words, by its line of the input. PB_EIO, PB_EFORMAT: the file cannot be
 * read, is empty, not of its form, or cut off inside of a JSON list; PB_EINVAL: no form fits, or the answers are of no
 * use. The tally is opened in any case. */
pb_status import_run(tally *t, const char *path, const pb_dataset_import_options *options, const char *to,
                     pb_error *err);

/* The forms' names, "known|movies|..." */
const char *import_form_names(void);

#endif
