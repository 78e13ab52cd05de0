/* store_parts.h: what the store's files share (store.h). */
#ifndef DATA_STORE_PARTS_H
#define DATA_STORE_PARTS_H

#include <locale.h>
#include <sqlite3.h>

#include "base/file_lock.h"
#include "base/memory.h"
#include "data/store.h"

/* The statements, prepared when first used: a row each in store_sql.c's table. */
enum {
    SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
    SQL_ADD_QUESTION, SQL_GET_QUESTION, SQL_PUT_RESULT, SQL_PUT_VALUE, SQL_PUT_CURVE, SQL_PUT_GRID,
    SQL_COUNT, SQL_DONE, SQL_ALL, SQL_BY_ID, SQL_BY_NUMBER, SQL_VALUES, SQL_CURVES, SQL_GRIDS,
    SQL_STATEMENTS
};

struct store {
    char *path;    /* as errors call it */
    sqlite3 *db;
    file_lock lock; /* held while it may be written */
    bool filling;   /* it is ours to write */
    sqlite3_stmt *statements[SQL_STATEMENTS];
    store_about about;
    json_t *about_json; /* holds about's texts and objects */
    locale_t numbers;   /* "C": digits have a point, whatever the program's locale says */
    buffer text;        /* of the curve that is written */
};

/* ---- SQL (store_sql.c) ---- */

enum { STORE_APPLICATION = 0x50427374 }; /* "PBst": what marks the file as a store */
/* Makes the tables of an empty file. */
extern const char store_schema[];

/* The failure of the last call into SQLite, told as a user understands it; `doing`: "be read", "be written". */
pb_status store_trouble(const store *s, const char *doing, pb_error *err);
/* *out: the statement, without bindings. */
pb_status store_sql(store *s, int which, sqlite3_stmt **out, pb_error *err);
/* Runs a statement that has no rows. */
pb_status store_run(store *s, int which, pb_error *err);
/* Ends the transaction: COMMIT when status is PB_OK, and else, or when that fails, ROLLBACK. */
pb_status store_end(store *s, pb_status status, pb_error *err);

/* SQL that is run once. What it finds is the first column of the first row: a text (free()), NULL where there is none,
 * or a number, 0 where there is none. */
pb_status store_exec(const store *s, const char *sql, const char *doing, pb_error *err);
pb_status store_get_text(const store *s, const char *sql, char **out, pb_error *err);
pb_status store_get_number(const store *s, const char *sql, long long *out, pb_error *err);

/* ---- rows (store_write.c, store_read.c) ---- */

/* What store_add_questions and store_put do, inside of a transaction of the caller's. *new: there was no result. */
pb_status store_add_within(store *s, const store_question *q, pb_error *err);
pb_status store_put_within(store *s, const store_result *r, bool *new, pb_error *err);

/* Shows the question of that number; *found is false, and nothing shown, where there is none. */
pb_status store_show_number(store *s, size_t number, unsigned what, bool *found,
                            pb_status (*see)(void *context, const store_result *r, pb_error *err), void *context,
                            pb_error *err);

/* ---- what it is of (store_about.c) ---- */

/* Into an empty store, and from one into s->about. */
pb_status store_about_write(const store *s, const store_about *about, pb_error *err);
pb_status store_about_read(store *s, pb_error *err);
/* PB_EINVAL names the first thing in which the work differs; `path` is the store's, that was made for `theirs`. */
pb_status store_same_work(const store_about *theirs, const store_about *ours, const char *path, pb_error *err);

#endif
