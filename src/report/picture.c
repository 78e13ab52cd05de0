/* picture.c: see picture.h. */
#include "report/picture.h"

#include <string.h>

#include "base/file.h"
#include "report/markup.h"

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

bool picture_data_uri(const char *path, buffer *out)
{
    file_map file;
    if (file_map_copy(&file, path, NULL) != PB_OK)
        return false;
    const char *type = file.size < PICTURE_LIMIT ? media_type(&file) : NULL;
    if (type) {
        buffer_printf(out, "data:%s;base64,", type);
        text_base64(out, file.data, file.size);
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
