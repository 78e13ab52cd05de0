/* phrase.c: see phrase.h. */
#include "data/phrase.h"

#include <stdbool.h>
#include <string.h>

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
