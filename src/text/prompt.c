/* prompt.c: a rendered prompt as decoder rows, and the rows of its constraints.
 *
 * Texts are compared code point by code point under simple case folding: one code point folds to one, so offsets stay
 * what they are. (Full folding would let "STRASSE" find "straße", at the price of offsets that mean nothing.) */
#include "text/prompt.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/template.h"
#include "text/unicode.h"

/* The code points of a text, folded. */
typedef struct folded {
    int32_t *points; /* [count] */
    size_t count;
} folded;

typedef struct range {
    size_t start, end; /* code points, half open */
} range;

/* Where constraints may be found: parts of the text. A raw prompt has two, around `<image>`. */
typedef struct ranges {
    range part[3];
    size_t count;
} ranges;

/* ---- code points ---- */

/* PB_EINVAL naming `what` when text is no UTF-8. */
static pb_status fold_text(folded *out, const char *text, const char *what, pb_error *err)
{
    size_t size = strlen(text);
    *out = (folded){.points = mem_new(size, sizeof *out->points)};
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(size - at), &point);
        if (n <= 0) {
            free(out->points);
            *out = (folded){0};
            return fail(err, PB_EINVAL, "the %s is not valid UTF-8 at byte %zu", what, at);
        }
        out->points[out->count++] = unicode_fold(point);
        at += (size_t)n;
    }
    return PB_OK;
}

