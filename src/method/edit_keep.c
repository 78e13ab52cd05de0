/* edit_keep.c: the rows of other questions of which the edited matrix is to make the same as before. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "method/edit_parts.h"

pb_status edit_kept_rows(const edit_settings *s, size_t i, span *rows, pb_error *err)
{
    const question *q = s->keep[i];
    if (s->keep_rows)
        return prompt_span(&q->prompt, s->keep_rows, rows, err);
    *rows = (span){.positions = mem_new(1, sizeof *rows->positions), .count = 1};
    return edit_find_key(s, q, i, &rows->positions[0], err);
}

static pb_status find_rows(const edit *e, span *rows, size_t *count, pb_error *err)
{
    *count = 0;
    for (size_t i = 0; i < e->settings.keep_count; i++) {
        TRY(edit_kept_rows(&e->settings, i, &rows[i], err));
        *count += rows[i].count;
    }
    return PB_OK;
}

/* Runs the questions as far as their kept rows reach, and taps their keys of all layers. */
static pb_status tap_keys(edit *e, const span *rows, size_t count, pb_error *err)
{
    size_t n = e->settings.keep_count, K = e->layer_count, F = e->model->decoder.config.d_ff, at = 0;
    replay_fork *forks = mem_new(n, sizeof *forks);
    tap *taps = mem_new(count * K, sizeof *taps);
    for (size_t i = 0, t = 0; i < n; i++) {
        const question *q = e->settings.keep[i];
        size_t end = rows[i].positions[rows[i].count - 1] + 1, first = t;
        for (size_t r = 0; r < rows[i].count; r++, at++)
            for (size_t k = 0; k < K; k++)
                taps[t++] = (tap){SITE_MLP_POST, e->layers[k].layer, rows[i].positions[r], e->layers[k].kept + at * F};
        forks[i] = (replay_fork){
            .end = end, .input = q->input, .read_first = end, .taps = taps + first, .tap_count = t - first};
    }
    replay_options options = {.memory = question_budget(e->settings.memory)};
    replay_work work = {0};
    pb_status status = replay_run(&e->model->decoder, forks, n, &options, &work, err);
    e->flop += work.flop;
    free(forks);
    free(taps);
    return status;
}

pb_status edit_kept_keys(edit *e, pb_error *err)
{
    size_t n = e->settings.keep_count, count;
    span *rows = mem_new(n, sizeof *rows);
    pb_status status = find_rows(e, rows, &count, err);
    for (size_t k = 0; k < e->layer_count && !status; k++) {
        e->layers[k].kept_count = count;
        status = mem_try(&e->layers[k].kept, count, e->model->decoder.config.d_ff * sizeof(float), "keys to keep", err);
    }
    if (!status && n)
        status = tap_keys(e, rows, count, err);
    for (size_t i = 0; i < n; i++)
        span_free(&rows[i]);
    free(rows);
    return status;
}
