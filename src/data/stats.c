/* stats.c: see stats.h. Everything is a map from a name to how often it came up, in the order of first appearance. */
#include "data/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/rows.h"
#include "method/vqa.h"

typedef struct stats {
    json_t *questions; /* "question\nimage": rows */
    json_t *kinds;     /* kind: {"spans", "questions", "words": {"2": n}} */
    json_t *answers;   /* normalised answer: rows */
    json_t *images;    /* path: rows */
    json_t *subjects, *relations, *sources;
    size_t asked, answered, unconstrained, proposed, without_image, missing;
} stats;

/* ---- counting ---- */

static size_t count_words(const char *text)
{
    size_t n = 0;
    for (const char *at = text + strspn(text, " \t\r\n"); *at; n++) {
        at += strcspn(at, " \t\r\n");
        at += strspn(at, " \t\r\n");
    }
    return n;
}

static void add_to(json_t *object, const char *key, json_int_t n)
{
    json_object_set_new(object, key, json_integer(json_integer_value(json_object_get(object, key)) + n));
}

static json_t *kind_of(stats *s, const char *name)
{
    json_t *kind = json_object_get(s->kinds, name);
    if (!kind) {
        kind = json_pack("{s:i, s:i, s:{}}", "spans", 0, "questions", 0, "words");
        json_object_set_new(s->kinds, name, kind);
    }
    return kind;
}

static bool had_before(const char **kinds, size_t i)
{
    const char *kind = kinds[i] ? kinds[i] : "";
    for (size_t k = 0; k < i; k++)
        if (strcmp(kinds[k] ? kinds[k] : "", kind) == 0)
            return true;
    return false;
}

static void count_constraints(stats *s, const row *r)
{
    const row_question *q = &r->asked;
    const json_t *list = json_object_get(r->json, "constraints");
    s->unconstrained += q->question && q->constraint_count == 0;
    for (size_t i = 0; i < q->constraint_count; i++) {
        char words[24];
        json_t *kind = kind_of(s, q->kinds[i] ? q->kinds[i] : "not said");
        snprintf(words, sizeof words, "%zu", count_words(q->constraints[i]));
        add_to(kind, "spans", 1);
        add_to(kind, "questions", !had_before(q->kinds, i));
        tally_count(json_object_get(kind, "words"), words);
        s->proposed += json_is_true(json_object_get(json_array_get(list, i), "proposed"));
    }
}

static void count_answers(stats *s, const row *r)
{
    s->answered += r->answer_count > 0;
    for (size_t i = 0; i < r->answer_count; i++) {
        buffer b = {0};
        vqa_normalise(r->answers[i], &b);
        tally_count(s->answers, b.data);
        buffer_free(&b);
    }
}

static void count_image(stats *s, const row *r)
{
    const char *image = r->asked.image;
    if (!image) {
        s->without_image++;
        return;
    }
    if (!json_object_get(s->images, image) && !file_exists(image))
        s->missing++;
    tally_count(s->images, image);
}

static void count_row(stats *s, const row *r)
{
    buffer key = {0};
    if (r->asked.question) {
        s->asked++;
        buffer_printf(&key, "%s\n%s", r->asked.question, r->asked.image ? r->asked.image : "");
        tally_count(s->questions, key.data);
        buffer_free(&key);
    }
    count_constraints(s, r);
    count_answers(s, r);
    count_image(s, r);
    if (r->subject)
        tally_count(s->subjects, r->subject);
    if (r->relation)
        tally_count(s->relations, r->relation);
    if (r->source)
        tally_count(s->sources, r->source);
}

/* ---- telling ---- */

enum { MOST = 10 };

static void add_list(buffer *out, const json_t *counts)
{
    const char *name;
    const json_t *n;
    const char *comma = "";
    json_object_foreach((json_t *)(size_t)counts, name, n)
    {
        buffer_printf(out, "%s%s %" JSON_INTEGER_FORMAT, comma, name, json_integer_value(n));
        comma = ", ";
    }
    buffer_text(out, "\n");
}

