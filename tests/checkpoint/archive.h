/* archive.h: for tests: zip archives made in memory, sound or not, and the pickles of small state dicts as text.
 *
 *     archive a = {0};
 *     archive_add(&a, "m/data.pkl", PICKLE(STATE(KEY("w") TENSOR("0", "\2", "K\0", "K\2\x85", "K\1\x85"))));
 *     archive_add(&a, "m/data/0", "\0\0\200\077\0\0\0\300", 8);
 *     archive_finish(&a);
 *     ... a.bytes ...
 *     archive_free(&a); */
#ifndef TESTS_CHECKPOINT_ARCHIVE_H
#define TESTS_CHECKPOINT_ARCHIVE_H

#include <zlib.h>

#include "base/memory.h"

/* ---- pickles: pieces of protocol 2; numbers are operations, "K\2" ---- */

/* Bytes and how many they are. */
#define PICKLE(text) (text), sizeof(text) - 1

#define PROTO "\x80\2"
#define STATE(items) PROTO "}(" items "u."
#define KEY(letter) "X\1\0\0\0" letter
#define HOOKS "ccollections\nOrderedDict\n)R"
#define TYPED_STORAGE(type, key, count) "(X\7\0\0\0storagec" type "\nX\1\0\0\0" key "X\3\0\0\0cpuK" count "tQ"
#define STORAGE(key, count) TYPED_STORAGE("torch\nFloatStorage", key, count)
#define REBUILD(storage, offset, shape, strides, rest)                                                                 \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset shape strides rest "tR"
/* F32; `key` and `count` (of the storage's elements) are one byte each. */
#define TENSOR(key, count, offset, shape, strides) REBUILD(STORAGE(key, count), offset, shape, strides, "\x89" HOOKS)

/* ---- archives ---- */

typedef struct archive {
    buffer bytes, directory;
    size_t count;
} archive;

static inline void put16(buffer *b, size_t value)
{
    uint16_t number = (uint16_t)value;
    buffer_add(b, &number, sizeof number);
}

static inline void put32(buffer *b, size_t value)
{
    uint32_t number = (uint32_t)value;
    buffer_add(b, &number, sizeof number);
}

/* The directory's record of an entry whose own header stands at `place`. */
static inline void archive_list(archive *a, const char *name, const void *data, size_t size, size_t place)
{
    buffer *d = &a->directory;
    put32(d, 0x02014b50);
    for (int i = 0; i < 6; i++) /* versions, flags, method, time, date */
        put16(d, 0);
    put32(d, crc32_z(0, data, size));
    put32(d, size);
    put32(d, size);
    put16(d, strlen(name));
    for (int i = 0; i < 6; i++) /* extra and comment, disk, attributes */
        put16(d, 0);
    put32(d, place);
    buffer_text(d, name);
    a->count++;
}

static inline void archive_add(archive *a, const char *name, const void *data, size_t size)
{
    buffer *b = &a->bytes;
    archive_list(a, name, data, size, b->size);
    put32(b, 0x04034b50);
    for (int i = 0; i < 11; i++) /* version, flags, method, time, date, checksum, sizes */
        put16(b, 0);
    put16(b, strlen(name));
    put16(b, 0);
    buffer_text(b, name);
    buffer_add(b, data, size);
}

static inline void archive_finish(archive *a)
{
    size_t begin = a->bytes.size;
    if (a->count)
        buffer_add(&a->bytes, a->directory.data, a->directory.size);
    put32(&a->bytes, 0x06054b50);
    put32(&a->bytes, 0);
    put16(&a->bytes, a->count);
    put16(&a->bytes, a->count);
    put32(&a->bytes, a->directory.size);
    put32(&a->bytes, begin);
    put16(&a->bytes, 0);
}

static inline void archive_free(archive *a)
{
    buffer_free(&a->bytes);
    buffer_free(&a->directory);
    *a = (archive){0};
}

#endif
