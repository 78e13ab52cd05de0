/* probe.c: see probe.h. */
#include "engine/probe.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"

enum { FEW = 16, TIMES = 3, LAYERS = 4 };

static const double SHORT = 1e10; /* operations of a layer that takes some milliseconds */

/* The fastest of some runs of forks of nothing through the decoder's first layers: what one of them takes. */
typedef struct timing {
    double flop, seconds;                     /* beside attention, and loading */
    double attention_flop, attention_seconds;
    double load;
} timing;

/* A decoder of its first layers alone; all else is shared, and stays the other's. Where a layer takes little time there are some, as
 * what a run begins with (fresh memory, above all) comes once in all layers. */
static decoder first_layers(const decoder *m, size_t rows)
{
    decoder some = *m;
    size_t most = (double)rows * decoder_layer_flop(&m->config) < SHORT ? LAYERS : 1;
    some.config.layers = most < m->config.layers ? most : m->config.layers;
    return some;
}

static double attention_flop(const decoder_config *c, size_t rows)
{
    return (double)rows * decoder_attention_flop(c, ((double)rows + 1) / 2);
}

static pb_status run_once(timing *t, decoder *some, replay_fork *forks, size_t count, size_t rows, pb_error *err)
{
    replay_options options = {.memory = SIZE_MAX};
    replay_work work = {0};
    double begin = clock_now();
    TRY(replay_run(some, forks, count, &options, &work, err));
    double layers = (double)some->config.layers, seconds = (clock_now() - begin - work.loading - work.attention) / layers;
    double attended = (double)count * attention_flop(&some->config, rows);
    if (t->seconds > 0 && seconds >= t->seconds)
        return PB_OK;
    *t = (timing){work.flop / layers - attended, seconds, attended, work.attention / layers, work.loading / layers};
    return PB_OK;
}

/* `count` runs of the first rows of the input; several times where they are short, since then they are easily disturbed, and it
 * counts that the library makes its code in the first. */
static pb_status time_rows(timing *t, const decoder *m, const float *input, size_t count, size_t rows, pb_error *err)
{
    decoder some = first_layers(m, count * rows);
    replay_fork *forks = mem_new(count, sizeof *forks);
    pb_status status = PB_OK;
    *t = (timing){0};
    for (size_t i = 0; i < count; i++)
        forks[i] = (replay_fork){.end = rows, .input = input, .read_first = 0};
    double begin = clock_now();
    for (size_t i = 0; i < TIMES && !status && (i == 0 || clock_now() - begin < 0.06); i++)
        status = run_once(t, &some, forks, count, rows, err);
    free(forks);
    return status;
}

pb_status probe_layers(layer_rates *r, decoder *m, const float *input, size_t length, size_t most, pb_error *err)
{
    weight w[PART_COUNT];
    timing few, many;
    size_t rows = most < length ? most : length, little = rows < FEW ? rows : FEW;
    double begin = clock_now();
    TRY(decoder_read_layer(m, 0, w, err)); /* also makes the room for it, which the layer by itself then shares */
    double loaded = clock_now() - begin;
    TRY(time_rows(&few, m, input, 1, little, err));
    TRY(time_rows(&many, m, input, most / rows, rows, err));
    *r = (layer_rates){few.flop, few.seconds, many.flop, many.seconds,
                       many.attention_flop > 0 ? many.attention_seconds / many.attention_flop : 0,
                       loaded, many.load};
    return PB_OK;
}

double probe_layer_seconds(const layer_rates *r, double flop)
{
    if (flop >= r->many_flop || !(r->many_flop > r->few_flop))
        return r->many_flop > 0 ? flop / r->many_flop * r->many_seconds : 0;
    double slope = (r->many_seconds - r->few_seconds) / (r->many_flop - r->few_flop);
    double seconds = r->few_seconds + (flop - r->few_flop) * (slope > 0 ? slope : 0);
    return seconds > 0 ? seconds : 0;
}

double probe_plan_seconds(const layer_rates *r, const replay_plan *plan)
{
    double seconds = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const plan_step *s = &plan->steps[i];
        seconds += probe_layer_seconds(r, s->products) + s->attention * r->attention + (s->first ? r->load_first : r->load);
    }
    return seconds;
}
