/* tensor_file.c: see tensor_file.h. */
#include "checkpoint/tensor_file.h"

#include <stdlib.h>

#include "checkpoint/gguf_read.h"

void tensor_file_close(tensor_file *f)
{
    file_map_close(&f->map);
    json_decref(f->header);
    gguf_metadata_free(f->metadata);
    free(f->names);
    free(f->layouts);
    free(f->tensors);
    free(f->path);
    *f = (tensor_file){0};
}
