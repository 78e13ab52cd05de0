/* test_safetensors.c: a damaged or lying header gives one error that names the tensor and what was expected.
 *
 * The cases are a table of headers. What is sound is in test_checkpoint.c, with files of the safetensors package. */
#define IN_FOLDER_FILE "model.safetensors"
#include "tests/in_folder.h"

#include "base/memory.h"
#include "checkpoint/tensor_file.h"
#include "tests/checkpoint/cut_off.h"

/* A file of 8 bytes of `length`, the header, and `data` zeros. */
static void write_file(uint64_t length, const char *header, size_t data)
{
    buffer b = {0};
    char *zeros = mem_new(data, 1);
    buffer_add(&b, &length, sizeof length);
    buffer_text(&b, header);
    buffer_add(&b, zeros, data);
    assert_ok(file_write_all(path, b.data, b.size, err));
    buffer_free(&b);
    free(zeros);
}

static void refused(const char *header, size_t data, const char *words)
{
    tensor_file f;
    write_file(strlen(header), header, data);
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, words);
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, path);
    assert_null(f.tensors);
    assert_null(f.map.data);
}

#define W(dtype, shape, offsets) "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

typedef struct bad_header {
    const char *header;
    size_t data; /* bytes after the header */
    const char *words;
} bad_header;

static void refuse_all(const bad_header *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        refused(cases[i].header, cases[i].data, cases[i].words);
}
#define REFUSE_ALL(cases) refuse_all(cases, sizeof(cases) / sizeof *(cases))

static void a_header_that_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const bad_header cases[] = {
        {"", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {"{", 0, "header: is not valid JSON"},
        {"{}x", 0, "header: is not valid JSON"},
        {"{\"w\":\xff}", 0, "header: is not valid JSON"},
        {"{\"a\":{},\"a\":{}}", 0, "duplicate"},
    };
    REFUSE_ALL(cases);
}

