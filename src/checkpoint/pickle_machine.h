/* pickle_machine.h: for pickle.c (the operations) and pickle_torch.c (what they make): the machine's values and memory.
 *
 * A value is 64 bits: what it is, and a number. Whatever is larger stands in `made`, a list of values that only grows,
 * so an operation of one byte can make a few words of memory at most; the memory for all is limited. No value is walked
 * into its parts' parts, so values that hold each other a thousandfold cost no more than others. */
#ifndef CHECKPOINT_PICKLE_MACHINE_H
#define CHECKPOINT_PICKLE_MACHINE_H

#include <stdint.h>

#include "checkpoint/pickle.h"

typedef enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,     /* 0 or 1 */
    VALUE_INT,      /* signed, 56 bits */
    VALUE_TEXT,     /* where its operation stands in the pickle */
    VALUE_TUPLE,    /* a span of `made`: the items */
    VALUE_DICT,     /* place in `made` of [first pair, last pair]; a pair is [key, value, next pair], 0 ends the list */
    VALUE_FUNCTION, /* row in a table of pickle_torch.c */
    VALUE_STORAGE_TYPE, /* row of pickled_dtypes */
    VALUE_DTYPE,    /* row of pickled_dtypes */
    VALUE_STORAGE,  /* a span of `made`: the items of its persistent id, checked */
    VALUE_TENSOR,   /* a span of `made`: the arguments that rebuild it, checked */
    VALUE_MARK      /* on the stack: where the items of a tuple or dict begin */
} value_kind;

typedef uint64_t value;

enum { STACK_SIZE = 4096 }; /* torch.save leaves at most a thousand pairs waiting, and a few */
enum { BLOCK_VALUES = 256 };

/* A list of values in blocks, so that growing it copies nothing. */
typedef struct value_list {
    value **blocks;
    size_t block_count, count;
} value_list;

struct pickle {
    const unsigned char *bytes;
    size_t size, at;
    size_t operation; /* where the one that runs stands, for errors */
    const char *name;
    size_t limit, memory;
    value stack[STACK_SIZE];
    size_t depth;
    value_list made, memo;
    value root;       /* the dict that the pickle is */
};

/* ---- values ---- */

enum { KIND_BITS = 8, NUMBER_BITS = 64 - KIND_BITS, SPAN_BITS = 12 /* STACK_SIZE is 2^12 */ };

static inline value value_of(value_kind kind, uint64_t number)
{
    return (uint64_t)kind << NUMBER_BITS | (number & (UINT64_MAX >> KIND_BITS));
}

static inline value_kind kind_of(value v)
{
    return (value_kind)(v >> NUMBER_BITS);
}

static inline size_t number_of(value v)
{
    return v & (UINT64_MAX >> KIND_BITS);
}

static inline int64_t int_of(value v)
{
    return (int64_t)(v << KIND_BITS) >> KIND_BITS;
}

static inline value span_of(value_kind kind, size_t first, size_t count)
{
    return value_of(kind, (uint64_t)first << SPAN_BITS | count);
}

static inline size_t span_first(value v)
{
    return number_of(v) >> SPAN_BITS;
}

static inline size_t span_count(value v)
{
    return number_of(v) & ((1u << SPAN_BITS) - 1);
}

static inline value *list_at(const value_list *l, size_t i)
{
    return &l->blocks[i / BLOCK_VALUES][i % BLOCK_VALUES];
}

/* The i-th value of a tuple, a storage's id or a tensor's arguments; i < span_count(v). */
static inline value item_of(const pickle *p, value v, size_t i)
{
    return *list_at(&p->made, span_first(v) + i);
}

/* ---- memory ---- */

pb_status pickle_add(pickle *p, value_list *l, value v, pb_error *err);

/* An empty dict. */
pb_status pickle_dict_new(pickle *p, value *out, pb_error *err);
bool pickle_dict_empty(const pickle *p, value dict);

/* The bytes of a text. */
const char *pickle_text(const pickle *p, value v, size_t *size);
bool pickle_text_is(const pickle *p, value v, const char *wanted);

/* "a dict", "an integer", ...: for errors. */
const char *pickle_value_name(value v);

/* Fails with `code`, naming the file and the byte where the operation stands. */
#define wrong(p, err, code, format, ...)                                                                               \
    fail(err, code, "%s, byte %zu: " format, (p)->name, (p)->operation __VA_OPT__(, ) __VA_ARGS__)
/* The hint for what a state dict does not need. */
pb_status pickle_foreign_hint(pb_error *err);

/* ---- what torch.save refers to (pickle_torch.c) ---- */

extern const pickled_dtype pickled_dtypes[];

/* *out = the function, storage type or dtype that "MODULE.NAME" is; an error that names it when it is none of these. */
pb_status torch_import(const pickle *p, const char *module, size_t module_size, const char *name, size_t name_size,
                       value *out, pb_error *err);
/* *out = what calling `function` with the tuple `arguments` makes. */
pb_status torch_call(pickle *p, value function, value arguments, value *out, pb_error *err);
/* *out = the storage with the persistent id `id`. */
pb_status torch_storage(const pickle *p, value id, value *out, pb_error *err);
/* What the pickle has come to is a dict of tensors. */
pb_status torch_check_state(const pickle *p, pb_error *err);

#endif
