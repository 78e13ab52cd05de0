/* many.h: what is asked of every method that runs several questions together (method/together.h): each says what it says by itself,
 * to the bit, however many go at a time and on however many threads; what they share is run once; as many go as memory holds; one
 * that fails takes no other with it. A method's tests say in a table what its lists are. */
#ifndef TESTS_METHOD_MANY_H
#define TESTS_METHOD_MANY_H

#include "tests/method/asked.h"

#include <omp.h>

#include "method/together.h"

enum { MANY_MOST = 16 };

/* Questions, and what is asked of each. */
typedef struct many_list {
    question questions[MANY_MOST];
    void *options; /* [count] the method's */
    char *asked;   /* [count] the method's: a flowing, a knocking_out, a tracing */
} many_list;

typedef struct many {
    size_t count, calls;                         /* questions; in as many calls they are run, at most, where there is room */
    const void *requests;                        /* [count] what the test says of them */
    size_t request_size, options_size, asked_size;
    /* Fills in options, and lets `asked` point to them; returns the question. */
    pb_question (*ask)(together_one *asked, void *options, const void *request, size_t memory);
    size_t (*some)(together_one *first, size_t n);
    void (*assert_same)(const together_one *a, const together_one *b); /* results, */
    bool (*is_empty)(const together_one *one);
    void (*free_result)(together_one *one);
    double (*flop)(const together_one *one);     /* and what one took */
} many;

static inline together_one *many_one(const many *k, const many_list *l, size_t i)
{
    return (together_one *)(l->asked + i * k->asked_size);
}

/* A list of them, opened. */
static inline many_list *many_ask(const many *k, model *m, size_t memory)
{
    many_list *l = mem_new(1, sizeof *l);
    assert_true(k->count <= MANY_MOST);
    l->options = mem_new(k->count, k->options_size);
    l->asked = mem_new(k->count, k->asked_size);
    for (size_t i = 0; i < k->count; i++) {
        pb_question p = k->ask(many_one(k, l, i), (char *)l->options + i * k->options_size,
                               (const char *)k->requests + i * k->request_size, memory);
        p.constraints = &the_constraint;
        p.constraint_count = 1;
        assert_ok(question_open(&l->questions[i], m, &p, err));
        many_one(k, l, i)->q = &l->questions[i];
    }
    return l;
}

static inline void many_free(const many *k, many_list *l)
{
    for (size_t i = 0; i < k->count; i++) {
        k->free_result(many_one(k, l, i));
        question_free(&l->questions[i]);
    }
    free(l->options);
    free(l->asked);
    free(l);
}

/* In as many calls as it takes, at most `most` questions handed over in each; returns how many. */
static inline size_t many_run(const many *k, const many_list *list, size_t most)
{
    size_t calls = 0;
    for (size_t i = 0; i < k->count; calls++) {
        size_t n = k->count - i < most ? k->count - i : most, taken = k->some(many_one(k, list, i), n);
        assert_true(taken >= 1 && taken <= n);
        i += taken;
    }
    return calls;
}

static inline void many_assert_same(const many *k, const many_list *a, const many_list *b)
{
    for (size_t i = 0; i < k->count; i++) {
        const together_one *one = many_one(k, b, i);
        if (one->status)
            test_stop(__FILE__, __LINE__, "question %zu: %s", i, one->why.message);
        k->assert_same(many_one(k, a, i), one);
    }
}

static inline double many_flop(const many *k, const many_list *list, double (*flop)(const together_one *one))
{
    double sum = 0;
    for (size_t i = 0; i < k->count; i++)
        sum += flop(many_one(k, list, i));
    return sum;
}

static inline void many_are_as_one(const many *k)
{
    model *m = tiny_open(LLAVA);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    many_list *apart = many_ask(k, m, 0), *all;
    assert_int_equal(many_run(k, apart, 1), k->count);
    double flop = many_flop(k, apart, k->flop); /* now: pictures that are opened later count too */
    for (int t = 1; t <= 2; t++) {
        omp_set_num_threads(t);
        all = many_ask(k, m, 0);
        assert_true(many_run(k, all, k->count) <= k->calls);
        many_assert_same(k, apart, all);
        assert_true(many_flop(k, all, k->flop) < flop);
        many_free(k, all);
    }
    all = many_ask(k, m, 0);
    many_run(k, all, 2);
    many_assert_same(k, apart, all);
    omp_set_num_threads(threads);
    many_free(k, all);
    many_free(k, apart);
    model_free(m);
}

/* Of questions that begin alike. */
static inline void many_share(const many *k, double (*flop)(const together_one *one))
{
    model *m = tiny_open(LLAVA);
    double together = 0, apart = 0;
    for (size_t alone = 0; alone < 2; alone++) {
        many_list *list = many_ask(k, m, 0);
        many_run(k, list, alone ? 1 : k->count);
        *(alone ? &apart : &together) = many_flop(k, list, flop);
        many_free(k, list);
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
        many_list *list = many_ask(k, m, memory);
        many_run(k, list, 1);
        for (size_t i = 0; i < k->count; i++) {
            pb_status status = many_one(k, list, i)->status;
            assert_true(!status || status == PB_ENOMEM);
            failed += status != PB_OK;
        }
        *(failed ? &low : &high) = memory;
        many_free(k, list);
    }
    return high;
}

/* With that they do not go together. */
static inline void many_are_as_memory_holds(const many *k, size_t (*least)(const many *k, model *m))
{
    model *m = tiny_open(LLAVA);
    many_list *roomy = many_ask(k, m, 0);
    size_t memory = least(k, m), calls[3] = {many_run(k, roomy, k->count)};
    for (size_t i = 1; i < 3; i++) {
        many_list *tight = many_ask(k, m, i == 1 ? memory : 4 * memory);
        calls[i] = many_run(k, tight, k->count);
        many_assert_same(k, roomy, tight);
        many_free(k, tight);
    }
    assert_true(calls[1] > calls[0]);
    assert_true(calls[1] > calls[2]);
    many_free(k, roomy);
    many_list *none = many_ask(k, m, 1);
    assert_true(k->some(many_one(k, none, 0), k->count) >= 1);
    assert_int_equal(many_one(k, none, 0)->status, PB_ENOMEM);
    many_free(k, none);
    model_free(m);
}

/* words[count]: of what is wrong with a question that `spoil` spoils; NULL: nothing is. */
static inline void many_fail_apart(const many *k, void (*spoil)(many_list *list), const char *const *words)
{
    model *m = tiny_open(LLAVA);
    many_list *apart = many_ask(k, m, 0), *all = many_ask(k, m, 0);
    many_run(k, apart, 1);
    spoil(all);
    many_run(k, all, k->count);
    for (size_t i = 0; i < k->count; i++) {
        const together_one *one = many_one(k, all, i);
        assert_int_equal(one->status, words[i] ? PB_EINVAL : PB_OK);
        assert_true(k->is_empty(one) == (words[i] != NULL));
        if (words[i])
            assert_non_null(strstr(one->why.message, words[i]));
        else
            k->assert_same(many_one(k, apart, i), one);
    }
    many_free(k, all);
    many_free(k, apart);
    model_free(m);
}

#endif
