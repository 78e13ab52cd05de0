/* fuzz_edit.c: any bytes as edit.npz. Reading must succeed or say why; what it then hands out is finite and all there.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "model/edit_factors.h"

static void require(bool kept)
{
    if (!kept)
        abort();
}

static void require_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        require(isfinite(x[i]));
}

static void check(const edit_factors *f)
{
    require_finite(f->key, f->count * f->d_ff);
    require_finite(f->v0, f->count * f->d_model);
    require_finite(f->v, f->count * f->d_model);
    require_finite(f->u, f->count * f->d_model);
    for (size_t i = 0; i < f->count; i++)
        require(f->layer[i] >= 0 && f->request[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/patchbay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    pb_error err = {0};
    edit_factors f;
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    if (edit_factors_read(&f, path, &err) == PB_OK)
        check(&f);
    else
        require(strstr(err.message, path) != NULL && f.key == NULL);
    edit_factors_free(&f);
    unlink(path);
    return 0;
}
