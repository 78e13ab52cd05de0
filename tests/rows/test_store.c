/* test_store.c: the store of a sweep's results: what is put in comes out to the bit; what is not ours, or damaged, is refused
 * by name; nothing is half there, whatever ends the work. */
#define IN_FOLDER_FILE "results.db"
#include "tests/in_folder.h"

#include <locale.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "base/random.h"
#include "tests/rows/store_samples.h"

/* ---- helpers ---- */

static store *open_new(const char *at)
{
    store_about about = sample_about();
    store *s;
    assert_ok(store_open_for(&s, at, &about, err));
    sample_about_free(&about);
    return s;
}

static void add_questions(store *s, size_t count)
{
    store_question questions[8];
    for (size_t i = 0; i < count; i++)
        questions[i] = sample_question(i);
    assert_ok(store_add_questions(s, questions, count, err));
}

/* A store of 4 questions, of which the first `done` are. */
static store *open_with(const char *at, size_t done)
{
    store *s = open_new(at);
    add_questions(s, 4);
    for (size_t i = 0; i < done; i++) {
        store_result r = sample_result(i);
        assert_ok(store_put(s, &r, err));
    }
    return s;
}

static void assert_counts(store *s, size_t questions, size_t done)
{
    size_t q = 0, d = 0;
    assert_ok(store_count(s, &q, &d, err));
    assert_int_equal(q, questions);
    assert_int_equal(d, done);
}

/* Runs SQL on the file, as another program may. */
static void sql(const char *text)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        test_stop(__FILE__, __LINE__, "%s: %s", text, message);
    sqlite3_close(db);
}

static void put_file(const char *text, size_t n)
{
    assert_ok(file_write_all(path, text, n, err));
}

static void refused_to_write(pb_status code, const char *words)
{
    store_about about = sample_about();
    store *s = (store *)1;
    assert_fails(store_open_for(&s, path, &about, err), code, words);
    assert_fails(store_open_for(&s, path, &about, err), code, path);
    assert_null(s);
    sample_about_free(&about);
}

static void refused(pb_status code, const char *words)
{
    store *s = (store *)1;
    assert_fails(store_open(&s, path, err), code, words);
    assert_fails(store_open(&s, path, err), code, path);
    assert_null(s);
    refused_to_write(code, words);
}

/* ---- what goes in comes out ---- */

static pb_status see_sample(void *context, const store_result *r, pb_error *err)
{
    size_t *seen = context;
    (void)err;
    assert_int_equal(r->question.number, *seen);
    store_result expected = *seen == 1 ? sample_failure(1) : sample_result(*seen);
    if (*seen == 3)
        expected = (store_result){.question = sample_question(3), .correct = -1, .clean_prob = NAN, .corrupted_prob = NAN};
    assert_same_result(r, &expected);
    ++*seen;
    return PB_OK;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    store *s = open_new(path);
    add_questions(s, 4);
    store_result results[] = {sample_result(2), sample_failure(1), sample_result(0)};
    size_t seen = 0;
    bool done[6];
    for (size_t i = 0; i < 3; i++)
        assert_ok(store_put(s, &results[i], err));
    assert_counts(s, 4, 3);
    assert_ok(store_each(s, STORE_EVERYTHING, see_sample, &seen, err));
    assert_int_equal(seen, 4);
    store_close(s);

    seen = 0;
    assert_ok(store_open(&s, path, err));
    assert_string_equal(store_of(s)->method, "trace");
    assert_int_equal(json_integer_value(json_object_get(store_of(s)->options, "window")), 1);
    assert_string_equal(json_string_value(json_object_get(store_of(s)->dataset, "digest")), "d1d1");
    assert_ok(store_each(s, STORE_EVERYTHING, see_sample, &seen, err));
    assert_int_equal(seen, 4);
    seen = 2;
    assert_ok(store_find(s, "q2", STORE_EVERYTHING, see_sample, &seen, err));
    assert_int_equal(seen, 3);
    assert_fails(store_find(s, "q7", 0, see_sample, &seen, err), PB_EINVAL, "no question q7");
    assert_ok(store_done(s, done, 6, err));
    assert_true(done[0] && done[1] && done[2] && !done[3] && !done[4] && !done[5]);
    store_close(s);
}

