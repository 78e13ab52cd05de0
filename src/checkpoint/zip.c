/* zip.c: see zip.h. The format is PKWARE's APPNOTE 6.3; from the end of the file backwards:
 *
 *     end record           22 bytes and a comment: how many entries, where the directory stands
 *     zip64 locator        20 bytes, before it: where the zip64 end record stands; missing in small archives
 *     zip64 end record     56 bytes: the same numbers as the end record's, in 64 bits
 *     directory            per entry 46 bytes, its name, extra fields (zip64 sizes among them), a comment
 *     entries              each 30 bytes, its name, extra fields (PyTorch's padding among them), then the data
 *
 * Entries' own headers repeat the directory; a writer that streams leaves their sizes 0, so the directory's count. */
#include "checkpoint/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are little-endian");

enum {
    END_SIGNATURE = 0x06054b50, LOCATOR_SIGNATURE = 0x07064b50, END64_SIGNATURE = 0x06064b50,
    DIRECTORY_SIGNATURE = 0x02014b50, ENTRY_SIGNATURE = 0x04034b50,
    END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56, DIRECTORY_SIZE = 46, ENTRY_SIZE = 30,
    EXTRA_ZIP64 = 1,
    STORED = 0, DEFLATED = 8,
    ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13 /* three generations of it */
};

/* What stands in a 32-bit field whose number is in the zip64 record. */
static const uint32_t IN_ZIP64 = 0xffffffff;

/* Whose archives are read: what they may hold, and what is advised when one is not as it should be. */
typedef struct writer_kind {
    const char *function, *again;
    bool deflates;
} writer_kind;

static const writer_kind torch_save = {"torch.save", "load the file with torch.load and save it again", false};
static const writer_kind numpy_savez = {"numpy.savez", "load the file with numpy.load and save it again", true};

typedef struct reader {
    const unsigned char *data;
    const char *path;
    const writer_kind *kind;
    size_t count;       /* entries */
    size_t begin, size; /* of the directory, in bytes */
} reader;

