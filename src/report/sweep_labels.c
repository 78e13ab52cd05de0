/* sweep_labels.c: what tells stores apart that stand in one report: the options in which they differ. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "report/sweep_summary.h"

/* "results", of "runs/results.db" */
static void add_file_name(const char *path, buffer *out)
{
    const char *base = path_base(path);
    size_t length = strlen(base);
    buffer_add(out, base, length > 3 && strcmp(base + length - 3, ".db") == 0 ? length - 3 : length);
}

/* {"kind": "centred", "size": 3}: "window 3"; else "radius 3". False: it is no window. */
static bool add_window(const json_t *value, buffer *out)
{
    const char *kind = json_string_value(json_object_get(value, "kind"));
    const json_t *size = json_object_get(value, "size");
    if (!kind || !json_is_number(size))
        return false;
    buffer_printf(out, "%s %.0f", strcmp(kind, "radius") == 0 ? "radius" : "window", json_number_value(size));
    return true;
}

/* "direction noise", "layer 3", "corruption swap:Paris", "group": a flag that is off is "no group". */
static void add_option(const char *key, const json_t *value, buffer *out)
{
    if (out->size)
        buffer_text(out, ", ");
    if (strcmp(key, "window") == 0 && add_window(value, out))
        return;
    if (!value || json_is_null(value) || json_is_false(value)) {
        buffer_printf(out, "no %s", key);
    } else if (json_is_true(value)) {
        buffer_text(out, key);
    } else if (json_is_string(value)) {
        buffer_printf(out, "%s %s", key, json_string_value(value));
    } else {
        const json_t *only = json_array_size(value) == 1 ? json_array_get(value, 0) : value;
        char *text = json_dumps(only, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(9));
        buffer_printf(out, "%s %s", key, json_is_string(only) ? json_string_value(only) : text);
        free(text);
    }
}

static bool differs(const sweep_summary *s, size_t count, const char *key)
{
    for (size_t i = 1; i < count; i++) {
        const json_t *a = json_object_get(s[0].about->options, key), *b = json_object_get(s[i].about->options, key);
        if ((a || b) && !json_equal(a, b))
            return true;
    }
    return false;
}

static bool same_source(const sweep_summary *s, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!json_equal(s[0].about->model, s[i].about->model) ||
            !json_equal(json_object_get(s[0].about->dataset, "digest"), json_object_get(s[i].about->dataset, "digest")))
            return false;
    return true;
}

static bool seen_before(const sweep_summary *s, size_t i, const char *key)
{
    while (i-- > 0)
        if (json_object_get(s[i].about->options, key))
            return true;
    return false;
}

/* The options that differ, in the order of the stores' own lists; what only a later store has comes behind. */
static void add_options(const sweep_summary *s, size_t count, size_t of, buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        const char *key;
        const json_t *value;
        json_object_foreach((json_t *)s[i].about->options, key, value)
            if (!seen_before(s, i, key) && differs(s, count, key))
                add_option(key, json_object_get(s[of].about->options, key), out);
    }
}

static bool same_labels(const sweep_summary *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(s[i].label, s[k].label) == 0)
                return true;
    return false;
}

pb_status sweep_summaries_label(sweep_summary *s, size_t count, pb_error *err)
{
    bool one_source = same_source(s, count);
    for (size_t i = 1; i < count; i++)
        if (strcmp(s[0].about->method, s[i].about->method) != 0)
            return fail(err, PB_EINVAL, "%s is of %s and %s of %s: one report shows stores of one method", s[0].path,
                        s[0].about->method, s[i].path, s[i].about->method);
    for (size_t i = 0; i < count; i++) {
        buffer label = {0};
        if (!one_source || count == 1)
            add_file_name(s[i].path, &label);
        add_options(s, count, i, &label);
        if (label.size == 0)
            add_file_name(s[i].path, &label);
        free(s[i].label);
        s[i].label = label.data;
    }
    bool same = same_labels(s, count);
    for (size_t i = 0; same && i < count; i++) { /* files of one name: by their paths */
        free(s[i].label);
        s[i].label = mem_text(s[i].path);
    }
    return PB_OK;
}
