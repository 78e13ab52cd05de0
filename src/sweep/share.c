/* share.c: see share.h. */
#include "sweep/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What is left of a unit: its questions from `first` on. */
typedef struct unit_left {
    size_t *questions; /* [count] */
    double *work;      /* [count] */
    size_t first, count;
    double left;
} unit_left;

struct work_share {
    unit_left *units; /* [count] */
    size_t count, room, longest;
    double left; /* of them all */
};

work_share *share_new(void)
{
    return mem_new(1, sizeof(work_share));
}

void share_add(work_share *s, const size_t *questions, const double *work, size_t count)
{
    if (count == 0)
        return;
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->units = mem_resize(s->units, s->room, sizeof *s->units);
    }
    unit_left *u = &s->units[s->count++];
    *u = (unit_left){.questions = mem_new(count, sizeof *questions), .work = mem_new(count, sizeof *work),
                     .count = count};
    memcpy(u->questions, questions, count * sizeof *questions);
    for (size_t i = 0; i < count; i++) {
        u->work[i] = work[i] > 0 ? work[i] : 0;
        u->left += u->work[i];
    }
    s->left += u->left;
    s->longest = count > s->longest ? count : s->longest;
}

size_t share_longest(const work_share *s)
{
    return s->longest;
}

static unit_left *largest(const work_share *s)
{
    unit_left *best = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (s->units[i].first < s->units[i].count && (!best || s->units[i].left > best->left))
            best = &s->units[i];
    return best;
}

size_t share_take(work_share *s, size_t workers, size_t *questions)
{
    unit_left *u = largest(s);
    double fair = s->left / (2 * (double)workers), taken = 0;
    size_t n = 0;
    if (!u)
        return 0;
    for (; u->first < u->count && (n == 0 || taken + u->work[u->first] <= fair); u->first++) {
        taken += u->work[u->first];
        questions[n++] = u->questions[u->first];
    }
    u->left -= taken;
    s->left -= taken;
    return n;
}

void share_free(work_share *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->units[i].questions);
        free(s->units[i].work);
    }
    free(s->units);
    free(s);
}
