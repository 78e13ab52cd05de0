/* test_zip.c: stored entries are found where they lie; archives that are damaged, made up to mislead, or of a kind
 * whose data do not lie in the file as they are, are refused. PyTorch's own archives are in test_torch_file.c. */
#include "tests/support.h"

#include "checkpoint/zip.h"
#include "tests/checkpoint/archive.h"

/* Where things stand in the archive that most tests begin with. */
enum { ONE = 0, TWO = 40, DIRECTORY = 78, RECORD = 51, END = DIRECTORY + 2 * RECORD, SIZE = END + 22 };

static archive two_entries(void)
{
    archive a = {0};
    archive_add(&a, "a/one", "12345", 5);
    archive_add(&a, "a/two", "678", 3);
    archive_finish(&a);
    assert_int_equal(a.bytes.size, SIZE);
    return a;
}

/* The bytes where a sanitizer sees a read beyond their end. */
static pb_status open_bytes(zip_archive *z, const void *bytes, size_t size, unsigned char **copy, pb_error *err)
{
    *copy = mem_new(size, 1);
    memcpy(*copy, bytes, size);
    file_map map = {.data = *copy, .size = size};
    return zip_open(z, &map, "w.bin", err);
}

static void refused(const buffer *b, pb_status code, const char *words)
{
    zip_archive z;
    unsigned char *copy;
    assert_fails(open_bytes(&z, b->data, b->size, &copy, err), code, words);
    assert_null(z.entries);
    free(copy);
}

static void assert_two_entries(const buffer *b)
{
    zip_archive z;
    unsigned char *copy;
    assert_ok(open_bytes(&z, b->data, b->size, &copy, err));
    assert_int_equal(z.count, 2);
    const zip_entry *one = zip_find(&z, "a/one", 5), *two = zip_find(&z, "a/two", 5);
    assert_true(one && one->size == 5 && memcmp(one->data, "12345", 5) == 0);
    assert_true(two && two->size == 3 && memcmp(two->data, "678", 3) == 0);
    assert_ok(zip_check_sum(one, "w.bin", err));
    assert_ok(zip_check_sum(two, "w.bin", err));
    zip_close(&z);
    free(copy);
}

static void entries_are_found_where_they_lie(void **state)
{
    (void)state;
    archive a = two_entries();
    assert_two_entries(&a.bytes);
    zip_archive z;
    unsigned char *copy;
    assert_ok(open_bytes(&z, a.bytes.data, a.bytes.size, &copy, err));
    static const char *const others[] = {"", "a", "a/", "a/on", "a/onee", "a/p", "b", "~"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(zip_find(&z, others[i], strlen(others[i])));
    zip_close(&z);
    zip_close(&z);
    free(copy);
    archive_free(&a);
}

static void many_entries_are_all_found(void **state)
{
    (void)state;
    enum { N = 1000 };
    archive a = {0};
    char name[32];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "m/data/%d", i);
        archive_add(&a, name, &i, sizeof i);
    }
    archive_finish(&a);
    zip_archive z;
    unsigned char *copy;
    assert_ok(open_bytes(&z, a.bytes.data, a.bytes.size, &copy, err));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "m/data/%d", i);
        const zip_entry *e = zip_find(&z, name, strlen(name));
        assert_true(e && memcmp(e->data, &i, sizeof i) == 0);
    }
    zip_close(&z);
    free(copy);
    archive_free(&a);
}

static void an_archive_may_have_a_comment(void **state)
{
    (void)state;
    archive a = two_entries();
    a.bytes.data[SIZE - 2] = 26; /* that looks like an end record, but for the length of its own comment */
    buffer_add(&a.bytes, "PK\5\6\0\0\0\0\2\0\2\0\0\0\0\0\0\0\0\0\1\0none", 26);
    assert_two_entries(&a.bytes);
    archive_free(&a);

    archive b = {0};
    archive_finish(&b);
    zip_archive z;
    unsigned char *copy;
    assert_ok(open_bytes(&z, b.bytes.data, b.bytes.size, &copy, err));
    assert_int_equal(z.count, 0);
    zip_close(&z);
    free(copy);
    archive_free(&b);
}

