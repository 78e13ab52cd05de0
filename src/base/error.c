/* error.c: see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The end of the last whole character within text's first `end` bytes. */
static size_t cut_between_characters(const char *text, size_t end)
{
    while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
        end--;
    return end > 0 && (unsigned char)text[end - 1] >= 0xc0 ? end - 1 : end;
}

/* Formats into out, whose present text may be among the arguments. Newlines and other control characters become
 * spaces: names out of a hostile file must neither break the line nor reach the terminal as commands. */
static void format_text(char *out, size_t size, const char *format, va_list args)
{
    char text[sizeof((pb_error *)0)->message] = "";
    int n = vsnprintf(text, size, format, args);
    size_t end = strlen(text);
    if (n >= (int)size)
        end = cut_between_characters(text, end);
    for (size_t i = 0; i < end; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[end] = '\0';
}

shown shown_bytes(const void *bytes, size_t n)
{
    enum { LONGEST = sizeof((shown *)0)->text - 4 };
    const unsigned char *in = bytes;
    shown s = {""};
    size_t length = n > LONGEST ? LONGEST : n;
    for (size_t i = 0; i < length; i++)
        s.text[i] = in[i] < 0x20 || in[i] >= 0x7f ? '?' : (char)in[i];
    if (n > LONGEST)
        memcpy(s.text + length, "...", 4);
    return s;
}

void fail_with(pb_error *err, pb_status code, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    format_text(err->message, sizeof err->message, format, args);
    va_end(args);
    err->code = code;
    err->hint[0] = '\0';
}

pb_status fail_hint(pb_error *err, const char *format, ...)
{
    if (!err)
        return PB_EINVAL;
    va_list args;
    va_start(args, format);
    format_text(err->hint, sizeof err->hint, format, args);
    va_end(args);
    return err->code;
}
