/* lens_read.c: lens.json read back (result_read.h). */
#include <stdlib.h>

#include "report/result_read.h"

/* The longest of the lists of tokens. */
static size_t longest(const json_t *layers)
{
    size_t most = 0;
    for (size_t l = 0; l < json_array_size(layers); l++) {
        const json_t *row = json_array_get(layers, l);
        for (size_t p = 0; p < json_array_size(row); p++) {
            size_t n = json_array_size(json_array_get(row, p));
            most = n > most ? n : most;
        }
    }
    return most;
}

static pb_status read_top(lens_read *r, const json_at *root, pb_error *err)
{
    lens *n = &r->lens;
    json_at layers = json_at_key(root, "top");
    size_t P = n->positions.count, cells = n->layer_count * P;
    TRY(json_at_list_of(&layers, n->layer_count, err));
    n->top = longest(layers.value);
    if (n->top == 0)
        return json_at_wrong(&layers, "a token or more of each cell", err);
    n->top_id = mem_new(cells * n->top, sizeof *n->top_id);
    n->top_prob = mem_new(cells * n->top, sizeof *n->top_prob);
    for (size_t l = 0; l < n->layer_count; l++) {
        json_at row = json_at_item(&layers, l);
        TRY(json_at_list_of(&row, P, err));
        for (size_t p = 0; p < P; p++) {
            json_at cell = json_at_item(&row, p);
            size_t at = (l * P + p) * n->top;
            TRY(json_at_list_of(&cell, n->top, err));
            TRY(top_read(&r->about, &cell, n->top_id + at, n->top_prob + at, n->top, err));
        }
    }
    return PB_OK;
}

static pb_status read_cells(lens_read *r, const json_at *root, pb_error *err)
{
    lens *n = &r->lens;
    json_at positions = json_at_key(root, "positions"), probs = json_at_key(root, "answer_prob");
    TRY(json_at_positions(&positions, r->about.prompt.length, &n->positions.positions, &n->positions.count, err));
    TRY(layers_read(root, &n->layers, &n->layer_count, err));
    if (n->positions.count == 0)
        return json_at_wrong(&positions, "a position or more", err);
    TRY(read_top(r, root, err));
    return matrix_read(&probs, n->layer_count, n->positions.count, &n->answer_prob, err);
}

static pb_status read_all(lens_read *r, const json_at *root, pb_error *err)
{
    lens *n = &r->lens;
    json_at clean = json_at_key(root, "clean"), where = json_at_key(root, "site");
    const char *name;
    TRY(answer_read(&r->about, root, &n->answer, &n->answer_count, err));
    TRY(run_read(&r->about, &clean, &n->clean, err));
    TRY(json_at_text(&where, &name, err));
    if (!site_find(name, &n->site) || n->site >= SITE_COUNT)
        return json_at_wrong(&where, site_wide_names(), err);
    TRY(read_cells(r, root, err));
    return cost_read(root, &n->cost, err);
}

pb_status lens_read_json(lens_read *n, const json_at *root, pb_error *err)
{
    *n = (lens_read){0};
    TRY(about_read_json(&n->about, root, err));
    pb_status status = read_all(n, root, err);
    n->report = (lens_report){.lens = &n->lens, .about = n->about.about};
    if (status)
        lens_read_free(n);
    return status;
}

void lens_read_free(lens_read *n)
{
    lens_free(&n->lens);
    about_read_free(&n->about);
}