/* One number of the sound archive made another. */
static void numbers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at, bytes;
        uint32_t number;
        pb_status code;
        const char *words;
    } cases[] = {
        {END + 4, 2, 1, PB_EUNSUPPORTED, "is one part of a zip archive in several files"},
        {END + 8, 2, 1, PB_EUNSUPPORTED, "is one part of a zip archive in several files"},
        {END + 8, 4, 0x00010001, PB_EFORMAT, "the zip directory has 51 bytes more than its 1 entries take"},
        {END + 8, 4, 0x00030003, PB_EFORMAT, "gives 3 entries for a zip directory of 102 bytes"},
        {END + 8, 4, 0xfffefffe, PB_EFORMAT, "gives 65534 entries for a zip directory of 102 bytes"},
        {END + 12, 4, 101, PB_EFORMAT, "the zip directory is damaged at byte 129"},
        {END + 12, 4, 103, PB_EFORMAT, "gives 103 bytes from byte 78 on for the zip directory, but its end record"},
        {END + 12, 4, 0xffffffff, PB_EFORMAT, "gives 4294967295 bytes"},
        {END + 16, 4, 0xffffffff, PB_EFORMAT, "from byte 4294967295 on"},
        {END + 16, 4, 77, PB_EFORMAT, "the zip directory is damaged at byte 77"},
        {DIRECTORY, 4, 0, PB_EFORMAT, "the zip directory is damaged at byte 78"},
        {DIRECTORY + 8, 2, 1, PB_EUNSUPPORTED, "the entry a/one is encrypted"},
        {DIRECTORY + 8, 2, 1 << 6, PB_EUNSUPPORTED, "the entry a/one is encrypted"},
        {DIRECTORY + 10, 2, 8, PB_EUNSUPPORTED, "the entry a/one is compressed (zip method 8), expected it stored"},
        {DIRECTORY + RECORD + 10, 2, 93, PB_EUNSUPPORTED, "the entry a/two is compressed (zip method 93)"},
        {DIRECTORY + 20, 4, 4, PB_EFORMAT, "the entry a/one has two sizes"},
        {DIRECTORY + 24, 4, 0xffffffff, PB_EFORMAT, "the entry a/one lacks the zip64 field"},
        {DIRECTORY + 42, 4, 0xffffffff, PB_EFORMAT, "the entry a/one lacks the zip64 field"},
        {DIRECTORY + 28, 2, 4, PB_EFORMAT, "the entry a/on has another name in its own header"},
        {DIRECTORY + 28, 2, 0xffff, PB_EFORMAT, "the zip directory is damaged at byte 78"},
        {DIRECTORY + 30, 2, 0xffff, PB_EFORMAT, "the zip directory is damaged at byte 78"},
        {DIRECTORY + 32, 2, 0xffff, PB_EFORMAT, "the zip directory is damaged at byte 78"},
        {DIRECTORY + 42, 4, 1, PB_EFORMAT, "the entry a/one is not where the zip directory says"},
        {DIRECTORY + 42, 4, 78, PB_EFORMAT, "the entry a/one is not where the zip directory says"},
        {DIRECTORY + 42, 4, 0xfffffff0, PB_EFORMAT, "the entry a/one is not where the zip directory says"},
        {DIRECTORY + 42, 4, TWO, PB_EFORMAT, "the entry a/one has another name in its own header"},
        {DIRECTORY + RECORD + 42, 4, ONE, PB_EFORMAT, "the entry a/two has another name in its own header"},
        {ONE, 4, 0, PB_EFORMAT, "the entry a/one is not where the zip directory says"},
        {ONE + 6, 2, 1, PB_EUNSUPPORTED, "the entry a/one is encrypted"},
        {ONE + 8, 2, 8, PB_EUNSUPPORTED, "the entry a/one is compressed"},
        {ONE + 26, 2, 6, PB_EFORMAT, "the entry a/one has another name in its own header"},
        {ONE + 28, 2, 0xffff, PB_EFORMAT, "the entry a/one has another name in its own header"},
        {ONE + 28, 2, 1, PB_EFORMAT, "the entry a/two overlaps another entry"},
        {TWO + 28, 2, 1, PB_EFORMAT, "the entry a/two reaches into the zip directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        archive a = two_entries();
        memcpy(a.bytes.data + cases[i].at, &cases[i].number, cases[i].bytes);
        refused(&a.bytes, cases[i].code, cases[i].words);
        archive_free(&a);
    }
}

