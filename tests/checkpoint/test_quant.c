/* test_quant.c: quantised blocks mean what the gguf package says, to the bit, whichever elements are asked for. */
#include "tests/support.h"

#include "base/memory.h"
#include "checkpoint/checkpoint.h"

static checkpoint *quants;

static int open_quants(void **state)
{
    (void)state;
    assert_ok(checkpoint_open(&quants, GOLDEN("checkpoint/golden/gguf/quants.gguf"), err));
    return 0;
}

static int close_quants(void **state)
{
    (void)state;
    checkpoint_free(quants);
    return 0;
}

/* What the package made of t. */
static const float *expected(const tensor *t)
{
    buffer name = {0};
    buffer_printf(&name, "%s.f32", t->name);
    const tensor *wide = checkpoint_find(quants, name.data);
    buffer_free(&name);
    return wide ? wide->data : NULL;
}

static void assert_reads(const tensor *t, size_t first, size_t count)
{
    float *out = mem_new(count + 1, sizeof *out);
    out[count] = 123;
    assert_true(tensor_read(t, first, count, out));
    assert_memory_equal(out, expected(t) + first, count * sizeof *out);
    assert_true(out[count] == 123);
    free(out);
}

static void every_type_equals_the_gguf_package(void **state)
{
    (void)state;
    const tensor *all;
    size_t seen = 0, n = checkpoint_tensors(quants, &all);
    for (size_t i = 0; i < n; i++)
        if (expected(&all[i])) {
            assert_int_equal(all[i].count, 3 * 512);
            assert_reads(&all[i], 0, all[i].count);
            seen++;
        }
    assert_int_equal(seen, 13); /* 8 types, 5 of them also from numbers that the package quantised */
}

static void any_range_can_be_read(void **state)
{
    (void)state;
    static const size_t ranges[][2] = {{0, 0}, {0, 1}, {31, 2}, {255, 1}, {256, 256}, {5, 700}, {300, 1}, {1, 254},
                                       {1535, 1}, {1000, 536}, {257, 255}, {480, 64}};
    for (dtype type = DTYPE_Q8_0; type < DTYPE_OTHER; type++)
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
            assert_reads(checkpoint_find(quants, dtype_find(type)->name), ranges[i][0], ranges[i][1]);
}

/* A layout over whole blocks, as q and k of Llama's GGUFs need it: here first all left halves of the rows, then all
 * right ones. */
static void rows_can_come_in_another_order(void **state)
{
    (void)state;
    for (dtype type = DTYPE_Q8_0; type < DTYPE_OTHER; type++) {
        const tensor *t = checkpoint_find(quants, dtype_find(type)->name);
        const tensor_layout halves_first = {3, {2, 3, 256}, {256, 512, 1}};
        tensor turned = *t;
        turned.layout = &halves_first;
        float out[3 * 512];
        assert_true(tensor_read(&turned, 0, turned.count, out));
        for (size_t half = 0; half < 2; half++)
            for (size_t row = 0; row < 3; row++)
                assert_memory_equal(out + (half * 3 + row) * 256, expected(t) + row * 512 + half * 256,
                                    256 * sizeof *out);
        assert_true(tensor_read(&turned, 700, 100, out));
        assert_memory_equal(out, expected(t) + 2 * 512 + 700 - 512, 68 * sizeof *out);
        assert_memory_equal(out + 68, expected(t) + 256, 32 * sizeof *out);
    }
}

/* A scale that is infinite, or NaN, is found, also where only a part of the block is read. */
static void scales_that_are_no_numbers_are_found(void **state)
{
    (void)state;
    for (dtype type = DTYPE_Q8_0; type < DTYPE_OTHER; type++) {
        const dtype_block *block = dtype_find(type);
        size_t scale = type == DTYPE_Q6_K ? 208 : 0;
        unsigned char bytes[3 * 210];
        tensor t = {.name = "w", .type = type, .data = bytes, .rank = 1, .count = 3 * block->elements};
        float out[3 * 256];
        memset(bytes, 0x11, sizeof bytes);
        assert_true(tensor_read(&t, 0, t.count, out));
        bytes[block->bytes + scale] = 0x00;
        bytes[block->bytes + scale + 1] = 0x7c; /* infinity */
        assert_false(tensor_read(&t, 0, t.count, out));
        assert_false(tensor_read(&t, block->elements + 7, 9, out));
        assert_true(tensor_read(&t, 3, block->elements - 3, out));
        assert_true(tensor_read(&t, 2 * block->elements, block->elements, out));
        bytes[block->bytes + scale] = 0x01; /* NaN */
        assert_false(tensor_read(&t, 0, t.count, out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_equals_the_gguf_package),
        cmocka_unit_test(any_range_can_be_read),
        cmocka_unit_test(rows_can_come_in_another_order),
        cmocka_unit_test(scales_that_are_no_numbers_are_found),
    };
    return cmocka_run_group_tests(tests, open_quants, close_quants);
}
