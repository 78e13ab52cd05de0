/* test_sentencepiece.c: folders with a tokenizer.model or a vocab.json, and GGUF files, against sentencepiece, Hugging
 * Face, and the tokenizers that the GGUF files were made from (tools/goldens/make_sentencepiece_goldens.py); and what
 * damaged or unknown ones are refused with. */
#include "tests/support.h"

#include <math.h>
#include <time.h>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "tests/text/tokenizer_goldens.h"
#include "text/sentencepiece.h"

#define DATA GOLDEN("data/sentencepiece")

static const char *const folders[] = {"vicuna",        "llama-listed",     "llama-no-prefix", "llava",
                                      "llava-legacy-off", "bpe-user-defined", "unigram",         "unigram-bytes",
                                      "unigram-plain", "bpe-suffix",       "gpt2-merges",     "qwen2-merges"};
static const char *const ggufs[] = {"llama", "llama-no-prefix", "phi-2", "llama-bpe", "qwen2", "smollm"};
enum { FOLDERS = sizeof folders / sizeof *folders, GGUFS = sizeof ggufs / sizeof *ggufs };

static tokenizer *open_folder(const char *name)
{
    tokenizer *t = NULL;
    char *folder = path_join(DATA, name);
    assert_ok(tokenizer_open(&t, folder, err));
    free(folder);
    return t;
}

static tokenizer *open_gguf(const char *path)
{
    checkpoint *weights;
    tokenizer *t = NULL;
    assert_ok(checkpoint_open(&weights, path, err));
    assert_ok(tokenizer_from_gguf(&t, checkpoint_metadata(weights), err));
    checkpoint_free(weights);
    return t;
}

/* ---- goldens ---- */
static void every_folder_equals_its_truth(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        tokenizer *t = open_folder(folders[f]);
        char *folder = path_join(DATA, folders[f]), *path = path_join(folder, "cases.json");
        check_goldens(t, folders[f], path);
        free(folder);
        free(path);
        tokenizer_free(t);
    }
}

static void every_gguf_equals_its_source(void **state)
{
    (void)state;
    for (size_t f = 0; f < GGUFS; f++) {
        char file[100], path[1000];
        snprintf(file, sizeof file, "%s.gguf", ggufs[f]);
        snprintf(path, sizeof path, DATA "/%s", file);
        tokenizer *t = open_gguf(path);
        strcat(path, ".json");
        check_goldens(t, file, path);
        tokenizer_free(t);
    }
}

static void kinds_are_named(void **state)
{
    (void)state;
    tokenizer *t = open_folder("vicuna");
    assert_string_equal(tokenizer_kind(t), "SentencePiece BPE");
    assert_int_equal(tokenizer_find(t, "<image>"), 701);
    assert_int_equal(tokenizer_vocab(t), 702);
    assert_true(tokenizer_is_special(t, 1));
    tokenizer_free(t);
    t = open_folder("unigram");
    assert_string_equal(tokenizer_kind(t), "SentencePiece Unigram");
    tokenizer_free(t);
    t = open_gguf(DATA "/llama.gguf");
    assert_string_equal(tokenizer_kind(t), "GGUF SentencePiece BPE");
    tokenizer_free(t);
    t = open_gguf(DATA "/qwen2.gguf");
    assert_string_equal(tokenizer_kind(t), "GGUF byte-level BPE");
    tokenizer_free(t);
}

/* ---- in mid-sentence ---- */
static void check_mid_sentence(const tokenizer *t)
{
    int32_t *ids;
    size_t count;
    buffer text = {0};
    assert_ok(tokenizer_mid_sentence(t, "Germany", "--answer", &ids, &count, err));
    tokenizer_decode(t, ids, count, false, &text);
    assert_non_null(strstr(text.data, "Germany")); /* with its space, or without where decoding takes it off */
    assert_true(strlen(text.data) <= strlen(" Germany"));
    buffer_free(&text);
    free(ids);
}

