/* test_gguf.c: GGUF files of the gguf package are read as it reads them; damaged and lying ones give one error that
 * says what was found and what was expected. */
#define IN_FOLDER_FILE "model.gguf"
#include "tests/in_folder.h"
#include "tests/checkpoint/gguf_bytes.h"

#include "checkpoint/gguf.h"
#include "checkpoint/tensor_file.h"
#include "tests/checkpoint/cut_off.h"

#define SMALL GOLDEN("checkpoint/golden/gguf/small.gguf")

/* ---- files made here ---- */

static void refused(buffer *b, pb_status code, const char *words)
{
    tensor_file f;
    assert_ok(file_write_all(path, b->data, b->size, err));
    assert_fails(gguf_open(&f, path, err), code, words);
    assert_fails(gguf_open(&f, path, err), code, path);
    assert_null(f.path);
    buffer_free(b);
}

/* ---- sound files ---- */

static void assert_metadata(const gguf_metadata *m)
{
    static const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"test.uint8", 200}, {"test.int8", -100}, {"test.uint16", 50000}, {"test.int16", -30000},
        {"test.uint32", 4000000000.0}, {"test.int32", -2000000000.0}, {"test.float32", 1.5},
        {"test.uint64", 9007199254740992.0}, {"test.int64", -9007199254740992.0}, {"test.float64", 0.1},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double value = 0;
        assert_ok(gguf_get_real(m, numbers[i].key, &value, err));
        assert_true(value == numbers[i].value);
    }
    size_t size = 0;
    bool flag = false;
    gguf_text words = {0};
    assert_ok(gguf_get_size(m, "test.uint64", &size, err));
    assert_true(size == (size_t)1 << 53);
    assert_ok(gguf_get_bool(m, "test.bool", &flag, err));
    assert_true(flag);
    assert_ok(gguf_get_text(m, "test.string", &words, err));
    assert_true(gguf_text_is(words, "Gr\xC3\xBC\xC3\x9F" "e"));
    assert_true(gguf_has(m, "general.architecture") && !gguf_has(m, "general") && !gguf_has(m, "zzz"));
}

static void assert_arrays(const gguf_metadata *m)
{
    gguf_array a;
    gguf_text word;
    assert_ok(gguf_get_texts(m, "test.texts", &a, err));
    assert_int_equal(a.count, 4);
    static const char *const texts[] = {"", "a", "\xE2\x96\x81the"};
    for (size_t i = 0; i < 3; i++)
        assert_true(gguf_next_text(&a, &word) && gguf_text_is(word, texts[i]));
    assert_true(gguf_next_text(&a, &word) && word.size == 100);
    assert_false(gguf_next_text(&a, &word));
    assert_ok(gguf_get_numbers(m, "test.ints", &a, err));
    assert_true(a.count == 3 && gguf_number(&a, 0) == -1 && gguf_number(&a, 2) == 7);
    assert_ok(gguf_get_numbers(m, "test.floats", &a, err));
    assert_true(a.count == 2 && gguf_number(&a, 1) == -2.25);
    assert_ok(gguf_get_numbers(m, "test.bools", &a, err));
    assert_true(a.count == 3 && gguf_number(&a, 0) == 1 && gguf_number(&a, 1) == 0);
    assert_ok(gguf_get_texts(m, "nothing", &a, err));
    assert_true(a.count == 0 && !gguf_next_text(&a, &word));
}

