/* json_items.c: see json_items.h. */
#include "data/json_items.h"

#include <string.h>

#include "data/lines.h"

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* Behind the closing quote of a string; at is behind the opening one. */
static const char *skip_string(const char *at, const char *end)
{
    for (; at < end && *at != '"'; at++)
        at += *at == '\\' && at + 1 < end;
    return at < end ? at + 1 : end;
}

/* Behind a value: up to the comma or bracket that ends it, on its own level. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            break;
        at++;
        if (c == '"')
            at = skip_string(at, end);
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        if (depth == 0 && (c == ']' || c == '}' || c == '"'))
            break;
    }
    return at;
}

static const char *skip_mark(const char *text, const char *end)
{
    return text + lines_mark(text, (size_t)(end - text));
}

/* Where the value of the member begins; NULL: the text is no object with such a member. */
static const char *find_member(const char *text, const char *end, const char *key)
{
    size_t n = strlen(key);
    const char *at = skip_blanks(skip_mark(text, end), end);
    if (at == end || *at != '{')
        return NULL;
    for (at++;;) {
        at = skip_blanks(at, end);
        if (at == end || *at != '"')
            return NULL;
        const char *name = at + 1;
        at = skip_string(name, end);
        bool found = (size_t)(at - name) == n + 1 && memcmp(name, key, n) == 0;
        at = skip_blanks(at, end);
        if (at == end || *at != ':')
            return NULL;
        at = skip_blanks(at + 1, end);
        if (found)
            return at;
        at = skip_blanks(skip_value(at, end), end);
        if (at == end || *at != ',')
            return NULL;
        at++;
    }
}

pb_status json_items_open(json_items *it, const char *text, size_t size, const char *key, const char *name,
                          pb_error *err)
{
    const char *end = text + size, *at = key ? find_member(text, end, key) : skip_blanks(skip_mark(text, end), end);
    *it = (json_items){.end = end, .counted = text, .counted_line = 1, .name = name};
    if (!at || at == end || *at != '[')
        return key ? fail(err, PB_EFORMAT, "%s: has no list \"%s\"", name, key)
                   : fail(err, PB_EFORMAT, "%s: holds no list", name);
    it->at = at + 1;
    return PB_OK;
}

static void count_lines(json_items *it)
{
    for (; it->counted < it->item; it->counted++)
        it->counted_line += *it->counted == '\n';
    it->line = it->counted_line;
}

bool json_items_next(json_items *it)
{
    const char *at = skip_blanks(it->at, it->end);
    if (it->item && at < it->end && *at == ',')
        at = skip_blanks(at + 1, it->end);
    it->item = NULL;
    if (at < it->end && *at == ']')
        it->ended = true;
    if (at == it->end || *at == ']' || *at == '}')
        return false;
    const char *stop = skip_value(at, it->end);
    const char *behind = skip_blanks(stop, it->end);
    if (behind == it->end) /* the last item of a list that is cut off is none */
        return false;
    it->item = at;
    it->item_size = (size_t)(stop - at);
    it->at = stop == at ? at + 1 : stop;
    count_lines(it);
    return true;
}

pb_status json_items_ended(const json_items *it, pb_error *err)
{
    return it->ended ? PB_OK
                     : fail(err, PB_EFORMAT, "%s: breaks off inside of its list: is the file cut off?", it->name);
}

json_t *json_items_member(const char *text, size_t size, const char *key)
{
    const char *at = find_member(text, text + size, key);
    return at ? json_loadb(at, (size_t)(skip_value(at, text + size) - at), JSON_DECODE_ANY, NULL) : NULL;
}
