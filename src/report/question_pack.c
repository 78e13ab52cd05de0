/* question_pack.c: makes a list of questions fit into a page: rounds, takes differences, deflates (question_list.h). */
#include "report/question_pack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "report/html.h"
#include "report/markup.h"

enum { SAMPLE = 8 }; /* of so many chunks one tells how large all are */

/* How coarse traces may be, the finest first. */
typedef struct grain {
    bool all_parts;
    unsigned levels;
} grain;

static const grain grains[] = {{true, 254}, {false, 254}, {false, 126}, {false, 62}, {false, 30}, {false, 14}};

/* ---- bytes ---- */

/* Appends zlib's form of the bytes, in base64. Memory alone can make it fail, and mem_new ends the process then. */
static void add_deflated(buffer *out, const buffer *bytes)
{
    uLongf size = compressBound(bytes->size);
    unsigned char *packed = mem_new(size, 1);
    if (compress2(packed, &size, (const Bytef *)bytes->data, bytes->size, Z_BEST_COMPRESSION) == Z_OK)
        text_base64(out, packed, size);
    free(packed);
}

static void add_u32(buffer *out, size_t value)
{
    unsigned char bytes[] = {(unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16),
                             (unsigned char)(value >> 24)};
    buffer_add(out, bytes, 4);
}

static void add_range_end(buffer *out, double value, bool unit)
{
    if (unit) {
        unsigned part = (unsigned)(value * 65535 + 0.5);
        unsigned char bytes[] = {(unsigned char)part, (unsigned char)(part >> 8)};
        buffer_add(out, bytes, 2);
        return;
    }
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, 4);
    add_u32(out, bits);
}

/* ---- a chunk ---- */

static void add_part_values(const question_list *l, const question_list_part *p, unsigned levels, buffer *out)
{
    const question_list_part_kind *k = &l->kinds[p->kind];
    const unsigned char *q = (const unsigned char *)l->values.data + p->first;
    unsigned before = 0;
    for (size_t i = 0; i < k->size; i++) {
        unsigned now = q[i] == 255 ? 255 : (q[i] * levels + 127) / 254;
        unsigned char byte = (unsigned char)(i % k->layers ? now - before : now);
        buffer_add(out, &byte, 1);
        before = now;
    }
}

static size_t first_part(const question_list *l, size_t question)
{
    return question ? l->ends[question - 1] : 0;
}

/* {"kinds": [...], "of": [[...], ...]}: kinds are numbered as they come. */
static void add_kinds(const question_list *l, size_t first, size_t end, const grain *g, buffer *json)
{
    long *number = mem_new(l->kind_count + 1, sizeof *number);
    long kinds = 0;
    buffer of = {0};
    buffer_text(json, "{\"kinds\":[");
    for (size_t i = first; i < end; i++) {
        size_t added = 0;
        buffer_text(&of, i > first ? ",[" : "[");
        for (size_t p = first_part(l, i); p < l->ends[i]; p++) {
            size_t kind = l->parts[p].kind;
            if (!g->all_parts && !l->parts[p].needed)
                continue;
            if (number[kind] == 0) {
                buffer_printf(json, "%s%s", kinds ? "," : "", l->kinds[kind].json);
                number[kind] = ++kinds;
            }
            buffer_printf(&of, "%s%ld", added++ ? "," : "", number[kind] - 1);
        }
        buffer_text(&of, "]");
    }
    buffer_printf(json, "],\"of\":[%s]}", of.data);
    buffer_free(&of);
    free(number);
}

/* Appends questions [first, end) of a list, packed. */
static void add_chunk(const question_list *l, size_t first, size_t end, const grain *g, buffer *out)
{
    buffer json = {0}, ranges = {0}, values = {0}, all = {0};
    add_kinds(l, first, end, g, &json);
    for (size_t p = first_part(l, first); p < l->ends[end - 1]; p++) {
        const question_list_part *part = &l->parts[p];
        if (!g->all_parts && !part->needed)
            continue;
        add_range_end(&ranges, part->low, l->kinds[part->kind].unit);
        add_range_end(&ranges, part->high, l->kinds[part->kind].unit);
        add_part_values(l, part, g->levels, &values);
    }
    add_u32(&all, json.size);
    add_u32(&all, ranges.size);
    buffer_add(&all, json.data, json.size);
    buffer_add(&all, ranges.data, ranges.size);
    buffer_add(&all, values.data, values.size);
    add_deflated(out, &all);
    buffer_free(&json);
    buffer_free(&ranges);
    buffer_free(&values);
    buffer_free(&all);
}

/* ---- all traces ---- */

static size_t chunks_of(const question_list *l)
{
    return (l->count + QUESTION_CHUNK - 1) / QUESTION_CHUNK;
}

