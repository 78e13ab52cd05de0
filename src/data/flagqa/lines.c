/* lines.c: the rows of FlagQA. See lines.h. */
#include "data/flagqa/lines.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/flagqa/wording.h"

const char *const flagqa_form_names[FLAGQA_FORMS] = {"visual", "visual+textual", "textual"};
const char *const flagqa_split_names[FLAGQA_SPLITS] = {"train", "dev", "test"};

void flag_picture_path(buffer *out, const flag_country *c, size_t photo)
{
    if (photo)
        buffer_printf(out, "pictures/%s-%zu.jpg", c->iso, photo);
    else
        buffer_printf(out, "pictures/%s.png", c->iso);
}

/* ---- small values ---- */

/* Takes the buffer's text away. */
static json_t *text_of(buffer *b)
{
    json_t *text = json_stringn(b->data ? b->data : "", b->size);
    buffer_free(b);
    return text;
}

static json_t *picture_of(const flag_country *c, size_t photo)
{
    buffer path = {0};
    flag_picture_path(&path, c, photo);
    return text_of(&path);
}

static json_t *list_of(const flag_texts *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; texts && i < texts->count; i++)
        json_array_append_new(list, json_string(texts->items[i]));
    return list;
}

static json_t *id_of(const flag_facts *f, const flag_question *q, bool textual)
{
    buffer id = {0};
    buffer_printf(&id, "%s-%s-%zu%s", f->countries[q->country].iso, flag_relations[q->relation].name, q->number,
                  textual ? "-text" : "");
    return text_of(&id);
}

static void add_line(buffer *out, json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    buffer_text(out, text);
    buffer_text(out, "\n");
    free(text);
    json_decref(row);
}

static flagqa_form form_of(const flag_question *q)
{
    return q->textual ? FLAGQA_TEXTUAL : q->value.text ? FLAGQA_MIXED : FLAGQA_VISUAL;
}

static size_t split_of(const flag_country *c)
{
    size_t i = 0;
    while (strcmp(flagqa_split_names[i], c->split) != 0)
        i++;
    return i;
}

/* ---- what averages had better leave out ---- */

/* Whether text holds the part, of four letters or more. */
static bool holds(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; n >= 4 && *text; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return false;
}

/* One holds the other, or both begin alike: with the same four letters, or all of a shorter one. */
static bool repeats(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b), shorter = m < n ? m : n;
    return holds(a, b) || holds(b, a) || strncasecmp(a, b, shorter < 4 ? shorter : 4) == 0;
}

static const char *caution_of(const flag_facts *f, const flag_question *q, const flag_texts *right)
{
    const flag_country *c = &f->countries[q->country];
    if (q->relation == FLAG_NAME || q->relation == FLAG_POPULATION || q->relation == FLAG_AREA)
        return NULL; /* there the name is the answer, or one of two that are named */
    if (q->relation == FLAG_CAPITAL && c->disputed)
        return "disputed";
    for (size_t i = 0; i < right->count; i++) {
        if (strcasecmp(right->items[i], "Paris") == 0)
            return "paris";
        if (repeats(right->items[i], flag_name(c)))
            return "name";
        if (q->value.text && repeats(right->items[i], q->value.text))
            return "constraint";
    }
    return NULL;
}

/* ---- a question's words ---- */

static flag_filling filling_of(const flag_facts *f, const flag_question *q)
{
    const flag_country *c = &f->countries[q->country];
    return (flag_filling){
        .country = q->textual ? flag_name(c) : flag_phrases[q->phrase],
        .country_article = q->textual && c->article,
        .value = q->value.text,
        .value_article = q->value.country != FLAG_NONE && f->countries[q->value.country].article,
    };
}

static json_t *constraint_of(const char *kind, const char *text, flag_place place)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "kind", kind, "text", text, "start", (json_int_t)place.start, "end",
                     (json_int_t)place.end);
}

