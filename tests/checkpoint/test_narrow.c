/* test_narrow.c: f32 rounded to f16 and bf16, over all of their numbers, the midpoints between them, and what lies
 * beside the midpoints; elements copied as they lie. */
#include "tests/support.h"

#include <math.h>

#include "checkpoint/checkpoint.h"

static float widened(dtype type, uint16_t bits)
{
    float x;
    const tensor t = {.type = type, .count = 1, .data = &bits};
    tensor_read(&t, 0, 1, &x);
    return x;
}

static uint16_t narrowed(dtype type, float x, bool finite)
{
    uint16_t bits;
    assert_int_equal(tensor_narrow(type, &x, 1, &bits), finite);
    return bits;
}

static void assert_rounds(dtype type, float x, uint16_t expected)
{
    bool finite = isfinite(widened(type, expected));
    assert_int_equal(narrowed(type, x, finite), expected);
    assert_int_equal(narrowed(type, -x, finite), expected | 0x8000);
}

/* Each number and the next one above it: both stay; their middle goes to the even one, what is nearer to the nearer.
 * The last finite number's next is infinity, to which the middle goes as if it were a number. */
static void every_number_and_every_midpoint(void **state)
{
    (void)state;
    static const dtype types[] = {DTYPE_F16, DTYPE_BF16};
    static const uint16_t infinity[] = {0x7c00, 0x7f80};
    for (size_t k = 0; k < 2; k++)
        for (uint16_t bits = 0; bits < infinity[k]; bits++) {
            float x = widened(types[k], bits);
            double next = bits + 1 < infinity[k] ? (double)widened(types[k], (uint16_t)(bits + 1))
                                                 : 2 * (double)x - (double)widened(types[k], (uint16_t)(bits - 1));
            float middle = (float)(((double)x + next) / 2);
            assert_rounds(types[k], x, bits);
            assert_rounds(types[k], middle, bits % 2 ? (uint16_t)(bits + 1) : bits);
            assert_rounds(types[k], nextafterf(middle, 0), bits);
            assert_rounds(types[k], nextafterf(middle, INFINITY), (uint16_t)(bits + 1));
        }
}

static void what_is_beyond_is_said(void **state)
{
    (void)state;
    static const float bad[] = {INFINITY, -INFINITY, NAN, 65520, 3.4e38f};
    uint16_t bits[2];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const float x[2] = {1, bad[i]};
        assert_false(tensor_narrow(DTYPE_F16, x, 2, bits));
        assert_int_equal(bits[0], 0x3c00);
        assert_int_equal(tensor_narrow(DTYPE_BF16, x, 2, bits), isfinite(bad[i]) && bad[i] < 3.3e38f);
        assert_int_equal(bits[0], 0x3f80);
        float same[2];
        assert_int_equal(tensor_narrow(DTYPE_F32, x, 2, same), isfinite(bad[i]) != 0);
        assert_memory_equal(same, x, sizeof x);
    }
    assert_false(tensor_narrow(DTYPE_Q8_0, bad, 1, bits));
}

static void elements_are_copied_as_they_lie(void **state)
{
    (void)state;
    static const unsigned char data[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const tensor_layout transposed = {2, {2, 3}, {1, 2}};
    tensor t = {.type = DTYPE_OTHER, .count = 6, .data = data};
    unsigned char out[12];
    tensor_copy(&t, 2, 1, 2, out);
    assert_memory_equal(out, ((unsigned char[]){2, 3, 4, 5}), 4);
    t.swapped = true;
    tensor_copy(&t, 2, 1, 2, out);
    assert_memory_equal(out, ((unsigned char[]){3, 2, 5, 4}), 4);
    t.swapped = false;
    t.layout = &transposed; /* of [3][2] */
    tensor_copy(&t, 2, 0, 6, out);
    assert_memory_equal(out, ((unsigned char[]){0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11}), 12);
    tensor_copy(&t, 2, 4, 1, out);
    assert_memory_equal(out, ((unsigned char[]){6, 7}), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_and_every_midpoint),
        cmocka_unit_test(what_is_beyond_is_said),
        cmocka_unit_test(elements_are_copied_as_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
