/* test_pickle.c: a state dict's pickle is read, and whatever else a pickle may say is refused by its name.
 *
 * The corpus of hostile pickles is the tables below: imports and calls, every operation that a state dict does not
 * need, what damaged or made-up files get wrong, and pickles made to take time or memory. */
#include "tests/support.h"

#include "checkpoint/pickle.h"
#include "tests/checkpoint/archive.h"

enum { ENOUGH = 1 << 20 };

static void refused(const void *bytes, size_t size, pb_status code, const char *words)
{
    pickle *p = (pickle *)&code;
    unsigned char *copy = mem_new(size, 1); /* where a sanitizer sees a read beyond its end */
    memcpy(copy, bytes, size);
    assert_fails(pickle_read(&p, copy, size, "w.bin: data.pkl", ENOUGH, err), code, words);
    assert_null(p);
    free(copy);
}

typedef struct bad_pickle {
    const char *bytes;
    size_t size;
    const char *words;
} bad_pickle;

static void refuse_all(const bad_pickle *cases, size_t count, pb_status code)
{
    for (size_t i = 0; i < count; i++)
        refused(cases[i].bytes, cases[i].size, code, cases[i].words);
}
#define REFUSE_ALL(cases, code) refuse_all(cases, sizeof cases / sizeof *(cases), code)

/* ---- sound ones ---- */

#define W TENSOR("0", "\x06", "K\1", "K\2\x85", "K\1\x85")

static void assert_w(const char *bytes, size_t size, const char *dtype_name)
{
    pickle *p;
    pickled_tensor t;
    size_t entry = PICKLE_FIRST;
    assert_ok(pickle_read(&p, bytes, size, "data.pkl", ENOUGH, err));
    assert_true(pickle_next(p, &entry, &t));
    assert_true(t.name_size == 1 && *t.name == 'w');
    assert_true(t.storage_size == 1 && *t.storage == '0');
    assert_string_equal(t.type->name, dtype_name);
    assert_true(t.offset == 1 && t.rank == 1 && t.shape[0] == 2 && t.stride[0] == 1);
    assert_false(pickle_next(p, &entry, &t));
    pickle_free(p);
}

static void a_tensor_is_described(void **state)
{
    (void)state;
    assert_w(PICKLE(STATE(KEY("w") W)), "F32");
    assert_w(PICKLE(PROTO "}" KEY("w") W "s."), "F32");
    /* an OrderedDict with _metadata, as a module gives it */
    assert_w(PICKLE(PROTO "ccollections\nOrderedDict\n)R(" KEY("w") W "u}X\x9\0\0\0_metadata" HOOKS
                    "(X\0\0\0\0}X\7\0\0\0versionK\1susb."), "F32");
    assert_w(PICKLE(STATE(KEY("w") "ctorch._utils\n_rebuild_parameter\n" W "\x88" HOOKS "\x87R")), "F32");
    assert_w(PICKLE(STATE(KEY("w") REBUILD(STORAGE("0", "\6"), "K\1", "K\2\x85", "K\1\x85", "\x89NN"))), "F32");
    assert_w(PICKLE(STATE(KEY("w") "ctorch._utils\n_rebuild_tensor_v3\n("
                          TYPED_STORAGE("torch.storage\nUntypedStorage", "0", "\x0c")
                          "K\1K\2\x85K\1\x85\x89" HOOKS "ctorch\nuint16\ntR")), "U16");
    assert_w(PICKLE(STATE(KEY("w") REBUILD(TYPED_STORAGE("torch\nLongStorage", "0", "\6"), "M\1\0", "\x8a\1\2\x85",
                                           "J\1\0\0\0\x85", "\x89" HOOKS))), "I64");
}

static void values_are_remembered(void **state)
{
    (void)state;
    pickle *p;
    pickled_tensor t;
    size_t entry = PICKLE_FIRST;
    assert_ok(pickle_read(&p, PICKLE(PROTO "}q\0(" KEY("a") "q\1" W "q\2" KEY("b") "r\3\0\0\0h\2"
                                     KEY("c") "\x94j\2\0\0\0u."), "data.pkl", ENOUGH, err));
    for (const char *name = "abc"; *name; name++) {
        assert_true(pickle_next(p, &entry, &t));
        assert_true(t.name_size == 1 && *t.name == *name && *t.storage == '0' && t.offset == 1);
    }
    assert_false(pickle_next(p, &entry, &t));
    pickle_free(p);
}

