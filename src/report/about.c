/* about.c: see about.h. */
#include "report/about.h"

#include <string.h>

#include "report/json_values.h"
#include "report/markup.h"

report_about about_of(const model *m, const question *q)
{
    const decoder_config *c = &m->decoder.config;
    report_about a = {.model_path = m->path, .family = m->family, .dtype = weight_form_name(m->decoder.form),
                      .changes = m->changes, .change_count = m->change_count, .layers = c->layers,
                      .d_model = c->d_model, .tokenizer = m->tokenizer};
    if (q) {
        a.prompt = &q->prompt;
        a.image_path = q->image_path;
        a.image_width = q->picture.width;
        a.image_height = q->picture.height;
        a.image_areas = q->areas;
        a.image_order = q->order.name;
    }
    return a;
}

/* ---- words ---- */

void about_span_name(const prompt *p, size_t position, buffer *out)
{
    if (prompt_is_image(p, position)) {
        buffer_text(out, "image");
        return;
    }
    if (p->has_bos && position == 0) {
        buffer_text(out, "bos");
        return;
    }
    for (size_t i = 0; i < p->constraint_count; i++)
        if (span_has(&p->constraints[i], position)) {
            buffer_printf(out, "constraint:%zu", i);
            return;
        }
    bool asked = prompt_overlaps(p, position, p->question_start, p->question_end);
    buffer_text(out, position + 1 == p->length ? "last" : asked ? "question" : "text");
}

static bool all_in(const span *s, const size_t *positions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!span_has(s, positions[i]))
            return false;
    return count > 0;
}

static bool each_in_some(const prompt *p, const size_t *positions, size_t count)
{
    for (size_t i = 0, c; i < count; i++) {
        for (c = 0; c < p->constraint_count && !span_has(&p->constraints[c], positions[i]); c++)
            ;
        if (c == p->constraint_count)
            return false;
    }
    return count > 0;
}

void about_constraint_mark(const prompt *p, const size_t *positions, size_t count, buffer *out)
{
    bool marked = false;
    for (size_t c = 0; c < p->constraint_count; c++)
        if (all_in(&p->constraints[c], positions, count)) {
            buffer_text(out, "*");
            if (p->constraint_count > 1)
                buffer_printf(out, "%zu", c);
            marked = true;
        }
    if (!marked && each_in_some(p, positions, count))
        buffer_text(out, "*");
}

void about_constraint_key(const prompt *p, buffer *out)
{
    for (size_t c = 0; c < p->constraint_count; c++) {
        if (p->constraint_count == 1)
            buffer_text(out, "* marks the constraint \u201c");
        else
            buffer_printf(out, c ? ", *%zu \u201c" : "*%zu marks the constraint \u201c", c);
        text_shorten(out, p->constraint_texts[c], 30);
        buffer_text(out, "\u201d");
    }
}

void about_token_text(const report_about *a, int32_t id, buffer *out)
{
    if (a->tokenizer)
        tokenizer_token_text(a->tokenizer, id, out);
    else if (!a->texts || !token_texts_find(a->texts, &id, 1, out))
        buffer_printf(out, "<%d>", id);
}

/* The texts of an answer's tokens, where its own is not known. */
static void add_known_answer(const report_about *a, const int32_t *ids, size_t count, buffer *out)
{
    if (a->texts && token_texts_find(a->texts, ids, count, out))
        return;
    for (size_t i = 0; i < count; i++)
        about_token_text(a, ids[i], out);
}

void about_answer_text(const report_about *a, const int32_t *ids, size_t count, buffer *out)
{
    buffer first = {0};
    buffer_text(out, "");
    if (count == 0)
        return;
    if (!a->tokenizer) {
        add_known_answer(a, ids, count, out);
        return;
    }
    tokenizer_token_text(a->tokenizer, ids[0], &first);
    if (count == 1) {
        text_utf8(out, first.data, first.size);
    } else {
        buffer whole = {0};
        tokenizer_decode(a->tokenizer, ids, count, false, &whole);
        bool lost_space = first.size && first.data[0] == ' ' && !(whole.size && whole.data[0] == ' ');
        buffer_text(out, lost_space ? " " : "");
        text_utf8(out, whole.data, whole.size);
        buffer_free(&whole);
    }
    buffer_free(&first);
}

/* Text as a label: visible, and the space that opens a word left out. */
static void add_label(buffer *out, const buffer *text)
{
    size_t skip = text->size > 1 && text->data[0] == ' ' && text->data[1] != ' ';
    text_visible(out, text->data + skip, text->size - skip);
}

void about_token_label(const report_about *a, int32_t id, buffer *out)
{
    buffer text = {0};
    about_token_text(a, id, &text);
    buffer_text(&text, "");
    add_label(out, &text);
    buffer_free(&text);
}

void about_answer_label(const report_about *a, const int32_t *ids, size_t count, buffer *out)
{
    buffer text = {0};
    about_answer_text(a, ids, count, &text);
    add_label(out, &text);
    buffer_free(&text);
}

/* The byte at which code point `point` of text starts. */
static size_t byte_of(const char *text, uint32_t point)
{
    size_t at = 0;
    for (uint32_t seen = 0; text[at]; at++)
        if (((unsigned char)text[at] & 0xC0) != 0x80 && seen++ == point)
            break;
    return at;
}