static pb_status see_little(void *context, const store_result *r, pb_error *err)
{
    (void)context;
    (void)err;
    assert_null(r->question.row);
    assert_null(r->detail);
    assert_int_equal(r->value_count + r->curve_count + r->grid_count, 0);
    assert_non_null(r->answer);
    return PB_OK;
}

static pb_status stop(void *context, const store_result *r, pb_error *err)
{
    (void)r;
    ++*(int *)context;
    return fail(err, PB_EIO, "enough");
}

static void only_what_is_wanted_is_read(void **state)
{
    (void)state;
    int seen = 0;
    store *s = open_with(path, 4);
    assert_ok(store_each(s, 0, see_little, NULL, err));
    assert_fails(store_each(s, 0, stop, &seen, err), PB_EIO, "enough");
    assert_int_equal(seen, 1);
    store_close(s);
}

static void what_is_there_stays(void **state)
{
    (void)state;
    store *s = open_with(path, 1);
    store_result other = sample_failure(0);
    store_question changed = sample_question(1), twice = sample_question(4);
    size_t seen = 0;
    add_questions(s, 6); /* a larger --limit */
    assert_counts(s, 6, 1);
    assert_ok(store_put(s, &other, err));
    assert_ok(store_find(s, "q0", STORE_EVERYTHING, see_sample, &seen, err));
    changed.subject = "Spain";
    assert_fails(store_add_questions(s, &changed, 1, err), PB_EINVAL, "question 1 of the data set has the subject \"Portugal\"");
    twice.number = 6;
    assert_fails(store_add_questions(s, &twice, 1, err), PB_EINVAL, "its id \"q4\" is another's too");
    other = sample_failure(7); /* a question that was not added */
    assert_fails(store_put(s, &other, err), PB_EINVAL, path);
    assert_counts(s, 6, 1);
    store_close(s);
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    size_t seen = 0;
    for (size_t i = 0; i < 3 && !setlocale(LC_ALL, commas[i]); i++)
        ;
    store *s = open_with(path, 1);
    assert_ok(store_find(s, "q0", STORE_EVERYTHING, see_sample, &seen, err));
    store_close(s);
    setlocale(LC_ALL, "C");
}

enum { MANY = 200000 };

static pb_status see_many(void *context, const store_result *r, pb_error *err)
{
    (void)err;
    assert_int_equal(r->curves[0].count, MANY);
    assert_same_numbers(r->curves[0].data, context, MANY);
    return PB_OK;
}

/* Probabilities, their logarithms, counts, and any bits at all. */
static void every_number_keeps_its_bits(void **state)
{
    (void)state;
    double *data = mem_new(MANY, sizeof *data);
    random_state random = random_from(3);
    for (size_t i = 0; i < MANY; i++) {
        uint64_t bits = random_next(&random);
        double u = (double)(random_next(&random) >> 11) * 0x1p-53;
        memcpy(&data[i], &bits, sizeof bits);
        data[i] = i % 5 == 0 ? u : i % 5 == 1 ? log(u) : i % 5 == 2 ? u * exp(-40 * u) : i % 5 == 3 ? (double)(bits % 100000) / 8 : data[i];
    }
    const store_curve curve = {"a/prob", "last", data, MANY};
    store_result r = sample_failure(0);
    store *s = open_with(path, 0);
    r.curves = &curve;
    r.curve_count = 1;
    assert_ok(store_put(s, &r, err));
    assert_ok(store_find(s, "q0", STORE_CURVES, see_many, data, err));
    store_close(s);
    free(data);
}

/* ---- one file, for anyone ---- */

static void a_closed_store_is_one_file(void **state)
{
    (void)state;
    static const char *const beside[] = {"-wal", "-shm", "-journal", "-lock", "-new", "-new-journal"};
    store *s = open_with(path, 2);
    store_close(s);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        buffer name = {0};
        buffer_printf(&name, "%s%s", path, beside[i]);
        assert_false(file_exists(name.data));
        buffer_free(&name);
    }
    sql("SELECT count(*) FROM result WHERE clean_prob > 1; SELECT data FROM curve; SELECT value FROM about");
}

