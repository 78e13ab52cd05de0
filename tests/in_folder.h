/* in_folder.h: tests that each run in a new folder of their own, removed after them:
 *
 *     #define IN_FOLDER_FILE "model.gguf"     only where tests write one file again and again: `path` is its name
 *     #include "tests/in_folder.h"
 *     ... in_folder(a_damaged_file_is_refused), ...
 */
#ifndef TESTS_IN_FOLDER_H
#define TESTS_IN_FOLDER_H

#include "tests/support.h"

static char *folder; /* of the test that runs */
#ifdef IN_FOLDER_FILE
static char *path;
#endif

static int make_folder(void **state)
{
    (void)state;
    folder = folder_new();
#ifdef IN_FOLDER_FILE
    path = path_join(folder, IN_FOLDER_FILE);
#endif
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    folder_remove(folder);
#ifdef IN_FOLDER_FILE
    free(path);
#endif
    return 0;
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
