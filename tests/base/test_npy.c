/* test_npy.c: arrays as NumPy saves them, and files that only look like it. */
#include "tests/support.h"

#include "base/memory.h"
#include "base/npy.h"

#define NPY(name) GOLDEN("base/golden/" name ".npy")

static void arrays_are_read_with_their_shape(void **state)
{
    (void)state;
    float *values;
    size_t shape[3];
    assert_ok(npy_read_f32(&values, shape, 3, NPY("c_order"), err));
    assert_true(shape[0] == 2 && shape[1] == 3 && shape[2] == 4);
    for (size_t i = 0; i < 24; i++)
        assert_true(values[i] == (float)i / 7);
    free(values);
    assert_ok(npy_read_f32(&values, shape, 2, NPY("version2"), err));
    assert_true(shape[0] == 3 && shape[1] == 4 && values[11] == 11.f / 7);
    free(values);
    assert_ok(npy_read_f32(&values, shape, 0, NPY("scalar"), err));
    assert_true(values[0] == 2.5f);
    free(values);
    assert_ok(npy_read_f32(&values, shape, 2, NPY("empty"), err));
    assert_true(shape[0] == 0 && shape[1] == 5);
    free(values);
}

static void other_arrays_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {NPY("fortran"), "holds '<f4' in Fortran order, expected little-endian float32 ('<f4') in C order"},
        {NPY("double"), "holds '<f8' in C order"},
        {NPY("big_endian"), "holds '>f4' in C order"},
        {NPY("structured"), "holds several fields in C order"},
        {NPY("scalar"), "an array of 0 dimensions, expected 1"},
        {NPY("c_order"), "an array of 3 dimensions, expected 1"},
        {NPY("nan"), "value 1 is not finite"},
        {GOLDEN("base/golden/random.json"), "is not a .npy file"},
        {NPY("missing"), "cannot be opened"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float *values;
        size_t shape[3];
        pb_error failure = {0};
        assert_int_not_equal(npy_read_f32(&values, shape, 1, bad[i][0], &failure), PB_OK);
        assert_null(values);
        assert_non_null(strstr(failure.message, bad[i][0]));
        if (!strstr(failure.message, bad[i][1]))
            test_stop(__FILE__, __LINE__, "\"%s\", expected \"%s\"", failure.message, bad[i][1]);
    }
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = path_join(folder, "cut.npy");
    file_map whole;
    assert_ok(file_map_open(&whole, NPY("c_order"), err));
    assert_ok(file_write_all(path, whole.data, whole.size, err));
    for (size_t size = whole.size; size-- > 0;) {
        float *values;
        size_t shape[3];
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_fails(npy_read_f32(&values, shape, 3, path, err), PB_EFORMAT, path);
    }
    file_map_close(&whole);
    free(path);
    folder_remove(folder);
}

/* A file of this header, and 24 bytes of zeros. */
static void write_npy(const char *path, int version, const char *header)
{
    buffer b = {0};
    size_t n = strlen(header);
    buffer_add(&b, "\x93NUMPY", 6);
    buffer_add(&b, (unsigned char[]){(unsigned char)version, 0}, 2);
    buffer_add(&b, (unsigned char[]){n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255}, version == 1 ? 2 : 4);
    buffer_add(&b, header, n);
    buffer_add(&b, (char[24]){0}, 24);
    assert_ok(file_write_all(path, b.data, b.size, err));
    buffer_free(&b);
}

/* As other programs write them: another order of keys, other quotes and blanks. */
static void headers_are_read_as_literals(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
        "{\"descr\" : \"<f4\", \"fortran_order\" : False, \"shape\" : ( 2 , 3 ) }   \n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n",
    };
    char *folder = folder_new(), *path = path_join(folder, "a.npy");
    for (size_t i = 0; i < 4; i++) {
        float *values;
        size_t shape[2];
        write_npy(path, 1 + (int)i % 3, headers[i]);
        assert_ok(npy_read_f32(&values, shape, 2, path, err));
        assert_true(shape[0] == 2 && shape[1] == 3);
        free(values);
    }
    free(path);
    folder_remove(folder);
}