static void an_empty_dict_is_one(void **state)
{
    (void)state;
    pickle *p;
    pickled_tensor t;
    size_t entry = PICKLE_FIRST;
    assert_ok(pickle_read(&p, PICKLE(PROTO "}."), "data.pkl", ENOUGH, err));
    assert_false(pickle_next(p, &entry, &t));
    pickle_free(p);
    pickle_free(NULL);
}

/* ---- foreign ones ---- */

static void foreign_imports_are_refused(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE(PROTO "cposix\nsystem\nX\2\0\0\0id\x85R."), "w.bin: data.pkl, byte 2: imports posix.system, which"},
        {PICKLE(PROTO "c__builtin__\neval\n."), "imports __builtin__.eval"},
        {PICKLE(STATE(KEY("w") "cbuiltins\nexec\nX\1\0\0\0x\x85R")), "imports builtins.exec"},
        {PICKLE("\x80\4\x8c\2os\x8c\6system\x93\x8c\2id\x85R."), "imports os.system"},
        {PICKLE("\x80\4\x8c\x0c" "os\nsystem\n..\x8c\0\x93."), "imports os?system?...,"},
        {PICKLE(PROTO "ctorch.hub\nload\n."), "imports torch.hub.load"},
        {PICKLE(PROTO "ctorch._utils\n_rebuild_qtensor\n."), "imports torch._utils._rebuild_qtensor"},
        {PICKLE(PROTO "ctorch\nFloatTensor\n."), "imports torch.FloatTensor"},
        {PICKLE(PROTO "ctorch\nFloatStorag\n."), "imports torch.FloatStorag,"},
        {PICKLE(PROTO "ctorch\nFloatStorage2\n."), "imports torch.FloatStorage2"},
        {PICKLE(PROTO "ctorch.serialization\n_get_layout\n."), "imports torch.serialization._get_layout"},
        {PICKLE(PROTO "ctorch._tensor\n_rebuild_from_type_v2\n."), "imports torch._tensor._rebuild_from_type_v2"},
        {PICKLE(PROTO "cnumpy.core.multiarray\n_reconstruct\n."), "imports numpy.core.multiarray._reconstruct"},
        {PICKLE(PROTO "ccollections\ndefaultdict\n."), "imports collections.defaultdict"},
        {PICKLE(PROTO "c\n\n."), "imports ., which"},
        {PICKLE(PROTO "c\x1b[2J\n\xff\n."), "imports ?[2J.?"},
    };
    REFUSE_ALL(cases, PB_EUNSUPPORTED);
}

static void foreign_operations_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        unsigned char code;
        const char *name;
    } known[] = {
        {'0', "POP"}, {'1', "POP_MARK"}, {'2', "DUP"}, {'F', "FLOAT"}, {'G', "BINFLOAT"}, {'I', "INT"}, {'L', "LONG"},
        {0x8b, "LONG4"}, {'S', "STRING"}, {'T', "BINSTRING"}, {'U', "SHORT_BINSTRING"}, {'V', "UNICODE"},
        {0x8d, "BINUNICODE8"}, {'B', "BINBYTES"}, {'C', "SHORT_BINBYTES"}, {0x8e, "BINBYTES8"}, {0x96, "BYTEARRAY8"},
        {']', "EMPTY_LIST"}, {'l', "LIST"}, {'a', "APPEND"}, {'e', "APPENDS"}, {'d', "DICT"}, {0x8f, "EMPTY_SET"},
        {0x90, "ADDITEMS"}, {0x91, "FROZENSET"}, {'g', "GET"}, {'p', "PUT"}, {'P', "PERSID"}, {'i', "INST"},
        {'o', "OBJ"}, {0x81, "NEWOBJ"}, {0x92, "NEWOBJ_EX"}, {0x82, "EXT1"}, {0x83, "EXT2"}, {0x84, "EXT4"},
        {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char words[64], bytes[] = {'\x80', 2, 'N', 'N', (char)known[i].code, '.'};
        snprintf(words, sizeof words, "byte 4: has the operation %s, which no state dict needs", known[i].name);
        refused(bytes, sizeof bytes, PB_EUNSUPPORTED, words);
    }
}

