/* fuzz_rows.c: any bytes as a file of questions, for each use. Reading must succeed or name the file; what it then hands
 * out must be what rows.h promises. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/rows.h"
#include "fuzz/fuzz.h"

static void require(bool kept)
{
    if (!kept)
        abort();
}

static size_t count_points(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void check_question(const row_question *q)
{
    require(q->question && *q->question);
    for (size_t i = 0; i < q->constraint_count; i++) {
        require(q->constraints[i] && *q->constraints[i]);
        require(q->starts[i] == ROWS_ANYWHERE ||
                q->starts[i] + count_points(q->constraints[i]) <= count_points(q->question));
    }
}

static void check_all(const rows *r)
{
    require(r->count > 0);
    for (size_t i = 0; i < r->count; i++) {
        const row *it = &r->items[i];
        require(it->id && *it->id && (it->problem ? *it->problem : it->json && it->asked.question));
        for (size_t k = 0; k < i; k++)
            require(strcmp(r->items[k].id, it->id) != 0);
        if (it->asked.question)
            check_question(&it->asked);
    }
}

static void check(const rows *r, rows_use use)
{
    require(r->count > 0);
    for (size_t i = 0; i < r->count; i++) {
        const row *it = &r->items[i];
        check_question(&it->asked);
        require(use == ROWS_REQUESTS ? it->target && *it->target : it->answer_count > 0);
        for (size_t k = 0; k < it->answer_count; k++)
            require(*it->answers[k]);
        for (size_t k = 0; k < it->rephrasing_count; k++)
            check_question(&it->rephrasings[k]);
    }
}

static void read_as(const char *path, rows_use use)
{
    pb_error err = {0};
    rows r;
    if (rows_read(&r, path, use, &err) == PB_OK)
        use == ROWS_ALL ? check_all(&r) : check(&r, use);
    else
        require(strstr(err.message, path) && r.count == 0);
    rows_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    read_as(path, ROWS_REQUESTS);
    read_as(path, ROWS_QUESTIONS);
    read_as(path, ROWS_ALL);
    unlink(path);
    return 0;
}
