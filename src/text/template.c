/* template.c: the templates, and a request rendered in one of them.
 *
 * A template holds `{question}` once and `<image>` at most once. Without an image, `<image>` and the newline after it
 * drop out, of a raw prompt too; so a LLaVA checkpoint can be asked in words alone. */
#include "text/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define QUESTION_SLOT "{question}"
#define POLITE                                                                                                       \
    "A chat between a curious user and an artificial intelligence assistant. "                                       \
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "

typedef struct template_row {
    const char *name, *text;
    bool one_mark; /* the question ends with exactly one `?`: the paper's script adds one to every question */
} template_row;

static const template_row templates[] = {
    {"paper", "<image>\nUSER: {question} Answer in a few words.\nASSISTANT:", true},
    {"llava", "USER: <image>\n{question} ASSISTANT:", false},
    {"vicuna", POLITE "USER: {question} ASSISTANT:", false},
    {"bunny", POLITE "USER: <image>\n{question} ASSISTANT:", false},
    {"flags", "USER:<image>\n{question} Answer in a few words.\nASSISTANT:", false},
    {"plain", "{question}", false},
};

const char *prompt_template_names(void)
{
    return "paper, llava, vicuna, bunny, flags, plain";
}

static const template_row *find_template(const char *name)
{
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (name && strcmp(templates[i].name, name) == 0)
            return &templates[i];
    return NULL;
}

static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == '\0';
}

/* ---- the question ---- */

/* Appends the question; for `one_mark` without the blanks at its end and with exactly one `?` there. */
static byte_range add_question(buffer *b, const char *question, bool one_mark)
{
    byte_range place = {b->size, 0};
    size_t n = strlen(question);
    while (one_mark && n && isspace((unsigned char)question[n - 1]))
        n--;
    while (one_mark && n > 1 && question[n - 1] == '?' && question[n - 2] == '?')
        n--;
    buffer_add(b, question, n);
    place.end = b->size;
    if (one_mark && question[n - 1] != '?') /* n > 0: a blank question was refused */
        buffer_text(b, "?");
    return place;
}

static pb_status fill_template(rendered *out, buffer *b, const prompt_request *q, pb_error *err)
{
    const template_row *row = find_template(q->template_name);
    if (!row)
        return fail(err, PB_EINVAL, "unknown template \"%s\", expected one of %s",
                    q->template_name ? q->template_name : "", prompt_template_names());
    if (is_blank(q->question))
        return fail(err, PB_EINVAL, "the question is empty");
    if (strstr(q->question, IMAGE_TAG))
        return fail(err, PB_EINVAL, "the question \"%s\" contains " IMAGE_TAG ", whose place is in the template",
                    q->question);
    const char *slot = strstr(row->text, QUESTION_SLOT);
    buffer_add(b, row->text, (size_t)(slot - row->text));
    out->question = add_question(b, q->question, row->one_mark);
    buffer_text(b, slot + strlen(QUESTION_SLOT));
    return PB_OK;
}

static pb_status fill_raw(rendered *out, buffer *b, const prompt_request *q, pb_error *err)
{
    if (is_blank(q->raw))
        return fail(err, PB_EINVAL, "the prompt is empty");
    buffer_text(b, q->raw);
    out->question = (byte_range){0, b->size};
    return PB_OK;
}

/* ---- the picture ---- */

static pb_status no_image_tag(const prompt_request *q, pb_error *err)
{
    pb_status status;
    if (q->raw) {
        status = fail(err, PB_EINVAL, "the prompt \"%s\" has no " IMAGE_TAG ", but an image is given", q->raw);
        fail_hint(err, "write " IMAGE_TAG " where the picture should stand, or leave the image out");
    } else {
        status = fail(err, PB_EINVAL, "the template \"%s\" has no " IMAGE_TAG ", but an image is given",
                      q->template_name);
        fail_hint(err, "take a template with one (paper, llava, bunny, flags), or leave the image out");
    }
    return status;
}

/* Removes bytes [at, at + n) and moves the question's range along. */
static void cut(rendered *out, buffer *b, size_t at, size_t n)
{
    memmove(b->data + at, b->data + at + n, b->size - at - n + 1); /* with the NUL */
    b->size -= n;
    out->question.start -= out->question.start > at ? n : 0;
    out->question.end -= out->question.end > at ? n : 0;
}

/* Finds the one `<image>`, or takes it out when there is no picture. */
static pb_status place_image(rendered *out, buffer *b, const prompt_request *q, pb_error *err)
{
    const size_t n = strlen(IMAGE_TAG);
    const char *tag = strstr(b->data, IMAGE_TAG);
    if (!tag)
        return q->has_image ? no_image_tag(q, err) : PB_OK;
    if (strstr(tag + n, IMAGE_TAG)) /* only a raw prompt can have two */
        return fail(err, PB_EINVAL, "the prompt \"%s\" has more than one " IMAGE_TAG ", expected one", b->data);
    size_t at = (size_t)(tag - b->data);
    if (q->has_image)
        out->image = (byte_range){at, at + n};
    else
        cut(out, b, at, tag[n] == '\n' ? n + 1 : n);
    return PB_OK;
}

/* ---- the prefill ---- */

/* Joined by exactly one space, whatever the prefill begins with. */
static pb_status add_prefill(rendered *out, buffer *b, const char *prefill, pb_error *err)
{
    if (is_blank(prefill))
        return PB_OK;
    if (strstr(prefill, IMAGE_TAG))
        return fail(err, PB_EINVAL, "the prefill \"%s\" contains " IMAGE_TAG ", whose place is in the prompt", prefill);
    prefill += strspn(prefill, " ");
    if (b->size == 0 || b->data[b->size - 1] != ' ')
        buffer_text(b, " ");
    out->prefill.start = b->size;
    buffer_text(b, prefill);
    out->prefill.end = b->size;
    return PB_OK;
}

pb_status template_render(rendered *out, const prompt_request *q, pb_error *err)
{
    buffer b = {0};
    *out = (rendered){0};
    pb_status status = q->raw ? fill_raw(out, &b, q, err) : fill_template(out, &b, q, err);
    if (!status)
        status = place_image(out, &b, q, err);
    if (!status)
        status = add_prefill(out, &b, q->prefill, err);
    if (status)
        buffer_free(&b);
    out->text = b.data;
    return status;
}
