/* test_tokenizer.c: tokenizers of every form against what Hugging Face's `tokenizers` said
 * (tools/goldens/make_tokenizer_goldens.py), and what damaged or unknown ones are refused with. */
#include "tests/support.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "tests/text/tokenizer_goldens.h"

static const char *const forms[] = {"llama",           "llama-normalized", "metaspace-first", "metaspace-always",
                                    "metaspace-never", "metaspace-legacy", "gpt2",            "gpt2-prefix",
                                    "llama3",          "qwen2",            "smollm2",         "deepseek",
                                    "splits",          "unknown",          "unknown-dropped", "unknown-bytes",
                                    "zoo",             "gpt2-pieces",      "llama3-pieces",   "qwen2-pieces",
                                    "smollm2-pieces",  "deepseek-pieces"};
enum { FORMS = sizeof forms / sizeof *forms };

static tokenizer *open_form(const char *form)
{
    tokenizer *t = NULL;
    char *folder = path_join(GOLDEN("data/tokenizer"), form);
    assert_ok(tokenizer_open(&t, folder, err));
    free(folder);
    return t;
}

static void every_form_equals_hf(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMS; f++) {
        tokenizer *t = open_form(forms[f]);
        char *folder = path_join(GOLDEN("data/tokenizer"), forms[f]), *path = path_join(folder, "cases.json");
        check_goldens(t, forms[f], path);
        free(folder);
        free(path);
        tokenizer_free(t);
    }
}

/* ---- questions ---- */
static void names_and_ids(void **state)
{
    (void)state;
    tokenizer *t = open_form("llama");
    int32_t image = tokenizer_find(t, "<image>"), bos = tokenizer_find(t, "<s>");
    assert_int_equal(bos, 1);
    assert_int_equal(tokenizer_find(t, "no such token"), -1);
    assert_true(tokenizer_is_special(t, image));
    assert_false(tokenizer_is_special(t, tokenizer_find(t, "▁")));
    assert_false(tokenizer_is_special(t, -1));
    assert_true(image >= 0 && (size_t)image < tokenizer_vocab(t));
    assert_string_equal(tokenizer_kind(t), "BPE with byte fallback");
    tokenizer_free(t);
    t = open_form("qwen2");
    assert_string_equal(tokenizer_kind(t), "byte-level BPE");
    tokenizer_free(t);
    t = open_form("unknown");
    assert_string_equal(tokenizer_kind(t), "BPE");
    tokenizer_free(t);
    tokenizer_free(NULL);
}

static void check_token_text(const tokenizer *t, const char *content, const char *wanted)
{
    buffer got = {0};
    tokenizer_token_text(t, tokenizer_find(t, content), &got);
    assert_string_equal(got.data, wanted);
    buffer_free(&got);
}

static void tokens_as_readers_see_them(void **state)
{
    (void)state;
    tokenizer *t = open_form("llama");
    check_token_text(t, "▁t", " t"); /* the space that decoding takes off a text's start stays */
    check_token_text(t, "<0xE2>", "\xEF\xBF\xBD");
    check_token_text(t, "<0x41>", "A");
    check_token_text(t, "<image>", "<image>");
    buffer got = {0};
    tokenizer_token_text(t, 100000, &got);
    tokenizer_token_text(t, -1, &got);
    assert_string_equal(got.data, "<100000><-1>");
    buffer_free(&got);
    tokenizer_free(t);
    t = open_form("metaspace-always");
    check_token_text(t, "▁t", " t");
    tokenizer_free(t);
    t = open_form("gpt2");
    check_token_text(t, "Ġt", " t");
    check_token_text(t, "Ċ", "\n");
    check_token_text(t, "Ã", "\xEF\xBF\xBD");
    tokenizer_free(t);
}

