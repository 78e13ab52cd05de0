/* fake_tokenizer.c: see fake_tokenizer.h. */
#include "fake_tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct tokenizer {
    char **texts;
    size_t count;
};

tokenizer *fake_tokenizer(const char *const *texts, size_t count)
{
    tokenizer *t = mem_new(1, sizeof *t);
    *t = (tokenizer){mem_new(count, sizeof *t->texts), count};
    for (size_t i = 0; i < count; i++)
        t->texts[i] = mem_text(texts[i]);
    return t;
}

void fake_tokenizer_free(tokenizer *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->texts[i]);
    free(t->texts);
    free(t);
}

void tokenizer_token_text(const tokenizer *t, int32_t id, buffer *out)
{
    if (id >= 0 && (size_t)id < t->count)
        buffer_text(out, t->texts[id]);
    else
        buffer_printf(out, "<%d>", id);
}

/* As a SentencePiece decoder does, the space before the first word is lost. */
void tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special, buffer *out)
{
    buffer all = {0};
    (void)skip_special;
    for (size_t i = 0; i < count; i++)
        tokenizer_token_text(t, ids[i], &all);
    buffer_text(out, all.data + (all.data[0] == ' '));
    buffer_free(&all);
}

size_t tokenizer_vocab(const tokenizer *t)
{
    return t->count;
}

/* ---- what reports never ask for: here only so that the linker leaves the real tokenizer out ---- */

pb_status tokenizer_open(tokenizer **out, const char *directory, pb_error *err)
{
    (void)out;
    return fail(err, PB_EUNSUPPORTED, "%s: the tests' tokenizer reads no file", directory);
}

pb_status tokenizer_from_gguf(tokenizer **out, const gguf_metadata *metadata, pb_error *err)
{
    (void)out, (void)metadata;
    return fail(err, PB_EUNSUPPORTED, "the tests' tokenizer reads no file");
}

void tokenizer_free(tokenizer *t)
{
    fake_tokenizer_free(t);
}

pb_status tokenizer_encode(const tokenizer *t, const char *text, size_t size, bool add_special, encoding *out,
                           pb_error *err)
{
    (void)t;
    (void)add_special;
    (void)out;
    return fail(err, PB_EUNSUPPORTED, "the tests' tokenizer encodes no text: %.*s", (int)size, text);
}

void encoding_free(encoding *e)
{
    free(e->tokens);
}

int32_t tokenizer_find(const tokenizer *t, const char *content)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->texts[i], content) == 0)
            return (int32_t)i;
    return -1;
}

const char *tokenizer_kind(const tokenizer *t)
{
    (void)t;
    return "a list";
}

bool tokenizer_is_special(const tokenizer *t, int32_t id)
{
    (void)t;
    (void)id;
    return false;
}

pb_status tokenizer_mid_sentence(const tokenizer *t, const char *text, const char *what, int32_t **ids, size_t *count,
                                 pb_error *err)
{
    (void)t;
    (void)ids;
    (void)count;
    return fail(err, PB_EUNSUPPORTED, "%s: the tests' tokenizer encodes no text: %s", what, text);
}