static void bytes_that_are_no_operation_are_refused(void **state)
{
    (void)state;
    static const char operations[] = "(.012FGIJKLMNPQRSTUVXabcdeghijlopqrstu})]BC";
    for (int code = 0; code < 256; code++) {
        char words[64], bytes[] = {'\x80', 2, (char)code, '.'};
        if ((code && strchr(operations, code)) || (code >= 0x80 && code <= 0x98))
            continue;
        snprintf(words, sizeof words, "byte 2: 0x%02x is no operation of a pickle", code);
        refused(bytes, sizeof bytes, PB_EFORMAT, words);
    }
}

static void foreign_calls_are_refused(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE(PROTO "X\2\0\0\0id)R."), "calls a text with a tuple, expected a function with a tuple"},
        {PICKLE(PROTO "ctorch\nFloatStorage\nK\1\x85R."), "calls a storage type with a tuple"},
        {PICKLE(PROTO "ctorch\nfloat32\n)R."), "calls a dtype with a tuple"},
        {PICKLE(PROTO W ")R."), "calls a tensor with a tuple"},
        {PICKLE(PROTO "ccollections\nOrderedDict\nNR."), "calls a function with None"},
        {PICKLE(PROTO "ccollections\nOrderedDict\nK\1\x85R."), "an OrderedDict is made from 1 arguments"},
    };
    REFUSE_ALL(cases, PB_EFORMAT);
}

static void attributes_other_than_metadata_are_refused(void **state)
{
    (void)state;
    static const bad_pickle foreign[] = {
        {PICKLE(PROTO "}}X\1\0\0\0xNsb."), "sets the attribute x, expected _metadata alone"},
        {PICKLE(PROTO "}}(X\x9\0\0\0_metadataNX\x9\0\0\0__class__Nub."), "sets the attribute __class__"},
        {PICKLE(PROTO "}}(X\x9\0\0\0__class__NX\x9\0\0\0_metadataNub."), "sets the attribute __class__"},
        {PICKLE(PROTO "}}(X\x9\0\0\0_metadataNX\x9\0\0\0_metadataNX\1\0\0\0xNub."), "sets the attribute x"},
    };
    static const bad_pickle wrong[] = {
        {PICKLE(PROTO "}}b."), "sets no attribute"},
        {PICKLE(PROTO "}Nb."), "sets attributes of a dict from None"},
        {PICKLE(PROTO "ccollections\nOrderedDict\n}b."), "sets attributes of a function from a dict"},
    };
    REFUSE_ALL(foreign, PB_EUNSUPPORTED);
    REFUSE_ALL(wrong, PB_EFORMAT);
}

static void what_is_no_plain_state_dict_is_refused(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE(PROTO "N."), "the pickle is None, expected a state dict"},
        {PICKLE(PROTO W "."), "the pickle is a tensor, expected a state dict"},
        {PICKLE(STATE(KEY("w") W KEY("e") "K\1")), "the entry e is an integer, expected a tensor"},
        {PICKLE(STATE("X\5\0\0\0model}" KEY("w") W "s")), "the entry model is a dict, expected a tensor"},
        {PICKLE(STATE(KEY("f") "ccollections\nOrderedDict\n")), "the entry f is a function"},
        {PICKLE(STATE(KEY("f") STORAGE("0", "\1"))), "the entry f is a storage, expected a tensor"},
    };
    REFUSE_ALL(cases, PB_EUNSUPPORTED);
    pickle *p;
    pb_error err;
    assert_int_equal(pickle_read(&p, cases[3].bytes, cases[3].size, "m.bin", ENOUGH, &err), PB_EUNSUPPORTED);
    assert_string_equal(err.hint,
                        "if that is the state dict, save it alone: torch.save(torch.load(FILE)[\"model\"], ...)");
}

/* ---- damaged ones ---- */

