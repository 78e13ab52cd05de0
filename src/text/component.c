/* component.c: see component.h. */
#include "text/component.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"

enum { MOST_NESTING = 20 };

static pb_status read_component(const component_table *table, component c, int nesting, void *into, pb_error *err);

static pb_status read_sequence(const component_table *table, const component *c, int nesting, void *into,
                               pb_error *err)
{
    const json_t *list = json_object_get(c->object, table->sequence);
    pb_status status = PB_OK;
    buffer where = {0};
    if (!json_is_array(list))
        return fail(err, PB_EFORMAT, "%s: %s.%s is %s, expected an array", c->file, c->where, table->sequence,
                    list ? json_kind(list) : "missing");
    if (nesting == MOST_NESTING)
        return fail(err, PB_EUNSUPPORTED, "%s: %s: more than %d Sequences inside each other", c->file, table->field,
                    MOST_NESTING);
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        where.size = 0;
        buffer_printf(&where, "%s[%zu]", c->where, i);
        component inner = {.object = json_array_get(list, i), .where = where.data, .file = c->file};
        status = read_component(table, inner, nesting + 1, into, err);
    }
    buffer_free(&where);
    return status;
}

static pb_status read_component(const component_table *table, component c, int nesting, void *into, pb_error *err)
{
    if (!json_is_object(c.object))
        return fail(err, PB_EFORMAT, "%s: %s is %s, expected an object", c.file, c.where, json_kind(c.object));
    c.type = json_string_value(json_object_get(c.object, "type"));
    if (!c.type)
        return fail(err, PB_EFORMAT, "%s: %s has no \"type\"", c.file, c.where);
    if (strcmp(c.type, "Sequence") == 0)
        return read_sequence(table, &c, nesting, into, err);
    for (const component_kind *kind = table->kinds; kind->type; kind++)
        if (strcmp(kind->type, c.type) == 0)
            return kind->read(into, &c, err);
    return fail(err, PB_EUNSUPPORTED, "%s: %s is of the type \"%.60s\", which is not supported", c.file, c.where,
                c.type);
}

pb_status component_each(const component_table *table, const json_t *object, void *into, const char *file,
                         pb_error *err)
{
    if (!object || json_is_null(object))
        return PB_OK;
    return read_component(table, (component){.object = object, .where = table->field, .file = file}, 0, into, err);
}

static pb_status wrong(const component *c, const char *key, const json_t *found, const char *wanted, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: %s (%s): \"%s\" is %s, expected %s", c->file, c->where, c->type, key,
                found ? json_kind(found) : "missing", wanted);
}

pb_status component_text(const component *c, const char *key, const char **text, size_t *size, pb_error *err)
{
    const json_t *found = json_object_get(c->object, key);
    if (!json_is_string(found))
        return wrong(c, key, found, "a string", err);
    *text = json_string_value(found);
    *size = json_string_length(found);
    return PB_OK;
}

pb_status component_bool(const component *c, const char *key, const bool *missing, bool *value, pb_error *err)
{
    const json_t *found = json_object_get(c->object, key);
    if (missing && (!found || json_is_null(found))) {
        *value = *missing;
        return PB_OK;
    }
    if (!json_is_boolean(found))
        return wrong(c, key, found, "true or false", err);
    *value = json_is_true(found);
    return PB_OK;
}

pb_status component_count(const component *c, const char *key, size_t *value, pb_error *err)
{
    const json_t *found = json_object_get(c->object, key);
    if (!json_is_number(found))
        return wrong(c, key, found, "a number", err);
    return json_get_size(c->object, key, value, c->file, err);
}

pb_status component_pattern(const component *c, bool *is_regex, const char **text, size_t *size, pb_error *err)
{
    const json_t *found = json_object_get(c->object, "pattern");
    const json_t *string = json_object_get(found, "String"), *regex = json_object_get(found, "Regex");
    if (!json_is_string(string) && !json_is_string(regex))
        return wrong(c, "pattern", found, "{\"String\": text} or {\"Regex\": expression}", err);
    *is_regex = json_is_string(regex);
    *text = json_string_value(*is_regex ? regex : string);
    *size = json_string_length(*is_regex ? regex : string);
    return PB_OK;
}
