/* span_pairs.c: see span_pairs.h. */
#include "method/span_pairs.h"

#include <stdlib.h>

#include "base/memory.h"

static pb_status add(span_pairs *p, const prompt *of, const pb_span_pair *asked, pb_error *err)
{
    span_pair *pair = &p->items[p->count++];
    *pair = (span_pair){.from = mem_text(asked->from), .to = mem_text(asked->to)};
    TRY(prompt_span(of, asked->from, &pair->sources, err));
    TRY(prompt_span(of, asked->to, &pair->destinations, err));
    size_t source = pair->sources.positions[0];
    size_t destination = pair->destinations.positions[pair->destinations.count - 1];
    if (source > destination)
        return fail(err, PB_EINVAL, "--from %s --to %s: nothing flows there: a row attends to itself and to rows before "
                    "it, and the first source is row %zu, the last destination row %zu", asked->from, asked->to, source,
                    destination);
    return PB_OK;
}

/* What the paper looks at. */
static pb_status add_defaults(span_pairs *p, const prompt *of, pb_error *err)
{
    p->items = mem_new(2, sizeof *p->items);
    if (of->constraint_count == 0)
        return fail(err, PB_EINVAL, "there is no constraint, between which and the picture and the last row flows are "
                    "looked at; name one (--constraint), or spans (--from, --to)");
    if (of->image_count)
        TRY(add(p, of, &(pb_span_pair){"image", "constraint"}, err));
    return add(p, of, &(pb_span_pair){"constraint", "last"}, err);
}

pb_status span_pairs_choose(span_pairs *p, const prompt *from, const pb_span_pair *asked, size_t count, pb_error *err)
{
    *p = (span_pairs){0};
    pb_status status = PB_OK;
    if (count == 0)
        status = add_defaults(p, from, err);
    else
        p->items = mem_new(count, sizeof *p->items);
    for (size_t i = 0; i < count && !status; i++)
        status = add(p, from, &asked[i], err);
    if (status)
        span_pairs_free(p);
    return status;
}

void span_pairs_free(span_pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].from);
        free(p->items[i].to);
        span_free(&p->items[i].sources);
        span_free(&p->items[i].destinations);
    }
    free(p->items);
    *p = (span_pairs){0};
}

size_t span_pairs_first_destination(const span_pairs *p)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < p->count; i++)
        first = p->items[i].destinations.positions[0] < first ? p->items[i].destinations.positions[0] : first;
    return first;
}