/* The most frequent ones, ties as they came up. */
static json_t *most_of(json_t *counts)
{
    json_t *most = json_object();
    while (json_object_size(most) < MOST && json_object_size(most) < json_object_size(counts)) {
        const char *name, *best = NULL;
        const json_t *n;
        json_int_t best_n = 0;
        json_object_foreach(counts, name, n)
            if (json_integer_value(n) > best_n && !json_object_get(most, name)) {
                best = name;
                best_n = json_integer_value(n);
            }
        json_object_set_new(most, best, json_integer(best_n));
    }
    return most;
}

static void tell_constraints(const stats *s, buffer *out)
{
    const char *name;
    json_t *kind;
    json_object_foreach(s->kinds, name, kind)
    {
        buffer_printf(out, "constraints  %s: %" JSON_INTEGER_FORMAT " in %" JSON_INTEGER_FORMAT " questions; words: ",
                      name, json_integer_value(json_object_get(kind, "spans")),
                      json_integer_value(json_object_get(kind, "questions")));
        const char *words, *comma = "";
        const json_t *n;
        json_object_foreach(json_object_get(kind, "words"), words, n)
        {
            buffer_printf(out, "%s%" JSON_INTEGER_FORMAT " of %s", comma, json_integer_value(n), words);
            comma = ", ";
        }
        buffer_text(out, "\n");
    }
    if (s->proposed)
        buffer_printf(out, "             %zu of them proposed\n", s->proposed);
    if (s->unconstrained)
        buffer_printf(out, "constraints  none: %zu questions\n", s->unconstrained);
}

static void tell(const stats *s, const json_t *most, buffer *out)
{
    size_t different = json_object_size(s->questions);
    buffer_printf(out, "questions    %zu, %zu of them duplicates (same words, same picture)\n", s->asked,
                  s->asked - different);
    buffer_printf(out, "pictures     %zu, %zu of them missing; %zu rows without\n", json_object_size(s->images),
                  s->missing, s->without_image);
    tell_constraints(s, out);
    buffer_printf(out, "answers      %zu rows with, %zu different%s", s->answered, json_object_size(s->answers),
                  s->answered ? ": " : "");
    add_list(out, most);
    buffer_printf(out, "subjects     %zu\n", json_object_size(s->subjects));
    if (json_object_size(s->relations)) {
        buffer_text(out, "relations    ");
        add_list(out, s->relations);
    }
    if (json_object_size(s->sources)) {
        buffer_text(out, "sources      ");
        add_list(out, s->sources);
    }
}

static json_int_t in_json(size_t n)
{
    return (json_int_t)n;
}

static void hand_over(const stats *s, tally *t)
{
    json_t *most = most_of(s->answers);
    tell(s, most, &t->words);
    json_t *more = json_pack(
        "{s:{s:I, s:I}, s:{s:I, s:I, s:I}, s:{s:O, s:I, s:I}, s:{s:I, s:I, s:o}, s:I, s:O, s:O}",
        "questions", "count", in_json(s->asked), "duplicates", in_json(s->asked - json_object_size(s->questions)),
        "images", "count", in_json(json_object_size(s->images)), "missing", in_json(s->missing), "rows_without",
        in_json(s->without_image),
        "constraints", "kinds", s->kinds, "proposed", in_json(s->proposed),
        "questions_without", in_json(s->unconstrained),
        "answers", "rows_with", in_json(s->answered), "different", in_json(json_object_size(s->answers)), "most", most,
        "subjects", in_json(json_object_size(s->subjects)), "relations", s->relations, "sources", s->sources);
    json_object_update(t->more, more);
    json_decref(more);
}

pb_status stats_run(tally *t, const char *path, pb_error *err)
{
    rows r;
    tally_open(t, path);
    TRY(rows_read(&r, path, ROWS_ALL, err));
    stats s = {.questions = json_object(), .kinds = json_object(), .answers = json_object(), .images = json_object(),
               .subjects = json_object(), .relations = json_object(), .sources = json_object()};
    for (size_t i = 0; i < r.count; i++) {
        if (r.items[i].marked)
            tally_mark(t, r.items[i].marked);
        else
            tally_kept(t);
        count_row(&s, &r.items[i]);
    }
    hand_over(&s, t);
    json_t *maps[] = {s.questions, s.kinds, s.answers, s.images, s.subjects, s.relations, s.sources};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        json_decref(maps[i]);
    rows_free(&r);
    return PB_OK;
}
