/* sweep_summary.c: see sweep_summary.h. The store is read once; then each part is made of what was read. */
#include "report/sweep_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "report/sweep_parts.h"
#include "report/sweep_series.h"

/* ---- reading ---- */

typedef struct reading {
    sweep_summary *summary;
    size_t first_done;     /* question, SWEEP_NONE: none */
} reading;

static pb_status see(void *context, const store_result *result, pb_error *err)
{
    reading *r = context;
    if (r->first_done == SWEEP_NONE && result->status && strcmp(result->status, STORE_DONE) == 0)
        r->first_done = r->summary->questions;
    sweep_list_add(r->summary, result);
    return sweep_rows_add(r->summary->rows, result, err);
}

static pb_status see_detail(void *context, const store_result *result, pb_error *err)
{
    json_error_t wrong;
    if (!result->detail)
        return PB_OK;
    *(json_t **)context = json_loads(result->detail, JSON_ALLOW_NUL, &wrong);
    return *(json_t **)context ? PB_OK : fail(err, PB_EFORMAT, "question %s: its detail is no JSON: %s",
                                              result->question.id, wrong.text);
}

static size_t number_in(const json_t *object, const char *key, size_t otherwise)
{
    const json_t *number = json_object_get(object, key);
    return json_is_number(number) && json_number_value(number) >= 0 ? (size_t)json_number_value(number) : otherwise;
}

static void open_summary(sweep_summary *s, store *from, const char *path, const sweep_groups *groups)
{
    *s = (sweep_summary){.path = mem_text(path), .label = mem_text(path_base(path)), .about = store_of(from)};
    s->model_layers = number_in(s->about->model, "layers", 0);
    s->rows = mem_new(1, sizeof *s->rows);
    s->rows->by = groups->by ? groups->by : "kind";
    s->rows->seed = store_seed(s->about);
    s->rows->path = s->path;
}

static pb_status read_store(sweep_summary *s, store *from, json_t **detail, pb_error *err)
{
    reading r = {s, SWEEP_NONE};
    unsigned what = STORE_VALUES | STORE_CURVES | STORE_ROWS;
    if (strcmp(s->about->method, "flow") == 0)
        what |= STORE_GRIDS;
    TRY(store_each(from, what, see, &r, err));
    if (r.first_done == SWEEP_NONE && s->wrong == 0)
        return fail(err, PB_EINVAL,
                    "%s has no results: of its %zu questions %zu are marked, %zu failed and %zu are not done yet",
                    s->path, s->questions, s->marked, s->failed, s->pending);
    return r.first_done == SWEEP_NONE
               ? PB_OK
               : store_find(from, s->list[r.first_done].id, STORE_DETAILS, see_detail, detail, err);
}

/* ---- all parts ---- */

static void copy_groups(sweep_summary *s)
{
    s->group_count = s->rows->group_count;
    s->groups = mem_new(s->group_count, sizeof *s->groups);
    for (size_t g = 0; g < s->group_count; g++)
        s->groups[g] = mem_text(s->rows->group_names[g]);
    s->grouped_by = s->group_count ? s->rows->by : NULL;
}

static pb_status make_parts(sweep_summary *s, const json_t *detail, pb_error *err)
{
    bootstrap *b = bootstrap_new(s->rows->seed, s->rows->subjects);
    pb_status status = sweep_series_make(s, detail, b, err);
    if (!status) {
        sweep_list_finish(s);
        sweep_answers_make(s, b);
        sweep_edits_make(s, b);
        sweep_sources_make(s);
        bootstrap_run(b);
    }
    bootstrap_free(b);
    return status;
}

pb_status sweep_summarise(sweep_summary *out, store *from, const char *path, const sweep_groups *groups, pb_error *err)
{
    json_t *detail = NULL;
    open_summary(out, from, path, groups);
    pb_status status = read_store(out, from, &detail, err);
    if (!status)
        status = sweep_rows_finish(out->rows, groups->by != NULL, err);
    if (!status) {
        copy_groups(out);
        status = make_parts(out, detail, err);
    }
    json_decref(detail);
    if (status)
        sweep_summary_free(out);
    return status;
}

void sweep_summary_free(sweep_summary *s)
{
    if (!s || !s->rows)
        return;
    sweep_list_free(s);
    sweep_answers_free(s);
    sweep_sources_free(s);
    sweep_edits_free(s);
    for (size_t i = 0; i < s->series_count; i++)
        sweep_series_free(&s->series[i]);
    for (size_t i = 0; i < s->group_count; i++)
        free(s->groups[i]);
    free(s->series);
    free(s->groups);
    free(s->path);
    free(s->label);
    sweep_rows_free(s->rows);
    free(s->rows);
    *s = (sweep_summary){0};
}