static void answers_in_mid_sentence(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        tokenizer *t = open_folder(folders[f]);
        check_mid_sentence(t);
        tokenizer_free(t);
    }
    tokenizer *t = open_gguf(DATA "/llama.gguf");
    check_mid_sentence(t);
    tokenizer_free(t);
}

static void long_texts_take_no_time(void **state)
{
    (void)state;
    enum { SIZE = 1 << 18 };
    char *text = mem_new(SIZE, 1);
    memset(text, 'a', SIZE);
    for (size_t f = 0; f < FOLDERS; f++) {
        tokenizer *t = open_folder(folders[f]);
        encoding e;
        clock_t start = clock();
        assert_ok(tokenizer_encode(t, text, SIZE, true, &e, err));
        encoding_free(&e);
        assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* well under a second; minutes if it were quadratic */
        tokenizer_free(t);
    }
    free(text);
}

/* ---- models made by hand ---- */
static void put_varint(buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_add(b, &(unsigned char){(unsigned char)(value | 0x80)}, 1);
    buffer_add(b, &(unsigned char){(unsigned char)value}, 1);
}

static void put_number(buffer *b, uint64_t field, uint64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, value);
}

static void put_bytes(buffer *b, uint64_t field, const void *bytes, size_t size)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, size);
    buffer_add(b, bytes, size);
}

static void put_piece(buffer *b, const char *text, float score, unsigned kind)
{
    buffer inside = {0};
    put_bytes(&inside, 1, text, strlen(text));
    put_varint(&inside, 2 << 3 | 5);
    buffer_add(&inside, &score, sizeof score);
    put_number(&inside, 3, kind);
    put_bytes(b, 1, inside.data, inside.size);
    buffer_free(&inside);
}

/* A message with one field that is a number. */
static void put_setting(buffer *b, uint64_t message, uint64_t field, uint64_t value)
{
    buffer inside = {0};
    put_number(&inside, field, value);
    put_bytes(b, message, inside.data, inside.size);
    buffer_free(&inside);
}

enum { TRAINER = 2, NORMALIZER = 3, MODEL_TYPE = 3, BYTE_FALLBACK = 35 };

static void refused(buffer *model, pb_status code, const char *words)
{
    sentencepiece s;
    assert_fails(sentencepiece_read(&s, model->data, model->size, "FILE", err), code, words);
    assert_fails(sentencepiece_read(&s, model->data, model->size, "FILE", err), code, "FILE: ");
    assert_null(s.pieces);
    assert_null(s.normalizer);
    buffer_free(model);
}

/* "<unk>", "a", and what the case adds. */
static buffer begun(void)
{
    buffer b = {0};
    put_piece(&b, "<unk>", 0, PIECE_UNKNOWN);
    put_piece(&b, "a", -1, PIECE_NORMAL);
    return b;
}

static void unsound_pieces_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    refused(&b, PB_EFORMAT, "has no pieces");
    put_piece(&b, "a", -1, PIECE_NORMAL);
    refused(&b, PB_EFORMAT, "has no unknown piece");
    b = begun();
    put_piece(&b, "<u>", 0, PIECE_UNKNOWN);
    refused(&b, PB_EFORMAT, "two unknown pieces, 0 and 2");
    b = begun();
    put_piece(&b, "a", -2, PIECE_NORMAL);
    refused(&b, PB_EFORMAT, "\"a\" stands twice, with the ids 1 and 2");
    b = begun();
    put_piece(&b, "", -2, PIECE_NORMAL);
    refused(&b, PB_EFORMAT, "pieces[2] is empty");
    b = begun();
    put_piece(&b, "\xFF", -2, PIECE_NORMAL);
    refused(&b, PB_EFORMAT, "pieces[2] is no valid UTF-8");
    b = begun();
    put_piece(&b, "b", NAN, PIECE_NORMAL);
    refused(&b, PB_EFORMAT, "pieces[2] has the score nan");
    b = begun();
    put_piece(&b, "b", -2, 9);
    refused(&b, PB_EFORMAT, "pieces[2] is of the type 0, expected 1 to 6");
    b = begun();
    put_setting(&b, TRAINER, BYTE_FALLBACK, 1);
    refused(&b, PB_EFORMAT, "has no byte piece <0x00>");
}

