/* picture.c: see picture.h. */
#include "data/picture.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>

#include "base/file.h"
#include "base/memory.h"

/* ---- finding ---- */

/* folder/name, where it is there; else NULL. */
static char *look(const char *folder, const char *name)
{
    char *path = *name == '/' ? mem_text(name) : path_join(folder, name);
    if (file_exists(path))
        return path;
    free(path);
    return NULL;
}

/* As it is called, then without the first folders of its path, one after the other. */
static char *look_deeper(const char *folder, const char *name)
{
    char *path = look(folder, name);
    for (const char *at = strchr(name, '/'); at && at[1] && !path; at = strchr(at + 1, '/'))
        if (at[1] != '/')
            path = look(folder, at + 1);
    return path;
}

static char *with_slashes(const char *name)
{
    char *copy = mem_text(name);
    for (char *at = copy; *at; at++)
        if (*at == '\\')
            *at = '/';
    return copy;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* %20 and the like as the bytes they stand for. */
static char *unescaped(const char *name)
{
    char *copy = mem_text(name), *to = copy;
    for (const char *at = copy; *at; at++) {
        bool escape = *at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0;
        int byte = escape ? 16 * hex(at[1]) + hex(at[2]) : 0;
        *to++ = byte ? (char)byte : *at;
        at += byte ? 2 : 0;
    }
    *to = '\0';
    return copy;
}

static char *composed(const char *name)
{
    return (char *)utf8proc_NFC((const utf8proc_uint8_t *)name);
}

static char *decomposed(const char *name)
{
    return (char *)utf8proc_NFD((const utf8proc_uint8_t *)name);
}

char *picture_find(const char *folder, const char *name)
{
    static char *(*const ways[])(const char *) = {with_slashes, unescaped, composed, decomposed};
    char *path = look_deeper(folder, name);
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !path; i++) {
        char *other = ways[i](name);
        if (other && strcmp(other, name) != 0)
            path = look_deeper(folder, other);
        free(other);
    }
    return path;
}

static const char *const subsets[] = {"train2014", "val2014", "test2015", "train2017", "val2017", "test2017"};

/* In the folder itself, then in the subsets' folders. */
static char *look_in_subsets(const char *folder, const char *name)
{
    char *path = look(folder, name);
    for (size_t i = 0; i < sizeof subsets / sizeof *subsets && !path; i++) {
        char *inside = path_join(folder, subsets[i]);
        path = look(inside, name);
        free(inside);
    }
    return path;
}

char *picture_find_coco(const char *folder, const char *subset, size_t number, char **first)
{
    char *path = NULL;
    *first = NULL;
    if (subset && strncmp(subset, "test-dev2015", 12) == 0)
        subset = "test2015";
    for (size_t i = 0; i < 5 && !path; i++) {
        buffer name = {0};
        const char *of = i == 0 ? subset : i < 4 ? subsets[i - 1] : NULL;
        if (i == 0 && !subset)
            continue;
        if (of)
            buffer_printf(&name, "COCO_%s_%012zu.jpg", of, number);
        else
            buffer_printf(&name, "%012zu.jpg", number);
        path = look_in_subsets(folder, name.data);
        if (!*first)
            *first = path_join(folder, name.data);
        buffer_free(&name);
    }
    if (path) {
        free(*first);
        *first = NULL;
    }
    return path;
}

/* ---- naming ---- */

/* An absolute path; "." and doubled slashes gone, and ".." with the name before it. */
static char *normal(const char *path)
{
    buffer out = {0};
    char here[PATH_MAX];
    buffer all = {0};
    if (*path != '/')
        buffer_printf(&all, "%s/", getcwd(here, sizeof here) ? here : "");
    buffer_text(&all, path);
    for (const char *at = all.data; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && strncmp(at, "..", 2) == 0) {
            char *slash = out.data ? strrchr(out.data, '/') : NULL;
            if (slash) {
                *slash = '\0';
                out.size = (size_t)(slash - out.data);
            }
        } else if (n && !(n == 1 && *at == '.')) {
            buffer_text(&out, "/");
            buffer_add(&out, at, n);
        }
        at += n + (at[n] == '/');
    }
    buffer_free(&all);
    if (!out.size)
        buffer_text(&out, "/");
    return out.data;
}

/* Where the folder really is. */
static char *real_folder(const char *folder)
{
    char *real = realpath(*folder ? folder : ".", NULL);
    return real ? real : normal(folder);
}

static char *real_file(const char *path)
{
    char *folder = mem_text_n(path, (size_t)(path_base(path) - path)), *real = real_folder(folder);
    char *file = path_join(real, path_base(path));
    free(folder);
    free(real);
    return file;
}

char *picture_relative(const char *folder, const char *path)
{
    char *from = real_folder(folder), *to = real_file(path);
    size_t same = 0; /* where the names begin that differ */
    buffer out = {0};
    buffer base = {0};
    buffer_printf(&base, "%s/", strcmp(from, "/") == 0 ? "" : from);
    for (size_t i = 0; base.data[i] && base.data[i] == to[i]; i++)
        if (to[i] == '/')
            same = i + 1;
    for (const char *at = base.data + same; *at; at++)
        if (*at == '/')
            buffer_text(&out, "../");
    buffer_text(&out, to + same);
    buffer_free(&base);
    free(from);
    free(to);
    return out.data;
}

static bool names_picture(const char *key)
{
    size_t n = strlen(key), end = strlen("_image");
    return strcmp(key, "image") == 0 || (n > end && strcmp(key + n - end, "_image") == 0);
}

static void move_all(json_t *value, const char *from, const char *to)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member)
        move_all(member, from, to);
    json_object_foreach(value, key, member)
    {
        const char *text = json_string_value(member);
        if (!text || !names_picture(key) || !*text || *text == '/') {
            move_all(member, from, to);
            continue;
        }
        char *path = path_join(from, text), *named = picture_relative(to, path);
        json_string_set(member, named);
        free(path);
        free(named);
    }
}

void picture_move(json_t *row, const char *from, const char *to)
{
    char *real_from = real_folder(from), *real_to = real_folder(to);
    if (strcmp(real_from, real_to) != 0)
        move_all(row, from, to);
    free(real_from);
    free(real_to);
}
