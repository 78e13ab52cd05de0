/* store.c: a store's schema; how it is made, opened, checked and closed (store.h).
 *
 * Journal. While it is filled the file is in WAL mode, so readers never wait for the writer nor it for them. With
 * synchronous=NORMAL a commit is handed to the system but not waited for: a result that is put in survives the end of the
 * process, kill -9 too, and the loss of power costs at most the results of the last moments, which the next run computes
 * again, and never the store. (FULL would wait for the disk after every result, some milliseconds each, to save work that
 * takes no longer to do again.) Closing the file turns it back into a plain one, which can be copied, and read where
 * nothing may be written. */
#include "data/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/store_parts.h"

enum { APPLICATION = 0x50427374 }; /* "PBst" */

/* No STRICT tables and no generated columns, so that SQLite from 3.8.2 on reads it: what old clusters have. */
static const char schema[] =
    "PRAGMA application_id = 1346532212;\n" /* APPLICATION */
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

/* ---- failures and statements ---- */

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

static pb_status run_text(const store *s, const char *sql, const char *doing, pb_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? PB_OK : store_trouble(s, doing, err);
}

/* The first column of the first row, as text (free()), NULL when there is none. */
static pb_status get_text(const store *s, const char *sql, char **out, pb_error *err)
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

static pb_status get_number(const store *s, const char *sql, long long *out, pb_error *err)
{
    char *text;
    TRY(get_text(s, sql, &text, err));
    *out = text ? atoll(text) : 0;
    free(text);
    return PB_OK;
}

/* ---- what it is of ---- */

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

static pb_status write_about(const store *s, const store_about *about, pb_error *err)
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

