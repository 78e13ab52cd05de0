/* processor.c: a picture becomes the tower's input, as HF's Pillow-backed processors (CLIP, SigLIP, LLaVA) make it.
 *
 * Sizes (geometry.h) and colours follow transformers 5 (image_transforms.py), which here computes as version 4 did; the
 * square with the mean colour is LLaVA's expand2square. See processor.h for the order of the steps. */
#include "image/processor.h"

#include <stdlib.h>

#include "base/memory.h"
#include "image/geometry.h"
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

/* The picture on its canvas, LLaVA's mean colour around it. Python's int() cuts towards zero. */
static canvas layout_canvas(const image *in, const image_layout *l, const double mean[3])
{
    canvas c = canvas_of(in);
    c.left = l->left;
    c.top = l->top;
    c.width = l->canvas_width;
    c.height = l->canvas_height;
    for (size_t i = 0; i < 3; i++)
        c.colour[i] = (unsigned char)(int)(mean[i] * 255.0);
    return c;
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
static void write_values(float *pixels, const image_layout *l, const image *cut, const image_processor *p)
{
    const size_t width = l->out_width, height = l->out_height;
    const image_cut across = l->across, down = l->down;
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
    const image_layout l = image_layout_of(p, in->width, in->height);
    canvas whole = layout_canvas(in, &l, p->mean);
    size_t count;

    image cut;
    region part = {l.across.from, l.down.from, l.across.length, l.down.length};
    TRY(canvas_resize(&cut, &whole, l.full_width, l.full_height, part, p->filter, err));
    float *result = NULL;
    pb_status status = PB_OK;
    if (!size_mul(l.out_width, l.out_height, &count) || count > IMAGE_MAX_PIXELS)
        status = fail(err, PB_EINVAL, "a crop of %zux%zu pixels, expected at most %zu pixels in all", l.out_width,
                      l.out_height, IMAGE_MAX_PIXELS);
    if (status == PB_OK)
        status = mem_try(&result, count * 3, sizeof *result, "a processed picture", err);
    if (status == PB_OK) {
        write_values(result, &l, &cut, p);
        *pixels = result;
        *width = l.out_width;
        *height = l.out_height;
    }
    image_free(&cut);
    return status;
}
