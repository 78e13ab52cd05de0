/* meter.c: see meter.h. */
#include "base/meter.h"

#include <math.h>

#include "base/process.h"

static _Thread_local meter *running;

const char *meter_name(meter_kind kind)
{
    static const char *const names[METER_KINDS] = {"rest", "picture", "loading", "products", "attention", "read_out"};
    return names[kind];
}

size_t meter_size(size_t rows)
{
    size_t size = rows > 1 ? (size_t)lround(log2((double)rows)) : 0;
    return size < METER_SIZES ? size : METER_SIZES - 1;
}

/* Gives the time since the last turn to the phase that has run since. */
static void turn(meter_kind next)
{
    double now = clock_now();
    running->phase[running->now].seconds += now - running->since;
    running->since = now;
    running->now = next;
}

void meter_start(meter *m)
{
    *m = (meter){.since = clock_now()};
    running = m;
}

void meter_stop(void)
{
    if (running)
        turn(METER_REST);
    running = NULL;
}

bool meter_runs(void)
{
    return running;
}

void meter_add_help(const meter *helper)
{
    for (size_t i = 0; running && i < METER_KINDS; i++) {
        meter_phase *p = &running->phase[i];
        const meter_phase *q = &helper->phase[i];
        p->flop += q->flop;
        p->bytes += q->bytes;
        p->written += q->written;
        for (size_t s = 0; s < METER_SIZES; s++) {
            p->products[s].flop += q->products[s].flop;
            p->products[s].bytes += q->products[s].bytes;
        }
    }
}

static double without(double all, double less)
{
    return all > less ? all - less : 0;
}

void meter_subtract(meter *m, const meter *less)
{
    for (size_t i = 0; i < METER_KINDS; i++) {
        meter_phase *p = &m->phase[i];
        const meter_phase *q = &less->phase[i];
        p->seconds = without(p->seconds, q->seconds);
        p->flop = without(p->flop, q->flop);
        p->bytes = without(p->bytes, q->bytes);
        p->written = without(p->written, q->written);
        for (size_t s = 0; s < METER_SIZES; s++) {
            p->products[s].flop = without(p->products[s].flop, q->products[s].flop);
            p->products[s].bytes = without(p->products[s].bytes, q->products[s].bytes);
        }
    }
}

meter_kind meter_now(void)
{
    return running ? running->now : METER_REST;
}

meter_kind meter_enter(meter_kind kind)
{
    if (!running)
        return METER_REST;
    meter_kind before = running->now;
    if (before == METER_REST)
        turn(kind);
    return before;
}

void meter_leave(meter_kind before)
{
    if (running && running->now != before)
        turn(before);
}

void meter_product(size_t rows, size_t out, size_t in, size_t bytes)
{
    if (!running)
        return;
    double flop = 2.0 * (double)rows * (double)out * (double)in;
    struct meter_products *p = &running->phase[running->now].products[meter_size(rows)];
    p->flop += flop;
    p->bytes += (double)bytes;
    meter_work(flop, (double)bytes);
}

void meter_work(double flop, double bytes)
{
    if (!running)
        return;
    running->phase[running->now].flop += flop;
    running->phase[running->now].bytes += bytes;
}

void meter_form(double bytes, double written)
{
    meter_work(0, bytes);
    if (running)
        running->phase[running->now].written += written;
}
