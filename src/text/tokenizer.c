/* tokenizer.c: texts to tokens and back, see tokenizer.h and tokenizer_parts.h. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_parts.h"
#include "text/unicode.h"

enum { LONGEST_TEXT = 1 << 28 };

void tokenizer_free(tokenizer *t)
{
    if (!t)
        return;
    stages_free(&t->stages);
    added_finder_free(&t->raw);
    added_finder_free(&t->normal);
    added_free(&t->added);
    postprocess_free(&t->post);
    text_decoder_free(&t->decoder);
    normalizer_free(t->normalizer);
    bpe_free(t->bpe);
    pieces_free(t->pieces);
    free(t);
}

const vocab *tokenizer_words(const tokenizer *t)
{
    return t->pieces ? &t->pieces->vocab : bpe_vocab(t->bpe);
}

/* ---- putting together ---- */
void tokenizer_begin_steps(tokenizer *t)
{
    stages_add(&t->stages, (stage){.kind = STAGE_ADDED, .finder = &t->raw});
}

/* What an added token looks like after normalization. */
static void normalize_added(added_token *a, const stages *steps)
{
    draft d = {0}, spare = {0};
    draft_begin(&d, a->content, a->size);
    stages_run(steps, &d, &spare);
    free(a->form);
    a->form = mem_text_n(d.bytes ? d.bytes : "", d.size);
    a->form_size = d.size;
    draft_free(&d);
    draft_free(&spare);
}

pb_status tokenizer_end_normalizer(tokenizer *t, const char *file, pb_error *err)
{
    stages steps = {t->stages.list + 1, t->stages.count - 1};
    for (size_t i = 0; i < t->added.count; i++)
        if (t->added.list[i].normalized)
            normalize_added(&t->added.list[i], &steps);
    TRY(added_finder_make(&t->raw, &t->added, false, file, err));
    TRY(added_finder_make(&t->normal, &t->added, true, file, err));
    stages_add(&t->stages, (stage){.kind = STAGE_ADDED, .finder = &t->normal});
    return PB_OK;
}

/* ---- encoding ---- */
/* The tokens of one text as they come, and what is needed to place them. */
typedef struct encoder {
    const tokenizer *t;
    uint32_t *characters; /* characters[size + 1]: the number of the code point that each byte belongs to */
    token *tokens;        /* tokens[count] */
    size_t count, capacity;
    word word;
} encoder;

static uint32_t *count_characters(const char *text, size_t size)
{
    uint32_t *characters = mem_new(size + 1, sizeof *characters), number = 0;
    for (size_t i = 0; i < size; i++) {
        number += ((unsigned char)text[i] & 0xC0) != 0x80;
        characters[i] = number - 1;
    }
    characters[size] = number;
    return characters;
}

static void append(token **tokens, size_t *count, size_t *capacity, token one)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        *tokens = mem_resize(*tokens, *capacity, sizeof **tokens);
    }
    (*tokens)[(*count)++] = one;
}

/* A token for the bytes [start, end) of the draft. Its own text name[name_size] says how its range is trimmed. */
static void place(encoder *e, const draft *d, int32_t id, size_t start, size_t end, const char *name,
                  size_t name_size)
{
    origin from = draft_origin(d, start, end);
    token one = {id, e->characters[from.start], e->characters[from.end]};
    postprocess_trim(&e->t->post, name, name_size, e->count, &one.start, &one.end);
    append(&e->tokens, &e->count, &e->capacity, one);
}

static pb_status encode_word(const tokenizer *t, const char *text, size_t size, word *w, pb_error *err)
{
    if (!t->pieces)
        return bpe_encode(t->bpe, text, size, w, err);
    pieces_encode(t->pieces, text, size, w);
    return PB_OK;
}

static pb_status encode_piece(encoder *e, const draft *d, piece p, pb_error *err)
{
    if (p.id != PIECE_OPEN) {
        place(e, d, p.id, p.start, p.end, d->bytes + p.start, p.end - p.start);
        return PB_OK;
    }
    TRY(encode_word(e->t, d->bytes + p.start, p.end - p.start, &e->word, err));
    for (size_t i = 0; i < e->word.count; i++) {
        word_token one = e->word.tokens[i];
        vocab_entry name = vocab_text(tokenizer_words(e->t), one.id);
        place(e, d, one.id, p.start + one.start, p.start + one.end, name.text, name.size);
    }
    return PB_OK;
}

/* The template's tokens around the text's, into *out. */
static void apply_template(const encoder *e, bool add_special, encoding *out)
{
    const postprocess *post = &e->t->post;
    size_t capacity = 0;
    for (size_t i = 0; i < post->piece_count; i++) {
        if (!post->pieces[i].is_text) {
            if (add_special)
                append(&out->tokens, &out->count, &capacity, (token){post->pieces[i].id, 0, 0});
            continue;
        }
        for (size_t k = 0; k < e->count; k++)
            append(&out->tokens, &out->count, &capacity, e->tokens[k]);
    }
}

