/* edit_npz.c: the factors of edits, for NumPy and for --edit (docs/formats.md). */
#include <stdlib.h>

#include "base/file.h"
#include "report/edit_report.h"
#include "report/npz.h"

pb_status report_edit_npz(const edit_report *r, const char *directory, pb_error *err)
{
    const edit_factors *f = r->factors;
    const uint8_t together = f->together;
    npz z;
    char *path = path_join(directory, "edit.npz");
    pb_status status = npz_open(&z, path, err);
    free(path);
    TRY(status);
    npz_add_f32(&z, "key", f->key, 2, (size_t[]){f->count, f->d_ff});
    npz_add_f32(&z, "v0", f->v0, 2, (size_t[]){f->count, f->d_model});
    npz_add_f32(&z, "v", f->v, 2, (size_t[]){f->count, f->d_model});
    npz_add_f32(&z, "u", f->u, 2, (size_t[]){f->count, f->d_model});
    npz_add_i64(&z, "layer", f->layer, 1, &f->count);
    npz_add_i64(&z, "request", f->request, 1, &f->count);
    npz_add_u8(&z, "together", &together, 0, NULL);
    return npz_commit(&z, err);
}
