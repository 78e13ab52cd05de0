/* pieces.c: see pieces.h. */
#include "text/pieces.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

/* ---- the list ---- */
pieces *pieces_new(size_t count, size_t bytes, const char *file, const char *field)
{
    pieces *p = mem_new(1, sizeof *p);
    p->file = mem_text(file);
    p->field = field;
    vocab_begin(&p->vocab, count, count, bytes);
    p->scores = mem_new(count, sizeof *p->scores);
    p->kinds = mem_new(count, sizeof *p->kinds);
    return p;
}

void pieces_free(pieces *p)
{
    if (!p)
        return;
    prefixes_free(&p->user_defined);
    prefixes_free(&p->known);
    vocab_free(&p->vocab);
    free(p->scores);
    free(p->kinds);
    free(p->file);
    free(p);
}

pb_status pieces_add(pieces *p, const char *text, size_t size, float score, unsigned kind, pb_error *err)
{
    size_t id = p->vocab.count;
    if (!size || utf8_valid(text, size) != size)
        return fail(err, PB_EFORMAT, "%s: %s[%zu] is %s", p->file, p->field, id, size ? "no valid UTF-8" : "empty");
    if (kind < PIECE_NORMAL || kind > PIECE_BYTE)
        return fail(err, PB_EFORMAT, "%s: %s[%zu] is of the type %u, expected 1 to 6", p->file, p->field, id, kind);
    if (!isfinite(score))
        return fail(err, PB_EFORMAT, "%s: %s[%zu] has the score %g, expected a finite one", p->file, p->field, id,
                    (double)score);
    TRY(vocab_enter(&p->vocab, text, size, id, p->file, p->field, err));
    p->scores[id] = score;
    p->kinds[id] = (unsigned char)kind;
    if (size > p->longest)
        p->longest = size;
    return PB_OK;
}

static pb_status find_unknown(pieces *p, int32_t unknown, pb_error *err)
{
    p->unknown = unknown;
    for (size_t i = 0; i < p->vocab.count && unknown < 0; i++) {
        if (p->kinds[i] != PIECE_UNKNOWN)
            continue;
        if (p->unknown >= 0)
            return fail(err, PB_EFORMAT, "%s: %s: two unknown pieces, %d and %zu", p->file, p->field, p->unknown, i);
        p->unknown = (int32_t)i;
    }
    if (p->unknown < 0 || (size_t)p->unknown >= p->vocab.count)
        return fail(err, PB_EFORMAT, "%s: %s: has no unknown piece", p->file, p->field);
    return PB_OK;
}

static pb_status find_bytes(pieces *p, pb_error *err)
{
    for (unsigned i = 0; i < 256 && p->byte_fallback; i++) {
        p->bytes[i] = vocab_byte(&p->vocab, (unsigned char)i);
        if (p->bytes[i] < 0 || p->kinds[p->bytes[i]] != PIECE_BYTE)
            return fail(err, PB_EFORMAT, "%s: %s: has no byte piece <0x%02X>, expected all 256", p->file, p->field, i);
    }
    return PB_OK;
}

static bool comes_out(unsigned kind)
{
    return kind == PIECE_NORMAL || kind == PIECE_USER_DEFINED;
}

static size_t count_kind(const pieces *p, piece_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < p->vocab.count; i++)
        count += p->kinds[i] == kind;
    return count;
}

pb_status pieces_end(pieces *p, bool unigram, bool byte_fallback, int32_t unknown, pb_error *err)
{
    p->unigram = unigram;
    p->byte_fallback = byte_fallback;
    TRY(find_unknown(p, unknown, err));
    TRY(find_bytes(p, err));
    p->lowest = FLT_MAX;
    prefixes_begin(&p->user_defined, count_kind(p, PIECE_USER_DEFINED));
    prefixes_begin(&p->known, unigram ? p->vocab.count : 0);
    for (size_t i = 0; i < p->vocab.count; i++) {
        vocab_entry piece = p->vocab.entries[i];
        if (p->kinds[i] == PIECE_USER_DEFINED)
            prefixes_add(&p->user_defined, piece.text, piece.size, (int32_t)i);
        if (unigram && comes_out(p->kinds[i]))
            prefixes_add(&p->known, piece.text, piece.size, (int32_t)i);
        if (p->kinds[i] == PIECE_NORMAL)
            p->lowest = fminf(p->lowest, p->scores[i]);
    }
    prefixes_sort(&p->user_defined); /* no two are alike: the vocabulary saw to it */
    prefixes_sort(&p->known);
    return PB_OK;
}

/* ---- BPE ---- */
typedef struct job {
    const pieces *p;
    const char *text;
    uint32_t **splits; /* (*splits)[piece]: bytes of the left one of the two that last offered themselves for an UNUSED
                        * piece; NULL while none did */
} job;

/* The piece that text[size] is and that joining may lead to, or -1. */
static int32_t find_joined(const pieces *p, const char *text, size_t size)
{
    int32_t id = size <= p->longest ? vocab_find(&p->vocab, text, size) : -1;
    return id >= 0 && (comes_out(p->kinds[id]) || p->kinds[id] == PIECE_UNUSED) ? id : -1;
}

static bool is_frozen(const pieces *p, const word_symbol *s)
{
    return s->id >= 0 && p->kinds[s->id] == PIECE_USER_DEFINED;
}