static pb_status read_about(store *s, pb_error *err)
{
    s->about_json = json_object();
    for (int i = 0; i < ABOUT_KEYS; i++) {
        buffer sql = {0};
        char *text;
        buffer_printf(&sql, "SELECT value FROM about WHERE key = '%s'", about_keys[i]);
        pb_status status = get_text(s, sql.data, &text, err);
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

/* ---- opening ---- */

static pb_status connect_to(store *s, const char *file, int flags, pb_error *err)
{
    if (sqlite3_open_v2(file, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? store_trouble(s, "be opened", err) : fail(err, PB_ENOMEM, "%s: no memory left", s->path);
    sqlite3_busy_timeout(s->db, 10000); /* of people who look at it with sqlite3 while it is closed */
    return PB_OK;
}

static pb_status check_kind(const store *s, pb_error *err)
{
    long long application, version;
    TRY(get_number(s, "PRAGMA application_id", &application, err));
    TRY(get_number(s, "PRAGMA user_version", &version, err));
    if (application != APPLICATION)
        return fail(err, PB_EFORMAT, "%s: is no store of results, but an SQLite file of something else", s->path);
    if (version > STORE_VERSION) {
        fail(err, PB_EUNSUPPORTED, "%s: is a store of version %lld, this program knows versions up to %d", s->path,
             version, STORE_VERSION);
        return fail_hint(err, "a newer patchbay wrote it: use that one");
    }
    if (version < 1)
        return fail(err, PB_EFORMAT, "%s: is damaged: a store of version %lld", s->path, version);
    return PB_OK;
}

/* SQLite takes the missing end of a file's last page for zeros. Beside a WAL, which may hold that page, that is right. */
static pb_status check_end(const store *s, const char *file, pb_error *err)
{
    struct stat info;
    long long page;
    buffer wal = {0};
    buffer_printf(&wal, "%s-wal", file);
    bool whole = file_exists(wal.data);
    buffer_free(&wal);
    TRY(get_number(s, "PRAGMA page_size", &page, err));
    if (!whole && page > 0 && stat(file, &info) == 0 && info.st_size % page != 0)
        return fail(err, PB_EFORMAT, "%s: is damaged: it ends within a page, after %lld bytes", s->path,
                    (long long)info.st_size);
    return PB_OK;
}

static pb_status check_sound(const store *s, pb_error *err)
{
    char *text;
    TRY(get_text(s, "PRAGMA quick_check(1)", &text, err));
    pb_status status = text && strcmp(text, "ok") == 0
                           ? PB_OK
                           : fail(err, PB_EFORMAT, "%s: is damaged: %s", s->path, text ? text : "it cannot be checked");
    free(text);
    return status;
}

/* What can be told of a path before SQLite opens it. *there: whether anything has that name. */
static pb_status look_at(const char *path, bool *there, pb_error *err)
{
    struct stat info;
    *there = stat(path, &info) == 0;
    if (!*there)
        return errno == ENOENT ? PB_OK : fail(err, PB_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return fail(err, PB_EFORMAT, "%s: is a folder, expected a store of results", path);
    if (!S_ISREG(info.st_mode))
        return fail(err, PB_EFORMAT, "%s: is not a regular file, expected a store of results", path);
    if (info.st_size == 0)
        return fail(err, PB_EFORMAT, "%s: is an empty file, expected a store of results", path);
    return PB_OK;
}

/* The file's own absolute path, whatever links lead to it, so that it has one lock, and no name that SQLite takes for
 * something else (":memory:", "file:..."). Of one that is not there yet the folder's. free() */
static pb_status real_path(const char *path, char **out, pb_error *err)
{
    char *real = realpath(path, NULL);
    if (!real && errno == ENOENT) {
        const char *name = path_base(path);
        char *folder = name == path ? mem_text(".") : mem_text_n(path, (size_t)(name - path));
        char *above = realpath(folder, NULL);
        real = above && *name ? path_join(above, name) : NULL;
        free(above);
        free(folder);
    }
    *out = real;
    return real ? PB_OK : fail(err, PB_EIO, "%s: cannot be opened: %s", path, strerror(errno ? errno : ENOENT));
}

static store *store_new(const char *path)
{
    store *s = mem_new(1, sizeof *s);
    s->path = mem_text(path);
    s->numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    return s;
}

static void disconnect(store *s)
{
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

/* ---- making ---- */

static void remove_with(const char *file, const char *ending)
{
    buffer name = {0};
    buffer_printf(&name, "%s%s", file, ending);
    unlink(name.data);
    buffer_free(&name);
}

static void sync_folder_of(const char *file)
{
    char *folder = mem_text_n(file, (size_t)(path_base(file) - file));
    int fd = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

static pb_status fill_new(store *s, const char *file, const store_about *about, pb_error *err)
{
    TRY(connect_to(s, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err));
    TRY(run_text(s, "BEGIN", "be made", err));
    TRY(run_text(s, schema, "be made", err));
    TRY(write_about(s, about, err));
    return run_text(s, "COMMIT", "be made", err);
}

/* An empty store under another name, which gets its own when it is whole; the caller holds the lock. */
static pb_status make(store *s, const char *file, const store_about *about, pb_error *err)
{
    static const char *const beside[] = {"-new", "-new-journal", "-wal", "-shm", "-journal"};
    buffer new = {0};
    buffer_printf(&new, "%s-new", file);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        remove_with(file, beside[i]); /* of a making that was ended, or of a store that somebody removed */
    pb_status status = fill_new(s, new.data, about, err);
    disconnect(s);
    if (!status && rename(new.data, file) != 0)
        status = fail(err, PB_EIO, "%s: cannot be made: %s", s->path, strerror(errno));
    if (status) {
        unlink(new.data);
        remove_with(new.data, "-journal");
    } else {
        sync_folder_of(file);
    }
    buffer_free(&new);
    return status;
}

static pb_status check_all(store *s, const char *file, pb_error *err)
{
    TRY(check_kind(s, err));
    TRY(check_end(s, file, err));
    TRY(check_sound(s, err));
    return read_about(s, err);
}

static pb_status open_to_write(store *s, const char *file, const store_about *about, pb_error *err)
{
    bool there;
    TRY(look_at(s->path, &there, err));
    TRY(file_lock_take(&s->lock, file, err));
    TRY(look_at(s->path, &there, err)); /* the one who had the lock may have made it */
    if (!there)
        TRY(make(s, file, about, err));
    TRY(connect_to(s, file, SQLITE_OPEN_READWRITE, err));
    TRY(check_all(s, file, err));
    TRY(store_same_work(&s->about, about, s->path, err));
    if (sqlite3_db_readonly(s->db, "main"))
        return fail(err, PB_EIO, "%s: cannot be written: it is read-only", s->path);
    /* A file system without shared memory keeps the plain journal: as safe, but readers and the writer wait for each
     * other. */
    TRY(run_text(s, "PRAGMA journal_mode = WAL", "be written", err));
    TRY(run_text(s, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", "be written", err));
    s->filling = true;
    return PB_OK;
}

pb_status store_open_for(store **out, const char *path, const store_about *about, pb_error *err)
{
    char *file;
    *out = NULL;
    TRY(real_path(path, &file, err));
    store *s = store_new(path);
    pb_status status = open_to_write(s, file, about, err);
    free(file);
    if (status) {
        store_close(s);
        return status;
    }
    *out = s;
    return PB_OK;
}

static pb_status open_to_read(store *s, const char *file, pb_error *err)
{
    bool there;
    TRY(look_at(s->path, &there, err));
    if (!there)
        return fail(err, PB_EIO, "%s: there is no such file", s->path);
    /* writing allowed where it may be, to mend what a killed writer left; see query_only */
    TRY(connect_to(s, file, SQLITE_OPEN_READWRITE, err));
    TRY(run_text(s, "PRAGMA query_only = ON", "be read", err));
    return check_all(s, file, err);
}

pb_status store_open(store **out, const char *path, pb_error *err)
{
    char *file;
    *out = NULL;
    TRY(real_path(path, &file, err));
    store *s = store_new(path);
    pb_status status = open_to_read(s, file, err);
    free(file);
    if (status) {
        store_close(s);
        return status;
    }
    *out = s;
    return PB_OK;
}

const store_about *store_of(const store *s)
{
    return &s->about;
}

void store_close(store *s)
{
    if (!s)
        return;
    for (int i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_reset(s->statements[i]);
    if (s->filling) {
        sqlite3_busy_timeout(s->db, 0); /* with readers it stays a WAL: no harm */
        sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    disconnect(s);
    file_lock_release(&s->lock);
    json_decref(s->about_json);
    freelocale(s->numbers);
    buffer_free(&s->text);
    free(s->path);
    free(s);
}