/* In mid-sentence a word brings its space with it, in every form; and nothing of the "a" before it. */
static void answers_in_mid_sentence(void **state)
{
    (void)state;
    for (size_t f = 0; f < 12; f++) { /* the trained ones */
        tokenizer *t = open_form(forms[f]);
        int32_t *ids;
        size_t count;
        buffer text = {0};
        assert_ok(tokenizer_mid_sentence(t, "Germany", "--answer", &ids, &count, err));
        tokenizer_decode(t, ids, count, false, &text);
        char *word = strstr(text.data, "Germany"); /* decoding takes some forms' first space off */
        assert_non_null(word);
        assert_true(word - text.data <= 1);
        assert_string_equal(word, "Germany");
        buffer_free(&text);
        free(ids);
        assert_fails(tokenizer_mid_sentence(t, "", "--answer", &ids, &count, err), PB_EINVAL,
                     "--answer: \"\" makes no token");
        assert_null(ids);
        assert_fails(tokenizer_mid_sentence(t, "\xFF", "--foil", &ids, &count, err), PB_EINVAL,
                     "--foil: the text is not valid UTF-8: byte 0xFF at 2");
        tokenizer_free(t);
    }
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",         "a\xC3",        "\xC0\x80",         "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xE0\x9F\xBF"};
    tokenizer *t = open_form("llama3");
    encoding e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(tokenizer_encode(t, bad[i], strlen(bad[i]), true, &e, err), PB_EINVAL, "not valid UTF-8");
        assert_int_equal(e.count, 0);
    }
    tokenizer_free(t);
}

/* A word of a quarter of a million characters: the merges come off a heap, nothing is quadratic. */
static void long_words_take_no_time(void **state)
{
    (void)state;
    enum { SIZE = 1 << 18 };
    static const char *const units[] = {"a", " ", "th", "<", "\n ", "1", "\xCC\x81"};
    char *text = mem_new(SIZE, 1);
    for (size_t f = 0; f < FORMS; f++) {
        tokenizer *t = open_form(forms[f]);
        const char *unit = units[f % (sizeof units / sizeof *units)];
        size_t n = strlen(unit), size = SIZE / n * n;
        encoding e;
        clock_t start = clock();
        for (size_t i = 0; i < size; i++)
            text[i] = unit[i % n];
        assert_ok(tokenizer_encode(t, text, size, true, &e, err));
        encoding_free(&e);
        assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* well under a second; minutes if it were quadratic */
        tokenizer_free(t);
    }
    free(text);
}

/* ---- refusals ---- */
static const char base[] = "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":null,"
                           "\"post_processor\":null,\"decoder\":null,"
                           "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}";

/* `json` over the base: its members take the place of the base's, "model" member by member. */
static char *write_tokenizer(const char *folder, const char *json)
{
    json_t *root = NULL, *change = NULL, *model;
    assert_ok(json_parse_object(&root, base, strlen(base), "base", err));
    assert_ok(json_parse_object(&change, json, strlen(json), "change", err));
    model = json_object_get(change, "model");
    if (json_is_object(model)) {
        json_object_update(json_object_get(root, "model"), model);
        json_object_del(change, "model");
    }
    json_object_update(root, change);
    char *path = path_join(folder, "tokenizer.json"), *text = json_dumps(root, 0);
    assert_ok(file_write_all(path, text, strlen(text), err));
    free(text);
    json_decref(root);
    json_decref(change);
    return path;
}

static void refused(const char *json, pb_status code, const char *words)
{
    char *folder = folder_new(), *path = write_tokenizer(folder, json);
    tokenizer *t = (tokenizer *)&t;
    assert_fails(tokenizer_open(&t, folder, err), code, words);
    assert_fails(tokenizer_open(&t, folder, err), code, path); /* every message names the file */
    assert_null(t);
    free(path);
    folder_remove(folder);
}

