/* tokenizer_folder.c: the tokenizer of a model's folder: tokenizer.json, or what checkpoints ship in its place. */
#include <stdlib.h>

#include "base/file.h"
#include "text/tokenizer_parts.h"

/* The first that is there counts. */
static const struct source {
    const char *name;
    pb_status (*read)(tokenizer *t, const char *path, const char *directory, pb_error *err);
} sources[] = {{"tokenizer.json", tokenizer_read_json},
               {"tokenizer.model", tokenizer_read_model},
               {"vocab.json", tokenizer_read_merges}};
enum { SOURCES = sizeof sources / sizeof *sources };

static pb_status open_source(tokenizer **out, const struct source *s, const char *path, const char *directory,
                             pb_error *err)
{
    tokenizer *t = mem_new(1, sizeof *t);
    pb_status status = s->read(t, path, directory, err);
    if (status)
        tokenizer_free(t);
    else
        *out = t;
    return status;
}

pb_status tokenizer_open(tokenizer **out, const char *directory, pb_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < SOURCES; i++) {
        char *path = path_join(directory, sources[i].name);
        bool there = file_exists(path);
        pb_status status = there ? open_source(out, &sources[i], path, directory, err) : PB_OK;
        free(path);
        if (there)
            return status;
    }
    return fail(err, PB_EIO, "%s: has no tokenizer: no tokenizer.json, no tokenizer.model, and no vocab.json with "
                "merges.txt", directory);
}