static void add_chunk_element(const question_list *l, size_t list, size_t chunk, const grain *g, buffer *out)
{
    size_t first = chunk * QUESTION_CHUNK, end = first + QUESTION_CHUNK < l->count ? first + QUESTION_CHUNK : l->count;
    if (first_part(l, first) == l->ends[end - 1])
        return;
    buffer_printf(out, "<script type=\"text/plain\" id=\"traces-%zu-%zu\">", list, chunk);
    add_chunk(l, first, end, g, out);
    buffer_text(out, "</script>\n");
}

/* A chunk of one of several lists. */
typedef struct place {
    size_t list, chunk;
} place;

/* All chunks in order: free() */
static place *all_places(const question_list *lists, size_t count, size_t *places)
{
    *places = 0;
    for (size_t s = 0; s < count; s++)
        *places += chunks_of(&lists[s]);
    place *all = mem_new(*places, sizeof *all), *next = all;
    for (size_t s = 0; s < count; s++)
        for (size_t c = 0; c < chunks_of(&lists[s]); c++)
            *next++ = (place){s, c};
    return all;
}

/* Chunks 0, step, 2 step, ... of all, each in a buffer of its own: packing takes long, so threads share it. */
static buffer *pack_chunks(const question_list *lists, const place *all, size_t places, size_t step, const grain *g)
{
    buffer *packed = mem_new(places, sizeof *packed);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < places; i += step)
        add_chunk_element(&lists[all[i].list], all[i].list, all[i].chunk, g, &packed[i]);
    return packed;
}

static void packed_free(buffer *packed, size_t places)
{
    for (size_t i = 0; i < places; i++)
        buffer_free(&packed[i]);
    free(packed);
}

/* How large all would be, told from some of them. */
static size_t estimate(const question_list *lists, size_t count, const grain *g)
{
    size_t places, size = 0, sampled = 0;
    place *all = all_places(lists, count, &places);
    buffer *packed = pack_chunks(lists, all, places, SAMPLE, g);
    for (size_t i = 0; i < places; i += SAMPLE, sampled++)
        size += packed[i].size;
    packed_free(packed, places);
    free(all);
    return sampled ? size * places / sampled : 0;
}

static size_t traced_in(const question_list *l, size_t chunk)
{
    size_t traced = 0;
    for (size_t i = chunk * QUESTION_CHUNK; i < (chunk + 1) * QUESTION_CHUNK && i < l->count; i++)
        traced += first_part(l, i) < l->ends[i];
    return traced;
}

/* Appends chunks as long as they fit. Returns how many questions with traces were left out. */
static size_t add_traces(const question_list *lists, size_t count, const grain *g, size_t budget, buffer *out)
{
    size_t places, used = 0, left_out = 0;
    place *all = all_places(lists, count, &places);
    buffer *packed = pack_chunks(lists, all, places, 1, g);
    for (size_t i = 0; i < places; i++) {
        used += packed[i].size;
        if (left_out == 0 && used <= budget)
            buffer_add(out, packed[i].data, packed[i].size);
        else
            left_out += traced_in(&lists[all[i].list], all[i].chunk);
    }
    packed_free(packed, places);
    free(all);
    return left_out;
}

static size_t traced(const question_list *lists, size_t count)
{
    size_t n = 0;
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < lists[s].count; i++)
            n += first_part(&lists[s], i) < lists[s].ends[i];
    return n;
}

/* ---- the rows ---- */

static void add_rows(const question_list *l, size_t list, buffer *out)
{
    buffer json = {0};
    buffer_text(&json, "{\"valueNames\":[");
    for (size_t i = 0; i < l->value_name_count; i++) {
        buffer_text(&json, i ? "," : "");
        html_script_text(&json, l->value_names[i], strlen(l->value_names[i]));
    }
    buffer_text(&json, "]");
    for (size_t c = 0; c < QUESTION_LIST_COLUMNS; c++)
        buffer_printf(&json, ",\n\"%s\":%s]", question_list_columns[c], l->count ? l->columns[c].data : "[");
    buffer_text(&json, "}");
    buffer_printf(out, "<script type=\"text/plain\" id=\"rows-%zu\">", list);
    add_deflated(out, &json);
    buffer_text(out, "</script>\n");
    buffer_free(&json);
}

void question_lists_pack(const question_list *lists, size_t count, size_t budget, question_packed *packed, buffer *out)
{
    enum { LAST = sizeof grains / sizeof *grains - 1 };
    size_t start = out->size;
    for (size_t s = 0; s < count; s++)
        add_rows(&lists[s], s, out);
    size_t used = out->size - start, left = budget > used ? budget - used : 0;
    for (size_t i = 0; i <= LAST; i++) {
        size_t before = out->size;
        if (i < LAST && estimate(lists, count, &grains[i]) > left)
            continue;
        size_t left_out = add_traces(lists, count, &grains[i], left, out);
        *packed = (question_packed){.levels = grains[i].levels, .all_parts = grains[i].all_parts, .left_out = left_out,
                                 .traced = traced(lists, count) - left_out};
        if (left_out == 0 || i == LAST)
            return;
        out->size = before;
        out->data[before] = '\0';
    }
}
