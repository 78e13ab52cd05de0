/* tokenizer_gguf.c: the tokenizer in a GGUF file's metadata ("tokenizer.ggml...."), equal to the Hugging Face tokenizer
 * that the file was made from.
 *
 * Two kinds: "llama", a SentencePiece BPE (tokens, scores, types), used as transformers' LlamaTokenizer uses one; and
 * "gpt2", byte-level BPE (tokens, merges, types), whose "pre" names its splits. Tokens of the types CONTROL and UNKNOWN
 * are special, USER_DEFINED ones are added tokens. */
#include <stdlib.h>

#include "base/memory.h"
#include "text/byte_level.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

static const char sign[] = "\xE2\x96\x81"; /* U+2581 */

#define KEY "tokenizer.ggml."

/* ---- the lists ---- */
/* scores and types are as long as tokens, or empty. */
typedef struct lists {
    gguf_array tokens, scores, kinds;
    size_t bytes; /* of all tokens together */
} lists;

static pb_status check_length(const lists *l, const gguf_array *other, const char *key, bool required,
                              const char *file, pb_error *err)
{
    if (other->count != l->tokens.count && (required || other->count))
        return fail(err, PB_EFORMAT, "%s: %s has %zu entries, expected one for each of %zu tokens", file, key,
                    other->count, l->tokens.count);
    return PB_OK;
}

static pb_status read_lists(lists *l, const gguf_metadata *m, bool scored, const char *file, pb_error *err)
{
    gguf_text text;
    TRY(gguf_get_texts(m, KEY "tokens", &l->tokens, err));
    TRY(gguf_get_numbers(m, KEY "scores", &l->scores, err));
    TRY(gguf_get_numbers(m, KEY "token_type", &l->kinds, err));
    if (!l->tokens.count || l->tokens.count > VOCAB_LIMIT)
        return fail(err, PB_EFORMAT, "%s: " KEY "tokens has %zu entries, expected 1 to %d", file, l->tokens.count,
                    VOCAB_LIMIT);
    TRY(check_length(l, &l->scores, KEY "scores", scored, file, err));
    TRY(check_length(l, &l->kinds, KEY "token_type", scored, file, err));
    l->bytes = 0;
    for (gguf_array tokens = l->tokens; gguf_next_text(&tokens, &text);)
        l->bytes += text.size;
    return PB_OK;
}

/* A token's type; those that have none are normal ones. */
static unsigned kind_of(const lists *l, size_t i)
{
    double kind = l->kinds.count ? gguf_number(&l->kinds, i) : 0;
    return kind > 0 && kind <= PIECE_BYTE ? (unsigned)kind : PIECE_NORMAL;
}

/* ---- special and added tokens ---- */
static bool is_added(unsigned kind)
{
    return kind == PIECE_CONTROL || kind == PIECE_UNKNOWN || kind == PIECE_USER_DEFINED;
}

static pb_status add_tokens(tokenizer *t, const lists *l, const char *file, pb_error *err)
{
    const vocab *words = tokenizer_words(t);
    size_t count = 0;
    for (size_t i = 0; i < l->tokens.count; i++)
        count += is_added(kind_of(l, i));
    added_begin(&t->added, count);
    for (size_t i = 0; i < l->tokens.count; i++)
        if (is_added(kind_of(l, i)))
            added_enter(&t->added, added_plain(words->entries[i].text, kind_of(l, i) != PIECE_USER_DEFINED), words);
    return added_end(&t->added, words, file, err);
}

/* The id under `key` when `flag` (missing: `by_default`) is set, else -1; missing, it is `id`, where that is one. */
static pb_status read_end(int32_t *out, const gguf_metadata *m, const char *flag, bool by_default, const char *key,
                          size_t id, size_t count, pb_error *err)
{
    bool wanted = by_default;
    *out = -1;
    TRY(gguf_get_bool(m, flag, &wanted, err));
    TRY(gguf_get_size(m, key, &id, err));
    if (!wanted)
        return PB_OK;
    if (id >= count)
        return fail(err, PB_EFORMAT, "%s: %s is set, but %s is no token's id", gguf_path(m), flag, key);
    *out = (int32_t)id;
    return PB_OK;
}

/* What stands before and behind every text. */
typedef struct ends {
    int32_t bos, eos;
} ends;

static pb_status read_ends(ends *e, const gguf_metadata *m, bool bos, size_t bos_id, size_t eos_id, size_t count,
                           pb_error *err)
{
    TRY(read_end(&e->bos, m, KEY "add_bos_token", bos, KEY "bos_token_id", bos_id, count, err));
    return read_end(&e->eos, m, KEY "add_eos_token", false, KEY "eos_token_id", eos_id, count, err);
}

/* ---- "llama" ---- */
static pb_status make_pieces(tokenizer *t, const gguf_metadata *m, const lists *l, const char *file, pb_error *err)
{
    gguf_array tokens = l->tokens;
    gguf_text text;
    size_t unknown = 0, bytes = 0;
    TRY(gguf_get_size(m, KEY "unknown_token_id", &unknown, err));
    t->pieces = pieces_new(l->tokens.count, l->bytes, file, KEY "tokens");
    for (size_t i = 0; gguf_next_text(&tokens, &text); i++) {
        TRY(pieces_add(t->pieces, text.data, text.size, (float)gguf_number(&l->scores, i), kind_of(l, i), err));
        bytes += kind_of(l, i) == PIECE_BYTE;
    }
    if (unknown >= l->tokens.count)
        return fail(err, PB_EFORMAT, "%s: " KEY "unknown_token_id is %zu, but there are %zu tokens", file, unknown,
                    l->tokens.count);
    return pieces_end(t->pieces, false, bytes > 0, (int32_t)unknown, err);
}

