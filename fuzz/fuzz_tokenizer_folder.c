/* fuzz_tokenizer_folder.c: any bytes as one file of a folder without tokenizer.json: as tokenizer_config.json when they
 * begin with a brace, as merges.txt when they begin with a number sign, else as tokenizer.model. The rest of the folder
 * is sound. Opening must succeed or say why. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz/fuzz.h"
#include "fuzz/try_tokenizer.h"

typedef struct folder_file {
    const char *name, *bytes;
    size_t size;
} folder_file;

/* A SentencePiece model of "<unk>" (type 2), "a" and "▁". */
static const char model[] = "\x0A\x09\x0A\x05<unk>\x18\x02\x0A\x03\x0A\x01" "a\x0A\x05\x0A\x03\xE2\x96\x81";
static const char llama[] = "{\"tokenizer_class\":\"LlamaTokenizer\",\"add_eos_token\":true,\"added_tokens_decoder\":"
                            "{\"7\":{\"content\":\"<a>\",\"lstrip\":true,\"normalized\":true}}}";
static const char qwen2[] = "{\"tokenizer_class\":\"Qwen2Tokenizer\"}";
static const char added[] = "{\"<b>\":9,\"<image>\":8}";
static const char words[] = "{\"a\":0,\"b\":1,\"ab\":2,\"\xC4\xA0\":3,\"\xC4\xA0" "a\":4}";

/* Without bytes the file goes. */
static void write_file(const char *folder, folder_file f)
{
    char *path = path_join(folder, f.name);
    unlink(path);
    int fd = f.bytes ? open(path, O_CREAT | O_EXCL | O_WRONLY, 0600) : -1;
    if (f.bytes && (fd < 0 || write(fd, f.bytes, f.size) != (ssize_t)f.size))
        abort();
    if (fd >= 0)
        close(fd);
    free(path);
}

static void open_and_try(const char *folder, const void *data, size_t size)
{
    tokenizer *t;
    pb_error err = {0};
    if (tokenizer_open(&t, folder, &err) == PB_OK)
        try_tokenizer(t, data, size);
    else if (!err.message[0] || t)
        abort(); /* a failure without words, or with something left behind */
    tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    bool config = size && data[0] == '{', merges = size && data[0] == '#';
    const char *bytes = size ? (const char *)data : "";
    folder_file files[] = {{"tokenizer_config.json", llama, sizeof llama - 1},
                           {"added_tokens.json", added, sizeof added - 1},
                           {"tokenizer.model", bytes, size},
                           {"vocab.json", NULL, 0},
                           {"merges.txt", NULL, 0}};
    if (config)
        files[0] = (folder_file){files[0].name, bytes, size};
    if (config)
        files[2] = (folder_file){files[2].name, model, sizeof model - 1};
    if (!config && size % 2) /* other steps */
        files[0].bytes = NULL;
    if (merges) {
        files[0] = (folder_file){files[0].name, qwen2, sizeof qwen2 - 1};
        files[2].bytes = NULL;
        files[3] = (folder_file){files[3].name, words, sizeof words - 1};
        files[4] = (folder_file){files[4].name, bytes, size};
    }
    if (!mkdtemp(path))
        abort();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_file(path, files[i]);
    open_and_try(path, data, size);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_file(path, (folder_file){files[i].name, NULL, 0});
    rmdir(path);
    return 0;
}
