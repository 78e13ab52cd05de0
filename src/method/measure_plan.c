/* measure_plan.c: who is asked what: the pool of pictures, the draws from it, and the questions, each once. See
 * measure.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "method/measure_parts.h"
#include "method/vqa.h"

/* ---- subjects ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_subject(const measure_question *a, const measure_question *b)
{
    if (a->subject && b->subject)
        return strcmp(a->subject, b->subject) == 0;
    if (a->asked.image || b->asked.image)
        return same_text(a->asked.image, b->asked.image);
    return same_text(a->asked.question, b->asked.question) && same_text(a->asked.prompt, b->asked.prompt);
}

/* ---- the pool of pictures ---- */

/* Who shows a picture: an evaluation question, or a request's. */
typedef struct pool_row {
    const measure_question *question;
    size_t picture; /* its number, in the order of first appearance */
} pool_row;

typedef struct picture_pool {
    pool_row *rows;
    size_t row_count;
    const measure_question **pictures; /* [picture_count] the first row that shows each */
    size_t picture_count;
} picture_pool;

static int by_image(const void *a, const void *b)
{
    const pool_row *x = a, *y = b;
    int order = strcmp(x->question->asked.image, y->question->asked.image);
    return order ? order : (x->picture > y->picture) - (x->picture < y->picture);
}

static int by_row(const void *a, const void *b)
{
    const pool_row *x = a, *y = b;
    return (x->picture > y->picture) - (x->picture < y->picture);
}

static void add_row(picture_pool *p, const measure_question *q)
{
    if (q->asked.image) {
        p->rows[p->row_count] = (pool_row){q, p->row_count};
        p->row_count++;
    }
}

/* Numbers the pictures: every row first gets the first row that shows its picture, then those are counted. */
static void number_pictures(picture_pool *p)
{
    size_t *first = mem_new(p->row_count, sizeof *first);
    qsort(p->rows, p->row_count, sizeof *p->rows, by_image);
    for (size_t i = 0; i < p->row_count; i++) {
        bool again = i && strcmp(p->rows[i].question->asked.image, p->rows[i - 1].question->asked.image) == 0;
        first[p->rows[i].picture] = again ? first[p->rows[i - 1].picture] : p->rows[i].picture;
    }
    qsort(p->rows, p->row_count, sizeof *p->rows, by_row);
    for (size_t i = 0; i < p->row_count; i++) {
        if (first[i] == i)
            p->pictures[p->picture_count++] = p->rows[i].question;
        p->rows[i].picture = first[i] == i ? p->picture_count - 1 : p->rows[first[i]].picture;
    }
    free(first);
}

static picture_pool pool_of(const measure_plan *plan)
{
    size_t most = plan->evaluation_count + plan->request_count + plan->pool_count;
    picture_pool p = {.rows = mem_new(most, sizeof *p.rows), .pictures = mem_new(most, sizeof *p.pictures)};
    for (size_t i = 0; i < plan->evaluation_count; i++)
        add_row(&p, &plan->evaluation[i]);
    for (size_t i = 0; i < plan->pool_count; i++)
        add_row(&p, &plan->pool[i]);
    for (size_t i = 0; i < plan->request_count; i++)
        add_row(&p, &plan->requests[i].question);
    number_pictures(&p);
    return p;
}

static void pool_free(picture_pool *p)
{
    free(p->rows);
    free(p->pictures);
}

static bool accepts(const measure_question *q, const char *target)
{
    for (size_t i = 0; i < q->answer_count; i++)
        if (vqa_contains(q->answers[i], target))
            return true;
    return false;
}

/* What the pool's pictures are to a request. */
enum { PICTURE_OTHER, PICTURE_SAME_SUBJECT, PICTURE_OUT };

/* relation[picture_count]: a picture is out when it is the request's own, or a row about another subject that shows it
 * has the target among its answers; it is of the same subject when any row says so. */
static void relate(const picture_pool *p, const measure_request *r, char *relation)
{
    const measure_question *own = &r->question;
    memset(relation, PICTURE_OTHER, p->picture_count);
    for (size_t i = 0; i < p->row_count; i++) {
        const measure_question *q = p->rows[i].question;
        char *to = &relation[p->rows[i].picture];
        if (strcmp(q->asked.image, own->asked.image) == 0)
            *to = PICTURE_OUT;
        else if (*to != PICTURE_OUT && same_subject(q, own))
            *to = PICTURE_SAME_SUBJECT;
        else if (*to == PICTURE_OTHER && accepts(q, r->target))
            *to = PICTURE_OUT;
    }
}

/* ---- draws ---- */

/* The edited question about `count` of the pool's pictures of one relation, or all if there are fewer; written to
 * `made`, which list points to. */
static size_t draw(const picture_pool *p, const char *relation, int wanted, const measure_request *r, size_t count,
                   random_state *random, measure_question *made, measured_list *list)
{
    size_t *fits = mem_new(p->picture_count, sizeof *fits), n = 0;
    for (size_t i = 0; i < p->picture_count; i++)
        if (relation[i] == wanted)
            fits[n++] = i;
    list->count = count < n ? count : n;
    list->items = mem_new(list->count, sizeof *list->items);
    for (size_t k = 0; k < list->count; k++) {
        size_t other = k + random_below(random, n - k), drawn = fits[other];
        fits[other] = fits[k];
        const measure_question *first = p->pictures[drawn];
        made[k] = (measure_question){.asked = r->question.asked, .name = first->name, .id = first->id,
                                     .subject = first->subject};
        made[k].asked.image = first->asked.image;
        list->items[k].question = &made[k];
    }
    free(fits);
    return list->count;
}

