/* test_npz_read.c: NumPy's archives of arrays, stored and deflated (tools/goldens/changes.py made them), and damaged
 * ones. */
#include "tests/support.h"

#include <zlib.h>

#include "base/memory.h"
#include "checkpoint/npz_read.h"

#define STORED GOLDEN("data/change/llava/edit.npz")
#define DEFLATED GOLDEN("data/change/llama/edit.npz")

static void arrays_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t rows, width;
        int64_t last_layer;
    } files[] = {{STORED, 2, 48, 2}, {DEFLATED, 4, 40, 1}};
    for (size_t i = 0; i < 2; i++) {
        npz_archive z;
        size_t shape[2];
        float *key;
        int64_t *layer;
        unsigned char *together;
        assert_ok(npz_archive_open(&z, files[i].path, err));
        assert_ok(npz_archive_array(&z, "key", NPY_F32, shape, 2, &key, err));
        assert_true(shape[0] == files[i].rows && shape[1] == files[i].width);
        assert_true(key[0] == -0.00682677981f); /* of NumPy's generator 12, rounded to float32 */
        assert_ok(npz_archive_array(&z, "layer", NPY_I64, shape, 1, &layer, err));
        assert_true(shape[0] == files[i].rows && layer[shape[0] - 1] == files[i].last_layer);
        assert_ok(npz_archive_array(&z, "together", NPY_U8, NULL, 0, &together, err));
        assert_int_equal(*together, 0);
        free(key), free(layer), free(together);
        npz_archive_close(&z);
        npz_archive_close(&z);
    }
}

static void other_arrays_are_refused(void **state)
{
    (void)state;
    npz_archive z;
    size_t shape[2];
    void *values;
    assert_ok(npz_archive_open(&z, DEFLATED, err));
    assert_fails(npz_archive_array(&z, "ke", NPY_F32, shape, 2, &values, err), PB_EFORMAT,
                 "edit.npz: has no array \"ke\"");
    assert_fails(npz_archive_array(&z, "key", NPY_F32, shape, 1, &values, err), PB_EFORMAT,
                 "edit.npz: key.npy: an array of 2 dimensions, expected 1");
    assert_fails(npz_archive_array(&z, "key", NPY_I64, shape, 2, &values, err), PB_EFORMAT,
                 "key.npy: holds '<f4' in C order, expected little-endian int64");
    assert_fails(npz_archive_array(&z, "layer", NPY_U8, shape, 1, &values, err), PB_EFORMAT,
                 "layer.npy: holds '<i8' in C order, expected uint8");
    assert_null(values);
    npz_archive_close(&z);
    assert_fails(npz_archive_open(&z, GOLDEN("base/golden/scalar.npy"), err), PB_EFORMAT, "is no .npz file");
    assert_fails(npz_archive_open(&z, GOLDEN("base/golden/missing.npz"), err), PB_EIO, "cannot be opened");
}

/* ---- an archive of one entry, key.npy, made here ---- */

#define NAME "key.npy"

/* What the entry says of itself. */
typedef struct claims {
    size_t method, packed, size;
    uint32_t crc;
} claims;

static void put(buffer *b, uint64_t value, size_t bytes)
{
    buffer_add(b, &value, bytes); /* little-endian */
}

/* What an entry's own header and the directory both have: from the version to the length of extra fields. */
static void put_claims(buffer *b, const claims *c)
{
    put(b, 20, 2), put(b, 0, 2), put(b, c->method, 2), put(b, 0, 4);
    put(b, c->crc, 4), put(b, c->packed, 4), put(b, c->size, 4), put(b, sizeof NAME - 1, 2), put(b, 0, 2);
}

static void write_archive(const char *path, const claims *c, size_t method, const buffer *data)
{
    buffer b = {0};
    claims own = *c;
    own.method = method;
    put(&b, 0x04034b50, 4), put_claims(&b, &own), buffer_text(&b, NAME);
    buffer_add(&b, data->data, data->size);
    size_t directory = b.size;
    put(&b, 0x02014b50, 4), put(&b, 20, 2), put_claims(&b, c), put(&b, 0, 2 + 2 + 2 + 2), put(&b, 0, 2);
    put(&b, 0, 4), buffer_text(&b, NAME);
    size_t size = b.size - directory;
    put(&b, 0x06054b50, 4), put(&b, 0, 4), put(&b, 1, 2), put(&b, 1, 2), put(&b, size, 4), put(&b, directory, 4),
        put(&b, 0, 2);
    assert_ok(file_write_all(path, b.data, b.size, err));
    buffer_free(&b);
}

