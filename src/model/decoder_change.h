/* decoder_change.h: what decoder.c and decoder_change.c share. */
#ifndef MODEL_DECODER_CHANGE_H
#define MODEL_DECODER_CHANGE_H

#include "model/decoder.h"

/* m->store_bytes for the changes that there are now; gives the store back when it was of another size. */
void decoder_size_store(decoder *m);
void decoder_changes_free(decoder *m);

#endif
