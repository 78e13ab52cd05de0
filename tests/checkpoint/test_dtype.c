/* test_dtype.c: every f16 and bf16 number widens to the f32 that PyTorch makes of it, at any address. */
#include "tests/support.h"

#include <math.h>
#include <zlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"

enum { ALL = 65536 };

static tensor of(dtype type, const void *data, size_t count)
{
    return (tensor){.name = "w", .type = type, .type_name = "?", .rank = 1, .shape = {count, 1, 1, 1}, .count = count,
                    .data = data, .file = "model.safetensors"};
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint16_t *all_halves(void)
{
    uint16_t *halves = mem_new(ALL, sizeof *halves);
    for (uint32_t i = 0; i < ALL; i++)
        halves[i] = (uint16_t)i;
    return halves;
}

/* crc32 of every number widened, NaNs made one. */
static uint32_t checksum(dtype type)
{
    uint16_t *halves = all_halves();
    float *wide = mem_new(ALL, sizeof *wide);
    tensor t = of(type, halves, ALL);
    assert_false(tensor_read(&t, 0, ALL, wide));
    for (size_t i = 0; i < ALL; i++)
        if (isnan(wide[i]))
            wide[i] = NAN;
    uint32_t sum = (uint32_t)crc32(0, (const unsigned char *)wide, ALL * sizeof *wide);
    free(halves);
    free(wide);
    return sum;
}

static void all_halves_widen_as_pytorch_widens_them(void **state)
{
    (void)state;
    json_t *golden;
    size_t f16 = 0, bf16 = 0;
    assert_int_equal(bits_of(NAN), 0x7fc00000);
    assert_ok(json_read_file(&golden, GOLDEN("checkpoint/golden/dtypes.json"), err));
    assert_ok(json_get_size(golden, "f16_crc32", &f16, "dtypes.json", err));
    assert_ok(json_get_size(golden, "bf16_crc32", &bf16, "dtypes.json", err));
    assert_int_equal(checksum(DTYPE_F16), f16);
    assert_int_equal(checksum(DTYPE_BF16), bf16);
    json_decref(golden);
}

/* The plain form: (-1)^s * 2^(e-15) * (1 + m/1024), or 2^-14 * m/1024 for e = 0. */
static float plain_f16(uint16_t half)
{
    int e = half >> 10 & 31, m = half & 1023;
    float size = e == 0 ? ldexpf((float)m, -24) : e == 31 ? (m ? NAN : INFINITY) : ldexpf((float)(1024 + m), e - 25);
    return half & 0x8000 ? -size : size;
}

static void the_fast_form_of_f16_equals_the_plain_one(void **state)
{
    (void)state;
    uint16_t *halves = all_halves();
    tensor t = of(DTYPE_F16, halves, ALL);
    for (size_t i = 0; i < ALL; i++) {
        float value;
        bool finite = tensor_read(&t, i, 1, &value);
        assert_int_equal(finite, isfinite(value) != 0);
        if (!isnan(value) || !isnan(plain_f16(halves[i])))
            assert_int_equal(bits_of(value), bits_of(plain_f16(halves[i])));
    }
    free(halves);
}

/* Any first element, any count, any address. */
static void parts_at_odd_addresses_read_the_same(void **state)
{
    (void)state;
    enum { N = 200 };
    static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (size_t k = 0; k < 3; k++) {
        size_t width = types[k] == DTYPE_F32 ? 4 : 2;
        unsigned char bytes[4 * N + 1];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(i % width == 0 ? 0x3c : i * 37 & 0x3f); /* finite: no exponent of all ones */
        float whole[N], part[N];
        tensor t = of(types[k], bytes + 1, N);
        assert_true(tensor_read(&t, 0, N, whole));
        for (size_t first = 0; first < 40; first++)
            for (size_t count = 0; first + count < N; count += 7) {
                assert_true(tensor_read(&t, first, count, part));
                assert_memory_equal(part, whole + first, count * sizeof *part);
            }
    }
}

static void one_number_that_is_not_finite_is_found_and_named(void **state)
{
    (void)state;
    float values[100], out[100];
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++)
        for (size_t at = 0; at < 100; at += 11) {
            for (size_t i = 0; i < 100; i++)
                values[i] = i % 2 ? -3.4e38f : 1e-45f;
            values[at] = bad[k];
            tensor t = of(DTYPE_F32, values, 100);
            assert_false(tensor_read(&t, 0, 100, out));
            assert_true(at == 0 || tensor_read(&t, 0, at, out));
            char words[64];
            snprintf(words, sizeof words, "tensor w holds %g at element %zu", (double)bad[k], at);
            assert_fails(tensor_not_finite(&t, err), PB_EFORMAT, words);
        }
}

