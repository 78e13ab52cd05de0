/* questions.c: see questions.h. */
#include "data/flagqa/questions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "data/flagqa/wording.h"

enum { ROUNDS = 2, MOST_VALUES = 3 };

random_state flag_stream(uint64_t seed, uint64_t purpose)
{
    random_state r = random_from(seed);
    return random_from(random_next(&r) ^ (purpose + 1) * 0xd1342543de82ef95u);
}

/* ---- facts about pairs ---- */

static bool is_shown(const flag_country *c)
{
    return c->split != NULL;
}

static bool asks_neighbour(flag_relation r)
{
    return r == FLAG_NEIGHBOUR_LANGUAGE || r == FLAG_NEIGHBOUR_CURRENCY || r == FLAG_NEIGHBOUR_REGION;
}

/* By which a country has the value, whatever source says so. */
static const flag_texts *keys_of(const flag_country *c, flag_relation r)
{
    return r == FLAG_NEIGHBOUR_LANGUAGE   ? &c->answers[FLAG_LANGUAGE]
           : r == FLAG_NEIGHBOUR_CURRENCY ? &c->money_codes
                                          : &c->answers[FLAG_REGION];
}

/* The value by which a country can be told from its neighbours: one that all sources agree on. */
static flag_value value_of(const flag_facts *f, size_t country, flag_relation r)
{
    const flag_country *c = &f->countries[country];
    flag_value v = {.country = FLAG_NONE, .answer = country};
    if (r == FLAG_NEIGHBOUR_LANGUAGE)
        v.text = v.key = c->language;
    else if (r == FLAG_NEIGHBOUR_REGION)
        v.text = v.key = c->answers[FLAG_REGION].count ? c->answers[FLAG_REGION].items[0] : NULL;
    else if (c->money_code)
        v = (flag_value){c->money, c->money_code, FLAG_NONE, country};
    return v;
}

/* How many neighbours have the value by some source, and the first that all sources agree on. */
static size_t count_neighbours(const flag_facts *f, size_t country, flag_relation relation, const char *key, size_t *sure)
{
    const flag_country *c = &f->countries[country];
    size_t count = 0;
    *sure = FLAG_NONE;
    for (size_t i = 0; i < c->near_count; i++) {
        if (!flag_has_text(keys_of(&f->countries[c->near[i]], relation), key))
            continue;
        const char *own = value_of(f, c->near[i], relation).key;
        count++;
        if (i < c->sure_count && own && strcasecmp(own, key) == 0 && *sure == FLAG_NONE)
            *sure = c->near[i];
    }
    return count;
}

size_t flag_only_neighbour(const flag_facts *f, size_t country, flag_relation relation, const char *key)
{
    size_t sure;
    return count_neighbours(f, country, relation, key, &sure) == 1 ? sure : FLAG_NONE;
}

size_t flag_larger(const flag_facts *f, size_t a, size_t b, flag_relation relation)
{
    const flag_country *x = &f->countries[a], *y = &f->countries[b];
    const double *p = relation == FLAG_AREA ? x->area : x->people, *q = relation == FLAG_AREA ? y->area : y->people;
    if (a == b || p[0] <= 0 || q[0] <= 0)
        return FLAG_NONE;
    return p[0] >= 2 * q[1] ? a : q[0] >= 2 * p[1] ? b : FLAG_NONE;
}

const flag_texts *flag_right(const flag_facts *f, flag_relation relation, size_t country, size_t answer)
{
    if (relation < FLAG_SINGLE)
        return &f->countries[country].answers[relation];
    return answer == FLAG_NONE ? NULL : &f->countries[answer].answers[FLAG_NAME];
}

/* ---- drawing one of those that fit best ---- */

/* Candidates in tiers, the best first; one of the best tier that holds any is drawn. */
enum { TIERS = 4 };
typedef struct tiers {
    size_t *items[TIERS];
    size_t counts[TIERS];
} tiers;

