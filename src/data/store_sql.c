/* store_sql.c: what a store says to SQLite: its schema, its statements,
 * and what is told of their failures (store_parts.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/store_parts.h"

/* ---- the schema ---- */

/* No STRICT tables and no generated columns, so that SQLite from 3.8.2 on reads it: what old clusters have. */
const char store_schema[] =
    "PRAGMA application_id = 1346532212;\n" /* STORE_APPLICATION */
    "PRAGMA user_version = 1;\n"            /* STORE_VERSION */
    "CREATE TABLE about (\n"
    "  key   TEXT PRIMARY KEY, -- method, model, options, dataset\n"
    "  value TEXT NOT NULL     -- JSON\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE question ( -- the rows of the data set that were taken on\n"
    "  number   INTEGER PRIMARY KEY,  -- its place in the data set, from 0\n"
    "  id       TEXT NOT NULL UNIQUE, -- the row's, or line-N\n"
    "  subject  TEXT,\n"
    "  source   TEXT,\n"
    "  relation TEXT,\n"
    "  question TEXT,\n"
    "  image    TEXT, -- the picture's path\n"
    "  row      TEXT  -- all of the row, JSON\n"
    ");\n"
    "CREATE TABLE result ( -- one row a question that is done, whichever way it ended\n"
    "  question       INTEGER PRIMARY KEY REFERENCES question(number),\n"
    "  status         TEXT NOT NULL CHECK (status IN ('done', 'wrong', 'marked', 'failed')),\n"
    "  reason         TEXT,    -- why it is not done\n"
    "  answer         TEXT,    -- the model's own\n"
    "  correct        INTEGER, -- 1, 0; NULL: not known\n"
    "  clean_prob     REAL,    -- of the answer that is followed\n"
    "  corrupted_prob REAL,\n"
    "  detail         TEXT,    -- the result's JSON without its arrays\n"
    "  seconds        REAL,    -- what it took\n"
    "  flop           REAL\n"
    ");\n"
    "CREATE TABLE value ( -- further numbers of a result\n"
    "  question INTEGER NOT NULL REFERENCES result(question),\n"
    "  name     TEXT NOT NULL,\n"
    "  value    REAL, -- NULL: there is none\n"
    "  PRIMARY KEY (question, name)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE curve ( -- a number a layer\n"
    "  question INTEGER NOT NULL REFERENCES result(question),\n"
    "  name     TEXT NOT NULL, -- attn_out/prob, image>constraint, ...\n"
    "  class    TEXT NOT NULL, -- a class of tokens, or which measure\n"
    "  data     TEXT NOT NULL, -- JSON: [0.25, null, ...]\n"
    "  PRIMARY KEY (question, name, class)\n"
    ");\n"
    "CREATE TABLE grid ( -- arrays\n"
    "  question INTEGER NOT NULL REFERENCES result(question),\n"
    "  name     TEXT NOT NULL, -- attn_out/prob, ...\n"
    "  shape    TEXT NOT NULL, -- JSON: [24, 12]\n"
    "  data     BLOB NOT NULL, -- little-endian float64, row-major\n"
    "  PRIMARY KEY (question, name)\n"
    ");\n";

/* ---- failures ---- */

pb_status store_trouble(const store *s, const char *doing, pb_error *err)
{
    int system = errno ? errno : sqlite3_system_errno(s->db); /* store_sql cleared it; SQLite does not keep each */
    switch (sqlite3_errcode(s->db)) {
    case SQLITE_FULL:
        fail(err, PB_EIO, "%s: cannot %s: the disk is full", s->path, doing);
        return fail_hint(err, "make room and start again: what is done is kept");
    case SQLITE_IOERR:
        fail(err, PB_EIO, "%s: cannot %s: %s", s->path, doing,
             system ? strerror(system) : sqlite3_errmsg(s->db));
        return fail_hint(err, "start again when that is mended: what is done is kept");
    case SQLITE_CORRUPT:
        return fail(err, PB_EFORMAT, "%s: is damaged: %s", s->path, sqlite3_errmsg(s->db));
    case SQLITE_NOTADB:
        return fail(err, PB_EFORMAT, "%s: is no store of results (no SQLite file)", s->path);
    case SQLITE_NOMEM:
        return fail(err, PB_ENOMEM, "%s: cannot %s: no memory left", s->path, doing);
    case SQLITE_BUSY:
        return fail(err, PB_EIO, "%s: cannot %s: another program keeps it locked", s->path, doing);
    case SQLITE_CONSTRAINT:
        return fail(err, PB_EINVAL, "%s: cannot %s: %s", s->path, doing, sqlite3_errmsg(s->db));
    default:
        return fail(err, PB_EIO, "%s: cannot %s: %s", s->path, doing, sqlite3_errmsg(s->db));
    }
}

