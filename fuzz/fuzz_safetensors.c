/* fuzz_safetensors.c: any bytes as model.safetensors. */
#include "fuzz/tensor_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tensor_file(data, size, safetensors_open);
    return 0;
}
