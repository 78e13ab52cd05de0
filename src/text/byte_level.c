/* byte_level.c: see byte_level.h.
 *
 * The names are those of "tokenizer.ggml.pre" in GGUF files. What each means is what the tokenizer.json of the models
 * that go by it says; llama.cpp's own patterns (src/llama-vocab.cpp) cut in the same places. */
#include "text/byte_level.h"

#include <string.h>

/* Llama 3 takes up to three digits together, Qwen2 one. */
#define WORDS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define OTHERS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const char llama3[] = WORDS "\\p{N}{1,3}" OTHERS;
static const char qwen2[] = WORDS "\\p{N}" OTHERS;

static const byte_level_form forms[] = {
    {.name = "gpt-2"},
    {.name = "default"}, /* files that do not say: transformers takes GPT-2's */
    {.name = "phi-2", .trims = true},
    {.name = "smollm", .digits = true},
    {.name = "llama-bpe", .split = llama3, .ignore_merges = true, .bos = true},
    {.name = "llama3", .split = llama3, .ignore_merges = true, .bos = true},
    {.name = "llama-v3", .split = llama3, .ignore_merges = true, .bos = true},
    {.name = "qwen2", .split = qwen2, .nfc = true},
    {.name = "deepseek-r1-qwen", .split = qwen2, .nfc = true},
};
enum { FORMS = sizeof forms / sizeof *forms };

const byte_level_form *byte_level_find(const char *name, size_t size)
{
    for (size_t i = 0; i < FORMS; i++)
        if (strlen(forms[i].name) == size && memcmp(forms[i].name, name, size) == 0)
            return &forms[i];
    return NULL;
}

void byte_level_names(buffer *out)
{
    for (size_t i = 0; i < FORMS; i++)
        buffer_printf(out, "%s%s", i ? ", " : "", forms[i].name);
}

pb_status byte_level_build(tokenizer *t, const byte_level_form *form, int32_t before, int32_t behind,
                           const char *file, pb_error *err)
{
    tokenizer_begin_steps(t);
    if (form->nfc)
        stages_add(&t->stages, (stage){.kind = STAGE_NFC});
    TRY(tokenizer_end_normalizer(t, file, err));
    if (form->digits)
        stages_add_digits(&t->stages, true);
    TRY(stages_add_split(&t->stages, form->split ? form->split : gpt2_pattern, file, form->name, err));
    stages_add(&t->stages, (stage){.kind = STAGE_BYTES});
    postprocess_make(&t->post, before, behind, form->trims);
    text_decoder_make_byte_level(&t->decoder);
    return PB_OK;
}
