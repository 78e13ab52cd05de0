/* heat_rows.c: the rows of a heat map: their labels, heights and breaks (heat.h).
 *
 * A row is a cell: a position, or a group of positions. Rows of the picture come by the hundred, so they are thin and
 * share one bracket; where positions were left out, the map is broken, so that neighbours on paper are neighbours in
 * the prompt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/heat.h"
#include "report/markup.h"
#include "report/trace_words.h"

/* "France*", "constraint* (2 rows)" */
static char *label_of(const trace_report *r, size_t cell, double ems)
{
    const span *s = &r->trace->cells[cell];
    buffer name = {0}, label = {0};
    if (r->trace->groups)
        text_visible(&name, r->trace->groups[cell], strlen(r->trace->groups[cell]));
    else
        about_token_label(&r->about, r->about.prompt->ids[s->positions[0]], &name);
    text_shorten(&label, name.data, ems);
    about_constraint_mark(r->about.prompt, s->positions, s->count, &label);
    if (r->trace->groups)
        buffer_printf(&label, s->count == 1 ? " (%zu row)" : " (%zu rows)", s->count);
    buffer_free(&name);
    return label.data;
}

/* Is this cell one row of the picture, to be drawn thin? */
static bool is_thin(const trace_report *r, size_t cell)
{
    return !r->trace->groups && prompt_is_image(r->about.prompt, r->trace->cells[cell].positions[0]);
}

/* Marks the row after positions that were left out; names what is missing if it is the whole picture. */
static void find_gap(heat_row *row, const trace_report *r, size_t cell)
{
    const prompt *p = r->about.prompt;
    if (r->trace->groups || cell == 0)
        return;
    size_t before = r->trace->cells[cell - 1].positions[0], here = r->trace->cells[cell].positions[0];
    row->gap = here != before + 1;
    if (!row->gap || !p->image_count || before >= p->image_first || here < p->image_first + p->image_count)
        return;
    buffer b = {0};
    buffer_printf(&b, "%zu image rows", p->image_count);
    row->gap_label = b.data;
}

static double image_row_height(const heat_sizes *s, size_t count)
{
    return count ? fmin(s->row, fmax(s->image, 2.2 * s->font) / (double)count) : 0;
}

static void place(heat_rows *rows, const trace_report *r)
{
    const heat_sizes *s = &rows->sizes;
    size_t thin = 0;
    for (size_t i = 0; i < rows->count; i++)
        thin += is_thin(r, i);
    double at = 0, thin_height = image_row_height(s, thin);
    for (size_t i = 0; i < rows->count; i++) {
        heat_row *row = &rows->row[i];
        row->gap_top = at;
        if (row->gap)
            at += row->gap_label ? s->row * 1.15 : s->row * 0.35;
        row->top = at;
        row->height = row->label ? s->row : thin_height;
        at += row->height;
    }
    rows->height = at;
}

static double widest(const heat_rows *rows)
{
    double ems = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const heat_row *row = &rows->row[i];
        double label = row->label ? text_width(row->label, strlen(row->label)) : 4.6;
        double gap = row->gap_label ? text_width(row->gap_label, strlen(row->gap_label)) : 0;
        ems = fmax(ems, fmax(label, gap));
    }
    return ems;
}

void heat_rows_make(heat_rows *rows, const trace_report *r, const heat_sizes *sizes)
{
    const trace *t = r->trace;
    *rows = (heat_rows){.row = mem_new(t->cell_count, sizeof *rows->row), .count = t->cell_count, .sizes = *sizes};
    for (size_t i = 0; i < t->cell_count; i++) {
        heat_row *row = &rows->row[i];
        row->label = is_thin(r, i) ? NULL : label_of(r, i, sizes->label);
        find_gap(row, r, i);
    }
    place(rows, r);
    rows->label_width = widest(rows) * sizes->font * 1.1 + 5; /* a tenth for wider faces, 5 for tick and air */
}

void heat_rows_free(heat_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->row[i].label);
        free(rows->row[i].gap_label);
    }
    free(rows->row);
    *rows = (heat_rows){0};
}
