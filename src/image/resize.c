/* resize.c: Pillow's resize of 8-bit RGB pictures, to the bit.
 *
 * Two passes, each along one axis, rounded to 8 bits in between: rows get their new width and columns their new height,
 * in the order that goes_down_first says.
 * Along an axis, output i is a weighted sum over the inputs within `support` of its centre (i + 0.5) * scale, where
 * scale = in / out, and filters are stretched by scale when it is above 1 (antialiasing). Weights are computed and
 * normalised in double, then rounded to fixed point with 22 bits after the point: 32 less 8 for the pixel and 2 for
 * sums below 0 and above 1. NEAREST has no weights: it takes the input under the centre. */
#include "image/resize.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/decode.h"

enum { FRACTION_BITS = 22, CHANNELS = 3 };
#define PI 3.14159265358979323846

/* ---- filters: weight at distance x, in units of the (stretched) input pixel ---- */

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double sinc(double x)
{
    x *= PI;
    return x == 0.0 ? 1.0 : sin(x) / x;
}

static double hamming(double x)
{
    const double base = 0.54f, swing = 0.46f; /* Pillow's constants are of single precision */
    x = fabs(x);
    if (x == 0.0)
        return 1.0; /* base + swing is not quite */
    return x < 1.0 ? sinc(x) * (base + swing * cos(x * PI)) : 0.0;
}

/* Keys' cubic with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static const struct filter {
    double (*weight)(double x);
    double support;
} filters[] = {
    [IMAGE_NEAREST] = {NULL, 0.0},    [IMAGE_LANCZOS] = {lanczos, 3.0}, [IMAGE_BILINEAR] = {triangle, 1.0},
    [IMAGE_BICUBIC] = {cubic, 2.0},   [IMAGE_BOX] = {box, 0.5},         [IMAGE_HAMMING] = {hamming, 1.0},
};

/* ---- taps: what each output along one axis takes from the input ---- */

typedef struct taps {
    size_t count;    /* outputs wanted: start .. start + count - 1 of all */
    size_t stride;   /* weights kept for each, at least as many as used */
    size_t *first;   /* [count] the first input used */
    size_t *length;  /* [count] how many */
    int32_t *weight; /* [count][stride] fixed point */
} taps;

static void taps_free(taps *t)
{
    free(t->first);
    free(t->length);
    free(t->weight);
    *t = (taps){0};
}