static void tiers_add(tiers *t, size_t tier, size_t item)
{
    t->items[tier] = mem_resize(t->items[tier], t->counts[tier] + 1, sizeof *t->items[tier]);
    t->items[tier][t->counts[tier]++] = item;
}

static void tiers_free(tiers *t)
{
    for (size_t i = 0; i < TIERS; i++)
        free(t->items[i]);
    *t = (tiers){0};
}

/* Leaves it empty. */
static size_t tiers_draw(tiers *t, random_state *r)
{
    size_t drawn = FLAG_NONE;
    for (size_t i = 0; i < TIERS && drawn == FLAG_NONE; i++)
        if (t->counts[i])
            drawn = t->items[i][random_below(r, t->counts[i])];
    tiers_free(t);
    return drawn;
}

/* How well a country can stand for another: names of as many tokens, and the same split, come first. */
static size_t tier_of(const flag_facts *f, size_t country, size_t other)
{
    const flag_country *a = &f->countries[country], *b = &f->countries[other];
    bool same_split = strcmp(a->split, b->split) == 0, same_cut = flag_same_cut(a->cut, b->cut) && a->article == b->article;
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
    if (asks_neighbour(q->relation))
        *answer = flag_only_neighbour(f, other, q->relation, q->value.key);
    else if (q->relation >= FLAG_SINGLE)
        *answer = flag_larger(f, other, q->value.country, q->relation);
    return flag_right(f, q->relation, other, *answer);
}

/* A country with which the question has an answer that shares nothing with this one's; else one with which it has none. */
static void draw_other(const flag_facts *f, flag_question *q, random_state *r)
{
    const flag_texts *right = flag_right(f, q->relation, q->country, q->value.answer);
    tiers t = {0}, without = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t answer, sure;
        if (k == q->country || !is_shown(&f->countries[k]) || k == q->value.country || k == q->value.answer)
            continue;
        const flag_texts *there = right_with(f, q, k, &answer);
        if (there && there->count && !share_answer(f, q, k, right, there))
            tiers_add(&t, tier_of(f, q->country, k), k);
        else if (asks_neighbour(q->relation) && count_neighbours(f, k, q->relation, q->value.key, &sure) == 0)
            tiers_add(&without, tier_of(f, q->country, k), k);
    }
    q->other = tiers_draw(t.counts[0] + t.counts[1] + t.counts[2] + t.counts[3] ? &t : &without, r);
    tiers_free(&t);
    tiers_free(&without);
    q->other_answer = FLAG_NONE;
    if (q->other != FLAG_NONE)
        right_with(f, q, q->other, &q->other_answer);
}

size_t flag_counterpart(const flag_facts *f, flag_relation relation, size_t country, random_state *r)
{
    flag_question q = {.relation = relation, .country = country, .value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
    draw_other(f, &q, r);
    return q.other;
}

/* Another value: first one of as many tokens with which the question has another answer, then one with which it has none,
 * then any that has one. */
static void draw_other_neighbour(const flag_facts *f, flag_question *q, random_state *r)
{
    flag_cut cut = flag_value_cut(f, q->value.text);
    tiers t = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t sure;
        flag_value v = value_of(f, k, q->relation);
        if (!v.key || strcasecmp(v.key, q->value.key) == 0)
            continue;
        bool fits = flag_same_cut(cut, flag_value_cut(f, v.text));
        size_t count = count_neighbours(f, q->country, q->relation, v.key, &sure);
        if (count == 1 && sure == k && k != q->value.answer)
            tiers_add(&t, fits ? 0 : 2, k);
        else if (count == 0)
            tiers_add(&t, fits ? 1 : 3, k);
    }
    size_t drawn = tiers_draw(&t, r);
    if (drawn != FLAG_NONE)
        q->other_value = value_of(f, drawn, q->relation);
    if (drawn != FLAG_NONE)
        q->other_value.answer = flag_only_neighbour(f, q->country, q->relation, q->other_value.key);
}

