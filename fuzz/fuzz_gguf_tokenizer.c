/* fuzz_gguf_tokenizer.c: any bytes as a GGUF file of which the tokenizer is wanted. Opening must succeed or say why. */
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint/checkpoint.h"
#include "fuzz/fuzz.h"
#include "fuzz/try_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    checkpoint *weights = NULL;
    tokenizer *t = NULL;
    pb_error err = {0};
    pb_status status = checkpoint_is_gguf(path) ? checkpoint_open(&weights, path, &err) : PB_EFORMAT;
    if (weights) {
        status = tokenizer_from_gguf(&t, checkpoint_metadata(weights), &err);
        if (status && (!err.message[0] || t))
            abort(); /* a failure without words, or with something left behind */
    }
    checkpoint_free(weights); /* a tokenizer needs nothing of the file */
    if (t)
        try_tokenizer(t, data, size);
    tokenizer_free(t);
    unlink(path);
    return 0;
}
