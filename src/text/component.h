/* component.h: the parts of a tokenizer.json ("normalizer", "decoder", ...) as objects with a "type".
 *
 * All four kinds of parts nest in the same way: a Sequence holds a list of others and means them one after the other.
 * component_each walks such a tree and hands every leaf to the reader that a table has for its type. */
#ifndef TEXT_COMPONENT_H
#define TEXT_COMPONENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct component {
    const json_t *object;
    const char *type;
    const char *where; /* "pre_tokenizer[1]": which one, for errors */
    const char *file;
} component;

typedef struct component_kind {
    const char *type;
    pb_status (*read)(void *into, const component *c, pb_error *err);
} component_kind;

/* The kinds that one part of the file may have; a row without a type ends the list. */
typedef struct component_table {
    const char *field;    /* "pre_tokenizer" */
    const char *sequence; /* the key of a Sequence's list: "pretokenizers" */
    const component_kind *kinds;
} component_table;

/* Reads `object` (NULL or JSON null: nothing) into `into`. A type that is not in the table is PB_EUNSUPPORTED. */
pb_status component_each(const component_table *table, const json_t *object, void *into, const char *file,
                         pb_error *err);

/* Typed members of a component; missing or null is an error unless the default says otherwise. */
pb_status component_text(const component *c, const char *key, const char **text, size_t *size, pb_error *err);
pb_status component_bool(const component *c, const char *key, const bool *missing, bool *value, pb_error *err);
pb_status component_count(const component *c, const char *key, size_t *value, pb_error *err);

/* The text of "pattern": {"String": text} or {"Regex": text}. */
pb_status component_pattern(const component *c, bool *is_regex, const char **text, size_t *size, pb_error *err);

#endif