static void assert_tensors(const checkpoint *c)
{
    const tensor *t = checkpoint_find(c, "plain.f16");
    assert_true(t->type == DTYPE_F16 && t->rank == 4 && t->shape[0] == 2 && t->shape[1] == 3 && t->count == 24);
    t = checkpoint_find(c, "blocks.q2_k");
    assert_true(t->type == DTYPE_OTHER && t->shape[0] == 1 && t->shape[1] == 256);
    assert_string_equal(t->type_name, "Q2_K");
    t = checkpoint_find(c, "blocks.q4_k");
    assert_true(t->type == DTYPE_Q4_K && t->count == 256);
    assert_string_equal(t->type_name, "Q4_K");
    assert_int_equal(checkpoint_find(c, "plain.i32")->type, DTYPE_OTHER);
    size_t shape[] = {1, 256};
    assert_fails(checkpoint_get(c, "blocks.q2_k", 2, shape, &t, err), PB_EUNSUPPORTED,
                 "tensor blocks.q2_k has the dtype Q2_K, expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, "
                 "Q5_K or Q6_K");
}

static void files_of_the_gguf_package_are_read(void **state)
{
    (void)state;
    static const char *const paths[] = {SMALL, GOLDEN("checkpoint/golden/gguf/v2.gguf")};
    static const char *const formats[] = {"GGUF v3", "GGUF v2"};
    for (size_t i = 0; i < 2; i++) {
        checkpoint *c;
        const checkpoint_file *files;
        assert_ok(checkpoint_open(&c, paths[i], err));
        assert_int_equal(checkpoint_files(c, &files), 1);
        assert_string_equal(files[0].format, formats[i]);
        assert_metadata(checkpoint_metadata(c));
        assert_arrays(checkpoint_metadata(c));
        assert_tensors(c);
        checkpoint_free(c);
    }
}

static void values_of_another_kind_are_refused(void **state)
{
    (void)state;
    checkpoint *c;
    size_t n = 5;
    double x = 5;
    bool flag = true;
    gguf_text word = {0};
    gguf_array a;
    assert_ok(checkpoint_open(&c, SMALL, err));
    const gguf_metadata *m = checkpoint_metadata(c);
    assert_fails(gguf_get_size(m, "test.float32", &n, err), PB_EFORMAT,
                 "\"test.float32\" is an f32, expected a whole number");
    assert_fails(gguf_get_size(m, "test.int8", &n, err), PB_EFORMAT, "\"test.int8\" is -100, expected a whole number from");
    assert_fails(gguf_get_real(m, "test.bool", &x, err), PB_EFORMAT, "is a boolean, expected a number");
    assert_fails(gguf_get_bool(m, "test.uint8", &flag, err), PB_EFORMAT, "is a u8, expected a boolean");
    assert_fails(gguf_get_text(m, "test.texts", &word, err), PB_EFORMAT, "is an array, expected a text");
    assert_fails(gguf_get_texts(m, "test.ints", &a, err), PB_EFORMAT, "elements are each an i32, expected an array of");
    assert_fails(gguf_get_numbers(m, "test.texts", &a, err), PB_EFORMAT, "expected an array of numbers");
    assert_fails(gguf_get_numbers(m, "test.int8", &a, err), PB_EFORMAT, "is an i8, expected an array of numbers");
    assert_ok(gguf_get_size(m, "missing", &n, err));
    assert_true(n == 5 && x == 5 && flag && !word.data && a.count == 0);
    checkpoint_free(c);
}

static void parts_are_read_as_one(void **state)
{
    (void)state;
    checkpoint *c;
    assert_ok(checkpoint_open(&c, GOLDEN("checkpoint/golden/gguf/split-00001-of-00003.gguf"), err));
    for (int i = 0; i < 3; i++) {
        char name[8];
        float value[2];
        snprintf(name, sizeof name, "part.%d", i);
        assert_true(tensor_read(checkpoint_find(c, name), 0, 2, value) && value[1] == (float)i);
    }
    checkpoint_free(c);
    assert_fails(checkpoint_open(&c, GOLDEN("checkpoint/golden/gguf/split-00002-of-00003.gguf"), err), PB_EFORMAT,
                 "is number 1 (from 0) of 3 files, expected the first");

    file_map first;
    assert_ok(file_map_open(&first, GOLDEN("checkpoint/golden/gguf/split-00001-of-00003.gguf"), err));
    assert_ok(file_write_all(path, first.data, first.size, err));
    assert_fails(checkpoint_open(&c, path, err), PB_EFORMAT, "expected a name that ends in -00001-of-00003.gguf");
    char *alone = path_join(folder, "x-00001-of-00003.gguf");
    assert_ok(file_write_all(alone, first.data, first.size, err));
    assert_fails(checkpoint_open(&c, alone, err), PB_EIO, "x-00002-of-00003.gguf");
    free(alone);
    file_map_close(&first);
}

