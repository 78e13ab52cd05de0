/* transfer_block.c: see transfer_block.h. */
#include "engine/transfer_block.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- sets of positions ---- */

/* Positions, ascending, of all pairs' destinations in one recording. */
typedef struct position_set {
    size_t *at, count;
} position_set;

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static void set_add(position_set *s, const size_t *at, size_t count)
{
    s->at = mem_resize(s->at, s->count + count, sizeof *s->at);
    memcpy(s->at + s->count, at, count * sizeof *at);
    s->count += count;
}

static void set_finish(position_set *s)
{
    size_t kept = 0;
    qsort(s->at, s->count, sizeof *s->at, by_size);
    for (size_t i = 0; i < s->count; i++)
        if (i == 0 || s->at[i] != s->at[kept - 1])
            s->at[kept++] = s->at[i];
    s->count = kept;
}

static position_set destinations_in(const recording *r, const transfer_pair *pairs, size_t count)
{
    position_set s = {0};
    for (size_t i = 0; i < count; i++)
        if (pairs[i].recording == r)
            set_add(&s, pairs[i].destinations, pairs[i].destination_count);
    set_finish(&s);
    return s;
}

/* Whether no pair before this one is of its recording. */
static bool is_first_of_its_recording(const transfer_pair *pairs, size_t pair)
{
    for (size_t i = 0; i < pair; i++)
        if (pairs[i].recording == pairs[pair].recording)
            return false;
    return true;
}

/* How many of the positions lie below `end`. */
static size_t count_below(const size_t *at, size_t count, size_t end)
{
    size_t n = 0;
    while (n < count && at[n] < end)
        n++;
    return n;
}

size_t count_destinations(const transfer_pair *pairs, size_t count, size_t *keys)
{
    size_t rows = 0;
    *keys = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_its_recording(pairs, i))
            continue;
        position_set s = destinations_in(pairs[i].recording, pairs, count);
        rows += s.count;
        if (s.count && s.at[s.count - 1] >= *keys)
            *keys = s.at[s.count - 1] + 1;
        free(s.at);
    }
    return rows;
}

/* ---- destinations ---- */

static void add_stretch(row_block *b, const recording *r, const size_t *at, size_t rows)
{
    b->stretches = mem_resize(b->stretches, b->stretch_count + 1, sizeof *b->stretches);
    row_stretch *s = &b->stretches[b->stretch_count++];
    *s = (row_stretch){.recording = r, .at = mem_new(rows, sizeof *at), .rows = rows, .first = b->rows};
    memcpy(s->at, at, rows * sizeof *at);
    b->rows += rows;
    b->keys = at[rows - 1] >= b->keys ? at[rows - 1] + 1 : b->keys;
}

/* Adds a recording's destinations to the last block, and to new ones when that is full. */
static void add_destinations(row_blocks *blocks, const recording *r, const position_set *s, size_t most)
{
    for (size_t i = 0, n; i < s->count; i += n) {
        if (blocks->count == 0 || blocks->items[blocks->count - 1].rows == most) {
            blocks->items = mem_resize(blocks->items, blocks->count + 1, sizeof *blocks->items);
            blocks->items[blocks->count++] = (row_block){0};
        }
        row_block *b = &blocks->items[blocks->count - 1];
        n = s->count - i < most - b->rows ? s->count - i : most - b->rows;
        add_stretch(b, r, s->at + i, n);
    }
}

/* ---- sources ---- */

const recording *row_holder(const recording *r, size_t position)
{
    while (position < r->first)
        r = r->base;
    return r;
}

static size_t depth_of(const recording *r)
{
    size_t depth = 0;
    for (; r->base; r = r->base)
        depth++;
    return depth;
}

static size_t order_of(const row_block *b, size_t count, const recording *holder)
{
    for (size_t i = 0; i < count; i++)
        if (b->sources[i].holder == holder)
            return b->sources[i].order;
    return count;
}

