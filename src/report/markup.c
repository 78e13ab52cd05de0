/* markup.c: see markup.h. */
#include "report/markup.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

enum { REPLACEMENT = 0xFFFD, ELLIPSIS = 0x2026 };

/* The code point at *at, which moves behind it; bytes that are no UTF-8 give U+FFFD one by one. */
static int32_t next_point(const char *text, size_t n, size_t *at)
{
    utf8proc_int32_t point;
    size_t left = n - *at;
    utf8proc_ssize_t length =
        utf8proc_iterate((const utf8proc_uint8_t *)text + *at, left > 4 ? 4 : (utf8proc_ssize_t)left, &point);
    *at += length > 0 ? (size_t)length : 1;
    return length > 0 ? point : REPLACEMENT;
}

static void add_point(buffer *out, int32_t point)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t length = utf8proc_encode_char(point, bytes);
    buffer_add(out, bytes, (size_t)length);
}

void text_utf8(buffer *out, const char *text, size_t n)
{
    buffer_text(out, ""); /* so that data is never NULL */
    for (size_t at = 0; at < n;)
        add_point(out, next_point(text, n, &at));
}

static bool turns_direction(int32_t p)
{
    return p == 0x200E || p == 0x200F || p == 0x061C || (p >= 0x202A && p <= 0x202E) || (p >= 0x2066 && p <= 0x2069);
}

static bool only_spaces(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != ' ')
            return false;
    return true;
}

void text_visible(buffer *out, const char *text, size_t n)
{
    bool blank = only_spaces(text, n);
    buffer_text(out, "");
    for (size_t at = 0; at < n;) {
        int32_t p = next_point(text, n, &at);
        if (p == '\n')
            add_point(out, 0x23CE);
        else if (p == '\t')
            add_point(out, 0x21E5);
        else if (p < 0x20)
            add_point(out, 0x2400 + p);
        else if (p == ' ' && blank)
            add_point(out, 0x2423);
        else if (p == 0x7F)
            add_point(out, 0x2421);
        else if ((p >= 0x80 && p < 0xA0) || p == 0x2028 || p == 0x2029 || turns_direction(p))
            buffer_printf(out, "<%04X>", (unsigned)p);
        else
            add_point(out, p);
    }
}

static bool xml_holds(int32_t p)
{
    return p == '\t' || p == '\n' || p == '\r' || (p >= 0x20 && p != 0xFFFE && p != 0xFFFF);
}

void text_markup(buffer *out, const char *text, size_t n)
{
    buffer_text(out, "");
    for (size_t at = 0; at < n;) {
        int32_t p = next_point(text, n, &at);
        switch (p) {
        case '&': buffer_text(out, "&amp;"); break;
        case '<': buffer_text(out, "&lt;"); break;
        case '>': buffer_text(out, "&gt;"); break;
        case '"': buffer_text(out, "&quot;"); break;
        case '\'': buffer_text(out, "&#39;"); break;
        default: add_point(out, xml_holds(p) ? p : REPLACEMENT);
        }
    }
}

void markup(buffer *out, const char *text)
{
    text_markup(out, text, strlen(text));
}

void text_base64(buffer *out, const unsigned char *bytes, size_t n)
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

/* ---- widths ---- */

/* Advance widths of ' ' to '~' in thousandths of an em: Helvetica's, as Adobe's font metrics give them. */
static const uint16_t widths[95] = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
};

static double point_width(int32_t p)
{
    if (p >= ' ' && p <= '~')
        return widths[p - ' '] / 1000.0;
    switch (utf8proc_charwidth(p)) {
    case 0: return 0;
    case 1: return p < 0x300 ? 0.56 : 0.7;
    default: return 1;
    }
}

double text_width(const char *text, size_t n)
{
    double ems = 0;
    for (size_t at = 0; at < n;)
        ems += point_width(next_point(text, n, &at));
    return ems;
}

void text_shorten(buffer *out, const char *text, double ems)
{
    size_t n = strlen(text), keep = 0;
    double used = 0, room = ems - 1; /* the ellipsis takes one */
    if (text_width(text, n) <= ems) {
        text_utf8(out, text, n);
        return;
    }
    for (size_t at = 0; at < n;) {
        used += point_width(next_point(text, n, &at));
        if (used > room)
            break;
        keep = at;
    }
    while (keep && text[keep - 1] == ' ')
        keep--;
    text_utf8(out, text, keep);
    add_point(out, ELLIPSIS);
}

void text_folder_name(buffer *out, const char *path)
{
    size_t end = path ? strlen(path) : 0;
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    text_visible(out, path ? path + start : "", end - start);
}

void text_prob(buffer *out, double prob)
{
    double size = fabs(prob);
    if (isnan(prob))
        buffer_text(out, "n/a");
    else if (size == 0)
        buffer_text(out, "0");
    else if (size < 0.001)
        buffer_printf(out, "%.1e", prob);
    else
        buffer_printf(out, size < 0.0995 ? "%.4f" : "%.3f", prob);
}

void interval_by(buffer *out, const interval *i, void (*prob)(buffer *out, double prob))
{
    prob(out, i->mean);
    if (i->subjects < 2)
        return;
    buffer_text(out, " [");
    prob(out, i->low);
    buffer_text(out, ", ");
    prob(out, i->high);
    buffer_text(out, "]");
}

void text_interval(buffer *out, const interval *i)
{
    interval_by(out, i, text_prob);
}