static void other_models_are_refused(void **state)
{
    (void)state;
    buffer b = begun();
    put_setting(&b, TRAINER, MODEL_TYPE, 3);
    refused(&b, PB_EUNSUPPORTED, "trainer_spec.model_type is WORD: only BPE and UNIGRAM");
    b = begun();
    put_setting(&b, TRAINER, MODEL_TYPE, 4);
    refused(&b, PB_EUNSUPPORTED, "trainer_spec.model_type is CHAR");
    b = begun();
    put_setting(&b, TRAINER, MODEL_TYPE, 7);
    refused(&b, PB_EFORMAT, "trainer_spec.model_type is 7");
}

static void broken_wire_is_refused(void **state)
{
    (void)state;
    buffer b = begun();
    buffer_add(&b, "\x0A\x7Fx", 3);
    refused(&b, PB_EFORMAT, "the field at byte 28 is cut off");
    b = begun();
    buffer_add(&b, "\x0B", 1);
    refused(&b, PB_EFORMAT, "has the wire type 3");
    b = begun();
    buffer_add(&b, "\x02\x00", 2);
    refused(&b, PB_EFORMAT, "has the number 0");
    b = begun();
    buffer_add(&b, "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12);
    refused(&b, PB_EFORMAT, "a number of more than ten bytes");
    b = begun();
    buffer_add(&b, "\x0D\x00", 2);
    refused(&b, PB_EFORMAT, "is cut off");
    b = begun();
    put_number(&b, 1, 5);
    refused(&b, PB_EFORMAT, "pieces is of the wire type 0, expected 2");
    b = begun();
    buffer_text(&b, "tiktoken files are base64 text");
    refused(&b, PB_EFORMAT, "the field at byte");
}

static void with_rules(buffer *b, const void *rules, size_t size)
{
    buffer inside = {0};
    put_bytes(&inside, 2, rules, size);
    put_bytes(b, NORMALIZER, inside.data, inside.size);
    buffer_free(&inside);
}

static void broken_rules_are_refused(void **state)
{
    (void)state;
    buffer b = begun();
    with_rules(&b, "\x01\x00", 2);
    refused(&b, PB_EFORMAT, "precompiled_charsmap: its trie is longer than the whole");
    b = begun();
    with_rules(&b, "\x00\x00\x00\x10" "abcd", 8);
    refused(&b, PB_EFORMAT, "its trie is longer than the whole");
    b = begun();
    with_rules(&b, "\x03\x00\x00\x00" "abcd\0", 9);
    refused(&b, PB_EFORMAT, "its trie is no row of 32-bit units");
    b = begun();
    with_rules(&b, "\x04\x00\x00\x00" "abcdx", 9);
    refused(&b, PB_EFORMAT, "the last has no end");
}

/* A folder whose tokenizer.model is a sound one, and a small file of the case. */
static void folder_refused(const char *file, const char *content, pb_status code, const char *words)
{
    char *folder = folder_new(), *model = path_join(folder, "tokenizer.model"), *path = path_join(folder, file);
    buffer b = begun();
    tokenizer *t;
    assert_ok(file_write_all(model, b.data, b.size, err));
    assert_ok(tokenizer_open(&t, folder, err));
    tokenizer_free(t);
    assert_ok(file_write_all(path, content, strlen(content), err));
    assert_fails(tokenizer_open(&t, folder, err), code, words);
    assert_fails(tokenizer_open(&t, folder, err), code, path); /* every message names the file */
    assert_null(t);
    buffer_free(&b);
    free(path);
    free(model);
    folder_remove(folder);
}

static void unsound_small_files_are_refused(void **state)
{
    (void)state;
    folder_refused("tokenizer_config.json", "{\"tokenizer_class\":\"GemmaTokenizer\"}", PB_EUNSUPPORTED,
                   "\"tokenizer_class\" is \"GemmaTokenizer\"");
    folder_refused("tokenizer_config.json", "{", PB_EFORMAT, "is not valid JSON");
    folder_refused("tokenizer_config.json", "{\"add_bos_token\":1}", PB_EFORMAT, "\"add_bos_token\" is a number");
    folder_refused("tokenizer_config.json", "{\"bos_token\":7}", PB_EFORMAT, "the token \"bos_token\" is a number");
    folder_refused("tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{\"content\":\"y\"}}}", PB_EFORMAT,
                   "the id of \"x\" is no number");
    folder_refused("tokenizer_config.json", "{\"added_tokens_decoder\":{\"1\":{\"content\":\"y\",\"lstrip\":2}}}",
                   PB_EFORMAT, "\"lstrip\" is a number");
    folder_refused("tokenizer_config.json", "{\"extra_special_tokens\":[7]}", PB_EFORMAT,
                   "the token \"extra_special_tokens\" is a number");
    folder_refused("added_tokens.json", "{\"<x>\":\"y\"}", PB_EFORMAT, "the id of \"<x>\" is no number");
    folder_refused("special_tokens_map.json", "{\"pad_token\":{}}", PB_EFORMAT, "the token \"pad_token\" is an object");
    folder_refused("config.json", "[]", PB_EFORMAT, "config.json");
}

/* ---- vocab.json and merges.txt ---- */
static void merges_refused(const char *config, const char *merges, pb_status code, const char *words)
{
    char *folder = folder_new(), *vocab_path = path_join(folder, "vocab.json");
    char *merges_path = path_join(folder, "merges.txt"), *config_path = path_join(folder, "tokenizer_config.json");
    static const char vocabulary[] = "{\"a\":0,\"b\":1,\"ab\":2}";
    tokenizer *t;
    assert_ok(file_write_all(vocab_path, vocabulary, sizeof vocabulary - 1, err));
    assert_ok(file_write_all(config_path, config, strlen(config), err));
    if (merges)
        assert_ok(file_write_all(merges_path, merges, strlen(merges), err));
    assert_fails(tokenizer_open(&t, folder, err), code, words);
    assert_null(t);
    free(vocab_path);
    free(merges_path);
    free(config_path);
    folder_remove(folder);
}

static void unsound_merges_are_refused(void **state)
{
    (void)state;
    static const char gpt2[] = "{\"tokenizer_class\":\"GPT2Tokenizer\"}";
    merges_refused("{}", "a b\n", PB_EUNSUPPORTED, "\"tokenizer_class\" is \"\": with vocab.json it is GPT2Tokenizer");
    merges_refused(gpt2, NULL, PB_EIO, "merges.txt");
    merges_refused(gpt2, "#version: 0.2\na b\na c\n", PB_EFORMAT, "line[3]: \"c\" is not in the vocabulary");
    merges_refused(gpt2, "a b\n\n", PB_EFORMAT, "line[2]: \"\" is not two tokens");
    merges_refused("{\"tokenizer_class\":\"GPT2Tokenizer\",\"add_prefix_space\":true}", "a b", PB_EUNSUPPORTED,
                   "\"add_prefix_space\" is true");
}

/* ---- GGUF ---- */
/* A GGUF file with these keys: each a name, GGUF's number of a type, and the value as it stands in the file. */
typedef struct gguf_pair {
    const char *key;
    uint32_t type;
    const char *value;
    size_t size;
} gguf_pair;

static void put_u64(buffer *b, uint64_t value)
{
    buffer_add(b, &value, sizeof value);
}

static void gguf_refused(const gguf_pair *pairs, size_t count, pb_status code, const char *words)
{
    char *folder = folder_new(), *path = path_join(folder, "x.gguf");
    buffer b = {0};
    checkpoint *weights;
    tokenizer *t;
    buffer_add(&b, "GGUF\3\0\0\0", 8);
    put_u64(&b, 0);
    put_u64(&b, count);
    for (size_t i = 0; i < count; i++) {
        put_u64(&b, strlen(pairs[i].key));
        buffer_text(&b, pairs[i].key);
        buffer_add(&b, &pairs[i].type, sizeof pairs[i].type);
        buffer_add(&b, pairs[i].value, pairs[i].size);
    }
    assert_ok(file_write_all(path, b.data, b.size, err));
    assert_ok(checkpoint_open(&weights, path, err));
    assert_fails(tokenizer_from_gguf(&t, checkpoint_metadata(weights), err), code, words);
    assert_fails(tokenizer_from_gguf(&t, checkpoint_metadata(weights), err), code, path);
    assert_null(t);
    checkpoint_free(weights);
    buffer_free(&b);
    free(path);
    folder_remove(folder);
}

static void unsound_gguf_tokenizers_are_refused(void **state)
{
    (void)state;
    static const char t5[] = "\2\0\0\0\0\0\0\0t5", gpt2[] = "\4\0\0\0\0\0\0\0gpt2", llama[] = "\5\0\0\0\0\0\0\0llama";
    static const char tekken[] = "\6\0\0\0\0\0\0\0tekken";
    static const char tokens[] = "\x8\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0a"; /* of type 8, one: "a" */
    enum { STRING = 8, ARRAY = 9 };
    gguf_pair pairs[3] = {{"tokenizer.ggml.pre", STRING, tekken, sizeof tekken - 1}};
    gguf_refused(pairs, 1, PB_EFORMAT, "has no tokenizer.ggml.model");
    pairs[1] = (gguf_pair){"tokenizer.ggml.model", STRING, t5, sizeof t5 - 1};
    gguf_refused(pairs, 2, PB_EUNSUPPORTED, "tokenizer.ggml.model is \"t5\"; patchbay knows \"llama\", \"gpt2\"");
    pairs[1] = (gguf_pair){"tokenizer.ggml.model", STRING, gpt2, sizeof gpt2 - 1};
    gguf_refused(pairs, 2, PB_EUNSUPPORTED, "tokenizer.ggml.pre is \"tekken\"; patchbay knows gpt-2,");
    gguf_refused(pairs + 1, 1, PB_EFORMAT, "tokenizer.ggml.tokens has 0 entries");
    pairs[2] = (gguf_pair){"tokenizer.ggml.tokens", ARRAY, tokens, sizeof tokens - 1};
    gguf_refused(pairs + 1, 2, PB_EFORMAT, "tokenizer.ggml.merges has 0 entries");
    pairs[1] = (gguf_pair){"tokenizer.ggml.model", STRING, llama, sizeof llama - 1};
    gguf_refused(pairs + 1, 2, PB_EFORMAT, "tokenizer.ggml.scores has 0 entries, expected one for each of 1 tokens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_folder_equals_its_truth), cmocka_unit_test(every_gguf_equals_its_source),
        cmocka_unit_test(kinds_are_named),               cmocka_unit_test(answers_in_mid_sentence),
        cmocka_unit_test(long_texts_take_no_time),       cmocka_unit_test(unsound_pieces_are_refused),
        cmocka_unit_test(other_models_are_refused),      cmocka_unit_test(broken_wire_is_refused),
        cmocka_unit_test(broken_rules_are_refused),      cmocka_unit_test(unsound_small_files_are_refused),
        cmocka_unit_test(unsound_merges_are_refused),    cmocka_unit_test(unsound_gguf_tokenizers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
