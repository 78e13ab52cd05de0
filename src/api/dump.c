/* dump.c: the public functions of dumps (patchbay.h). */
#include <stdlib.h>

#include "api/parts.h"
#include "base/memory.h"
#include "report/dump_report.h"

struct pb_dump {
    model *model;
    question question;
    dump dump;
};

pb_dump_options pb_dump_defaults(void)
{
    return (pb_dump_options){0};
}

static dump_report report_of(const pb_dump *pd)
{
    return (dump_report){.dump = &pd->dump, .about = about_of(pd->model, &pd->question)};
}

/* The run, whose rows go into the files one by one. */
static pb_status write_rows(pb_dump *pd, const pb_run_options *run, const char *directory, pb_error *err)
{
    dump_files files;
    dump_report r = report_of(pd);
    dump_sink sink = {dump_files_row, &files};
    TRY(dump_files_open(&files, &r, directory, err));
    return dump_files_close(&files, dump_run(&pd->dump, &pd->question, &sink, run, err), err);
}

pb_status pb_dump_run(pb_dump **out, pb_model *pm, const pb_question *asked, const pb_dump_options *options,
                      const char *directory, pb_error *err)
{
    *out = NULL;
    api_set_threads(&options->run);
    pb_dump *pd = mem_new(1, sizeof *pd);
    pd->model = pm->m;
    pb_status status = question_open(&pd->question, pm->m, asked, err);
    if (!status)
        status = dump_choose(&pd->dump, &pd->question, options, err);
    if (!status)
        status = write_rows(pd, &options->run, directory, err);
    if (status) {
        pb_dump_free(pd);
        return status;
    }
    *out = pd;
    return PB_OK;
}

void pb_dump_free(pb_dump *pd)
{
    if (!pd)
        return;
    dump_free(&pd->dump);
    question_free(&pd->question);
    free(pd);
}

void pb_dump_json(const pb_dump *pd, char **json)
{
    dump_report r = report_of(pd);
    api_dump(report_dump_json(&r), json);
}

bool pb_dump_site(const pb_dump *pd, size_t i, const char **name, size_t shape[3], size_t *not_finite)
{
    const dump *d = &pd->dump;
    if (i >= d->site_count)
        return false;
    const dump_site *s = &d->sites[i];
    *name = s->name;
    shape[0] = s->layers;
    shape[1] = s->rows;
    shape[2] = s->width;
    *not_finite = s->not_finite;
    return true;
}
