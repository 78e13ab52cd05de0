/* test_safetensors_write.c: what is written is read back, by the strict reader of safetensors.c; what cannot be is
 * refused and leaves nothing. */
#define IN_FOLDER_FILE "model.safetensors"
#include "tests/in_folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "checkpoint/safetensors_write.h"
#include "checkpoint/tensor_file.h"

static void tensors_come_back(void **state)
{
    (void)state;
    static const safetensors_entry entries[] = {
        {"model.a\"\\\n\xc3\xa4.weight", "F32", 2, {2, 3}}, {"b", "BF16", 1, {5}}, {"c.empty", "F16", 2, {0, 4}},
        {"d.scalar", "I64", 0, {0}}, {"e", "U8", 4, {1, 2, 1, 2}},
    };
    static const size_t bytes[] = {24, 10, 0, 8, 4};
    unsigned char data[46];
    safetensors_writer w;
    tensor_file f;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(3 * i);
    assert_ok(safetensors_open_writer(&w, path, entries, 5, err));
    for (size_t at = 0; at < sizeof data; at += 11) /* pieces that know nothing of the tensors */
        safetensors_write(&w, data + at, sizeof data - at < 11 ? sizeof data - at : 11);
    assert_false(file_exists(path));
    assert_ok(safetensors_commit(&w, err));

    assert_ok(safetensors_open(&f, path, err));
    assert_int_equal(f.count, 5);
    assert_int_equal((size_t)(f.map.data + f.map.size - sizeof data) % 8, 0);
    const unsigned char *at = data;
    for (size_t i = 0; i < 5; i++) {
        const tensor *t = &f.tensors[i];
        size_t e = 0;
        while (strcmp(entries[e].name, t->name) != 0)
            e++;
        assert_string_equal(t->type_name, entries[e].type_name);
        assert_int_equal(t->rank, entries[e].rank);
        for (size_t d = 0; d < t->rank; d++)
            assert_int_equal(t->shape[d], entries[e].shape[d]);
        assert_memory_equal(t->data, at, bytes[e]);
        at += bytes[e];
    }
    tensor_file_close(&f);
}

static void what_the_format_has_not_is_refused(void **state)
{
    (void)state;
    static const safetensors_entry bad[] = {
        {"a", "Q4_K", 1, {256}}, {"a", "F4", 1, {3}}, {"a", "F32", 2, {SIZE_MAX / 8, 3}}, {"a", "", 1, {1}},
    };
    safetensors_writer w;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(safetensors_open_writer(&w, path, &bad[i], 1, err), PB_EUNSUPPORTED, "tensor a of dtype");
        assert_int_equal(rmdir(folder), 0); /* nothing is left */
        assert_int_equal(mkdir(folder, 0700), 0);
    }
    assert_int_equal(safetensors_bits("F64"), 64);
    assert_int_equal(safetensors_bits("F6_E2M3"), 6);
    assert_int_equal(safetensors_bits("f32"), 0);
}

static void tensors_of_another_length_are_no_file(void **state)
{
    (void)state;
    static const safetensors_entry entry = {"a", "F32", 1, {2}};
    static const size_t lengths[] = {0, 7, 9};
    for (size_t i = 0; i < 3; i++) {
        safetensors_writer w;
        assert_ok(safetensors_open_writer(&w, path, &entry, 1, err));
        safetensors_write(&w, "123456789", lengths[i]);
        assert_fails(safetensors_commit(&w, err), PB_EINVAL, "the tensors' bytes are ");
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
}

/* The disk is full when a limit on files says so; the signal that comes with it is not to end the program. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    static const safetensors_entry entry = {"a", "F32", 1, {1 << 16}};
    static const float zeros[1 << 10];
    struct rlimit old, small = {0};
    safetensors_writer w;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_cur = 100000;
    small.rlim_max = old.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pb_status opened = safetensors_open_writer(&w, path, &entry, 1, NULL);
    for (size_t i = 0; i < 64 && !opened; i++)
        safetensors_write(&w, zeros, sizeof zeros);
    pb_error failure = {0};
    pb_status status = safetensors_commit(&w, &failure);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    assert_int_equal(opened, PB_OK);
    assert_int_equal(status, PB_EIO);
    assert_non_null(strstr(failure.message, "model.safetensors: cannot be written: "));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(tensors_come_back),
        in_folder(what_the_format_has_not_is_refused),
        in_folder(tensors_of_another_length_are_no_file),
        in_folder(a_full_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