void about_question(const prompt *p, buffer *out)
{
    static const char mark[] = "<image>";
    size_t at = byte_of(p->text, p->question_start), end = byte_of(p->text, p->question_end);
    buffer plain = {0};
    while (at < end) {
        if (p->image_count && strncmp(p->text + at, mark, sizeof mark - 1) == 0)
            at += sizeof mark - 1 + (p->text[at + sizeof mark - 1] == '\n');
        else
            buffer_add(&plain, p->text + at++, 1);
    }
    text_visible(out, plain.data, plain.size);
    buffer_free(&plain);
}

void about_model_name(const report_about *a, buffer *out)
{
    text_folder_name(out, a->model_path);
}

void about_caption_open(const report_about *a, const int32_t *ids, size_t count, double prob, buffer *out)
{
    buffer asked = {0}, answer = {0};
    about_question(a->prompt, &asked);
    about_answer_label(a, ids, count, &answer);
    buffer_text(out, "Question: \u201c");
    text_shorten(out, asked.data, 150);
    buffer_text(out, "\u201d Answer: ");
    text_shorten(out, answer.data, 30);
    buffer_text(out, ", p = ");
    text_prob(out, prob);
    buffer_free(&asked);
    buffer_free(&answer);
}

void about_caption_close(const report_about *a, buffer *out)
{
    buffer name = {0};
    about_model_name(a, &name);
    buffer_text(out, " Model: ");
    text_shorten(out, name.data, 30);
    buffer_printf(out, ", %s.", a->dtype);
    buffer_free(&name);
}

/* ---- JSON ---- */

json_t *about_token_text_json(const report_about *a, int32_t id)
{
    buffer b = {0};
    about_token_text(a, id, &b);
    json_t *string = make_text_n(b.data, b.size);
    buffer_free(&b);
    return string;
}

json_t *report_changes_json(const model_change *changes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "file", make_text(changes[i].file), "kind",
                                              make_text(changes[i].kind), "terms", make_count(changes[i].terms), "rank",
                                              make_count(changes[i].rank)));
    return list;
}

json_t *about_model_json(const report_about *a)
{
    json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:o}", "path", make_text(a->model_path),
                               "family", make_text(a->family),
                               "layers", make_count(a->layers), "d_model", make_count(a->d_model),
                               "dtype", make_text(a->dtype));
    if (a->change_count)
        json_object_set_new(object, "changes", report_changes_json(a->changes, a->change_count));
    return object;
}

json_t *about_image_json(const report_about *a)
{
    if (!a->image_path)
        return json_null();
    json_t *object = json_pack("{s:o, s:o, s:o, s:o}", "path", make_text(a->image_path),
                               "width", make_count(a->image_width),
                               "height", make_count(a->image_height), "rows", make_count(a->prompt->image_count));
    if (a->image_order)
        json_object_set_new(object, "order", make_text(a->image_order));
    return object;
}

json_t *about_tokens_json(const report_about *a)
{
    const prompt *p = a->prompt;
    json_t *list = json_array();
    for (size_t at = 0; at < p->length; at++) {
        if (p->image_count && at == p->image_first) {
            json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "position", make_count(at), "count",
                                                  make_count(p->image_count), "span", "image"));
            at += p->image_count - 1;
            continue;
        }
        buffer name = {0};
        about_span_name(p, at, &name);
        json_array_append_new(list, json_pack("{s:o, s:i, s:o, s:o}", "position", make_count(at), "id", p->ids[at],
                                              "text", about_token_text_json(a, p->ids[at]),
                                              "span", make_text(name.data)));
        buffer_free(&name);
    }
    return list;
}

json_t *about_constraints_json(const report_about *a)
{
    const prompt *p = a->prompt;
    json_t *list = json_array();
    for (size_t i = 0; i < p->constraint_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "text", make_text(p->constraint_texts[i]), "positions",
                                              make_positions(p->constraints[i].positions, p->constraints[i].count)));
    return list;
}

json_t *about_answer_json(const report_about *a, const int32_t *answer, size_t count)
{
    buffer name = {0};
    about_answer_text(a, answer, count, &name);
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(ids, json_integer(answer[i]));
    json_t *first = count ? json_integer(answer[0]) : json_null();
    json_t *object = json_pack("{s:o, s:o, s:o}", "id", first, "text", make_text_n(name.data, name.size), "ids", ids);
    buffer_free(&name);
    return object;
}

json_t *about_areas_json(const image_area *areas, size_t count)
{
    static const char *const words[] = {[AREA_PADDING] = "padding", [AREA_CLASS] = "class"};
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const image_area *r = &areas[i];
        json_array_append_new(list,
                              r->kind == AREA_PIXELS ? make_numbers((double[]){r->left, r->top, r->right, r->bottom}, 4)
                                                           : json_string(words[r->kind]));
    }
    return list;
}

void about_json(const report_about *a, json_t *object)
{
    json_object_set_new(object, "model", about_model_json(a));
    json_object_set_new(object, "image", about_image_json(a));
    json_object_set_new(object, "prompt", make_text(a->prompt->text));
    json_object_set_new(object, "question",
                        make_positions((size_t[]){a->prompt->question_start, a->prompt->question_end}, 2));
    json_object_set_new(object, "tokens", about_tokens_json(a));
    json_object_set_new(object, "constraints", about_constraints_json(a));
    if (a->image_path && a->image_areas)
        json_object_set_new(object, "image_areas", about_areas_json(a->image_areas, a->prompt->image_count));
}
