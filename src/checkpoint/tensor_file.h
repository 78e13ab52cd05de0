/* tensor_file.h: one file of weights, whatever its format. A new format is one more `..._open` that fills this. */
#ifndef CHECKPOINT_TENSOR_FILE_H
#define CHECKPOINT_TENSOR_FILE_H

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"

typedef struct tensor_file {
    char *path;
    const char *format; /* "safetensors" */
    file_map map;       /* the tensors' data point into it */
    json_t *header;     /* safetensors: the tensors' names and type names point into it */
    char *names;        /* other formats: one allocation that holds the tensors' names, where the file has none that end
                         * in NUL */
    tensor_layout *layouts; /* one allocation that the tensors' layouts point into, or NULL */
    tensor *tensors;    /* [count], in the order of their data */
    size_t count;
    gguf_metadata *metadata; /* of a GGUF file */
} tensor_file;

/* Maps path and reads its header (safetensors.c says what is refused). On failure *out is empty. */
pb_status safetensors_open(tensor_file *out, const char *path, pb_error *err);
/* The same for a state dict that torch.save wrote (torch_file.c). */
pb_status torch_file_open(tensor_file *out, const char *path, pb_error *err);
/* The same for llama.cpp's GGUF (gguf.c). */
pb_status gguf_open(tensor_file *out, const char *path, pb_error *err);
void tensor_file_close(tensor_file *f);

#endif