static uint16_t get16(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* ---- the end records ---- */

/* The last place where an end record stands whose comment ends with the file. */
static pb_status find_end(const reader *r, const file_map *map, size_t *at, pb_error *err)
{
    enum { LONGEST_COMMENT = 65535 };
    for (size_t comment = 0; comment <= LONGEST_COMMENT && comment + END_SIZE <= map->size; comment++) {
        *at = map->size - END_SIZE - comment;
        if (get32(map->data + *at) == END_SIGNATURE && get16(map->data + *at + 20) == comment)
            return PB_OK;
    }
    pb_status status = fail(err, PB_EFORMAT, "%s: has no zip directory at its end", r->path);
    fail_hint(err, "the file is cut off, or no file of %s: download or copy it again", r->kind->function);
    return status;
}

/* The zip64 end record that a locator before the end record at `at` names, or NULL where there is no locator. */
static pb_status find_end64(const reader *r, size_t at, const unsigned char **end64, pb_error *err)
{
    *end64 = NULL;
    if (at < LOCATOR_SIZE || get32(r->data + at - LOCATOR_SIZE) != LOCATOR_SIGNATURE)
        return PB_OK;
    size_t room = at - LOCATOR_SIZE;
    uint64_t place = get64(r->data + room + 8);
    if (room < END64_SIZE || place > room - END64_SIZE || get32(r->data + place) != END64_SIGNATURE)
        return fail(err, PB_EFORMAT, "%s: the zip64 record is not at byte %llu, where it should be", r->path,
                    (unsigned long long)place);
    *end64 = r->data + place;
    return PB_OK;
}

/* A number that the end record gives itself must be the zip64 one's too. */
static bool agree(uint64_t small, uint64_t largest, uint64_t large)
{
    return small == largest || small == large;
}

/* The numbers of the zip64 end record, where there is one. */
static pb_status read_end64(reader *r, const unsigned char *end, const unsigned char *end64, pb_error *err)
{
    uint64_t count = get64(end64 + 32), size = get64(end64 + 40), begin = get64(end64 + 48);
    if (!agree(get16(end + 10), 0xffff, count) || !agree(get32(end + 12), IN_ZIP64, size) ||
        !agree(get32(end + 16), IN_ZIP64, begin))
        return fail(err, PB_EFORMAT, "%s: the two zip records at its end disagree", r->path);
    r->count = (size_t)count;
    r->size = (size_t)size;
    r->begin = (size_t)begin;
    return PB_OK;
}

/* Where the directory stands, and that it lies between the entries and the end records. */
static pb_status read_end(reader *r, const file_map *map, pb_error *err)
{
    size_t limit;
    const unsigned char *end64;
    TRY(find_end(r, map, &limit, err));
    const unsigned char *end = r->data + limit;
    if ((get16(end + 4) | get16(end + 6)) != 0 || get16(end + 8) != get16(end + 10))
        return fail(err, PB_EUNSUPPORTED, "%s: is one part of a zip archive in several files", r->path);
    r->count = get16(end + 10);
    r->size = get32(end + 12);
    r->begin = get32(end + 16);
    TRY(find_end64(r, limit, &end64, err));
    if (end64) {
        TRY(read_end64(r, end, end64, err));
        limit = (size_t)(end64 - r->data);
    }
    if (r->begin > limit || r->size > limit - r->begin)
        return fail(err, PB_EFORMAT, "%s: gives %zu bytes from byte %zu on for the zip directory, but its end record "
                    "stands at %zu", r->path, r->size, r->begin, limit);
    if (r->count > r->size / DIRECTORY_SIZE)
        return fail(err, PB_EFORMAT, "%s: gives %zu entries for a zip directory of %zu bytes", r->path, r->count,
                    r->size);
    return PB_OK;
}

/* ---- entries ---- */

static pb_status wrong_entry(const reader *r, const zip_entry *e, const char *words, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: the entry %s %s", r->path, shown_bytes(e->name, e->name_size).text, words);
}

/* The content of the zip64 field among the extra fields, and its size; 0 where there is none. */
static const unsigned char *find_zip64(const unsigned char *extra, size_t extra_size, size_t *size)
{
    while (extra_size >= 4 && extra_size - 4 >= get16(extra + 2)) {
        *size = get16(extra + 2);
        if (get16(extra) == EXTRA_ZIP64)
            return extra + 4;
        extra += 4 + *size;
        extra_size -= 4 + *size;
    }
    *size = 0;
    return extra;
}

/* Replaces those numbers of a directory's record that do not fit it by the ones in its zip64 field, in this order. */
static pb_status read_zip64(const reader *r, const zip_entry *e, const unsigned char *extra, size_t extra_size,
                            uint64_t *const numbers[3], pb_error *err)
{
    size_t left;
    const unsigned char *at = find_zip64(extra, extra_size, &left);
    for (size_t i = 0; i < 3; i++) {
        if (*numbers[i] != IN_ZIP64)
            continue;
        if (left < 8)
            return wrong_entry(r, e, "lacks the zip64 field with its size or place", err);
        *numbers[i] = get64(at);
        at += 8;
        left -= 8;
    }
    return PB_OK;
}

static pb_status check_method(const reader *r, const zip_entry *e, unsigned flags, unsigned method, pb_error *err)
{
    pb_status status = PB_OK;
    if (flags & ENCRYPTED)
        status = fail(err, PB_EUNSUPPORTED, "%s: the entry %s is encrypted", r->path,
                      shown_bytes(e->name, e->name_size).text);
    else if (method != STORED && !(method == DEFLATED && r->kind->deflates))
        status = fail(err, PB_EUNSUPPORTED, "%s: the entry %s is compressed (zip method %u), expected it stored as it "
                      "is%s", r->path, shown_bytes(e->name, e->name_size).text, method,
                      r->kind->deflates ? ", or deflated" : "");
    if (status)
        fail_hint(err, "%s never does that: %s", r->kind->function, r->kind->again);
    return status;
}

/* Finds e's data behind the entry's own header at `place`, which must be of the same name and kind. */
static pb_status read_header(const reader *r, zip_entry *e, uint64_t place, pb_error *err)
{
    if (place > r->begin || r->begin - place < ENTRY_SIZE || get32(r->data + place) != ENTRY_SIGNATURE)
        return wrong_entry(r, e, "is not where the zip directory says", err);
    const unsigned char *header = r->data + place;
    size_t room = r->begin - (size_t)place, name_size = get16(header + 26);
    e->header_size = (uint32_t)(ENTRY_SIZE + name_size + get16(header + 28));
    if (e->header_size > room || name_size != e->name_size || memcmp(header + ENTRY_SIZE, e->name, name_size) != 0)
        return wrong_entry(r, e, "has another name in its own header than in the zip directory", err);
    TRY(check_method(r, e, get16(header + 6), get16(header + 8), err));
    if (e->deflated != (get16(header + 8) == DEFLATED))
        return wrong_entry(r, e, "is packed in another way in its own header than in the zip directory", err);
    if (e->packed > room - e->header_size)
        return wrong_entry(r, e, "reaches into the zip directory", err);
    e->data = header + e->header_size;
    return PB_OK;
}

/* Reads the directory's record at *at, which then is the next one's. */
static pb_status read_entry(const reader *r, size_t *at, zip_entry *e, pb_error *err)
{
    const unsigned char *record = r->data + *at;
    size_t room = r->begin + r->size - *at;
    if (room < DIRECTORY_SIZE || get32(record) != DIRECTORY_SIGNATURE)
        return fail(err, PB_EFORMAT, "%s: the zip directory is damaged at byte %zu", r->path, *at);
    size_t name_size = get16(record + 28), extra_size = get16(record + 30);
    size_t size = DIRECTORY_SIZE + name_size + extra_size + get16(record + 32);
    if (size > room)
        return fail(err, PB_EFORMAT, "%s: the zip directory is damaged at byte %zu", r->path, *at);
    *at += size;
    *e = (zip_entry){.name = (const char *)record + DIRECTORY_SIZE, .name_size = (uint16_t)name_size,
                     .crc = get32(record + 16), .deflated = get16(record + 10) == DEFLATED};
    TRY(check_method(r, e, get16(record + 8), get16(record + 10), err));

    uint64_t packed = get32(record + 20), whole = get32(record + 24), place = get32(record + 42);
    uint64_t *const numbers[3] = {&whole, &packed, &place};
    TRY(read_zip64(r, e, record + DIRECTORY_SIZE + name_size, extra_size, numbers, err));
    if (packed != whole && !e->deflated)
        return wrong_entry(r, e, "has two sizes", err);
    e->packed = (size_t)packed;
    e->size = (size_t)whole;
    return read_header(r, e, place, err);
}

static int by_place(const void *a, const void *b)
{
    const zip_entry *x = a, *y = b;
    return (x->data > y->data) - (x->data < y->data);
}

static int compare_names(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_name(const void *a, const void *b)
{
    const zip_entry *x = a, *y = b;
    return compare_names(x->name, x->name_size, y->name, y->name_size);
}

/* No byte of the file belongs to two entries, and no name either. Leaves them sorted by name. */
static pb_status check_apart(const reader *r, zip_entry *entries, pb_error *err)
{
    if (r->count == 0)
        return PB_OK;
    qsort(entries, r->count, sizeof *entries, by_place);
    for (size_t i = 1; i < r->count; i++)
        if (entries[i].data - entries[i].header_size < entries[i - 1].data + entries[i - 1].packed)
            return wrong_entry(r, &entries[i], "overlaps another entry of the zip archive", err);
    qsort(entries, r->count, sizeof *entries, by_name);
    for (size_t i = 1; i < r->count; i++)
        if (by_name(&entries[i - 1], &entries[i]) == 0)
            return wrong_entry(r, &entries[i], "stands in the zip archive twice", err);
    return PB_OK;
}

static pb_status read_directory(const reader *r, zip_entry *entries, pb_error *err)
{
    size_t at = r->begin;
    for (size_t i = 0; i < r->count; i++)
        TRY(read_entry(r, &at, &entries[i], err));
    if (at != r->begin + r->size)
        return fail(err, PB_EFORMAT, "%s: the zip directory has %zu bytes more than its %zu entries take", r->path,
                    r->begin + r->size - at, r->count);
    return check_apart(r, entries, err);
}

static pb_status open_kind(zip_archive *z, const file_map *map, const writer_kind *kind, const char *path,
                           pb_error *err)
{
    reader r = {.data = map->data, .path = path, .kind = kind};
    *z = (zip_archive){0};
    TRY(read_end(&r, map, err));
    z->entries = mem_new(r.count, sizeof *z->entries);
    z->count = r.count;
    pb_status status = read_directory(&r, z->entries, err);
    if (status)
        zip_close(z);
    return status;
}

pb_status zip_open(zip_archive *z, const file_map *map, const char *path, pb_error *err)
{
    return open_kind(z, map, &torch_save, path, err);
}

pb_status zip_open_numpy(zip_archive *z, const file_map *map, const char *path, pb_error *err)
{
    return open_kind(z, map, &numpy_savez, path, err);
}

void zip_close(zip_archive *z)
{
    free(z->entries);
    *z = (zip_archive){0};
}

/* ---- use ---- */

const zip_entry *zip_find(const zip_archive *z, const char *name, size_t name_size)
{
    for (size_t low = 0, high = z->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const zip_entry *e = &z->entries[middle];
        int order = compare_names(name, name_size, e->name, e->name_size);
        if (order == 0)
            return e;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static pb_status check_sum(const zip_entry *e, const unsigned char *bytes, const char *path, pb_error *err)
{
    uint32_t found = (uint32_t)crc32_z(0, bytes, e->size);
    if (e->crc == 0 || e->crc == found)
        return PB_OK;
    pb_status status = fail(err, PB_EFORMAT, "%s: the entry %s is damaged: its checksum is %08x, expected %08x", path,
                            shown_bytes(e->name, e->name_size).text, found, e->crc);
    fail_hint(err, "download or copy the file again");
    return status;
}

pb_status zip_check_sum(const zip_entry *e, const char *path, pb_error *err)
{
    return check_sum(e, e->data, path, err);
}

static pb_status not_inflated(const zip_entry *e, const char *path, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: the entry %s is damaged: its %zu bytes do not inflate to %zu", path,
                shown_bytes(e->name, e->name_size).text, e->packed, e->size);
}

/* out[e->size] = e inflated; false when that is not what its data are. zlib takes at most 4 GB at a time. */
static bool inflate_all(const zip_entry *e, unsigned char *out)
{
    z_stream z = {.next_in = (unsigned char *)(size_t)e->data, .next_out = out};
    size_t in = e->packed, room = e->size;
    int code = inflateInit2(&z, -MAX_WBITS); /* raw: a zip entry has no header of zlib's */
    if (code != Z_OK)
        return false;
    while (code == Z_OK) {
        uInt in_now = in < UINT_MAX ? (uInt)in : UINT_MAX, room_now = room < UINT_MAX ? (uInt)room : UINT_MAX;
        z.avail_in = in_now;
        z.avail_out = room_now;
        code = inflate(&z, Z_NO_FLUSH);
        in -= in_now - z.avail_in;
        room -= room_now - z.avail_out;
    }
    inflateEnd(&z);
    return code == Z_STREAM_END && in == 0 && room == 0;
}

pb_status zip_read(const zip_entry *e, const unsigned char **bytes, unsigned char **owned, const char *path,
                   pb_error *err)
{
    enum { MOST_INFLATED = 1032 }; /* deflate makes no byte out of less than a 1032nd */
    *owned = NULL;
    *bytes = e->data;
    if (!e->deflated)
        return check_sum(e, e->data, path, err);
    if (e->size / MOST_INFLATED > e->packed)
        return not_inflated(e, path, err);
    TRY(mem_try(owned, e->size, 1, path, err));
    pb_status status = inflate_all(e, *owned) ? check_sum(e, *owned, path, err) : not_inflated(e, path, err);
    if (status) {
        free(*owned);
        *owned = NULL;
    }
    *bytes = *owned;
    return status;
}
