/* span.c: named sets of a prompt's positions, and the class of each position (docs/trace.md: Positions, AIE).
 *
 * A span is first a mark on each row, so unions and order take care of themselves. */
#include <stdlib.h>
#include <string.h>

#include "text/prompt.h"

bool span_has(const span *s, size_t position)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->positions[i] == position)
            return true;
    return false;
}

void span_free(span *s)
{
    if (!s)
        return;
    free(s->positions);
    *s = (span){0};
}

/* ---- one name: marks its rows, fails when there are none ---- */

typedef pb_status mark_fn(const prompt *p, bool *marked, pb_error *err);

static void mark_range(bool *marked, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        marked[i] = true;
}

static void mark_rows(bool *marked, const span *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        marked[rows->positions[i]] = true;
}

static pb_status mark_bos(const prompt *p, bool *marked, pb_error *err)
{
    if (!p->has_bos)
        return fail(err, PB_EINVAL, "the span \"bos\" is empty: this model's tokenizer adds no such token");
    marked[0] = true;
    return PB_OK;
}

static pb_status mark_image(const prompt *p, bool *marked, pb_error *err)
{
    if (p->image_count == 0)
        return fail(err, PB_EINVAL, "the span \"image\" is empty: no image is given");
    mark_range(marked, p->image_first, p->image_first + p->image_count);
    return PB_OK;
}

static pb_status mark_text(const prompt *p, bool *marked, pb_error *err)
{
    bool any = false;
    for (size_t i = 0; i < p->length; i++)
        if (!prompt_is_image(p, i))
            any = marked[i] = true;
    return any ? PB_OK : fail(err, PB_EINVAL, "the span \"text\" is empty: the prompt is only an image");
}

static pb_status mark_constraint(const prompt *p, bool *marked, pb_error *err)
{
    if (p->constraint_count == 0)
        return fail(err, PB_EINVAL, "the span \"constraint\" is empty: no constraint is given");
    for (size_t i = 0; i < p->constraint_count; i++)
        mark_rows(marked, &p->constraints[i]);
    return PB_OK;
}

static pb_status mark_question(const prompt *p, bool *marked, pb_error *err)
{
    bool any = false;
    for (size_t i = 0; i < p->length; i++)
        if (prompt_overlaps(p, i, p->question_start, p->question_end))
            any = marked[i] = true;
    return any ? PB_OK : fail(err, PB_EINVAL, "the span \"question\" is empty: the question makes no token");
}

static pb_status mark_last(const prompt *p, bool *marked, pb_error *err)
{
    (void)err;
    marked[p->length - 1] = true;
    return PB_OK;
}

static pb_status mark_all(const prompt *p, bool *marked, pb_error *err)
{
    (void)err;
    mark_range(marked, 0, p->length);
    return PB_OK;
}

/* As many text rows as `constraint` has, the first ones after its last row, all before `last`. */
static pb_status mark_control(const prompt *p, bool *marked, pb_error *err)
{
    bool *constraint = mem_new(p->length, sizeof *constraint);
    pb_status status = mark_constraint(p, constraint, err);
    size_t wanted = 0, after = 0, found = 0;
    for (size_t i = 0; i < p->length && !status; i++)
        if (constraint[i]) {
            wanted++;
            after = i + 1;
        }
    free(constraint);
    if (status)
        return fail(err, PB_EINVAL, "the span \"control\" is empty: no constraint is given");
    size_t *rows = mem_new(wanted, sizeof *rows);
    for (size_t i = after; i + 1 < p->length && found < wanted; i++)
        if (!prompt_is_image(p, i))
            rows[found++] = i;
    if (found == wanted)
        mark_rows(marked, &(span){rows, found});
    free(rows);
    if (found < wanted)
        return fail(err, PB_EINVAL, "the span \"control\" is empty: only %zu of the %zu rows it needs lie between the "
                    "constraint and the last row", found, wanted);
    return PB_OK;
}

static const struct span_row {
    const char *name;
    mark_fn *mark;
} names[] = {
    {"bos", mark_bos},           {"image", mark_image}, {"text", mark_text},       {"constraint", mark_constraint},
    {"question", mark_question}, {"last", mark_last},   {"control", mark_control}, {"all", mark_all},
};

/* ---- expressions ---- */

/* A decimal number at *at, which moves behind it; false when there is none, or it is beyond all positions. */
static bool read_number(const char **at, const char *end, size_t *number)
{
    const char *begin = *at;
    for (*number = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (*number > SIZE_MAX / 10 - 1)
            return false;
        *number = *number * 10 + (size_t)(**at - '0');
    }
    return *at > begin;
}

/* One name of an expression, as far as it can be read without a prompt. */
typedef struct span_item {
    const char *text; /* [length], as it is written */
    int length;
    mark_fn *mark;    /* of a name that stands by itself; else NULL */
    bool is_range;    /* positions first .. end - 1; else constraint number first */
    size_t first, end;
} span_item;

