/* recording.h: what a run of the decoder leaves behind, for other runs to share.
 *
 * A recording may itself rest on another one: a corrupted run that differs from the clean one from position p on holds
 * rows p .. T-1 only; what lies below p is its base's. Positions are absolute throughout. */
#ifndef ENGINE_RECORDING_H
#define ENGINE_RECORDING_H

#include <stddef.h>

#include "base/error.h"
#include "engine/site.h"
#include "math/attention.h"
#include "model/decoder.h"

typedef struct recording recording;
struct recording {
    const recording *base; /* whose rows lie below `first`; NULL when first is 0 */
    size_t first, end;     /* the positions it holds */
    size_t sites_first;    /* residuals and site rows are kept from this position on; `end`: none */
    size_t layers, d_model, kv_width;
    size_t k_stride;       /* kv_stride(end - first) */
    float *k;              /* [L][kv_width][k_stride] */
    float *v;              /* [L][end - first][kv_width] */
    float *resid;          /* [L + 1][end - sites_first][D]: resid[l] is resid_pre of layer l, resid[L] the last output */
    float *attn_out;       /* [L][end - sites_first][D] */
    float *mlp_out;        /* [L][end - sites_first][D] */
    size_t z_width;        /* H d, where it keeps heads; else 0 */
    float *z;              /* [L][end - sites_first][H d]: the heads' mixed values; NULL: they are not kept. Of a row in
                            * whose place an attn_out was put in it holds nothing of use */
};

/* Numbers in one row of a site. */
size_t site_row_width(const decoder_config *c, site s);

/* Bytes that a recording of these positions takes. */
size_t recording_bytes(const decoder_config *c, size_t first, size_t end, size_t sites_first);

/* Allocates an empty recording of positions first .. end-1, with sites from sites_first (at least first) on. */
pb_status recording_new(recording **out, const decoder_config *c, const recording *base, size_t first, size_t end,
                        size_t sites_first, pb_error *err);
void recording_free(recording *r);

/* From now on the recording keeps head_out too, where it keeps sites: this many bytes more. */
pb_status recording_keep_heads(recording *r, const decoder_config *c, pb_error *err);
size_t recording_heads_bytes(const decoder_config *c, size_t end, size_t sites_first);

/* The row of a site at one layer and position, in r or, below its first position, in its base; NULL where none was
 * kept. resid_post of layer l is resid_pre of l + 1. */
const float *recording_row(const recording *r, site s, size_t layer, size_t position);

/* Puts in the keys and values [n][kv_width] of positions first .. first+n-1 of one layer; *segment: where they lie now. */
void recording_put(recording *r, size_t layer, size_t first, size_t n, const float *keys, const float *values,
                   kv_segment *segment);

/* Appends the key/value segments of positions 0 .. end-1 of one layer, lowest first; returns how many there are (also
 * with segments NULL, to count). */
size_t recording_segments(const recording *r, size_t layer, size_t end, kv_segment *segments);

#endif