static pb_status taps_new(taps *t, size_t count, size_t stride, pb_error *err)
{
    size_t weights;
    *t = (taps){.count = count, .stride = stride};
    if (!size_mul(count, stride, &weights))
        return fail(err, PB_ENOMEM, "no memory for a resize: %zu x %zu weights", count, stride);
    TRY(mem_try(&t->first, count, sizeof *t->first, "a resize", err));
    TRY(mem_try(&t->length, count, sizeof *t->length, "a resize", err));
    return mem_try(&t->weight, weights, sizeof *t->weight, "a resize's weights", err);
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (1 << FRACTION_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Fills output `i` of the t, which is number `at` along the axis; exact[stride] is scratch. */
static void taps_fill(taps *t, size_t i, size_t at, size_t in, double scale, const struct filter *f, double *exact)
{
    double stretch = scale < 1.0 ? 1.0 : scale, support = f->support * stretch, inverse = 1.0 / stretch;
    double centre = ((double)at + 0.5) * scale, total = 0.0;
    double low = centre - support + 0.5, high = centre + support + 0.5;
    size_t first = low < 0.0 ? 0 : (size_t)low;
    size_t end = high < (double)in ? (size_t)high : in;
    size_t length = end > first ? end - first : 0;
    for (size_t k = 0; k < length; k++) {
        exact[k] = f->weight(((double)(first + k) - centre + 0.5) * inverse);
        total += exact[k];
    }
    for (size_t k = 0; k < length; k++)
        t->weight[i * t->stride + k] = to_fixed(total != 0.0 ? exact[k] / total : exact[k]);
    t->first[i] = first;
    t->length[i] = length;
}

/* The taps for outputs start .. start + count - 1 of `out`, from `in` inputs. */
static pb_status taps_build(taps *t, size_t in, size_t out, size_t start, size_t count, const struct filter *f,
                            pb_error *err)
{
    double scale = (double)(float)in / (double)out; /* Pillow holds the size in single precision */
    double widest = ceil(f->support * (scale < 1.0 ? 1.0 : scale)) * 2.0 + 1.0;
    size_t stride = widest < (double)in ? (size_t)widest : in;
    double *exact = NULL;
    pb_status status = taps_new(t, count, stride, err);
    if (status == PB_OK)
        status = mem_try(&exact, stride, sizeof *exact, "a resize's weights", err);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        taps_fill(t, i, start + i, in, scale, f, exact);
    free(exact);
    return status;
}

/* ---- rows of the canvas ---- */

canvas canvas_of(const image *picture)
{
    return (canvas){.picture = picture, .width = picture->width, .height = picture->height};
}

static void fill(unsigned char *rgb, size_t pixels, const unsigned char colour[3])
{
    for (size_t x = 0; x < pixels; x++)
        memcpy(rgb + x * CHANNELS, colour, CHANNELS);
}

static bool meets_picture(const canvas *c, size_t y)
{
    return y >= c->top && y - c->top < c->picture->height;
}

/* Row y, [width][3]: the picture's own, or put together in scratch[width][3]. */
static const unsigned char *canvas_row(const canvas *c, size_t y, unsigned char *scratch)
{
    const image *p = c->picture;
    bool inside = meets_picture(c, y);
    if (inside && p->width == c->width)
        return p->pixels + (y - c->top) * p->width * CHANNELS;
    fill(scratch, c->width, c->colour);
    if (inside)
        memcpy(scratch + c->left * CHANNELS, p->pixels + (y - c->top) * p->width * CHANNELS, p->width * CHANNELS);
    return scratch;
}

/* ---- the two passes ---- */

static unsigned char to_pixel(int32_t sum)
{
    int32_t value = sum >> FRACTION_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* target[count][3] = one row[width][3] through the taps across. */
static void resize_row(unsigned char *target, const unsigned char *row, const taps *t)
{
    for (size_t x = 0; x < t->count; x++) {
        const unsigned char *pixel = row + t->first[x] * CHANNELS;
        const int32_t *weight = t->weight + x * t->stride;
        int32_t red = 1 << (FRACTION_BITS - 1), green = red, blue = red; /* rounds */
        for (size_t k = 0; k < t->length[x]; k++, pixel += CHANNELS) {
            red += pixel[0] * weight[k];
            green += pixel[1] * weight[k];
            blue += pixel[2] * weight[k];
        }
        target[x * CHANNELS] = to_pixel(red);
        target[x * CHANNELS + 1] = to_pixel(green);
        target[x * CHANNELS + 2] = to_pixel(blue);
    }
}

/* sums[n] += row[n] * weight */
static void add_row(int32_t *restrict sums, const unsigned char *restrict row, size_t n, int32_t weight)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += row[i] * weight;
}

static void start_sums(int32_t *sums, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = 1 << (FRACTION_BITS - 1); /* rounds */
}

static void finish_sums(unsigned char *restrict target, const int32_t *restrict sums, size_t n)
{
    for (size_t i = 0; i < n; i++)
        target[i] = to_pixel(sums[i]);
}

/* rows[count][part.width][3] = rows first .. first + count - 1 of the canvas at their new width. `across` is NULL where
 * the width stays. */
static pb_status pass_across(unsigned char *rows, const canvas *in, size_t first, size_t count, region part,
                             const taps *across, pb_error *err)
{
    unsigned char *scratch = NULL;
    TRY(mem_try(&scratch, in->width, CHANNELS, "a picture's row", err));
    for (size_t y = 0; y < count; y++) {
        unsigned char *target = rows + y * part.width * CHANNELS;
        if (y > 0 && !meets_picture(in, first + y) && !meets_picture(in, first + y - 1)) {
            memcpy(target, target - part.width * CHANNELS, part.width * CHANNELS); /* nothing but border, again */
            continue;
        }
        const unsigned char *row = canvas_row(in, first + y, scratch);
        if (across)
            resize_row(target, row, across);
        else
            memcpy(target, row + part.left * CHANNELS, part.width * CHANNELS);
    }
    free(scratch);
    return PB_OK;
}

/* out = rows, which start at the canvas's row `first`, through the taps down. */
static pb_status pass_down(image *out, const unsigned char *rows, size_t first, const taps *down, pb_error *err)
{
    int32_t *sums = NULL;
    size_t bytes = out->width * CHANNELS;
    TRY(mem_try(&sums, bytes, sizeof *sums, "a picture's row", err));
    for (size_t y = 0; y < out->height; y++) {
        start_sums(sums, bytes);
        for (size_t k = 0; k < down->length[y]; k++)
            add_row(sums, rows + (down->first[y] + k - first) * bytes, bytes, down->weight[y * down->stride + k]);
        finish_sums(out->pixels + y * bytes, sums, bytes);
    }
    free(sums);
    return PB_OK;
}

/* The rows of the canvas that any output row needs: *first, and how many. */
static size_t rows_needed(const taps *down, size_t *first)
{
    size_t last = down->count - 1;
    *first = down->first[0];
    return down->first[last] + down->length[last] - *first;
}

static pb_status across_then_down(image *out, const canvas *in, region part, const taps *across, const taps *down,
                                  pb_error *err)
{
    if (!down)
        return pass_across(out->pixels, in, part.top, part.height, part, across, err);
    unsigned char *rows = NULL;
    size_t first, count = rows_needed(down, &first);
    TRY(mem_try(&rows, count, part.width * CHANNELS, "a picture resized across", err));
    pb_status status = pass_across(rows, in, first, count, part, across, err);
    if (status == PB_OK)
        status = pass_down(out, rows, first, down, err);
    free(rows);
    return status;
}

/* Here each output row is finished before the next one starts: merged[width][3] is the canvas's row y after the first
 * pass; sums[width][3] and scratch[width][3] serve it. */
static void rows_down_then_across(image *out, const canvas *in, region part, const taps *across, const taps *down,
                                  int32_t *sums, unsigned char *merged, unsigned char *scratch)
{
    size_t bytes = in->width * CHANNELS;
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *target = out->pixels + y * out->width * CHANNELS;
        start_sums(sums, bytes);
        for (size_t k = 0; k < down->length[y]; k++)
            add_row(sums, canvas_row(in, down->first[y] + k, scratch), bytes, down->weight[y * down->stride + k]);
        finish_sums(merged, sums, bytes);
        if (across)
            resize_row(target, merged, across);
        else
            memcpy(target, merged + part.left * CHANNELS, part.width * CHANNELS);
    }
}

static pb_status down_then_across(image *out, const canvas *in, region part, const taps *across, const taps *down,
                                  pb_error *err)
{
    int32_t *sums = NULL;
    unsigned char *merged = NULL, *scratch = NULL;
    pb_status status = mem_try(&sums, in->width, CHANNELS * sizeof *sums, "a picture's row", err);
    if (status == PB_OK)
        status = mem_try(&merged, in->width, CHANNELS, "a picture's row", err);
    if (status == PB_OK)
        status = mem_try(&scratch, in->width, CHANNELS, "a picture's row", err);
    if (status == PB_OK)
        rows_down_then_across(out, in, part, across, down, sums, merged, scratch);
    free(sums);
    free(merged);
    free(scratch);
    return status;
}

/* Pillow 13's choice; the versions before always went across first. The order shows: pixels are rounded and clipped
 * between the passes. (Found by comparing both orders with Pillow over sizes on both sides of the line.) */
static bool goes_down_first(const canvas *in, size_t width, size_t height)
{
    double narrower = (double)in->width - (double)width, lower = (double)in->height - (double)height;
    return lower > 0 && 2 * narrower < lower;
}

static pb_status resample(image *out, const canvas *in, size_t width, size_t height, region part,
                          const struct filter *f, pb_error *err)
{
    taps across = {0}, down = {0};
    pb_status status = PB_OK;
    if (width != in->width)
        status = taps_build(&across, in->width, width, part.left, part.width, f, err);
    if (status == PB_OK && height != in->height)
        status = taps_build(&down, in->height, height, part.top, part.height, f, err);
    if (status == PB_OK) {
        pb_status (*passes)(image *, const canvas *, region, const taps *, const taps *, pb_error *) =
            goes_down_first(in, width, height) ? down_then_across : across_then_down;
        status = passes(out, in, part, width != in->width ? &across : NULL, height != in->height ? &down : NULL, err);
    }
    taps_free(&across);
    taps_free(&down);
    return status;
}

/* ---- NEAREST ---- */

/* from[i] = the input under output start + i; `in` where rounding leads past the end. Pillow steps along the axis by
 * adding the scale, and its rounding errors with it, so all outputs before the part are stepped through, too. */
static void nearest_inputs(size_t *from, size_t in, size_t out, size_t start, size_t count)
{
    double scale = (double)(float)in / (double)out, centre = scale * 0.5;
    for (size_t i = 0; i < start + count; i++, centre += scale)
        if (i >= start)
            from[i - start] = centre < (double)in ? (size_t)centre : in;
}

static void pick(image *out, const canvas *in, const size_t *columns, const size_t *rows, unsigned char *scratch)
{
    memset(out->pixels, 0, out->width * out->height * CHANNELS);
    for (size_t y = 0; y < out->height; y++) {
        if (rows[y] >= in->height)
            continue;
        const unsigned char *row = canvas_row(in, rows[y], scratch);
        unsigned char *target = out->pixels + y * out->width * CHANNELS;
        for (size_t x = 0; x < out->width; x++)
            if (columns[x] < in->width)
                memcpy(target + x * CHANNELS, row + columns[x] * CHANNELS, CHANNELS);
    }
}

static pb_status nearest(image *out, const canvas *in, size_t width, size_t height, region part, pb_error *err)
{
    size_t *columns = NULL, *rows = NULL;
    unsigned char *scratch = NULL;
    pb_status status = mem_try(&columns, part.width, sizeof *columns, "a resize", err);
    if (status == PB_OK)
        status = mem_try(&rows, part.height, sizeof *rows, "a resize", err);
    if (status == PB_OK)
        status = mem_try(&scratch, in->width, CHANNELS, "a picture's row", err);
    if (status == PB_OK) {
        nearest_inputs(columns, in->width, width, part.left, part.width);
        nearest_inputs(rows, in->height, height, part.top, part.height);
        pick(out, in, columns, rows, scratch);
    }
    free(columns);
    free(rows);
    free(scratch);
    return status;
}

/* ---- together ---- */

static pb_status check(size_t width, size_t height, region part, image_filter filter, pb_error *err)
{
    size_t pixels;
    if ((size_t)filter >= sizeof filters / sizeof *filters)
        return fail(err, PB_EINVAL, "resize filter %d, expected 0 (nearest) to 5 (hamming)", (int)filter);
    if (width == 0 || height == 0 || width > INT_MAX || height > INT_MAX)
        return fail(err, PB_EINVAL, "a resize to %zux%zu pixels, expected 1 to %d each way", width, height, INT_MAX);
    if (!size_mul(part.width, part.height, &pixels) || pixels > IMAGE_MAX_PIXELS)
        return fail(err, PB_EINVAL, "a resize to %zux%zu pixels, expected at most %zu pixels in all", part.width,
                    part.height, IMAGE_MAX_PIXELS);
    return PB_OK;
}

pb_status canvas_resize(image *out, const canvas *in, size_t width, size_t height, region part, image_filter filter,
                        pb_error *err)
{
    *out = (image){0};
    TRY(check(width, height, part, filter, err));
    image result;
    TRY(image_new(&result, part.width, part.height, "a resized picture", err));
    pb_status status;
    if (filter == IMAGE_NEAREST && (width != in->width || height != in->height))
        status = nearest(&result, in, width, height, part, err);
    else
        status = resample(&result, in, width, height, part, &filters[filter], err);
    if (status != PB_OK) {
        image_free(&result);
        return status;
    }
    *out = result;
    return PB_OK;
}

pb_status image_resize(image *out, const image *in, size_t width, size_t height, image_filter filter, pb_error *err)
{
    canvas whole = canvas_of(in);
    return canvas_resize(out, &whole, width, height, (region){0, 0, width, height}, filter, err);
}