/* A tensor is found under a second name too, and there with its rows in another order. */
static void tensors_can_be_added_under_other_names(void **state)
{
    (void)state;
    checkpoint *c;
    const tensor *all;
    assert_ok(checkpoint_open(&c, SMALL, err));
    size_t count = checkpoint_tensors(c, &all);
    const tensor *t = checkpoint_find(c, "plain.f32");
    const tensor_layout turned = {2, {3, 2}, {1, 3}};
    assert_ok(checkpoint_add(c, "again", t, NULL, err));
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "turned.%d", i);
        assert_ok(checkpoint_add(c, name, t, &turned, err));
    }
    float as_stored[6], columns[6];
    assert_true(tensor_read(checkpoint_find(c, "again"), 0, 6, as_stored));
    assert_true(tensor_read(checkpoint_find(c, "turned.7"), 0, 6, columns));
    assert_true(columns[1] == as_stored[3] && columns[2] == as_stored[1] && columns[5] == as_stored[5]);
    assert_int_equal(checkpoint_tensors(c, &all), count);
    assert_true(checkpoint_find(c, "plain.f32") == t);
    assert_fails(checkpoint_add(c, "plain.f16", t, NULL, err), PB_EFORMAT, "would be plain.f16 too, which is there");
    checkpoint_free(c);
}

/* ---- damaged files ---- */

static void what_is_no_gguf_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_text(&b, "GGUF");
    refused(&b, PB_EFORMAT, "has 4 bytes, a GGUF file has at least 24");
    buffer_text(&b, "version https://git-lfs.github.com/spec/v1\n");
    refused(&b, PB_EFORMAT, "does not begin with \"GGUF\"");
    put_header(&b, 1, 0, 0);
    refused(&b, PB_EUNSUPPORTED, "is version 1 of GGUF, patchbay reads 2 and 3");
    put_header(&b, 4, 0, 0);
    refused(&b, PB_EUNSUPPORTED, "is version 4 of GGUF");
    put_header(&b, 0, 0, 0);
    refused(&b, PB_EUNSUPPORTED, "is version 0 of GGUF");
    put_header(&b, 3u << 24, 0, 0);
    refused(&b, PB_EUNSUPPORTED, "is a big-endian GGUF file");
}

static void counts_and_lengths_beyond_the_file_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 0, UINT64_MAX);
    refused(&b, PB_EFORMAT, "claims 18446744073709551615 metadata pairs, but only 0 bytes follow");
    put_header(&b, 3, UINT64_MAX, 0);
    refused(&b, PB_EFORMAT, "claims 18446744073709551615 tensors, but only 0 bytes follow");
    put_header(&b, 3, 20000, 0);
    put_zeros(&b, 20000 * 24);
    refused(&b, PB_EFORMAT, "patchbay takes at most 16384");
    put_header(&b, 3, 0, 1);
    put_u64(&b, UINT64_MAX);
    put_zeros(&b, 64);
    refused(&b, PB_EFORMAT, "metadata pair 0: its key has the length 18446744073709551615");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 8);
    put_u64(&b, (uint64_t)INT64_MAX);
    put_zeros(&b, 0);
    refused(&b, PB_EFORMAT, "metadata \"k\" holds a text with a length of 9223372036854775807, but only");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 12);
    put_u64(&b, (uint64_t)1 << 61); /* times 8 bytes is 0 */
    refused(&b, PB_EFORMAT, "metadata \"k\" holds an array with a count of 2305843009213693952, but only 0 bytes");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 8);
    put_u64(&b, 3);
    put_text(&b, "one");
    put_u64(&b, 1000);
    put_zeros(&b, 32);
    refused(&b, PB_EFORMAT, "metadata \"k\" holds a text with a length of 1000");
    put_header(&b, 3, 1, 0);
    put_u64(&b, UINT64_MAX - 7);
    put_zeros(&b, 64);
    refused(&b, PB_EFORMAT, "tensor 0: its name has the length 18446744073709551608");
}

