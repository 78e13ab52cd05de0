/* test_memory.c: sizes that overflow are told, buffers grow, arenas give their blocks out again. */
#include "tests/support.h"

#include "base/memory.h"

static void products_that_overflow_are_told(void **state)
{
    (void)state;
    size_t n;
    assert_true(size_mul(SIZE_MAX, 1, &n));
    assert_true(n == SIZE_MAX);
    assert_true(size_mul(0, SIZE_MAX, &n));
    assert_int_equal(n, 0);
    assert_false(size_mul(SIZE_MAX / 2, 3, &n));
}

static void memory_that_cannot_be_had_is_an_error_that_names_it(void **state)
{
    (void)state;
    void *p;
    assert_fails(mem_try(&p, SIZE_MAX / 2, 4, "the rows", err), PB_ENOMEM, "the rows");
    assert_null(p);
    assert_fails(mem_try(&p, SIZE_MAX, 1, "the rows", err), PB_ENOMEM, "the rows");
    arena a = {0};
    assert_fails(arena_try(&a, &p, SIZE_MAX - 8, 1, "the keys", err), PB_ENOMEM, "the keys");
    assert_null(p);
    arena_free(&a);
}

static void memory_is_aligned_and_an_empty_request_is_fine(void **state)
{
    (void)state;
    float *p;
    assert_ok(mem_try(&p, 3, sizeof *p, "x", err));
    assert_int_equal((uintptr_t)p % 64, 0);
    free(p);
    assert_ok(mem_try(&p, 0, sizeof *p, "x", err));
    free(p);
    unsigned char *zeros = mem_new(100, 1);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    free(zeros);
    char *text = mem_text_n("abcdef", 3);
    assert_string_equal(text, "abc");
    free(text);
}

static void a_buffer_grows_and_stays_a_string(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_printf(&b, "%s", "");
    assert_string_equal(b.data, "");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&b, "%d,", i);
    buffer_text(&b, "end");
    buffer_add(&b, "\0x", 2);
    assert_int_equal(b.size, 10 * 2 + 90 * 3 + 900 * 4 + 5);
    assert_memory_equal(b.data, "0,1,2,", 6);
    assert_memory_equal(b.data + b.size - 9, "999,end\0x", 10);
    buffer_free(&b);
    assert_null(b.data);
    assert_int_equal(b.capacity, 0);
}

/* Every piece keeps its own bytes. Blocks become one at the first reset; from then on the same requests take no new memory. */
static void an_arena_reuses_its_blocks(void **state)
{
    (void)state;
    arena a = {0};
    unsigned char *pieces[40], *first = NULL;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 40; i++) {
            size_t n = i * i * 1000 + 1;
            assert_ok(arena_try(&a, &pieces[i], n, 1, "x", err));
            assert_int_equal((uintptr_t)pieces[i] % 64, 0);
            memset(pieces[i], (int)i, n);
        }
        for (size_t i = 0; i < 40; i++) {
            assert_int_equal(pieces[i][0], i);
            assert_int_equal(pieces[i][i * i * 1000], i);
        }
        first = round <= 1 ? pieces[0] : first;
        assert_ptr_equal(pieces[0], first);
        assert_true(round == 0 || pieces[39] > pieces[0]); /* side by side */
        assert_true(round == 0 || (size_t)(pieces[39] - pieces[0]) <= a.used);
        assert_true(a.peak == a.used);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_free(&a);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_that_overflow_are_told),
        cmocka_unit_test(memory_that_cannot_be_had_is_an_error_that_names_it),
        cmocka_unit_test(memory_is_aligned_and_an_empty_request_is_fine),
        cmocka_unit_test(a_buffer_grows_and_stays_a_string),
        cmocka_unit_test(an_arena_reuses_its_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
