/* processor.h: what must be done to a picture before the vision tower sees it, as a Hugging Face image processor does.
 *
 *     image_processor p, defaults = image_processor_clip();
 *     TRY(image_processor_read(&p, "llava-1.5-7b-hf", &defaults, err));
 *     TRY(image_process(&p, &photo, &pixels, &width, &height, err));      // then: free(pixels)
 *
 * The steps, in this order: paste onto a square, resize, cut the middle out, rescale, normalise. */
#ifndef IMAGE_PROCESSOR_H
#define IMAGE_PROCESSOR_H

#include <stdbool.h>

#include "image/image.h"

typedef struct image_processor {
    bool pad_to_square;           /* first paste onto a square of the mean colour, int(mean * 255) */
    bool resize, crop, rescale, normalize;
    image_filter filter;
    size_t shortest_edge;         /* resize: the short side, the long one is int(size * long / short); 0 when width and
                                   * height are given instead */
    size_t width, height;         /* resize to exactly this; 0 with shortest_edge */
    size_t crop_width, crop_height;
    double rescale_factor;        /* 1/255 */
    double mean[3], std[3];       /* as in the file: the pad colour needs them before they are rounded to float */
} image_processor;

/* Reads the processor config in `directory`: processor_config.json with `image_processor` inside (transformers 5), or
 * else preprocessor_config.json. Keys that the file leaves out have the defaults of the class that the file names
 * (`image_processor_type`; pad_to_square stays the family's), or where it names none `family_defaults`, which is also the whole answer for a folder
 * without any such file. Hostile values (sizes of 0 or above 16384, a std of 0, wrong types) are errors that name file
 * and key; so are classes and keys that would do something else to the picture (PB_EUNSUPPORTED). */
pb_status image_processor_read(image_processor *out, const char *directory, const image_processor *family_defaults,
                               pb_error *err);

/* Whether there is such a file in `directory`. */
bool image_processor_stored(const char *directory);

/* CLIPImageProcessor's class defaults: bicubic, shortest edge 224, crop 224x224, 1/255, OpenAI's mean and std. */
image_processor image_processor_clip(void);

/* SiglipImageProcessor's: bicubic, exactly 224x224, no crop, 1/255, mean and std 0.5. */
image_processor image_processor_siglip(void);

/* pixels[3][*height][*width] (channels first, free with free()) = the normalised picture. When the result's size
 * differs from what the caller's tower takes, that is the caller's error to make. The arithmetic of rescale and
 * normalise is HF's: float32(double(x) * factor), then (x - mean) / std in float32. */
pb_status image_process(const image_processor *p, const image *in, float **pixels, size_t *width, size_t *height,
                        pb_error *err);

#endif
