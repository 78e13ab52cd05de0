/* driver.c: feeds a fuzz target with damaged copies of sound files, the same ones in every run.
 *
 *     fuzz_safetensors COUNT FILE...
 *
 * Each input is one of the files with one to eight damages: a byte changed, a piece cut out, a piece repeated, the end
 * cut off, or a number in it made another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "fuzz/fuzz.h"

static uint64_t state;

static size_t below(size_t n) /* splitmix64 */
{
    uint64_t x = state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return n ? (size_t)((x ^ x >> 31) % n) : 0;
}

static void change_number(buffer *b)
{
    static const char digits[] = "0123456789-e.,[]{}\"";
    size_t at = below(b->size);
    while (at < b->size && (b->data[at] < '0' || b->data[at] > '9'))
        at++;
    if (at < b->size)
        b->data[at] = digits[below(sizeof digits - 1)];
}

static void damage(buffer *b)
{
    if (b->size == 0)
        return;
    size_t at = below(b->size), n = below(b->size - at) % 64;
    switch (below(6)) {
    case 0: b->data[at] = (char)below(256); break;
    case 1: b->data[below(b->size < 16 ? b->size : 16)] = (char)below(256); break; /* lengths stand in front */
    case 2:
        memmove(b->data + at, b->data + at + n, b->size - at - n);
        b->size -= n;
        break;
    case 3: {
        char *piece = mem_text_n(b->data + at, n);
        buffer_add(b, piece, n);
        free(piece);
        break;
    }
    case 4: b->size = at; break;
    default: change_number(b);
    }
}

static void run(const char *path, size_t count)
{
    file_map map;
    pb_error err;
    if (file_map_open(&map, path, &err) != PB_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    LLVMFuzzerTestOneInput(map.data, map.size);
    for (size_t i = 0; i < count; i++) {
        buffer b = {0};
        buffer_add(&b, map.data, map.size);
        for (size_t damages = 1 + below(8); damages > 0; damages--)
            damage(&b);
        LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.size);
        buffer_free(&b);
    }
    file_map_close(&map);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s COUNT FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        run(argv[i], (size_t)atoll(argv[1]));
    return 0;
}
