/* json_at.c: see json_at.h. */
#include "report/json_at.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

json_at json_at_key(const json_at *a, const char *key)
{
    return (json_at){.value = json_object_get(a->value, key), .from = a, .key = key, .file = a->file};
}

json_at json_at_item(const json_at *a, size_t index)
{
    return (json_at){.value = json_array_get(a->value, index), .from = a, .index = index, .file = a->file};
}

void json_at_path(const json_at *a, buffer *out)
{
    if (!a->from)
        return;
    json_at_path(a->from, out);
    if (a->key)
        buffer_printf(out, "%s%s", out->size ? "." : "", a->key);
    else
        buffer_printf(out, "[%zu]", a->index);
}

bool json_at_is_there(const json_at *a)
{
    return a->value && !json_is_null(a->value);
}

/* What a value is, for an error. */
static void found(const json_at *a, buffer *out)
{
    if (json_is_number(a->value))
        buffer_printf(out, "%.15g", json_number_value(a->value));
    else if (json_is_array(a->value))
        buffer_printf(out, "a list of %zu", json_array_size(a->value));
    else if (a->value)
        buffer_text(out, json_kind(a->value));
    else
        buffer_text(out, "missing");
}

pb_status json_at_wrong(const json_at *a, const char *expected, pb_error *err)
{
    buffer path = {0}, is = {0};
    json_at_path(a, &path);
    found(a, &is);
    pb_status status = fail(err, PB_EFORMAT, "%s: %s is %s, expected %s", a->file, path.size ? path.data : "the whole",
                            is.data, expected);
    buffer_free(&path);
    buffer_free(&is);
    return status;
}

pb_status json_at_object(const json_at *a, pb_error *err)
{
    return json_is_object(a->value) ? PB_OK : json_at_wrong(a, "an object", err);
}

pb_status json_at_list(const json_at *a, size_t *count, pb_error *err)
{
    *count = json_array_size(a->value);
    return json_is_array(a->value) ? PB_OK : json_at_wrong(a, "a list", err);
}

pb_status json_at_list_of(const json_at *a, size_t count, pb_error *err)
{
    char expected[48];
    snprintf(expected, sizeof expected, "a list of %zu", count);
    return json_is_array(a->value) && json_array_size(a->value) == count ? PB_OK : json_at_wrong(a, expected, err);
}

pb_status json_at_text(const json_at *a, const char **text, pb_error *err)
{
    *text = json_string_value(a->value);
    return *text ? PB_OK : json_at_wrong(a, "a string", err);
}

pb_status json_at_bool(const json_at *a, bool *value, pb_error *err)
{
    *value = json_is_true(a->value);
    return json_is_boolean(a->value) ? PB_OK : json_at_wrong(a, "true or false", err);
}

static bool is_whole(const json_t *value, double least, double most)
{
    double x = json_number_value(value);
    return json_is_number(value) && x == floor(x) && x >= least && x <= most;
}

pb_status json_at_size(const json_at *a, size_t most, size_t *value, pb_error *err)
{
    char expected[64];
    *value = 0;
    if (is_whole(a->value, 0, fmin((double)most, 0x1p53))) {
        *value = (size_t)json_number_value(a->value);
        return PB_OK;
    }
    if (most == SIZE_MAX)
        return json_at_wrong(a, "a whole number from 0", err);
    snprintf(expected, sizeof expected, "a whole number from 0 to %zu", most);
    return json_at_wrong(a, expected, err);
}

pb_status json_at_id(const json_at *a, int32_t *id, pb_error *err)
{
    *id = -1;
    if (!is_whole(a->value, INT32_MIN, INT32_MAX))
        return json_at_wrong(a, "a token's id", err);
    *id = (int32_t)json_number_value(a->value);
    return PB_OK;
}

pb_status json_at_number(const json_at *a, double *value, pb_error *err)
{
    *value = json_is_number(a->value) ? json_number_value(a->value) : NAN;
    return json_is_number(a->value) || json_is_null(a->value) ? PB_OK : json_at_wrong(a, "a number", err);
}

pb_status json_at_numbers(const json_at *a, double *values, size_t count, pb_error *err)
{
    TRY(json_at_list_of(a, count, err));
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(a, i);
        TRY(json_at_number(&item, &values[i], err));
    }
    return PB_OK;
}

pb_status json_at_text_of(const json_at *a, const char *key, const char **text, pb_error *err)
{
    json_at value = json_at_key(a, key);
    *text = NULL;
    return json_at_is_there(&value) ? json_at_text(&value, text, err) : PB_OK;
}

pb_status json_at_number_of(const json_at *a, const char *key, double *value, pb_error *err)
{
    json_at number = json_at_key(a, key);
    return json_at_number(&number, value, err);
}

pb_status json_at_size_of(const json_at *a, const char *key, size_t most, size_t *value, pb_error *err)
{
    json_at number = json_at_key(a, key);
    return json_at_size(&number, most, value, err);
}

static pb_status read_positions(const json_at *a, size_t end, size_t *positions, size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(a, i);
        if (end == 0)
            return json_at_wrong(&item, "no position", err);
        TRY(json_at_size(&item, end - 1, &positions[i], err));
        if (i && positions[i] <= positions[i - 1])
            return json_at_wrong(&item, "a number larger than the one before", err);
    }
    return PB_OK;
}

pb_status json_at_positions(const json_at *a, size_t end, size_t **positions, size_t *count, pb_error *err)
{
    *positions = NULL;
    TRY(json_at_list(a, count, err));
    *positions = mem_new(*count, sizeof **positions);
    pb_status status = read_positions(a, end, *positions, *count, err);
    if (status) {
        free(*positions);
        *positions = NULL;
        *count = 0;
    }
    return status;
}
