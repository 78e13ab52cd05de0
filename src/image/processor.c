/* processor.c: a picture becomes the tower's input, as HF's Pillow-backed processors (CLIP, SigLIP, LLaVA) make it.
 *
 * Sizes and colours follow transformers 5 (image_transforms.py), which here computes as version 4 did; the square with
 * the mean colour is LLaVA's expand2square. See processor.h for the order of the steps. */
#include "image/processor.h"

#include <stdlib.h>

#include "base/memory.h"
#include "image/resize.h"

image_processor image_processor_clip(void)
{
    return (image_processor){
        .resize = true,
        .crop = true,
        .rescale = true,
        .normalize = true,
        .filter = IMAGE_BICUBIC,
        .shortest_edge = 224,
        .crop_width = 224,
        .crop_height = 224,
        .rescale_factor = 1.0 / 255.0,
        .mean = {0.48145466, 0.4578275, 0.40821073},
        .std = {0.26862954, 0.26130258, 0.27577711},
    };
}

image_processor image_processor_siglip(void)
{
    return (image_processor){
        .resize = true,
        .rescale = true,
        .normalize = true,
        .filter = IMAGE_BICUBIC,
        .width = 224,
        .height = 224,
        .rescale_factor = 1.0 / 255.0,
        .mean = {0.5, 0.5, 0.5},
        .std = {0.5, 0.5, 0.5},
    };
}

/* LLaVA's expand2square: the picture in the middle of a square. Python's int() cuts towards zero. */
static canvas square_canvas(const image *in, const double mean[3])
{
    canvas c = canvas_of(in);
    size_t side = in->width > in->height ? in->width : in->height;
    c.left = (side - in->width) / 2;
    c.top = (side - in->height) / 2;
    c.width = c.height = side;
    for (size_t i = 0; i < 3; i++)
        c.colour[i] = (unsigned char)(int)(mean[i] * 255.0);
    return c;
}

/* The size that the canvas is resized to. */
static void resized_size(const image_processor *p, const canvas *c, size_t *width, size_t *height)
{
    *width = p->width;
    *height = p->height;
    if (!p->resize) {
        *width = c->width;
        *height = c->height;
    } else if (p->shortest_edge) {
        bool upright = c->width <= c->height;
        size_t shorter = upright ? c->width : c->height, longer = upright ? c->height : c->width;
        size_t long_side = (size_t)((double)(p->shortest_edge * longer) / (double)shorter);
        *width = upright ? p->shortest_edge : long_side;
        *height = upright ? long_side : p->shortest_edge;
    }
}

/* One axis of a centre crop: `length` pixels from `from` on go to `to` in the result of `wanted` pixels. What the
 * picture is too small for stays 0, with the odd pixel of the border first, as in HF's center_crop. */
typedef struct span {
    size_t from, to, length;
} span;

static span centre(size_t size, size_t wanted)
{
    if (size >= wanted)
        return (span){(size - wanted) / 2, 0, wanted};
    return (span){0, (wanted - size + 1) / 2, size};
}

/* values[3][256]: what each 8-bit value becomes in each channel, in HF's types and order. */
static void value_table(const image_processor *p, float values[3][256])
{
    for (int c = 0; c < 3; c++) {
        const float mean = (float)p->mean[c], std = (float)p->std[c];
        for (int v = 0; v < 256; v++) {
            float x = p->rescale ? (float)((double)v * p->rescale_factor) : (float)v;
            values[c][v] = p->normalize ? (x - mean) / std : x;
        }
    }
}

/* pixels[3][height][width] = cut, placed at (down.to, across.to) on 0. */
static void write_values(float *pixels, size_t width, size_t height, const image *cut, span across, span down,
                         const image_processor *p)
{
    float values[3][256];
    value_table(p, values);
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < height; y++) {
            float *row = pixels + (c * height + y) * width;
            bool inside = y >= down.to && y - down.to < down.length;
            for (size_t x = 0; x < width; x++)
                row[x] = values[c][0];
            for (size_t x = 0; inside && x < across.length; x++)
                row[across.to + x] = values[c][cut->pixels[((y - down.to) * cut->width + x) * 3 + c]];
        }
}

pb_status image_process(const image_processor *p, const image *in, float **pixels, size_t *width, size_t *height,
                        pb_error *err)
{
    *pixels = NULL;
    canvas whole = p->pad_to_square ? square_canvas(in, p->mean) : canvas_of(in);
    size_t full_width, full_height, count;
    resized_size(p, &whole, &full_width, &full_height);
    span across = centre(full_width, p->crop ? p->crop_width : full_width);
    span down = centre(full_height, p->crop ? p->crop_height : full_height);
    size_t out_width = p->crop ? p->crop_width : full_width, out_height = p->crop ? p->crop_height : full_height;

    image cut;
    region part = {across.from, down.from, across.length, down.length};
    TRY(canvas_resize(&cut, &whole, full_width, full_height, part, p->filter, err));
    float *result = NULL;
    pb_status status = PB_OK;
    if (!size_mul(out_width, out_height, &count) || count > IMAGE_MAX_PIXELS)
        status = fail(err, PB_EINVAL, "a crop of %zux%zu pixels, expected at most %zu pixels in all", out_width,
                      out_height, IMAGE_MAX_PIXELS);
    if (status == PB_OK)
        status = mem_try(&result, count * 3, sizeof *result, "a processed picture", err);
    if (status == PB_OK) {
        write_values(result, out_width, out_height, &cut, across, down, p);
        *pixels = result;
        *width = out_width;
        *height = out_height;
    }
    image_free(&cut);
    return status;
}
