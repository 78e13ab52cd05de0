/* fuzz_dataset.c: any bytes as a file of questions of each form, and as a file of answers to it. An import must succeed, with every
 * row accounted for, written as valid JSON, and able to be read, annotated and imported again, or fail and leave nothing. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/annotate.h"
#include "data/import.h"
#include "data/rows.h"
#include "fuzz/fuzz.h"

static char folder[40], in[64], out[64], again[64];

static void require(bool kept)
{
    if (!kept)
        abort();
}

/* Whether what the import counted is what it wrote: every row readable, marked or without problem. */
static void check_output(const tally *t)
{
    pb_error err;
    rows r;
    size_t marked = 0, kept = 0;
    require(rows_read(&r, out, ROWS_ALL, &err) == PB_OK);
    for (size_t i = 0; i < r.count; i++) {
        require(r.items[i].json && (r.items[i].marked || !r.items[i].problem));
        marked += r.items[i].marked != NULL;
    }
    kept = r.count - marked;
    require(r.count == t->rows && kept == t->kept && marked == json_array_size(t->problems));
    rows_free(&r);
}

static void annotate_output(void)
{
    pb_error err;
    tally t;
    require(annotate_run(&t, out, again, &err) == PB_OK && file_exists(again));
    tally_free(&t);
    unlink(again);
}

static void import_as(const char *format, const char *answers)
{
    pb_error err;
    tally t;
    const pb_dataset_import_options options = {.format = format, .answers = answers};
    pb_status status = import_run(&t, in, &options, out, &err);
    require((status == PB_OK) == file_exists(out));
    if (status) {
        require(*err.message);
    } else {
        check_output(&t);
        annotate_output();
    }
    tally_free(&t);
    unlink(out);
}

/* Where there is one, in memory: every import waits until its file is on the disk. */
static void set_up(void)
{
    snprintf(folder, sizeof folder, "%s/patchbay-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(folder) != NULL);
    snprintf(in, sizeof in, "%s/in", folder);
    snprintf(out, sizeof out, "%s/out.jsonl", folder);
    snprintf(again, sizeof again, "%s/again.jsonl", folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {NULL, "known", "movies", "vqav2", "known1000"};
    set_up();
    FILE *f = fopen(in, "wb");
    require(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        import_as(formats[i], i == 0 ? NULL : in);
    import_as(NULL, NULL);
    unlink(in);
    rmdir(folder);
    return 0;
}
