/* bench_text.c: a bench as a table. */
#include <string.h>

#include "report/bench_report.h"
#include "report/bench_words.h"

static void add_machine(const bench *b, buffer *out)
{
    const bench_machine *m = &b->machine;
    buffer_printf(out, "machine    %s, %zu core%s, %.1f GB; %zu thread%s, %s\n", m->cpu, m->cores,
                  m->cores == 1 ? "" : "s", (double)m->memory / 1e9, m->threads, m->threads == 1 ? "" : "s",
                  m->library);
    buffer_printf(out, "reading    %.1f GB/s from memory, %.1f GB/s of a stretch as long as the decoder's weights\n",
                  b->reading / 1e9, b->reading_weights / 1e9);
}

/* The layers' matrices in the file, and what a walk makes of those that do not lie as products take them. */
static void add_weights(const bench *b, buffer *out)
{
    size_t made = 0, kinds = 0;
    buffer_text(out, "weights    ");
    for (dtype type = 0; type < DTYPE_OTHER; type++) {
        const bench_weights *w = &b->weights[type];
        if (!w->matrices)
            continue;
        buffer_printf(out, "%s%s %.1f MB", kinds++ ? ", " : "", dtype_find(type)->name, (double)w->bytes / 1e6);
        made += w->made;
    }
    if (made)
        buffer_printf(out, "; a walk of many rows makes %.1f MB of %s of them (loading)\n\n", (double)made / 1e6,
                      bench_dtype_name(b->measured[b->dtype] ? b->dtype : BENCH_F32));
    else
        buffer_text(out, ", used as they lie in the file\n\n");
}

static void add_rates(bench_dtype d, const bench_shape *shape, const double rates[BENCH_SIZES], buffer *out)
{
    buffer_printf(out, "  %-4s %5zu x %-5zu%s", bench_dtype_name(d), shape->n, shape->k, shape->times ? " " : "*");
    for (size_t i = 0; i < BENCH_SIZES; i++)
        if (rates[i] > 0)
            buffer_printf(out, " %6.0f", rates[i] / 1e9);
        else
            buffer_text(out, "      -");
    buffer_text(out, "\n");
}

static void add_products(const bench *b, buffer *out)
{
    buffer_text(out, "products, GFLOP/s; rows");
    for (size_t i = 0; i < BENCH_SIZES; i++)
        buffer_printf(out, i ? " %6zu" : "%4zu", bench_rows(i));
    buffer_text(out, "\n");
    for (bench_dtype d = 0; d < BENCH_DTYPES; d++)
        for (size_t s = 0; s < b->shape_count && b->measured[d]; s++)
            add_rates(d, &b->shapes[s], b->products[d][s], out);
    buffer_text(out, "  * for comparison: no matrix of the model\n");
    if (!b->measured[BENCH_BF16])
        buffer_text(out, "  no products in bf16 here: weights are widened to f32 layer by layer\n");
}

/* "products" of "trace.products"; NULL of a whole. */
static const char *part_of(const bench_phase *p)
{
    const char *dot = strrchr(p->name, '.');
    return dot ? dot + 1 : NULL;
}

static void add_rate(double amount, double seconds, double unit, buffer *out)
{
    if (amount > 0 && seconds > 0)
        buffer_printf(out, " %9.3g", amount / seconds / unit);
    else
        buffer_printf(out, " %9s", "");
}

static void add_phase(const bench_phase *p, const bench_phase *whole, buffer *out)
{
    const char *part = part_of(p);
    buffer_printf(out, "%s%-*s %9.4f", part ? "  " : "", part ? 10 : 12, part ? part : p->name, p->seconds);
    buffer_printf(out, " %6.1f %%", whole->seconds > 0 ? 100 * p->seconds / whole->seconds : 0);
    add_rate(p->flop, p->seconds, 1e9, out);
    add_rate(p->bytes, p->seconds, 1e9, out);
    if (p->bound > 0 && p->seconds > 0)
        buffer_printf(out, " %10.4f %7.0f %%", p->bound, 100 * p->bound / p->seconds);
    buffer_text(out, "\n");
}

/* The part that takes most of a work's time. */
static void add_verdict(const bench_phase *whole, const bench_phase *parts, size_t count, buffer *out)
{
    const bench_phase *most = parts;
    for (size_t i = 1; i < count; i++)
        most = parts[i].seconds > most->seconds ? &parts[i] : most;
    buffer_printf(out, "%s: most of the time goes to %s", whole->name, part_of(most));
    if (most->bound > 0 && most->seconds > 0)
        buffer_printf(out, ", at %.0f %% of what this machine can do\n", 100 * most->bound / most->seconds);
    else
        buffer_text(out, "\n");
}

void report_bench_text(const bench *b, buffer *out)
{
    add_machine(b, out);
    add_weights(b, out);
    add_products(b, out);
    buffer_printf(out, "\n%s %14s %8s %9s %9s %10s %9s\n", bench_dtype_name(b->dtype), "seconds", "share", "GFLOP/s",
                  "GB/s", "possible s", "reached");
    for (size_t i = 0; i < b->phase_count; i++) {
        const bench_phase *whole = &b->phases[i - i % (METER_KINDS + 1)];
        add_phase(&b->phases[i], whole, out);
    }
    buffer_text(out, "\n");
    for (size_t i = 0; i + METER_KINDS < b->phase_count; i += METER_KINDS + 1)
        add_verdict(&b->phases[i], &b->phases[i + 1], METER_KINDS, out);
}
