/* sentencepiece.c: see sentencepiece.h. The file is walked twice: first all of it is checked and counted, then the
 * pieces are taken into tables of the right size. */
#include "text/sentencepiece.h"

#include <stdlib.h>

#include "base/memory.h"
#include "text/wire.h"

/* ---- fields, by message ---- */
enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum { TRAINER_MODEL_TYPE = 3, TRAINER_SUFFIX = 24, TRAINER_BYTE_FALLBACK = 35, TRAINER_BOS = 41, TRAINER_EOS = 42 };
enum { NORMALIZER_RULES = 2, NORMALIZER_DUMMY_PREFIX = 3, NORMALIZER_TRIMS = 4, NORMALIZER_ESCAPES = 5 };
enum { TYPE_UNIGRAM = 1, TYPE_BPE = 2, TYPE_WORD = 3, TYPE_CHAR = 4 };

/* What the messages say, with protobuf's defaults for what they leave out. */
typedef struct reader {
    const char *file;
    size_t piece_count, piece_bytes;
    uint64_t model_type, bos, eos;
    bool byte_fallback, suffix, dummy_prefix, trims, escapes;
    const char *rules; /* rules[rules_size], in the file */
    size_t rules_size;
    pieces *pieces; /* the second time: where pieces go */
} reader;

typedef pb_status read_field(reader *r, const wire_field *f, pb_error *err);

static pb_status each_field(reader *r, wire message, read_field *read, pb_error *err)
{
    wire_field f;
    for (;;) {
        TRY(wire_next(&message, &f, r->file, err));
        if (!f.number)
            return PB_OK;
        TRY(read(r, &f, err));
    }
}

static pb_status expect(const reader *r, const wire_field *f, wire_type type, const char *name, pb_error *err)
{
    if (f->type != type)
        return fail(err, PB_EFORMAT, "%s: %s is of the wire type %d, expected %d", r->file, name, (int)f->type,
                    (int)type);
    return PB_OK;
}

/* A field that is a number goes to *value. */
static pb_status get_number(const reader *r, const wire_field *f, const char *name, uint64_t *value, pb_error *err)
{
    TRY(expect(r, f, WIRE_VARINT, name, err));
    *value = f->value;
    return PB_OK;
}

static pb_status get_flag(const reader *r, const wire_field *f, const char *name, bool *value, pb_error *err)
{
    TRY(expect(r, f, WIRE_VARINT, name, err));
    *value = f->value != 0;
    return PB_OK;
}

/* ---- the three messages inside ---- */
static pb_status read_trainer(reader *r, const wire_field *f, pb_error *err)
{
    switch (f->number) {
    case TRAINER_MODEL_TYPE: return get_number(r, f, "trainer_spec.model_type", &r->model_type, err);
    case TRAINER_SUFFIX: return get_flag(r, f, "trainer_spec.treat_whitespace_as_suffix", &r->suffix, err);
    case TRAINER_BYTE_FALLBACK: return get_flag(r, f, "trainer_spec.byte_fallback", &r->byte_fallback, err);
    case TRAINER_BOS: return get_number(r, f, "trainer_spec.bos_id", &r->bos, err);
    case TRAINER_EOS: return get_number(r, f, "trainer_spec.eos_id", &r->eos, err);
    default: return PB_OK;
    }
}

static pb_status read_normalizer(reader *r, const wire_field *f, pb_error *err)
{
    switch (f->number) {
    case NORMALIZER_RULES:
        TRY(expect(r, f, WIRE_BYTES, "normalizer_spec.precompiled_charsmap", err));
        r->rules = wire_text(f);
        r->rules_size = wire_size(f);
        return PB_OK;
    case NORMALIZER_DUMMY_PREFIX: return get_flag(r, f, "normalizer_spec.add_dummy_prefix", &r->dummy_prefix, err);
    case NORMALIZER_TRIMS: return get_flag(r, f, "normalizer_spec.remove_extra_whitespaces", &r->trims, err);
    case NORMALIZER_ESCAPES: return get_flag(r, f, "normalizer_spec.escape_whitespaces", &r->escapes, err);
    default: return PB_OK;
    }
}

/* A piece: {text, score, type}. */
static pb_status read_piece(const reader *r, wire message, wire_field *text, float *score, uint64_t *kind,
                            pb_error *err)
{
    wire_field f;
    *text = (wire_field){0};
    *score = 0;
    *kind = PIECE_NORMAL;
    for (;;) {
        TRY(wire_next(&message, &f, r->file, err));
        switch (f.number) {
        case 0: return PB_OK;
        case PIECE_TEXT:
            TRY(expect(r, &f, WIRE_BYTES, "a piece's text", err));
            *text = f;
            break;
        case PIECE_SCORE:
            TRY(expect(r, &f, WIRE_FIXED32, "a piece's score", err));
            *score = wire_float(&f);
            break;
        case PIECE_TYPE: TRY(get_number(r, &f, "a piece's type", kind, err)); break;
        default: break;
        }
    }
}

