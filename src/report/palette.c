/* palette.c: see palette.h. */
#include "report/palette.h"

#include <math.h>

const palette palette_purples = {
    "purples",
    {0xfcfbfd, 0xefedf5, 0xdadaeb, 0xbcbddc, 0x9e9ac8, 0x807dba, 0x6a51a3, 0x54278f, 0x3f007d},
    {0x211f2b, 0x31244f, 0x46307f, 0x5f4aa6, 0x7a68bb, 0x9689cb, 0xb2abdc, 0xd2cfec, 0xf4f2fb},
};
const palette palette_greens = {
    "greens",
    {0xf7fcf5, 0xe5f5e0, 0xc7e9c0, 0xa1d99b, 0x74c476, 0x41ab5d, 0x238b45, 0x006d2c, 0x00441b},
    {0x1b2620, 0x113a22, 0x12532e, 0x1f6f3e, 0x358d52, 0x5aab6c, 0x8dc890, 0xbfe2bb, 0xeef9ec},
};
const palette palette_reds = {
    "reds",
    {0xfff5f0, 0xfee0d2, 0xfcbba1, 0xfc9272, 0xfb6a4a, 0xef3b2c, 0xcb181d, 0xa50f15, 0x67000d},
    {0x2b1f1e, 0x4c191b, 0x73161b, 0x9e1f22, 0xc93a32, 0xe96450, 0xf7967a, 0xfcc6b0, 0xfff0e9},
};

static const palette *const of_site[SITE_PUT_COUNT] = {
    [SITE_RESID_PRE] = &palette_purples,
    [SITE_ATTN_OUT] = &palette_reds,
    [SITE_MLP_OUT] = &palette_greens,
    [SITE_RESID_POST] = &palette_purples,
    [SITE_HEAD_OUT] = &palette_reds,
};

const palette *palette_of(site s)
{
    return of_site[s];
}

uint32_t palette_colour(const uint32_t points[PALETTE_POINTS], double share)
{
    double at = (share > 0 ? fmin(share, 1) : 0) * (PALETTE_POINTS - 1);
    int below = at >= PALETTE_POINTS - 1 ? PALETTE_POINTS - 2 : (int)at;
    double part = at - below;
    uint32_t colour = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double a = (points[below] >> shift) & 255, b = (points[below + 1] >> shift) & 255;
        colour |= (uint32_t)lround(a + (b - a) * part) << shift;
    }
    return colour;
}

int palette_level(double share)
{
    return (int)lround((share > 0 ? fmin(share, 1) : 0) * (PALETTE_LEVELS - 1));
}

uint32_t palette_level_colour(const uint32_t points[PALETTE_POINTS], int level)
{
    return palette_colour(points, (double)level / (PALETTE_LEVELS - 1));
}
