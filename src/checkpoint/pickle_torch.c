/* pickle_torch.c: what a state dict's pickle may refer to, and how its tensors are described.
 *
 * torch.save writes a tensor as a call of torch._utils._rebuild_tensor_v2 with
 *     storage, offset, size, stride, requires_grad, backward_hooks [, metadata]
 * or, for dtypes that have no storage type of their own, of _rebuild_tensor_v3, which has the dtype before the
 * metadata. A parameter is a call of _rebuild_parameter with tensor, requires_grad, backward_hooks.
 * A storage is a persistent id,
 *     "storage", storage type, key, device, number of elements [, view: legacy files only, always None there]. */
#include <string.h>

#include "checkpoint/pickle_machine.h"

const pickled_dtype pickled_dtypes[] = {
    {"F32", DTYPE_F32, 4, "torch.FloatStorage", "torch.float32"},
    {"F16", DTYPE_F16, 2, "torch.HalfStorage", "torch.float16"},
    {"BF16", DTYPE_BF16, 2, "torch.BFloat16Storage", "torch.bfloat16"},
    {"F64", DTYPE_OTHER, 8, "torch.DoubleStorage", "torch.float64"},
    {"I64", DTYPE_OTHER, 8, "torch.LongStorage", "torch.int64"},
    {"I32", DTYPE_OTHER, 4, "torch.IntStorage", "torch.int32"},
    {"I16", DTYPE_OTHER, 2, "torch.ShortStorage", "torch.int16"},
    {"I8", DTYPE_OTHER, 1, "torch.CharStorage", "torch.int8"},
    {"U8", DTYPE_OTHER, 1, "torch.ByteStorage", "torch.uint8"},
    {"BOOL", DTYPE_OTHER, 1, "torch.BoolStorage", "torch.bool"},
    {"C64", DTYPE_OTHER, 8, "torch.ComplexFloatStorage", "torch.complex64"},
    {"C128", DTYPE_OTHER, 16, "torch.ComplexDoubleStorage", "torch.complex128"},
    {"bytes", DTYPE_OTHER, 1, "torch.storage.UntypedStorage", NULL},
    {"U16", DTYPE_OTHER, 2, NULL, "torch.uint16"},
    {"U32", DTYPE_OTHER, 4, NULL, "torch.uint32"},
    {"U64", DTYPE_OTHER, 8, NULL, "torch.uint64"},
    {"F8_E4M3", DTYPE_OTHER, 1, NULL, "torch.float8_e4m3fn"},
    {"F8_E5M2", DTYPE_OTHER, 1, NULL, "torch.float8_e5m2"},
    {"F8_E8M0", DTYPE_OTHER, 1, NULL, "torch.float8_e8m0fnu"},
    {"F8_E4M3FNUZ", DTYPE_OTHER, 1, NULL, "torch.float8_e4m3fnuz"},
    {"F8_E5M2FNUZ", DTYPE_OTHER, 1, NULL, "torch.float8_e5m2fnuz"},
};
enum { DTYPE_COUNT = sizeof pickled_dtypes / sizeof *pickled_dtypes };

/* ---- calls ---- */

enum { STORAGE, OFFSET, SIZE, STRIDE, REQUIRES_GRAD, HOOKS, AFTER_HOOKS }; /* arguments that rebuild a tensor */
enum { ID_WORD, ID_TYPE, ID_KEY, ID_DEVICE, ID_ELEMENTS, ID_VIEW };        /* items of a persistent id */

static pb_status expect(const pickle *p, value tuple, size_t i, value_kind kind, const char *what, pb_error *err)
{
    if (i >= span_count(tuple))
        return wrong(p, err, PB_EFORMAT, "%s is missing", what);
    value v = item_of(p, tuple, i);
    return kind_of(v) == kind ? PB_OK : wrong(p, err, PB_EFORMAT, "%s is %s", what, pickle_value_name(v));
}

/* A tuple of whole numbers of at least 0. */
static pb_status expect_sizes(const pickle *p, value tuple, size_t i, const char *what, pb_error *err)
{
    TRY(expect(p, tuple, i, VALUE_TUPLE, what, err));
    value sizes = item_of(p, tuple, i);
    if (span_count(sizes) > PICKLE_MAX_RANK)
        return wrong(p, err, PB_EFORMAT, "%s has %zu dimensions, expected at most %d", what, span_count(sizes),
                     PICKLE_MAX_RANK);
    for (size_t d = 0; d < span_count(sizes); d++)
        if (kind_of(item_of(p, sizes, d)) != VALUE_INT || int_of(item_of(p, sizes, d)) < 0)
            return wrong(p, err, PB_EFORMAT, "%s has in dimension %zu no whole number of at least 0", what, d);
    return PB_OK;
}

/* Hooks are no part of a state dict, but their empty dict is. */
static pb_status expect_no_hooks(const pickle *p, value tuple, size_t i, pb_error *err)
{
    if (i < span_count(tuple) && kind_of(item_of(p, tuple, i)) == VALUE_NONE)
        return PB_OK;
    TRY(expect(p, tuple, i, VALUE_DICT, "a tensor's dict of hooks", err));
    return pickle_dict_empty(p, item_of(p, tuple, i)) ? PB_OK
                                               : wrong(p, err, PB_EUNSUPPORTED, "a tensor has hooks, expected none");
}

