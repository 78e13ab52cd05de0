/* bench_json.c: a bench as JSON. */
#include "report/bench_report.h"

#include "report/bench_words.h"
#include "report/json_values.h"

static json_t *machine_json(const bench *b)
{
    const bench_machine *m = &b->machine;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu", make_text(m->cpu), "cores", make_count(m->cores),
                     "threads", make_count(m->threads), "memory_bytes", make_count(m->memory),
                     "library", make_text(m->library), "dtype", make_text(bench_dtype_name(b->dtype)),
                     "weights_gb_s", make_number(b->reading_weights / 1e9));
}

static json_t *products_json(const bench *b)
{
    json_t *list = json_array();
    for (bench_dtype d = 0; d < BENCH_DTYPES; d++)
        for (size_t s = 0; s < b->shape_count; s++)
            for (size_t i = 0; i < BENCH_SIZES; i++)
                if (b->products[d][s][i] > 0)
                    json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "dtype", bench_dtype_name(d),
                                                          "m", make_count(bench_rows(i)),
                                                          "n", make_count(b->shapes[s].n),
                                                          "k", make_count(b->shapes[s].k),
                                                          "gflops", make_number(b->products[d][s][i] / 1e9)));
    return list;
}

static json_t *weights_json(const bench *b)
{
    json_t *list = json_array();
    for (dtype type = 0; type < DTYPE_OTHER; type++) {
        const bench_weights *w = &b->weights[type];
        if (w->matrices)
            json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "dtype", dtype_find(type)->name,
                                                  "matrices", make_count(w->matrices),
                                                  "elements", make_count(w->elements), "bytes", make_count(w->bytes),
                                                  "made_bytes", make_count(w->made)));
    }
    return list;
}

static json_t *phases_json(const bench *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->phase_count; i++) {
        const bench_phase *p = &b->phases[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", p->name, "seconds",
                                              make_number(p->seconds), "flop", make_number(p->flop), "bytes",
                                              make_number(p->bytes), "written", make_number(p->written),
                                              "bound_seconds", make_number(p->bound)));
    }
    return list;
}

json_t *report_bench_json(const bench *b)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "schema", "patchbay.bench/1", "machine", machine_json(b),
                     "weights", weights_json(b), "products", products_json(b),
                     "bandwidth_gb_s", make_number(b->reading / 1e9), "phases", phases_json(b));
}