static void damaged_models_are_refused(void **state)
{
    (void)state;
    refused("{\"version\":\"2.0\"}", PB_EUNSUPPORTED, "\"version\" is \"2.0\"");
    refused("{\"model\":null}", PB_EFORMAT, "has no \"model\"");
    refused("{\"model\":[]}", PB_EFORMAT, "\"model\" is an array");
    refused("{\"model\":{\"type\":\"Unigram\"}}", PB_EUNSUPPORTED, "model.type is \"Unigram\"");
    refused("{\"model\":{\"vocab\":null}}", PB_EFORMAT, "model has no \"vocab\"");
    refused("{\"model\":{\"vocab\":[]}}", PB_EFORMAT, "\"vocab\" is an array");
    refused("{\"model\":{\"merges\":null}}", PB_EFORMAT, "model has no \"merges\"");
    refused("{\"model\":{\"vocab\":{\"a\":\"0\"}}}", PB_EFORMAT, "the id of \"a\" is a string");
    refused("{\"model\":{\"vocab\":{\"a\":-1}}}", PB_EFORMAT, "the id of \"a\" is -1");
    refused("{\"model\":{\"vocab\":{\"a\":1.5}}}", PB_EFORMAT, "the id of \"a\" is 1.5");
    refused("{\"model\":{\"vocab\":{\"a\":1e15}}}", PB_EFORMAT, "the id of \"a\" is 1e+15");
    refused("{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":1}}}", PB_EFORMAT, "\"b\" and \"ab\" both have the id 1");
    refused("{\"model\":{\"merges\":[\"a c\"]}}", PB_EFORMAT, "model.merges[0]: \"c\" is not in the vocabulary");
    refused("{\"model\":{\"merges\":[\"b a\"]}}", PB_EFORMAT, "model.merges[0]: \"ba\" is not in the vocabulary");
    refused("{\"model\":{\"merges\":[\"a b c\"]}}", PB_EFORMAT, "\"a b c\" is not two tokens");
    refused("{\"model\":{\"merges\":[\"ab\"]}}", PB_EFORMAT, "\"ab\" is not two tokens");
    refused("{\"model\":{\"merges\":[[\"a\",\"b\"],\"a b\"]}}", PB_EFORMAT, "model.merges[1] is not a pair");
    refused("{\"model\":{\"merges\":[[\"a\",1]]}}", PB_EFORMAT, "model.merges[0] is not a pair");
    refused("{\"model\":{\"merges\":[\"a b\",7]}}", PB_EFORMAT, "model.merges[1] is a number");
    refused("{\"model\":{\"dropout\":0.1}}", PB_EUNSUPPORTED, "model.dropout is 0.1");
    refused("{\"model\":{\"continuing_subword_prefix\":\"##\"}}", PB_EUNSUPPORTED,
            "continuing_subword_prefix is \"##\"");
    refused("{\"model\":{\"end_of_word_suffix\":\"</w>\"}}", PB_EUNSUPPORTED, "end_of_word_suffix is \"</w>\"");
    refused("{\"model\":{\"byte_fallback\":1}}", PB_EFORMAT, "\"byte_fallback\" is a number");
    refused("{\"model\":{\"unk_token\":3}}", PB_EFORMAT, "\"unk_token\" is a number");
}

