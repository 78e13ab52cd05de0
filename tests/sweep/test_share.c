/* test_share.c: work is dealt out by its amount: all of it, once, in an order that lets everybody end together. */
#include "tests/support.h"

#include "base/random.h"
#include "sweep/share.h"

/* What one worker's turn takes. */
typedef struct piece {
    size_t questions[32], count;
} piece;

static piece take(work_share *s, size_t workers)
{
    piece p;
    p.count = share_take(s, workers, p.questions);
    return p;
}

static void one_worker_gets_half_of_what_is_left_at_most(void **state)
{
    (void)state;
    const size_t small[] = {0, 1}, large[] = {2, 3, 4};
    work_share *s = share_new();
    share_add(s, small, (const double[]){1, 1}, 2);
    share_add(s, large, (const double[]){10, 10, 10}, 3);
    share_add(s, NULL, NULL, 0);
    assert_int_equal(share_longest(s), 3);
    piece p = take(s, 1); /* 16 of 32: one of the large */
    assert_int_equal(p.count, 1);
    assert_int_equal(p.questions[0], 2);
    p = take(s, 1);       /* 11 of 22 */
    assert_int_equal(p.questions[0], 3);
    p = take(s, 1);
    assert_int_equal(p.questions[0], 4);
    p = take(s, 1);       /* 1 of 2 */
    assert_int_equal(p.count, 1);
    assert_int_equal(p.questions[0], 0);
    p = take(s, 1);
    assert_int_equal(p.questions[0], 1);
    assert_int_equal(take(s, 1).count, 0);
    share_free(s);
}

static void units_stay_whole_while_there_is_much(void **state)
{
    (void)state;
    work_share *s = share_new();
    size_t cut = 0;
    for (size_t u = 0; u < 200; u++) {
        const size_t questions[] = {3 * u, 3 * u + 1, 3 * u + 2};
        share_add(s, questions, (const double[]){1, 1, 1}, 3);
    }
    for (piece p; (p = take(s, 4)).count > 0;)
        cut += p.count < 3;
    assert_in_range(cut, 1, 40);
    share_free(s);
}

/* Workers of different speed: nobody waits long for the last one, and each question is taken once. */
static void all_end_nearly_together(void **state)
{
    (void)state;
    enum { WORKERS = 5, QUESTIONS = 640 };
    double busy_until[WORKERS] = {0}, total = 0, speed[WORKERS] = {1, 1, 2, 0.5, 1}, work[QUESTIONS], longest = 0;
    int seen[QUESTIONS] = {0};
    random_state r = random_from(7);
    work_share *s = share_new();
    for (size_t q = 0; q < QUESTIONS; q++)
        work[q] = 1 + (double)random_below(&r, 9);
    for (size_t q = 0; q < QUESTIONS;) { /* units of 1 to 32 */
        size_t n = 1 + random_below(&r, 32), questions[32];
        n = n > QUESTIONS - q ? QUESTIONS - q : n;
        for (size_t i = 0; i < n; i++)
            questions[i] = q + i;
        share_add(s, questions, &work[q], n);
        q += n;
    }
    for (;;) {
        size_t who = 0;
        for (size_t w = 1; w < WORKERS; w++)
            who = busy_until[w] < busy_until[who] ? w : who;
        piece p = take(s, WORKERS);
        if (p.count == 0)
            break;
        for (size_t i = 0; i < p.count; i++) {
            seen[p.questions[i]]++;
            total += work[p.questions[i]];
            busy_until[who] += work[p.questions[i]] / speed[who];
        }
    }
    for (size_t q = 0; q < QUESTIONS; q++)
        assert_int_equal(seen[q], 1);
    for (size_t w = 0; w < WORKERS; w++)
        longest = busy_until[w] > longest ? busy_until[w] : longest;
    assert_true(longest < 1.05 * total / (1 + 1 + 2 + 0.5 + 1));
    share_free(s);
}

static void work_that_is_not_known_is_dealt_out_too(void **state)
{
    (void)state;
    const size_t questions[] = {0, 1};
    work_share *s = share_new();
    share_add(s, questions, (const double[]){0, -1}, 2);
    size_t taken = 0;
    for (piece p; (p = take(s, 2)).count > 0;)
        taken += p.count;
    assert_int_equal(taken, 2);
    share_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_gets_half_of_what_is_left_at_most),
        cmocka_unit_test(units_stay_whole_while_there_is_much),
        cmocka_unit_test(all_end_nearly_together),
        cmocka_unit_test(work_that_is_not_known_is_dealt_out_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