/* A base holds lower positions than what rests on it, so each pair's sources ascend in this order. */
static int by_holder(const void *a, const void *b)
{
    const source_row *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static source_row source_at(const row_block *b, size_t count, const recording *r, size_t position)
{
    const recording *holder = row_holder(r, position);
    bool same = count && b->sources[count - 1].holder == holder;
    return (source_row){.holder = holder, .position = position, .depth = depth_of(holder),
                        .order = same ? b->sources[count - 1].order : order_of(b, count, holder)};
}

/* Every source that a pair of the block sees, once. */
static void gather_sources(row_block *b, const transfer_pair *pairs)
{
    size_t count = 0, kept = 0;
    for (size_t p = 0; p < b->pair_count; p++)
        count += b->pairs[p].source_count;
    b->sources = mem_new(count, sizeof *b->sources);
    count = 0;
    for (size_t p = 0; p < b->pair_count; p++)
        for (size_t i = 0; i < b->pairs[p].source_count; i++, count++) {
            const transfer_pair *pair = &pairs[b->pairs[p].pair];
            b->sources[count] = source_at(b, count, pair->recording, pair->sources[i]);
        }
    qsort(b->sources, count, sizeof *b->sources, by_holder);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || by_holder(&b->sources[i], &b->sources[kept - 1]) != 0)
            b->sources[kept++] = b->sources[i];
    b->source_count = kept;
}

/* Where each source of a pair stands among the block's: further on than the one before. */
static void find_sources(const row_block *b, block_pair *of, const transfer_pair *pair)
{
    of->source = mem_new(of->source_count, sizeof *of->source);
    for (size_t i = 0, at = 0; i < of->source_count; i++, at++) {
        const recording *holder = row_holder(pair->recording, pair->sources[i]);
        while (b->sources[at].holder != holder || b->sources[at].position != pair->sources[i])
            at++;
        of->source[i] = at;
    }
}

/* ---- blocks ---- */

/* A pair's part in a stretch of its recording. */
static void add_pair(row_block *b, const row_stretch *s, const transfer_pair *pairs, size_t pair)
{
    const transfer_pair *p = &pairs[pair];
    block_pair *of = &b->pairs[b->pair_count];
    size_t first = count_below(p->destinations, p->destination_count, s->at[0]);
    size_t rows = count_below(p->destinations, p->destination_count, s->at[s->rows - 1] + 1) - first;
    if (rows == 0)
        return;
    *of = (block_pair){.pair = pair, .first = first, .rows = rows, .row = mem_new(rows, sizeof *of->row),
                       .source_count = count_below(p->sources, p->source_count, p->destinations[first + rows - 1] + 1)};
    for (size_t i = 0; i < rows; i++)
        of->row[i] = s->first + count_below(s->at, s->rows, p->destinations[first + i]);
    b->pair_count++;
}

static void fill_block(row_block *b, const transfer_pair *pairs, size_t count)
{
    b->pairs = mem_new(count, sizeof *b->pairs);
    for (size_t s = 0; s < b->stretch_count; s++)
        for (size_t p = 0; p < count; p++)
            if (pairs[p].recording == b->stretches[s].recording)
                add_pair(b, &b->stretches[s], pairs, p);
    gather_sources(b, pairs);
    for (size_t p = 0; p < b->pair_count; p++)
        find_sources(b, &b->pairs[p], &pairs[b->pairs[p].pair]);
}

row_blocks row_blocks_make(const transfer_pair *pairs, size_t count, size_t most)
{
    row_blocks blocks = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_its_recording(pairs, i))
            continue;
        position_set s = destinations_in(pairs[i].recording, pairs, count);
        add_destinations(&blocks, pairs[i].recording, &s, most);
        free(s.at);
    }
    for (size_t i = 0; i < blocks.count; i++)
        fill_block(&blocks.items[i], pairs, count);
    return blocks;
}

static void block_free(row_block *b)
{
    for (size_t i = 0; i < b->stretch_count; i++)
        free(b->stretches[i].at);
    for (size_t i = 0; i < b->pair_count; i++) {
        free(b->pairs[i].row);
        free(b->pairs[i].source);
    }
    free(b->stretches);
    free(b->pairs);
    free(b->sources);
}

void row_blocks_free(row_blocks *b)
{
    for (size_t i = 0; i < b->count; i++)
        block_free(&b->items[i]);
    free(b->items);
    *b = (row_blocks){0};
}
