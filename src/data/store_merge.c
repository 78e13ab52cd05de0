/* store_merge.c: stores of one work put together (store.h). */
#include <string.h>

#include "data/pack.h"
#include "data/store_parts.h"

/* ---- one into another ---- */

typedef struct merging {
    store *into;
    const char *from;
    size_t *added;
    buffer theirs, ours; /* packed results that both have */
} merging;

/* A result as bytes that are equal where the results are: without what it took. */
static void pack_without_cost(buffer *out, const store_result *r)
{
    store_result copy = *r;
    copy.seconds = copy.flop = 0;
    out->size = 0;
    result_pack(out, &copy);
}

static pb_status pack_ours(void *context, const store_result *r, pb_error *err)
{
    merging *m = context;
    (void)err;
    pack_without_cost(&m->ours, r);
    return PB_OK;
}

static pb_status compare(merging *m, const store_result *r, pb_error *err)
{
    bool found;
    TRY(store_show_number(m->into, r->question.number, STORE_EVERYTHING, &found, pack_ours, m, err));
    pack_without_cost(&m->theirs, r);
    if (found && m->ours.size == m->theirs.size && memcmp(m->ours.data, m->theirs.data, m->ours.size) == 0)
        return PB_OK;
    fail(err, PB_EINVAL, "%s: question %s has another result than in %s", m->from, r->question.id, m->into->path);
    return fail_hint(err, "were they made by different builds, or on different processors?");
}

static pb_status merge_one(void *context, const store_result *r, pb_error *err)
{
    merging *m = context;
    bool new;
    TRY(store_add_within(m->into, &r->question, err));
    if (!r->status)
        return PB_OK;
    TRY(store_put_within(m->into, r, &new, err));
    *m->added += new;
    return new ? PB_OK : compare(m, r, err);
}

static pb_status merge_all(store *into, store *source, const char *from, size_t *added, pb_error *err)
{
    merging m = {.into = into, .from = from, .added = added};
    TRY(store_same_work(&source->about, &into->about, from, err));
    pb_status status = store_run(into, SQL_BEGIN, err);
    if (!status)
        status = store_each(source, STORE_EVERYTHING, merge_one, &m, err);
    status = store_end(into, status, err);
    buffer_free(&m.theirs);
    buffer_free(&m.ours);
    return status;
}

pb_status store_merge(store *into, const char *from, size_t *added, pb_error *err)
{
    store *source;
    *added = 0;
    TRY(store_open(&source, from, err));
    pb_status status = merge_all(into, source, from, added, err);
    if (status)
        *added = 0;
    store_close(source);
    return status;
}

/* ---- several into one ---- */

/* All are of the same work: said before anything is written. */
static pb_status check_sources(store *first, const char *const *from, size_t count, pb_error *err)
{
    pb_status status = PB_OK;
    for (size_t i = 1; i < count && !status; i++) {
        store *s;
        TRY(store_open(&s, from[i], err));
        status = store_same_work(&s->about, &first->about, from[i], err);
        store_close(s);
    }
    return status;
}

pb_status store_merge_all(const char *path, const char *const *from, size_t count, size_t *added, pb_error *err)
{
    store *first, *out = NULL;
    *added = 0;
    if (count == 0)
        return fail(err, PB_EINVAL, "%s: no stores to merge into it", path);
    TRY(store_open(&first, from[0], err));
    pb_status status = check_sources(first, from, count, err);
    if (!status)
        status = store_open_for(&out, path, &first->about, err);
    store_close(first);
    for (size_t i = 0; i < count && !status; i++) {
        size_t more;
        status = store_merge(out, from[i], &more, err);
        *added += more;
    }
    store_close(out);
    return status;
}
