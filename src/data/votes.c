/* votes.c: see votes.h. */
#include "data/votes.h"

#include <string.h>

#include "base/memory.h"
#include "data/tally.h"
#include "method/vqa.h"

enum { ENOUGH = 3 };

static bool is_plain(const json_t *text)
{
    return json_is_string(text) && strlen(json_string_value(text)) == json_string_length(text);
}

/* The text normalised, in b, which is emptied before. */
static const char *normalised(const char *text, buffer *b)
{
    buffer_free(b);
    vqa_normalise(text, b);
    return b->data;
}

/* ---- counting ---- */

/* {normalised: {"n": votes, "forms": {as given: times}, "raw": {as typed: times}}} */
static json_t *count_groups(const json_t *given)
{
    json_t *groups = json_object();
    const json_t *one;
    size_t i;
    buffer b = {0};
    json_array_foreach(given, i, one)
    {
        const json_t *answer = json_object_get(one, "answer"), *raw = json_object_get(one, "raw_answer");
        const char *key = is_plain(answer) ? normalised(json_string_value(answer), &b) : "";
        if (!*key)
            continue;
        json_t *group = json_object_get(groups, key);
        if (!group) {
            group = json_pack("{s:{}, s:{}}", "forms", "raw");
            json_object_set_new(groups, key, group);
        }
        tally_count(group, "n");
        tally_count(json_object_get(group, "forms"), json_string_value(answer));
        if (is_plain(raw))
            tally_count(json_object_get(group, "raw"), json_string_value(raw));
    }
    buffer_free(&b);
    return groups;
}

static json_int_t votes_of(const json_t *group)
{
    return json_integer_value(json_object_get(group, "n"));
}

static const char *most_frequent(json_t *forms)
{
    const char *form, *best = NULL;
    const json_t *n;
    json_int_t most = 0;
    json_object_foreach(forms, form, n)
        if (json_integer_value(n) > most) {
            most = json_integer_value(n);
            best = form;
        }
    return best;
}

/* ---- choosing ---- */

static void accept_group(json_t *accepted, const char *key, const json_t *group)
{
    const char *raw;
    const json_t *n;
    buffer b = {0};
    json_array_append_new(accepted, json_string(most_frequent(json_object_get(group, "forms"))));
    json_object_foreach(json_object_get(group, "raw"), raw, n)
        if (strcmp(normalised(raw, &b), key) != 0)
            json_array_append_new(accepted, json_string(raw));
    buffer_free(&b);
}

void votes_count(const json_t *given, json_t **accepted, json_t **votes)
{
    json_t *groups = count_groups(given), *group, *list = json_array();
    json_int_t most = 0;
    const char *key;
    *votes = json_object();
    json_object_foreach(groups, key, group)
    {
        json_object_set_new(*votes, key, json_integer(votes_of(group)));
        most = votes_of(group) > most ? votes_of(group) : most;
    }
    json_int_t least = most < ENOUGH ? most : ENOUGH;
    for (json_int_t n = most; n >= least && n > 0; n--)
        json_object_foreach(groups, key, group)
            if (votes_of(group) == n)
                accept_group(list, key, group);
    *accepted = votes_distinct(list);
    json_decref(list);
    json_decref(groups);
}

json_t *votes_distinct(const json_t *texts)
{
    json_t *kept = json_array(), *seen = json_object(), *text;
    size_t i;
    buffer b = {0};
    json_array_foreach(texts, i, text)
    {
        const char *key = is_plain(text) ? normalised(json_string_value(text), &b) : "";
        if (!*key || json_object_get(seen, key))
            continue;
        json_object_set_new(seen, key, json_true());
        json_array_append(kept, text);
    }
    buffer_free(&b);
    json_decref(seen);
    return kept;
}
