/* counterpart.c: see counterpart.h. */
#include "sweep/counterpart.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "method/subjects.h"
#include "method/vqa.h"

typedef struct subject {
    size_t *rows;    /* [row_count] ascending */
    size_t row_count;
    char **answers;  /* [answer_count] normalised, sorted */
    size_t answer_count;
    size_t other;    /* the number of its partner; COUNTERPART_NONE: there is none */
} subject;

/* The subjects of one kind. */
typedef struct group {
    subject *subjects; /* [count] */
    size_t count;
    size_t *place;     /* [count] a permutation: subject i goes with subject place[i] */
} group;

static bool takes_part(const row *r)
{
    return !r->marked && !r->problem;
}

/* What questions of one kind have in common, as a text. free() */
static char *kind_of(const row *r)
{
    buffer b = {0};
    buffer_printf(&b, "%s\n%s", r->relation ? r->relation : "", r->asked.image ? "picture" : "");
    for (size_t i = 0; i < r->asked.constraint_count; i++)
        buffer_printf(&b, "\n%s", r->asked.kinds[i] ? r->asked.kinds[i] : "");
    return b.data;
}

/* ---- subjects ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_row(subject *s, const row *r, size_t number)
{
    s->rows = mem_resize(s->rows, s->row_count + 1, sizeof *s->rows);
    s->rows[s->row_count++] = number;
    s->answers = mem_resize(s->answers, s->answer_count + r->answer_count, sizeof *s->answers);
    for (size_t i = 0; i < r->answer_count; i++) {
        buffer b = {0};
        vqa_normalise(r->answers[i], &b);
        s->answers[s->answer_count++] = b.data;
    }
}

/* A question that names no subject is about its picture, as in averages (store_subject). NULL: about neither. */
static const char *subject_of(const row *r)
{
    return r->subject ? r->subject : r->asked.image;
}

/* The rows[count] of one kind, by subject. */
static group group_of(const rows *r, const size_t *members, size_t count)
{
    const char **names = mem_new(count, sizeof *names);
    size_t *number = mem_new(count, sizeof *number);
    for (size_t i = 0; i < count; i++)
        names[i] = subject_of(&r->items[members[i]]);
    group g = {.count = subjects_number(names, count, number)};
    g.subjects = mem_new(g.count, sizeof *g.subjects);
    for (size_t i = 0; i < count; i++)
        add_row(&g.subjects[number[i]], &r->items[members[i]], members[i]);
    for (size_t i = 0; i < g.count; i++)
        if (g.subjects[i].answer_count)
            qsort(g.subjects[i].answers, g.subjects[i].answer_count, sizeof(char *), by_text);
    free(names);
    free(number);
    return g;
}

static void group_free(group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        for (size_t k = 0; k < g->subjects[i].answer_count; k++)
            free(g->subjects[i].answers[k]);
        free(g->subjects[i].answers);
        free(g->subjects[i].rows);
    }
    free(g->subjects);
    free(g->place);
}

/* Whether two subjects may go together: their sorted answers have none in common. */
static bool differ(const group *g, size_t a, size_t b)
{
    const subject *x = &g->subjects[a], *y = &g->subjects[b];
    for (size_t i = 0, k = 0; i < x->answer_count && k < y->answer_count;) {
        int order = strcmp(x->answers[i], y->answers[k]);
        if (order == 0)
            return false;
        order < 0 ? i++ : k++;
    }
    return a != b;
}

/* ---- the draw ---- */

static void swap(size_t *a, size_t *b)
{
    size_t held = *a;
    *a = *b;
    *b = held;
}

static void shuffle(group *g, random_state *random)
{
    g->place = mem_new(g->count, sizeof *g->place);
    for (size_t i = 0; i < g->count; i++)
        g->place[i] = i;
    for (size_t i = 0; i < g->count; i++)
        swap(&g->place[i], &g->place[i + random_below(random, g->count - i)]);
}

/* Exchanges subject i's partner, if that mends it and harms none. */
static bool mend(group *g, size_t i, size_t from)
{
    for (size_t n = 0; n < g->count; n++) {
        size_t k = (from + n) % g->count;
        bool harms = differ(g, k, g->place[k]) && !differ(g, k, g->place[i]);
        if (!harms && differ(g, i, g->place[k])) {
            swap(&g->place[i], &g->place[k]);
            return true;
        }
    }
    return false;
}

/* Some subject with other answers, whoever else goes with it. */
static size_t any_other(const group *g, size_t i, size_t from)
{
    for (size_t n = 0; n < g->count; n++)
        if (differ(g, i, (from + n) % g->count))
            return (from + n) % g->count;
    return COUNTERPART_NONE;
}

static void pair_up(group *g, uint64_t seed)
{
    random_state random = random_from(seed);
    size_t *from = mem_new(g->count, sizeof *from);
    shuffle(g, &random);
    for (size_t i = 0; i < g->count; i++) {
        from[i] = differ(g, i, g->place[i]) ? 0 : random_below(&random, g->count);
        if (!differ(g, i, g->place[i]))
            mend(g, i, from[i]);
    }
    for (size_t i = 0; i < g->count; i++)
        g->subjects[i].other = differ(g, i, g->place[i]) ? g->place[i] : any_other(g, i, from[i]);
    free(from);
}

static void hand_out(const group *g, size_t *other)
{
    for (size_t i = 0; i < g->count; i++) {
        const subject *s = &g->subjects[i];
        if (s->other == COUNTERPART_NONE)
            continue;
        const subject *o = &g->subjects[s->other];
        for (size_t k = 0; k < s->row_count; k++)
            other[s->rows[k]] = o->rows[k % o->row_count];
    }
}

static void draw_kind(const rows *r, const size_t *members, size_t count, uint64_t seed, size_t *other)
{
    group g = group_of(r, members, count);
    pair_up(&g, seed);
    hand_out(&g, other);
    group_free(&g);
}

size_t *counterparts_draw(const rows *r, uint64_t seed)
{
    size_t *other = mem_new(r->count, sizeof *other), *row_of = mem_new(r->count, sizeof *row_of), n = 0;
    size_t *number = mem_new(r->count, sizeof *number), *members = mem_new(r->count, sizeof *members);
    char **kinds = mem_new(r->count, sizeof *kinds);
    for (size_t i = 0; i < r->count; i++) {
        other[i] = COUNTERPART_NONE;
        if (takes_part(&r->items[i])) {
            row_of[n] = i;
            kinds[n++] = kind_of(&r->items[i]);
        }
    }
    size_t kind_count = subjects_number((const char *const *)kinds, n, number);
    for (size_t kind = 0; kind < kind_count; kind++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (number[i] == kind)
                members[count++] = row_of[i];
        draw_kind(r, members, count, seed, other);
    }
    for (size_t i = 0; i < n; i++)
        free(kinds[i]);
    free(kinds);
    free(number);
    free(members);
    free(row_of);
    return other;
}