static void headers_that_say_something_else_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{'descr':'<f4','fortran_order':True,'shape':(2,3)}", "Fortran order"},
        {"{'descr': '<f4', 'shape': (2, 3), }", "no order"},
        {"{'descr': '<f42', 'fortran_order': False, 'shape': (2, 3), }", "holds '<f42'"},
        {"{'descr': '<f4', 'fortran_order': False, }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.5, 3), }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3], }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 1), }", "an array of 3 dimensions, expected 2"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "an array of 1 dimensions, expected 2"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", "24 bytes of values, its shape asks for 32"},
        {"", "no type"},
    };
    char *folder = folder_new(), *path = path_join(folder, "a.npy");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float *values;
        size_t shape[2];
        write_npy(path, 1, bad[i][0]);
        assert_fails(npy_read_f32(&values, shape, 2, path, err), PB_EFORMAT, bad[i][1]);
    }
    free(path);
    folder_remove(folder);
}

/* A file may say that all of it is header. */
static void a_huge_header_is_refused(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    char *folder = folder_new(), *path = path_join(folder, "a.npy"), *header = mem_new(LONG + 1, 1);
    memset(header, ' ', LONG);
    memcpy(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 59);
    float *values;
    size_t shape[2];
    write_npy(path, 2, header);
    assert_fails(npy_read_f32(&values, shape, 2, path, err), PB_EFORMAT, "header of 1048576 bytes, expected 65536 at most");
    free(header);
    free(path);
    folder_remove(folder);
}

/* What is written is read, and numbers begin at a multiple of 64. */
static void headers_that_are_written_are_read(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = path_join(folder, "a.npy");
    for (size_t n = 1; n < 100000; n *= 7) {
        buffer b = {0};
        float *values, one = 1.5f;
        size_t shape[3];
        assert_int_equal(npy_header(&b, "<f4", 3, (size_t[]){1, n, 2}), 2 * n);
        assert_int_equal(b.size % 64, 0);
        for (size_t i = 0; i < 2 * n; i++)
            buffer_add(&b, &one, sizeof one);
        assert_ok(file_write_all(path, b.data, b.size, err));
        assert_ok(npy_read_f32(&values, shape, 3, path, err));
        assert_true(shape[0] == 1 && shape[1] == n && shape[2] == 2 && values[2 * n - 1] == 1.5f);
        free(values);
        buffer_free(&b);
    }
    free(path);
    folder_remove(folder);
}

/* A header that promises more than memory can hold. */
static void a_shape_larger_than_the_file_is_refused(void **state)
{
    (void)state;
    static const char *const shapes[] = {"(4294967296, 4294967296, 16)", "(-1, 1, 1)", "(99999999999999999999999, 1, 1)",
                                         "(3, 1, 1)"};
    char *folder = folder_new(), *path = path_join(folder, "lie.npy");
    for (size_t i = 0; i < 4; i++) {
        buffer b = {0}, header = {0};
        buffer_printf(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n", shapes[i]);
        buffer_add(&b, "\x93NUMPY\1\0", 8);
        buffer_add(&b, &(uint16_t){(uint16_t)header.size}, 2);
        buffer_add(&b, header.data, header.size);
        buffer_add(&b, "\0\0\0\0\0\0\0\0", 8);
        float *values;
        size_t shape[3];
        assert_ok(file_write_all(path, b.data, b.size, err));
        assert_fails(npy_read_f32(&values, shape, 3, path, err), PB_EFORMAT, "shape");
        buffer_free(&b);
        buffer_free(&header);
    }
    free(path);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_read_with_their_shape),
        cmocka_unit_test(other_arrays_are_refused),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(headers_are_read_as_literals),
        cmocka_unit_test(headers_that_say_something_else_are_refused),
        cmocka_unit_test(a_huge_header_is_refused),
        cmocka_unit_test(headers_that_are_written_are_read),
        cmocka_unit_test(a_shape_larger_than_the_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
