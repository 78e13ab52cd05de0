/* json_items.h: the items of a long JSON list, one at a time: files of hundreds of megabytes need no tree of the whole,
 * and a broken item does not take the others with it.
 *
 *     json_items it;
 *     TRY(json_items_open(&it, text, size, "annotations", "annotations.json", err));
 *     while (json_items_next(&it))
 *         ... it.item, it.item_size, it.line ...
 *     TRY(json_items_ended(&it, err));
 *
 * Items are found by their brackets and quotes alone: whoever parses them finds out whether they are JSON. */
#ifndef DATA_JSON_ITEMS_H
#define DATA_JSON_ITEMS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct json_items {
    const char *item;   /* this item, or NULL */
    size_t item_size;
    size_t line;        /* where it begins, from 1 */
    const char *at, *end, *counted; /* from here on the file's own business */
    size_t counted_line;
    const char *name;
    bool ended;
} json_items;

/* The list that is the member `key` of the object that the text is; key NULL: the text is the list. text and name must
 * outlive it. PB_EFORMAT: there is no such list. */
pb_status json_items_open(json_items *it, const char *text, size_t size, const char *key, const char *name,
                          pb_error *err);
/* Moves on to the next item; false behind the last, or where the text breaks off. */
bool json_items_next(json_items *it);
/* PB_EFORMAT when the list did not end with its bracket: the file is cut off, or damaged. */
pb_status json_items_ended(const json_items *it, pb_error *err);

/* The member `key` of the object that the text is, parsed; NULL: it has none, or it is no JSON. json_decref. */
json_t *json_items_member(const char *text, size_t size, const char *key);

#endif