static void set_words(json_t *row, const flag_facts *f, const flag_question *q)
{
    buffer question = {0};
    flag_place places[2];
    flag_filling filling = filling_of(f, q);
    json_t *constraints = json_array();
    flag_fill(&question, flag_relations[q->relation].wordings[q->wording], &filling, places);
    json_array_append_new(constraints, constraint_of(q->textual ? "textual" : "visual", filling.country, places[0]));
    if (q->value.text)
        json_array_append_new(constraints, constraint_of("textual", filling.value, places[1]));
    json_object_set_new(row, "question", text_of(&question));
    json_object_set_new(row, "constraints", constraints);
}

static json_t *prefill_of(const flag_facts *f, const flag_question *q)
{
    buffer prefill = {0};
    flag_filling filling = filling_of(f, q);
    flag_fill(&prefill, flag_relations[q->relation].prefill, &filling, NULL);
    return text_of(&prefill);
}

/* ---- counterfactuals ---- */

/* What is put in for the first constraint: words that point at nothing, or another country's name. */
static char *swap_of(const flag_facts *f, const flag_question *q)
{
    if (!q->textual)
        return flag_phrase_about(flag_phrases[q->phrase], flag_nouns[q->noun]);
    return q->other == FLAG_NONE ? NULL : mem_text(flag_name(&f->countries[q->other]));
}

static void set_text(json_t *row, const char *key, const char *text)
{
    if (text)
        json_object_set_new(row, key, json_string(text));
}

/* Another country, and what is right then. */
static void set_other(json_t *row, json_t *nested, const flag_facts *f, const flag_question *q)
{
    const flag_country *other = &f->countries[q->other];
    const flag_texts *right = flag_right(f, q->relation, q->other, q->other_answer);
    json_object_set_new(row, "swap_image", picture_of(other, q->round + 1));
    set_text(row, "foil", right ? right->items[0] : NULL);
    set_text(nested, "subject", flag_name(other));
    json_object_set_new(nested, "image", picture_of(other, q->round + 1));
    json_object_set_new(nested, "answers", list_of(right));
}

/* Another second constraint, and what is right then. */
static void set_other_value(json_t *row, json_t *nested, const flag_facts *f, const flag_question *q)
{
    const flag_texts *right = flag_right(f, q->relation, q->country, q->other_value.answer);
    set_text(row, "swap_textual", q->other_value.text);
    set_text(row, "foil_textual", right ? right->items[0] : NULL);
    json_object_set_new(nested,
                        "textual", json_pack("{s:s, s:o}", "phrase", q->other_value.text, "answers", list_of(right)));
}

static void set_counterfactual(json_t *row, const flag_facts *f, const flag_question *q)
{
    json_t *nested = json_object();
    char *swap = swap_of(f, q);
    set_text(row, "swap", swap);
    set_text(nested, "phrase", swap);
    free(swap);
    if (q->other != FLAG_NONE)
        set_other(row, nested, f, q);
    if (q->other_value.text)
        set_other_value(row, nested, f, q);
    json_object_set_new(row, "counterfactual", nested);
}

/* ---- rows ---- */

/* What rows and requests begin with. */
static json_t *begin_row(const flag_facts *f, const flag_question *q, json_t *id, const flag_texts *right)
{
    const flag_country *c = &f->countries[q->country];
    json_t *row = json_object();
    json_object_set_new(row, "id", id);
    json_object_set_new(row, "image", q->textual ? json_null() : picture_of(c, q->round + 1));
    set_words(row, f, q);
    json_object_set_new(row, "answers", list_of(right));
    set_text(row, "source", "flagqa");
    set_text(row, "subject", flag_name(c));
    set_text(row, "iso", c->iso);
    set_text(row, "relation", flag_relations[q->relation].name);
    set_text(row, "form", flagqa_form_names[form_of(q)]);
    set_text(row, "split", c->split);
    json_object_set_new(row, "prefill", prefill_of(f, q));
    return row;
}

static json_t *wording_of(const flag_question *q)
{
    buffer id = {0};
    buffer_printf(&id, "%s/%zu", flag_relations[q->relation].name, q->wording);
    return text_of(&id);
}

