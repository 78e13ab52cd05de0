/* facts.c: see facts.h. */
#include "data/flagqa/facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/memory.h"

/* Where the answers to the relations stand in the file; those of a neighbour and of an ISO code are put together. */
static const char *const answer_keys[FLAG_SINGLE] = {
    [FLAG_NAME] = "name",     [FLAG_CAPITAL] = "capital", [FLAG_CONTINENT] = "continent",
    [FLAG_REGION] = "region", [FLAG_CALLING] = "calling", [FLAG_DOMAIN] = "domain",
};

/* ---- texts ---- */

static void add_text(flag_texts *list, const char *text)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = text;
}

static pb_status read_texts(flag_texts *list, const json_t *object, const char *key, const char *name, pb_error *err)
{
    json_t *array, *value;
    size_t i;
    TRY(json_get_array(object, key, &array, name, err));
    json_array_foreach(array, i, value)
    {
        if (!json_is_string(value))
            return fail(err, PB_EFORMAT, "%s: \"%s\"[%zu] is %s, expected a string", name, key, i, json_kind(value));
        add_text(list, json_string_value(value));
    }
    return PB_OK;
}

bool flag_has_text(const flag_texts *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i], text) == 0)
            return true;
    return false;
}

bool flag_share_text(const flag_texts *a, const flag_texts *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (flag_has_text(b, a->items[i]))
            return true;
    return false;
}

/* ---- cuts ---- */

static flag_cut read_cut(const json_t *numbers)
{
    flag_cut cut = {{0}};
    for (size_t i = 0; i < FLAG_TOKENIZERS; i++)
        cut.tokens[i] = (size_t)json_number_value(json_array_get(numbers, i));
    return cut;
}

flag_cut flag_value_cut(const flag_facts *f, const char *value)
{
    return read_cut(json_object_get(json_object_get(f->json, "cuts"), value));
}

bool flag_same_cut(flag_cut a, flag_cut b)
{
    for (size_t i = 0; i < FLAG_TOKENIZERS; i++)
        if (a.tokens[i] == 0 || a.tokens[i] != b.tokens[i])
            return false;
    return true;
}

/* ---- countries ---- */

static pb_status read_language(flag_country *c, const json_t *record, const char *name, pb_error *err)
{
    json_t *found;
    flag_texts agreed = {0};
    TRY(json_get_object(record, "language", &found, name, err));
    TRY(read_texts(&c->answers[FLAG_LANGUAGE], found, "answers", name, err));
    pb_status status = read_texts(&agreed, found, "agreed", name, err);
    c->language = agreed.count ? agreed.items[0] : NULL;
    free(agreed.items);
    return status;
}

static pb_status read_currency(flag_country *c, const json_t *record, const char *name, pb_error *err)
{
    json_t *found, *agreed;
    TRY(json_get_object(record, "currency", &found, name, err));
    TRY(read_texts(&c->answers[FLAG_CURRENCY], found, "answers", name, err));
    TRY(read_texts(&c->money_codes, found, "codes", name, err));
    TRY(json_get_array(found, "agreed", &agreed, name, err));
    TRY(json_get_text(json_array_get(agreed, 0), "name", &c->money, name, err));
    return json_get_text(json_array_get(agreed, 0), "code", &c->money_code, name, err);
}

/* The smallest and the largest number that the sources give. */
static pb_status read_range(double range[2], const json_t *record, const char *key, const char *name, pb_error *err)
{
    json_t *numbers;
    TRY(json_get_array(record, key, &numbers, name, err));
    for (size_t i = 0; i < 2 && numbers; i++)
        range[i] = json_number_value(json_array_get(numbers, i));
    if (numbers && !(range[0] > 0 && range[1] >= range[0]))
        return fail(err, PB_EFORMAT, "%s: \"%s\" is no range of positive numbers", name, key);
    return PB_OK;
}

