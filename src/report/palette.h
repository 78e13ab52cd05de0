/* palette.h: the colours of heat maps: ColorBrewer's sequential schemes, as matplotlib interpolates them. */
#ifndef REPORT_PALETTE_H
#define REPORT_PALETTE_H

#include <stdint.h>

#include "engine/site.h"

enum { PALETTE_POINTS = 9, PALETTE_LEVELS = 64 };

typedef struct palette {
    const char *name;               /* "purples": the CSS class in pages */
    uint32_t light[PALETTE_POINTS]; /* 0xRRGGBB, evenly spaced from "nothing" to "all": on white paper */
    uint32_t dark[PALETTE_POINTS];  /* on a dark screen, where "nothing" is dark */
} palette;

/* Each runs from pale to strong in one hue, so its order is one of lightness: readable without colour vision,
 * and in grey. */
extern const palette palette_purples, palette_greens, palette_reds;

/* Purples for the residual stream, Greens for MLP, Reds for attention: ROME's choice, which readers know. */
const palette *palette_of(site s);

/* Linear in RGB between the points; share is clamped to 0..1. */
uint32_t palette_colour(const uint32_t points[PALETTE_POINTS], double share);

/* The colour class of a share: 0 .. PALETTE_LEVELS - 1. */
int palette_level(double share);
uint32_t palette_level_colour(const uint32_t points[PALETTE_POINTS], int level);

#endif
