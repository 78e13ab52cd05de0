/* questions.c: which questions are asked about each country, and their order (questions.h). */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/flagqa/draw.h"
#include "data/flagqa/wording.h"

enum { ROUNDS = 2, MOST_VALUES = 3 };

random_state flag_stream(uint64_t seed, uint64_t purpose)
{
    random_state r = random_from(seed);
    return random_from(random_next(&r) ^ (purpose + 1) * 0xd1342543de82ef95u);
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
        flag_draw_other(f, &q, &r);
        add_question(all, &q);
    }
}

/* How many countries have the value by some source. */
static size_t count_holders(const flag_facts *f, flag_relation relation, const char *key)
{
    size_t count = 0;
    for (size_t k = 0; k < f->count; k++)
        count += flag_has_text(flag_keys_of(&f->countries[k], relation), key);
    return count;
}

/* The values that tell a country's neighbours apart, those first that most countries have: the others tell the answer
 * without the country. Returns how many. */
static size_t list_values(const flag_facts *f, size_t country, flag_relation relation, flag_value *values,
                          size_t *holders)
{
    const flag_country *c = &f->countries[country];
    size_t count = 0;
    for (size_t i = 0; i < c->sure_count; i++) {
        flag_value v = flag_value_of(f, c->near[i], relation);
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

static void add_neighbours(flag_questions *all, const flag_facts *f, size_t country, flag_relation relation,
                           uint64_t seed)
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
        flag_draw_other(f, &q, &r);
        flag_draw_other_neighbour(f, &q, &r);
        add_question(all, &q);
    }
    free(values);
    free(holders);
}

/* A country of the same split to compare with; in round 0 one half of the countries are the larger ones, in round 1 the
 * other half, as far as there are any. */
static size_t draw_compared(const flag_facts *f, size_t country, flag_relation relation, size_t round, random_state *r)
{
    flag_tiers t = {0};
    bool wanted = (country + round) % 2;
    for (size_t k = 0; k < f->count; k++) {
        size_t larger = flag_larger(f, country, k, relation);
        if (larger == FLAG_NONE || !flag_is_shown(&f->countries[k]) ||
            strcmp(f->countries[k].split, f->countries[country].split) != 0)
            continue;
        flag_tiers_add(&t, (larger == country) == wanted ? 0 : 1, k);
    }
    return flag_tiers_draw(&t, r);
}

static void add_compared(flag_questions *all, const flag_facts *f, size_t country, flag_relation relation,
                         uint64_t seed)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        random_state r = flag_stream(seed, (country * FLAG_RELATIONS + relation) * ROUNDS + round);
        size_t drawn = draw_compared(f, country, relation, round, &r);
        if (drawn == FLAG_NONE)
            return;
        flag_question q = {.relation = relation, .country = country, .round = round, .number = round + 1,
                           .value = {flag_name(&f->countries[drawn]), NULL, drawn,
                                     flag_larger(f, country, drawn, relation)},
                           .other_value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
        draw_words(&q, &r);
        flag_draw_other(f, &q, &r);
        flag_draw_other_size(f, &q, &r);
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
        else if (flag_asks_neighbour(r))
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
        if (flag_is_shown(&f->countries[i])) {
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
