/* cut_off.h: a sound file of weights, cut off anywhere, becomes an error, never a crash. */
#ifndef TESTS_CHECKPOINT_CUT_OFF_H
#define TESTS_CHECKPOINT_CUT_OFF_H

#include "checkpoint/tensor_file.h"
#include "tests/support.h"

typedef pb_status (*file_opener)(tensor_file *out, const char *path, pb_error *err);

/* The first `end` bytes of the file at `sound`, written to `copy` and cut byte by byte, are refused at every length below
 * `end`; SIZE_MAX: from the whole file on. */
static inline void assert_refused_cut_off(file_opener opener, const char *sound, const char *copy, size_t end)
{
    file_map whole;
    assert_ok(file_map_open(&whole, sound, err));
    assert_ok(file_write_all(copy, whole.data, whole.size, err));
    for (size_t size = end < whole.size ? end : whole.size; size-- > 0;) {
        tensor_file f;
        assert_int_equal(truncate(copy, (off_t)size), 0);
        assert_fails(opener(&f, copy, err), PB_EFORMAT, copy);
    }
    file_map_close(&whole);
}

#endif
