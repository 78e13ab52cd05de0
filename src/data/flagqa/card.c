/* card.c: the data card of a generated FlagQA: card.md with {{counts}} put in. */
#include <inttypes.h>
#include <string.h>

#include "data/flagqa/lines.h"
#include "data/flagqa/wording.h"

static void add_table(buffer *out, const flagqa_counts *n)
{
    size_t sums[FLAGQA_FORMS] = {0};
    buffer_text(out, "| relation | visual | visual + textual | textual |\n|---|---|---|---|\n");
    for (size_t r = 0; r < FLAG_RELATIONS; r++) {
        buffer_printf(out, "| %s |", flag_relations[r].name);
        for (size_t form = 0; form < FLAGQA_FORMS; form++) {
            buffer_printf(out, " %zu |", n->cells[r][form]);
            sums[form] += n->cells[r][form];
        }
        buffer_text(out, "\n");
    }
    buffer_printf(out, "| **all** | %zu | %zu | %zu |", sums[0], sums[1], sums[2]);
}

static void add_splits(buffer *out, const flagqa_counts *n)
{
    for (size_t s = 0; s < FLAGQA_SPLITS; s++)
        buffer_printf(out, "%s| %s | %zu | %zu |", s ? "\n" : "", flagqa_split_names[s], n->subjects_in[s],
                      n->splits[s]);
}

static json_t *forms_of(const flagqa_counts *n, size_t relation)
{
    json_t *forms = json_object();
    for (size_t form = 0; form < FLAGQA_FORMS; form++)
        if (n->cells[relation][form])
            json_object_set_new(forms, flagqa_form_names[form], json_integer((json_int_t)n->cells[relation][form]));
    return forms;
}

void flag_tally(tally *t, const flagqa_counts *n, const char *file)
{
    json_t *relations = json_object(), *splits = json_object();
    tally_open(t, file);
    t->rows = t->kept = n->rows;
    for (size_t r = 0; r < FLAG_RELATIONS; r++)
        json_object_set_new(relations, flag_relations[r].name, forms_of(n, r));
    for (size_t s = 0; s < FLAGQA_SPLITS; s++)
        json_object_set_new(splits, flagqa_split_names[s], json_integer((json_int_t)n->splits[s]));
    json_object_update_new(t->more, json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "requests", (json_int_t)n->requests,
                                              "pictures", (json_int_t)n->pictures, "subjects", (json_int_t)n->subjects,
                                              "cautions", (json_int_t)n->cautions, "relations", relations,
                                              "splits", splits));
    buffer_printf(&t->words, "%zu subjects, %zu pictures, %zu requests for edits; %zu rows with a caution\n\n",
                  n->subjects, n->pictures, n->requests, n->cautions);
    add_table(&t->words, n);
    buffer_text(&t->words, "\n\n| split | subjects | questions |\n|---|---|---|\n");
    add_splits(&t->words, n);
    buffer_text(&t->words, "\n");
}

static void add_part(buffer *out, const char *name, size_t length, const flagqa_counts *n, uint64_t seed)
{
    const struct {
        const char *name;
        size_t count;
    } numbers[] = {{"rows", n->rows},         {"subjects", n->subjects}, {"pictures", n->pictures},
                   {"requests", n->requests}, {"cautions", n->cautions}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strncmp(name, numbers[i].name, length) == 0)
            buffer_printf(out, "%zu", numbers[i].count);
    if (strncmp(name, "seed", length) == 0)
        buffer_printf(out, "%" PRIu64, seed);
    if (strncmp(name, "table", length) == 0)
        add_table(out, n);
    if (strncmp(name, "splits", length) == 0)
        add_splits(out, n);
}

void flag_write_card(buffer *out, const flagqa_counts *counts, uint64_t seed)
{
    const char *text = flagqa_card, *open;
    while ((open = strstr(text, "{{")) != NULL) {
        const char *name = open + 2, *close = strstr(name, "}}");
        buffer_add(out, text, (size_t)(open - text));
        add_part(out, name, (size_t)(close - name), counts, seed);
        text = close + 2;
    }
    buffer_text(out, text);
}
