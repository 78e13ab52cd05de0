/* lora.h: adapters in the format of the PEFT library: a folder with adapter_config.json and adapter_model.safetensors
 * (or adapter_model.bin), whose pairs of tensors say W' = W + scale * B A. */
#ifndef MODEL_LORA_H
#define MODEL_LORA_H

#include "model/edit_factors.h"
#include "model/model.h"

/* Adds the adapter in the folder to the model's decoder. Modules are found by their last names,
 * "layers.3.mlp.down_proj", whatever stands before them; the head, where it is not tied, by "lm_head". What only
 * changes training is passed over, what patchbay does not compute (DoRA, biases, modules saved whole, the vision side,
 * ...) is refused by its name; so is an adapter of another architecture. */
pb_status lora_apply(model *m, const char *folder, pb_error *err);

/* Writes the factors, all rows of them, as an adapter of the down projections of their layers: peft loads it onto what
 * Hugging Face's classes make of the model. The folder is created where it is missing; an adapter in it is replaced,
 * other files stay; a failure leaves it as it was. It may not be the model's own, nor lie inside of it. */
pb_status lora_save(const model *m, const edit_factors *f, const char *folder, pb_error *err);

#endif
