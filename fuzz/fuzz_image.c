/* fuzz_image.c: any bytes as a picture. Decoding must succeed or say why; what it gives must survive a resize and the
 * processor. A PNG's checksums would stop nearly every damage at the door, so it also goes in with them put right. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "fuzz/fuzz.h"
#include "image/processor.h"

enum { LARGEST = 1 << 20 }; /* pixels that are worth the time to resize */

static void use(const image *picture)
{
    unsigned sum = 0;
    for (size_t i = 0; i < picture->width * picture->height * 3; i++)
        sum += picture->pixels[i];
    if (picture->width * picture->height > LARGEST || sum == 1)
        return;
    image_processor p = image_processor_clip();
    p.shortest_edge = 9;
    p.crop_width = 11;
    p.crop_height = 7;
    p.filter = (image_filter)(picture->width % 6);
    p.pad_to_square = picture->height % 2;
    float *pixels;
    size_t width, height;
    if (image_process(&p, picture, &pixels, &width, &height, NULL) == PB_OK)
        free(pixels);
}

static void decode(const uint8_t *data, size_t size)
{
    image picture;
    pb_error err = {0};
    if (image_decode(&picture, data, size, "input", &err) == PB_OK)
        use(&picture);
    else if (!err.message[0] || picture.pixels)
        abort(); /* a failure without words, or with something left behind */
    image_free(&picture);
}

static size_t be32(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

/* Each chunk: 4 bytes of length, 4 of kind, the data, 4 of checksum over kind and data. */
static void repair_checksums(uint8_t *png, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = be32(png + at);
        if (length > size - at - 12)
            return;
        unsigned long sum = crc32(0, png + at + 4, (unsigned)(length + 4));
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size);
    if (size > 8 && memcmp(data, "\x89PNG", 4) == 0) {
        uint8_t *copy = mem_new(size, 1);
        memcpy(copy, data, size);
        repair_checksums(copy, size);
        decode(copy, size);
        free(copy);
    }
    return 0;
}
