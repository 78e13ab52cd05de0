/* ask_plan.c: see ask_plan.h. Families are found by prompts' tokens and pictures' names, as no question is open; from there on
 * speakers lie in batches as those that are asked do (ask_layout.c), and leave forks' shapes. */
#include "method/ask_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/ask_parts.h"

enum { USUAL_TOKENS = 6 }; /* of an answer, about */

typedef struct ask_planning {
    run_plan *plan;
    const decoder *m;
    speaker *speakers;  /* [count] family by family */
    size_t count;
    replay_fork *forks; /* [2 count]: of what families share, and of each question */
} ask_planning;

size_t ask_plan_tokens(size_t max_tokens)
{
    return max_tokens < USUAL_TOKENS ? max_tokens : USUAL_TOKENS;
}

/* ---- families ---- */

static bool of_one_family(const ask_planned *a, const ask_planned *b)
{
    bool same_image = a->image == b->image || (a->image && b->image && strcmp(a->image, b->image) == 0);
    return a->change == b->change && same_image && prompt_picture_end(a->prompt) == prompt_picture_end(b->prompt);
}

static size_t family_length(const ask_planned *list, size_t n)
{
    size_t count = 1;
    while (count < n && list[count].prompt->length && of_one_family(&list[0], &list[count]))
        count++;
    return count;
}

/* What all of one family begin with: never the last row, which is read. */
static size_t common_rows(const ask_planned *kin, size_t count)
{
    const prompt *a = kin[0].prompt;
    size_t rows = a->length - 1;
    for (size_t i = 1; i < count; i++) {
        const prompt *b = kin[i].prompt;
        size_t most = rows < b->length - 1 ? rows : b->length - 1;
        for (rows = 0; rows < most && a->ids[rows] == b->ids[rows];)
            rows++;
    }
    return rows;
}

static void add_family(ask_planning *p, ask_planned *kin, size_t count, size_t number, size_t tokens)
{
    size_t rows = common_rows(kin, count);
    for (size_t i = 0; i < count; i++) {
        speaker *s = &p->speakers[p->count++];
        *s = ask_speaker(p->m, number, kin[i].prompt->length, tokens);
        s->common = kin[i].shared = rows;
        s->shared = count > 1 ? rows : 0;
    }
}

/* ---- batches ---- */

/* Prompts of speakers s[n]: of one family, a fork of what they share, and one of each. */
static void add_prompts(ask_planning *p, const speaker *s, size_t n)
{
    const float *input = p->plan->question->input;
    size_t forks = 0;
    for (size_t i = 0, count; i < n; i += count) {
        count = ask_family_length(s + i, n - i);
        size_t shared = count > 1 ? s[i].shared : 0;
        if (shared)
            p->forks[forks++] = (replay_fork){.end = shared, .input = input, .read_first = shared};
        for (size_t k = i; k < i + count; k++)
            p->forks[forks++] = (replay_fork){.first = shared, .end = s[k].end, .input = input, .read_first = s[k].end - 1};
    }
    replay_plan_add(&p->plan->forks, p->m, p->forks, forks, SIZE_MAX);
    p->plan->reads += n;
}

/* Their answers, a token at a time of all that go on. */
static void add_answers(ask_planning *p, const speaker *s, size_t n)
{
    const float *input = p->plan->question->input;
    for (size_t said = 1, forks = n; forks; said++) {
        forks = 0;
        for (size_t i = 0; i < n; i++) {
            size_t at = s[i].end + said - 1;
            if (said < s[i].most)
                p->forks[forks++] = (replay_fork){.first = at, .end = at + 1, .input = input, .read_first = at};
        }
        replay_plan_add(&p->plan->forks, p->m, p->forks, forks, SIZE_MAX);
        p->plan->reads += forks;
    }
}

void ask_plan_add(run_plan *plan, ask_planned *list, size_t n, size_t tokens, size_t memory)
{
    ask_planning p = {.plan = plan, .m = &plan->question->model->decoder, .speakers = mem_new(n, sizeof *p.speakers),
                      .forks = mem_new(2 * n, sizeof *p.forks)};
    size_t room = question_budget(memory) / 4 * 3; /* beside what the caller holds and what does not grow with the questions */
    for (size_t i = 0, count; i < n; i += count) {
        count = list[i].prompt->length ? family_length(list + i, n - i) : 1;
        if (list[i].prompt->length)
            add_family(&p, list + i, count, i, tokens);
    }
    for (size_t i = 0, count; i < p.count; i += count) {
        count = ask_batch_length(&p.m->config, p.speakers + i, p.count - i, room);
        add_prompts(&p, p.speakers + i, count);
        add_answers(&p, p.speakers + i, count);
    }
    free(p.speakers);
    free(p.forks);
}