/* Says that a view is conjugate or negative: its numbers are others than the storage's. */
static pb_status expect_no_metadata(const pickle *p, value tuple, size_t i, pb_error *err)
{
    if (i == span_count(tuple) || kind_of(item_of(p, tuple, i)) == VALUE_NONE ||
        (kind_of(item_of(p, tuple, i)) == VALUE_DICT && pickle_dict_empty(p, item_of(p, tuple, i))))
        return PB_OK;
    wrong(p, err, PB_EUNSUPPORTED, "a tensor is a conjugate or negative view");
    return fail_hint(err, "save its resolve_conj() or resolve_neg()");
}

/* What v2 and v3 share; `count` is how many arguments there may be, the metadata last. */
static pb_status check_tensor(const pickle *p, value arguments, size_t count, pb_error *err)
{
    TRY(expect(p, arguments, STORAGE, VALUE_STORAGE, "a tensor's storage", err));
    TRY(expect(p, arguments, OFFSET, VALUE_INT, "a tensor's offset", err));
    if (int_of(item_of(p, arguments, OFFSET)) < 0)
        return wrong(p, err, PB_EFORMAT, "a tensor's offset is below 0");
    TRY(expect_sizes(p, arguments, SIZE, "a tensor's shape", err));
    TRY(expect_sizes(p, arguments, STRIDE, "a tensor's list of strides", err));
    if (span_count(item_of(p, arguments, SIZE)) != span_count(item_of(p, arguments, STRIDE)))
        return wrong(p, err, PB_EFORMAT, "a tensor has %zu dimensions but %zu strides",
                     span_count(item_of(p, arguments, SIZE)), span_count(item_of(p, arguments, STRIDE)));
    TRY(expect(p, arguments, REQUIRES_GRAD, VALUE_BOOL, "a tensor's requires_grad", err));
    TRY(expect_no_hooks(p, arguments, HOOKS, err));
    if (span_count(arguments) > count)
        return wrong(p, err, PB_EFORMAT, "a tensor is rebuilt from %zu arguments, expected at most %zu",
                     span_count(arguments), count);
    return PB_OK;
}

static value as_tensor(value arguments)
{
    return span_of(VALUE_TENSOR, span_first(arguments), span_count(arguments));
}

static pb_status rebuild_tensor_v2(pickle *p, value arguments, value *out, pb_error *err)
{
    TRY(check_tensor(p, arguments, AFTER_HOOKS + 1, err));
    TRY(expect_no_metadata(p, arguments, AFTER_HOOKS, err));
    *out = as_tensor(arguments);
    return PB_OK;
}

static pb_status rebuild_tensor_v3(pickle *p, value arguments, value *out, pb_error *err)
{
    TRY(check_tensor(p, arguments, AFTER_HOOKS + 2, err));
    TRY(expect(p, arguments, AFTER_HOOKS, VALUE_DTYPE, "a tensor's dtype", err));
    TRY(expect_no_metadata(p, arguments, AFTER_HOOKS + 1, err));
    *out = as_tensor(arguments);
    return PB_OK;
}

static pb_status rebuild_parameter(pickle *p, value arguments, value *out, pb_error *err)
{
    TRY(expect(p, arguments, 0, VALUE_TENSOR, "a parameter's tensor", err));
    TRY(expect(p, arguments, 1, VALUE_BOOL, "a parameter's requires_grad", err));
    TRY(expect_no_hooks(p, arguments, 2, err));
    *out = item_of(p, arguments, 0);
    return PB_OK;
}

static pb_status ordered_dict(pickle *p, value arguments, value *out, pb_error *err)
{
    if (span_count(arguments) != 0)
        return wrong(p, err, PB_EFORMAT, "an OrderedDict is made from %zu arguments, expected none",
                     span_count(arguments));
    return pickle_dict_new(p, out, err);
}

static const struct function {
    const char *name;
    pb_status (*call)(pickle *p, value arguments, value *out, pb_error *err);
} functions[] = {
    {"collections.OrderedDict", ordered_dict},
    {"torch._utils._rebuild_tensor_v2", rebuild_tensor_v2},
    {"torch._utils._rebuild_tensor_v3", rebuild_tensor_v3},
    {"torch._utils._rebuild_parameter", rebuild_parameter},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

pb_status torch_call(pickle *p, value function, value arguments, value *out, pb_error *err)
{
    return functions[number_of(function)].call(p, arguments, out, err);
}

/* ---- imports ---- */

/* MODULE.NAME is `full`. */
static bool is_named(const char *full, const char *module, size_t module_size, const char *name, size_t name_size)
{
    return full && strlen(full) == module_size + 1 + name_size && memcmp(full, module, module_size) == 0 &&
           full[module_size] == '.' && memcmp(full + module_size + 1, name, name_size) == 0;
}

pb_status torch_import(const pickle *p, const char *module, size_t module_size, const char *name, size_t name_size,
                       value *out, pb_error *err)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (is_named(functions[i].name, module, module_size, name, name_size)) {
            *out = value_of(VALUE_FUNCTION, i);
            return PB_OK;
        }
    for (size_t i = 0; i < DTYPE_COUNT; i++) {
        bool storage = is_named(pickled_dtypes[i].storage, module, module_size, name, name_size);
        if (storage || is_named(pickled_dtypes[i].dtype, module, module_size, name, name_size)) {
            *out = value_of(storage ? VALUE_STORAGE_TYPE : VALUE_DTYPE, i);
            return PB_OK;
        }
    }
    wrong(p, err, PB_EUNSUPPORTED, "imports %s.%s, which no state dict needs", shown_bytes(module, module_size).text,
          shown_bytes(name, name_size).text);
    return pickle_foreign_hint(err);
}

