/* ask.c: a question of a sweep asked, which its unit has done already: what ask.json says of it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/describe.h"
#include "report/json_values.h"
#include "sweep/methods.h"

enum { USUAL_TOKENS = 16, USUAL_TOP = 5 };

static size_t max_tokens(const sweep_job *j)
{
    return j->options.max_tokens ? j->options.max_tokens : USUAL_TOKENS;
}

static size_t top_wanted(const sweep_job *j)
{
    return j->options.top ? j->options.top : USUAL_TOP;
}

void sweep_ask_options(const sweep_job *j, json_t *o)
{
    json_object_set_new(o, "max_tokens", make_count(max_tokens(j)));
    json_object_set_new(o, "top", make_count(top_wanted(j)));
}

double sweep_ask_work(const sweep_job *j, size_t length, size_t behind)
{
    (void)behind;
    return decoder_rows_flop(j, (double)(length + max_tokens(j)));
}

/* What was said, cut at max_tokens, and the most likely first tokens. */
static json_t *detail_of(const sweep_item *item, const answer *a)
{
    const tokenizer *t = item->q.model->tokenizer;
    buffer text = {0}, *top = mem_new(a->top_count, sizeof *top);
    buffer_text(&text, "");
    tokenizer_decode(t, a->ids, a->count, true, &text);
    for (size_t i = 0; i < a->top_count; i++) {
        buffer_text(&top[i], "");
        tokenizer_token_text(t, a->top[i], &top[i]);
    }
    ask_report r = {a, item->q.length, &text, top, item->q.order.name};
    json_t *o = report_ask_json(&r);
    for (size_t i = 0; i < a->top_count; i++)
        buffer_free(&top[i]);
    free(top);
    buffer_free(&text);
    return o;
}

static pb_status run_one(sweep_job *j, sweep_item *item, size_t memory, sweep_result *out, pb_error *err)
{
    const asking *said = &item->asking;
    size_t count = said->count < max_tokens(j) ? said->count : max_tokens(j);
    answer a = {.ids = mem_new(count, sizeof *a.ids), .count = count};
    (void)memory;
    (void)err;
    if (count)
        memcpy(a.ids, said->ids, count * sizeof *a.ids);
    answer_keep_top(&a, &said->next, item->q.model->decoder.config.vocab, top_wanted(j));
    out->r.clean_prob = a.top_prob[0];
    result_detail(out, detail_of(item, &a));
    answer_free(&a);
    return PB_OK;
}

size_t sweep_ask_question(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    (void)count;
    out->status = run_one(j, items[0], memory, &out->result, &out->why);
    return 1;
}
