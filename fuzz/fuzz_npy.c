/* fuzz_npy.c: any bytes as a .npy file. Reading must succeed or say why; what it hands out is as large as its shape says and
 * lies in the bytes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/npy.h"
#include "fuzz/fuzz.h"

static void require(bool kept)
{
    if (!kept)
        abort();
}

static void try_as(npy_type type, size_t bytes, size_t rank, const uint8_t *data, size_t size)
{
    void *values;
    size_t shape[4] = {0}, count = 1;
    pb_error err = {0};
    if (npy_parse(&values, type, shape, rank, data, size, "NAME", &err) != PB_OK) {
        require(strncmp(err.message, "NAME: ", 6) == 0 && values == NULL);
        return;
    }
    for (size_t i = 0; i < rank; i++)
        count *= shape[i];
    require(count * bytes <= size);
    static volatile unsigned char sum; /* a sanitizer sees a byte that is not there */
    for (size_t i = 0; i < count * bytes; i++)
        sum ^= ((unsigned char *)values)[i];
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t rank = 0; rank <= 4; rank++) {
        try_as(NPY_F32, 4, rank, data, size);
        try_as(NPY_I64, 8, rank, data, size);
        try_as(NPY_U8, 1, rank, data, size);
    }
    return 0;
}
