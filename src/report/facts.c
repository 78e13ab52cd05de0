/* facts.c: see facts.h. */
#include "report/facts.h"

#include <ctype.h>
#include <stdio.h>

#include "report/html.h"

void fact_model(buffer *out, const report_about *a)
{
    html_open_fact(out, "Model");
    html_safe(out, a->model_path);
    buffer_text(out, " (");
    html_safe(out, a->family);
    buffer_printf(out, ", %zu layers, width %zu), computed in ", a->layers, a->d_model);
    html_safe(out, a->dtype);
    html_close_fact(out);
}

void fact_window(buffer *out, window_kind kind, size_t size)
{
    html_open_fact(out, "Window");
    if (kind == WINDOW_RADIUS)
        buffer_printf(out, "each layer and %zu on either side", size);
    else if (size == 1)
        buffer_text(out, "one layer at a time");
    else
        buffer_printf(out, "%zu layers around each layer", size);
    html_close_fact(out);
}

void fact_verify(buffer *out, const char *cell, size_t cells, double max_rel_diff)
{
    html_open_fact(out, "Verified");
    if (cells == 0)
        buffer_printf(out, "no (<code>--verify N</code> recomputes N %ss by full, unshared forward passes)", cell);
    else
        buffer_printf(out, "%zu random %ss recomputed by full, unshared forward passes; the largest relative "
                      "difference is %.1e", cells, cell, max_rel_diff);
    html_close_fact(out);
}

void fact_cost(buffer *out, const char *cell, const trace_cost *c)
{
    double known = c->products + c->attention + c->readout + c->loading;
    html_open_fact(out, "Cost");
    buffer_printf(out, "%.3g s for ", c->seconds);
    html_si(out, c->flop);
    buffer_printf(out, "FLOP; one full forward pass per %s would take ", cell);
    html_si(out, c->naive_flop);
    buffer_text(out, "FLOP");
    if (c->flop > 0 && c->naive_flop > 0)
        buffer_printf(out, " (%.3g times as many)", c->naive_flop / c->flop);
    html_close_fact(out);
    char name[32];
    snprintf(name, sizeof name, "%c%ss", toupper((unsigned char)cell[0]), cell + 1);
    html_open_fact(out, name);
    html_count(out, c->cells);
    buffer_text(out, ", of which ");
    html_count(out, c->cells_skipped);
    buffer_printf(out, " were known without running; %zu wave%s; %.2f GB of memory at most", c->waves,
                  c->waves == 1 ? "" : "s", (double)c->peak_rss_bytes / 1e9);
    html_close_fact(out);
    if (!(known > 0))
        return;
    html_open_fact(out, "Time");
    buffer_printf(out, "%.3g s in matrix products, %.3g s in attention, %.3g s in read-outs, %.3g s loading",
                  c->products, c->attention, c->readout, c->loading);
    html_close_fact(out);
}