static void metadata_that_cannot_be_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 0, 2);
    put_pair_u32(&b, "same", 1);
    put_pair_u32(&b, "same", 2);
    refused(&b, PB_EFORMAT, "metadata \"same\" stands there twice");
    put_header(&b, 3, 0, 1);
    put_pair_u32(&b, "", 1);
    refused(&b, PB_EFORMAT, "metadata pair 0: its key is empty");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 13);
    put_u32(&b, 0);
    refused(&b, PB_EFORMAT, "metadata \"k\" is of kind 13, expected 0 to 12");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 9);
    put_u64(&b, 1);
    refused(&b, PB_EFORMAT, "is an array of kind 9, expected numbers, booleans or texts");
    put_header(&b, 3, 0, 1);
    put_text(&b, "k");
    put_u32(&b, 7);
    buffer_add(&b, "\2", 1);
    refused(&b, PB_EFORMAT, "holds 2 as a boolean, expected 0 or 1");
    put_header(&b, 3, 0, 1);
    put_pair_u32(&b, "general.alignment", 24);
    refused(&b, PB_EFORMAT, "\"general.alignment\" is 24, expected a power of two");
    put_header(&b, 3, 0, 1);
    put_pair_u32(&b, "general.alignment", 0);
    refused(&b, PB_EFORMAT, "\"general.alignment\" is 0, expected a power of two");
}

static void one_tensor(buffer *b, uint32_t rank, const uint64_t *dims, uint32_t type, uint64_t offset, size_t data)
{
    put_header(b, 3, 1, 0);
    put_tensor_entry(b, "w", rank, dims, type, offset);
    put_zeros(b, data);
}

static void tensors_that_cannot_be_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    one_tensor(&b, 5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0, 4);
    refused(&b, PB_EFORMAT, "tensor w has 5 dimensions, expected at most 4");
    one_tensor(&b, 3, (uint64_t[]){1 << 30, 1 << 30, 1 << 30}, 0, 0, 64);
    refused(&b, PB_EFORMAT, "tensor w: the product of its dimensions is beyond 64 bits");
    one_tensor(&b, 1, (uint64_t[]){UINT64_MAX}, 0, 0, 64);
    refused(&b, PB_EFORMAT, "tensor w: the product of its dimensions is beyond 64 bits");
    one_tensor(&b, 2, (uint64_t[]){(uint64_t)1 << 31, (uint64_t)1 << 31}, 0, 0, 64);
    refused(&b, PB_EFORMAT, "elements of F32 are more bytes than 64 bits count");
    one_tensor(&b, 2, (uint64_t[]){33, 32}, 2, 0, 1024);
    refused(&b, PB_EFORMAT, "tensor w has rows of 33 elements, expected whole blocks of 32, as Q4_0 has them");
    one_tensor(&b, 1, (uint64_t[]){32}, 4, 0, 64);
    refused(&b, PB_EUNSUPPORTED, "tensor w is of type 4, which patchbay does not know");
    one_tensor(&b, 1, (uint64_t[]){32}, 4000000000u, 0, 64);
    refused(&b, PB_EUNSUPPORTED, "tensor w is of type 4000000000");
    one_tensor(&b, 1, (uint64_t[]){8}, 0, 4, 64);
    refused(&b, PB_EFORMAT, "tensor w begins at byte 4 of the data, expected 0");
    one_tensor(&b, 1, (uint64_t[]){17}, 0, 0, 64);
    refused(&b, PB_EFORMAT, "tensor w takes 68 bytes from byte 0 of the data on, but the file holds only 64 bytes");

    put_header(&b, 3, 2, 0);
    put_tensor_entry(&b, "a", 1, (uint64_t[]){1}, 0, 0);
    put_tensor_entry(&b, "b", 1, (uint64_t[]){1}, 0, 4);
    put_zeros(&b, 64);
    refused(&b, PB_EFORMAT, "tensor b begins at byte 4 of the data, expected 32, where the one before ends");
    put_header(&b, 3, 1, 0);
    put_tensor_entry(&b, "", 1, (uint64_t[]){1}, 0, 0);
    put_zeros(&b, 32);
    refused(&b, PB_EFORMAT, "tensor 0: its name is empty");
}

