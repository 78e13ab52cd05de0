/* lora.h: adapters in the format of the PEFT library: a folder with adapter_config.json and adapter_model.safetensors (or
 * adapter_model.bin), whose pairs of tensors say W' = W + scale * B A. */
#ifndef MODEL_LORA_H
#define MODEL_LORA_H

#include "model/model.h"

/* Adds the adapter in the folder to the model's decoder. Modules are found by their last names, "layers.3.mlp.down_proj",
 * whatever stands before them; the head, where it is not tied, by "lm_head". What only changes training is passed over,
 * what patchbay does not compute (DoRA, biases, modules saved whole, the vision side, ...) is refused by its name; so is
 * an adapter of another architecture. */
pb_status lora_apply(model *m, const char *folder, pb_error *err);

#endif
