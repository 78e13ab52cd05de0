/* photo.c: see photo.h. Coordinates: y from -1 to 1, x from -4/3 to 4/3, as the picture is 4:3; u and v are the flag's,
 * each from -1 to 1. */
#include "data/flagqa/photo.h"

#include <stdlib.h>

#include "image/decode.h"

#define ASPECT (4.0 / 3)
enum { PATCHES = 4, GRAIN_WIDTH = PHOTO_WIDTH / 2, GRAIN_HEIGHT = PHOTO_HEIGHT / 2 };

/* ---- numbers ---- */

double photo_sine(double x)
{
    static const double pi = 3.14159265358979323846;
    static const double series[] = {-1 / 6.0,        1 / 120.0,          -1 / 5040.0, /* of sin y / y - 1, in y^2 */
                                    1 / 362880.0,    -1 / 39916800.0,    1 / 6227020800.0,
                                    -1 / 1307674368000.0, 1 / 355687428096000.0};
    double turns = x / (2 * pi);
    double whole = (double)(long long)(turns + (turns < 0 ? -0.5 : 0.5));
    double y = x - whole * (2 * pi); /* -pi .. pi */
    if (y > pi / 2)
        y = pi - y;
    else if (y < -pi / 2)
        y = -pi - y;
    double square = y * y, sum = 0;
    for (size_t i = sizeof series / sizeof *series; i-- > 0;)
        sum = (sum + series[i]) * square;
    return y + y * sum;
}

static double cosine(double x)
{
    return photo_sine(x + 3.14159265358979323846 / 2);
}

static double between(random_state *r, double low, double high)
{
    return low + (high - low) * ((double)(random_next(r) >> 11) * 0x1p-53);
}

static double around_zero(random_state *r, double reach)
{
    return between(r, -reach, reach);
}

/* Nearly a Gaussian of mean 0 and deviation 1: the sum of twelve uniform numbers of 32 bits, less 6. */
static double grain_value(random_state *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < 6; i++) {
        uint64_t x = random_next(r);
        sum += (x >> 32) + (x & 0xffffffffu);
    }
    return ((double)sum + 6) * 0x1p-32 - 6;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* ---- what is drawn for one picture ---- */

typedef struct scene {
    double shift_x, shift_y, sine, cosine, scale, shear;
    double waves, wave_count, wave_phase, wave_slant;
    double patches[3][PATCHES][PATCHES], ground[3];
    double light, contrast, tint[3], grain;
} scene;

static scene draw_scene(random_state *r)
{
    scene s = {.shift_x = ASPECT * around_zero(r, .18), .shift_y = around_zero(r, .18)};
    double angle = around_zero(r, .26);
    s.sine = photo_sine(angle);
    s.cosine = cosine(angle);
    s.scale = between(r, .62, 1.05);
    s.shear = around_zero(r, .15);
    s.waves = between(r, 0, .07);
    s.wave_count = between(r, 2, 6);
    s.wave_phase = between(r, 0, 6.3);
    s.wave_slant = between(r, -1.5, 1.5);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < PATCHES * PATCHES; i++)
            s.patches[c][i / PATCHES][i % PATCHES] = between(r, 0, .6);
    for (size_t c = 0; c < 3; c++)
        s.ground[c] = between(r, 0, .4);
    s.light = 1 + around_zero(r, .3);
    s.contrast = 1 + around_zero(r, .28);
    for (size_t c = 0; c < 3; c++)
        s.tint[c] = 1 + around_zero(r, .08);
    s.grain = between(r, 0, .08);
    return s;
}

/* ---- what a pixel sees ---- */

/* The flag between its pixels, nothing outside of it: seen = colour times alpha, then alpha, 0 .. 1. */
static void look_up(double seen[4], const image_rgba *flag, double u, double v)
{
    double x = ((u + 1) * (double)flag->width - 1) / 2, y = ((v + 1) * (double)flag->height - 1) / 2;
    seen[0] = seen[1] = seen[2] = seen[3] = 0;
    if (!(x > -1 && y > -1 && x < (double)flag->width && y < (double)flag->height))
        return;
    long left = (long)(x + 1) - 1, top = (long)(y + 1) - 1;
    for (long i = 0; i < 4; i++) {
        long px = left + i % 2, py = top + i / 2;
        if (px < 0 || py < 0 || px >= (long)flag->width || py >= (long)flag->height)
            continue;
        double weight = (i % 2 ? x - (double)left : (double)(left + 1) - x) *
                        (i / 2 ? y - (double)top : (double)(top + 1) - y);
        const unsigned char *pixel = flag->pixels + 4 * ((size_t)py * flag->width + (size_t)px);
        double alpha = pixel[3] / 255.0;
        for (size_t c = 0; c < 3; c++)
            seen[c] += weight * alpha * pixel[c] / 255.0;
        seen[3] += weight * alpha;
    }
}

