/* phrase.c: see phrase.h. */
#include "data/phrase.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

size_t phrase_length(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

const char *phrase_at(const char *text, size_t n)
{
    for (; n; n--)
        for (text++; ((unsigned char)*text & 0xc0) == 0x80;)
            text++;
    return text;
}

/* Whether the text begins with the phrase, folded. */
static bool begins_with(const char *text, const char *phrase)
{
    size_t t = 0, p = 0;
    while (phrase[p]) {
        if (!text[t] || unicode_fold((int32_t)utf8_next(text, &t)) != unicode_fold((int32_t)utf8_next(phrase, &p)))
            return false;
    }
    return true;
}

size_t phrase_find(const char *text, const char *phrase, size_t from)
{
    if (!*phrase)
        return PHRASE_NOWHERE;
    size_t at = from < phrase_length(text) ? from : phrase_length(text);
    for (const char *here = phrase_at(text, at); *here; here = phrase_at(here, 1), at++)
        if (begins_with(here, phrase))
            return at;
    return PHRASE_NOWHERE;
}

/* ---- phrases that people wrote down ---- */

static bool is_word_point(const char *at)
{
    size_t n = 0;
    return *at && (unicode_classes(utf8_next(at, &n)) & (CLASS_LETTER | CLASS_MARK | CLASS_NUMBER));
}

/* Whether a word begins or ends at this code point, or none is near. */
static bool is_boundary(const char *text, size_t point)
{
    return !point || !is_word_point(phrase_at(text, point)) || !is_word_point(phrase_at(text, point - 1));
}

/* What may stand around a phrase by mistake: blanks; then commas and the like; then any punctuation. */
static bool is_blank(uint32_t point)
{
    return unicode_classes(point) & CLASS_SPACE;
}

static bool is_comma(uint32_t point)
{
    static const uint32_t commas[] = {',', ';', '.', 0x3001 /* ideographic ones */, 0x3002,
                                      0xff0c /* full-width ones */, 0xff0e, 0xff1b, 0x060c /* Arabic */};
    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++)
        if (commas[i] == point)
            return true;
    return is_blank(point);
}

static bool is_mark(uint32_t point)
{
    return unicode_classes(point) & (CLASS_SPACE | CLASS_PUNCTUATION);
}

/* Without those around it; one space for many blanks. free() */
static char *stripped(const char *phrase, bool (*goes)(uint32_t))
{
    buffer b = {0};
    size_t size = strlen(phrase), first = 0, end = size;
    for (size_t next = 0; next < size; first = next)
        if (!goes(utf8_next(phrase, &next)))
            break;
    for (size_t before; end > first; end = before) {
        before = utf8_before(phrase, end);
        size_t at = before;
        if (!goes(utf8_next(phrase, &at)))
            break;
    }
    for (size_t at = first, here; at < end;) {
        here = at;
        bool blank = is_blank(utf8_next(phrase, &at));
        if (!blank)
            buffer_add(&b, phrase + here, at - here);
        else if (b.size && b.data[b.size - 1] != ' ')
            buffer_text(&b, " ");
    }
    buffer_text(&b, "");
    return b.data;
}

/* Moves behind the blanks at `at`; how many there are. */
static size_t skip_blanks(const char *text, size_t *at)
{
    size_t count = 0;
    for (size_t next = *at; text[next] && is_blank(utf8_next(text, &next)); *at = next)
        count++;
    return count;
}

/* How many code points of the text the phrase takes, folded; a space of it takes all blanks there.
 * 0: the text begins otherwise. */
static size_t taken_by(const char *text, const char *phrase)
{
    size_t t = 0, p = 0, count = 0;
    while (phrase[p]) {
        size_t blanks = phrase[p] == ' ' ? skip_blanks(text, &t) : 0;
        if (blanks)
            p++;
        else if (!text[t] || unicode_fold((int32_t)utf8_next(text, &t)) != unicode_fold((int32_t)utf8_next(phrase, &p)))
            return 0;
        count += blanks ? blanks : 1;
    }
    return count;
}

static size_t find_words(const char *text, const char *phrase, size_t *length)
{
    size_t first = PHRASE_NOWHERE, at = 0;
    for (const char *here = text; *here; here = phrase_at(here, 1), at++) {
        size_t n = taken_by(here, phrase);
        bool whole = n && is_boundary(text, at) && is_boundary(text, at + n);
        if (whole || (n && first == PHRASE_NOWHERE)) {
            first = at;
            *length = n;
        }
        if (whole)
            break;
    }
    return first;
}

size_t phrase_place(const char *text, const char *phrase, size_t *length)
{
    static bool (*const around[])(uint32_t) = {is_blank, is_comma, is_mark};
    size_t at = PHRASE_NOWHERE;
    for (size_t i = 0; i < sizeof around / sizeof *around && at == PHRASE_NOWHERE; i++) {
        char *clean = stripped(phrase, around[i]);
        at = find_words(text, clean, length);
        free(clean);
    }
    return at;
}
