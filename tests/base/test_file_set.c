/* test_file_set.c: files that appear together or not at all, and the folders that are made for them. */
#include "tests/in_folder.h"

#include <sys/stat.h>

#include "base/file_set.h"

/* FOLDER/a/b, which is not there. free() */
static char *deep(void)
{
    char *above = path_join(folder, "a"), *below = path_join(above, "b");
    free(above);
    return below;
}

static bool holds(const char *directory, const char *name)
{
    char *path = path_join(directory, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static void put(const file_set *set, const char *name)
{
    buffer text = {0};
    buffer_text(&text, name);
    assert_ok(file_set_text(set, name, &text, err));
    buffer_free(&text);
}

static void files_appear_together(void **state)
{
    (void)state;
    file_set set;
    char *directory = deep();
    assert_ok(file_set_open(&set, directory, err));
    put(&set, "one"), put(&set, "two");
    assert_false(holds(directory, "one"));
    assert_ok(file_set_close(&set, PB_OK, err));
    assert_true(holds(directory, "one") && holds(directory, "two"));
    assert_int_equal(dir_missing(directory), 0);

    assert_ok(file_set_open(&set, directory, err)); /* others stay */
    put(&set, "three");
    assert_ok(file_set_close(&set, PB_OK, err));
    assert_true(holds(directory, "one") && holds(directory, "three"));
    free(directory);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    file_set set;
    char *directory = deep();
    assert_int_equal(dir_missing(directory), 2);
    assert_ok(file_set_open(&set, directory, err));
    assert_int_equal(dir_missing(directory), 0);
    put(&set, "one");
    assert_int_equal(file_set_close(&set, PB_ENOMEM, NULL), PB_ENOMEM);
    assert_int_equal(dir_missing(directory), 2);

    assert_ok(dir_create(directory, err));
    assert_ok(file_set_open(&set, directory, err));
    put(&set, "one");
    assert_int_equal(file_set_close(&set, PB_EIO, NULL), PB_EIO);
    assert_true(dir_is_empty(directory)); /* a folder that was there stays */
    free(directory);
}

static void a_folder_in_a_files_place_is_an_error(void **state)
{
    (void)state;
    file_set set;
    char *inside = path_join(folder, "one");
    assert_ok(dir_create(inside, err));
    assert_ok(file_set_open(&set, folder, err));
    put(&set, "one"), put(&set, "two");
    assert_fails(file_set_close(&set, PB_OK, err), PB_EIO, "one: is a folder, where a file should go");
    assert_false(holds(folder, "two"));
    free(inside);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    file_set set;
    char *file = path_join(folder, "file"), *below = path_join(file, "x");
    assert_ok(file_write_all(file, "x", 1, err));
    assert_fails(file_set_open(&set, below, err), PB_EIO, "Not a directory");
    assert_null(set.stage);
    free(file), free(below);
}

/* ---- where a folder lies ---- */

static void a_folder_is_inside_of_those_above_it(void **state)
{
    (void)state;
    char *a = path_join(folder, "a"), *b = path_join(a, "b"), *new = path_join(b, "c/d"),
         *link = path_join(folder, "link"), *beside = path_join(folder, "ab"), *up = path_join(b, "../../ab"),
         *through = path_join(link, "c");
    assert_ok(dir_create(b, err));
    assert_int_equal(symlink(b, link), 0);
    assert_true(dir_is_inside(a, a) && dir_is_inside(b, a) && dir_is_inside(new, a) && dir_is_inside(link, a));
    assert_true(dir_is_inside(b, link) && dir_is_inside(through, a) && dir_is_inside(b, "/"));
    assert_false(dir_is_inside(a, b) || dir_is_inside(beside, a) || dir_is_inside(up, a) || dir_is_inside(folder, a));
    assert_false(dir_is_inside(b, beside)); /* inside of what is not there */
    assert_false(dir_is_inside("nowhere", a) || dir_is_inside("", a));
    free(a), free(b), free(new), free(link), free(beside), free(up), free(through);
}

static void folders_are_removed_as_far_as_they_are_empty(void **state)
{
    (void)state;
    char *directory = deep(), *file = path_join(folder, "a/file");
    assert_ok(dir_create(directory, err));
    assert_ok(file_write_all(file, "x", 1, err));
    dir_remove(directory, 2);
    assert_int_equal(dir_missing(directory), 1);
    unlink(file);
    assert_ok(dir_create(directory, err));
    dir_remove(directory, 0);
    assert_int_equal(dir_missing(directory), 0);
    dir_remove(directory, 2);
    assert_int_equal(dir_missing(directory), 2);
    assert_true(dir_is_empty(folder));
    assert_false(dir_is_empty(directory));
    free(directory), free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(files_appear_together),
        in_folder(a_failure_leaves_nothing),
        in_folder(a_folder_in_a_files_place_is_an_error),
        in_folder(a_folder_that_cannot_be_made_is_an_error),
        in_folder(a_folder_is_inside_of_those_above_it),
        in_folder(folders_are_removed_as_far_as_they_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