static void write_row(buffer *out, flagqa_counts *counts, const flag_facts *f, const flag_question *q)
{
    const flag_texts *right = flag_right(f, q->relation, q->country, q->value.answer);
    const char *caution = caution_of(f, q, right);
    json_t *row = begin_row(f, q, id_of(f, q, q->textual), right);
    json_object_set_new(row, "wording", wording_of(q));
    json_object_set_new(row, "twin", q->relation == FLAG_NAME ? json_null() : id_of(f, q, !q->textual));
    json_object_set_new(row, "caution", caution ? json_string(caution) : json_null());
    if (q->holders)
        json_object_set_new(row, "holders", json_integer((json_int_t)q->holders));
    set_counterfactual(row, f, q);
    add_line(out, row);
    counts->rows++;
    counts->cells[q->relation][form_of(q)]++;
    counts->splits[split_of(&f->countries[q->country])]++;
    counts->cautions += caution != NULL;
}

static void count_subjects(flagqa_counts *counts, const flag_facts *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->countries[i].split) {
            counts->subjects++;
            counts->subjects_in[split_of(&f->countries[i])]++;
        }
}

void flag_write_rows(buffer *out, flagqa_counts *counts, const flag_facts *f, const flag_questions *q)
{
    count_subjects(counts, f);
    for (size_t i = 0; i < q->count; i++)
        write_row(out, counts, f, &q->items[i]);
}

/* ---- requests ---- */

/* The same question in other words about the same picture, then about other pictures of the same country. */
static json_t *rephrasings_of(const flag_facts *f, const flag_question *q)
{
    json_t *list = json_array();
    for (size_t wording = 1; wording < 4; wording++) {
        flag_question other = *q;
        json_t *asked = json_object();
        other.wording = wording;
        set_words(asked, f, &other);
        json_array_append_new(list, asked);
    }
    for (size_t photo = 0; photo <= FLAG_PHOTOS; photo++) {
        json_t *asked = json_object();
        if (photo != 1) {
            set_words(asked, f, q);
            json_object_set_new(asked, "image", picture_of(&f->countries[q->country], photo));
            json_array_append(list, asked);
        }
        json_decref(asked);
    }
    return list;
}

static void write_request(buffer *out, flagqa_counts *counts, const flag_facts *f, const flag_question *q, size_t other)
{
    const flag_texts *right = flag_right(f, q->relation, q->country, FLAG_NONE);
    const char *caution = caution_of(f, q, right);
    buffer id = {0};
    buffer_printf(&id, "%s-%s-edit", f->countries[q->country].iso, flag_relations[q->relation].name);
    json_t *row = begin_row(f, q, text_of(&id), right);
    json_object_set_new(row, "caution", caution ? json_string(caution) : json_null());
    set_text(row, "target", flag_right(f, q->relation, other, FLAG_NONE)->items[0]);
    json_object_set_new(row, "rephrasings", rephrasings_of(f, q));
    add_line(out, row);
    counts->requests++;
}

void flag_write_requests(buffer *out, flagqa_counts *counts, const flag_facts *f, uint64_t seed)
{
    static const flag_relation edited[] = {FLAG_CAPITAL, FLAG_LANGUAGE, FLAG_CURRENCY, FLAG_CONTINENT};
    for (size_t k = 0; k < sizeof edited / sizeof *edited; k++)
        for (size_t i = 0; i < f->count; i++) {
            flag_question q = {.relation = edited[k], .country = i,
                               .value = {.country = FLAG_NONE, .answer = FLAG_NONE}};
            random_state r = flag_stream(seed, ~((uint64_t)edited[k] << 32 | i));
            if (!f->countries[i].split || f->countries[i].answers[edited[k]].count == 0)
                continue;
            size_t other = flag_counterpart(f, edited[k], i, &r);
            if (other != FLAG_NONE)
                write_request(out, counts, f, &q, other);
        }
}
