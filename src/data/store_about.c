/* store_about.c: what a store is of: written into it, read back, and compared with the work that is to go
 * into it (store.h). */
#include <stdlib.h>
#include <string.h>

#include "data/store_parts.h"

enum { ABOUT_KEYS = 4 };
static const char *const about_keys[ABOUT_KEYS] = {"method", "model", "options", "dataset"};

/* The text by which two are compared: of one work it is always the same. free() */
static char *canonical(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    char *copy = mem_text(text ? text : "null");
    free(text);
    return copy;
}

json_t *store_identity(const store_about *about)
{
    json_t *dataset = json_object();
    json_object_set(dataset, "rows", json_object_get(about->dataset, "rows"));
    json_object_set(dataset, "digest", json_object_get(about->dataset, "digest"));
    return json_pack("{s:s, s:O, s:O, s:o}", "method", about->method, "model", about->model, "options", about->options,
                     "dataset", dataset);
}

/* What the error says of two values that differ: of objects the first member that does. */
static pb_status differ(const char *path, const char *what, const json_t *theirs, const json_t *ours, pb_error *err)
{
    static const char none[] = "none";
    const char *key, *name = what;
    json_t *value, *all = NULL; /* whose keys `name` may be */
    const json_t *a = theirs, *b = ours;
    if (json_is_object(theirs) && json_is_object(ours)) {
        all = json_copy((json_t *)(size_t)theirs);
        json_object_update_missing(all, (json_t *)(size_t)ours);
        json_object_foreach(all, key, value) {
            a = json_object_get(theirs, key), b = json_object_get(ours, key), name = key;
            char *left = canonical(a), *right = canonical(b);
            int order = strcmp(left, right);
            free(left);
            free(right);
            if (order != 0)
                break;
        }
    }
    char *left = a ? canonical(a) : mem_text(none), *right = b ? canonical(b) : mem_text(none);
    bool inside = name != what;
    fail(err, PB_EINVAL, "%s: holds results of another %s: its %s%s%s is %.200s, here it is %.200s", path, what,
         inside ? "\"" : "", name, inside ? "\"" : "", left, right);
    free(left);
    free(right);
    json_decref(all);
    return fail_hint(err, "give another --store, or ask for the same work as before");
}

pb_status store_same_work(const store_about *theirs, const store_about *ours, const char *path, pb_error *err)
{
    static const char *const words[ABOUT_KEYS] = {"method", "model", "work: other options", "data set"};
    json_t *left = store_identity(theirs), *right = store_identity(ours);
    pb_status status = PB_OK;
    for (int i = 0; i < ABOUT_KEYS && !status; i++) {
        const json_t *a = json_object_get(left, about_keys[i]), *b = json_object_get(right, about_keys[i]);
        if (!json_equal(a, b))
            status = differ(path, words[i], a, b, err);
    }
    json_decref(left);
    json_decref(right);
    return status;
}

/* ---- in the file ---- */

pb_status store_about_write(const store *s, const store_about *about, pb_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(s->db, "INSERT INTO about VALUES (?1, ?2)", -1, &statement, NULL) != SQLITE_OK)
        return store_trouble(s, "be made", err);
    json_t *all = json_pack("{s:s, s:O, s:O, s:O}", "method", about->method, "model", about->model, "options",
                            about->options, "dataset", about->dataset);
    pb_status status = PB_OK;
    for (int i = 0; i < ABOUT_KEYS && !status; i++) {
        char *text = canonical(json_object_get(all, about_keys[i]));
        sqlite3_bind_text(statement, 1, about_keys[i], -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, text, -1, SQLITE_TRANSIENT);
        if (sqlite3_step(statement) != SQLITE_DONE)
            status = store_trouble(s, "be made", err);
        sqlite3_reset(statement);
        free(text);
    }
    json_decref(all);
    sqlite3_finalize(statement);
    return status;
}

pb_status store_about_read(store *s, pb_error *err)
{
    s->about_json = json_object();
    for (int i = 0; i < ABOUT_KEYS; i++) {
        buffer sql = {0};
        char *text;
        buffer_printf(&sql, "SELECT value FROM about WHERE key = '%s'", about_keys[i]);
        pb_status status = store_get_text(s, sql.data, &text, err);
        buffer_free(&sql);
        TRY(status);
        json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
        free(text);
        if (!value || !(i == 0 ? json_is_string(value) : json_is_object(value))) {
            json_decref(value);
            return fail(err, PB_EFORMAT, "%s: is damaged: it does not say of which %s it is", s->path, about_keys[i]);
        }
        json_object_set_new(s->about_json, about_keys[i], value);
    }
    s->about = (store_about){.method = json_string_value(json_object_get(s->about_json, "method")),
                             .model = json_object_get(s->about_json, "model"),
                             .options = json_object_get(s->about_json, "options"),
                             .dataset = json_object_get(s->about_json, "dataset")};
    return PB_OK;
}