static pb_status read_country(flag_country *c, const json_t *record, const char *name, pb_error *err)
{
    const char *code = NULL;
    TRY(json_get_text(record, "iso", &c->iso, name, err));
    if (!c->iso || strlen(c->iso) != 2)
        return fail(err, PB_EFORMAT, "%s: a country without a two-letter \"iso\"", name);
    TRY(json_get_text(record, "split", &c->split, name, err));
    TRY(json_get_text(record, "iso3", &code, name, err));
    TRY(json_get_bool(record, "article", &c->article, name, err));
    TRY(json_get_bool(record, "disputed", &c->disputed, name, err));
    TRY(json_get_bool(record, "one_continent", &c->one_continent, name, err));
    for (size_t r = 0; r < FLAG_SINGLE; r++)
        if (answer_keys[r])
            TRY(read_texts(&c->answers[r], record, answer_keys[r], name, err));
    if (c->answers[FLAG_NAME].count == 0)
        return fail(err, PB_EFORMAT, "%s: the country \"%s\" has no name", name, c->iso);
    if (code)
        add_text(&c->answers[FLAG_CODE], code);
    c->cut = read_cut(json_object_get(record, "cut"));
    TRY(read_language(c, record, name, err));
    TRY(read_currency(c, record, name, err));
    TRY(read_range(c->people, record, "people", name, err));
    return read_range(c->area, record, "area", name, err);
}

/* ---- neighbours ---- */

static pb_status add_neighbours(flag_facts *f, flag_country *c, const json_t *record, const char *key, const char *name,
                                pb_error *err)
{
    flag_texts codes = {0};
    pb_status status = read_texts(&codes, record, key, name, err);
    c->near = mem_resize(c->near, c->near_count + codes.count + 1, sizeof *c->near);
    for (size_t i = 0; i < codes.count && !status; i++) {
        size_t k = 0;
        while (k < f->count && strcmp(f->countries[k].iso, codes.items[i]) != 0)
            k++;
        if (k == f->count)
            status = fail(err, PB_EFORMAT, "%s: \"%s\" of \"%s\": there is no country \"%s\"", name, key, c->iso,
                          codes.items[i]);
        else
            c->near[c->near_count++] = k;
    }
    free(codes.items);
    return status;
}

/* Every neighbour that any source has counts as right where one is asked for; the first is sure. */
static pb_status read_neighbours(flag_facts *f, flag_country *c, const json_t *record, const char *name, pb_error *err)
{
    TRY(add_neighbours(f, c, record, "neighbours", name, err));
    c->sure_count = c->near_count;
    TRY(add_neighbours(f, c, record, "possible", name, err));
    for (size_t i = 0; i < c->near_count && c->sure_count; i++)
        add_text(&c->answers[FLAG_NEIGHBOUR], flag_name(&f->countries[c->near[i]]));
    for (size_t i = 0; i < c->near_count && c->sure_count; i++) {
        const flag_texts *names = &f->countries[c->near[i]].answers[FLAG_NAME];
        for (size_t k = 1; k < names->count; k++)
            add_text(&c->answers[FLAG_NEIGHBOUR], names->items[k]);
    }
    return PB_OK;
}

/* ---- all ---- */

static pb_status read_all(flag_facts *f, const char *name, pb_error *err)
{
    json_t *list, *record;
    size_t i;
    TRY(json_get_array(f->json, "countries", &list, name, err));
    f->countries = mem_new(json_array_size(list) + 1, sizeof *f->countries);
    json_array_foreach(list, i, record)
    {
        f->count++;
        TRY(read_country(&f->countries[i], record, name, err));
    }
    json_array_foreach(list, i, record)
        TRY(read_neighbours(f, &f->countries[i], record, name, err));
    return f->count ? PB_OK : fail(err, PB_EFORMAT, "%s: holds no countries", name);
}

pb_status flag_facts_read(flag_facts *out, const char *json, const char *name, pb_error *err)
{
    *out = (flag_facts){0};
    TRY(json_parse_strict(&out->json, json, strlen(json), name, err));
    pb_status status = read_all(out, name, err);
    if (status)
        flag_facts_free(out);
    return status;
}

void flag_facts_free(flag_facts *f)
{
    for (size_t i = 0; i < f->count; i++) {
        for (size_t r = 0; r < FLAG_SINGLE; r++)
            free(f->countries[i].answers[r].items);
        free(f->countries[i].money_codes.items);
        free(f->countries[i].near);
    }
    free(f->countries);
    json_decref(f->json);
    *f = (flag_facts){0};
}

const char *flag_name(const flag_country *c)
{
    return c->answers[FLAG_NAME].items[0];
}
