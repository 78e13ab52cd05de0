/* test_bpe.c: the heap against the plain form it replaces: look at all neighbours, join the best pair, look again. */
#include "tests/support.h"

#include "text/bpe.h"

/* A model over "abcd" whose merges are random: tokens of up to eight letters. */
static bpe *random_model(unsigned seed, json_t *root)
{
    static const char *const letters[] = {"a", "b", "c", "d"};
    json_t *words = json_object(), *merges = json_array();
    char tokens[200][9];
    size_t count = 0;
    bpe *b = NULL;
    srand(seed);
    for (; count < 4; count++) {
        strcpy(tokens[count], letters[count]);
        json_object_set_new(words, letters[count], json_real((double)count));
    }
    for (int tries = 0; tries < 3000 && count < 60; tries++) {
        const char *left = tokens[(size_t)rand() % count], *right = tokens[(size_t)rand() % count];
        char joined[17];
        snprintf(joined, sizeof joined, "%s%s", left, right);
        if (strlen(joined) > 8)
            continue;
        json_array_append_new(merges, json_pack("[ss]", left, right));
        if (!json_object_get(words, joined)) {
            json_object_set_new(words, joined, json_real((double)count));
            strcpy(tokens[count++], joined);
        }
    }
    json_object_set_new(root, "vocab", words);
    json_object_set_new(root, "merges", merges);
    assert_ok(bpe_read(&b, root, "test", err));
    return b;
}

/* The rank of joining two tokens, or SIZE_MAX: of two alike the later one counts. */
static size_t rank_of(const json_t *merges, const char *left, const char *right)
{
    for (size_t i = json_array_size(merges); i-- > 0;) {
        const json_t *pair = json_array_get(merges, i);
        if (strcmp(json_string_value(json_array_get(pair, 0)), left) == 0 &&
            strcmp(json_string_value(json_array_get(pair, 1)), right) == 0)
            return i;
    }
    return SIZE_MAX;
}

static size_t plain_bpe(const json_t *merges, const char *text, char tokens[][9])
{
    size_t count = strlen(text);
    for (size_t i = 0; i < count; i++)
        snprintf(tokens[i], 9, "%c", text[i]);
    for (;;) {
        size_t best = SIZE_MAX, at = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            size_t rank = rank_of(merges, tokens[i], tokens[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == SIZE_MAX)
            return count;
        char joined[17];
        snprintf(joined, sizeof joined, "%s%s", tokens[at], tokens[at + 1]);
        memcpy(tokens[at], joined, 9); /* merges make eight letters at most */
        memmove(tokens[at + 1], tokens[at + 2], (count - at - 2) * 9);
        count--;
    }
}

static void heap_equals_plain_form(void **state)
{
    (void)state;
    word w = {0};
    for (unsigned seed = 0; seed < 20; seed++) {
        json_t *root = json_object();
        bpe *b = random_model(seed, root);
        for (int n = 0; n < 50; n++) {
            char text[41], tokens[42][9];
            size_t size = (size_t)rand() % 40 + 1;
            for (size_t i = 0; i < size; i++)
                text[i] = "abcd"[rand() % 4];
            text[size] = '\0';
            size_t count = plain_bpe(json_object_get(root, "merges"), text, tokens);
            assert_ok(bpe_encode(b, text, size, &w, err));
            assert_int_equal(w.count, count);
            for (size_t i = 0; i < count; i++) {
                assert_string_equal(vocab_text(bpe_vocab(b), w.tokens[i].id).text, tokens[i]);
                assert_int_equal(w.tokens[i].end - w.tokens[i].start, strlen(tokens[i]));
            }
        }
        bpe_free(b);
        json_decref(root);
    }
    word_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heap_equals_plain_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