/* A word_may_join: whether the two together are a piece. */
static bool may_join(const void *model, const word_symbol *left, const word_symbol *right, int32_t *id, double *rank)
{
    const job *j = model;
    if (is_frozen(j->p, left) || is_frozen(j->p, right))
        return false;
    *id = find_joined(j->p, j->text + left->start, left->size + right->size);
    if (*id < 0)
        return false;
    if (j->p->kinds[*id] == PIECE_UNUSED) {
        if (!*j->splits)
            *j->splits = mem_new(j->p->vocab.limit, sizeof **j->splits);
        (*j->splits)[*id] = left->size;
    }
    *rank = -(double)j->p->scores[*id];
    return true;
}

static void add_unknown(const pieces *p, const char *text, size_t start, size_t end, word *w)
{
    word_token *last = w->count ? &w->tokens[w->count - 1] : NULL;
    for (size_t i = start; i < end && p->byte_fallback; i++)
        word_add_token(w, p->bytes[(unsigned char)text[i]], i, i + 1);
    if (p->byte_fallback)
        return;
    if (last && last->id == p->unknown)
        last->end = (uint32_t)end;
    else
        word_add_token(w, p->unknown, start, end);
}

/* The tokens of a symbol text[start, end); an UNUSED piece falls apart into those it was joined of. */
static void add_symbol(const job *j, size_t start, size_t end, word *w)
{
    int32_t id = find_joined(j->p, j->text + start, end - start);
    bool unused = id >= 0 && j->p->kinds[id] == PIECE_UNUSED;
    uint32_t left = unused && *j->splits ? (*j->splits)[id] : 0;
    if (left) {
        add_symbol(j, start, start + left, w);
        add_symbol(j, start + left, end, w);
    } else if (id >= 0 && !unused) {
        word_add_token(w, id, start, end);
    } else {
        add_unknown(j->p, j->text, start, end, w);
    }
}

static void encode_bpe(const pieces *p, const char *text, size_t size, word *w)
{
    uint32_t *splits = NULL;
    job j = {p, text, &splits};
    for (size_t at = 0; at < size;) {
        const prefix_entry *fixed = prefixes_longest(&p->user_defined, text + at, size - at);
        size_t start = at;
        if (fixed)
            at += fixed->size;
        else
            utf8_next(text, &at);
        word_add_symbol(w, fixed ? fixed->value : find_joined(p, text + start, at - start), at - start);
    }
    word_join(w, may_join, &j);
    for (size_t i = 0; i < w->symbol_count; i++)
        if (w->symbols[i].size)
            add_symbol(&j, w->symbols[i].start, w->symbols[i].start + w->symbols[i].size, w);
    free(splits);
}

/* ---- Unigram ---- */
/* The best way to cut the text up to a place: its score, and its last piece. */
typedef struct best {
    float score;
    int32_t id;
    uint32_t start;
    bool reached;
} best;

/* A way that is better than those before; of equal ones the first stays. Sums are floats, as in sentencepiece: their
 * rounding decides ties. */
static void offer(best *to, float score, int32_t id, size_t start)
{
    if (!to->reached || score > to->score)
        *to = (best){score, id, (uint32_t)start, true};
}

/* User-defined pieces win over others, whose scores are negative, and long ones over short ones (sentencepiece 0.2.3's
 * bonus; before, it was -0.1 for all). */
static float score_of(const pieces *p, const prefix_entry *piece)
{
    if (p->kinds[piece->value] == PIECE_USER_DEFINED)
        return (float)(0.1 * (double)piece->size - 0.1);
    return p->scores[piece->value];
}

/* ends[size + 1]: the best way to every place. */
static void find_best(const pieces *p, const char *text, size_t size, best *ends)
{
    enum { UNKNOWN_PENALTY = 10 };
    float unknown_score = p->lowest - UNKNOWN_PENALTY;
    for (size_t start = 0, next; start < size; start = next) {
        float here = ends[start].score;
        bool single = false; /* whether the character by itself is a piece */
        next = start;
        utf8_next(text, &next);
        prefix_search s = prefixes_search(&p->known);
        for (const prefix_entry *piece; (piece = prefixes_next(&p->known, &s, text + start, size - start));) {
            offer(&ends[start + piece->size], score_of(p, piece) + here, piece->value, start);
            single |= start + piece->size == next;
        }
        if (!single)
            offer(&ends[next], unknown_score + here, p->unknown, start);
    }
}

/* Unknown characters in a row are one; as bytes each of them stands for all of it, as in HF. */
static void add_unigram_token(const pieces *p, const char *text, word_token t, word *w)
{
    if (t.id != p->unknown || !p->byte_fallback) {
        word_add_token(w, t.id, t.start, t.end);
        return;
    }
    for (size_t i = t.start; i < t.end; i++)
        word_add_token(w, p->bytes[(unsigned char)text[i]], t.start, t.end);
}

static void encode_unigram(const pieces *p, const char *text, size_t size, word *w)
{
    best *ends = mem_new(size + 1, sizeof *ends);
    uint32_t *behind = mem_new(size + 1, sizeof *behind); /* behind[start]: where the token that begins there ends */
    find_best(p, text, size, ends);
    for (size_t at = size; at > 0; at = ends[at].start)
        behind[ends[at].start] = (uint32_t)at;
    for (size_t start = 0, end; start < size; start = end) {
        end = behind[start];
        int32_t id = ends[end].id;
        while (id == p->unknown && end < size && ends[behind[end]].id == p->unknown)
            end = behind[end];
        add_unigram_token(p, text, (word_token){id, (uint32_t)start, (uint32_t)end}, w);
    }
    free(behind);
    free(ends);
}

void pieces_encode(const pieces *p, const char *text, size_t size, word *w)
{
    word_begin(w);
    if (p->unigram)
        encode_unigram(p, text, size, w);
    else
        encode_bpe(p, text, size, w);
}
