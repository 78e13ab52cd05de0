/* trace_words.c: see trace_words.h. */
#include "report/trace_words.h"

#include <math.h>
#include <string.h>

#include "report/markup.h"

void trace_span_name(const prompt *p, size_t position, buffer *out)
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

void trace_answer_text(const trace_report *r, buffer *out)
{
    const trace *t = r->trace;
    buffer first = {0};
    buffer_text(out, "");
    if (t->answer_count == 0)
        return;
    tokenizer_token_text(r->tokenizer, t->answer[0], &first);
    if (t->answer_count == 1) {
        text_utf8(out, first.data, first.size);
    } else {
        buffer whole = {0};
        tokenizer_decode(r->tokenizer, t->answer, t->answer_count, false, &whole);
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

void trace_token_label(const trace_report *r, int32_t id, buffer *out)
{
    buffer text = {0};
    tokenizer_token_text(r->tokenizer, id, &text);
    buffer_text(&text, "");
    add_label(out, &text);
    buffer_free(&text);
}

void trace_answer_label(const trace_report *r, buffer *out)
{
    buffer text = {0};
    trace_answer_text(r, &text);
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

void trace_question(const prompt *p, buffer *out)
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

void trace_model_name(const trace_report *r, buffer *out)
{
    text_folder_name(out, r->model_path);
}

const char *trace_site_name(site s)
{
    static const char *const names[SITE_COUNT] = {
        [SITE_RESID_PRE] = "Block input",
        [SITE_ATTN_OUT] = "Attention output",
        [SITE_MLP_OUT] = "MLP output",
        [SITE_RESID_POST] = "Residual stream",
    };
    return names[s];
}

void trace_site_title(const trace *t, site s, buffer *out)
{
    buffer_printf(out, "%s %s", trace_site_name(s), t->direction == TRACE_DENOISE ? "restored" : "corrupted");
}

void trace_layer_axis(const trace *t, buffer *out)
{
    if (t->window_kind == TRACE_CENTRED && t->window != 1)
        buffer_printf(out, "layer (centre of a window of %zu)", t->window);
    else if (t->window_kind == TRACE_RADIUS && t->window != 0)
        buffer_printf(out, "layer (and %zu on either side)", t->window);
    else
        buffer_text(out, "layer");
}

void trace_corruption(const trace_report *r, buffer *out)
{
    buffer_text(out, "");
    for (size_t i = 0; i < r->trace->corruption_count; i++) {
        const char *spec = r->trace->corruptions[i];
        buffer_text(out, i ? ", " : "");
        text_visible(out, spec, strlen(spec));
    }
}

double trace_recovered(const trace *t, double prob)
{
    double total = t->clean.prob - t->corrupted.prob;
    double effect = t->direction == TRACE_DENOISE ? prob - t->corrupted.prob : t->clean.prob - prob;
    return total != 0 ? effect / total : NAN;
}
