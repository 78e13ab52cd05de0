/* edit_words.c: see edit_words.h. */
#include "report/edit_words.h"

#include <math.h>
#include <string.h>

#include "report/markup.h"

const char *edit_method_name(edit_method m)
{
    static const char *const names[] = {[EDIT_MULTEDIT] = "multedit", [EDIT_FT] = "ft",
                                        [EDIT_FT_CONSTRAINED] = "ft-constrained"};
    return names[m];
}

const char *edit_scope_name(edit_scope s)
{
    static const char *const names[] = {[EDIT_MATRIX] = "matrix", [EDIT_DOWN] = "down", [EDIT_ALL] = "all"};
    return names[s];
}

size_t edit_request_count(const edit_report *r)
{
    return r->run->count;
}

size_t edit_target_count(const edit_report *r, size_t request)
{
    return r->run->whole_target ? r->run->target_counts[request] : 1;
}

bool edit_is_joint(const edit_report *r)
{
    return r->run->settings.together && edit_request_count(r) > 1;
}

bool edit_is_sweep(const edit_report *r)
{
    return r->run->layer_count > 0;
}

void edit_answer_label(const measure_answer *a, buffer *out)
{
    const char *text = a->text ? a->text : "";
    text += strspn(text, " ");
    if (*text)
        text_visible(out, text, strlen(text));
    else
        buffer_text(out, "\u2014");
}

const char *edit_question(const measure_question *q)
{
    return q->asked.prompt ? q->asked.prompt : q->asked.question;
}

void edit_place(const edit_report *r, buffer *out)
{
    const edit_settings *s = &r->run->settings;
    bool tunes = s->method != EDIT_MULTEDIT;
    if (tunes && s->scope == EDIT_DOWN)
        buffer_text(out, "all down projections");
    else if (tunes && s->scope == EDIT_ALL)
        buffer_text(out, "the whole decoder");
    else if (s->end_layer == s->first_layer + 1)
        buffer_printf(out, "layer %zu", s->first_layer);
    else
        buffer_printf(out, edit_is_sweep(r) ? "each of layers %zu to %zu" : "layers %zu to %zu", s->first_layer,
                      s->end_layer - 1);
}

void edit_share(const interval *i, buffer *out)
{
    buffer_printf(out, "%.0f of %zu", round(i->mean * (double)i->questions), i->questions);
}
