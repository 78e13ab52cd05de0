/* sweep_list.c: the questions of a store, one by one, and how the work on them ended. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_parts.h"

static size_t value_named(sweep_summary *s, const char *name)
{
    for (size_t i = 0; i < s->value_name_count; i++)
        if (strcmp(s->value_names[i], name) == 0)
            return i;
    s->value_names = mem_resize(s->value_names, s->value_name_count + 1, sizeof *s->value_names);
    s->value_names[s->value_name_count] = mem_text(name);
    return s->value_name_count++;
}

static void add_values(sweep_summary *s, sweep_question *q, const store_result *result)
{
    q->values = mem_new(result->value_count, sizeof *q->values);
    for (size_t i = 0; i < result->value_count; i++)
        q->values[q->value_count++] = (sweep_value){value_named(s, result->values[i].name), result->values[i].value};
}

static void count_status(sweep_summary *s, const store_result *result)
{
    const struct {
        const char *status;
        size_t *count;
    } counts[] = {{STORE_DONE, &s->done},
                  {STORE_WRONG, &s->wrong},
                  {STORE_MARKED, &s->marked},
                  {STORE_FAILED, &s->failed}};
    if (!result->status)
        s->pending++;
    for (size_t i = 0; result->status && i < sizeof counts / sizeof *counts; i++)
        if (strcmp(result->status, counts[i].status) == 0)
            ++*counts[i].count;
    for (size_t i = 0; i < result->value_count; i++) {
        s->weak += strcmp(result->values[i].name, "weak") == 0 && result->values[i].value == 1;
        s->primed += strcmp(result->values[i].name, "primed") == 0 && result->values[i].value == 1;
    }
}

void sweep_list_add(sweep_summary *s, const store_result *result)
{
    s->list = mem_resize(s->list, s->questions + 1, sizeof *s->list);
    sweep_question *q = &s->list[s->questions++];
    *q = (sweep_question){.id = mem_text(result->question.id),
                          .status = mem_text(result->status ? result->status : "pending"),
                          .correct = -1, .clean_prob = NAN, .corrupted_prob = NAN};
    if (result->status) {
        q->reason = mem_text(result->reason);
        q->answer = mem_text(result->answer);
        q->correct = result->correct;
        q->clean_prob = result->clean_prob;
        q->corrupted_prob = result->corrupted_prob;
        add_values(s, q, result);
    }
    count_status(s, result);
}

/* ---- when all are there ---- */

static void count_reason(sweep_summary *s, const sweep_question *q)
{
    static const char *const statuses[] = {STORE_WRONG, STORE_MARKED, STORE_FAILED};
    const char *status = NULL, *text = q->reason ? q->reason : "";
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(q->status, statuses[i]) == 0)
            status = statuses[i];
    if (!status)
        return;
    for (size_t i = 0; i < s->reason_count; i++)
        if (strcmp(s->reasons[i].status, status) == 0 && strcmp(s->reasons[i].text, text) == 0) {
            s->reasons[i].count++;
            return;
        }
    s->reasons = mem_resize(s->reasons, s->reason_count + 1, sizeof *s->reasons);
    s->reasons[s->reason_count++] = (sweep_reason){status, mem_text(text), 1};
}

/* The most frequent first; others stay in the order in which they came. */
static void sort_reasons(sweep_summary *s)
{
    for (size_t i = 1; i < s->reason_count; i++) {
        sweep_reason moved = s->reasons[i];
        size_t at = i;
        for (; at > 0 && s->reasons[at - 1].count < moved.count; at--)
            s->reasons[at] = s->reasons[at - 1];
        s->reasons[at] = moved;
    }
}

static void count_subjects(sweep_summary *s)
{
    bool *seen = mem_new(s->rows->subjects, sizeof *seen);
    for (size_t i = 0; i < s->rows->count; i++) {
        const sweep_row *row = &s->rows->items[i];
        s->subjects += row->done && !seen[row->subject];
        seen[row->subject] |= row->done;
    }
    free(seen);
}

void sweep_list_finish(sweep_summary *s)
{
    for (size_t i = 0; i < s->questions; i++)
        count_reason(s, &s->list[i]);
    sort_reasons(s);
    count_subjects(s);
}

void sweep_list_free(sweep_summary *s)
{
    for (size_t i = 0; i < s->questions; i++) {
        free(s->list[i].id);
        free(s->list[i].status);
        free(s->list[i].reason);
        free(s->list[i].answer);
        free(s->list[i].values);
    }
    for (size_t i = 0; i < s->value_name_count; i++)
        free(s->value_names[i]);
    for (size_t i = 0; i < s->reason_count; i++)
        free(s->reasons[i].text);
    free(s->list);
    free(s->value_names);
    free(s->reasons);
}
