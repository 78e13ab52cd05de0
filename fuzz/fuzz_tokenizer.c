/* fuzz_tokenizer.c: any bytes as tokenizer.json, and then as a text. Opening must succeed or say why; whatever opens
 * must take every text, keep its ranges inside it, and decode its own tokens. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

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

static size_t characters(const buffer *text)
{
    size_t count = 0;
    for (size_t at = 0; at < text->size; count++)
        utf8_next(text->data, &at);
    return count;
}

static void try_text(const tokenizer *t, const buffer *text)
{
    encoding e;
    pb_error err = {0};
    buffer out = {0};
    size_t length = characters(text);
    pb_status status = tokenizer_encode(t, text->data ? text->data : "", text->size, true, &e, &err);
    if (status != PB_OK && !err.message[0])
        abort(); /* a failure without words */
    int32_t *ids = mem_new(e.count, sizeof *ids);
    for (size_t i = 0; i < e.count; i++) {
        if (e.tokens[i].start > e.tokens[i].end || e.tokens[i].end > length)
            abort(); /* a range beyond the text */
        ids[i] = e.tokens[i].id;
        tokenizer_token_text(t, ids[i], &out);
    }
    tokenizer_decode(t, ids, e.count, e.count % 2, &out);
    if (utf8_valid(out.data ? out.data : "", out.size) != out.size)
        abort(); /* a text that is none */
    free(ids);
    buffer_free(&out);
    encoding_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer *t;
    pb_error err = {0};
    buffer text = {0};
    static const char hard[] = "It's e\xCC\x81 <a> \xE2\x96\x81 12\n\n  \xF0\x9F\x91\xA9\xE2\x80\x8D <image></s>";
    if (tokenizer_read(&t, (const char *)data, size, "input", &err) != PB_OK) {
        if (!err.message[0] || tokenizer_read(&t, sound, sizeof sound - 1, "sound", &err) != PB_OK)
            abort();
    }
    buffer_add(&text, hard, sizeof hard - 1);
    try_text(t, &text);
    text.size = 0;
    utf8_add_lossy(&text, (const char *)data, size < 2000 ? size : 2000);
    try_text(t, &text);
    buffer_free(&text);
    tokenizer_free(t);
    return 0;
}