static void a_name_that_stands_twice_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    checkpoint *c;
    put_header(&b, 3, 2, 0);
    put_tensor_entry(&b, "a", 1, (uint64_t[]){1}, 0, 0);
    put_tensor_entry(&b, "a", 1, (uint64_t[]){1}, 0, 32);
    put_zeros(&b, 64);
    assert_ok(file_write_all(path, b.data, b.size, err));
    assert_fails(checkpoint_open(&c, path, err), PB_EFORMAT, "holds tensor a twice");
    buffer_free(&b);
}

/* Cut anywhere, a sound file becomes an error, never a crash; only padding after the last tensor may be missing. */
static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    tensor_file f;
    assert_ok(gguf_open(&f, SMALL, err));
    file_map whole = f.map;
    const tensor *last = &f.tensors[f.count - 1];
    size_t end = (size_t)((const unsigned char *)last->data - whole.data) + dtype_find(last->type)->bytes;
    assert_ok(file_write_all(path, whole.data, end, err));
    tensor_file_close(&f);
    assert_ok(gguf_open(&f, path, err));
    tensor_file_close(&f);
    assert_refused_cut_off(gguf_open, SMALL, path, end);
}

static void what_the_format_allows_is_read(void **state)
{
    (void)state;
    buffer b = {0};
    tensor_file f;
    put_header(&b, 3, 3, 1); /* another alignment, a scalar, an empty tensor, bytes after the end */
    put_pair_u32(&b, "general.alignment", 64);
    put_tensor_entry(&b, "a", 0, NULL, 0, 0);
    put_tensor_entry(&b, "empty", 2, (uint64_t[]){0, 7}, 1, 64);
    put_tensor_entry(&b, "c", 2, (uint64_t[]){32, 2}, 8, 64);
    while (b.size % 64)
        buffer_add(&b, "", 1);
    put_zeros(&b, 64 + 68 + 100);
    assert_ok(file_write_all(path, b.data, b.size, err));
    assert_ok(gguf_open(&f, path, err));
    assert_int_equal(f.count, 3);
    assert_true(f.tensors[0].rank == 0 && f.tensors[0].count == 1);
    assert_true(f.tensors[1].count == 0 && f.tensors[1].shape[0] == 7);
    assert_true(f.tensors[2].shape[0] == 2 && f.tensors[2].shape[1] == 32);
    assert_true((const unsigned char *)f.tensors[2].data - (const unsigned char *)f.tensors[0].data == 64);
    tensor_file_close(&f);
    tensor_file_close(&f);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_gguf_package_are_read),
        cmocka_unit_test(values_of_another_kind_are_refused),
        in_folder(parts_are_read_as_one),
        cmocka_unit_test(tensors_can_be_added_under_other_names),
        in_folder(what_is_no_gguf_is_refused),
        in_folder(counts_and_lengths_beyond_the_file_are_refused),
        in_folder(metadata_that_cannot_be_are_refused),
        in_folder(tensors_that_cannot_be_are_refused),
        in_folder(a_name_that_stands_twice_is_refused),
        in_folder(a_file_cut_off_anywhere_is_refused),
        in_folder(what_the_format_allows_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
