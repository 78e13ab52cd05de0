/* image_order.c: see image_order.h. */
#include "method/image_order.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

static void reverse(image_order *o)
{
    for (size_t i = 0; i < o->count; i++)
        o->from[i] = o->count - 1 - i;
}

/* Fisher and Yates, from the front. */
static void shuffle(image_order *o, uint64_t seed)
{
    random_state r = random_from(seed);
    for (size_t i = 0; i < o->count; i++)
        o->from[i] = i;
    for (size_t i = 0; i < o->count; i++) {
        size_t other = i + random_below(&r, o->count - i), kept = o->from[i];
        o->from[i] = o->from[other];
        o->from[other] = kept;
    }
}

static bool read_seed(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

pb_status image_order_make(image_order *o, const char *name, size_t count, pb_error *err)
{
    static const char shuffled[] = "shuffle:";
    uint64_t seed = 0;
    *o = (image_order){.count = count};
    if (!name)
        return PB_OK;
    bool reversed = strcmp(name, "reverse") == 0, drawn = strncmp(name, shuffled, sizeof shuffled - 1) == 0;
    if (!reversed && !(drawn && read_seed(name + sizeof shuffled - 1, &seed)))
        return fail(err, PB_EINVAL, "--image-order %s: expected reverse or shuffle:SEED, SEED a whole number", name);
    o->name = mem_text(name);
    o->from = mem_new(count, sizeof *o->from);
    if (reversed)
        reverse(o);
    else
        shuffle(o, seed);
    return PB_OK;
}

void image_order_free(image_order *o)
{
    free(o->name);
    free(o->from);
    *o = (image_order){0};
}

size_t image_order_from(const image_order *o, size_t i)
{
    return o->from ? o->from[i] : i;
}

pb_status image_order_apply(const image_order *o, float *rows, size_t width, pb_error *err)
{
    float *copy;
    if (!o->from)
        return PB_OK;
    TRY(mem_try(&copy, o->count, width * sizeof *copy, "the picture's rows", err));
    memcpy(copy, rows, o->count * width * sizeof *copy);
    for (size_t i = 0; i < o->count; i++)
        memcpy(rows + i * width, copy + o->from[i] * width, width * sizeof *copy);
    free(copy);
    return PB_OK;
}