static pb_status build_llama(tokenizer *t, const gguf_metadata *m, const char *file, pb_error *err)
{
    lists l;
    ends e;
    bool prefix = true;
    TRY(read_lists(&l, m, true, file, err));
    TRY(make_pieces(t, m, &l, file, err));
    TRY(gguf_get_bool(m, KEY "add_space_prefix", &prefix, err));
    TRY(read_ends(&e, m, true, 1, 2, l.tokens.count, err));
    TRY(add_tokens(t, &l, file, err));
    tokenizer_begin_steps(t);
    TRY(tokenizer_end_normalizer(t, file, err));
    stages_add_metaspace(&t->stages, sign, prefix ? METASPACE_FIRST : METASPACE_NEVER);
    postprocess_make(&t->post, e.bos, e.eos, false);
    text_decoder_make_signs(&t->decoder, sign, t->pieces->byte_fallback, prefix, 0);
    t->kind = "GGUF SentencePiece BPE";
    return PB_OK;
}

/* ---- "gpt2" ---- */
static pb_status read_words(vocab *words, const lists *l, const char *file, pb_error *err)
{
    gguf_array tokens = l->tokens;
    gguf_text text;
    vocab_begin(words, l->tokens.count, l->tokens.count, l->bytes);
    for (size_t i = 0; gguf_next_text(&tokens, &text); i++) {
        if (utf8_valid(text.data, text.size) != text.size)
            return fail(err, PB_EFORMAT, "%s: " KEY "tokens[%zu] is no valid UTF-8", file, i);
        TRY(vocab_enter(words, text.data, text.size, i, file, KEY "tokens", err));
    }
    return PB_OK;
}

static pb_status make_bpe(tokenizer *t, const gguf_metadata *m, const lists *l, bool ignore_merges, const char *file,
                          pb_error *err)
{
    gguf_array merges;
    gguf_text text;
    vocab words;
    TRY(gguf_get_texts(m, KEY "merges", &merges, err));
    if (!merges.count || merges.count > 4 * VOCAB_LIMIT)
        return fail(err, PB_EFORMAT, "%s: " KEY "merges has %zu entries, expected 1 to %d", file, merges.count,
                    4 * VOCAB_LIMIT);
    pb_status status = read_words(&words, l, file, err);
    if (status) {
        vocab_free(&words);
        return status;
    }
    t->bpe = bpe_new(words, KEY "merges", merges.count, ignore_merges, file);
    for (size_t i = 0; gguf_next_text(&merges, &text); i++)
        TRY(bpe_add_merge(t->bpe, text.data, text.size, i, err));
    return PB_OK;
}

static pb_status find_form(const byte_level_form **form, const gguf_metadata *m, const char *file, pb_error *err)
{
    gguf_text name = {"default", 7};
    TRY(gguf_get_text(m, KEY "pre", &name, err));
    *form = byte_level_find(name.data, name.size);
    if (*form)
        return PB_OK;
    buffer known = {0};
    byte_level_names(&known);
    fail(err, PB_EUNSUPPORTED, "%s: " KEY "pre is \"%s\"; patchbay knows %s", file,
         shown_bytes(name.data, name.size).text, known.data);
    buffer_free(&known);
    return PB_EUNSUPPORTED;
}

static pb_status build_gpt2(tokenizer *t, const gguf_metadata *m, const char *file, pb_error *err)
{
    lists l;
    ends e;
    const byte_level_form *form;
    TRY(find_form(&form, m, file, err));
    TRY(read_lists(&l, m, false, file, err));
    TRY(make_bpe(t, m, &l, form->ignore_merges, file, err));
    TRY(read_ends(&e, m, form->bos, SIZE_MAX, SIZE_MAX, l.tokens.count, err));
    TRY(add_tokens(t, &l, file, err));
    t->kind = "GGUF byte-level BPE";
    return byte_level_build(t, form, e.bos, e.eos, file, err);
}

/* ---- both ---- */
static pb_status build(tokenizer *t, const gguf_metadata *m, const char *file, pb_error *err)
{
    gguf_text model = {NULL, 0};
    TRY(gguf_get_text(m, KEY "model", &model, err));
    if (!model.data)
        return fail(err, PB_EFORMAT, "%s: has no " KEY "model", file);
    if (gguf_text_is(model, "llama"))
        return build_llama(t, m, file, err);
    if (gguf_text_is(model, "gpt2"))
        return build_gpt2(t, m, file, err);
    return fail(err, PB_EUNSUPPORTED, "%s: " KEY "model is \"%s\"; patchbay knows \"llama\", \"gpt2\"", file,
                shown_bytes(model.data, model.size).text);
}

pb_status tokenizer_from_gguf(tokenizer **out, const gguf_metadata *m, pb_error *err)
{
    tokenizer *t = mem_new(1, sizeof *t);
    pb_status status = build(t, m, gguf_path(m), err);
    *out = status ? NULL : t;
    if (status)
        tokenizer_free(t);
    return status;
}