/* The number of code points in text's first `bytes` bytes (valid UTF-8). */
static size_t points_before(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static range to_points(const char *text, byte_range bytes)
{
    return (range){points_before(text, bytes.start), points_before(text, bytes.end)};
}

/* ---- rows ---- */

static void add_row(prompt *p, int32_t id, size_t start, size_t end)
{
    p->ids[p->length] = id;
    p->start[p->length] = (uint32_t)start;
    p->end[p->length] = (uint32_t)end;
    p->length++;
}

static void make_room(prompt *p, size_t more)
{
    p->ids = mem_resize(p->ids, p->length + more, sizeof *p->ids);
    p->start = mem_resize(p->start, p->length + more, sizeof *p->start);
    p->end = mem_resize(p->end, p->length + more, sizeof *p->end);
}

/* How many tokens the post-processor puts before a text: those by which encoding "a" with it begins. */
static size_t leading(const encoding *with, const encoding *without)
{
    for (size_t k = 0; k + without->count <= with->count; k++) {
        size_t same = 0;
        while (same < without->count && with->tokens[k + same].id == without->tokens[same].id)
            same++;
        if (same == without->count && same)
            return k;
    }
    return 0;
}

static pb_status add_bos(prompt *p, const tokenizer *t, pb_error *err)
{
    encoding with = {0}, without = {0};
    pb_status status = tokenizer_encode(t, "a", 1, true, &with, err);
    if (!status)
        status = tokenizer_encode(t, "a", 1, false, &without, err);
    size_t count = status ? 0 : leading(&with, &without);
    make_room(p, count);
    for (size_t i = 0; i < count; i++)
        add_row(p, with.tokens[i].id, 0, 0);
    p->has_bos = count > 0;
    encoding_free(&with);
    encoding_free(&without);
    return status;
}

/* Encodes bytes [from, to) of the prompt's text by themselves. */
static pb_status add_piece(prompt *p, const tokenizer *t, size_t from, size_t to, int32_t image_token, pb_error *err)
{
    encoding e = {0};
    size_t base = points_before(p->text, from);
    TRY(tokenizer_encode(t, p->text + from, to - from, false, &e, err));
    make_room(p, e.count);
    pb_status status = PB_OK;
    for (size_t i = 0; i < e.count && !status; i++) {
        add_row(p, e.tokens[i].id, base + e.tokens[i].start, base + e.tokens[i].end);
        if (image_token >= 0 && e.tokens[i].id == image_token)
            status = fail(err, PB_EINVAL, "the prompt \"%s\" writes out the token %d, which stands for the image",
                          p->text, (int)image_token);
    }
    encoding_free(&e);
    return status;
}

static void add_image(prompt *p, range place, const prompt_request *q)
{
    p->image_first = p->length;
    p->image_count = q->image_rows;
    make_room(p, q->image_rows);
    for (size_t i = 0; i < q->image_rows; i++)
        add_row(p, q->image_token, place.start, place.end);
}

static pb_status add_rows(prompt *p, const tokenizer *t, const rendered *r, const prompt_request *q, pb_error *err)
{
    size_t size = strlen(p->text);
    TRY(add_bos(p, t, err));
    if (!q->has_image) {
        TRY(add_piece(p, t, 0, size, q->image_token, err));
    } else {
        TRY(add_piece(p, t, 0, r->image.start, q->image_token, err));
        add_image(p, to_points(p->text, r->image), q);
        TRY(add_piece(p, t, r->image.end, size, q->image_token, err));
    }
    if (p->length == 0)
        return fail(err, PB_EINVAL, "the prompt \"%s\" makes no token", p->text);
    return PB_OK;
}

/* ---- constraints ---- */

static ranges searched(const char *text, const rendered *r, bool all_occurrences)
{
    ranges in = {.count = 1};
    range question = to_points(text, r->question), image = to_points(text, r->image);
    in.part[0] = question;
    if (image.end > image.start && image.start >= question.start && image.end <= question.end) {
        in.part[0].end = image.start;
        in.part[in.count++] = (range){image.end, question.end};
    }
    if (all_occurrences && r->prefill.end > r->prefill.start)
        in.part[in.count++] = to_points(text, r->prefill);
    return in;
}

/* The first match of `what` at or after `from` that ends by `to`, or `to`. */
static size_t find(const folded *text, const folded *what, size_t from, size_t to)
{
    for (size_t at = from; at + what->count <= to; at++)
        if (memcmp(text->points + at, what->points, what->count * sizeof *what->points) == 0)
            return at;
    return to;
}

bool prompt_is_image(const prompt *p, size_t position)
{
    return position >= p->image_first && position - p->image_first < p->image_count;
}

void prompt_row_text(const prompt *p, const tokenizer *t, size_t position, buffer *out)
{
    if (prompt_is_image(p, position))
        buffer_text(out, IMAGE_TAG);
    else
        tokenizer_token_text(t, p->ids[position], out);
}

bool prompt_overlaps(const prompt *p, size_t position, uint32_t start, uint32_t end)
{
    return p->start[position] < p->end[position] && p->start[position] < end && p->end[position] > start &&
           !prompt_is_image(p, position);
}

static void mark_match(const prompt *p, size_t start, size_t end, bool *marked)
{
    for (size_t i = 0; i < p->length; i++)
        if (prompt_overlaps(p, i, (uint32_t)start, (uint32_t)end))
            marked[i] = true;
}

static span marked_span(const bool *marked, size_t length)
{
    span s = {mem_new(length, sizeof *s.positions), 0};
    for (size_t i = 0; i < length; i++)
        if (marked[i])
            s.positions[s.count++] = i;
    return s;
}

static span match_rows(const prompt *p, const folded *text, const folded *what, ranges in, bool all_occurrences)
{
    bool *marked = mem_new(p->length, sizeof *marked);
    bool found = false;
    for (size_t i = 0; i < in.count; i++)
        for (size_t from = in.part[i].start; !found || all_occurrences; from++) {
            from = find(text, what, from, in.part[i].end);
            if (from == in.part[i].end)
                break;
            found = true;
            mark_match(p, from, from + what->count, marked);
        }
    span rows = marked_span(marked, p->length);
    free(marked);
    return rows;
}

static pb_status not_found(const char *constraint, const prompt_request *q, pb_error *err)
{
    pb_status status = fail(err, PB_EINVAL, "the constraint \"%s\" does not occur in the %s \"%s\"", constraint,
                            q->raw ? "prompt" : "question", q->raw ? q->raw : q->question);
    fail_hint(err, "give it as the question spells it; upper and lower case do not matter");
    return status;
}

static pb_status not_there(const char *constraint, size_t start, const prompt_request *q, pb_error *err)
{
    if (q->raw)
        return fail(err, PB_EINVAL,
                    "the constraint \"%s\" is said to begin at character %zu of a question, but a whole "
                    "prompt is given", constraint, start);
    return fail(err, PB_EINVAL, "the constraint \"%s\" does not begin at character %zu of the question \"%s\"",
                constraint, start, q->question);
}

/* The stretch of `n` code points that begins at the question's code point `start`; empty where the question ends
 * before. */
static range place_of(const prompt *p, size_t start, size_t n)
{
    size_t length = p->question_end - p->question_start;
    if (start >= length || n > length - start)
        return (range){0, 0};
    return (range){p->question_start + start, p->question_start + start + n};
}

static pb_status add_constraint(prompt *p, const folded *text, ranges in, const prompt_request *q, size_t i,
                                pb_error *err)
{
    const char *constraint = q->constraints[i];
    size_t start = q->constraint_starts ? q->constraint_starts[i] : CONSTRAINT_ANYWHERE;
    bool placed = start != CONSTRAINT_ANYWHERE;
    folded what;
    if (constraint[strspn(constraint, " \t\r\n")] == '\0')
        return fail(err, PB_EINVAL, "a constraint is empty, expected words of the question \"%s\"",
                    q->raw ? q->raw : q->question);
    TRY(fold_text(&what, constraint, "constraint", err));
    if (placed)
        in = (ranges){.part = {place_of(p, start, what.count)}, .count = 1};
    span rows = placed && q->raw ? (span){0} : match_rows(p, text, &what, in, q->all_occurrences && !placed);
    free(what.points);
    if (rows.count == 0) {
        span_free(&rows);
        return placed ? not_there(constraint, start, q, err) : not_found(constraint, q, err);
    }
    p->constraints[p->constraint_count] = rows;
    p->constraint_texts[p->constraint_count++] = mem_text(constraint);
    return PB_OK;
}

static pb_status add_constraints(prompt *p, const folded *text, const rendered *r, const prompt_request *q,
                                 pb_error *err)
{
    ranges in = searched(p->text, r, q->all_occurrences);
    p->constraints = mem_new(q->constraint_count, sizeof *p->constraints);
    p->constraint_texts = mem_new(q->constraint_count, sizeof *p->constraint_texts);
    for (size_t i = 0; i < q->constraint_count; i++)
        TRY(add_constraint(p, text, in, q, i, err));
    return PB_OK;
}

/* ---- the whole ---- */

static pb_status build(prompt *p, const tokenizer *t, const rendered *r, const prompt_request *q, pb_error *err)
{
    folded text;
    TRY(fold_text(&text, p->text, "prompt", err));
    range question = to_points(p->text, r->question);
    p->question_start = (uint32_t)question.start;
    p->question_end = (uint32_t)question.end;
    pb_status status = add_rows(p, t, r, q, err);
    if (!status)
        status = add_constraints(p, &text, r, q, err);
    free(text.points);
    return status;
}

pb_status prompt_build(prompt *out, const tokenizer *t, const prompt_request *request, pb_error *err)
{
    rendered r;
    *out = (prompt){0};
    TRY(template_render(&r, request, err));
    out->text = r.text;
    pb_status status = build(out, t, &r, request, err);
    if (status)
        prompt_free(out);
    return status;
}

void prompt_free(prompt *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->constraint_count; i++) {
        span_free(&p->constraints[i]);
        free(p->constraint_texts[i]);
    }
    free(p->constraints);
    free(p->constraint_texts);
    free(p->text);
    free(p->ids);
    free(p->start);
    free(p->end);
    *p = (prompt){0};
}

size_t prompt_picture_end(const prompt *p)
{
    return p->image_count ? p->image_first + p->image_count : 0;
}
