/* decode.c: see decode.h. */
#include "text/decode.h"

#include <stdlib.h>
#include <string.h>

#include "text/component.h"
#include "text/stage.h"
#include "text/unicode.h"

void text_decoder_free(text_decoder *d)
{
    for (size_t i = 0; i < d->count; i++) {
        pattern_free(d->steps[i].what);
        free(d->steps[i].text);
    }
    free(d->steps);
    *d = (text_decoder){0};
}

bool text_decoder_is_byte_level(const text_decoder *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->steps[i].kind == DECODE_BYTE_LEVEL)
            return true;
    return false;
}

/* ---- reading ---- */
static void add_step(text_decoder *d, text_decoder_step s)
{
    d->steps = mem_resize(d->steps, d->count + 1, sizeof *d->steps);
    d->steps[d->count++] = s;
}

static pb_status read_byte_level(void *into, const component *c, pb_error *err)
{
    (void)c;
    (void)err;
    add_step(into, (text_decoder_step){.kind = DECODE_BYTE_LEVEL});
    return PB_OK;
}

static pb_status read_byte_fallback(void *into, const component *c, pb_error *err)
{
    (void)c;
    (void)err;
    add_step(into, (text_decoder_step){.kind = DECODE_BYTE_FALLBACK});
    return PB_OK;
}

static pb_status read_fuse(void *into, const component *c, pb_error *err)
{
    (void)c;
    (void)err;
    add_step(into, (text_decoder_step){.kind = DECODE_FUSE});
    return PB_OK;
}

static pb_status read_metaspace(void *into, const component *c, pb_error *err)
{
    const char *sign, *scheme = "always";
    size_t size, scheme_size;
    TRY(component_text(c, "replacement", &sign, &size, err));
    if (json_object_get(c->object, "prepend_scheme"))
        TRY(component_text(c, "prepend_scheme", &scheme, &scheme_size, err));
    if (!size)
        return fail(err, PB_EFORMAT, "%s: %s (Metaspace): \"replacement\" is empty", c->file, c->where);
    add_step(into, (text_decoder_step){.kind = DECODE_METASPACE,
                                       .what = pattern_literal(sign, size),
                                       .prefixed = strcmp(scheme, "never") != 0});
    return PB_OK;
}

static pb_status read_replace(void *into, const component *c, pb_error *err)
{
    const char *text, *content;
    size_t size, content_size;
    bool is_regex;
    pattern *what;
    TRY(component_text(c, "content", &content, &content_size, err));
    TRY(component_pattern(c, &is_regex, &text, &size, err));
    if (!size)
        return fail(err, PB_EUNSUPPORTED, "%s: %s (Replace): an empty pattern", c->file, c->where);
    if (is_regex)
        TRY(pattern_regex(&what, text, size, c->file, c->where, err));
    else
        what = pattern_literal(text, size);
    add_step(into, (text_decoder_step){.kind = DECODE_REPLACE,
                                       .what = what,
                                       .text = mem_text_n(content, content_size),
                                       .text_size = content_size});
    return PB_OK;
}

static pb_status read_strip(void *into, const component *c, pb_error *err)
{
    const char *text;
    uint32_t code_point;
    text_decoder_step s = {.kind = DECODE_STRIP};
    TRY(component_text(c, "content", &text, &s.text_size, err));
    TRY(component_count(c, "start", &s.start, err));
    TRY(component_count(c, "stop", &s.stop, err));
    if (!s.text_size || utf8_read(text, s.text_size, &code_point) != s.text_size)
        return fail(err, PB_EFORMAT, "%s: %s (Strip): \"content\" is \"%.50s\", expected one character", c->file,
                    c->where, text);
    s.text = mem_text_n(text, s.text_size);
    add_step(into, s);
    return PB_OK;
}

pb_status text_decoder_read(text_decoder *d, const json_t *object, const char *file, pb_error *err)
{
    static const component_kind kinds[] = {{"ByteLevel", read_byte_level},
                                           {"Metaspace", read_metaspace},
                                           {"Replace", read_replace},
                                           {"ByteFallback", read_byte_fallback},
                                           {"Fuse", read_fuse},
                                           {"Strip", read_strip},
                                           {NULL, NULL}};
    static const component_table table = {"decoder", "decoders", kinds};
    *d = (text_decoder){.exists = object && !json_is_null(object)};
    pb_status status = component_each(&table, object, d, file, err);
    if (status)
        text_decoder_free(d);
    return status;
}

void text_decoder_make_byte_level(text_decoder *d)
{
    *d = (text_decoder){.exists = true};
    add_step(d, (text_decoder_step){.kind = DECODE_BYTE_LEVEL});
}

void text_decoder_make_signs(text_decoder *d, const char *sign, bool bytes, size_t start, size_t stop)
{
    *d = (text_decoder){.exists = true};
    add_step(d, (text_decoder_step){.kind = DECODE_REPLACE,
                                    .what = pattern_literal(sign, strlen(sign)),
                                    .text = mem_text(" "),
                                    .text_size = 1});
    if (bytes)
        add_step(d, (text_decoder_step){.kind = DECODE_BYTE_FALLBACK});
    add_step(d, (text_decoder_step){.kind = DECODE_FUSE});
    if (start || stop)
        add_step(d, (text_decoder_step){.kind = DECODE_STRIP, .text = mem_text(" "), .text_size = 1, .start = start,
                                        .stop = stop});
}

/* ---- lists of texts ---- */
static void end_text(texts *t)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->ends = mem_resize(t->ends, t->capacity, sizeof *t->ends);
    }
    t->ends[t->count++] = t->bytes.size;
}

