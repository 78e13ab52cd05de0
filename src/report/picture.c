/* picture.c: see picture.h. */
#include "report/picture.h"

#include <string.h>

#include "base/file.h"

static const char *media_type(const file_map *f)
{
    if (f->size >= 3 && memcmp(f->data, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if (f->size >= 8 && memcmp(f->data, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (f->size >= 12 && memcmp(f->data, "RIFF", 4) == 0 && memcmp(f->data + 8, "WEBP", 4) == 0)
        return "image/webp";
    return NULL;
}

/* RFC 4648, section 4. */
static void add_base64(buffer *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned word = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[word >> 18], digits[word >> 12 & 63], left > 1 ? digits[word >> 6 & 63] : '=',
                        left > 2 ? digits[word & 63] : '='};
        buffer_add(out, four, 4);
    }
}

bool picture_data_uri(const char *path, buffer *out)
{
    file_map file;
    if (file_map_open(&file, path, NULL) != PB_OK)
        return false;
    const char *type = file.size < PICTURE_LIMIT ? media_type(&file) : NULL;
    if (type) {
        buffer_printf(out, "data:%s;base64,", type);
        add_base64(out, file.data, file.size);
    }
    file_map_close(&file);
    return type != NULL;
}

void picture_element(buffer *out, const char *path, const char *id, const char *colour)
{
    buffer uri = {0};
    if (picture_data_uri(path, &uri)) {
        buffer_printf(out, "<image id=\"%s\" width=\"1000\" height=\"1000\" preserveAspectRatio=\"none\" "
                           "style=\"image-orientation:none\" href=\"", id);
        buffer_add(out, uri.data, uri.size);
        buffer_text(out, "\"/>");
    } else {
        buffer_printf(out, "<rect id=\"%s\" width=\"1000\" height=\"1000\" fill=\"%s\"/>", id, colour);
    }
    buffer_free(&uri);
}
