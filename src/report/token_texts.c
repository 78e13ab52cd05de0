/* token_texts.c: see token_texts.h. */
#include "report/token_texts.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct token_text *a, const int32_t *ids, size_t count)
{
    if (a->count != count)
        return a->count < count ? -1 : 1;
    for (size_t i = 0; i < count; i++)
        if (a->ids[i] != ids[i])
            return a->ids[i] < ids[i] ? -1 : 1;
    return 0;
}

/* Where these ids stand, or would have to stand. */
static size_t place(const token_texts *t, const int32_t *ids, size_t count)
{
    size_t low = 0, high = t->size;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&t->items[middle], ids, count) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void token_texts_add(token_texts *t, const int32_t *ids, size_t count, const char *text, size_t n)
{
    size_t at = place(t, ids, count);
    if (at < t->size && compare(&t->items[at], ids, count) == 0)
        return;
    t->items = mem_resize(t->items, t->size + 1, sizeof *t->items);
    memmove(t->items + at + 1, t->items + at, (t->size++ - at) * sizeof *t->items);
    struct token_text *item = &t->items[at];
    *item = (struct token_text){.ids = mem_new(count, sizeof *ids), .count = count};
    memcpy(item->ids, ids, count * sizeof *ids);
    buffer_text(&item->text, "");
    buffer_add(&item->text, text, n);
}

bool token_texts_find(const token_texts *t, const int32_t *ids, size_t count, buffer *out)
{
    size_t at = place(t, ids, count);
    if (at == t->size || compare(&t->items[at], ids, count) != 0)
        return false;
    buffer_add(out, t->items[at].text.data, t->items[at].text.size);
    return true;
}

void token_texts_free(token_texts *t)
{
    for (size_t i = 0; i < t->size; i++) {
        free(t->items[i].ids);
        buffer_free(&t->items[i].text);
    }
    free(t->items);
    *t = (token_texts){0};
}
