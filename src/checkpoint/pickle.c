/* pickle.c: the stack machine: see pickle.h. The operations are those of Python's pickletools, protocols 2 to 5; the
 * ones without a function in the table are refused. */
#include "checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/pickle_machine.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a pickle's numbers are little-endian");
_Static_assert(STACK_SIZE == 1 << SPAN_BITS, "a span holds what the stack can");

/* ---- memory ---- */

/* The list of blocks doubles when it is full: at most four places a block while it moves. */
enum { BLOCK_BYTES = BLOCK_VALUES * sizeof(value) + 4 * sizeof(value *) };

static pb_status add_block(pickle *p, value_list *l, pb_error *err)
{
    if (BLOCK_BYTES > p->limit - p->memory)
        return wrong(p, err, PB_EFORMAT, "reading it takes more than %zu bytes, which no state dict of this size does",
                     p->limit);
    p->memory += BLOCK_BYTES;
    if ((l->block_count & (l->block_count - 1)) == 0)
        l->blocks = mem_resize(l->blocks, l->block_count ? 2 * l->block_count : 1, sizeof *l->blocks);
    l->blocks[l->block_count++] = mem_new(BLOCK_VALUES, sizeof(value));
    return PB_OK;
}

pb_status pickle_add(pickle *p, value_list *l, value v, pb_error *err)
{
    if (l->count == l->block_count * BLOCK_VALUES)
        TRY(add_block(p, l, err));
    *list_at(l, l->count++) = v;
    return PB_OK;
}

static void list_free(pickle *p, value_list *l)
{
    for (size_t i = 0; i < l->block_count; i++)
        free(l->blocks[i]);
    free(l->blocks);
    p->memory -= l->block_count * BLOCK_BYTES;
    *l = (value_list){0};
}

/* ---- values ---- */

const char *pickle_value_name(value v)
{
    static const char *const names[] = {
        [VALUE_NONE] = "None", [VALUE_BOOL] = "a boolean", [VALUE_INT] = "an integer", [VALUE_TEXT] = "a text",
        [VALUE_TUPLE] = "a tuple", [VALUE_DICT] = "a dict", [VALUE_FUNCTION] = "a function",
        [VALUE_STORAGE_TYPE] = "a storage type", [VALUE_DTYPE] = "a dtype", [VALUE_STORAGE] = "a storage",
        [VALUE_TENSOR] = "a tensor", [VALUE_MARK] = "a mark",
    };
    return names[kind_of(v)];
}

/* Texts stay where they are: behind the operation's byte and a length of one or four. */
const char *pickle_text(const pickle *p, value v, size_t *size)
{
    const unsigned char *at = p->bytes + number_of(v);
    uint32_t length = at[1];
    if (*at != 'X') {
        *size = length;
        return (const char *)at + 2;
    }
    memcpy(&length, at + 1, sizeof length);
    *size = length;
    return (const char *)at + 5;
}

