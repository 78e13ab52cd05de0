/* annotate.c: see annotate.h. */
#include "data/annotate.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "data/import_parts.h"
#include "data/picture.h"
#include "data/propose.h"
#include "data/rows.h"

/* Of the questions whose constraints are known: how many there are, proposed, and right. */
typedef struct score {
    size_t known, proposed, exact, overlapping_known, overlapping_proposed;
} score;

typedef struct annotator {
    tally *tally;
    const char *to;
    rows rows;
    char *from_folder, *to_folder;
    file_writer out;
    size_t annotated, spans, nothing, judged;
    score kinds[2]; /* visual, textual */
} annotator;

/* ---- rows ---- */

static bool lacks_spans_only(const row *r)
{
    return !r->marked || strcmp(r->marked, MARK_NO_SPAN) == 0 || strcmp(r->marked, MARK_SPAN) == 0;
}

static json_t *constraint_of(const char *question, const proposal *p)
{
    const char *from = phrase_at(question, p->start), *end = phrase_at(from, p->end - p->start);
    json_t *one = json_pack("{s:s, s:o, s:I, s:I, s:b}", "kind", p->textual ? "textual" : "visual", "text",
                            json_stringn(from, (size_t)(end - from)), "start", (json_int_t)p->start,
                            "end", (json_int_t)p->end, "proposed", 1);
    return one;
}

static void annotate(annotator *a, row *r)
{
    proposal *found;
    size_t count = propose(r->asked.question, r->asked.image != NULL, &found);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, constraint_of(r->asked.question, &found[i]));
    if (count) {
        json_object_set(r->json, "constraints", list);
        if (r->marked)
            json_object_del(r->json, "marked");
        r->marked = NULL;
        a->annotated++;
    }
    a->nothing += count == 0;
    a->spans += count;
    json_decref(list);
    free(found);
}

/* ---- how good it is ---- */

/* The known constraints as proposals; false: one is itself proposed, or stands nowhere. [r->asked.constraint_count] */
static bool known_spans(const row *r, proposal *spans)
{
    const row_question *q = &r->asked;
    const json_t *list = json_object_get(r->json, "constraints");
    for (size_t i = 0; i < q->constraint_count; i++) {
        size_t start = q->starts[i] == ROWS_ANYWHERE ? phrase_find(q->question, q->constraints[i], 0) : q->starts[i];
        if (start == PHRASE_NOWHERE || json_is_true(json_object_get(json_array_get(list, i), "proposed")))
            return false;
        spans[i] = (proposal){q->kinds[i] && strcmp(q->kinds[i], "textual") == 0, start,
                              start + phrase_length(q->constraints[i])};
    }
    return true;
}

static bool overlap(const proposal *a, const proposal *b)
{
    return a->textual == b->textual && a->start < b->end && b->start < a->end;
}

static bool overlaps_any(const proposal *one, const proposal *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (overlap(one, &others[i]))
            return true;
    return false;
}

static bool is_among(const proposal *one, const proposal *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (one->textual == others[i].textual && one->start == others[i].start && one->end == others[i].end)
            return true;
    return false;
}

static void judge(annotator *a, const row *r)
{
    size_t n = r->asked.constraint_count;
    proposal *known = mem_new(n, sizeof *known), *found = NULL;
    if (known_spans(r, known)) {
        size_t count = propose(r->asked.question, r->asked.image != NULL, &found);
        a->judged++;
        for (size_t i = 0; i < n; i++) {
            a->kinds[known[i].textual].known++;
            a->kinds[known[i].textual].overlapping_known += overlaps_any(&known[i], found, count);
        }
        for (size_t i = 0; i < count; i++) {
            a->kinds[found[i].textual].proposed++;
            a->kinds[found[i].textual].exact += is_among(&found[i], known, n);
            a->kinds[found[i].textual].overlapping_proposed += overlaps_any(&found[i], known, n);
        }
    }
    free(known);
    free(found);
}

/* ---- telling ---- */

static json_t *share(size_t part, size_t whole)
{
    return whole ? json_real((double)part / (double)whole) : json_null();
}

