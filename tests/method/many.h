/* many.h: what is asked of every method that runs several questions together (method/together.h): each says what it says by itself,
 * to the bit, however many go at a time and on however many threads; what they share is run once; as many go as memory holds; one
 * that fails takes no other with it. A method's tests say in a table what its lists are. */
#ifndef TESTS_METHOD_MANY_H
#define TESTS_METHOD_MANY_H

#include "tests/method/asked.h"

#include <omp.h>

#include "method/together.h"

typedef struct many {
    size_t count;                                /* questions */
    size_t calls;                                /* in as many they are run, at most, where there is room */
    void *(*ask)(model *m, size_t memory);       /* a list of them, opened, */
    void (*free_list)(void *list);
    together_one *(*one)(void *list, size_t i);
    size_t (*some)(void *list, size_t first, size_t n);
    void (*assert_same)(void *a, void *b, size_t i); /* of results, */
    bool (*is_empty)(void *list, size_t i);
    double (*flop)(void *list, size_t i);        /* and what one took */
} many;

/* In as many calls as it takes, at most `most` questions handed over in each; returns how many. */
static inline size_t many_run(const many *k, void *list, size_t most)
{
    size_t calls = 0;
    for (size_t i = 0; i < k->count; calls++) {
        size_t n = k->count - i < most ? k->count - i : most, taken = k->some(list, i, n);
        assert_true(taken >= 1 && taken <= n);
        i += taken;
    }
    return calls;
}

static inline void many_assert_same(const many *k, void *a, void *b)
{
    for (size_t i = 0; i < k->count; i++) {
        if (k->one(b, i)->status)
            test_stop(__FILE__, __LINE__, "question %zu: %s", i, k->one(b, i)->why.message);
        k->assert_same(a, b, i);
    }
}

static inline double many_flop(const many *k, void *list, double (*flop)(void *list, size_t i))
{
    double sum = 0;
    for (size_t i = 0; i < k->count; i++)
        sum += flop(list, i);
    return sum;
}

static inline void many_are_as_one(const many *k)
{
    model *m = tiny_open(LLAVA);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    void *apart = k->ask(m, 0), *all;
    assert_int_equal(many_run(k, apart, 1), k->count);
    double flop = many_flop(k, apart, k->flop); /* now: pictures that are opened later count too */
    for (int t = 1; t <= 2; t++) {
        omp_set_num_threads(t);
        all = k->ask(m, 0);
        assert_true(many_run(k, all, k->count) <= k->calls);
        many_assert_same(k, apart, all);
        assert_true(many_flop(k, all, k->flop) < flop);
        k->free_list(all);
    }
    all = k->ask(m, 0);
    many_run(k, all, 2);
    many_assert_same(k, apart, all);
    omp_set_num_threads(threads);
    k->free_list(all);
    k->free_list(apart);
    model_free(m);
}

/* Of questions that begin alike. */
static inline void many_share(const many *k, double (*flop)(void *list, size_t i))
{
    model *m = tiny_open(LLAVA);
    double together = 0, apart = 0;
    for (size_t alone = 0; alone < 2; alone++) {
        void *list = k->ask(m, 0);
        many_run(k, list, alone ? 1 : k->count);
        *(alone ? &apart : &together) = many_flop(k, list, flop);
        k->free_list(list);
    }
    assert_true(together < 0.7 * apart);
    model_free(m);
}

/* The least budget with which all of the questions go through one at a time. */
static inline size_t many_least_memory(const many *k, model *m)
{
    size_t low = 0, high = (size_t)1 << 30;
    while (high - low > 1000) {
        size_t memory = low + (high - low) / 2, failed = 0;
        void *list = k->ask(m, memory);
        many_run(k, list, 1);
        for (size_t i = 0; i < k->count; i++) {
            pb_status status = k->one(list, i)->status;
            assert_true(!status || status == PB_ENOMEM);
            failed += status != PB_OK;
        }
        *(failed ? &low : &high) = memory;
        k->free_list(list);
    }
    return high;
}

/* With that they do not go together. */
static inline void many_are_as_memory_holds(const many *k, size_t (*least)(const many *k, model *m))
{
    model *m = tiny_open(LLAVA);
    void *roomy = k->ask(m, 0);
    size_t memory = least(k, m), calls[3] = {many_run(k, roomy, k->count)};
    for (size_t i = 1; i < 3; i++) {
        void *tight = k->ask(m, i == 1 ? memory : 4 * memory);
        calls[i] = many_run(k, tight, k->count);
        many_assert_same(k, roomy, tight);
        k->free_list(tight);
    }
    assert_true(calls[1] > calls[0]);
    assert_true(calls[1] > calls[2]);
    k->free_list(roomy);
    void *none = k->ask(m, 1);
    assert_true(k->some(none, 0, k->count) >= 1);
    assert_int_equal(k->one(none, 0)->status, PB_ENOMEM);
    k->free_list(none);
    model_free(m);
}

/* words[count]: of what is wrong with a question that `spoil` spoils; NULL: nothing is. */
static inline void many_fail_apart(const many *k, void (*spoil)(void *list), const char *const *words)
{
    model *m = tiny_open(LLAVA);
    void *apart = k->ask(m, 0), *all = k->ask(m, 0);
    many_run(k, apart, 1);
    spoil(all);
    many_run(k, all, k->count);
    for (size_t i = 0; i < k->count; i++) {
        const together_one *one = k->one(all, i);
        assert_int_equal(one->status, words[i] ? PB_EINVAL : PB_OK);
        assert_true(k->is_empty(all, i) == (words[i] != NULL));
        if (words[i])
            assert_non_null(strstr(one->why.message, words[i]));
        else
            k->assert_same(apart, all, i);
    }
    k->free_list(all);
    k->free_list(apart);
    model_free(m);
}

#endif