static void add_bytes(texts *t, const char *text, size_t size)
{
    if (size)
        buffer_add(&t->bytes, text, size);
}

void texts_add(texts *t, const char *text, size_t size)
{
    add_bytes(t, text, size);
    end_text(t);
}

void texts_free(texts *t)
{
    buffer_free(&t->bytes);
    free(t->ends);
    *t = (texts){0};
}

static const char *text_at(const texts *t, size_t i, size_t *size)
{
    size_t start = i ? t->ends[i - 1] : 0;
    *size = t->ends[i] - start;
    return t->bytes.data ? t->bytes.data + start : "";
}

/* ---- the steps: from the list `in` to the list `out` ---- */
/* The bytes that a token's letters stand for; false, and nothing added, when one of them stands for none. */
static bool letters_to_bytes(const char *text, size_t size, buffer *out)
{
    size_t before = out->size;
    for (size_t at = 0; at < size;) {
        int byte = letter_to_byte(utf8_next(text, &at));
        if (byte < 0) {
            out->size = before;
            return false;
        }
        buffer_add(out, &(char){(char)byte}, 1);
    }
    return true;
}

static void run_byte_level(const texts *in, texts *out)
{
    buffer bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        size_t size;
        const char *text = text_at(in, i, &size);
        if (!letters_to_bytes(text, size, &bytes))
            buffer_add(&bytes, text, size);
    }
    utf8_add_lossy(&out->bytes, bytes.data, bytes.size);
    end_text(out);
    buffer_free(&bytes);
}

static void run_replace(const text_decoder_step *s, const texts *in, texts *out)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t size, done = 0, start, end;
        const char *text = text_at(in, i, &size);
        bool vanish = s->kind == DECODE_METASPACE && s->prefixed && i == 0;
        while (pattern_find(s->what, text, size, done, &start, &end)) {
            add_bytes(out, text + done, start - done);
            if (s->kind == DECODE_REPLACE)
                add_bytes(out, s->text, s->text_size);
            else if (!vanish)
                add_bytes(out, " ", 1);
            done = end;
        }
        texts_add(out, text + done, size - done);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0x0A>" stands for, or -1. (Rust reads "<0x+A>" as 10 too.) */
static int fallback_byte(const char *text, size_t size)
{
    if (size != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = text[3] == '+' ? 0 : hex_digit(text[3]), low = hex_digit(text[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Bytes in a row are one text, or one U+FFFD each when they are no UTF-8. */
static void end_bytes(buffer *bytes, texts *out)
{
    if (bytes->size && utf8_valid(bytes->data, bytes->size) == bytes->size)
        texts_add(out, bytes->data, bytes->size);
    else
        for (size_t i = 0; i < bytes->size; i++)
            texts_add(out, "\xEF\xBF\xBD", 3);
    bytes->size = 0;
}

static void run_byte_fallback(const texts *in, texts *out)
{
    buffer bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        size_t size;
        const char *text = text_at(in, i, &size);
        int byte = fallback_byte(text, size);
        if (byte >= 0) {
            buffer_add(&bytes, &(char){(char)byte}, 1);
        } else {
            end_bytes(&bytes, out);
            texts_add(out, text, size);
        }
    }
    end_bytes(&bytes, out);
    buffer_free(&bytes);
}

static void run_strip(const text_decoder_step *s, const texts *in, texts *out)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t size, n = s->text_size;
        const char *text = text_at(in, i, &size), *end = text + size;
        for (size_t k = 0; k < s->start && (size_t)(end - text) >= n && memcmp(text, s->text, n) == 0; k++)
            text += n;
        for (size_t k = 0; k < s->stop && (size_t)(end - text) >= n && memcmp(end - n, s->text, n) == 0; k++)
            end -= n;
        texts_add(out, text, (size_t)(end - text));
    }
}

static void run_step(const text_decoder_step *s, const texts *in, texts *out)
{
    switch (s->kind) {
    case DECODE_BYTE_LEVEL: run_byte_level(in, out); break;
    case DECODE_METASPACE:
    case DECODE_REPLACE: run_replace(s, in, out); break;
    case DECODE_BYTE_FALLBACK: run_byte_fallback(in, out); break;
    case DECODE_FUSE: texts_add(out, in->bytes.data, in->bytes.size); break;
    case DECODE_STRIP: run_strip(s, in, out); break;
    }
}

static void run_steps(const text_decoder *d, bool whole, texts *t)
{
    texts next = {0};
    for (size_t i = 0; i < d->count; i++) {
        text_decoder_step s = d->steps[i];
        s.prefixed &= whole;
        if (s.kind == DECODE_STRIP && !whole)
            continue;
        run_step(&s, t, &next);
        texts swap = *t;
        *t = next;
        next = swap;
        next.count = next.bytes.size = 0;
    }
    texts_free(&next);
}

void text_decoder_run(const text_decoder *d, texts *t, buffer *out)
{
    run_steps(d, true, t);
    for (size_t i = 0; i < t->count; i++) {
        size_t size;
        const char *text = text_at(t, i, &size);
        if (i && !d->exists)
            buffer_add(out, " ", 1);
        if (size)
            buffer_add(out, text, size);
    }
}

void text_decoder_run_one(const text_decoder *d, const char *text, size_t size, buffer *out)
{
    texts t = {0};
    texts_add(&t, text, size);
    run_steps(d, false, &t);
    buffer_add(out, t.bytes.data ? t.bytes.data : "", t.bytes.size);
    texts_free(&t);
}
