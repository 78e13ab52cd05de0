/* test_file.c: maps name what is wrong with a path; a file is written whole or not at all. */
#include "tests/in_folder.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"

static void assert_holds(const char *path, const char *text)
{
    file_map map;
    assert_ok(file_map_open(&map, path, err));
    assert_int_equal(map.size, strlen(text));
    if (map.size)
        assert_memory_equal(map.data, text, map.size);
    file_map_close(&map);
}

static size_t entries_in(const char *path)
{
    size_t count = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

/* ---- reading ---- */

static void an_empty_file_maps_to_nothing(void **state)
{
    (void)state;
    char *path = path_join(folder, "empty");
    file_map map;
    assert_ok(file_write_all(path, NULL, 0, err));
    assert_ok(file_map_open(&map, path, err));
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    file_map_close(&map);
    file_map_close(&map);
    free(path);
}

static void what_is_no_readable_file_is_named(void **state)
{
    (void)state;
    file_map map;
    char *missing = path_join(folder, "missing"), *pipe = path_join(folder, "pipe");
    assert_fails(file_map_open(&map, missing, err), PB_EIO, missing);
    assert_fails(file_map_open(&map, folder, err), PB_EIO, "is not a regular file");
    assert_int_equal(mkfifo(pipe, 0666), 0);
    assert_fails(file_map_open(&map, pipe, err), PB_EIO, "is not a regular file"); /* and does not wait */
    assert_false(file_exists(missing));
    assert_false(file_exists(folder));
    assert_true(dir_exists(folder));
    assert_false(dir_exists(pipe));
    free(missing);
    free(pipe);
}

static void paths_are_joined_by_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
    assert_string_equal(path_base("a/b/c.txt"), "c.txt");
    assert_string_equal(path_base("c.txt"), "c.txt");
}

/* ---- writing ---- */

static void a_commit_replaces_the_file_and_leaves_nothing_else(void **state)
{
    (void)state;
    char *path = path_join(folder, "out");
    file_writer w;
    assert_ok(file_write_all(path, "old", 3, err));
    assert_ok(file_writer_open(&w, path, err));
    file_write(&w, "new", 3);
    file_write(&w, NULL, 0);
    file_write(&w, "er", 2);
    assert_holds(path, "old");
    assert_ok(file_writer_commit(&w, err));
    assert_holds(path, "newer");
    assert_int_equal(entries_in(folder), 1);
    free(path);
}

static void a_new_file_has_the_usual_permissions(void **state)
{
    (void)state;
    char *path = path_join(folder, "out");
    mode_t before = umask(027);
    assert_ok(file_write_all(path, "x", 1, err));
    umask(before);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    free(path);
}

static void an_abandoned_file_leaves_the_old_one(void **state)
{
    (void)state;
    char *path = path_join(folder, "out");
    file_writer w;
    assert_ok(file_write_all(path, "old", 3, err));
    assert_ok(file_writer_open(&w, path, err));
    file_write(&w, "new", 3);
    file_writer_abandon(&w);
    file_writer_abandon(&w);
    assert_holds(path, "old");
    assert_int_equal(entries_in(folder), 1);
    free(path);
}

static void two_writers_of_one_path_do_not_meet(void **state)
{
    (void)state;
    char *path = path_join(folder, "out");
    file_writer a, b;
    assert_ok(file_writer_open(&a, path, err));
    assert_ok(file_writer_open(&b, path, err));
    file_write(&a, "first", 5);
    file_write(&b, "second", 6);
    assert_ok(file_writer_commit(&b, err));
    assert_ok(file_writer_commit(&a, err));
    assert_holds(path, "first");
    assert_int_equal(entries_in(folder), 1);
    free(path);
}

/* A limit on file size stands in for a full disk: the write comes back short with an error, as there. */
static void a_full_disk_is_told_and_the_old_file_stays(void **state)
{
    (void)state;
    char *path = path_join(folder, "out"), *big = mem_new(1 << 20, 1);
    assert_ok(file_write_all(path, "old", 3, err));
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){4096, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pb_error failure = {0};
    pb_status status = file_write_all(path, big, 1 << 20, &failure);
    pb_status late = file_write_all(path, big, 4097, NULL); /* fits into stdio's buffer or not: told by the commit */
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, PB_EIO);
    assert_int_equal(late, PB_EIO);
    assert_non_null(strstr(failure.message, path));
    assert_non_null(strstr(failure.message, "cannot be written"));
    assert_holds(path, "old");
    assert_int_equal(entries_in(folder), 1);
    free(big);
    free(path);
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    char *file = path_join(folder, "file"), *below = path_join(file, "out"), *deep = path_join(folder, "no/out");
    assert_ok(file_write_all(file, "x", 1, err));
    assert_fails(file_write_all(below, "x", 1, err), PB_EIO, below);
    assert_fails(file_write_all(deep, "x", 1, err), PB_EIO, deep);
    assert_fails(dir_create(below, err), PB_EIO, "cannot be created");
    assert_fails(dir_create(file, err), PB_EIO, "Not a directory");
    if (geteuid() != 0) { /* root may write anywhere */
        chmod(folder, 0555);
        char *other = path_join(folder, "other");
        assert_fails(file_write_all(other, "x", 1, err), PB_EIO, "cannot be written");
        free(other);
        chmod(folder, 0755);
    }
    assert_int_equal(entries_in(folder), 1);
    free(file);
    free(below);
    free(deep);
}

static void a_folder_in_the_files_place_is_an_error_that_leaves_it(void **state)
{
    (void)state;
    char *path = path_join(folder, "out");
    assert_ok(dir_create(path, err));
    assert_fails(file_write_all(path, "x", 1, err), PB_EIO, path);
    assert_true(dir_exists(path));
    assert_int_equal(entries_in(folder), 1);
    free(path);
}

static void folders_are_made_with_those_above_them(void **state)
{
    (void)state;
    char *path = path_join(folder, "a//b/c/");
    assert_ok(dir_create(path, err));
    assert_ok(dir_create(path, err));
    assert_true(dir_exists(path));
    assert_ok(dir_create("/", err));
    assert_ok(dir_create(".", err));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(an_empty_file_maps_to_nothing),
        in_folder(what_is_no_readable_file_is_named),
        cmocka_unit_test(paths_are_joined_by_one_slash),
        in_folder(a_commit_replaces_the_file_and_leaves_nothing_else),
        in_folder(a_new_file_has_the_usual_permissions),
        in_folder(an_abandoned_file_leaves_the_old_one),
        in_folder(two_writers_of_one_path_do_not_meet),
        in_folder(a_full_disk_is_told_and_the_old_file_stays),
        in_folder(a_folder_that_cannot_be_written_is_named),
        in_folder(a_folder_in_the_files_place_is_an_error_that_leaves_it),
        in_folder(folders_are_made_with_those_above_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
