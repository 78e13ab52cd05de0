/* decoder_kind.h: what one family of decoders says in its own way: defaults of absent keys, names of tensors.
 *
 * A kind is one table (llama.c, qwen2.c, phi.c); reading a config and opening a decoder by it is the same for all. */
#ifndef MODEL_DECODER_KIND_H
#define MODEL_DECODER_KIND_H

#include <jansson.h>

#include "model/decoder.h"

/* A tensor of a layer. */
typedef struct part_name {
    const char *name;   /* "self_attn.q_proj.weight"; NULL: the kind has no such part */
    const char *only_if; /* the config's switch (false where it is absent) without which it is not there; NULL: always */
} part_name;

typedef struct decoder_kind {
    /* Of keys that are absent: those of the kind's config class in transformers. kv_heads 0: as many as heads;
     * head_dim 0: d_model / heads. */
    decoder_config defaults;
    const char *eps_key;
    double rotary_share;     /* default of "partial_rotary_factor"; 0: there is no such key, heads are rotated whole */
    const char *refused[2];  /* switches that patchbay cannot compute when they are true */
    const char *final_norm, *final_norm_bias; /* the bias may be NULL, as may be the head's */
    const char *head_bias;                    /* replaces "weight" in the head's name */
    part_name part[PART_COUNT];
} decoder_kind;

/* Opens a decoder of this kind, whose tensors' names start with `prefix` ("model."), and whose head is called `head`
 * ("lm_head.weight"); sizes from config. `file` stands in errors. */
pb_status decoder_kind_open(const decoder_kind *kind, decoder *d, const checkpoint *c, const json_t *config,
                            const char *prefix, const char *head, const char *file, pb_error *err);

#endif