bool pickle_text_is(const pickle *p, value v, const char *wanted)
{
    size_t size;
    if (kind_of(v) != VALUE_TEXT)
        return false;
    const char *text = pickle_text(p, v, &size);
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

pb_status pickle_dict_new(pickle *p, value *out, pb_error *err)
{
    *out = value_of(VALUE_DICT, p->made.count);
    TRY(pickle_add(p, &p->made, 0, err));
    return pickle_add(p, &p->made, 0, err);
}

bool pickle_dict_empty(const pickle *p, value dict)
{
    return *list_at(&p->made, number_of(dict)) == 0;
}

static pb_status dict_add(pickle *p, value dict, value key, value v, pb_error *err)
{
    if (kind_of(key) != VALUE_TEXT)
        return wrong(p, err, PB_EFORMAT, "a dict's key is %s, expected a text", pickle_value_name(key));
    value *first = list_at(&p->made, number_of(dict)), *last = list_at(&p->made, number_of(dict) + 1);
    size_t pair = p->made.count;
    TRY(pickle_add(p, &p->made, key, err));
    TRY(pickle_add(p, &p->made, v, err));
    TRY(pickle_add(p, &p->made, 0, err));
    if (*first == 0)
        *first = pair;
    else
        *list_at(&p->made, *last + 2) = pair;
    *last = pair;
    return PB_OK;
}

/* ---- the stack ---- */

static pb_status push(pickle *p, value v, pb_error *err)
{
    if (p->depth == STACK_SIZE)
        return wrong(p, err, PB_EFORMAT, "more than %d values wait to be used, which happens in no state dict",
                     STACK_SIZE);
    p->stack[p->depth++] = v;
    return PB_OK;
}

/* The top of the stack is n values, none of them a mark. */
static pb_status need(const pickle *p, size_t n, pb_error *err)
{
    for (size_t i = 1; i <= n; i++)
        if (i > p->depth || kind_of(p->stack[p->depth - i]) == VALUE_MARK)
            return wrong(p, err, PB_EFORMAT, "an operation needs %zu values, but there are %zu", n, i - 1);
    return PB_OK;
}

/* How many values stand above the last mark. */
static pb_status marked(const pickle *p, size_t *count, pb_error *err)
{
    for (size_t i = p->depth; i-- > 0;)
        if (kind_of(p->stack[i]) == VALUE_MARK) {
            *count = p->depth - i - 1;
            return PB_OK;
        }
    return wrong(p, err, PB_EFORMAT, "an operation needs a mark, but there is none");
}

static value top(const pickle *p, size_t below)
{
    return p->stack[p->depth - 1 - below];
}

/* Replaces the top n values by one. */
static void replace(pickle *p, size_t n, value v)
{
    p->depth -= n - 1;
    p->stack[p->depth - 1] = v;
}

/* ---- the operations ----
 * Each has the fixed-size argument from its table's row behind it; more bytes it takes itself. */

static pb_status take(pickle *p, size_t n, const unsigned char **bytes, pb_error *err)
{
    if (n > p->size - p->at)
        return wrong(p, err, PB_EFORMAT, "an operation needs %zu bytes, but %zu are left", n, p->size - p->at);
    *bytes = p->bytes + p->at;
    p->at += n;
    return PB_OK;
}

/* The bytes up to a newline, and the newline. */
static pb_status take_line(pickle *p, const char **line, size_t *size, pb_error *err)
{
    const unsigned char *begin = p->bytes + p->at, *end = memchr(begin, '\n', p->size - p->at);
    if (!end)
        return wrong(p, err, PB_EFORMAT, "a line does not end");
    *line = (const char *)begin;
    *size = (size_t)(end - begin);
    p->at += *size + 1;
    return PB_OK;
}

static size_t unsigned_of(const unsigned char *argument, size_t bytes)
{
    uint64_t number = 0;
    memcpy(&number, argument, bytes);
    return number;
}

typedef pb_status operation(pickle *p, const unsigned char *argument, pb_error *err);

static pb_status op_proto(pickle *p, const unsigned char *argument, pb_error *err)
{
    if (p->operation != 0 || argument[0] < 2 || argument[0] > 5)
        return wrong(p, err, PB_EUNSUPPORTED, "says that the pickle's protocol is %u, expected 2 to 5 at byte 0",
                     argument[0]);
    return PB_OK;
}

static pb_status op_frame(pickle *p, const unsigned char *argument, pb_error *err)
{
    size_t size = unsigned_of(argument, 8);
    if (size > p->size - p->at)
        return wrong(p, err, PB_EFORMAT, "a frame has %zu bytes, but %zu are left", size, p->size - p->at);
    return PB_OK;
}

static pb_status op_mark(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return push(p, value_of(VALUE_MARK, 0), err);
}

static pb_status op_none(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return push(p, value_of(VALUE_NONE, 0), err);
}

static pb_status op_true(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return push(p, value_of(VALUE_BOOL, 1), err);
}

static pb_status op_false(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return push(p, value_of(VALUE_BOOL, 0), err);
}

static pb_status op_int1(pickle *p, const unsigned char *argument, pb_error *err)
{
    return push(p, value_of(VALUE_INT, argument[0]), err);
}

static pb_status op_int2(pickle *p, const unsigned char *argument, pb_error *err)
{
    return push(p, value_of(VALUE_INT, unsigned_of(argument, 2)), err);
}

static pb_status op_int4(pickle *p, const unsigned char *argument, pb_error *err)
{
    return push(p, value_of(VALUE_INT, (uint64_t)(int64_t)(int32_t)(uint32_t)unsigned_of(argument, 4)), err);
}

/* An integer of any size, here of at most seven bytes; the highest bit is its sign. */
static pb_status op_long(pickle *p, const unsigned char *argument, pb_error *err)
{
    const unsigned char *bytes;
    size_t size = argument[0];
    TRY(take(p, size, &bytes, err));
    if (size > NUMBER_BITS / 8)
        return wrong(p, err, PB_EFORMAT, "an integer has %zu bytes, expected at most %d", size, NUMBER_BITS / 8);
    uint64_t number = unsigned_of(bytes, size);
    if (size && bytes[size - 1] & 0x80)
        number |= UINT64_MAX << (8 * size);
    return push(p, value_of(VALUE_INT, number), err);
}

static pb_status push_text(pickle *p, size_t size, pb_error *err)
{
    const unsigned char *bytes;
    TRY(take(p, size, &bytes, err));
    return push(p, value_of(VALUE_TEXT, p->operation), err);
}

static pb_status op_text1(pickle *p, const unsigned char *argument, pb_error *err)
{
    return push_text(p, argument[0], err);
}

static pb_status op_text4(pickle *p, const unsigned char *argument, pb_error *err)
{
    return push_text(p, unsigned_of(argument, 4), err);
}

/* The top n values become a tuple. */
static pb_status make_tuple(pickle *p, size_t n, pb_error *err)
{
    TRY(need(p, n, err));
    value tuple = span_of(VALUE_TUPLE, p->made.count, n);
    for (size_t i = 0; i < n; i++)
        TRY(pickle_add(p, &p->made, p->stack[p->depth - n + i], err));
    p->depth -= n;
    return push(p, tuple, err);
}

static pb_status op_tuple0(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return make_tuple(p, 0, err);
}

static pb_status op_tuple1(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return make_tuple(p, 1, err);
}

static pb_status op_tuple2(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return make_tuple(p, 2, err);
}

static pb_status op_tuple3(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return make_tuple(p, 3, err);
}

static pb_status op_tuple(pickle *p, const unsigned char *argument, pb_error *err)
{
    size_t count;
    (void)argument;
    TRY(marked(p, &count, err));
    TRY(make_tuple(p, count, err));
    replace(p, 2, top(p, 0)); /* takes the mark's place */
    return PB_OK;
}

static pb_status op_dict(pickle *p, const unsigned char *argument, pb_error *err)
{
    value dict;
    (void)argument;
    TRY(pickle_dict_new(p, &dict, err));
    return push(p, dict, err);
}

/* The top n values are keys and values of the dict that stands `below` them. */
static pb_status set_items(pickle *p, size_t n, size_t below, pb_error *err)
{
    if (n % 2 != 0 || n + below >= p->depth || kind_of(top(p, n + below)) != VALUE_DICT)
        return wrong(p, err, PB_EFORMAT, "%zu keys and values are put into %s, expected pairs into a dict", n,
                     n + below < p->depth ? pickle_value_name(top(p, n + below)) : "nothing");
    value dict = top(p, n + below);
    for (size_t i = n; i > 0; i -= 2)
        TRY(dict_add(p, dict, top(p, i - 1), top(p, i - 2), err));
    p->depth -= n + below;
    return PB_OK;
}

static pb_status op_setitem(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    TRY(need(p, 3, err));
    return set_items(p, 2, 0, err);
}

static pb_status op_setitems(pickle *p, const unsigned char *argument, pb_error *err)
{
    size_t count;
    (void)argument;
    TRY(marked(p, &count, err));
    return set_items(p, count, 1, err);
}

/* Python numbers what it remembers from 0 on, so a number out of turn is not its own. */
static pb_status remember(pickle *p, size_t number, pb_error *err)
{
    TRY(need(p, 1, err));
    if (number > p->memo.count)
        return wrong(p, err, PB_EFORMAT, "a value is remembered as number %zu, expected at most %zu", number,
                     p->memo.count);
    if (number == p->memo.count)
        return pickle_add(p, &p->memo, top(p, 0), err);
    *list_at(&p->memo, number) = top(p, 0);
    return PB_OK;
}

static pb_status op_put1(pickle *p, const unsigned char *argument, pb_error *err)
{
    return remember(p, argument[0], err);
}

static pb_status op_put4(pickle *p, const unsigned char *argument, pb_error *err)
{
    return remember(p, unsigned_of(argument, 4), err);
}

static pb_status op_memoize(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    return remember(p, p->memo.count, err);
}

static pb_status recall(pickle *p, size_t number, pb_error *err)
{
    if (number >= p->memo.count)
        return wrong(p, err, PB_EFORMAT, "value number %zu is asked for, but only %zu are remembered", number,
                     p->memo.count);
    return push(p, *list_at(&p->memo, number), err);
}

static pb_status op_get1(pickle *p, const unsigned char *argument, pb_error *err)
{
    return recall(p, argument[0], err);
}

static pb_status op_get4(pickle *p, const unsigned char *argument, pb_error *err)
{
    return recall(p, unsigned_of(argument, 4), err);
}

static pb_status op_global(pickle *p, const unsigned char *argument, pb_error *err)
{
    const char *module, *name;
    size_t module_size, name_size;
    value found;
    (void)argument;
    TRY(take_line(p, &module, &module_size, err));
    TRY(take_line(p, &name, &name_size, err));
    TRY(torch_import(p, module, module_size, name, name_size, &found, err));
    return push(p, found, err);
}

static pb_status op_stack_global(pickle *p, const unsigned char *argument, pb_error *err)
{
    size_t module_size, name_size;
    value found;
    (void)argument;
    TRY(need(p, 2, err));
    if (kind_of(top(p, 1)) != VALUE_TEXT || kind_of(top(p, 0)) != VALUE_TEXT)
        return wrong(p, err, PB_EFORMAT, "imports %s from %s, expected two texts", pickle_value_name(top(p, 0)),
                     pickle_value_name(top(p, 1)));
    const char *module = pickle_text(p, top(p, 1), &module_size), *name = pickle_text(p, top(p, 0), &name_size);
    TRY(torch_import(p, module, module_size, name, name_size, &found, err));
    replace(p, 2, found);
    return PB_OK;
}

static pb_status op_reduce(pickle *p, const unsigned char *argument, pb_error *err)
{
    value made;
    (void)argument;
    TRY(need(p, 2, err));
    if (kind_of(top(p, 1)) != VALUE_FUNCTION || kind_of(top(p, 0)) != VALUE_TUPLE)
        return wrong(p, err, PB_EFORMAT, "calls %s with %s, expected a function with a tuple",
                     pickle_value_name(top(p, 1)), pickle_value_name(top(p, 0)));
    TRY(torch_call(p, top(p, 1), top(p, 0), &made, err));
    replace(p, 2, made);
    return PB_OK;
}

/* Attributes of an OrderedDict. A module's state dict has one, "_metadata", which says nothing about its tensors. */
static pb_status op_build(pickle *p, const unsigned char *argument, pb_error *err)
{
    (void)argument;
    TRY(need(p, 2, err));
    if (kind_of(top(p, 1)) != VALUE_DICT || kind_of(top(p, 0)) != VALUE_DICT)
        return wrong(p, err, PB_EFORMAT, "sets attributes of %s from %s, expected a dict's from a dict",
                     pickle_value_name(top(p, 1)), pickle_value_name(top(p, 0)));
    size_t size, pair = *list_at(&p->made, number_of(top(p, 0)));
    if (!pair)
        return wrong(p, err, PB_EFORMAT, "sets no attribute");
    while (pair && pickle_text_is(p, *list_at(&p->made, pair), "_metadata"))
        pair = *list_at(&p->made, pair + 2);
    if (pair) {
        const char *name = pickle_text(p, *list_at(&p->made, pair), &size);
        wrong(p, err, PB_EUNSUPPORTED, "sets the attribute %s, expected _metadata alone", shown_bytes(name, size).text);
        return pickle_foreign_hint(err);
    }
    p->depth--;
    return PB_OK;
}

static pb_status op_storage(pickle *p, const unsigned char *argument, pb_error *err)
{
    value storage;
    (void)argument;
    TRY(need(p, 1, err));
    TRY(torch_storage(p, top(p, 0), &storage, err));
    replace(p, 1, storage);
    return PB_OK;
}

static const struct row {
    const char *name;  /* as in pickletools */
    unsigned argument; /* bytes */
    operation *run;    /* NULL: known, and refused */
} operations[256] = {
    [0x80] = {"PROTO", 1, op_proto},
    [0x95] = {"FRAME", 8, op_frame},
    ['('] = {"MARK", 0, op_mark},
    ['.'] = {"STOP", 0, NULL}, /* pickle_read's */
    ['N'] = {"NONE", 0, op_none},
    [0x88] = {"NEWTRUE", 0, op_true},
    [0x89] = {"NEWFALSE", 0, op_false},
    ['K'] = {"BININT1", 1, op_int1},
    ['M'] = {"BININT2", 2, op_int2},
    ['J'] = {"BININT", 4, op_int4},
    [0x8a] = {"LONG1", 1, op_long},
    [0x8c] = {"SHORT_BINUNICODE", 1, op_text1},
    ['X'] = {"BINUNICODE", 4, op_text4},
    [')'] = {"EMPTY_TUPLE", 0, op_tuple0},
    [0x85] = {"TUPLE1", 0, op_tuple1},
    [0x86] = {"TUPLE2", 0, op_tuple2},
    [0x87] = {"TUPLE3", 0, op_tuple3},
    ['t'] = {"TUPLE", 0, op_tuple},
    ['}'] = {"EMPTY_DICT", 0, op_dict},
    ['s'] = {"SETITEM", 0, op_setitem},
    ['u'] = {"SETITEMS", 0, op_setitems},
    ['q'] = {"BINPUT", 1, op_put1},
    ['r'] = {"LONG_BINPUT", 4, op_put4},
    [0x94] = {"MEMOIZE", 0, op_memoize},
    ['h'] = {"BINGET", 1, op_get1},
    ['j'] = {"LONG_BINGET", 4, op_get4},
    ['c'] = {"GLOBAL", 0, op_global},
    [0x93] = {"STACK_GLOBAL", 0, op_stack_global},
    ['R'] = {"REDUCE", 0, op_reduce},
    ['b'] = {"BUILD", 0, op_build},
    ['Q'] = {"BINPERSID", 0, op_storage},
    /* refused */
    ['0'] = {.name = "POP"}, ['1'] = {.name = "POP_MARK"}, ['2'] = {.name = "DUP"}, ['F'] = {.name = "FLOAT"},
    ['G'] = {.name = "BINFLOAT"}, ['I'] = {.name = "INT"}, ['L'] = {.name = "LONG"}, [0x8b] = {.name = "LONG4"},
    ['S'] = {.name = "STRING"}, ['T'] = {.name = "BINSTRING"}, ['U'] = {.name = "SHORT_BINSTRING"},
    ['V'] = {.name = "UNICODE"}, [0x8d] = {.name = "BINUNICODE8"}, ['B'] = {.name = "BINBYTES"},
    ['C'] = {.name = "SHORT_BINBYTES"}, [0x8e] = {.name = "BINBYTES8"}, [0x96] = {.name = "BYTEARRAY8"},
    [']'] = {.name = "EMPTY_LIST"}, ['l'] = {.name = "LIST"}, ['a'] = {.name = "APPEND"}, ['e'] = {.name = "APPENDS"},
    ['d'] = {.name = "DICT"}, [0x8f] = {.name = "EMPTY_SET"}, [0x90] = {.name = "ADDITEMS"},
    [0x91] = {.name = "FROZENSET"}, ['g'] = {.name = "GET"}, ['p'] = {.name = "PUT"}, ['P'] = {.name = "PERSID"},
    ['i'] = {.name = "INST"}, ['o'] = {.name = "OBJ"}, [0x81] = {.name = "NEWOBJ"}, [0x92] = {.name = "NEWOBJ_EX"},
    [0x82] = {.name = "EXT1"}, [0x83] = {.name = "EXT2"}, [0x84] = {.name = "EXT4"},
    [0x97] = {.name = "NEXT_BUFFER"}, [0x98] = {.name = "READONLY_BUFFER"},
};

pb_status pickle_foreign_hint(pb_error *err)
{
    return fail_hint(err, "nothing in the file was executed; if you trust where it comes from, load it with PyTorch "
                     "and save the state dict alone: torch.save(model.state_dict(), ...), or save_pretrained");
}

static pb_status refuse(const pickle *p, unsigned char code, pb_error *err)
{
    if (!operations[code].name)
        return wrong(p, err, PB_EFORMAT, "0x%02x is no operation of a pickle", code);
    wrong(p, err, PB_EUNSUPPORTED, "has the operation %s, which no state dict needs", operations[code].name);
    return pickle_foreign_hint(err);
}

/* ---- the whole ---- */

/* Runs operations up to STOP, which must be the last byte. */
static pb_status run(pickle *p, pb_error *err)
{
    for (;;) {
        const unsigned char *code, *argument;
        p->operation = p->at;
        if (p->at == p->size)
            return wrong(p, err, PB_EFORMAT, "the pickle ends without STOP");
        TRY(take(p, 1, &code, err));
        if (*code == '.')
            return PB_OK;
        const struct row *row = &operations[*code];
        if (!row->run)
            return refuse(p, *code, err);
        TRY(take(p, row->argument, &argument, err));
        TRY(row->run(p, argument, err));
    }
}

static pb_status read_state(pickle *p, pb_error *err)
{
    if (p->size == 0 || p->bytes[0] != 0x80)
        return wrong(p, err, PB_EFORMAT, "is no pickle of protocol 2 or later: does not begin with PROTO");
    TRY(run(p, err));
    list_free(p, &p->memo);
    if (p->at != p->size)
        return wrong(p, err, PB_EFORMAT, "%zu bytes follow the pickle", p->size - p->at);
    if (p->depth != 1)
        return wrong(p, err, PB_EFORMAT, "the pickle leaves %zu values, expected one", p->depth);
    p->root = p->stack[0];
    return torch_check_state(p, err);
}

pb_status pickle_read(pickle **out, const void *bytes, size_t size, const char *name, size_t limit, pb_error *err)
{
    pickle *p = mem_new(1, sizeof *p);
    p->bytes = bytes;
    p->size = size;
    p->name = name;
    p->limit = limit;
    *out = NULL;
    pb_status status = read_state(p, err);
    if (status)
        pickle_free(p);
    else
        *out = p;
    return status;
}

void pickle_free(pickle *p)
{
    if (!p)
        return;
    list_free(p, &p->made);
    list_free(p, &p->memo);
    free(p);
}

size_t pickle_memory(const pickle *p)
{
    return p->memory;
}
