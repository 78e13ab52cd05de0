/* image_blocks.c: see image_blocks.h. */
#include "method/image_blocks.h"

#include "base/memory.h"

static size_t along(const vision *v, size_t n)
{
    return (vision_side(v) + n - 1) / n;
}

static void open_blocks(image_blocks *b, const vision *v, size_t n)
{
    b->count = along(v, n) * along(v, n);
    b->rows = mem_new(b->count, sizeof *b->rows);
    b->names = mem_new(b->count, sizeof *b->names);
}

/* Puts a row that a row of the tower became into its block. Rows come in ascending order. */
static void add_row(image_blocks *b, const vision *v, size_t n, size_t tower_row, size_t row)
{
    size_t class_rows = vision_settings(v)->class_row, side = vision_side(v);
    if (tower_row < class_rows)
        return;
    size_t patch = tower_row - class_rows;
    span *s = &b->rows[patch / side / n * along(v, n) + patch % side / n];
    s->positions = mem_resize(s->positions, s->count + 1, sizeof *s->positions);
    s->positions[s->count++] = row;
}

/* Names the blocks, and drops those without rows. */
static void close_blocks(image_blocks *b, const vision *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->rows[i].count == 0)
            continue;
        buffer name = {0};
        buffer_printf(&name, "block %zu,%zu", i / along(v, n), i % along(v, n));
        b->rows[kept] = b->rows[i];
        b->names[kept++] = name.data;
    }
    b->count = kept;
}

void image_blocks_of_prompt(image_blocks *b, const question *q, size_t n)
{
    const vision *v = q->model->vision;
    open_blocks(b, v, n);
    for (size_t i = 0; i < q->prompt.image_count; i++)
        add_row(b, v, n, image_order_from(&q->order, i) + vision_settings(v)->skipped_rows, q->prompt.image_first + i);
    close_blocks(b, v, n);
}

void image_blocks_of_tower(image_blocks *b, const vision *v, size_t n)
{
    open_blocks(b, v, n);
    for (size_t i = 0; i < vision_tower_rows(v); i++)
        add_row(b, v, n, i, i);
    close_blocks(b, v, n);
}