static void set_sizes(archive *a, size_t record, uint32_t size)
{
    memcpy(a->bytes.data + record + 20, &size, 4);
    memcpy(a->bytes.data + record + 24, &size, 4);
}

/* What zip bombs are made of: one piece of the file that is several entries' data. */
static void entries_that_share_bytes_are_refused(void **state)
{
    (void)state;
    archive a = two_entries();
    set_sizes(&a, DIRECTORY, 6);
    refused(&a.bytes, PB_EFORMAT, "the entry a/two overlaps another entry of the zip archive");
    set_sizes(&a, DIRECTORY, 0x7fffffff);
    refused(&a.bytes, PB_EFORMAT, "the entry a/one reaches into the zip directory");
    archive_free(&a);

    archive b = {0};
    archive_add(&b, "a/same", "12345", 5);
    for (int i = 0; i < 1000; i++)
        archive_list(&b, "a/same", "12345", 5, 0);
    archive_finish(&b);
    refused(&b.bytes, PB_EFORMAT, "the entry a/same overlaps another entry of the zip archive");
    archive_free(&b);

    archive c = {0}; /* the second entry is the first one's data */
    buffer inner = {0};
    archive within = {0};
    archive_add(&within, "a/in", "1", 1);
    buffer_add(&inner, within.bytes.data, within.bytes.size);
    archive_add(&c, "a/out", inner.data, inner.size);
    archive_list(&c, "a/in", "1", 1, 35);
    archive_finish(&c);
    refused(&c.bytes, PB_EFORMAT, "the entry a/in overlaps another entry of the zip archive");
    archive_free(&c);
    archive_free(&within);
    buffer_free(&inner);
}

static void a_name_that_stands_twice_is_refused(void **state)
{
    (void)state;
    archive a = {0};
    archive_add(&a, "a/data.pkl", "1", 1);
    archive_add(&a, "a/x", "2", 1);
    archive_add(&a, "a/data.pkl", "3", 1);
    archive_finish(&a);
    refused(&a.bytes, PB_EFORMAT, "the entry a/data.pkl stands in the zip archive twice");
    archive_free(&a);
}

static void a_wrong_checksum_is_told(void **state)
{
    (void)state;
    archive a = two_entries();
    a.bytes.data[ONE + 35] = 'x';
    zip_archive z;
    unsigned char *copy;
    assert_ok(open_bytes(&z, a.bytes.data, a.bytes.size, &copy, err));
    assert_fails(zip_check_sum(zip_find(&z, "a/one", 5), "w.bin", err), PB_EFORMAT, "the entry a/one is damaged");
    zip_close(&z);
    free(copy);
    archive_free(&a);
}

/* Finds the signature, from the end backwards. */
static size_t find_signature(const buffer *b, const char *signature)
{
    for (size_t at = b->size - 4; at > 0; at--)
        if (memcmp(b->data + at, signature, 4) == 0)
            return at;
    test_stop(__FILE__, __LINE__, "no such signature");
    return 0;
}

