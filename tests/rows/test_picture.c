/* test_picture.c: pictures found by the names that data sets give them, and named as the output needs it. */
#include "tests/in_folder.h"

#include "base/memory.h"
#include "data/picture.h"

static void put_picture(const char *name)
{
    char *path = path_join(folder, name), *above = mem_text_n(path, (size_t)(path_base(path) - path));
    assert_ok(dir_create(above, err));
    assert_ok(file_write_all(path, "", 0, err));
    free(path);
    free(above);
}

static void assert_found(const char *name, const char *at)
{
    char *found = picture_find(folder, name), *wanted = at ? path_join(folder, at) : NULL;
    if (at)
        assert_string_equal(found ? found : "", wanted);
    else
        assert_null(found);
    free(found);
    free(wanted);
}

static void pictures_are_found_by_many_names(void **state)
{
    (void)state;
    put_picture("sub/a b.png");
    put_picture("c.png");
    put_picture("cha\u0302teau.png");
    assert_found("sub/a b.png", "sub/a b.png");
    assert_found("./sub/a b.png", "./sub/a b.png");
    assert_found("sub\\a b.png", "sub/a b.png");
    assert_found("sub/a%20b.png", "sub/a b.png");
    assert_found("https://example.org/x/c.png", "c.png");
    assert_found("elsewhere/c.png", "c.png");
    assert_found("data/all/sub/a b.png", "sub/a b.png");
    assert_found("data\\sub\\a b.png", "sub/a b.png");
    assert_found("ch\u00e2teau.png", "cha\u0302teau.png");
    assert_found("d.png", NULL);
    assert_found("sub", NULL);
    assert_found("100%.png", NULL);
    char *absolute = path_join(folder, "c.png"), *found = picture_find("/nowhere", absolute);
    assert_string_equal(found ? found : "", absolute);
    free(absolute);
    free(found);
}

static void assert_coco(const char *subset, size_t number, const char *at)
{
    char *first, *found = picture_find_coco(folder, subset, number, &first), *wanted = path_join(folder, at);
    assert_string_equal(found ? found : first, wanted);
    assert_true(!found == !!first);
    free(found);
    free(first);
    free(wanted);
}

static void pictures_of_coco_are_found_by_number(void **state)
{
    (void)state;
    put_picture("val2014/COCO_val2014_000000000025.jpg");
    put_picture("COCO_train2014_000000000026.jpg");
    put_picture("train2017/000000000027.jpg");
    put_picture("COCO_test2015_000000000028.jpg");
    assert_coco("val2014", 25, "val2014/COCO_val2014_000000000025.jpg");
    assert_coco(NULL, 25, "val2014/COCO_val2014_000000000025.jpg");
    assert_coco("train2014", 26, "COCO_train2014_000000000026.jpg");
    assert_coco("train2014", 27, "train2017/000000000027.jpg");
    assert_coco("test-dev2015", 28, "COCO_test2015_000000000028.jpg");
    assert_coco("val2014", 29, "COCO_val2014_000000000029.jpg"); /* not there */
}

static void assert_relative(const char *from, const char *to, const char *path)
{
    char *named = picture_relative(from, to);
    assert_string_equal(named, path);
    free(named);
}

static void paths_are_relative_to_the_output(void **state)
{
    (void)state;
    assert_relative("/no/out", "/no/out/a.png", "a.png");
    assert_relative("/no/out/", "/no/pictures/a.png", "../pictures/a.png");
    assert_relative("/no/out", "/no/outer/a.png", "../outer/a.png");
    assert_relative("/no/out/deep", "/no/./b/../out//a.png", "../a.png");
    assert_relative("/", "/a.png", "a.png");
    assert_relative("/no", "/a.png", "../a.png");
    assert_relative("", "a b/c.png", "a b/c.png");
    assert_relative("out", "c.png", "../c.png");
    put_picture("real/c.png");
    char *real = path_join(folder, "real"), *link = path_join(folder, "link"), *picture = path_join(real, "c.png");
    assert_int_equal(symlink(real, link), 0);
    assert_relative(link, picture, "c.png"); /* and opened through the link it is the same file */
    free(real);
    free(link);
    free(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(pictures_are_found_by_many_names),
        in_folder(pictures_of_coco_are_found_by_number),
        in_folder(paths_are_relative_to_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
