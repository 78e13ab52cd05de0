/* test_pack.c: results as bytes: nothing is lost, and damaged bytes are refused. */
#include "tests/support.h"

#include "data/pack.h"
#include "tests/rows/store_samples.h"

static void nothing_is_lost(void **state)
{
    (void)state;
    const store_result samples[] = {sample_result(1), sample_result(2), sample_failure(3), {.correct = -1}};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        buffer bytes = {0}, again = {0};
        packed_result back;
        result_pack(&bytes, &samples[i]);
        assert_ok(result_unpack(&back, bytes.data, bytes.size, err));
        assert_same_result(&back.result, &samples[i]);
        result_pack(&again, &back.result);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
        packed_result_free(&back);
        buffer_free(&bytes);
        buffer_free(&again);
    }
}

static void any_nan_gives_the_same_bytes(void **state)
{
    (void)state;
    store_result a = sample_failure(0), b = a;
    buffer x = {0}, y = {0};
    b.clean_prob = -a.clean_prob;
    result_pack(&x, &a);
    result_pack(&y, &b);
    assert_memory_equal(x.data, y.data, x.size);
    buffer_free(&x);
    buffer_free(&y);
}

static void bytes_cut_short_are_refused(void **state)
{
    (void)state;
    const store_result sample = sample_result(1);
    buffer bytes = {0};
    packed_result back;
    result_pack(&bytes, &sample);
    for (size_t n = 0; n < bytes.size; n++) {
        char *cut = malloc(n + 1); /* of just that size, for the sanitizer */
        memcpy(cut, bytes.data, n);
        assert_fails(result_unpack(&back, cut, n, err), PB_EFORMAT, "packed result");
        free(cut);
    }
    buffer_add(&bytes, "x", 1);
    assert_fails(result_unpack(&back, bytes.data, bytes.size, err), PB_EFORMAT, "1 bytes before its end");
    bytes.data[0] = 'X';
    assert_fails(result_unpack(&back, bytes.data, bytes.size, err), PB_EFORMAT, "begins with \"Xbresult\"");
    buffer_free(&bytes);
}

/* Every byte changed to others: an error, or a result that packs and unpacks; never a read beyond. */
static void damaged_bytes_do_no_harm(void **state)
{
    (void)state;
    static const unsigned char others[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    const store_result sample = sample_result(1);
    buffer bytes = {0};
    packed_result back;
    result_pack(&bytes, &sample);
    for (size_t i = 0; i < bytes.size; i++)
        for (size_t j = 0; j < sizeof others; j++) {
            pb_error err;
            char before = bytes.data[i];
            bytes.data[i] = (char)others[j];
            if (result_unpack(&back, bytes.data, bytes.size, &err) == PB_OK) {
                buffer again = {0};
                result_pack(&again, &back.result);
                buffer_free(&again);
                packed_result_free(&back);
            }
            bytes.data[i] = before;
        }
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(any_nan_gives_the_same_bytes),
        cmocka_unit_test(bytes_cut_short_are_refused),
        cmocka_unit_test(damaged_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