/* ---- statements that are kept ---- */

#define QUESTION_COLUMNS "q.number, q.id, q.subject, q.source, q.relation, q.question, q.image"
#define RESULT_COLUMNS "r.status, r.reason, r.answer, r.correct, r.clean_prob, r.corrupted_prob, r.seconds, r.flop"
/* q.row and r.detail are large and rarely wanted: ?1 and ?2 say whether they are */
#define QUESTIONS_WITH_RESULTS                                                                                       \
    "SELECT " QUESTION_COLUMNS ", " RESULT_COLUMNS ", CASE WHEN ?1 THEN q.row END, CASE WHEN ?2 THEN r.detail END "  \
    "FROM question q LEFT JOIN result r ON r.question = q.number "

static const char *const statements[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_ADD_QUESTION] = "INSERT INTO question VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_GET_QUESTION] = "SELECT * FROM question WHERE number = ?1",
    [SQL_PUT_RESULT] = "INSERT INTO result VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
                       "ON CONFLICT (question) DO NOTHING",
    [SQL_PUT_VALUE] = "INSERT INTO value VALUES (?1, ?2, ?3)",
    [SQL_PUT_CURVE] = "INSERT INTO curve VALUES (?1, ?2, ?3, ?4)",
    [SQL_PUT_GRID] = "INSERT INTO grid VALUES (?1, ?2, ?3, ?4)",
    [SQL_COUNT] = "SELECT (SELECT count(*) FROM question), (SELECT count(*) FROM result)",
    [SQL_DONE] = "SELECT question FROM result",
    [SQL_ALL] = QUESTIONS_WITH_RESULTS "ORDER BY q.number",
    [SQL_BY_ID] = QUESTIONS_WITH_RESULTS "WHERE q.id = ?3",
    [SQL_BY_NUMBER] = QUESTIONS_WITH_RESULTS "WHERE q.number = ?3",
    [SQL_VALUES] = "SELECT name, value FROM value WHERE question = ?1 ORDER BY name",
    [SQL_CURVES] = "SELECT name, class, data FROM curve WHERE question = ?1 ORDER BY name, class",
    [SQL_GRIDS] = "SELECT name, shape, data FROM grid WHERE question = ?1 ORDER BY name",
};

pb_status store_sql(store *s, int which, sqlite3_stmt **out, pb_error *err)
{
    sqlite3_stmt **statement = &s->statements[which];
    if (!*statement &&
        sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
        return store_trouble(s, "be read", err);
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    errno = 0;
    *out = *statement;
    return PB_OK;
}

pb_status store_run(store *s, int which, pb_error *err)
{
    sqlite3_stmt *statement;
    TRY(store_sql(s, which, &statement, err));
    pb_status status = sqlite3_step(statement) == SQLITE_DONE ? PB_OK : store_trouble(s, "be written", err);
    sqlite3_reset(statement);
    return status;
}

pb_status store_end(store *s, pb_status status, pb_error *err)
{
    if (!status)
        status = store_run(s, SQL_COMMIT, err);
    if (status && !sqlite3_get_autocommit(s->db)) /* SQLite may have rolled back by itself */
        store_run(s, SQL_ROLLBACK, NULL);
    return status;
}

/* ---- statements that are run once ---- */

pb_status store_exec(const store *s, const char *sql, const char *doing, pb_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? PB_OK : store_trouble(s, doing, err);
}

pb_status store_get_text(const store *s, const char *sql, char **out, pb_error *err)
{
    sqlite3_stmt *statement = NULL;
    *out = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return store_trouble(s, "be read", err);
    int step = sqlite3_step(statement);
    const char *text = step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (text)
        *out = mem_text(text);
    pb_status status = step == SQLITE_ROW || step == SQLITE_DONE ? PB_OK : store_trouble(s, "be read", err);
    sqlite3_finalize(statement);
    return status;
}

pb_status store_get_number(const store *s, const char *sql, long long *out, pb_error *err)
{
    char *text;
    TRY(store_get_text(s, sql, &text, err));
    *out = text ? atoll(text) : 0;
    free(text);
    return PB_OK;
}
