/* json.c: see json.h. */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

const char *json_kind(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

static pb_status parse(json_t **out, const char *bytes, size_t size, size_t flags, const char *name, pb_error *err)
{
    json_error_t at;
    *out = json_loadb(bytes ? bytes : "", size, flags | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &at);
    if (!*out)
        return fail(err, PB_EFORMAT, "%s: is not valid JSON (line %d, column %d: %s)", name, at.line, at.column,
                    at.text);
    if (!json_is_object(*out)) {
        const char *kind = json_kind(*out);
        json_decref(*out);
        *out = NULL;
        return fail(err, PB_EFORMAT, "%s: holds %s, expected a JSON object", name, kind);
    }
    return PB_OK;
}

pb_status json_parse_object(json_t **out, const char *bytes, size_t size, const char *name, pb_error *err)
{
    return parse(out, bytes, size, 0, name, err);
}

pb_status json_parse_strict(json_t **out, const char *bytes, size_t size, const char *name, pb_error *err)
{
    return parse(out, bytes, size, JSON_REJECT_DUPLICATES, name, err);
}

pb_status json_read_file(json_t **out, const char *path, pb_error *err)
{
    file_map map;
    *out = NULL;
    TRY(file_map_copy(&map, path, err));
    pb_status status = json_parse_object(out, (const char *)map.data, map.size, path, err);
    file_map_close(&map);
    return status;
}

/* The value at key, or NULL when it is missing or null. */
static json_t *look_up(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static pb_status wrong_kind(const json_t *value, const char *key, const char *wanted, const char *file, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: \"%s\" is %s, expected %s", file, key, json_kind(value), wanted);
}

pb_status json_get_size(const json_t *object, const char *key, size_t *value, const char *file, pb_error *err)
{
    const json_t *found = look_up(object, key);
    if (!found)
        return PB_OK;
    if (!json_is_number(found))
        return wrong_kind(found, key, "a whole number", file, err);
    double number = json_number_value(found);
    if (!(number >= 0 && number <= 9007199254740992.0 && floor(number) == number))
        return fail(err, PB_EFORMAT, "%s: \"%s\" is %g, expected a whole number of at least 0", file, key, number);
    *value = (size_t)number;
    return PB_OK;
}

pb_status json_get_real(const json_t *object, const char *key, double *value, const char *file, pb_error *err)
{
    const json_t *found = look_up(object, key);
    if (!found)
        return PB_OK;
    if (!json_is_number(found))
        return wrong_kind(found, key, "a number", file, err);
    *value = json_number_value(found);
    return PB_OK;
}

pb_status json_get_bool(const json_t *object, const char *key, bool *value, const char *file, pb_error *err)
{
    const json_t *found = look_up(object, key);
    if (!found)
        return PB_OK;
    if (!json_is_boolean(found))
        return wrong_kind(found, key, "true or false", file, err);
    *value = json_is_true(found);
    return PB_OK;
}

pb_status json_get_text(const json_t *object, const char *key, const char **value, const char *file, pb_error *err)
{
    const json_t *found = look_up(object, key);
    if (!found)
        return PB_OK;
    if (!json_is_string(found))
        return wrong_kind(found, key, "a string", file, err);
    if (strlen(json_string_value(found)) != json_string_length(found))
        return fail(err, PB_EFORMAT, "%s: \"%s\" holds a NUL character, expected plain text", file, key);
    *value = json_string_value(found);
    return PB_OK;
}

pb_status json_get_object(const json_t *object, const char *key, json_t **value, const char *file, pb_error *err)
{
    *value = look_up(object, key);
    if (*value && !json_is_object(*value))
        return wrong_kind(*value, key, "an object", file, err);
    return PB_OK;
}

pb_status json_get_array(const json_t *object, const char *key, json_t **value, const char *file, pb_error *err)
{
    *value = look_up(object, key);
    if (*value && !json_is_array(*value))
        return wrong_kind(*value, key, "an array", file, err);
    return PB_OK;
}

/* ---- writing ---- */

static bool is_whole(const json_t *value)
{
    double x = json_real_value(value);
    return json_is_real(value) && x == floor(x) && fabs(x) < 9e15; /* below 2^53: every whole number is there */
}

static void make_whole(json_t *parent)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach(parent, key, value)
    {
        if (is_whole(value))
            json_object_set_new(parent, key, json_integer((json_int_t)json_real_value(value)));
        else
            make_whole(value);
    }
    json_array_foreach(parent, i, value)
    {
        if (is_whole(value))
            json_array_set_new(parent, i, json_integer((json_int_t)json_real_value(value)));
        else
            make_whole(value);
    }
}

char *json_text_whole(const json_t *parent, size_t flags)
{
    json_t *copy = json_deep_copy(parent);
    make_whole(copy);
    char *text = json_dumps(copy, flags);
    json_decref(copy);
    return text;
}
