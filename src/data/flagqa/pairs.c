/* pairs.c: what the facts say of a country and its neighbours, and of two countries (questions.h, draw.h). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/flagqa/draw.h"

bool flag_is_shown(const flag_country *c)
{
    return c->split != NULL;
}

bool flag_asks_neighbour(flag_relation r)
{
    return r == FLAG_NEIGHBOUR_LANGUAGE || r == FLAG_NEIGHBOUR_CURRENCY || r == FLAG_NEIGHBOUR_REGION;
}

const flag_texts *flag_keys_of(const flag_country *c, flag_relation r)
{
    return r == FLAG_NEIGHBOUR_LANGUAGE   ? &c->answers[FLAG_LANGUAGE]
           : r == FLAG_NEIGHBOUR_CURRENCY ? &c->money_codes
                                          : &c->answers[FLAG_REGION];
}

flag_value flag_value_of(const flag_facts *f, size_t country, flag_relation r)
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

size_t flag_count_neighbours(const flag_facts *f, size_t country, flag_relation relation, const char *key, size_t *sure)
{
    const flag_country *c = &f->countries[country];
    size_t count = 0;
    *sure = FLAG_NONE;
    for (size_t i = 0; i < c->near_count; i++) {
        if (!flag_has_text(flag_keys_of(&f->countries[c->near[i]], relation), key))
            continue;
        const char *own = flag_value_of(f, c->near[i], relation).key;
        count++;
        if (i < c->sure_count && own && strcasecmp(own, key) == 0 && *sure == FLAG_NONE)
            *sure = c->near[i];
    }
    return count;
}

size_t flag_only_neighbour(const flag_facts *f, size_t country, flag_relation relation, const char *key)
{
    size_t sure;
    return flag_count_neighbours(f, country, relation, key, &sure) == 1 ? sure : FLAG_NONE;
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
