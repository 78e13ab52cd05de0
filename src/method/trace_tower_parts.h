/* trace_tower_parts.h: what the files of a trace's cells on the picture's side share. A cell in one sample is a unit.
 *
 *     trace_tower_choose.c       which sites, layers and rows
 *     trace_tower_references.c   the corrupted pictures, and the tower's clean and corrupted runs
 *     trace_tower_units.c        what a unit puts in, and whether what it says is known before it is run
 *     trace_tower_cells.c        units through tower, projector and decoder
 *     trace_tower_plan.c         what all of that will take */
#ifndef METHOD_TRACE_TOWER_PARTS_H
#define METHOD_TRACE_TOWER_PARTS_H

#include "method/trace_tower.h"

/* Whether sites of the tower, or of the projector, are traced. */
bool trace_tower_has_part(const trace *t, trace_part part);

/* ---- the reference runs ---- */

/* What cells of a sample are put into, and what is put in: the tower's runs (NULL in a plan), and the decoder's inputs [T][D];
 * and the pixels of the run that is patched. */
const tower_recording *trace_tower_patched(const trace_job *j, size_t sample);
const tower_recording *trace_tower_source(const trace_job *j, size_t sample);
const float *trace_tower_patched_input(const trace_job *j, size_t sample);
const float *trace_tower_source_input(const trace_job *j, size_t sample);
const float *trace_tower_patched_pixels(const trace_job *j, size_t sample);

/* Whether a row of a[rows][D] and b[rows][D] is the same, to the bit; and one of the patched input and the source's. */
bool trace_tower_same_row(const trace_job *j, const float *a, const float *b, size_t row);
bool trace_tower_input_is_shared(const trace_job *j, size_t sample, size_t row);

/* ---- units ---- */

typedef struct tower_unit {
    const trace_vision *g;
    size_t layer, column, sample; /* indices into the grid's lists */
} tower_unit;

/* The unit of a numbered cell. */
tower_unit tower_unit_at(const trace *t, size_t cell, size_t sample);
/* What a unit of the tower puts in. */
tower_edit tower_unit_edit(const trace_job *j, tower_unit u);
/* What one of the projector does: its rows as rows of the decoder's input, edits of the first layer. *rows: free() */
row_edit tower_unit_row_edit(const trace_job *j, tower_unit u, const float ***rows);
/* Whether it says what the patched run says: nothing has to be run. */
bool tower_unit_is_known(const trace_job *j, tower_unit u);

#endif