/* Another country to compare with, by which the answer turns. */
static void draw_other_size(const flag_facts *f, flag_question *q, random_state *r)
{
    tiers t = {0};
    for (size_t k = 0; k < f->count; k++) {
        size_t larger = flag_larger(f, q->country, k, q->relation);
        bool turns = q->value.answer == q->country ? larger == k : larger == q->country;
        if (is_shown(&f->countries[k]) && k != q->value.country && turns)
            tiers_add(&t, tier_of(f, q->value.country, k), k);
    }
    size_t drawn = tiers_draw(&t, r);
    if (drawn != FLAG_NONE)
        q->other_value = (flag_value){flag_name(&f->countries[drawn]), NULL, drawn,
                                      flag_larger(f, q->country, drawn, q->relation)};
}

/* ---- questions ---- */

static void add_question(flag_questions *all, const flag_question *q)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 64;
        all->items = mem_resize(all->items, all->capacity, sizeof *all->items);
    }
    all->items[all->count++] = *q;
}

/* Round 0 asks plainly; later ones in any other wording, by any phrase. */
static void draw_words(flag_question *q, random_state *r)
{
    size_t wordings = flag_wording_count(q->relation);
    q->noun = random_below(r, flag_noun_count);
    if (q->round == 0)
        return;
    q->wording = 1 + random_below(r, wordings - 1);
    q->phrase = random_below(r, flag_phrase_count);
}

