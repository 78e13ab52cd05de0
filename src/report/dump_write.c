/* dump_write.c: see dump_report.h. */
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/npy.h"
#include "report/dump_report.h"
#include "report/json_values.h"
#include "report/report.h"
#include "report/run_json.h"

/* ---- dump.json ---- */

static void add_file_name(buffer *out, const dump_site *s)
{
    buffer_printf(out, "%s.npy", s->name);
}

static json_t *make_site(const dump_site *s)
{
    static const char *const parts[] = {[DUMP_DECODER] = "decoder", [DUMP_TOWER] = "tower",
                                        [DUMP_PROJECTOR] = "projector"};
    buffer file = {0};
    add_file_name(&file, s);
    json_t *object = json_pack("{s:o, s:s, s:s, s:o, s:[o, o, o], s:o}", "file", make_text(file.data), "hook", s->hook,
                               "of", parts[s->part],
                               "first_layer", s->part == DUMP_PROJECTOR ? json_null() : make_count(s->first),
                               "shape", make_count(s->layers), make_count(s->rows), make_count(s->width),
                               "not_finite", make_count(s->not_finite));
    buffer_free(&file);
    return object;
}

json_t *report_dump_json(const dump_report *r)
{
    const dump *d = r->dump;
    json_t *o = json_object(), *sites = json_object();
    json_object_set_new(o, "schema", json_string("patchbay.dump/1"));
    about_json(&r->about, o);
    for (size_t i = 0; i < d->site_count; i++)
        json_object_set_new(sites, d->sites[i].name, make_site(&d->sites[i]));
    json_object_set_new(o, "sites", sites);
    json_object_set_new(o, "layers", make_positions(d->layers, d->layer_count));
    json_object_set_new(o, "positions", make_positions(d->positions.positions, d->positions.count));
    json_object_set_new(o, "next", run_top_json(&r->about, d->top_id, d->top_prob, RUN_TOP));
    json_object_set_new(o, "cost", cost_json(&d->cost));
    return o;
}

/* ---- the files ---- */

static pb_status open_site(dump_files *f, size_t i, pb_error *err)
{
    const dump_site *s = &f->r->dump->sites[i];
    buffer name = {0}, header = {0};
    add_file_name(&name, s);
    char *path = path_join(f->set.stage, name.data);
    pb_status status = file_writer_open(&f->writers[i], path, err);
    if (!status) {
        npy_header(&header, "<f4", 3, (size_t[]){s->layers, s->rows, s->width});
        file_write(&f->writers[i], header.data, header.size);
    }
    free(path);
    buffer_free(&name);
    buffer_free(&header);
    return status;
}

pb_status dump_files_open(dump_files *f, const dump_report *r, const char *directory, pb_error *err)
{
    *f = (dump_files){.r = r};
    TRY(file_set_open(&f->set, directory, err));
    f->writers = mem_new(r->dump->site_count, sizeof *f->writers);
    pb_status status = PB_OK;
    for (size_t i = 0; i < r->dump->site_count && !status; i++)
        status = open_site(f, i, err);
    return status ? dump_files_close(f, status, err) : PB_OK;
}

pb_status dump_files_row(void *context, size_t index, const float *row, pb_error *err)
{
    dump_files *f = context;
    file_writer *w = &f->writers[index];
    TRY(interrupt_check(f->set.directory, err));
    file_write(w, row, f->r->dump->sites[index].width * sizeof *row);
    return w->error ? file_writer_commit(w, err) : PB_OK; /* a full disk: the run need not go on */
}

static pb_status write_json(const dump_files *f, pb_error *err)
{
    buffer text = {0};
    json_t *object = report_dump_json(f->r);
    report_json_text(object, &text);
    json_decref(object);
    pb_status status = file_set_text(&f->set, "dump.json", &text, err);
    buffer_free(&text);
    return status;
}

pb_status dump_files_close(dump_files *f, pb_status status, pb_error *err)
{
    for (size_t i = 0; i < f->r->dump->site_count; i++) {
        if (status)
            file_writer_abandon(&f->writers[i]);
        else
            status = file_writer_commit(&f->writers[i], err);
    }
    if (!status)
        status = write_json(f, err);
    free(f->writers);
    f->writers = NULL;
    return file_set_close(&f->set, status, err);
}
