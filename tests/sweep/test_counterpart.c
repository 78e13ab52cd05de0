/* test_counterpart.c: each question's other is about another subject with other answers, of the same kind; by the seed alone. */
#include "tests/support.h"

#include "base/memory.h"
#include "sweep/counterpart.h"

/* Rows from lines, in a file of their own. */
static rows read_lines(const char *lines)
{
    rows r;
    char *folder = folder_new(), *path = path_join(folder, "rows.jsonl");
    assert_ok(file_write_all(path, lines, strlen(lines), err));
    assert_ok(rows_read(&r, path, ROWS_ALL, err));
    free(path);
    folder_remove(folder);
    return r;
}

static void add_row(buffer *lines, const char *subject, const char *relation, const char *answer)
{
    buffer_printf(lines, "{\"question\": \"What is it?\", \"relation\": \"%s\", \"answers\": [\"%s\"]", relation, answer);
    if (subject)
        buffer_printf(lines, ", \"subject\": \"%s\"", subject);
    buffer_text(lines, "}\n");
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* 40 subjects of two relations; of the second one answers are shared by eight each. */
static rows many(void)
{
    buffer lines = {0};
    for (int i = 0; i < 80; i++) {
        char subject[16], answer[16];
        snprintf(subject, sizeof subject, "s%d", i / 2);
        snprintf(answer, sizeof answer, i % 2 ? "The A%d" : "c%d", i % 2 ? i / 2 % 5 : i / 2);
        add_row(&lines, subject, i % 2 ? "continent" : "capital", answer);
    }
    rows r = read_lines(lines.data);
    buffer_free(&lines);
    return r;
}

static void others_differ(void **state)
{
    (void)state;
    rows r = many();
    size_t taken[80] = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        size_t *other = counterparts_draw(&r, seed);
        memset(taken, 0, sizeof taken);
        for (size_t i = 0; i < r.count; i++) {
            assert_true(other[i] < r.count);
            const row *a = &r.items[i], *b = &r.items[other[i]];
            assert_true(same(a->relation, b->relation));
            assert_false(same(a->subject, b->subject));
            assert_false(same(a->answers[0], b->answers[0]));
            assert_int_equal(taken[other[i]]++, 0); /* each is another's once: a derangement */
        }
        free(other);
    }
    rows_free(&r);
}

static void the_seed_decides(void **state)
{
    (void)state;
    rows r = many();
    size_t *a = counterparts_draw(&r, 3), *b = counterparts_draw(&r, 3), *c = counterparts_draw(&r, 4);
    assert_memory_equal(a, b, r.count * sizeof *a);
    assert_memory_not_equal(a, c, r.count * sizeof *a);
    free(a);
    free(b);
    free(c);
    rows_free(&r);
}

/* Rows of a subject go with those of the other's, in turn; marked rows and broken ones with none. */
static void rows_go_in_turn(void **state)
{
    (void)state;
    buffer lines = {0};
    for (int i = 0; i < 3; i++)
        add_row(&lines, "x", "r", "1");
    add_row(&lines, "y", "r", "2");
    add_row(&lines, "y", "r", "two"); /* the same, normalised */
    buffer_text(&lines, "{\"question\": \"What?\", \"subject\": \"z\", \"relation\": \"r\", \"marked\": \"no picture\"}\n{broken\n");
    rows r = read_lines(lines.data);
    size_t *other = counterparts_draw(&r, 0);
    const size_t expected[] = {3, 4, 3, 0, 1, COUNTERPART_NONE, COUNTERPART_NONE};
    assert_memory_equal(other, expected, sizeof expected);
    free(other);
    rows_free(&r);
    buffer_free(&lines);
}

/* Where all answers are alike there is none; where a derangement cannot be, partners are shared. */
static void there_may_be_none(void **state)
{
    (void)state;
    buffer lines = {0};
    add_row(&lines, "a", "one", "yes");
    add_row(&lines, "b", "one", "Yes.");
    add_row(&lines, "a", "two", "yes");
    add_row(&lines, "b", "two", "yes");
    add_row(&lines, "c", "two", "no");
    add_row(&lines, NULL, "three", "1");
    add_row(&lines, NULL, "three", "2");
    rows r = read_lines(lines.data);
    size_t *other = counterparts_draw(&r, 0);
    assert_int_equal(other[0], COUNTERPART_NONE);
    assert_int_equal(other[1], COUNTERPART_NONE);
    assert_int_equal(other[2], 4);
    assert_int_equal(other[3], 4);
    assert_true(other[4] == 2 || other[4] == 3);
    assert_int_equal(other[5], 6); /* without subjects each is one */
    assert_int_equal(other[6], 5);
    free(other);
    rows_free(&r);
    buffer_free(&lines);
}

/* Questions about one picture never get it back as the other one's. */
static void a_picture_stands_for_a_subject(void **state)
{
    static const char *const pictures[] = {GOLDEN("data/image/gamma.png"), GOLDEN("data/image/grey.jpg")};
    (void)state;
    buffer lines = {0};
    for (int i = 0; i < 6; i++)
        buffer_printf(&lines, "{\"question\": \"What?\", \"answers\": [\"%d\"], \"image\": \"%s\"}\n", i, pictures[i / 3]);
    rows r = read_lines(lines.data);
    for (uint64_t seed = 0; seed < 20; seed++) {
        size_t *other = counterparts_draw(&r, seed);
        for (size_t i = 0; i < r.count; i++)
            assert_int_equal(other[i], (i + 3) % 6);
        free(other);
    }
    rows_free(&r);
    buffer_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(others_differ), cmocka_unit_test(the_seed_decides),
                                       cmocka_unit_test(rows_go_in_turn), cmocka_unit_test(there_may_be_none),
                                       cmocka_unit_test(a_picture_stands_for_a_subject)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
