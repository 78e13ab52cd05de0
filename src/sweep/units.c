/* units.c: which questions are run together, and what each will take. See job.h.
 *
 * Those about one picture, and, as long as they are few, those about the next ones. That depends on nothing but the
 * rows and the number of shards, so that all processes of a sweep have the same units, whatever memory each may
 * take. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/subjects.h"
#include "sweep/job.h"

enum { UNITS_EACH = 4 }; /* of units of several pictures, at least so many a shard */

/* A question and the number of its picture. */
typedef struct placed {
    size_t picture, question;
} placed;

static int by_picture(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->picture != y->picture)
        return x->picture < y->picture ? -1 : 1;
    return (x->question > y->question) - (x->question < y->question);
}

static bool is_asked(const row *r)
{
    return !r->marked && !r->problem;
}

/* Questions about one picture have one name; those without one, or that are not asked, another together. free() */
static char *picture_name(const row *r)
{
    if (!r->asked.image || !is_asked(r))
        return mem_text("");
    char *resolved = realpath(r->asked.image, NULL);
    return resolved ? resolved : mem_text(r->asked.image);
}

/* Pictures are numbered in the order of their first questions. free() */
static placed *order_questions(const sweep_job *j)
{
    char **names = mem_new(j->count, sizeof *names);
    size_t *number = mem_new(j->count, sizeof *number);
    placed *list = mem_new(j->count, sizeof *list);
    for (size_t i = 0; i < j->count; i++)
        names[i] = picture_name(&j->rows.items[i]);
    subjects_number((const char *const *)names, j->count, number);
    for (size_t i = 0; i < j->count; i++) {
        list[i] = (placed){number[i], i};
        free(names[i]);
    }
    qsort(list, j->count, sizeof *list, by_picture);
    free(names);
    free(number);
    return list;
}

static size_t characters(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Of a prompt as long as such questions are: no token is counted. */
static double work_of(const sweep_job *j, const row *r)
{
    enum { TEMPLATE_ROWS = 12, CHARACTERS_A_TOKEN = 4 };
    if (!is_asked(r))
        return 0;
    size_t behind = TEMPLATE_ROWS + (characters(r->asked.question) + characters(r->asked.prefill)) / CHARACTERS_A_TOKEN;
    size_t image_rows = r->asked.image && j->model->vision ? vision_rows(j->model->vision) : 0;
    return sweep_method_of(&j->options)->work(j, image_rows + behind, behind);
}

static void add_unit(sweep_job *j, const placed *list, size_t count)
{
    sweep_unit u = {.questions = mem_new(count, sizeof *u.questions), .count = count};
    for (size_t i = 0; i < count; i++) {
        u.questions[i] = list[i].question;
        u.work += j->work[list[i].question];
    }
    j->units[j->unit_count++] = u;
}

size_t sweep_unit_missing(const sweep_unit *u, const bool *done, size_t *missing)
{
    size_t n = 0;
    for (size_t i = 0; i < u->count; i++)
        if (!done[u->questions[i]])
            missing[n++] = u->questions[i];
    return n;
}

/* How many questions from the first of the list on are about one picture, as far as one unit takes them. */
static size_t of_one_picture(const placed *list, size_t count)
{
    size_t n = 1;
    while (n < UNIT_MOST && n < count && list[n].picture == list[0].picture)
        n++;
    return n;
}

/* How many questions are a unit: all about one picture, and whole further pictures as long as they are
 * at most `most`. */
static size_t unit_length(const placed *list, size_t count, size_t most)
{
    size_t n = of_one_picture(list, count);
    for (size_t next; n < count && n < most; n += next) {
        next = of_one_picture(list + n, count - n);
        if (n + next > most)
            break;
    }
    return n;
}

/* Several pictures are put together only where many units are left for everybody. */
static size_t unit_most(const sweep_job *j, size_t shards)
{
    size_t most = j->count / (UNITS_EACH * shards);
    return most < UNIT_MOST ? most : UNIT_MOST;
}

void sweep_make_units(sweep_job *j)
{
    placed *list = order_questions(j);
    size_t shards = j->options.shards ? j->options.shards : 1, made = 0, most = unit_most(j, shards);
    j->work = mem_new(j->count, sizeof *j->work);
    j->units = mem_new(j->count, sizeof *j->units);
    for (size_t i = 0; i < j->count; i++)
        j->work[i] = work_of(j, &j->rows.items[i]);
    for (size_t i = 0, n; i < j->count; i += n) {
        n = unit_length(list + i, j->count - i, most);
        if (made++ % shards == j->options.shard)
            add_unit(j, list + i, n);
    }
    free(list);
}
