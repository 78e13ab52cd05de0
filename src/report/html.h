/* html.h: what the pages of all methods are made of. Everything is appended, and escaped. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "base/memory.h"
#include "report/palette.h"

/* Any text, what cannot be seen shown; NULL is "". */
void html_safe(buffer *out, const char *text);
/* Text as a JSON string that can stand inside <script>: `<` is escaped, so no tag or comment can begin. */
void html_script_text(buffer *out, const char *text, size_t n);
/* A probability (text_prob), in digits of one width. */
void html_prob(buffer *out, double prob);
/* 1,234,567 */
void html_count(buffer *out, size_t value);
/* "1.42 T" of 1.42e12, for a unit to follow. */
void html_si(buffer *out, double value);

/* The colours of a map's cells, .q0 to .q63 below the class of the palette's name, on light and on dark screens. */
void html_palette(buffer *out, const palette *p);

/* One entry of a <dl>: open, its text, close. */
void html_open_fact(buffer *out, const char *name);
void html_close_fact(buffer *out);

/* A drawing inside the page, in pixels, and what it is to those who hear it: its parts follow, then "</svg>". */
void html_open_drawing(buffer *out, double width, double height, const char *label);

/* A figure: the picture inside the page, where picture.h can have it there, and a caption that is opened with its name:
 * add more and close with html_close_picture. */
void html_open_picture(buffer *out, const char *path);
void html_close_picture(buffer *out);

#endif
