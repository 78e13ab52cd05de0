/* quant.c: see quant.h. The layouts are ggml's (ggml-common.h), the arithmetic the gguf package's (gguf/quants.py): one
 * product, then one sum, each rounded to f32; this folder is compiled without fused multiply-adds.
 *
 * d and m are f16; q is unsigned. In the 32-element blocks byte j holds element j in its low and j + 16 in its high
 * half, and bit j of h is the fifth bit of element j.
 *
 *     Q8_0  d, int8 q[32]              d q
 *     Q4_0  d, q[16]                   d (q - 8)
 *     Q4_1  d, m, q[16]                d q + m
 *     Q5_0  d, h[4], q[16]             d (q - 16)
 *     Q5_1  d, m, h[4], q[16]          d q + m
 *     Q4_K  d, m, s[12], q[128]        (d scale[j]) q - (m least[j])      8 groups j of 32, their 6-bit numbers in s
 *     Q5_K  d, m, s[12], h[32], q[128] the same
 *     Q6_K  q[128], h[64], int8 s[16], d   (d s[j]) (q - 32)              16 groups j of 16
 *
 * All elements of a block are finite where its d and m are, and none where they are not (0 times infinity is NaN): so
 * these alone are looked at. */
#include "checkpoint/quant.h"

#include "checkpoint/widen.h"

enum { SMALL = 32, LARGE = 256 }; /* elements of a block */

static inline float f16_at(const unsigned char *in)
{
    uint32_t bits = widen_f16(load16(in, 0));
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Other than 0 where the f16 there is infinite or NaN. */
static inline uint32_t bad_f16(const unsigned char *in)
{
    return (load16(in, 0) & 0x7c00) == 0x7c00;
}

static inline uint32_t load32(const unsigned char *in)
{
    uint32_t value;
    memcpy(&value, in, sizeof value);
    return value;
}

/* ---- blocks of 32 ---- */

/* Sixteen elements at a time: such a loop is a vector or two, if it is not unrolled before. */
#define SIXTEEN(j) _Pragma("GCC unroll 1") for (uint32_t j = 0; j < 16; j++)

EACH_LEVEL uint32_t read_q8_0(const unsigned char *in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 34, out += SMALL) {
        float d = f16_at(in);
        bad |= bad_f16(in);
        for (size_t j = 0; j < SMALL; j++)
            out[j] = (float)(int8_t)in[2 + j] * d;
    }
    return bad;
}

EACH_LEVEL uint32_t read_q4_0(const unsigned char *restrict in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 18, out += SMALL) {
        float d = f16_at(in);
        bad |= bad_f16(in);
        SIXTEEN(j)
            out[j] = d * (float)((in[2 + j] & 15) - 8);
        SIXTEEN(j)
            out[j + 16] = d * (float)((in[2 + j] >> 4) - 8);
    }
    return bad;
}

EACH_LEVEL uint32_t read_q4_1(const unsigned char *restrict in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 20, out += SMALL) {
        float d = f16_at(in), m = f16_at(in + 2);
        bad |= bad_f16(in) | bad_f16(in + 2);
        SIXTEEN(j)
            out[j] = d * (float)(in[4 + j] & 15) + m;
        SIXTEEN(j)
            out[j + 16] = d * (float)(in[4 + j] >> 4) + m;
    }
    return bad;
}

EACH_LEVEL uint32_t read_q5_0(const unsigned char *restrict in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 22, out += SMALL) {
        float d = f16_at(in);
        uint32_t high = load32(in + 2);
        bad |= bad_f16(in);
        SIXTEEN(j)
            out[j] = d * (float)(((in[6 + j] & 15) | (int)(high >> j & 1) << 4) - 16);
        SIXTEEN(j)
            out[j + 16] = d * (float)(((in[6 + j] >> 4) | (int)(high >> (j + 16) & 1) << 4) - 16);
    }
    return bad;
}

EACH_LEVEL uint32_t read_q5_1(const unsigned char *restrict in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 24, out += SMALL) {
        float d = f16_at(in), m = f16_at(in + 2);
        uint32_t high = load32(in + 4);
        bad |= bad_f16(in) | bad_f16(in + 2);
        SIXTEEN(j)
            out[j] = d * (float)((in[8 + j] & 15) | (int)(high >> j & 1) << 4) + m;
        SIXTEEN(j)
            out[j + 16] = d * (float)((in[8 + j] >> 4) | (int)(high >> (j + 16) & 1) << 4) + m;
    }
    return bad;
}