/* A .npy file of float32 [1][n], all 0.5, and the same deflated. */
static buffer array_of(size_t n)
{
    buffer b = {0}, header = {0};
    const float half = 0.5f;
    buffer_printf(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, %zu), }\n", n);
    buffer_add(&b, "\x93NUMPY\1\0", 8);
    put(&b, header.size, 2);
    buffer_add(&b, header.data, header.size);
    for (size_t i = 0; i < n; i++)
        buffer_add(&b, &half, sizeof half);
    buffer_free(&header);
    return b;
}

static buffer deflated(const buffer *b)
{
    buffer out = {0};
    uLong room = compressBound((uLong)b->size);
    Bytef *bytes = mem_new(room, 1);
    z_stream z = {.next_in = (Bytef *)b->data, .avail_in = (uInt)b->size, .next_out = bytes, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buffer_add(&out, bytes, z.total_out);
    deflateEnd(&z);
    free(bytes);
    return out;
}

static pb_status read_key(const char *path, float **key, pb_error *err)
{
    npz_archive z;
    size_t shape[2];
    *key = NULL;
    TRY(npz_archive_open(&z, path, err));
    pb_status status = npz_archive_array(&z, "key", NPY_F32, shape, 2, key, err);
    npz_archive_close(&z);
    return status;
}

static void entries_that_lie_are_refused(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = path_join(folder, "e.npz");
    buffer whole = array_of(50000), packed = deflated(&whole);
    const claims truth = {8, packed.size, whole.size, (uint32_t)crc32_z(0, (const Bytef *)whole.data, whole.size)};
    float *key;
    write_archive(path, &truth, 8, &packed);
    assert_ok(read_key(path, &key, err));
    assert_true(key[0] == 0.5f && key[49999] == 0.5f);
    free(key);

    const struct {
        claims says;
        size_t method;
        pb_status code;
        const char *words;
    } bad[] = {
        {{8, packed.size, whole.size, truth.crc ^ 1}, 8, PB_EFORMAT, "the entry key.npy is damaged: its checksum is"},
        {{8, packed.size, whole.size - 1, truth.crc}, 8, PB_EFORMAT, "do not inflate to"},
        {{8, packed.size, whole.size + 1, truth.crc}, 8, PB_EFORMAT, "do not inflate to"},
        {{8, packed.size, 0xfffffff0, truth.crc}, 8, PB_EFORMAT, "do not inflate to 4294967280"},
        {{8, packed.size, 0, 0}, 8, PB_EFORMAT, "do not inflate to 0"},
        {{8, packed.size - 1, whole.size, truth.crc}, 8, PB_EFORMAT, "do not inflate to"},
        {{8, packed.size + 1, whole.size, truth.crc}, 8, PB_EFORMAT, "reaches into the zip directory"},
        {{0, packed.size, packed.size, 0}, 8, PB_EFORMAT, "is packed in another way in its own header"},
        {{8, packed.size, whole.size, truth.crc}, 0, PB_EFORMAT, "is packed in another way in its own header"},
        {{0, packed.size, packed.size, 0}, 0, PB_EFORMAT, "key.npy: is not a .npy file"},
        {{0, packed.size, whole.size, 0}, 0, PB_EFORMAT, "has two sizes"},
        {{12, packed.size, whole.size, truth.crc},
         12,
         PB_EUNSUPPORTED,
         "compressed (zip method 12), expected it stored as it is, or deflated"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_archive(path, &bad[i].says, bad[i].method, &packed);
        assert_fails(read_key(path, &key, err), bad[i].code, bad[i].words);
        assert_null(key);
    }
    buffer_free(&whole), buffer_free(&packed);
    free(path);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_read),
        cmocka_unit_test(other_arrays_are_refused),
        cmocka_unit_test(entries_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
