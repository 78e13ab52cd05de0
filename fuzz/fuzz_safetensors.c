/* fuzz_safetensors.c: any bytes as model.safetensors. Opening must succeed or say why; what it then hands out must lie
 * in the file. */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_file.h"
#include "fuzz/fuzz.h"

static void read_all(const tensor *t)
{
    float *out = mem_new(t->count, sizeof *out); /* no more than the file holds: checked when it was opened */
    if (t->type != DTYPE_OTHER)
        tensor_read(t, 0, t->count, out);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    tensor_file f;
    pb_error err = {0};
    if (safetensors_open(&f, path, &err) == PB_OK) {
        for (size_t i = 0; i < f.count; i++)
            read_all(&f.tensors[i]);
        tensor_file_close(&f);
    } else if (!err.message[0]) {
        abort(); /* a failure without words */
    }
    unlink(path);
    return 0;
}
