/* sweep_csv_write.c: which tables there are of some stores, as files (sweep_csv.h). */
#include <string.h>

#include "report/sweep_csv.h"

/* Writes and empties. */
static pb_status put(const file_set *set, const char *name, buffer *table, pb_error *err)
{
    pb_status status = file_set_text(set, name, table, err);
    buffer_free(table);
    return status;
}

static bool any_groups(const sweep_summary *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (s[i].group_count)
            return true;
    return false;
}

static pb_status put_curves(const sweep_summary *s, size_t count, const char *name, const char *by_group,
                            void (*table)(const sweep_summary *, size_t, bool, buffer *), const file_set *set,
                            pb_error *err)
{
    buffer out = {0};
    table(s, count, false, &out);
    TRY(put(set, name, &out, err));
    if (!any_groups(s, count))
        return PB_OK;
    table(s, count, true, &out);
    return put(set, by_group, &out, err);
}

static pb_status put_traces(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    TRY(put_curves(s, count, "aie.csv", "aie_groups.csv", sweep_aie_csv, set, err));
    sweep_windows_csv(s, count, &out);
    return put(set, "windows.csv", &out, err);
}

static pb_status put_flows(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    size_t sources = 0;
    for (size_t i = 0; i < count; i++)
        sources += s[i].source_count;
    TRY(put_curves(s, count, "flow.csv", "flow_groups.csv", sweep_flow_csv, set, err));
    if (sources == 0)
        return PB_OK;
    sweep_sources_csv(s, count, &out);
    return put(set, "sources.csv", &out, err);
}

static pb_status put_knockouts(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    return put_curves(s, count, "knockout.csv", "knockout_groups.csv", sweep_flow_csv, set, err);
}

static pb_status put_edits(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    sweep_edit_csv(s, count, &out);
    return put(set, "edit.csv", &out, err);
}

static pb_status put_own(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    static const struct {
        const char *method;
        pb_status (*put)(const sweep_summary *, size_t, const file_set *, pb_error *);
    } own[] = {{"trace", put_traces}, {"flow", put_flows}, {"knockout", put_knockouts}, {"edit", put_edits}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(s->about->method, own[i].method) == 0)
            return own[i].put(s, count, set, err);
    return PB_OK;
}

pb_status sweep_tables_write(const sweep_summary *s, size_t count, const sweep_contrast *contrast, const file_set *set,
                             pb_error *err)
{
    buffer out = {0};
    sweep_questions_csv(s, count, &out);
    TRY(put(set, "questions.csv", &out, err));
    sweep_accuracy_csv(s, count, &out);
    TRY(put(set, "accuracy.csv", &out, err));
    sweep_answers_csv(s, count, &out);
    TRY(put(set, "answers.csv", &out, err));
    TRY(put_own(s, count, set, err));
    if (!contrast)
        return PB_OK;
    sweep_contrast_csv(contrast, &out);
    TRY(put(set, "contrast.csv", &out, err));
    sweep_depths_csv(contrast, &out);
    return put(set, "depth.csv", &out, err);
}
