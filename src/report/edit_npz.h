/* edit_npz.h: edits as edit.npz, which --edit reads (docs/formats.md). */
#ifndef REPORT_EDIT_NPZ_H
#define REPORT_EDIT_NPZ_H

#include "model/edit_factors.h"

/* Writes the factors' arrays under their names. The file appears whole or not at all. */
pb_status report_edit_npz(const edit_factors *f, const char *path, pb_error *err);

#endif