/* The first time a piece is counted, the second time it is taken. */
static pb_status take_piece(reader *r, wire message, pb_error *err)
{
    wire_field text;
    float score;
    uint64_t kind;
    TRY(read_piece(r, message, &text, &score, &kind, err));
    if (r->pieces)
        return pieces_add(r->pieces, text.number ? wire_text(&text) : "", wire_size(&text), score,
                          kind > PIECE_BYTE ? 0 : (unsigned)kind, err);
    r->piece_count++;
    r->piece_bytes += wire_size(&text);
    return PB_OK;
}

static pb_status read_model(reader *r, const wire_field *f, pb_error *err)
{
    switch (f->number) {
    case MODEL_PIECE: TRY(expect(r, f, WIRE_BYTES, "pieces", err)); return take_piece(r, f->inside, err);
    case MODEL_TRAINER:
        TRY(expect(r, f, WIRE_BYTES, "trainer_spec", err));
        return r->pieces ? PB_OK : each_field(r, f->inside, read_trainer, err);
    case MODEL_NORMALIZER:
        TRY(expect(r, f, WIRE_BYTES, "normalizer_spec", err));
        return r->pieces ? PB_OK : each_field(r, f->inside, read_normalizer, err);
    default: return PB_OK;
    }
}

/* ---- the whole ---- */
static pb_status check(const reader *r, pb_error *err)
{
    if (!r->piece_count)
        return fail(err, PB_EFORMAT, "%s: has no pieces: it is no SentencePiece model", r->file);
    if (r->piece_count > VOCAB_LIMIT)
        return fail(err, PB_EFORMAT, "%s: has %zu pieces, expected %d at most", r->file, r->piece_count, VOCAB_LIMIT);
    if (r->model_type == TYPE_WORD || r->model_type == TYPE_CHAR)
        return fail(err, PB_EUNSUPPORTED, "%s: trainer_spec.model_type is %s: only BPE and UNIGRAM are supported",
                    r->file, r->model_type == TYPE_WORD ? "WORD" : "CHAR");
    if (r->model_type != TYPE_BPE && r->model_type != TYPE_UNIGRAM)
        return fail(err, PB_EFORMAT, "%s: trainer_spec.model_type is %llu, expected 1 (UNIGRAM) or 2 (BPE)", r->file,
                    (unsigned long long)r->model_type);
    return PB_OK;
}

static pb_status make_normalizer(const reader *r, sentencepiece *s, pb_error *err)
{
    s->normalizer = mem_new(1, sizeof *s->normalizer);
    *s->normalizer = (normalizer){.trims = r->trims,
                                  .escapes = r->escapes,
                                  .suffix = r->suffix && r->dummy_prefix,
                                  .fixed = &s->pieces->user_defined};
    s->dummy_prefix = r->dummy_prefix;
    s->bos = r->bos < r->piece_count ? (int32_t)r->bos : -1;
    s->eos = r->eos < r->piece_count ? (int32_t)r->eos : -1;
    return charsmap_read(&s->normalizer->rules, r->rules, r->rules_size, r->file, err);
}

static pb_status read_all(reader *r, wire file, sentencepiece *s, pb_error *err)
{
    TRY(each_field(r, file, read_model, err));
    TRY(check(r, err));
    s->pieces = r->pieces = pieces_new(r->piece_count, r->piece_bytes, r->file, "pieces");
    TRY(each_field(r, file, read_model, err));
    TRY(pieces_end(s->pieces, r->model_type == TYPE_UNIGRAM, r->byte_fallback, -1, err));
    return make_normalizer(r, s, err);
}

pb_status sentencepiece_read(sentencepiece *s, const void *bytes, size_t size, const char *file, pb_error *err)
{
    reader r = {.file = file, .model_type = TYPE_UNIGRAM, .bos = 1, .eos = 2, .dummy_prefix = true, .trims = true,
                .escapes = true};
    *s = (sentencepiece){0};
    pb_status status = read_all(&r, (wire){bytes, size, 0}, s, err);
    if (status) {
        normalizer_free(s->normalizer);
        pieces_free(s->pieces);
        *s = (sentencepiece){0};
    }
    return status;
}
