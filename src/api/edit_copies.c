/* edit_copies.c: see edit_copies.h. */
#include "api/edit_copies.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A picture's file, and how the first question that shows it spells its path. */
struct known_picture {
    char *resolved;
    const char *path, *subject; /* subject: what a question says that it shows, or NULL */
};

static void *keep(edit_copies *c, void *block)
{
    c->kept = mem_resize(c->kept, c->kept_count + 1, sizeof *c->kept);
    return c->kept[c->kept_count++] = block;
}

const char *edit_copy_text(edit_copies *c, const char *text)
{
    return text ? keep(c, mem_text(text)) : NULL;
}

static const char *const *keep_texts(edit_copies *c, const char *const *texts, size_t count)
{
    const char **list = keep(c, mem_new(count, sizeof *list));
    for (size_t i = 0; i < count; i++)
        list[i] = edit_copy_text(c, texts[i]);
    return list;
}

/* One file, one spelling: what is drawn for neighbours must not be the request's own picture by another name. */
static struct known_picture *know_picture(edit_copies *c, const char *path)
{
    char *resolved = realpath(path, NULL);
    if (!resolved)
        resolved = mem_text(path); /* it will be missed when it is opened */
    for (size_t i = 0; i < c->picture_count; i++)
        if (strcmp(c->pictures[i].resolved, resolved) == 0) {
            free(resolved);
            return &c->pictures[i];
        }
    c->pictures = mem_resize(c->pictures, c->picture_count + 1, sizeof *c->pictures);
    struct known_picture *p = &c->pictures[c->picture_count++];
    *p = (struct known_picture){.resolved = resolved, .path = edit_copy_text(c, path)};
    return p;
}

static pb_question keep_question(edit_copies *c, const pb_question *q, const pb_edit_options *o)
{
    pb_question copy = *q;
    copy.image = q->image ? know_picture(c, q->image)->path : NULL;
    copy.question = edit_copy_text(c, q->question);
    copy.prefill = edit_copy_text(c, q->prefill);
    copy.prompt = edit_copy_text(c, q->prompt);
    copy.image_order = edit_copy_text(c, q->image_order);
    copy.template_name = edit_copy_text(c, q->template_name || q->prompt ? q->template_name : o->template_name);
    copy.constraints = keep_texts(c, q->constraints, q->constraint_count);
    if (q->constraint_starts) {
        size_t *starts = keep(c, mem_new(q->constraint_count, sizeof *starts));
        memcpy(starts, q->constraint_starts, q->constraint_count * sizeof *starts);
        copy.constraint_starts = starts;
    }
    return copy;
}

measure_question *edit_copy_evaluation(edit_copies *c, const pb_eval_question *eval, size_t count,
                                       const pb_edit_options *o)
{
    measure_question *copies = keep(c, mem_new(count, sizeof *copies));
    for (size_t i = 0; i < count; i++) {
        const pb_eval_question *q = &eval[i];
        copies[i] = (measure_question){
            .asked = keep_question(c, &q->question, o), .name = edit_copy_text(c, q->name),
            .id = edit_copy_text(c, q->id), .subject = edit_copy_text(c, q->subject),
            .answers = keep_texts(c, q->answers, q->answer_count), .answer_count = q->answer_count};
        if (q->subject && q->question.image)
            know_picture(c, q->question.image)->subject = copies[i].subject;
    }
    return copies;
}

measure_request edit_copy_request(edit_copies *c, const pb_edit_request *q, const pb_edit_options *o)
{
    measure_request r = {.target = edit_copy_text(c, q->target), .rephrasing_count = q->rephrasing_count};
    measure_question *others = keep(c, mem_new(q->rephrasing_count, sizeof *others));
    r.question = (measure_question){.asked = keep_question(c, &q->question, o), .name = edit_copy_text(c, q->name),
                                    .id = edit_copy_text(c, q->id), .subject = edit_copy_text(c, q->subject),
                                    .answers = keep_texts(c, q->answers, q->answer_count),
                                    .answer_count = q->answer_count};
    if (!r.question.subject && q->question.image)
        r.question.subject = know_picture(c, q->question.image)->subject;
    for (size_t i = 0; i < q->rephrasing_count; i++)
        others[i] = (measure_question){.asked = keep_question(c, &q->rephrasings[i], o), .subject = r.question.subject};
    r.rephrasings = others;
    return r;
}

void edit_copies_free(edit_copies *c)
{
    for (size_t i = 0; i < c->picture_count; i++)
        free(c->pictures[i].resolved);
    free(c->pictures);
    for (size_t i = 0; i < c->kept_count; i++)
        free(c->kept[i]);
    free(c->kept);
    *c = (edit_copies){0};
}