/* Every part of a [4][3][5] tensor under layouts that permute, skip and repeat, against element by element. */
static void a_layout_reads_what_its_strides_say(void **state)
{
    (void)state;
    enum { N = 60, STORED = 256 };
    static const tensor_layout layouts[] = {
        {3, {4, 3, 5}, {15, 5, 1}},          /* as it would lie without one */
        {3, {4, 3, 5}, {1, 4, 12}},          /* transposed */
        {3, {4, 3, 5}, {0, 7, 1}},           /* one part for all */
        {4, {4, 3, 1, 5}, {50, 16, 999, 2}}, /* every other; a dimension of one does not move */
        {2, {12, 5}, {5, 1}},                /* fewer dimensions */
    };
    float stored[STORED], expected[N], part[N];
    for (size_t i = 0; i < STORED; i++)
        stored[i] = (float)i;
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
        const tensor_layout *l = &layouts[k];
        for (size_t i = 0; i < N; i++) {
            size_t at = 0, rest = i;
            for (size_t d = l->rank; d-- > 0; rest /= l->shape[d])
                at += rest % l->shape[d] * l->stride[d];
            expected[i] = stored[at];
        }
        tensor t = of(DTYPE_F32, stored, N);
        t.layout = l;
        for (size_t first = 0; first < N; first++)
            for (size_t count = 0; first + count <= N; count++) {
                assert_true(tensor_read(&t, first, count, part));
                assert_memory_equal(part, expected + first, count * sizeof *part);
            }
    }
}

/* Every half, and as many f32, with their bytes the other way round, at an odd address, in one layout and without. */
static void swapped_bytes_read_as_the_same_numbers(void **state)
{
    (void)state;
    enum { N = 1000 };
    static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    static const tensor_layout layout = {2, {10, 100}, {1, 10}};
    for (size_t k = 0; k < 3; k++) {
        size_t width = types[k] == DTYPE_F32 ? 4 : 2;
        unsigned char little[4 * N + 1], big[4 * N + 1];
        for (size_t i = 0; i < width * N; i++)
            little[1 + i] = big[1 + (i ^ (width - 1))] = (unsigned char)(i % width == width - 1 ? 0x3c : i * 37);
        tensor plain = of(types[k], little + 1, N), swapped = of(types[k], big + 1, N);
        swapped.swapped = true;
        for (int with_layout = 0; with_layout < 2; with_layout++) {
            float expected[N], found[N];
            plain.layout = swapped.layout = with_layout ? &layout : NULL;
            assert_true(tensor_read(&plain, 0, N, expected));
            assert_true(tensor_read(&swapped, 0, N, found));
            assert_memory_equal(found, expected, sizeof expected);
            assert_true(tensor_read(&swapped, 333, 600, found));
            assert_memory_equal(found, expected + 333, 600 * sizeof *found);
        }
        swapped.layout = NULL;
        memcpy(big + 1 + 777 * width, "\x7f\x80\0\0", width); /* infinity as f32 and bf16, NaN as f16 */
        assert_fails(tensor_not_finite(&swapped, err), PB_EFORMAT, "at element 777");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_halves_widen_as_pytorch_widens_them),
        cmocka_unit_test(the_fast_form_of_f16_equals_the_plain_one),
        cmocka_unit_test(parts_at_odd_addresses_read_the_same),
        cmocka_unit_test(one_number_that_is_not_finite_is_found_and_named),
        cmocka_unit_test(a_layout_reads_what_its_strides_say),
        cmocka_unit_test(swapped_bytes_read_as_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