static void readers_read_while_it_is_filled(void **state)
{
    (void)state;
    store *s = open_with(path, 1), *reader;
    store_result r = sample_result(2);
    assert_ok(store_open(&reader, path, err));
    assert_counts(reader, 4, 1);
    assert_ok(store_put(s, &r, err));
    assert_counts(reader, 4, 2);
    store_close(s);
    assert_counts(reader, 4, 2);
    store_close(reader);
}

/* ---- what is not ours ---- */

static void refused_for(const char *method, const char *key, const char *member, json_t *value, const char *words)
{
    store_about about = sample_about();
    json_t *parts[] = {(json_t *)(size_t)about.model, (json_t *)(size_t)about.options, (json_t *)(size_t)about.dataset};
    static const char *const names[] = {"model", "options", "dataset"};
    store *s;
    about.method = method;
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], key) == 0)
            json_object_set_new(parts[i], member, value);
    assert_fails(store_open_for(&s, path, &about, err), PB_EINVAL, words);
    sample_about_free(&about);
}

static void other_work_is_refused_by_name(void **state)
{
    (void)state;
    store_close(open_with(path, 1));
    refused_for("flow", "", "", NULL, "its method is \"trace\", here it is \"flow\"");
    refused_for("trace", "model", "fingerprint", json_string("0ddba11"), "its \"fingerprint\" is \"5ca1ab1e\", here it is \"0ddba11\"");
    refused_for("trace", "options", "window", json_integer(3), "its \"window\" is 1, here it is 3");
    refused_for("trace", "options", "window", json_real(1), "its \"window\" is 1, here it is 1.0");
    refused_for("trace", "options", "scale", json_real(0.1 + 1e-17 * 3), "its \"scale\" is 0.1");
    refused_for("trace", "options", "group", json_true(), "its \"group\" is none, here it is true");
    refused_for("trace", "dataset", "digest", json_string("d2"), "another data set: its \"digest\" is \"d1d1\", here it is \"d2\"");
    store_about moved = sample_about();
    store *s;
    json_object_set_new((json_t *)(size_t)moved.dataset, "folder", json_string("/elsewhere"));
    assert_ok(store_open_for(&s, path, &moved, err)); /* the same data set, at another place */
    assert_null(json_object_get(store_of(s)->dataset, "folder"));
    store_close(s);
    sample_about_free(&moved);
    s = open_with(path, 1);
    assert_counts(s, 4, 1);
    store_close(s);
}

static void what_is_no_store_is_refused(void **state)
{
    (void)state;
    static const char text[] = "id,answer\nq1,Lisbon\n";
    store *s;
    assert_fails(store_open(&s, path, err), PB_EIO, "no such file");
    put_file("", 0);
    refused(PB_EFORMAT, "is an empty file");
    put_file(text, sizeof text - 1);
    refused(PB_EFORMAT, "is no store of results (no SQLite file)");
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text);
    put_file(long_text, sizeof long_text);
    refused(PB_EFORMAT, "is no store of results (no SQLite file)");
    unlink(path);
    sql("CREATE TABLE question (a)");
    refused(PB_EFORMAT, "is no store of results, but an SQLite file of something else");
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    refused(PB_EFORMAT, "is a folder");
    rmdir(path);
    store_about about = sample_about();
    assert_fails(store_open_for(&s, "/nowhere/at/all.db", &about, err), PB_EIO, "/nowhere/at/all.db: cannot be opened");
    assert_fails(store_open_for(&s, "", &about, err), PB_EIO, "cannot be opened");
    sample_about_free(&about);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    store_close(open_with(path, 1));
    sql("PRAGMA user_version = 2");
    refused(PB_EUNSUPPORTED, "is a store of version 2, this program knows versions up to 1");
    sql("PRAGMA user_version = 0");
    refused(PB_EFORMAT, "is damaged: a store of version 0");
}

static long size_of(const char *at)
{
    struct stat info;
    assert_int_equal(stat(at, &info), 0);
    return (long)info.st_size;
}