static pb_status read_range(span_item *s, const char *at, const char *end, pb_error *err)
{
    if (!read_number(&at, end, &s->first) || at == end || *at++ != ':' || !read_number(&at, end, &s->end) || at != end)
        return fail(err, PB_EINVAL, "the span \"%.*s\" is no range, expected a:b with two positions", s->length,
                    s->text);
    if (s->first >= s->end)
        return fail(err, PB_EINVAL, "the span \"%.*s\" is empty, expected a:b with a below b", s->length, s->text);
    s->is_range = true;
    return PB_OK;
}

static pb_status read_item(span_item *s, const char *text, const char *end, pb_error *err)
{
    static const char numbered[] = "constraint:";
    size_t n = (size_t)(end - text), prefix = strlen(numbered);
    *s = (span_item){.text = text, .length = (int)n};
    for (size_t i = 0; i < sizeof names / sizeof *names && !s->mark; i++)
        if (strlen(names[i].name) == n && memcmp(names[i].name, text, n) == 0)
            s->mark = names[i].mark;
    if (s->mark)
        return PB_OK;
    if (n && *text >= '0' && *text <= '9')
        return read_range(s, text, end, err);
    if (n <= prefix || memcmp(text, numbered, prefix) != 0)
        return fail(err, PB_EINVAL,
                    "unknown span \"%.*s\", expected bos, image, text, constraint, constraint:N, question, last, control, "
                    "all or a:b",
                    s->length, text);
    const char *at = text + prefix;
    if (!read_number(&at, end, &s->first) || at != end)
        return fail(err, PB_EINVAL, "the span \"%.*s\" is no constraint, expected constraint:0, constraint:1, ...",
                    s->length, text);
    return PB_OK;
}

/* *at moves behind the item and its comma; NULL after the last one. */
static pb_status next_item(span_item *s, const char **at, pb_error *err)
{
    const char *text = *at, *comma = strchr(text, ',');
    *at = comma ? comma + 1 : NULL;
    return read_item(s, text, comma ? comma : text + strlen(text), err);
}

static pb_status mark_item(const prompt *p, const span_item *s, bool *marked, pb_error *err)
{
    if (s->mark)
        return s->mark(p, marked, err);
    if (s->is_range && s->end > p->length)
        return fail(err, PB_EINVAL, "the span \"%.*s\" is out of range: the prompt has %zu rows, 0:%zu", s->length,
                    s->text, p->length, p->length);
    if (!s->is_range && s->first >= p->constraint_count)
        return fail(err, PB_EINVAL, "the span \"%.*s\" is out of range: constraints given: %zu", s->length, s->text,
                    p->constraint_count);
    if (s->is_range)
        mark_range(marked, s->first, s->end);
    else
        mark_rows(marked, &p->constraints[s->first]);
    return PB_OK;
}

pb_status span_check(const char *expression, pb_error *err)
{
    span_item item;
    while (expression)
        TRY(next_item(&item, &expression, err));
    return PB_OK;
}

pb_status prompt_span(const prompt *p, const char *expression, span *out, pb_error *err)
{
    bool *marked = mem_new(p->length, sizeof *marked);
    pb_status status = PB_OK;
    *out = (span){0};
    while (expression && !status) {
        span_item item;
        status = next_item(&item, &expression, err);
        if (!status)
            status = mark_item(p, &item, marked, err);
    }
    if (!status) {
        out->positions = mem_new(p->length, sizeof *out->positions);
        for (size_t i = 0; i < p->length; i++)
            if (marked[i])
                out->positions[out->count++] = i;
    }
    free(marked);
    return status;
}

/* ---- classes ---- */

static const char *place_in(const span *s, size_t position)
{
    if (s->positions[s->count - 1] == position)
        return "constraint_last";
    return s->positions[0] == position ? "constraint_first" : "constraint_middle";
}

/* The first constraint row, or T without constraints. */
static size_t first_constraint_row(const prompt *p)
{
    size_t first = p->length;
    for (size_t i = 0; i < p->constraint_count; i++)
        if (p->constraints[i].positions[0] < first)
            first = p->constraints[i].positions[0];
    return first;
}

const char *prompt_class(const prompt *p, size_t position)
{
    if (p->has_bos && position == 0)
        return "bos";
    if (prompt_is_image(p, position))
        return "image";
    if (position == p->length - 1)
        return "last"; /* also where a constraint ends the prompt: that row's effects are the read-out's */
    for (size_t i = 0; i < p->constraint_count; i++)
        if (span_has(&p->constraints[i], position))
            return place_in(&p->constraints[i], position);
    return position < first_constraint_row(p) ? "before" : "after";
}