pb_status tokenizer_encode(const tokenizer *t, const char *text, size_t size, bool add_special, encoding *out,
                           pb_error *err)
{
    size_t valid = utf8_valid(text, size);
    *out = (encoding){0};
    if (valid < size)
        return fail(err, PB_EINVAL, "the text is not valid UTF-8: byte 0x%02X at %zu", (unsigned char)text[valid],
                    valid);
    if (size > LONGEST_TEXT)
        return fail(err, PB_EINVAL, "the text has %zu bytes, expected %d at most", size, LONGEST_TEXT);

    draft d = {0}, spare = {0};
    draft_begin(&d, text, size);
    stages_run(&t->stages, &d, &spare);
    encoder e = {.t = t, .characters = count_characters(text, size)};
    pb_status status = PB_OK;
    for (size_t i = 0; i < d.count && !status; i++)
        status = encode_piece(&e, &d, d.pieces[i], err);
    if (!status)
        apply_template(&e, add_special, out);
    draft_free(&d);
    draft_free(&spare);
    word_free(&e.word);
    free(e.characters);
    free(e.tokens);
    return status;
}

void encoding_free(encoding *e)
{
    free(e->tokens);
    *e = (encoding){0};
}

/* ---- decoding ---- */
/* HF leaves out what reads like a special token's content; a normalized special token reads otherwise and stays. */
static bool is_skipped(const tokenizer *t, const added_token *a)
{
    const added_token *same = added_find(&t->added, a->form, a->form_size);
    return same && same->special;
}

void tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special, buffer *out)
{
    texts all = {0};
    for (size_t i = 0; i < count; i++) {
        const added_token *a = added_by_id(&t->added, ids[i]);
        vocab_entry entry = vocab_text(tokenizer_words(t), ids[i]);
        if (a && !(skip_special && is_skipped(t, a)))
            texts_add(&all, a->form, a->form_size);
        else if (!a && entry.text)
            texts_add(&all, entry.text, entry.size);
    }
    text_decoder_run(&t->decoder, &all, out);
    texts_free(&all);
}

void tokenizer_token_text(const tokenizer *t, int32_t id, buffer *out)
{
    const added_token *a = added_by_id(&t->added, id);
    vocab_entry entry = vocab_text(tokenizer_words(t), id);
    if (a)
        buffer_add(out, a->content, a->size);
    else if (entry.text)
        text_decoder_run_one(&t->decoder, entry.text, entry.size, out);
    else
        buffer_printf(out, "<%d>", id);
}

/* ---- questions ---- */
int32_t tokenizer_find(const tokenizer *t, const char *content)
{
    const added_token *a = added_find(&t->added, content, strlen(content));
    return a ? a->id : vocab_find(tokenizer_words(t), content, strlen(content));
}

size_t tokenizer_vocab(const tokenizer *t)
{
    size_t limit = tokenizer_words(t)->limit;
    size_t added = t->added.count ? (size_t)t->added.list[t->added.count - 1].id + 1 : 0;
    return limit > added ? limit : added;
}

const char *tokenizer_kind(const tokenizer *t)
{
    return t->kind;
}

bool tokenizer_is_special(const tokenizer *t, int32_t id)
{
    const added_token *a = added_by_id(&t->added, id);
    return a && a->special;
}

/* Puts the option that the text came from before the message. */
static pb_status fail_about(pb_error *err, pb_status status, const char *what)
{
    char *reason = mem_text(err ? err->message : "");
    status = fail(err, status, "%s: %s", what, reason);
    free(reason);
    return status;
}

pb_status tokenizer_mid_sentence(const tokenizer *t, const char *text, const char *what, int32_t **ids, size_t *count,
                                 pb_error *err)
{
    static const char before[] = "a ";
    buffer sentence = {0};
    encoding e;
    *ids = NULL;
    *count = 0;
    buffer_text(&sentence, before);
    buffer_text(&sentence, text);
    pb_status status = tokenizer_encode(t, sentence.data, sentence.size, false, &e, err);
    buffer_free(&sentence);
    if (status)
        return fail_about(err, status, what);

    size_t first = 0;
    while (first < e.count && e.tokens[first].end <= sizeof before - 1)
        first++;
    if (first == e.count) {
        encoding_free(&e);
        return fail(err, PB_EINVAL, "%s: \"%.100s\" makes no token", what, text);
    }
    *count = e.count - first;
    *ids = mem_new(*count, sizeof **ids);
    for (size_t i = 0; i < *count; i++)
        (*ids)[i] = e.tokens[first + i].id;
    encoding_free(&e);
    return PB_OK;
}
