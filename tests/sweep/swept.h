/* swept.h: what tests of sweeps start from: a folder with a file of questions, and a tiny model. */
#ifndef TESTS_SWEEP_SWEPT_H
#define TESTS_SWEEP_SWEPT_H

#include "tests/method/asked.h"

typedef struct swept {
    char *folder, *path; /* path: the file of questions */
    model *m;
} swept;

/* A test's set-up; `dataset`: the file's lines. */
static inline int swept_begin(void **state, const char *dataset)
{
    swept *s = mem_new(1, sizeof *s);
    s->folder = folder_new();
    s->path = path_join(s->folder, "rows.jsonl");
    assert_ok(file_write_all(s->path, dataset, strlen(dataset), err));
    s->m = tiny_open(LLAVA);
    *state = s;
    return 0;
}

/* And its tear-down. */
static inline int swept_end(void **state)
{
    swept *s = *state;
    model_free(s->m);
    free(s->path);
    folder_remove(s->folder);
    free(s);
    return 0;
}

#endif
