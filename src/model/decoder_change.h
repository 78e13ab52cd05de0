/* decoder_change.h: what decoder.c and decoder_change.c share. */
#ifndef MODEL_DECODER_CHANGE_H
#define MODEL_DECODER_CHANGE_H

#include "model/decoder.h"

/* Room [decoder_room(m, t)] in which terms of t are summed up: 0 elements where it has none, or they do not count. */
size_t decoder_room(const decoder *m, const tensor *t);
/* decoder_read_rows with that room; NULL: makes its own. */
pb_status decoder_read_in_room(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, float *room,
                               pb_error *err);

/* m->store_size for the changes that there are now; gives the store back when it was of another size. */
void decoder_size_store(decoder *m);
void decoder_changes_free(decoder *m);

#endif
