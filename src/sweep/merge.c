/* merge.c: stores put together, and what is in one. See sweep.h. */
#include <string.h>

#include "sweep/job.h"

static pb_status count_one(void *context, const store_result *r, pb_error *err)
{
    pb_sweep_summary *s = context;
    (void)err;
    s->questions++;
    if (!r->status) {
        s->pending++;
        return PB_OK;
    }
    s->done++;
    if (strcmp(r->status, STORE_DONE) == 0)
        s->finished++;
    else if (strcmp(r->status, STORE_WRONG) == 0)
        s->wrong++;
    else if (strcmp(r->status, STORE_MARKED) == 0)
        s->marked++;
    else
        s->failed++;
    return PB_OK;
}

pb_status sweep_count_results(store *s, pb_sweep_summary *summary, pb_error *err)
{
    return store_each(s, 0, count_one, summary, err);
}

pb_status sweep_merge(const char *path, const char *const *stores, size_t count, pb_sweep_summary *summary,
                      pb_error *err)
{
    store *s;
    *summary = (pb_sweep_summary){0};
    TRY(store_merge_all(path, stores, count, &summary->added, err));
    TRY(store_open(&s, path, err));
    pb_status status = sweep_count_results(s, summary, err);
    store_close(s);
    return status;
}
