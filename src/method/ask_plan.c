/* ask_plan.c: see ask_plan.h. */
#include "method/ask_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { USUAL_TOKENS = 6 }; /* of an answer, about */

/* Questions that go through the layers together. */
typedef struct planned_batch {
    run_plan *plan;
    const decoder *m;
    replay_fork *forks; /* [2 count]: of what families share, and of each question */
    size_t fork_count;
    size_t *ends;       /* [count] prompts' rows */
    size_t count, bytes;
    size_t tokens, room; /* room: bytes for all of a batch */
} planned_batch;

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
static void find_shared(ask_planned *kin, size_t count)
{
    const prompt *a = kin[0].prompt;
    size_t rows = a->length - 1;
    for (size_t i = 1; i < count; i++) {
        const prompt *b = kin[i].prompt;
        size_t most = rows < b->length - 1 ? rows : b->length - 1;
        for (rows = 0; rows < most && a->ids[rows] == b->ids[rows];)
            rows++;
    }
    for (size_t i = 0; i < count; i++)
        kin[i].shared = rows;
}

/* ---- batches ---- */

/* Tokens that an answer to so long a prompt has room for. */
static size_t tokens_after(const planned_batch *b, size_t end)
{
    size_t room = b->m->config.max_positions - end + 1;
    return b->tokens < room ? b->tokens : room;
}

static void add_tokens(planned_batch *b)
{
    const float *input = b->plan->question->input;
    for (size_t said = 1; said < b->tokens; said++) {
        size_t count = 0;
        for (size_t i = 0; i < b->count; i++) {
            size_t at = b->ends[i] + said - 1;
            if (said < tokens_after(b, b->ends[i]))
                b->forks[count++] = (replay_fork){.first = at, .end = at + 1, .input = input, .read_first = at};
        }
        replay_plan_add(&b->plan->forks, b->m, b->forks, count, SIZE_MAX);
        b->plan->reads += count;
    }
}

static void end_batch(planned_batch *b)
{
    replay_plan_add(&b->plan->forks, b->m, b->forks, b->fork_count, SIZE_MAX);
    b->plan->reads += b->count;
    add_tokens(b);
    b->fork_count = b->count = b->bytes = 0;
}

static size_t bytes_of(const planned_batch *b, size_t first, size_t end)
{
    const decoder_config *c = &b->m->config;
    return (end - first) * c->d_model * sizeof(float) + (b->tokens > 1 ? recording_bytes(c, first, end, end) : 0);
}

static void add_question(planned_batch *b, size_t shared, size_t end)
{
    const float *input = b->plan->question->input;
    b->forks[b->fork_count++] = (replay_fork){.first = shared, .end = end, .input = input, .read_first = end - 1};
    b->ends[b->count++] = end;
    b->bytes += bytes_of(b, shared, end);
}

static void add_family(planned_batch *b, const ask_planned *kin, size_t count)
{
    size_t shared = count > 1 ? kin[0].shared : 0, bytes = bytes_of(b, 0, shared);
    for (size_t i = 0; i < count; i++)
        bytes += bytes_of(b, shared, kin[i].prompt->length);
    if (b->count && b->bytes + bytes > b->room)
        end_batch(b);
    if (shared)
        b->forks[b->fork_count++] = (replay_fork){.end = shared, .input = b->plan->question->input, .read_first = shared};
    b->bytes += bytes_of(b, 0, shared);
    for (size_t i = 0; i < count; i++)
        add_question(b, shared, kin[i].prompt->length);
}

void ask_plan_add(run_plan *plan, ask_planned *list, size_t n, size_t tokens, size_t memory)
{
    planned_batch b = {.plan = plan, .m = &plan->question->model->decoder, .forks = mem_new(2 * n, sizeof *b.forks),
                       .ends = mem_new(n, sizeof *b.ends), .tokens = tokens, .room = question_budget(memory) / 4 * 3};
    for (size_t i = 0, count; i < n; i += count) {
        count = 1;
        if (list[i].prompt->length == 0)
            continue;
        count = family_length(list + i, n - i);
        find_shared(list + i, count);
        add_family(&b, list + i, count);
    }
    if (b.count)
        end_batch(&b);
    free(b.forks);
    free(b.ends);
}
