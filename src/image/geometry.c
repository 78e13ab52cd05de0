/* geometry.c: see geometry.h. Sizes follow transformers 5 (image_transforms.py) and LLaVA's expand2square. */
#include "image/geometry.h"

/* LLaVA's expand2square: the picture in the middle of a square. */
static void paste(image_layout *l, bool square)
{
    size_t side = l->width > l->height ? l->width : l->height;
    l->canvas_width = square ? side : l->width;
    l->canvas_height = square ? side : l->height;
    l->left = (l->canvas_width - l->width) / 2;
    l->top = (l->canvas_height - l->height) / 2;
}

static void resize(image_layout *l, const image_processor *p)
{
    l->full_width = p->width;
    l->full_height = p->height;
    if (!p->resize) {
        l->full_width = l->canvas_width;
        l->full_height = l->canvas_height;
    } else if (p->shortest_edge) {
        bool upright = l->canvas_width <= l->canvas_height;
        size_t shorter = upright ? l->canvas_width : l->canvas_height;
        size_t longer = upright ? l->canvas_height : l->canvas_width;
        size_t long_side = (size_t)((double)(p->shortest_edge * longer) / (double)shorter);
        l->full_width = upright ? p->shortest_edge : long_side;
        l->full_height = upright ? long_side : p->shortest_edge;
    }
}

/* A centre crop. What the picture is too small for has the odd pixel of the border first, as in HF's center_crop. */
static image_cut centre(size_t size, size_t wanted)
{
    if (size >= wanted)
        return (image_cut){(size - wanted) / 2, 0, wanted};
    return (image_cut){0, (wanted - size + 1) / 2, size};
}

image_layout image_layout_of(const image_processor *p, size_t width, size_t height)
{
    image_layout l = {.width = width, .height = height};
    paste(&l, p->pad_to_square);
    resize(&l, p);
    l.out_width = p->crop ? p->crop_width : l.full_width;
    l.out_height = p->crop ? p->crop_height : l.full_height;
    l.across = centre(l.full_width, l.out_width);
    l.down = centre(l.full_height, l.out_height);
    return l;
}

static double within(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* One axis: from .. end-1 of the result in the source's pixels, clipped to what the crop kept and to the source; empty
 * where there is nothing of it. Clipped before the division, so that edges that meet are equal. */
static void undo(const image_cut *cut, size_t canvas, size_t full, size_t offset, size_t size, size_t from, size_t end,
                 double *low, double *high)
{
    double first = (double)cut->to, last = (double)(cut->to + cut->length);
    double edges[2] = {within((double)from, first, last), within((double)end, first, last)};
    for (int i = 0; i < 2; i++) {
        double scaled = (edges[i] - first + (double)cut->from) * (double)canvas - (double)offset * (double)full;
        edges[i] = within(scaled, 0, (double)size * (double)full) / (double)full;
    }
    *low = edges[0];
    *high = edges[1];
}

image_area image_layout_area(const image_layout *l, size_t x, size_t y, size_t width, size_t height)
{
    image_area a = {.kind = AREA_PIXELS};
    undo(&l->across, l->canvas_width, l->full_width, l->left, l->width, x, x + width, &a.left, &a.right);
    undo(&l->down, l->canvas_height, l->full_height, l->top, l->height, y, y + height, &a.top, &a.bottom);
    if (a.left < a.right && a.top < a.bottom)
        return a;
    return (image_area){.kind = AREA_PADDING};
}
