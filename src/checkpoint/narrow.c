/* narrow.c: f32 as numbers of fewer bits, rounded to the nearest, ties to the even one (checkpoint.h). */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/widen.h"

/* The upper half of an f32, after adding half of what is cut off. */
EACH_LEVEL static uint32_t write_bf16(const float *in, size_t count, uint16_t *out)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &in[i], sizeof bits);
        uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
        bad |= not_finite(bits) | not_finite(rounded);
        out[i] = (uint16_t)(rounded >> 16);
    }
    return bad;
}

/* Normal numbers: the exponent moved by 127 - 15, 13 bits cut off after adding half of them. Below 2^-14, the smallest
 * normal f16, numbers are counted in steps of 2^-24, an f16's own: adding 0.5, whose last bit is 2^-24, rounds so. */
EACH_LEVEL static uint32_t write_f16(const float *in, size_t count, uint16_t *out)
{
    const uint32_t rebias = 112u << 23, smallest_normal = 113u << 23, infinity = 0x7c00;
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits, small_bits, half_bits;
        memcpy(&bits, &in[i], sizeof bits);
        uint32_t magnitude = bits & 0x7fffffff;
        const float half = 0.5f;
        float small;
        memcpy(&small, &magnitude, sizeof small);
        small = (magnitude < smallest_normal ? small : 0) + half;
        memcpy(&small_bits, &small, sizeof small_bits);
        memcpy(&half_bits, &half, sizeof half_bits);
        uint32_t normal = (magnitude - rebias + 0xfff + (magnitude >> 13 & 1)) >> 13;
        uint32_t made = magnitude < smallest_normal ? small_bits - half_bits : normal;
        bad |= not_finite(bits) | (made >= infinity);
        out[i] = (uint16_t)(made | (bits >> 16 & 0x8000));
    }
    return bad;
}

bool tensor_narrow(dtype type, const float *in, size_t count, void *out)
{
    switch (type) {
    case DTYPE_F32: memcpy(out, in, count * sizeof *in); return all_finite(in, count);
    case DTYPE_F16: return !write_f16(in, count, out);
    case DTYPE_BF16: return !write_bf16(in, count, out);
    default: return false;
    }
}

/* ---- bytes as they are ---- */

/* Where element `index`, in row-major order, stands in the data. */
static size_t place_of(const tensor_layout *l, size_t index)
{
    size_t at = 0;
    for (size_t d = l->rank; d-- > 0; index /= l->shape[d])
        at += index % l->shape[d] * l->stride[d];
    return at;
}

void tensor_copy(const tensor *t, size_t width, size_t first, size_t count, void *out)
{
    const unsigned char *data = t->data;
    unsigned char *to = out;
    if (!t->layout && !t->swapped) {
        memcpy(to, data + first * width, count * width);
        return;
    }
    for (size_t i = 0; i < count; i++, to += width) {
        const unsigned char *from = data + (t->layout ? place_of(t->layout, first + i) : first + i) * width;
        for (size_t b = 0; b < width; b++)
            to[b] = from[t->swapped ? width - 1 - b : b];
    }
}