static void wrong_types_name_the_tensor_and_the_field(void **state)
{
    (void)state;
    static const bad_header cases[] = {
        {"{\"w\":[]}", 0, "tensor w is described by an array, expected an object"},
        {"{\"w\":{}}", 0, "tensor w: \"dtype\" is missing"},
        {"{\"w\":{\"dtype\":\"F32\"}}", 0, "tensor w: \"shape\" is missing"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "tensor w: \"data_offsets\" is missing"},
        {W("32", "[1]", "[0,4]"), 4, "tensor w: \"dtype\" is a number, expected a string"},
        {W("null", "[1]", "[0,4]"), 4, "tensor w: \"dtype\" is null, expected a string"},
        {W("\"F33\"", "[1]", "[0,4]"), 4, "tensor w: \"dtype\" is \"F33\", expected F32"},
        {W("\"F32\"", "1", "[0,4]"), 4, "tensor w: \"shape\" is a number, expected an array"},
        {W("\"F32\"", "{}", "[0,4]"), 4, "tensor w: \"shape\" is an object, expected an array"},
        {W("\"F32\"", "[1,\"1\"]", "[0,4]"), 4, "tensor w: \"shape\"[1] is no whole number"},
        {W("\"F32\"", "[-1]", "[0,4]"), 4, "tensor w: \"shape\"[0] is no whole number"},
        {W("\"F32\"", "[1.5]", "[0,4]"), 4, "tensor w: \"shape\"[0] is no whole number"},
        {W("\"F32\"", "[1e20]", "[0,4]"), 4, "tensor w: \"shape\"[0] is no whole number"},
        {W("\"F32\"", "[1]", "4"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {W("\"F32\"", "[1]", "[0]"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {W("\"F32\"", "[1]", "[0,4,8]"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {W("\"F32\"", "[1]", "[0,\"4\"]"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {W("\"F32\"", "[1]", "[-4,0]"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {W("\"F32\"", "[1]", "[0,1e300]"), 4, "tensor w: \"data_offsets\" is not two whole numbers"},
        {"{\"__metadata__\":[]}", 0, "\"__metadata__\" is an array, expected an object"},
        {"{\"__metadata__\":{\"format\":1}}", 0, "\"__metadata__\": \"format\" is a number, expected a string"},
    };
    REFUSE_ALL(cases);
}

static void shapes_and_lengths_that_disagree_are_refused(void **state)
{
    (void)state;
    static const bad_header cases[] = {
        {W("\"F32\"", "[2]", "[0,4]"), 4, "tensor w: data_offsets [0, 4] hold 4 bytes, its shape and dtype F32 need 8"},
        {W("\"BF16\"", "[2,3]", "[0,24]"), 24, "hold 24 bytes, its shape and dtype BF16 need 12"},
        {W("\"F32\"", "[0]", "[0,4]"), 4, "hold 4 bytes, its shape and dtype F32 need 0"},
        {W("\"F32\"", "[]", "[0,0]"), 0, "hold 0 bytes, its shape and dtype F32 need 4"},
        {W("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "the product of its shape is beyond 64 bits"},
        {W("\"F32\"", "[4294967296,4294967296,0]", "[0,0]"), 0, "the product of its shape is beyond 64 bits"},
        {W("\"F32\"", "[1073741824,4294967296]", "[0,0]"), 0, "no whole number of bytes"},
        {W("\"F4\"", "[3]", "[0,2]"), 2, "3 elements of F4 make no whole number of bytes"},
        {W("\"F32\"", "[1]", "[8,4]"), 8, "data_offsets [8, 4] end before they begin"},
    };
    REFUSE_ALL(cases);
}

#define TWO(a, b)                                                                                                    \
    "{\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" a "},"                                               \
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" b "}}"

static void tensors_must_cover_the_data_without_holes_or_overlaps(void **state)
{
    (void)state;
    static const bad_header cases[] = {
        {TWO("[0,8]", "[4,12]"), 12, "tensor w begins at byte 4 of the data, inside tensor u, which ends at 8"},
        {TWO("[4,12]", "[0,8]"), 12, "tensor u begins at byte 4 of the data, inside tensor w, which ends at 8"},
        {TWO("[0,8]", "[0,8]"), 8, "inside tensor"},
        {TWO("[0,8]", "[12,20]"), 20, "tensor w begins at byte 12 of the data, expected 8"},
        {TWO("[4,12]", "[12,20]"), 20, "tensor u begins at byte 4 of the data, expected 0"},
        {TWO("[0,8]", "[8,16]"), 15, "tensor w ends at byte 16 of the data, but the file holds only 15 bytes"},
        {TWO("[0,8]", "[8,16]"), 0, "tensor u ends at byte 8 of the data, but the file holds only 0 bytes"},
        {TWO("[0,8]", "[1000000,1000008]"), 16, "tensor w begins at byte 1000000 of the data, expected 8"},
        {TWO("[0,8]", "[8,16]"), 17, "the tensors end at byte 16 of the data, but the file holds 17 bytes"},
        {"{}", 1, "the tensors end at byte 0 of the data, but the file holds 1 bytes"},
    };
    REFUSE_ALL(cases);
}

static void the_header_lies_within_the_file(void **state)
{
    (void)state;
    tensor_file f;
    write_file(3, "{}", 0);
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, "gives 3 as its header's length, but only 2 bytes follow");
    write_file(100000001, "{}", 0);
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, "gives 100000001 as its header's length, expected at most");
    write_file(UINT64_MAX, "{}", 0);
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, "gives 18446744073709551615 as its header's length");
    for (size_t size = 0; size < 8; size++) {
        assert_ok(file_write_all(path, "\2\0\0\0\0\0\0", size, err));
        assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, "a safetensors file has at least 8");
    }
    assert_ok(file_write_all(path, "version https://git-lfs.github.com/spec/v1\n", 43, err));
    assert_fails(safetensors_open(&f, path, err), PB_EFORMAT, "header's length");
    assert_fails(safetensors_open(&f, folder, err), PB_EIO, folder);
}

/* Cut anywhere, a sound file becomes an error, never a crash. */
static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    assert_refused_cut_off(safetensors_open, GOLDEN("checkpoint/golden/single/model.safetensors"), path, SIZE_MAX);
}

static void deep_json_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_text(&b, "{\"w\":");
    for (int i = 0; i < 10000; i++)
        buffer_text(&b, "[");
    for (int i = 0; i < 10000; i++)
        buffer_text(&b, "]");
    buffer_text(&b, "}");
    refused(b.data, 0, "header: is not valid JSON");
    buffer_free(&b);
}

static void what_the_format_allows_is_read(void **state)
{
    (void)state;
    tensor_file f;
    write_file(2, "{}", 0);
    assert_ok(safetensors_open(&f, path, err));
    assert_int_equal(f.count, 0);
    tensor_file_close(&f);

    static const char header[] = "{\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6],\"more\":1},"
                                 "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,9],\"data_offsets\":[6,6]},"
                                 "\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,5],\"data_offsets\":[6,11]}}    ";
    write_file(sizeof header - 1, header, 11);
    assert_ok(safetensors_open(&f, path, err));
    assert_int_equal(f.count, 3);
    assert_string_equal(f.tensors[0].name, "b");
    assert_string_equal(f.tensors[1].name, "empty");
    assert_int_equal(f.tensors[1].count, 0);
    assert_string_equal(f.tensors[2].name, "a");
    assert_int_equal(f.tensors[2].rank, 5);
    assert_int_equal(f.tensors[2].type, DTYPE_OTHER);
    assert_ptr_equal(f.tensors[2].data, f.map.data + f.map.size - 5);
    tensor_file_close(&f);
    tensor_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(a_header_that_is_no_json_object_is_refused),
        in_folder(wrong_types_name_the_tensor_and_the_field),
        in_folder(shapes_and_lengths_that_disagree_are_refused),
        in_folder(tensors_must_cover_the_data_without_holes_or_overlaps),
        in_folder(the_header_lies_within_the_file),
        in_folder(a_file_cut_off_anywhere_is_refused),
        in_folder(deep_json_is_refused),
        in_folder(what_the_format_allows_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