static pb_status see_nothing(void *context, const store_result *r, pb_error *err)
{
    (void)context;
    (void)r;
    (void)err;
    return PB_OK;
}

static void a_damaged_store_is_refused(void **state)
{
    (void)state;
    store_close(open_with(path, 4));
    long size = size_of(path);
    char *bytes = malloc((size_t)size);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    for (long cut = size - 1; cut > 4096; cut -= 3000) {
        put_file(bytes, (size_t)cut);
        refused(PB_EFORMAT, "is damaged");
    }
    for (long page = 4096; page < size; page += 4096) { /* a page of nothing */
        char before[64];
        memcpy(before, bytes + page, sizeof before);
        memset(bytes + page, 0xee, sizeof before);
        put_file(bytes, (size_t)size);
        refused(PB_EFORMAT, "is damaged");
        memcpy(bytes + page, before, sizeof before);
    }
    free(bytes);
}

static void damaged_contents_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"UPDATE curve SET data = '[0.5' WHERE question = 2 AND class = 'constraint'", "curve attn_out/prob of question q2"},
        {"UPDATE curve SET data = '[nan]'", "curve attn_out/"},
        {"UPDATE curve SET data = '[0x1]'", "curve attn_out/"},
        {"UPDATE curve SET data = '[1,]'", "curve attn_out/"},
        {"UPDATE curve SET data = '[1]]'", "curve attn_out/"},
        {"UPDATE curve SET data = ''", "curve attn_out/"},
        {"UPDATE grid SET shape = '[3,5]' WHERE question = 1", "grid attn_out/prob of question q1"},
        {"UPDATE grid SET shape = '[3,1,1,4]'", "grid attn_out/prob"},
        {"UPDATE grid SET shape = '[-3,-4]'", "grid attn_out/prob"},
        {"UPDATE grid SET shape = '[null]'", "grid attn_out/prob"},
        {"UPDATE grid SET data = x'00'", "grid attn_out/prob"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store *s;
        store_close(open_with(path, 4));
        sql(cases[i][0]);
        assert_ok(store_open(&s, path, err));
        assert_fails(store_each(s, STORE_EVERYTHING, see_nothing, NULL, err), PB_EFORMAT, cases[i][1]);
        store_close(s);
        unlink(path);
    }
    store_close(open_with(path, 1));
    sql("DELETE FROM about WHERE key = 'model'");
    refused(PB_EFORMAT, "does not say of which model it is");
}

/* Runs `work` in a process of its own as a user who is not root; its exit status must be 0. */
static void as_nobody(void (*work)(void))
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void read_only(void)
{
    store *s;
    refused_to_write(PB_EIO, path);
    assert_ok(store_open(&s, path, err));
    assert_counts(s, 4, 2);
    store_close(s);
}

static void unreadable(void)
{
    refused_to_write(PB_EIO, path);
    store *s;
    assert_fails(store_open(&s, path, err), PB_EIO, "cannot be opened");
}

