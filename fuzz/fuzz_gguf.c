/* fuzz_gguf.c: any bytes as a GGUF file: its tensors, its metadata, and what it says as a decoder or a vision side. */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "fuzz/tensor_files.h"
#include "model/gguf.h"
#include "model/model.h"

static void require_words(pb_status status, const pb_error *err)
{
    if (status != PB_OK && !err->message[0])
        abort(); /* a failure without words */
}

/* ---- metadata ---- */

static size_t sum; /* of all bytes seen, so that they are read */

static void use_text(gguf_text text)
{
    for (size_t i = 0; i < text.size; i++)
        sum += (unsigned char)text.data[i];
}

static void use_arrays(const gguf_metadata *m, const char *key)
{
    pb_error err = {0};
    gguf_array array;
    gguf_text text;
    require_words(gguf_get_texts(m, key, &array, &err), &err);
    while (gguf_next_text(&array, &text))
        use_text(text);
    require_words(gguf_get_numbers(m, key, &array, &err), &err);
    for (size_t i = 0; i < array.count; i++)
        sum += gguf_number(&array, i) > 0;
}

/* Asks for everything under a key; whatever is of another kind must say so. */
static void use_key(const gguf_metadata *m, const char *key)
{
    pb_error err = {0};
    size_t size = 0;
    double real = 0;
    bool flag = false;
    gguf_text text = {0};
    require_words(gguf_get_size(m, key, &size, &err), &err);
    require_words(gguf_get_real(m, key, &real, &err), &err);
    require_words(gguf_get_bool(m, key, &flag, &err), &err);
    require_words(gguf_get_text(m, key, &text, &err), &err);
    use_text(text);
    use_arrays(m, key);
}

static void use_metadata(const gguf_metadata *m)
{
    static const char *const keys[] = {
        "test.uint8", "test.int64", "test.float32", "test.bool", "test.string", "test.texts", "test.ints", "test.bools",
        "general.architecture", "general.alignment", "tokenizer.ggml.tokens", "",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        use_key(m, keys[i]);
}

/* ---- models ---- */

static void use_decoder(checkpoint *c)
{
    pb_error err = {0};
    json_t *config;
    decoder d;
    weight weights[PART_COUNT];
    pb_status status = gguf_decoder(&config, c, &err);
    if (!status)
        status = llama_decoder_open(&d, c, config, "model.", "lm_head.weight", "input", &err);
    json_decref(config);
    require_words(status, &err);
    if (status)
        return;
    for (size_t l = 0; l < d.config.layers; l++)
        require_words(decoder_read_layer(&d, l, weights, &err), &err);
    decoder_free(&d);
}

static void use_vision(const checkpoint *c)
{
    pb_error err = {0};
    model m = {.decoder.config.d_model = 8};
    require_words(gguf_vision(&m, c, &err), &err);
    vision_free(m.vision);
}

static void use_file(const char *path)
{
    checkpoint *c;
    pb_error err = {0};
    pb_status status = checkpoint_open(&c, path, &err);
    require_words(status, &err);
    if (!status && checkpoint_metadata(c)) {
        use_metadata(checkpoint_metadata(c));
        use_decoder(c);
        use_vision(c);
    }
    checkpoint_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tensor_file(data, size, gguf_open);
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    use_file(path);
    unlink(path);
    return sum == 1; /* never */
}