static void unknown_parts_are_refused(void **state)
{
    (void)state;
    refused("{\"normalizer\":{\"type\":\"Lowercase\"}}", PB_EUNSUPPORTED, "normalizer is of the type \"Lowercase\"");
    refused("{\"normalizer\":{\"type\":\"NFKC\"}}", PB_EUNSUPPORTED, "\"NFKC\"");
    refused("{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Nmt\"}]}}",
            PB_EUNSUPPORTED, "normalizer[1] is of the type \"Nmt\"");
    refused("{\"normalizer\":{\"type\":\"Sequence\"}}", PB_EFORMAT, "normalizer.normalizers is missing");
    refused("{\"normalizer\":7}", PB_EFORMAT, "normalizer is a number");
    refused("{\"normalizer\":{}}", PB_EFORMAT, "normalizer has no \"type\"");
    refused("{\"normalizer\":{\"type\":\"Prepend\"}}", PB_EFORMAT, "normalizer (Prepend): \"prepend\" is missing");
    refused("{\"normalizer\":{\"type\":\"Replace\",\"content\":\"x\",\"pattern\":{\"String\":\"\"}}}", PB_EUNSUPPORTED,
            "a pattern of 0 bytes");
    refused("{\"pre_tokenizer\":{\"type\":\"Whitespace\"}}", PB_EUNSUPPORTED, "\"Whitespace\"");
    refused("{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}", PB_EFORMAT, "\"add_prefix_space\" is missing");
    refused("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}}", PB_EFORMAT, "one character");
    refused("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}}",
            PB_EFORMAT, "\"prepend_scheme\" is \"last\"");
    refused("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false}}", PB_EFORMAT,
            "\"add_prefix_space\" is false");
    refused("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\b\"},\"behavior\":\"Isolated\","
            "\"invert\":false}}", PB_EUNSUPPORTED, "an escape that is not known");
    refused("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"x\"},\"behavior\":\"Odd\","
            "\"invert\":false}}", PB_EFORMAT, "\"behavior\" is \"Odd\"");
    refused("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":\"x\",\"behavior\":\"Isolated\",\"invert\":false}}",
            PB_EFORMAT, "\"pattern\" is a string");
    refused("{\"post_processor\":{\"type\":\"RobertaProcessing\"}}", PB_EUNSUPPORTED, "\"RobertaProcessing\"");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\"}}", PB_EFORMAT, "\"single\" is missing");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}}]}}",
            PB_EFORMAT, "single[0] names a token without");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\"}}]}}",
            PB_EFORMAT, "single[0] asks for a second text");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{}]}}", PB_EFORMAT,
            "single[0] is neither a Sequence nor a SpecialToken");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
            "{\"id\":\"<s>\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[-1]}}}}", PB_EFORMAT,
            "single[0] names a token with an id that is no");
    refused("{\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
            "{\"type\":\"TemplateProcessing\",\"single\":[]},"
            "{\"type\":\"TemplateProcessing\",\"single\":[]}]}}", PB_EUNSUPPORTED,
            "post_processor[1]: a second TemplateProcessing");
    refused("{\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\"}}", PB_EFORMAT, "\"replacement\" is empty");
    refused("{\"decoder\":{\"type\":\"Replace\",\"content\":\"x\",\"pattern\":{\"String\":\"\"}}}", PB_EUNSUPPORTED,
            "an empty pattern");
    refused("{\"decoder\":{\"type\":\"Replace\",\"content\":\"x\",\"pattern\":{\"Regex\":\"\\\\w\"}}}", PB_EUNSUPPORTED,
            "an escape that is not known");
    refused("{\"decoder\":{\"type\":\"Strip\",\"content\":\"ab\",\"start\":1,\"stop\":0}}", PB_EFORMAT,
            "\"content\" is \"ab\", expected one character");
    refused("{\"decoder\":{\"type\":\"WordPiece\"}}", PB_EUNSUPPORTED, "decoder is of the type \"WordPiece\"");
    refused("{\"decoder\":{\"type\":\"Strip\",\"content\":\" \",\"start\":\"1\",\"stop\":0}}", PB_EFORMAT,
            "\"start\" is a string");
}

static void deep_sequences_are_refused(void **state)
{
    (void)state;
    buffer deep = {0};
    buffer_text(&deep, "{\"normalizer\":");
    for (int i = 0; i < 30; i++)
        buffer_text(&deep, "{\"type\":\"Sequence\",\"normalizers\":[");
    buffer_text(&deep, "{\"type\":\"NFC\"}");
    for (int i = 0; i < 30; i++)
        buffer_text(&deep, "]}");
    buffer_text(&deep, "}");
    refused(deep.data, PB_EUNSUPPORTED, "more than 20 Sequences inside each other");
    buffer_free(&deep);
}

