/* sweep.c: the public functions of sweeps (patchbay.h). */
#include "sweep/sweep.h"

#include "api/parts.h"

pb_sweep_options pb_sweep_defaults(void)
{
    return (pb_sweep_options){.edit = pb_edit_defaults()};
}

pb_status pb_sweep_run(pb_model *pm, const char *dataset, const pb_sweep_options *options, pb_sweep_summary *summary,
                       pb_error *err)
{
    sweep_job *j;
    *summary = (pb_sweep_summary){0};
    api_set_threads(&options->run);
    TRY(sweep_job_open(&j, pm->m, dataset, options, err));
    pb_status status = sweep_run(j, options->store ? options->store : "results.db", summary, err);
    sweep_job_free(j);
    return status;
}

pb_status pb_sweep_merge(const char *path, const char *const *stores, size_t count, pb_sweep_summary *summary,
                         pb_error *err)
{
    return sweep_merge(path, stores, count, summary, err);
}