static void operations_without_what_they_need_are_refused(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE(PROTO), "the pickle ends without STOP"},
        {PICKLE(PROTO "}"), "the pickle ends without STOP"},
        {PICKLE(PROTO "."), "the pickle leaves 0 values"},
        {PICKLE(PROTO "}}."), "the pickle leaves 2 values"},
        {PICKLE(PROTO "}.}"), "1 bytes follow the pickle"},
        {PICKLE(PROTO "X\5\0\0\0four"), "an operation needs 5 bytes, but 4 are left"},
        {PICKLE(PROTO "X\xff\xff\xff\xff."), "an operation needs 4294967295 bytes"},
        {PICKLE(PROTO "X\5\0"), "an operation needs 4 bytes, but 2 are left"},
        {PICKLE(PROTO "\x8a\xff\1"), "an operation needs 255 bytes"},
        {PICKLE(PROTO "\x8a\x08\1\1\1\1\1\1\1\1."), "an integer has 8 bytes, expected at most 7"},
        {PICKLE(PROTO "\x95\xff\xff\xff\xff\xff\xff\xff\xff}."), "a frame has 18446744073709551615 bytes, but 2"},
        {PICKLE(PROTO "cno\nend"), "a line does not end"},
        {PICKLE(PROTO "cno end"), "a line does not end"},
        {PICKLE(PROTO "\x85."), "an operation needs 1 values, but there are 0"},
        {PICKLE(PROTO "N(\x86."), "an operation needs 2 values, but there are 0"},
        {PICKLE(PROTO "t."), "an operation needs a mark, but there is none"},
        {PICKLE(PROTO "u."), "an operation needs a mark, but there is none"},
        {PICKLE(PROTO "Ns."), "an operation needs 3 values, but there are 1"},
        {PICKLE(PROTO "(q\0."), "an operation needs 1 values, but there are 0"},
        {PICKLE(PROTO "h\0."), "value number 0 is asked for, but only 0 are remembered"},
        {PICKLE(PROTO "j\xff\xff\xff\xff."), "value number 4294967295 is asked for"},
        {PICKLE(PROTO "NKK\x93."), "imports an integer from None, expected two texts"},
    };
    REFUSE_ALL(cases, PB_EFORMAT);
}

static void dicts_take_pairs_with_texts(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE(PROTO "}K\1Ns."), "a dict's key is an integer, expected a text"},
        {PICKLE(PROTO "}(K\1Nu."), "a dict's key is an integer, expected a text"},
        {PICKLE(PROTO "}(X\0\0\0\0u."), "1 keys and values are put into a dict, expected pairs"},
        {PICKLE(PROTO "N(X\0\0\0\0Nu."), "2 keys and values are put into None"},
        {PICKLE(PROTO "(X\0\0\0\0Nu."), "2 keys and values are put into nothing"},
        {PICKLE(PROTO ")X\0\0\0\0Ns."), "2 keys and values are put into a tuple"},
        {PICKLE(PROTO "}((u."), "0 keys and values are put into a mark"},
    };
    REFUSE_ALL(cases, PB_EFORMAT);
}

static void only_protocols_two_to_five_are_read(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {PICKLE("\x80\1}."), "protocol is 1, expected 2 to 5"},
        {PICKLE("\x80\6}."), "protocol is 6, expected 2 to 5"},
        {PICKLE(PROTO "\x80\2}."), "byte 2: says that the pickle's protocol is 2, expected 2 to 5 at byte 0"},
    };
    REFUSE_ALL(cases, PB_EUNSUPPORTED);
    refused(PICKLE("(dp0\n."), PB_EFORMAT, "is no pickle of protocol 2 or later");
    refused("", 0, PB_EFORMAT, "is no pickle of protocol 2 or later");
}

#define ARGS(...) PICKLE(STATE(KEY("w") REBUILD(__VA_ARGS__)))
#define REST "\x89" HOOKS