static void add_single(flag_questions *all, const flag_facts *f, size_t country, flag_relation relation, uint64_t seed)
{
    if (f->countries[country].answers[relation].count == 0)
        return;
    for (size_t round = 0; round < ROUNDS; round++) {
        random_state r = flag_stream(seed, (country * FLAG_RELATIONS + relation) * ROUNDS + round);
        flag_question q = {.relation = relation, .country = country, .round = round, .number = round + 1,
                           .value = {.country = FLAG_NONE, .answer = FLAG_NONE},
                           .other_value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
        draw_words(&q, &r);
        draw_other(f, &q, &r);
        add_question(all, &q);
    }
}

/* How many countries have the value by some source. */
static size_t count_holders(const flag_facts *f, flag_relation relation, const char *key)
{
    size_t count = 0;
    for (size_t k = 0; k < f->count; k++)
        count += flag_has_text(keys_of(&f->countries[k], relation), key);
    return count;
}

/* The values that tell a country's neighbours apart, those first that most countries have: the others tell the answer
 * without the country. Returns how many. */
static size_t list_values(const flag_facts *f, size_t country, flag_relation relation, flag_value *values, size_t *holders)
{
    const flag_country *c = &f->countries[country];
    size_t count = 0;
    for (size_t i = 0; i < c->sure_count; i++) {
        flag_value v = value_of(f, c->near[i], relation);
        bool own = relation == FLAG_NEIGHBOUR_REGION && v.key && flag_has_text(&c->answers[FLAG_REGION], v.key);
        if (!v.key || own || flag_only_neighbour(f, country, relation, v.key) != c->near[i])
            continue;
        size_t at = count++, n = count_holders(f, relation, v.key);
        for (; at > 0 && holders[at - 1] < n; at--) {
            values[at] = values[at - 1];
            holders[at] = holders[at - 1];
        }
        values[at] = v;
        holders[at] = n;
    }
    return count < MOST_VALUES ? count : MOST_VALUES;
}

static void add_neighbours(flag_questions *all, const flag_facts *f, size_t country, flag_relation relation, uint64_t seed)
{
    size_t most = f->countries[country].sure_count + 1;
    flag_value *values = mem_new(most, sizeof *values);
    size_t *holders = mem_new(most, sizeof *holders), count = list_values(f, country, relation, values, holders);
    random_state r = flag_stream(seed, (country * FLAG_RELATIONS + relation) * ROUNDS);
    for (size_t i = 0; i < count * ROUNDS; i++) {
        flag_question q = {.relation = relation, .country = country, .round = i % ROUNDS, .number = i + 1,
                           .value = values[i / ROUNDS], .holders = holders[i / ROUNDS],
                           .other_value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
        draw_words(&q, &r);
        draw_other(f, &q, &r);
        draw_other_neighbour(f, &q, &r);
        add_question(all, &q);
    }
    free(values);
    free(holders);
}

/* A country of the same split to compare with; in round 0 one half of the countries are the larger ones, in round 1 the
 * other half, as far as there are any. */
static size_t draw_compared(const flag_facts *f, size_t country, flag_relation relation, size_t round, random_state *r)
{
    tiers t = {0};
    bool wanted = (country + round) % 2;
    for (size_t k = 0; k < f->count; k++) {
        size_t larger = flag_larger(f, country, k, relation);
        if (larger == FLAG_NONE || !is_shown(&f->countries[k]) ||
            strcmp(f->countries[k].split, f->countries[country].split) != 0)
            continue;
        tiers_add(&t, (larger == country) == wanted ? 0 : 1, k);
    }
    return tiers_draw(&t, r);
}

static void add_compared(flag_questions *all, const flag_facts *f, size_t country, flag_relation relation, uint64_t seed)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        random_state r = flag_stream(seed, (country * FLAG_RELATIONS + relation) * ROUNDS + round);
        size_t drawn = draw_compared(f, country, relation, round, &r);
        if (drawn == FLAG_NONE)
            return;
        flag_question q = {.relation = relation, .country = country, .round = round, .number = round + 1,
                           .value = {flag_name(&f->countries[drawn]), NULL, drawn, flag_larger(f, country, drawn, relation)},
                           .other_value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
        draw_words(&q, &r);
        draw_other(f, &q, &r);
        draw_other_size(f, &q, &r);
        add_question(all, &q);
    }
}

/* ---- all, in their order ---- */

static void shuffle(flag_question *items, size_t count, random_state *r)
{
    for (size_t last = count; last > 1; last--) {
        size_t other = random_below(r, last);
        flag_question kept = items[last - 1];
        items[last - 1] = items[other];
        items[other] = kept;
    }
}

static flag_questions draw_country(const flag_facts *f, size_t country, uint64_t seed)
{
    flag_questions all = {0};
    for (flag_relation r = 0; r < FLAG_RELATIONS; r++) {
        if (r < FLAG_SINGLE)
            add_single(&all, f, country, r, seed);
        else if (asks_neighbour(r))
            add_neighbours(&all, f, country, r, seed);
        else
            add_compared(&all, f, country, r, seed);
    }
    random_state r = flag_stream(seed, ~(uint64_t)country);
    shuffle(all.items, all.count, &r);
    return all;
}

static void add_with_twin(flag_questions *all, flag_question q)
{
    add_question(all, &q);
    q.textual = true;
    if (q.relation != FLAG_NAME)
        add_question(all, &q);
}

/* The countries in a drawn order. free() */
static size_t *draw_order(size_t count, uint64_t seed)
{
    size_t *order = mem_new(count, sizeof *order);
    random_state r = flag_stream(seed, UINT64_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        size_t at = random_below(&r, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

flag_questions flag_questions_draw(const flag_facts *f, uint64_t seed)
{
    flag_questions all = {0}, *of = mem_new(f->count, sizeof *of);
    size_t *order = draw_order(f->count, seed), most = 0;
    for (size_t i = 0; i < f->count; i++)
        if (is_shown(&f->countries[i])) {
            of[i] = draw_country(f, i, seed);
            most = of[i].count > most ? of[i].count : most;
        }
    for (size_t turn = 0; turn < most; turn++)
        for (size_t i = 0; i < f->count; i++)
            if (turn < of[order[i]].count)
                add_with_twin(&all, of[order[i]].items[turn]);
    for (size_t i = 0; i < f->count; i++)
        flag_questions_free(&of[i]);
    free(of);
    free(order);
    return all;
}

void flag_questions_free(flag_questions *q)
{
    free(q->items);
    *q = (flag_questions){0};
}
