/* support.h: what every test needs: cmocka, a folder of its own, failures told apart by their words. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

/* cmocka.h needs these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; ours is base/error.h's */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Ends the test as failed, with words: what cmocka's fail_msg does, which needs its macro `fail`. */
#define test_stop(file, line, ...)                                                                                   \
    do {                                                                                                             \
        print_error(__VA_ARGS__);                                                                                    \
        print_error("\n");                                                                                           \
        _fail(file, line);                                                                                           \
    } while (0)

/* tests/PATH in the source tree (TEST_DATA comes from meson.build). */
#define GOLDEN(path) TEST_DATA "/" path

/* The call fails with that code, and its message contains `words`. */
#define assert_fails(call, expected_code, words)                                                                     \
    do {                                                                                                             \
        pb_error failure_ = {0};                                                                                     \
        pb_error *err = &failure_;                                                                                   \
        pb_status status_ = (call);                                                                                  \
        if (status_ != (expected_code) || failure_.code != status_ || !strstr(failure_.message, words))              \
            test_stop(__FILE__, __LINE__, "status %d, message \"%s\", expected %d and \"%s\"", (int)status_,         \
                      failure_.message, (int)(expected_code), words);                                                \
    } while (0)

/* The call succeeds; when it does not, its message is shown. */
#define assert_ok(call)                                                                                              \
    do {                                                                                                             \
        pb_error failure_ = {0};                                                                                     \
        pb_error *err = &failure_;                                                                                   \
        if ((call) != PB_OK)                                                                                         \
            test_stop(__FILE__, __LINE__, "%s: %s", #call, failure_.message);                                        \
    } while (0)

/* A new, empty folder; give it to folder_remove. */
static inline char *folder_new(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = path_join(parent ? parent : "/tmp", "patchbay-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Removes the folder with all that it holds, and frees its path. */
static inline void folder_remove(char *path)
{
    assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(path);
}

#endif
