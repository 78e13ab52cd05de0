/* edit_npz.c: see edit_npz.h. */
#include "report/edit_npz.h"

#include "report/npz.h"

pb_status report_edit_npz(const edit_factors *f, const char *path, pb_error *err)
{
    npz z;
    const size_t n = f->count, keys[2] = {n, f->d_ff}, values[2] = {n, f->d_model};
    const unsigned char together = f->together;
    TRY(npz_open(&z, path, err));
    npz_add_f32(&z, "key", f->key, 2, keys);
    npz_add_f32(&z, "v0", f->v0, 2, values);
    npz_add_f32(&z, "v", f->v, 2, values);
    npz_add_f32(&z, "u", f->u, 2, values);
    npz_add_i64(&z, "layer", f->layer, 1, &n);
    npz_add_i64(&z, "request", f->request, 1, &n);
    npz_add_u8(&z, "together", &together, 0, NULL);
    return npz_commit(&z, err);
}