static void draw_pictures(measure *x, size_t request, const picture_pool *p)
{
    const measure_request *r = &x->plan.requests[request];
    measure_result *out = &x->results[request];
    size_t most = x->plan.neighbours;
    if (!r->question.asked.image)
        return;
    random_state random = random_from(x->plan.seed + (x->plan.numbers ? x->plan.numbers[request] : request));
    char *relation = mem_new(p->picture_count, 1);
    size_t room = most < p->picture_count ? most : p->picture_count;
    measure_question *made = x->state->made[request] = mem_new(2 * room, sizeof *made);
    relate(p, r, relation);
    size_t n = draw(p, relation, PICTURE_OTHER, r, most, &random, made, &out->neighbours);
    draw(p, relation, PICTURE_SAME_SUBJECT, r, most, &random, made + n, &out->pictures);
    free(relation);
}

/* ---- lists ---- */

measured_list measure_list(measure_result *r, measure_kind kind)
{
    switch (kind) {
    case MEASURE_REPHRASINGS: return r->rephrasings;
    case MEASURE_PICTURES: return r->pictures;
    case MEASURE_NEIGHBOURS: return r->neighbours;
    case MEASURE_EVALUATION: return r->evaluation;
    default: return (measured_list){&r->edited, 1};
    }
}

static void list_given(measure *x, size_t request)
{
    const measure_request *r = &x->plan.requests[request];
    measure_result *out = &x->results[request];
    out->edited.question = &r->question;
    out->rephrasings = (measured_list){mem_new(r->rephrasing_count, sizeof(measured)), r->rephrasing_count};
    for (size_t i = 0; i < r->rephrasing_count; i++)
        out->rephrasings.items[i].question = &r->rephrasings[i];
    out->evaluation.items = mem_new(x->plan.evaluation_count, sizeof(measured));
    for (size_t i = 0; i < x->plan.evaluation_count; i++)
        if (!same_subject(&x->plan.evaluation[i], &r->question))
            out->evaluation.items[out->evaluation.count++].question = &x->plan.evaluation[i];
}

/* ---- uses and entries ---- */

static void list_uses(measure *x)
{
    measure_state *s = x->state;
    for (size_t r = 0; r < x->plan.request_count; r++)
        for (measure_kind kind = 0; kind < MEASURE_KINDS; kind++)
            s->use_count += measure_list(&x->results[r], kind).count;
    s->uses = mem_new(s->use_count, sizeof *s->uses);
    s->use_count = 0;
    for (size_t r = 0; r < x->plan.request_count; r++)
        for (measure_kind kind = 0; kind < MEASURE_KINDS; kind++) {
            measured_list list = measure_list(&x->results[r], kind);
            for (size_t i = 0; i < list.count; i++) {
                list.items[i].kl = list.items[i].key_cosine = NAN;
                s->uses[s->use_count++] = (measure_use){.m = &list.items[i], .request = r, .kind = kind};
            }
        }
}

static int text_order(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int constraint_order(const pb_question *a, const pb_question *b)
{
    if (a->constraint_count != b->constraint_count)
        return a->constraint_count < b->constraint_count ? -1 : 1;
    for (size_t i = 0; i < a->constraint_count; i++) {
        size_t x = a->constraint_starts ? a->constraint_starts[i] : SIZE_MAX;
        size_t y = b->constraint_starts ? b->constraint_starts[i] : SIZE_MAX;
        int order = strcmp(a->constraints[i], b->constraints[i]);
        order = order ? order : (x > y) - (x < y);
        if (order)
            return order;
    }
    return (int)a->all_occurrences - (int)b->all_occurrences;
}

/* The picture decides first. */
static int question_order(const pb_question *a, const pb_question *b)
{
    const char *texts[][2] = {{a->image, b->image}, {a->template_name, b->template_name}, {a->prompt, b->prompt},
                              {a->question, b->question}, {a->prefill, b->prefill}, {a->image_order, b->image_order}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int order = text_order(texts[i][0], texts[i][1]);
        if (order)
            return order;
    }
    return constraint_order(a, b);
}

static int by_question(const void *a, const void *b)
{
    measure_use *const *x = a, *const *y = b;
    return question_order(&(*x)->m->question->asked, &(*y)->m->question->asked);
}

/* Uses of the same question share an entry. */
static void make_entries(measure_state *s, bool keys)
{
    measure_use **sorted = mem_new(s->use_count, sizeof *sorted);
    s->entries = mem_new(s->use_count, sizeof *s->entries);
    for (size_t i = 0; i < s->use_count; i++)
        sorted[i] = &s->uses[i];
    qsort(sorted, s->use_count, sizeof *sorted, by_question);
    for (size_t i = 0; i < s->use_count; i++) {
        if (i == 0 || by_question(&sorted[i - 1], &sorted[i]) != 0)
            s->entries[s->entry_count++].question = sorted[i]->m->question;
        measure_entry *e = &s->entries[s->entry_count - 1];
        sorted[i]->entry = s->entry_count - 1;
        e->compared |= sorted[i]->kind == MEASURE_EVALUATION;
        e->edited |= sorted[i]->kind == MEASURE_EDITED;
        e->keyed |= keys && (sorted[i]->kind == MEASURE_EDITED || sorted[i]->kind == MEASURE_NEIGHBOURS);
    }
    free(sorted);
}

void measure_lay_out(measure *x)
{
    picture_pool pool = pool_of(&x->plan);
    for (size_t r = 0; r < x->plan.request_count; r++) {
        list_given(x, r);
        draw_pictures(x, r, &pool);
    }
    pool_free(&pool);
    list_uses(x);
    make_entries(x->state, x->plan.key_layer != MEASURE_NO_KEY);
}
