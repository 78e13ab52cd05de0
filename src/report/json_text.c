/* json_text.c: a JSON object as the text of a file (report.h). */
#include <stdlib.h>

#include "base/json.h"
#include "report/report.h"

static int add_bytes(const char *bytes, size_t n, void *out)
{
    buffer_add(out, bytes, n);
    return 0;
}

static void add_value(buffer *out, const json_t *value)
{
    json_dump_callback(value, add_bytes, out, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
}

void report_json_text(const json_t *object, buffer *out)
{
    const char *key, *before = "{\n";
    json_t *value;
    json_object_foreach((json_t *)(size_t)object, key, value) {
        json_t *name = json_string(key);
        buffer_text(out, before);
        add_value(out, name);
        buffer_text(out, ": ");
        add_value(out, value);
        json_decref(name);
        before = ",\n";
    }
    buffer_text(out, "\n}\n");
}