/* A small map spread over the picture: at x, y in its own pixels, held inside. */
static double spread(const double *map, size_t width, size_t height, double x, double y)
{
    x = clamp(x, 0, (double)(width - 1));
    y = clamp(y, 0, (double)(height - 1));
    size_t left = (size_t)x, top = (size_t)y;
    size_t right = left + 1 < width ? left + 1 : left, below = top + 1 < height ? top + 1 : top;
    double a = x - (double)left, b = y - (double)top;
    return (1 - b) * ((1 - a) * map[top * width + left] + a * map[top * width + right]) +
           b * ((1 - a) * map[below * width + left] + a * map[below * width + right]);
}

/* One pixel of the picture; grain: [3][GRAIN_HEIGHT][GRAIN_WIDTH]. */
static void take_pixel(unsigned char *rgb, size_t column, size_t row, const scene *s, const image_rgba *flag,
                       const double *grain)
{
    double across = (double)column / (PHOTO_WIDTH - 1), down = (double)row / (PHOTO_HEIGHT - 1), seen[4];
    double x = ASPECT * (2 * across - 1) - s->shift_x, y = 2 * down - 1 - s->shift_y;
    double u = (s->cosine * x + s->sine * y) / s->scale, v = (s->cosine * y - s->sine * x) / s->scale;
    u += s->shear * v;
    double at = s->wave_count * u + s->wave_phase + s->wave_slant * v;
    double shade = 1 + 3.5 * s->waves * cosine(at);
    look_up(seen, flag, u / ASPECT, v + s->waves * photo_sine(at));
    for (size_t c = 0; c < 3; c++) {
        double ground = s->ground[c] +
                        spread(&s->patches[c][0][0], PATCHES, PATCHES, across * (PATCHES - 1), down * (PATCHES - 1));
        double noise = spread(grain + c * GRAIN_WIDTH * GRAIN_HEIGHT, GRAIN_WIDTH, GRAIN_HEIGHT,
                              ((double)column + .5) / 2 - .5, ((double)row + .5) / 2 - .5);
        double colour = seen[c] * shade + (1 - seen[3]) * ground;
        colour = ((colour - .5) * s->contrast + .5) * s->light * s->tint[c] + s->grain * noise;
        rgb[c] = (unsigned char)(clamp(colour, 0, 1) * 255 + .5);
    }
}

pb_status photo_take(image *out, const image_rgba *flag, random_state *r, pb_error *err)
{
    double *grain;
    size_t grains = (size_t)3 * GRAIN_WIDTH * GRAIN_HEIGHT;
    TRY(image_new(out, PHOTO_WIDTH, PHOTO_HEIGHT, "a photograph", err));
    pb_status status = mem_try(&grain, grains, sizeof *grain, "a photograph's grain", err);
    if (status) {
        image_free(out);
        return status;
    }
    scene s = draw_scene(r);
    for (size_t i = 0; i < grains; i++)
        grain[i] = grain_value(r);
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++)
        take_pixel(out->pixels + 3 * i, i % PHOTO_WIDTH, i / PHOTO_WIDTH, &s, flag, grain);
    free(grain);
    return PB_OK;
}

pb_status photo_clean(image *out, const image_rgba *flag, pb_error *err)
{
    TRY(image_new(out, flag->width, flag->height, "a flag", err));
    for (size_t i = 0; i < flag->width * flag->height; i++) {
        const unsigned char *p = flag->pixels + 4 * i;
        for (size_t c = 0; c < 3; c++)
            out->pixels[3 * i + c] = (unsigned char)((p[c] * p[3] + 255 * (255 - p[3]) + 127) / 255);
    }
    return PB_OK;
}