static void zip64_records_must_fit(void **state)
{
    (void)state;
    file_map map;
    buffer b = {0};
    assert_ok(file_map_open(&map, GOLDEN("checkpoint/golden/torch/variants/zip64.bin"), err));
    buffer_add(&b, map.data, map.size);
    file_map_close(&map);
    size_t end = find_signature(&b, "PK\5\6"), locator = find_signature(&b, "PK\6\7"),
           end64 = find_signature(&b, "PK\6\6"), record = find_signature(&b, "PK\1\2");
    size_t name_size = (unsigned char)b.data[record + 28];
    static const char *const size_words = "bytes from byte";
    const struct {
        size_t at;
        uint64_t number;
        const char *words;
    } cases[] = {
        {locator, 0, "gives 4294967295 bytes from byte 4294967295 on for the zip directory"},
        {locator + 8, end64 + 1, "the zip64 record is not at byte"},
        {locator + 8, UINT64_MAX - 3, "the zip64 record is not at byte 18446744073709551612"},
        {end64, 0, "the zip64 record is not at byte"},
        {end64 + 32, 1, "more than its 1 entries take"},
        {end64 + 32, UINT64_MAX, "gives 18446744073709551615 entries"},
        {end64 + 40, UINT64_MAX, size_words},
        {end64 + 48, UINT64_MAX, size_words},
        {end + 12, 0xffffffff00000005, "the two zip records at its end disagree"},
        {record + 46 + name_size, 0x00180002, "lacks the zip64 field"},
        {record + 46 + name_size, 0x00100001, "lacks the zip64 field"},
        {record + 46 + name_size, 0xffff0001, "lacks the zip64 field"},
        {record + 46 + name_size + 4, UINT64_MAX, "has two sizes"},
        {record + 46 + name_size + 20, UINT64_MAX, "is not where the zip directory says"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer damaged = {0};
        buffer_add(&damaged, b.data, b.size);
        memcpy(damaged.data + cases[i].at, &cases[i].number, cases[i].number >> 32 ? 8 : 4);
        refused(&damaged, PB_EFORMAT, cases[i].words);
        buffer_free(&damaged);
    }
    buffer_free(&b);
}

static void an_archive_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    archive a = two_entries();
    for (a.bytes.size = SIZE - 1; a.bytes.size > 0; a.bytes.size--)
        refused(&a.bytes, PB_EFORMAT, "w.bin: has no zip directory at its end");
    refused(&a.bytes, PB_EFORMAT, "w.bin: has no zip directory at its end");
    archive_free(&a);
}

/* Whatever byte stands wherever: an error with words, or entries that lie in the file. */
static void any_byte_may_be_any_other(void **state)
{
    (void)state;
    archive a = two_entries();
    for (size_t at = 0; at < SIZE; at++)
        for (int code = 0; code < 256; code++) {
            zip_archive z;
            unsigned char *copy;
            pb_error err = {0};
            char kept = a.bytes.data[at];
            a.bytes.data[at] = (char)code;
            if (open_bytes(&z, a.bytes.data, SIZE, &copy, &err) != PB_OK)
                assert_true(err.message[0] && !z.entries);
            for (size_t i = 0; i < z.count; i++)
                zip_check_sum(&z.entries[i], "w.bin", &err);
            zip_close(&z);
            free(copy);
            a.bytes.data[at] = kept;
        }
    archive_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_where_they_lie),
        cmocka_unit_test(many_entries_are_all_found),
        cmocka_unit_test(an_archive_may_have_a_comment),
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(entries_that_share_bytes_are_refused),
        cmocka_unit_test(a_name_that_stands_twice_is_refused),
        cmocka_unit_test(a_wrong_checksum_is_told),
        cmocka_unit_test(zip64_records_must_fit),
        cmocka_unit_test(an_archive_cut_off_anywhere_is_refused),
        cmocka_unit_test(any_byte_may_be_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