/* ---- storages ---- */

pb_status torch_storage(const pickle *p, value id, value *out, pb_error *err)
{
    if (kind_of(id) != VALUE_TUPLE || span_count(id) == 0 || !pickle_text_is(p, item_of(p, id, ID_WORD), "storage"))
        return wrong(p, err, PB_EFORMAT, "refers to something else than a storage");
    TRY(expect(p, id, ID_TYPE, VALUE_STORAGE_TYPE, "a storage's type", err));
    TRY(expect(p, id, ID_KEY, VALUE_TEXT, "a storage's key", err));
    TRY(expect(p, id, ID_DEVICE, VALUE_TEXT, "a storage's device", err));
    TRY(expect(p, id, ID_ELEMENTS, VALUE_INT, "a storage's number of elements", err));
    if (span_count(id) > ID_VIEW)
        TRY(expect(p, id, ID_VIEW, VALUE_NONE, "a storage's view", err));
    const pickled_dtype *type = &pickled_dtypes[number_of(item_of(p, id, ID_TYPE))];
    int64_t elements = int_of(item_of(p, id, ID_ELEMENTS));
    if (elements < 0 || elements > INT64_MAX / type->bytes)
        return wrong(p, err, PB_EFORMAT, "a storage has %lld elements", (long long)elements);
    *out = span_of(VALUE_STORAGE, span_first(id), span_count(id));
    return PB_OK;
}

/* ---- the state dict ---- */

static size_t first_pair(const pickle *p)
{
    return *list_at(&p->made, number_of(p->root));
}

static value pair_item(const pickle *p, size_t pair, size_t i)
{
    return *list_at(&p->made, pair + i);
}

pb_status torch_check_state(const pickle *p, pb_error *err)
{
    if (kind_of(p->root) != VALUE_DICT)
        return wrong(p, err, PB_EUNSUPPORTED, "the pickle is %s, expected a state dict", pickle_value_name(p->root));
    for (size_t pair = first_pair(p); pair; pair = pair_item(p, pair, 2)) {
        size_t size;
        const char *name = pickle_text(p, pair_item(p, pair, 0), &size);
        value v = pair_item(p, pair, 1);
        if (kind_of(v) == VALUE_TENSOR)
            continue;
        fail(err, PB_EUNSUPPORTED, "%s: the entry %s is %s, expected a tensor: this is no plain state dict", p->name,
             shown_bytes(name, size).text, pickle_value_name(v));
        if (kind_of(v) == VALUE_DICT)
            return fail_hint(err, "if that is the state dict, save it alone: torch.save(torch.load(FILE)[\"%s\"], ...)",
                             shown_bytes(name, size).text);
        return pickle_foreign_hint(err);
    }
    return PB_OK;
}

static void describe(const pickle *p, value made, pickled_tensor *t)
{
    value id = item_of(p, made, STORAGE), size = item_of(p, made, SIZE), stride = item_of(p, made, STRIDE);
    const pickled_dtype *storage = &pickled_dtypes[number_of(item_of(p, id, ID_TYPE))];
    t->storage = pickle_text(p, item_of(p, id, ID_KEY), &t->storage_size);
    t->storage_bytes = number_of(item_of(p, id, ID_ELEMENTS)) * storage->bytes;
    t->offset = number_of(item_of(p, made, OFFSET));
    t->type = storage;
    if (span_count(made) > AFTER_HOOKS && kind_of(item_of(p, made, AFTER_HOOKS)) == VALUE_DTYPE)
        t->type = &pickled_dtypes[number_of(item_of(p, made, AFTER_HOOKS))];
    t->rank = span_count(size);
    for (size_t d = 0; d < t->rank; d++) {
        t->shape[d] = number_of(item_of(p, size, d));
        t->stride[d] = number_of(item_of(p, stride, d));
    }
}

bool pickle_next(const pickle *p, size_t *entry, pickled_tensor *t)
{
    size_t pair = *entry == PICKLE_FIRST ? first_pair(p) : pair_item(p, *entry, 2);
    if (!pair)
        return false;
    *entry = pair;
    t->name = pickle_text(p, pair_item(p, pair, 0), &t->name_size);
    describe(p, pair_item(p, pair, 1), t);
    return true;
}