static void damaged_added_tokens_are_refused(void **state)
{
    (void)state;
    refused("{\"added_tokens\":{}}", PB_EFORMAT, "\"added_tokens\" is an object");
    refused("{\"added_tokens\":[7]}", PB_EFORMAT, "added_tokens[0].content is missing");
    refused("{\"added_tokens\":[{\"content\":\"x\"}]}", PB_EFORMAT, "added_tokens[0].single_word is missing");
    refused("{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":3}},\"added_tokens\":[{\"content\":\"x\","
            "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false}]}",
            PB_EFORMAT, "\"x\", which is not in the vocabulary, gets the id 3 of \"ab\"");
    refused("{\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\":[{\"content\":\"\\u00e9\",\"single_word\":false,"
            "\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false},{\"content\":\"e\\u0301\","
            "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false}]}",
            PB_EFORMAT, "are the same after normalization");
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = path_join(folder, "tokenizer.json");
    tokenizer *t;
    assert_fails(tokenizer_open(&t, folder, err), PB_EIO, "has no tokenizer: no tokenizer.json");
    assert_fails(tokenizer_open(&t, folder, err), PB_EIO, folder);
    assert_ok(file_write_all(path, "{\"model\"", 8, err));
    assert_fails(tokenizer_open(&t, folder, err), PB_EFORMAT, "is not valid JSON");
    buffer deep = {0};
    for (size_t i = 0; i < 100000; i++)
        buffer_text(&deep, "{\"normalizer\":");
    assert_ok(file_write_all(path, deep.data, deep.size, err));
    assert_fails(tokenizer_open(&t, folder, err), PB_EFORMAT, "is not valid JSON");
    buffer_free(&deep);
    free(path);
    folder_remove(folder);
}

#define FLAGS(rstrip, special)                                                                                       \
    "\"single_word\":false,\"lstrip\":false,\"rstrip\":" rstrip ",\"normalized\":false,\"special\":" special

/* An empty token is none; of a token given twice the later properties count, but special it stays. */
static void repeated_added_tokens_are_one(void **state)
{
    (void)state;
    static const char json[] = "{\"added_tokens\":[{\"content\":\"\"," FLAGS("true", "true") "},"
                               "{\"content\":\"x\"," FLAGS("false", "true") "},"
                               "{\"content\":\"x\"," FLAGS("true", "false") "}]}";
    char *folder = folder_new(), *path = write_tokenizer(folder, json);
    tokenizer *t;
    encoding e;
    assert_ok(tokenizer_open(&t, folder, err));
    assert_int_equal(tokenizer_vocab(t), 4);
    assert_true(tokenizer_is_special(t, 3));
    assert_ok(tokenizer_encode(t, "ax  b", 5, false, &e, err));
    assert_int_equal(e.count, 3);
    assert_int_equal(e.tokens[1].id, 3);
    assert_int_equal(e.tokens[1].end, 4); /* the white space behind it is its own */
    encoding_free(&e);
    tokenizer_free(t);
    free(path);
    folder_remove(folder);
}

/* What is allowed but rare: gaps in the ids, tokens that a text needs and the vocabulary lacks. */
static void rare_files_work(void **state)
{
    (void)state;
    char *folder = folder_new(), *path = write_tokenizer(folder, "{\"model\":{\"unk_token\":\"?\",\"vocab\":"
                                                                 "{\"a\":5,\"b\":1000,\"ab\":7},\"merges\":[]}}");
    tokenizer *t;
    encoding e;
    buffer text = {0};
    assert_ok(tokenizer_open(&t, folder, err));
    assert_int_equal(tokenizer_vocab(t), 1001);
    assert_ok(tokenizer_encode(t, "ab", 2, true, &e, err));
    assert_int_equal(e.count, 2);
    tokenizer_decode(t, (int32_t[]){7, 6, 1000}, 3, false, &text);
    assert_string_equal(text.data, "ab b"); /* without a decoder HF joins with spaces */
    encoding_free(&e);
    buffer_free(&text);
    assert_fails(tokenizer_encode(t, "ac", 2, true, &e, err), PB_EFORMAT, "model.unk_token \"?\"");
    tokenizer_free(t);
    free(path);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_equals_hf),           cmocka_unit_test(names_and_ids),
        cmocka_unit_test(tokens_as_readers_see_them),     cmocka_unit_test(answers_in_mid_sentence),
        cmocka_unit_test(invalid_utf8_is_refused),        cmocka_unit_test(long_words_take_no_time),
        cmocka_unit_test(damaged_models_are_refused),     cmocka_unit_test(unknown_parts_are_refused),
        cmocka_unit_test(damaged_added_tokens_are_refused), cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(rare_files_work),                cmocka_unit_test(deep_sequences_are_refused),
        cmocka_unit_test(repeated_added_tokens_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