/* ---- blocks of 256 ---- */

/* The scale and the least value of each of 8 groups, 6 bits each in s[12]: those of groups 0 to 3 in the low bits of
 * s[0..3] and s[4..7]; of groups 4 to 7 the low halves in s[8..11], the upper two bits on top of the former. */
static inline void unpack_scales(const unsigned char s[12], float d, float m, float scale[8], float least[8])
{
    for (size_t j = 0; j < 4; j++) {
        scale[j] = d * (float)(s[j] & 63);
        least[j] = m * (float)(s[4 + j] & 63);
        scale[4 + j] = d * (float)((s[8 + j] & 15) | (s[j] >> 6) << 4);
        least[4 + j] = m * (float)(s[8 + j] >> 4 | (s[4 + j] >> 6) << 4);
    }
}

/* Groups 2g and 2g + 1 stand in the low and the high halves of the same 32 bytes. */
EACH_LEVEL uint32_t read_q4_k(const unsigned char *in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 144, out += LARGE) {
        float scale[8], least[8];
        bad |= bad_f16(in) | bad_f16(in + 2);
        unpack_scales(in + 4, f16_at(in), f16_at(in + 2), scale, least);
        for (size_t g = 0; g < 4; g++) {
            const unsigned char *q = in + 16 + 32 * g;
            for (size_t j = 0; j < 32; j++)
                out[64 * g + j] = scale[2 * g] * (float)(q[j] & 15) - least[2 * g];
            for (size_t j = 0; j < 32; j++)
                out[64 * g + 32 + j] = scale[2 * g + 1] * (float)(q[j] >> 4) - least[2 * g + 1];
        }
    }
    return bad;
}

/* Bit i of h[j] is the fifth bit of element j of group i. */
EACH_LEVEL uint32_t read_q5_k(const unsigned char *in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 176, out += LARGE) {
        float scale[8], least[8];
        bad |= bad_f16(in) | bad_f16(in + 2);
        unpack_scales(in + 4, f16_at(in), f16_at(in + 2), scale, least);
        const unsigned char *h = in + 16;
        for (size_t g = 0; g < 4; g++) {
            const unsigned char *q = in + 48 + 32 * g;
            for (size_t j = 0; j < 32; j++) {
                int low = (q[j] & 15) | (h[j] >> (2 * g) & 1) << 4;
                out[64 * g + j] = scale[2 * g] * (float)low - least[2 * g];
            }
            for (size_t j = 0; j < 32; j++) {
                int high = q[j] >> 4 | (h[j] >> (2 * g + 1) & 1) << 4;
                out[64 * g + 32 + j] = scale[2 * g + 1] * (float)high - least[2 * g + 1];
            }
        }
    }
    return bad;
}

/* Each half of a block, 128 elements, has 64 bytes q and 32 bytes h: of its four runs of 32 elements, the first two
 * stand in the low halves of q, the others in the high ones; bits 2r and 2r + 1 of h[j] are the upper two of run r. */
static inline void put_run(float *restrict out, const unsigned char *restrict q, const unsigned char *restrict h,
                           uint32_t down, uint32_t up, const float scale[2])
{
    SIXTEEN(j)
        out[j] = scale[0] * (float)((int)((q[j] >> down & 15u) | (h[j] >> up & 3u) << 4) - 32);
    SIXTEEN(j)
        out[j + 16] = scale[1] * (float)((int)((q[j + 16] >> down & 15u) | (h[j + 16] >> up & 3u) << 4) - 32);
}

EACH_LEVEL uint32_t read_q6_k(const unsigned char *in, size_t blocks, float *restrict out)
{
    uint32_t bad = 0;
    for (size_t b = 0; b < blocks; b++, in += 210, out += LARGE) {
        float d = f16_at(in + 208), scale[16];
        bad |= bad_f16(in + 208);
        for (size_t j = 0; j < 16; j++)
            scale[j] = d * (float)(int8_t)in[192 + j];
        for (size_t half = 0; half < 2; half++)
            for (uint32_t run = 0; run < 4; run++)
                put_run(out + 128 * half + 32 * run, in + 64 * half + 32 * (run % 2), in + 128 + 32 * half, run / 2 * 4,
                        2 * run, scale + 8 * half + 2 * run);
    }
    return bad;
}
