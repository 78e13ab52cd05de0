/* counterparts.c: what is put in the place of a question's country, of its second constraint's value, or of the country
 * that it is compared with, so that the answer changes (questions.h, draw.h). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "data/flagqa/draw.h"

/* ---- drawing one of those that fit best ---- */

void flag_tiers_add(flag_tiers *t, size_t tier, size_t item)
{
    t->items[tier] = mem_resize(t->items[tier], t->counts[tier] + 1, sizeof *t->items[tier]);
    t->items[tier][t->counts[tier]++] = item;
}

void flag_tiers_free(flag_tiers *t)
{
    for (size_t i = 0; i < FLAG_TIERS; i++)
        free(t->items[i]);
    *t = (flag_tiers){0};
}

size_t flag_tiers_draw(flag_tiers *t, random_state *r)
{
    size_t drawn = FLAG_NONE;
    for (size_t i = 0; i < FLAG_TIERS && drawn == FLAG_NONE; i++)
        if (t->counts[i])
            drawn = t->items[i][random_below(r, t->counts[i])];
    flag_tiers_free(t);
    return drawn;
}

/* How well a country can stand for another: names of as many tokens, and the same split, come first. */
static size_t tier_of(const flag_facts *f, size_t country, size_t other)
{
    const flag_country *a = &f->countries[country], *b = &f->countries[other];
    bool same_split = strcmp(a->split, b->split) == 0,
         same_cut = flag_same_cut(a->cut, b->cut) && a->article == b->article;
    return same_cut ? same_split ? 0 : 1 : same_split ? 2 : 3;
}

/* ---- counterparts ---- */

static bool share_neighbour(const flag_country *a, const flag_country *b)
{
    for (size_t i = 0; i < a->near_count; i++)
        for (size_t k = 0; k < b->near_count; k++)
            if (a->near[i] == b->near[k])
                return true;
    return false;
}

/* Whether an answer is right of both; neighbours are compared as countries, since there are many names of them. */
static bool share_answer(const flag_facts *f, const flag_question *q, size_t other, const flag_texts *right,
                         const flag_texts *there)
{
    return q->relation == FLAG_NEIGHBOUR ? share_neighbour(&f->countries[q->country], &f->countries[other])
                                         : flag_share_text(right, there);
}

/* What the answer would be with `other` in the country's place; *answer where a country is the answer. */
static const flag_texts *right_with(const flag_facts *f, const flag_question *q, size_t other, size_t *answer)
{
    *answer = FLAG_NONE;
    if (flag_asks_neighbour(q->relation))
        *answer = flag_only_neighbour(f, other, q->relation, q->value.key);
    else if (q->relation >= FLAG_SINGLE)
        *answer = flag_larger(f, other, q->value.country, q->relation);
    return flag_right(f, q->relation, other, *answer);
}

void flag_draw_other(const flag_facts *f, flag_question *q, random_state *r)
{
    const flag_texts *right = flag_right(f, q->relation, q->country, q->value.answer);
    flag_tiers t = {0}, without = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t answer, sure;
        if (k == q->country || !flag_is_shown(&f->countries[k]) || k == q->value.country || k == q->value.answer)
            continue;
        const flag_texts *there = right_with(f, q, k, &answer);
        if (there && there->count && !share_answer(f, q, k, right, there))
            flag_tiers_add(&t, tier_of(f, q->country, k), k);
        else if (flag_asks_neighbour(q->relation) && flag_count_neighbours(f, k, q->relation, q->value.key, &sure) == 0)
            flag_tiers_add(&without, tier_of(f, q->country, k), k);
    }
    q->other = flag_tiers_draw(t.counts[0] + t.counts[1] + t.counts[2] + t.counts[3] ? &t : &without, r);
    flag_tiers_free(&t);
    flag_tiers_free(&without);
    q->other_answer = FLAG_NONE;
    if (q->other != FLAG_NONE)
        right_with(f, q, q->other, &q->other_answer);
}

size_t flag_counterpart(const flag_facts *f, flag_relation relation, size_t country, random_state *r)
{
    flag_question q = {.relation = relation, .country = country, .value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
    flag_draw_other(f, &q, r);
    return q.other;
}

void flag_draw_other_neighbour(const flag_facts *f, flag_question *q, random_state *r)
{
    flag_cut cut = flag_value_cut(f, q->value.text);
    flag_tiers t = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t sure;
        flag_value v = flag_value_of(f, k, q->relation);
        if (!v.key || strcasecmp(v.key, q->value.key) == 0)
            continue;
        bool fits = flag_same_cut(cut, flag_value_cut(f, v.text));
        size_t count = flag_count_neighbours(f, q->country, q->relation, v.key, &sure);
        if (count == 1 && sure == k && k != q->value.answer)
            flag_tiers_add(&t, fits ? 0 : 2, k);
        else if (count == 0)
            flag_tiers_add(&t, fits ? 1 : 3, k);
    }
    size_t drawn = flag_tiers_draw(&t, r);
    if (drawn != FLAG_NONE)
        q->other_value = flag_value_of(f, drawn, q->relation);
    if (drawn != FLAG_NONE)
        q->other_value.answer = flag_only_neighbour(f, q->country, q->relation, q->other_value.key);
}

void flag_draw_other_size(const flag_facts *f, flag_question *q, random_state *r)
{
    flag_tiers t = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t larger = flag_larger(f, q->country, k, q->relation);
        bool turns = q->value.answer == q->country ? larger == k : larger == q->country;
        if (flag_is_shown(&f->countries[k]) && k != q->value.country && turns)
            flag_tiers_add(&t, tier_of(f, q->value.country, k), k);
    }
    size_t drawn = flag_tiers_draw(&t, r);
    if (drawn != FLAG_NONE)
        q->other_value = (flag_value){flag_name(&f->countries[drawn]), NULL, drawn,
                                      flag_larger(f, q->country, drawn, q->relation)};
}
