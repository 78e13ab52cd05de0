/* dtype.c: stored numbers widened to f32, exactly.
 *
 * Each loop has no branches and no call, so the compiler turns it into vector code; it is compiled once per x86 level
 * and the machine's best is taken when the program starts. The data may stand at any address. */
#include <string.h>

#include "checkpoint/checkpoint.h"

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define EACH_LEVEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else /* sanitizers come too late for the resolvers that run while the program is being loaded */
#define EACH_LEVEL
#endif

static const uint32_t EXPONENT = 0x7f800000; /* of an f32: all ones mean infinity or NaN */

static inline uint32_t not_finite(uint32_t bits)
{
    return (bits & EXPONENT) == EXPONENT;
}

static inline uint32_t load16(const unsigned char *in, size_t i)
{
    uint16_t half;
    memcpy(&half, in + 2 * i, sizeof half);
    return half;
}

/* An f16 has 1 sign, 5 exponent (bias 15) and 10 mantissa bits; an f32 1, 8 (bias 127) and 23. Normal numbers get their
 * exponent moved by 127 - 15; infinities and NaN once more, which makes it all ones; subnormals are mantissa * 2^-24,
 * which is a normal f32. */
static inline uint32_t widen_f16(uint32_t half)
{
    const uint32_t rebias = 112u << 23, top = 31u << 23;
    uint32_t magnitude = (half & 0x7fff) << 13, exponent = magnitude & top;
    float tiny = (float)(int32_t)(half & 0x3ff) * 0x1p-24f;
    uint32_t subnormal;
    memcpy(&subnormal, &tiny, sizeof subnormal);
    uint32_t normal = magnitude + rebias + (exponent == top ? rebias : 0);
    return (exponent == 0 ? subnormal : normal) | (half & 0x8000) << 16;
}

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

static bool read_stored(dtype type, const unsigned char *data, size_t count, float *out)
{
    switch (type) {
    case DTYPE_F32: return !read_f32(data, count, out);
    case DTYPE_F16: return !read_f16(data, count, out);
    case DTYPE_BF16: return !read_bf16(data, count, out);
    case DTYPE_OTHER: break;
    }
    memset(out, 0, count * sizeof *out); /* checkpoint_get lets no such tensor through */
    return false;
}

/* Numbers of two or four bytes, the highest first: turned piece by piece, then read like the others. */
static bool read_swapped(dtype type, size_t width, const unsigned char *data, size_t count, float *out)
{
    enum { PIECE = 256 };
    unsigned char turned[4 * PIECE];
    bool finite = true;
    for (size_t first = 0; first < count; first += PIECE) {
        size_t n = count - first < PIECE ? count - first : PIECE;
        for (size_t i = 0; i < width * n; i++)
            turned[i] = data[width * first + (i ^ (width - 1))];
        finite = read_stored(type, turned, n, out + first) && finite;
    }
    return finite;
}

/* Elements that stand one after the other, from element `first` of the data on. */
static bool read_run(const tensor *t, size_t first, size_t count, float *out)
{
    size_t width = t->type == DTYPE_F32 ? 4 : t->type == DTYPE_OTHER ? 0 : 2;
    const unsigned char *data = (const unsigned char *)t->data + width * first;
    if (t->swapped && width)
        return read_swapped(t->type, width, data, count, out);
    return read_stored(t->type, data, count, out);
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
