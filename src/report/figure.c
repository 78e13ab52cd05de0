/* figure.c: see figure.h. */
#include "report/figure.h"

#include <string.h>

#include "report/heat.h"
#include "report/markup.h"

#define SIZE 7.0
#define LEADING 9.2
#define WIDEST_FACE 1.16 /* the reader's face may be wider than Helvetica: DejaVu Sans is, by so much */

/* Appends text as lines of `width`, broken at spaces; returns how many. A word wider than a line stands alone. */
static size_t add_lines(buffer *out, const char *text, double x, double y, double width)
{
    size_t lines = 0;
    while (*text) {
        size_t end = strlen(text), next = end;
        while (next > 0 && text_width(text, next) * SIZE * WIDEST_FACE > width) {
            end = next;
            while (next > 0 && text[next - 1] != ' ')
                next--;
            next -= next > 0;
        }
        end = next ? next : end;
        buffer line = {0};
        buffer_add(&line, text, end);
        heat_text(out, HEAT_ATTRIBUTES, x, y + LEADING * (double)lines++, SIZE, "start", "normal",
                  line.data);
        buffer_free(&line);
        text += end + (text[end] == ' ');
    }
    return lines;
}

double figure_caption(buffer *out, const char *text, double y, double width)
{
    buffer safe = {0};
    text_visible(&safe, text, strlen(text));
    buffer_text(out, "<g class=\"caption\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
                     "sans-serif\">\n");
    size_t lines = add_lines(out, safe.data, FIGURE_MARGIN, y + SIZE, width - 2 * FIGURE_MARGIN);
    buffer_text(out, "</g>\n");
    buffer_free(&safe);
    return LEADING * (double)lines + FIGURE_MARGIN;
}

void figure_open(buffer *out, double width, double height)
{
    buffer_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
                  "width=\"%.0fpt\" height=\"%.1fpt\" viewBox=\"0 0 %.0f %.1f\">\n", width, height, width, height);
}

void figure_close(buffer *out, const buffer *body, double width, double height)
{
    buffer_printf(out, "<rect width=\"%.0f\" height=\"%.1f\" fill=\"#fff\"/>\n", width, height);
    buffer_add(out, body->data, body->size);
    buffer_text(out, "</svg>\n");
}

void figure_about(buffer *out, const report_about *a, const char *method, const char *description, buffer *body,
                  double height)
{
    buffer asked = {0};
    about_question(a->prompt, &asked);
    figure_open(out, FIGURE_PAGE, height);
    buffer_printf(out, "<title>%s: ", method);
    text_markup(out, asked.data, asked.size);
    buffer_printf(out, "</title>\n<desc>%s</desc>\n", description);
    figure_close(out, body, FIGURE_PAGE, height);
    buffer_free(body);
    buffer_free(&asked);
}