static void tensors_are_rebuilt_from_what_they_need(void **state)
{
    (void)state;
    static const bad_pickle cases[] = {
        {ARGS("N", "K\0", "K\1\x85", "K\1\x85", REST), "a tensor's storage is None"},
        {PICKLE(STATE(KEY("w") "ctorch._utils\n_rebuild_tensor_v2\n)R")), "a tensor's storage is missing"},
        {ARGS(STORAGE("0", "\1"), "N", "K\1\x85", "K\1\x85", REST), "a tensor's offset is None"},
        {ARGS(STORAGE("0", "\1"), "J\xff\xff\xff\xff", "K\1\x85", "K\1\x85", REST), "a tensor's offset is below 0"},
        {ARGS(STORAGE("0", "\1"), "K\0", "K\1", "K\1\x85", REST), "a tensor's shape is an integer"},
        {ARGS(STORAGE("0", "\1"), "K\0", "N\x85", "K\1\x85", REST), "shape has in dimension 0 no whole number"},
        {ARGS(STORAGE("0", "\1"), "K\0", "K\1\x8a\1\xff\x86", "K\1K\1\x86", REST), "shape has in dimension 1 no"},
        {ARGS(STORAGE("0", "\1"), "K\0", "K\1\x85", "\x8a\1\x80\x85", REST), "list of strides has in dimension 0"},
        {ARGS(STORAGE("0", "\1"), "K\0", "K\1\x85", ")", REST), "a tensor has 1 dimensions but 0 strides"},
        {ARGS(STORAGE("0", "\1"), "K\0", ")", ")", "K\1" HOOKS), "a tensor's requires_grad is an integer"},
        {ARGS(STORAGE("0", "\1"), "K\0", ")", ")", "\x88" "K\1"), "a tensor's dict of hooks is an integer"},
        {ARGS(STORAGE("0", "\1"), "K\0", ")", ")", REST "NN"), "a tensor is rebuilt from 8 arguments"},
        {PICKLE(STATE(KEY("w") "ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE("0", "\1") "K\0))" REST "tR")),
         "a tensor's dtype is missing"},
        {PICKLE(STATE(KEY("w") "ctorch._utils\n_rebuild_parameter\nN\x88N\x87R")), "a parameter's tensor is None"},
        {PICKLE(PROTO "NQ."), "refers to something else than a storage"},
        {PICKLE(PROTO ")Q."), "refers to something else than a storage"},
        {PICKLE(PROTO "X\6\0\0\0modulectorch\nFloatStorage\n\x86Q."), "refers to something else than a storage"},
        {PICKLE(PROTO "X\7\0\0\0storage\x85Q."), "a storage's type is missing"},
        {PICKLE(PROTO "X\7\0\0\0storageccollections\nOrderedDict\n\x86Q."), "a storage's type is a function"},
        {PICKLE(PROTO "(X\7\0\0\0storagectorch\nFloatStorage\nK\0X\0\0\0\0K\1tQ."), "a storage's key is an integer"},
        {PICKLE(PROTO "(X\7\0\0\0storagectorch\nFloatStorage\n" KEY("0") "NK\1tQ."), "a storage's device is None"},
        {PICKLE(PROTO "(X\7\0\0\0storagectorch\nFloatStorage\n" KEY("0") KEY("c") "\x8a\1\xfftQ."),
         "a storage has -1 elements"},
    };
    REFUSE_ALL(cases, PB_EFORMAT);
    static const bad_pickle others[] = {
        {ARGS(STORAGE("0", "\1"), "K\0", ")", ")", "\x88" HOOKS KEY("h") "Ns"), "a tensor has hooks, expected none"},
        {ARGS(STORAGE("0", "\1"), "K\0", ")", ")", REST "}X\3\0\0\0neg\x88s"), "a conjugate or negative view"},
    };
    REFUSE_ALL(others, PB_EUNSUPPORTED);
}

