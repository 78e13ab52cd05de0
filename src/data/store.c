/* store.c: how a store is opened, checked, made and closed (store.h).
 *
 * Journal. While it is filled the file is in WAL mode, so readers never wait for the writer nor it for them. With
 * synchronous=NORMAL a commit is handed to the system but not waited for: a result that is put in survives the end of
 * the process, kill -9 too, and the loss of power costs at most the results of the last moments, which the next run
 * computes again, and never the store. (FULL would wait for the disk after every result, some milliseconds each, to
 * save work that takes no longer to do again.) Closing the file turns it back into a plain one, which can be copied,
 * and read where nothing may be written. */
#include "data/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/store_parts.h"

/* ---- the file ---- */

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

static pb_status connect_to(store *s, const char *file, int flags, pb_error *err)
{
    if (sqlite3_open_v2(file, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? store_trouble(s, "be opened", err) : fail(err, PB_ENOMEM, "%s: no memory left", s->path);
    sqlite3_busy_timeout(s->db, 10000); /* of people who look at it with sqlite3 while it is closed */
    return PB_OK;
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

/* ---- checks ---- */

static pb_status check_kind(const store *s, pb_error *err)
{
    long long application, version;
    TRY(store_get_number(s, "PRAGMA application_id", &application, err));
    TRY(store_get_number(s, "PRAGMA user_version", &version, err));
    if (application != STORE_APPLICATION)
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

/* SQLite takes the missing end of a file's last page for zeros. Beside a WAL, which may hold that page,
 * that is right. */
static pb_status check_end(const store *s, const char *file, pb_error *err)
{
    struct stat info;
    long long page;
    buffer wal = {0};
    buffer_printf(&wal, "%s-wal", file);
    bool whole = file_exists(wal.data);
    buffer_free(&wal);
    TRY(store_get_number(s, "PRAGMA page_size", &page, err));
    if (!whole && page > 0 && stat(file, &info) == 0 && info.st_size % page != 0)
        return fail(err, PB_EFORMAT, "%s: is damaged: it ends within a page, after %lld bytes", s->path,
                    (long long)info.st_size);
    return PB_OK;
}

static pb_status check_sound(const store *s, pb_error *err)
{
    char *text;
    TRY(store_get_text(s, "PRAGMA quick_check(1)", &text, err));
    pb_status status = text && strcmp(text, "ok") == 0
                           ? PB_OK
                           : fail(err, PB_EFORMAT, "%s: is damaged: %s", s->path, text ? text : "it cannot be checked");
    free(text);
    return status;
}

static pb_status check_all(store *s, const char *file, pb_error *err)
{
    TRY(check_kind(s, err));
    TRY(check_end(s, file, err));
    TRY(check_sound(s, err));
    return store_about_read(s, err);
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
    TRY(store_exec(s, "BEGIN", "be made", err));
    TRY(store_exec(s, store_schema, "be made", err));
    TRY(store_about_write(s, about, err));
    return store_exec(s, "COMMIT", "be made", err);
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

/* ---- opening and closing ---- */

static store *store_new(const char *path)
{
    store *s = mem_new(1, sizeof *s);
    s->path = mem_text(path);
    s->numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    return s;
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
    TRY(store_exec(s, "PRAGMA journal_mode = WAL", "be written", err));
    TRY(store_exec(s, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", "be written", err));
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
    TRY(store_exec(s, "PRAGMA query_only = ON", "be read", err));
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
