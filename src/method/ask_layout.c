/* ask_layout.c: what questions hold while they are asked, and how many of them memory holds: by numbers of rows alone, so that
 * ask.c, which asks, and ask_plan.c, which only counts, part them into the same batches. See ask_parts.h. */
#include "method/ask_parts.h"

speaker ask_speaker(const decoder *m, size_t kin, size_t end, size_t max_tokens)
{
    size_t room = m->config.max_positions - end + 1; /* for the tokens after the prompt */
    return (speaker){.kin = kin, .end = end, .most = max_tokens < room ? max_tokens : room};
}

bool ask_is_recorded(const speaker *s)
{
    return s->most > 1;
}

size_t ask_run_end(const speaker *s)
{
    return s->end + s->most - 1;
}

/* What a question takes: its own rows while they run, the keys and values of what its answer rests on. */
static size_t own_bytes(const decoder_config *c, const speaker *s)
{
    size_t end = ask_run_end(s), recorded = ask_is_recorded(s) ? recording_bytes(c, s->shared, end, end) : 0;
    return (s->end - s->shared) * c->d_model * sizeof(float) + recorded;
}

/* The same of the rows that its family shares, where nobody has run them yet. */
static size_t shared_bytes(const decoder_config *c, const speaker *s)
{
    bool runs = s->shared && !s->base;
    return runs ? s->shared * c->d_model * sizeof(float) + recording_bytes(c, 0, s->shared, s->shared) : 0;
}

size_t ask_bytes(const decoder_config *c, const speaker *s)
{
    return own_bytes(c, s) + shared_bytes(c, s);
}

size_t ask_family_length(const speaker *s, size_t n)
{
    size_t count = 1;
    while (count < n && s[count].kin == s[0].kin)
        count++;
    return count;
}

size_t ask_batch_length(const decoder_config *c, const speaker *s, size_t n, size_t bytes)
{
    size_t count = 0, used = 0;
    for (; count < n; count++) {
        bool new_family = count == 0 || s[count].kin != s[count - 1].kin;
        used += own_bytes(c, &s[count]) + (new_family ? shared_bytes(c, &s[count]) : 0);
        if (count && used > bytes)
            break;
    }
    return count;
}
