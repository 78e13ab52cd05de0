/* html.c: see html.h. */
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/markup.h"
#include "report/picture.h"

void html_safe(buffer *out, const char *text)
{
    buffer visible = {0};
    text_visible(&visible, text ? text : "", text ? strlen(text) : 0);
    text_markup(out, visible.data, visible.size);
    buffer_free(&visible);
}

void html_prob(buffer *out, double prob)
{
    buffer_text(out, "<span class=\"num\">");
    text_prob(out, prob);
    buffer_text(out, "</span>");
}

void html_count(buffer *out, size_t value)
{
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%zu", value);
    for (size_t i = 0; i < n; i++) {
        buffer_text(out, i && (n - i) % 3 == 0 ? "," : "");
        buffer_add(out, digits + i, 1);
    }
}

void html_si(buffer *out, double value)
{
    static const char *const steps[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t i = 0;
    for (; fabs(value) >= 1000 && i + 1 < sizeof steps / sizeof *steps; i++)
        value /= 1000;
    buffer_printf(out, "%.3g %s", value, steps[i]);
}

void html_open_drawing(buffer *out, double width, double height, const char *label)
{
    buffer_printf(out, "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
                  width, height, width, height);
    html_safe(out, label);
    buffer_text(out, "\">\n");
}

static void add_levels(buffer *out, const palette *p, const uint32_t *points)
{
    for (int level = 0; level < PALETTE_LEVELS; level++)
        buffer_printf(out, ".%s .q%d{fill:#%06x}", p->name, level, (unsigned)palette_level_colour(points, level));
    buffer_text(out, "\n");
}

void html_palette(buffer *out, const palette *p)
{
    add_levels(out, p, p->light);
    buffer_text(out, "@media (prefers-color-scheme: dark) {\n");
    add_levels(out, p, p->dark);
    buffer_text(out, "}\n");
}

void html_open_fact(buffer *out, const char *name)
{
    buffer_printf(out, "<dt>%s</dt><dd>", name);
}

void html_close_fact(buffer *out)
{
    buffer_text(out, "</dd>\n");
}

void html_open_picture(buffer *out, const char *path)
{
    buffer uri = {0};
    buffer_text(out, "<figure class=\"picture\">\n");
    if (picture_data_uri(path, &uri)) {
        buffer_text(out, "<img alt=\"The picture that the question is about\" src=\"");
        buffer_add(out, uri.data, uri.size);
        buffer_text(out, "\">\n<figcaption>");
        html_safe(out, path_base(path));
    } else {
        buffer_text(out, "<figcaption>");
        html_safe(out, path);
        buffer_text(out, " (not embedded)");
    }
    buffer_free(&uri);
}

void html_close_picture(buffer *out)
{
    buffer_text(out, "</figcaption>\n</figure>\n");
}

void html_script_text(buffer *out, const char *text, size_t n)
{
    buffer valid = {0};
    text_utf8(&valid, text, n);
    buffer_text(out, "\"");
    for (size_t i = 0; i < valid.size; i++) {
        unsigned char c = (unsigned char)valid.data[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&')
            buffer_printf(out, "\\u%04x", c);
        else
            buffer_add(out, &c, 1);
    }
    buffer_text(out, "\"");
    buffer_free(&valid);
}
