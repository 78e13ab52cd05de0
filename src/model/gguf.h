/* gguf.h: llama.cpp's files seen as Hugging Face's: their tensors under its names and in its order, their metadata as
 * its config.json. So the families' files serve GGUF models unchanged.
 *
 * What llama.cpp's converter does on the way there is undone here: other names for everything; q and k rows of Llamas in
 * the order of interleaved rotary; Phi-2's q, k and v perhaps in one matrix; rotary scaling as a tensor of factors. */
#ifndef MODEL_GGUF_H
#define MODEL_GGUF_H

#include <jansson.h>

#include <stdbool.h>

#include "checkpoint/checkpoint.h"

/* Adds to c, a GGUF file of a decoder, the names that Hugging Face has for its tensors; *config = what its config.json
 * would say (json_decref). Errors name the metadata's key or the tensor. */
pb_status gguf_decoder(json_t **config, checkpoint *c, pb_error *err);

/* The vision side in llama.cpp's "mmproj" files: for a model whose decoder is open, m->vision, m->image_token, and
 * m->processor. c must outlive m->vision. */
struct model;
pb_status gguf_vision(struct model *m, const checkpoint *c, pb_error *err);

/* ---- what the above share ---- */

/* A number that metadata have under "PREFIX.gguf" and a config under `hf`. */
typedef struct gguf_key {
    const char *gguf, *hf;
    bool whole, required;
} gguf_key;

/* config[hf] = each of them that is there. */
pb_status gguf_put_numbers(json_t *config, const gguf_metadata *m, const char *prefix, const gguf_key *numbers,
                           size_t count, pb_error *err);

/* config["rope_scaling"] = what metadata under "ARCH.rope.scaling." and the tensor rope_freqs.weight say (gguf_rope.c). */
pb_status gguf_rope_scaling(json_t *config, const checkpoint *c, const char *arch, pb_error *err);

#endif
