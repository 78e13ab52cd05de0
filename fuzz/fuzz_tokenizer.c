/* fuzz_tokenizer.c: any bytes as tokenizer.json, and then as a text. Opening must succeed or say why; whatever opens
 * must take every text, keep its ranges inside it, and decode its own tokens. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "fuzz/try_tokenizer.h"

/* For inputs that are no tokenizer: every step at once, over few tokens. */
static const char sound[] =
    "{\"added_tokens\":["
    "{\"id\":0,\"content\":\"<a>\",\"single_word\":true,\"lstrip\":true,\"rstrip\":true,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":0,\"content\":\"e\\u0301\",\"single_word\":false,\"lstrip\":false,\"rstrip\":true,\"normalized\":true,"
    "\"special\":false}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
    "{\"type\":\"NFC\"},{\"type\":\"Prepend\",\"prepend\":\"_\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"__\"}]},"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
    "{\"type\":\"Digits\",\"individual_digits\":true},"
    "{\"type\":\"Split\",\"behavior\":\"MergedWithNext\",\"invert\":false,\"pattern\":{\"Regex\":"
    "\"(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}]?\\\\p{L}+|\\\\s+(?!\\\\S)|\\\\s+\"}},"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true}]},"
    "\"post_processor\":{\"type\":\"ByteLevel\",\"trim_offsets\":true,\"add_prefix_space\":true},"
    "\"decoder\":{\"type\":\"ByteLevel\"},"
    "\"model\":{\"unk_token\":\"a\",\"byte_fallback\":true,\"fuse_unk\":true,\"merges\":[\"a b\"],"
    "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"\\u0120\":3,\"<0x41>\":4}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer *t;
    pb_error err = {0};
    if (tokenizer_read(&t, (const char *)data, size, "input", &err) != PB_OK) {
        if (!err.message[0] || tokenizer_read(&t, sound, sizeof sound - 1, "sound", &err) != PB_OK)
            abort();
    }
    try_tokenizer(t, data, size);
    tokenizer_free(t);
    return 0;
}