static json_t *score_json(const score *s)
{
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "known", (json_int_t)s->known,
                     "proposed", (json_int_t)s->proposed,
                     "exact", (json_int_t)s->exact, "precision", share(s->exact, s->proposed),
                     "recall", share(s->exact, s->known),
                     "overlap_precision", share(s->overlapping_proposed, s->proposed), "overlap_recall",
                     share(s->overlapping_known, s->known));
}

static void tell_score(buffer *out, const char *name, const score *s)
{
    if (!s->known && !s->proposed)
        return;
    buffer_printf(out, "%-8s %7zu known %7zu proposed", name, s->known, s->proposed);
    if (s->proposed)
        buffer_printf(out, "   precision %.3f (overlapping %.3f)", (double)s->exact / (double)s->proposed,
                      (double)s->overlapping_proposed / (double)s->proposed);
    if (s->known)
        buffer_printf(out, "   recall %.3f (overlapping %.3f)", (double)s->exact / (double)s->known,
                      (double)s->overlapping_known / (double)s->known);
    buffer_text(out, "\n");
}

static void hand_over(const annotator *a)
{
    static const char *const names[] = {"visual", "textual", "both"};
    score all[3] = {a->kinds[0], a->kinds[1], {a->kinds[0].known + a->kinds[1].known,
                                               a->kinds[0].proposed + a->kinds[1].proposed,
                    a->kinds[0].exact + a->kinds[1].exact,
                    a->kinds[0].overlapping_known + a->kinds[1].overlapping_known,
                    a->kinds[0].overlapping_proposed + a->kinds[1].overlapping_proposed}};
    json_t *known = json_pack("{s:I}", "questions", (json_int_t)a->judged);
    buffer *words = &a->tally->words;
    buffer_printf(words, "proposed %zu spans for %zu questions; found none for %zu\n", a->spans, a->annotated,
                  a->nothing);
    if (a->judged)
        buffer_printf(words, "where the spans are known (questions: %zu):\n", a->judged);
    for (size_t i = 0; i < 3; i++) {
        json_object_set_new(known, names[i], score_json(&all[i]));
        if (a->judged)
            tell_score(words, names[i], &all[i]);
    }
    json_object_set_new(a->tally->more, "annotate",
                        json_pack("{s:I, s:I, s:I, s:o}", "questions", (json_int_t)a->annotated,
                                  "spans", (json_int_t)a->spans,
                                  "questions_without", (json_int_t)a->nothing, "known", known));
    buffer_printf(words, "written to %s\n", a->to);
}

/* ---- the whole ---- */

static pb_status take_row(annotator *a, row *r, pb_error *err)
{
    if (!r->json)
        return fail(err, PB_EFORMAT, "%s: %s", r->name, r->problem);
    if (r->asked.question && r->asked.constraint_count == 0 && lacks_spans_only(r))
        annotate(a, r);
    else if (r->asked.question && !r->problem && !r->marked)
        judge(a, r);
    if (r->marked)
        tally_mark(a->tally, r->marked);
    else
        tally_kept(a->tally);
    picture_move(r->json, a->from_folder, a->to_folder);
    char *text = json_text_whole(r->json, 0);
    file_write(&a->out, text, strlen(text));
    file_write(&a->out, "\n", 1);
    free(text);
    return interrupt_check(a->to, err);
}

static pb_status take_rows(void *context, pb_error *err)
{
    annotator *a = context;
    for (size_t i = 0; i < a->rows.count; i++)
        TRY(take_row(a, &a->rows.items[i], err));
    return PB_OK;
}

pb_status annotate_run(tally *t, const char *path, const char *to, pb_error *err)
{
    rows r;
    tally_open(t, path);
    TRY(rows_read(&r, path, ROWS_ALL, err));
    annotator a = {.tally = t, .to = to, .rows = r, .from_folder = mem_text_n(path, (size_t)(path_base(path) - path)),
                   .to_folder = mem_text_n(to, (size_t)(path_base(to) - to))};
    interrupt_watch();
    pb_status status = file_writer_run(&a.out, to, take_rows, &a, err);
    if (!status)
        hand_over(&a);
    free(a.from_folder);
    free(a.to_folder);
    rows_free(&a.rows);
    interrupt_release();
    return status;
}
