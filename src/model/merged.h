/* merged.h: a changed model as a checkpoint of its own. */
#ifndef MODEL_MERGED_H
#define MODEL_MERGED_H

#include "model/model.h"

/* Writes the model, with all changes that its decoder has now (terms, replaced tensors), into a new folder or an empty
 * one. It loads as the model's own does:
 *   - tensors that are not changed byte for byte, changed ones in their own dtype, rounded to the nearest even;
 *   - the same shards under the same names; of a model in PyTorch's format, shards of safetensors and their index;
 *   - the folder's other files as they are, except hidden ones, folders (but a tower's that the config names), adapters,
 *     and weights in other formats.
 *
 * The weights pass through some MB of memory. The files appear together when the last one is whole; a failure, a full
 * disk and a signal leave none of them, nor the folders that were created. Refused are models in GGUF files, folders
 * that are the model's own or lie inside of it, and values that the dtype cannot hold. A tower apart stays there. */
pb_status merged_save(const model *m, const char *folder, pb_error *err);

#endif