static void more_dimensions_than_pytorch_has_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_add(&b, PICKLE(PROTO "}" KEY("w") "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE("0", "\1") "K\0("));
    for (int d = 0; d < PICKLE_MAX_RANK + 1; d++)
        buffer_add(&b, "K\1", 2);
    buffer_text(&b, "t)N)tRs.");
    refused(b.data, b.size, PB_EFORMAT, "a tensor's shape has 65 dimensions, expected at most 64");
    buffer_free(&b);
}

/* ---- ones that are made to take time or memory ---- */

static void numbers_out_of_turn_are_not_remembered(void **state)
{
    (void)state;
    refused(PICKLE(PROTO "}r\xff\xff\xff\xff."), PB_EFORMAT,
            "a value is remembered as number 4294967295, expected at most 0");
    refused(PICKLE(PROTO "}q\0q\2."), PB_EFORMAT, "a value is remembered as number 2, expected at most 1");
}

/* PROTO, then `piece` n times. */
static buffer repeated(const char *piece, size_t size, size_t n)
{
    buffer b = {0};
    buffer_add(&b, PROTO "}", 3);
    for (size_t i = 0; i < n; i++)
        buffer_add(&b, piece, size);
    return b;
}

static void nesting_is_limited(void **state)
{
    (void)state;
    static const char *const pieces[] = {"(", "}", "N", "()", "}("};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buffer b = repeated(pieces[i], strlen(pieces[i]), 1000000);
        refused(b.data, b.size, PB_EFORMAT, "more than 4096 values wait to be used");
        buffer_free(&b);
    }
}

static void memory_is_limited(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } pieces[] = {
        {PICKLE("\x85")},                              /* a tuple in a tuple in ... */
        {PICKLE("\x94")},                              /* one value, remembered again and again */
        {PICKLE("X\0\0\0\0Ns")},                       /* one key, set again and again */
        {PICKLE("q\0(h\0h\0h\0h\0h\0h\0h\0h\0t\x86")}, /* eight times itself, again and again */
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buffer b = repeated(pieces[i].bytes, pieces[i].size, 1000000);
        refused(b.data, b.size, PB_EFORMAT, "reading it takes more than 1048576 bytes");
        buffer_free(&b);
    }
}

/* Thirty times itself twice: 2^30 items, were they counted out. They are not. */
static void values_that_hold_each_other_cost_nothing(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_add(&b, PROTO ")q\0", 5);
    for (int i = 0; i < 30; i++)
        buffer_add(&b, "h\0\x86q\0", 5);
    buffer_text(&b, ".");
    refused(b.data, b.size, PB_EUNSUPPORTED, "the pickle is a tuple, expected a state dict");
    buffer_free(&b);
    refused(PICKLE(PROTO "}q\0" KEY("d") "h\0s."), PB_EUNSUPPORTED, "the entry d is a dict, expected a tensor");
}

/* Whatever byte stands wherever: an error with words, or a dict. */
static void any_byte_may_be_any_other(void **state)
{
    (void)state;
    static const char sound[] = STATE(KEY("w") W KEY("v") W);
    for (size_t at = 0; at < sizeof sound - 1; at++)
        for (int code = 0; code < 256; code++) {
            char bytes[sizeof sound - 1];
            pickle *p;
            pb_error err = {0};
            memcpy(bytes, sound, sizeof bytes);
            bytes[at] = (char)code;
            if (pickle_read(&p, bytes, sizeof bytes, "data.pkl", ENOUGH, &err) != PB_OK)
                assert_true(err.message[0] && !p);
            pickle_free(p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_is_described),
        cmocka_unit_test(values_are_remembered),
        cmocka_unit_test(an_empty_dict_is_one),
        cmocka_unit_test(foreign_imports_are_refused),
        cmocka_unit_test(foreign_operations_are_refused_by_name),
        cmocka_unit_test(bytes_that_are_no_operation_are_refused),
        cmocka_unit_test(foreign_calls_are_refused),
        cmocka_unit_test(attributes_other_than_metadata_are_refused),
        cmocka_unit_test(what_is_no_plain_state_dict_is_refused),
        cmocka_unit_test(operations_without_what_they_need_are_refused),
        cmocka_unit_test(dicts_take_pairs_with_texts),
        cmocka_unit_test(only_protocols_two_to_five_are_read),
        cmocka_unit_test(tensors_are_rebuilt_from_what_they_need),
        cmocka_unit_test(more_dimensions_than_pytorch_has_are_refused),
        cmocka_unit_test(numbers_out_of_turn_are_not_remembered),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(values_that_hold_each_other_cost_nothing),
        cmocka_unit_test(any_byte_may_be_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
