/* picture_map_html.c: heat maps over a picture for a page (picture_map.h): without a script the strongest layer shows;
 * picture_map.js moves through the layers and tells values. */
#include <math.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/page.h"
#include "report/picture.h"
#include "report/picture_map_parts.h"

void picture_map_style(buffer *out, const palette *colours)
{
    buffer_text(out, picture_map_css);
    html_palette(out, colours);
}

void picture_map_picture(buffer *out, const report_about *about)
{
    buffer_text(out, "<svg class=\"unseen\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
    picture_element(out, about->image_path, "pm-picture", "#999");
    buffer_text(out, "</defs></svg>\n");
}

/* A cell a row, so that the script can colour and name it. */
static void add_cells(buffer *out, const picture_map *m, size_t layer)
{
    buffer_printf(out, "<g class=\"cells %s\" shape-rendering=\"crispEdges\">\n", m->colours->name);
    for (size_t i = 0; i < picture_map_rows(m); i++) {
        double share = picture_map_share(m, layer, i);
        if (picture_map_areas(m)[i].kind != AREA_PIXELS)
            continue;
        buffer_printf(out, "<path data-row=\"%zu\" class=\"", i);
        if (isnan(share))
            buffer_text(out, "qx\" d=\"");
        else
            buffer_printf(out, "q%d\" d=\"", palette_level(share));
        picture_map_cell(out, m, i);
        buffer_text(out, "\"/>\n");
    }
    buffer_text(out, "</g>\n");
}

static void add_bar(buffer *out, const picture_map *m)
{
    buffer_printf(out, "<div class=\"pm-bar\"><span>");
    picture_map_number(out, m->scale.from);
    buffer_printf(out, "</span><svg viewBox=\"0 0 %d 1\" preserveAspectRatio=\"none\" class=\"cells %s\" "
                  "shape-rendering=\"crispEdges\" aria-hidden=\"true\">",
                  PALETTE_LEVELS, m->colours->name);
    for (int i = 0; i < PALETTE_LEVELS; i++)
        buffer_printf(out, "<rect class=\"q%d\" x=\"%d\" width=\"1\" height=\"1\"/>", i, i);
    buffer_text(out, "</svg><span>");
    picture_map_number(out, m->scale.to);
    buffer_text(out, "</span> <span class=\"soft\">");
    html_safe(out, m->scale.title);
    buffer_text(out, "</span></div>\n");
}

static void add_slider(buffer *out, const picture_map *m, size_t layer)
{
    if (!m->layers || m->layer_count < 2)
        return;
    buffer_printf(out, "<label class=\"pm-slide\">layer <input type=\"range\" min=\"0\" max=\"%zu\" value=\"%zu\" "
                  "disabled> <output>%zu</output></label>\n", m->layer_count - 1, layer, m->layers[layer]);
}

static void add_json_number(buffer *out, double value)
{
    if (isfinite(value))
        buffer_printf(out, "%.4g", value);
    else
        buffer_text(out, "null");
}

static void add_data(buffer *out, const picture_map *m, size_t layer)
{
    size_t n = picture_map_rows(m);
    buffer_text(out, "<script type=\"application/json\">{\"layers\":[");
    for (size_t l = 0; m->layers && l < m->layer_count; l++)
        buffer_printf(out, "%s%zu", l ? "," : "", m->layers[l]);
    buffer_printf(out, "],\"shown\":%zu,\"levels\":%d,\"word\":\"%s\",\"first\":", layer, PALETTE_LEVELS,
                  m->row_word ? m->row_word : "image row");
    if (m->areas)
        buffer_text(out, "null");
    else
        buffer_printf(out, "%zu", m->about->prompt->image_first);
    buffer_text(out, ",\"from\":");
    add_json_number(out, m->scale.from);
    buffer_text(out, ",\"to\":");
    add_json_number(out, m->scale.to);
    buffer_text(out, ",\n\"kinds\":[");
    for (size_t i = 0; i < n; i++)
        buffer_printf(out, "%s%d", i ? "," : "", (int)picture_map_areas(m)[i].kind);
    buffer_text(out, "],\n\"values\":[");
    for (size_t l = 0; l < m->layer_count; l++) {
        buffer_text(out, l ? ",\n[" : "[");
        for (size_t i = 0; i < n; i++) {
            buffer_text(out, i ? "," : "");
            add_json_number(out, m->values[l * n + i]);
        }
        buffer_text(out, "]");
    }
    buffer_text(out, "]}</script>\n");
}

void picture_map_html(buffer *out, const picture_map *m, size_t number)
{
    enum { SIDE = 420 };
    size_t layer = picture_map_strongest(m);
    double aspect = picture_map_aspect(m->about), width = aspect < 1 ? SIDE * aspect : SIDE;
    buffer_printf(out, "<figure class=\"picture-map\" data-picture-map=\"%zu\" data-scale=\"", number);
    html_safe(out, m->scale.title);
    buffer_text(out, "\">\n<h3>");
    html_safe(out, m->title);
    buffer_text(out, "</h3>\n");
    add_slider(out, m, layer);
    buffer_printf(out, "<svg class=\"pm\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 1000 1000\" "
                  "preserveAspectRatio=\"none\" tabindex=\"0\" role=\"img\" aria-label=\"", width, width / aspect);
    html_safe(out, m->title);
    buffer_text(out, ": heat map over the picture; arrow keys read its rows\">\n<use class=\"pm-under\" "
                     "href=\"#pm-picture\"/>\n");
    add_cells(out, m, layer);
    buffer_text(out, "</svg>\n");
    add_bar(out, m);
    buffer_text(out, "<p class=\"note pm-else\">");
    picture_map_elsewhere(out, m, layer);
    buffer_text(out, "</p>\n");
    add_data(out, m, layer);
    buffer_text(out, "</figure>\n");
}

void picture_map_script(buffer *out)
{
    buffer_text(out, "<script>\n");
    buffer_text(out, picture_map_js);
    buffer_text(out, "</script>\n");
}