static void without_permission_it_says_so(void **state)
{
    (void)state;
    store_close(open_with(path, 2));
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    as_nobody(read_only);
    assert_int_equal(chmod(path, 0000), 0);
    as_nobody(unreadable);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* ---- one writer, whatever ends it ---- */

static void a_second_writer_is_refused(void **state)
{
    (void)state;
    char who[64];
    store *s = open_with(path, 1);
    snprintf(who, sizeof who, "is being written by process %ld", (long)getpid());
    refused_to_write(PB_EIO, who);
    pid_t child = fork();
    if (child == 0) {
        refused_to_write(PB_EIO, who);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_counts(s, 4, 1);
    store_close(s);
    store_close(open_with(path, 2)); /* the lock went with the first */
}

/* A link to it is the same store. */
static void a_link_is_no_second_store(void **state)
{
    (void)state;
    store_about about = sample_about();
    store *s = open_with(path, 1), *second;
    char *link = path_join(folder, "link.db");
    assert_int_equal(symlink(path, link), 0);
    assert_fails(store_open_for(&second, link, &about, err), PB_EIO, "is being written by");
    store_close(s);
    free(link);
    sample_about_free(&about);
}

static pb_status see_whole(void *context, const store_result *r, pb_error *err)
{
    store_result expected = sample_result(r->question.number);
    (void)err;
    if (!r->status)
        return PB_OK;
    assert_same_result(r, &expected);
    ++*(size_t *)context;
    return PB_OK;
}

/* A process that fills the store and is killed: it can be read, and written, at once, and each result is whole or not there. */
static void killed_it_keeps_what_is_done(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        pid_t child = fork();
        size_t read = 0, left = 0;
        store *s;
        if (child == 0) {
            store_close(open_with(path, 4));
            _exit(0);
        }
        usleep((useconds_t)(1000 * round));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (file_exists(path)) {
            assert_ok(store_open(&s, path, err));
            assert_ok(store_each(s, STORE_EVERYTHING, see_whole, &read, err));
            store_close(s);
        }
        s = open_new(path);
        assert_ok(store_each(s, STORE_EVERYTHING, see_whole, &left, err));
        assert_int_equal(left, read);
        store_close(s);
        unlink(path);
    }
}

/* ---- a full disk ---- */

/* Files may grow no further than `bytes`. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_an_error_and_no_harm(void **state)
{
    (void)state;
    store *s = open_with(path, 0);
    size_t put = 0, seen = 0;
    buffer wal = {0};
    pb_error error = {0};
    signal(SIGXFSZ, SIG_IGN);
    buffer_printf(&wal, "%s-wal", path);
    for (; put < 4; put++) {
        store_result r = sample_result(put);
        if (put == 2)
            limit_files((rlim_t)size_of(wal.data) + 2000);
        if (store_put(s, &r, &error) != PB_OK)
            break;
    }
    assert_int_equal(put, 2);
    assert_int_equal(error.code, PB_EIO);
    assert_non_null(strstr(error.message, path));
    if (!strstr(error.message, "cannot be written: File too large"))
        test_stop(__FILE__, __LINE__, "%s", error.message);
    assert_counts(s, 4, 2);
    limit_files(RLIM_INFINITY);
    store_result failed = sample_failure(1), r = sample_result(2); /* there is room again */
    assert_ok(store_put(s, &r, err));
    assert_ok(store_put(s, &failed, err));
    assert_counts(s, 4, 3);
    store_close(s);
    assert_ok(store_open(&s, path, err));
    seen = 2;
    assert_ok(store_find(s, "q2", STORE_EVERYTHING, see_sample, &seen, err));
    store_close(s);
    buffer_free(&wal);
}

static void a_store_that_finds_no_room_is_not_there(void **state)
{
    (void)state;
    for (rlim_t room = 0; room < 60000; room += 10000) {
        store_about about = sample_about();
        store *s;
        signal(SIGXFSZ, SIG_IGN);
        limit_files(room);
        pb_error err;
        pb_status status = store_open_for(&s, path, &about, &err);
        limit_files(RLIM_INFINITY);
        if (status) {
            assert_int_equal(status, PB_EIO);
            assert_non_null(strstr(err.message, path));
        }
        store_close(s);
        store_close(open_with(path, 1));
        assert_int_equal(unlink(path), 0);
        sample_about_free(&about);
    }
}

/* ---- merging ---- */

/* A store of 6 questions beside path, of which those with the bits set are done. */
static char *make_other(const char *name, unsigned done)
{
    char *at = path_join(folder, name);
    store *s = open_new(at);
    add_questions(s, 6);
    for (size_t i = 0; i < 6; i++) {
        store_result r = sample_result(i);
        r.seconds = (double)done;
        if (done >> i & 1)
            assert_ok(store_put(s, &r, err));
    }
    store_close(s);
    return at;
}

static pb_status see_done(void *context, const store_result *r, pb_error *err)
{
    (void)err;
    store_result expected = sample_result(r->question.number);
    if (!r->status)
        return PB_OK;
    expected.seconds = r->seconds;
    assert_same_result(r, &expected);
    ++*(size_t *)context;
    return PB_OK;
}

