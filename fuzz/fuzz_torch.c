/* fuzz_torch.c: any bytes as pytorch_model.bin. Checksums would stop damages of the pickle at the door, so each input
 * also goes in without them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz/tensor_files.h"

/* A checksum of 0 in the zip directory says that there is none. */
static void remove_checksums(uint8_t *zip, size_t size)
{
    enum { CHECKSUM = 16 };
    for (size_t at = 0; at + CHECKSUM + 4 <= size; at++)
        if (memcmp(zip + at, "PK\1\2", 4) == 0)
            memset(zip + at + CHECKSUM, 0, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tensor_file(data, size, torch_file_open);
    uint8_t *copy = mem_new(size, 1);
    memcpy(copy, data, size);
    remove_checksums(copy, size);
    fuzz_tensor_file(copy, size, torch_file_open);
    free(copy);
    return 0;
}
