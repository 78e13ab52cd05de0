/* pack.h: a result as bytes, to go from one process to another.
 *
 *     buffer bytes = {0};
 *     result_pack(&bytes, &result);
 *     ...
 *     packed_result back;
 *     TRY(result_unpack(&back, bytes.data, bytes.size, err));
 *     ... back.result ...
 *     packed_result_free(&back);
 *
 * The same result always gives the same bytes, which hold every bit of its numbers but which NaN a NaN is. */
#ifndef DATA_PACK_H
#define DATA_PACK_H

#include "base/memory.h"
#include "data/store.h"

void result_pack(buffer *out, const store_result *r);

typedef struct packed_result {
    store_result result; /* its texts and arrays are in memory */
    arena memory;
} packed_result;

/* PB_EFORMAT where they are cut short, too long, or no packed result. */
pb_status result_unpack(packed_result *out, const void *bytes, size_t size, pb_error *err);
void packed_result_free(packed_result *r);

#endif