static void shards_are_merged(void **state)
{
    (void)state;
    char *a = make_other("a.db", 011), *b = make_other("b.db", 022), *c = make_other("c.db", 033);
    store *s = open_new(path);
    size_t added = 9, seen = 0;
    assert_ok(store_merge(s, a, &added, err));
    assert_int_equal(added, 2);
    assert_ok(store_merge(s, b, &added, err));
    assert_int_equal(added, 2);
    assert_ok(store_merge(s, c, &added, err)); /* all there already */
    assert_int_equal(added, 0);
    assert_counts(s, 6, 4);
    assert_ok(store_each(s, STORE_EVERYTHING, see_done, &seen, err));
    assert_int_equal(seen, 4);
    store_close(s);
    free(a);
    free(b);
    free(c);
}

static void what_differs_is_not_merged(void **state)
{
    (void)state;
    char *a = make_other("a.db", 013);
    size_t added;
    store *s = open_new(path);
    add_questions(s, 2);
    store_result r = sample_result(1);
    r.clean_prob += 1e-15;
    assert_ok(store_put(s, &r, err));
    assert_fails(store_merge(s, a, &added, err), PB_EINVAL, "question q1 has another result than in");
    assert_int_equal(added, 0);
    assert_counts(s, 2, 1); /* nothing of it */
    store_close(s);

    store_about about = sample_about();
    json_object_set_new((json_t *)(size_t)about.options, "window", json_integer(6));
    unlink(path);
    assert_ok(store_open_for(&s, path, &about, err));
    assert_fails(store_merge(s, a, &added, err), PB_EINVAL, "a.db: holds results of another work: other options: its \"window\" is 1, here it is 6");
    assert_fails(store_merge(s, "/nowhere.db", &added, err), PB_EIO, "/nowhere.db");
    assert_ok(store_merge(s, path, &added, err)); /* itself: all there already */
    assert_int_equal(added, 0);
    store_close(s);
    sample_about_free(&about);
    free(a);
}

static void several_are_merged_at_once(void **state)
{
    (void)state;
    char *a = make_other("a.db", 011), *b = make_other("b.db", 022), *other = path_join(folder, "other.db");
    store_about about = sample_about();
    const char *both[] = {a, b}, *wrong[] = {a, b, other}, *missing[] = {"/nowhere.db"};
    size_t added = 0;
    store *s;
    json_object_set_new((json_t *)(size_t)about.options, "window", json_integer(6));
    assert_ok(store_open_for(&s, other, &about, err));
    store_close(s);
    assert_fails(store_merge_all(path, wrong, 3, &added, err), PB_EINVAL, "other.db: holds results of another work");
    assert_fails(store_merge_all(path, missing, 1, &added, err), PB_EIO, "/nowhere.db");
    assert_fails(store_merge_all(path, NULL, 0, &added, err), PB_EINVAL, "no stores");
    assert_false(file_exists(path));
    assert_ok(store_merge_all(path, both, 2, &added, err));
    assert_int_equal(added, 4);
    assert_ok(store_merge_all(a, both, 2, &added, err)); /* into one of them */
    assert_int_equal(added, 2);
    assert_ok(store_open(&s, a, err));
    assert_counts(s, 6, 4);
    store_close(s);
    sample_about_free(&about);
    free(a);
    free(b);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(what_goes_in_comes_out),
        in_folder(only_what_is_wanted_is_read),
        in_folder(what_is_there_stays),
        in_folder(numbers_do_not_depend_on_the_locale),
        in_folder(every_number_keeps_its_bits),
        in_folder(a_closed_store_is_one_file),
        in_folder(readers_read_while_it_is_filled),
        in_folder(other_work_is_refused_by_name),
        in_folder(what_is_no_store_is_refused),
        in_folder(another_version_is_refused),
        in_folder(a_damaged_store_is_refused),
        in_folder(damaged_contents_are_named),
        in_folder(without_permission_it_says_so),
        in_folder(a_second_writer_is_refused),
        in_folder(a_link_is_no_second_store),
        in_folder(killed_it_keeps_what_is_done),
        in_folder(a_full_disk_is_an_error_and_no_harm),
        in_folder(a_store_that_finds_no_room_is_not_there),
        in_folder(shards_are_merged),
        in_folder(what_differs_is_not_merged),
        in_folder(several_are_merged_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
