/* dtype.c: stored numbers widened to f32, exactly, whichever of them are wanted. */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/quant.h"
#include "checkpoint/widen.h"

EACH_LEVEL bool all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= not_finite(bits);
    }
    return !bad;
}

/* ---- single numbers: blocks of one ---- */

EACH_LEVEL static uint32_t read_f16(const unsigned char *in, size_t count, float *out)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = widen_f16(load16(in, i));
        memcpy(&out[i], &bits, sizeof bits);
        bad |= not_finite(bits);
    }
    return bad;
}

/* A bf16 is the upper half of an f32. */
EACH_LEVEL static uint32_t read_bf16(const unsigned char *in, size_t count, float *out)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = load16(in, i) << 16;
        memcpy(&out[i], &bits, sizeof bits);
        bad |= not_finite(bits);
    }
    return bad;
}

EACH_LEVEL static uint32_t read_f32(const unsigned char *in, size_t count, float *out)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, in + 4 * i, sizeof bits);
        memcpy(&out[i], &bits, sizeof bits);
        bad |= not_finite(bits);
    }
    return bad;
}

/* ---- the table ---- */

static const struct dtype_row {
    dtype_block block;
    block_reader *read;
} dtypes[DTYPE_OTHER] = {
    [DTYPE_F32] = {{"F32", 1, 4}, read_f32},        [DTYPE_F16] = {{"F16", 1, 2}, read_f16},
    [DTYPE_BF16] = {{"BF16", 1, 2}, read_bf16},     [DTYPE_Q8_0] = {{"Q8_0", 32, 34}, read_q8_0},
    [DTYPE_Q4_0] = {{"Q4_0", 32, 18}, read_q4_0},   [DTYPE_Q4_1] = {{"Q4_1", 32, 20}, read_q4_1},
    [DTYPE_Q5_0] = {{"Q5_0", 32, 22}, read_q5_0},   [DTYPE_Q5_1] = {{"Q5_1", 32, 24}, read_q5_1},
    [DTYPE_Q4_K] = {{"Q4_K", 256, 144}, read_q4_k}, [DTYPE_Q5_K] = {{"Q5_K", 256, 176}, read_q5_k},
    [DTYPE_Q6_K] = {{"Q6_K", 256, 210}, read_q6_k},
};

const dtype_block *dtype_find(dtype type)
{
    return type < DTYPE_OTHER ? &dtypes[type].block : NULL;
}

/* ---- any elements of a tensor ---- */

/* Elements first .. first+count-1 of one block. */
static uint32_t read_inside(const struct dtype_row *d, const unsigned char *block, size_t first, size_t count,
                            float *out)
{
    float whole[LARGEST_BLOCK];
    d->read(block, 1, whole);
    memcpy(out, whole + first, count * sizeof *out);
    return !all_finite(out, count);
}

/* Plain numbers stored with the highest byte first: turned piece by piece, then read like the others. */
static uint32_t read_swapped(const struct dtype_row *d, const unsigned char *in, size_t count, float *out)
{
    enum { PIECE = 256 };
    unsigned char turned[4 * PIECE];
    size_t width = d->block.bytes;
    uint32_t bad = 0;
    for (size_t first = 0; first < count; first += PIECE) {
        size_t n = count - first < PIECE ? count - first : PIECE;
        for (size_t i = 0; i < width * n; i++)
            turned[i] = in[width * first + (i ^ (width - 1))];
        bad |= d->read(turned, n, out + first);
    }
    return bad;
}

/* Elements that stand one after the other, from element `first` of the data on: the end of a block, whole blocks, the
 * beginning of one. */
static bool read_run(const tensor *t, size_t first, size_t count, float *out)
{
    if (t->type == DTYPE_OTHER) { /* checkpoint_get lets no such tensor through */
        memset(out, 0, count * sizeof *out);
        return false;
    }
    const struct dtype_row *d = &dtypes[t->type];
    size_t elements = d->block.elements, bytes = d->block.bytes, inside = first % elements;
    const unsigned char *block = (const unsigned char *)t->data + first / elements * bytes;
    uint32_t bad = 0;
    if (t->swapped)
        return !read_swapped(d, block, count, out);
    if (inside) {
        size_t n = elements - inside < count ? elements - inside : count;
        bad |= read_inside(d, block, inside, n, out);
        block += bytes;
        out += n;
        count -= n;
    }
    size_t blocks = count / elements, rest = count % elements;
    bad |= d->read(block, blocks, out);
    if (rest)
        bad |= read_inside(d, block + blocks * bytes, 0, rest, out + blocks * elements);
    return !bad;
}

/* The trailing dimensions of a layout that stand one after the other, as one run: its length, and how many dimensions
 * lead up to it. */
static size_t run_length(const tensor_layout *l, size_t *leading)
{
    size_t run = 1, d = l->rank;
    while (d > 0 && (l->shape[d - 1] == 1 || l->stride[d - 1] == run))
        run *= l->shape[--d];
    *leading = d;
    return run;
}

/* Where the run with the given number among all runs begins. */
static size_t run_begin(const tensor_layout *l, size_t leading, size_t number)
{
    size_t at = 0;
    for (size_t d = leading; d-- > 0; number /= l->shape[d])
        at += number % l->shape[d] * l->stride[d];
    return at;
}

bool tensor_read(const tensor *t, size_t first, size_t count, float *out)
{
    if (!t->layout)
        return read_run(t, first, count, out);
    size_t leading, run = run_length(t->layout, &leading);
    bool finite = true;
    while (count > 0) {
        size_t inside = first % run, n = run - inside < count ? run - inside : count;
        finite = read_run(t, run_begin(t->layout, leading, first / run) + inside, n, out) && finite;
        first += n;
        out += n;
        count -= n;
    }
    return finite;
}

/* ---- rows ---- */

block_reader *dtype_reader(dtype type)
{
    return type < DTYPE_OTHER ? dtypes[type].read : NULL;
}

bool tensor_has_rows(const tensor *t)
{
    size_t leading;
    return t->rank == 2 && t->type < DTYPE_OTHER && !t->swapped && t->shape[1] % dtypes[t->type].block.elements == 0 &&
           (!t->layout || run_length(t->layout, &leading) % t->shape[1] == 0);
}

const unsigned char *tensor_row(const tensor *t, size_t n)
{
    const dtype_block *block = &dtypes[t->type].block;
    size_t first = n * t->shape[1], leading;
    if (t->layout) {
        size_t run = run_length(t->layout, &leading);
        first = run_begin(t->layout, leading, first / run) + first % run;
    }
    return (const unsigned char *)t->data + first / block->elements * block->bytes;
}
