/* fuzz_sentencepiece.c: any bytes as tokenizer.model, in a folder with small files, which lead to other steps for
 * inputs of even length. Opening must succeed or say why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz/fuzz.h"
#include "fuzz/try_tokenizer.h"

static const char llama[] = "{\"tokenizer_class\":\"LlamaTokenizer\",\"add_eos_token\":true,\"added_tokens_decoder\":"
                            "{\"7\":{\"content\":\"<a>\",\"lstrip\":true,\"normalized\":true}}}";

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    pb_error err;
    char *path = path_join(folder, name);
    if (file_write_all(path, bytes, size, &err) != PB_OK)
        abort();
    free(path);
}

static void remove_file(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    unlink(path);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "/tmp/patchbay-fuzz-XXXXXX";
    tokenizer *t;
    pb_error err = {0};
    if (!mkdtemp(folder))
        abort();
    write_file(folder, "tokenizer.model", data, size);
    if (size % 2 == 0)
        write_file(folder, "tokenizer_config.json", llama, sizeof llama - 1);
    if (tokenizer_open(&t, folder, &err) == PB_OK)
        try_tokenizer(t, data, size);
    else if (!err.message[0] || t)
        abort(); /* a failure without words, or with something left behind */
    tokenizer_free(t);
    remove_file(folder, "tokenizer.model");
    remove_file(folder, "tokenizer_config.json");
    rmdir(folder);
    return 0;
}
