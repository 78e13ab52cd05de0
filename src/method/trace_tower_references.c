/* trace_tower_references.c: the tower's clean run and its corrupted ones. See trace_tower_parts.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/trace_tower_parts.h"

/* ---- the corrupted picture ---- */

static size_t pixel_bytes(const trace_job *j)
{
    size_t side = vision_settings(j->q->model->vision)->image_size;
    return 3 * side * side * sizeof(float);
}

pb_status trace_tower_inputs(trace_job *j, pb_error *err)
{
    if (!trace_tower_has_part(j->t, TRACE_TOWER))
        return PB_OK;
    j->pixels = mem_new(j->samples, sizeof *j->pixels);
    return corruption_watch_pixels(&j->corruption, j->q, err);
}

pb_status trace_tower_keep_input(trace_job *j, size_t sample, pb_error *err)
{
    if (!j->pixels)
        return PB_OK;
    TRY(mem_try(&j->pixels[sample], 1, pixel_bytes(j), "a corrupted picture", err));
    memcpy(j->pixels[sample], j->corruption.pixels, pixel_bytes(j));
    return PB_OK;
}

/* ---- the tower's runs ---- */

static bool has_site(const trace *t, site s)
{
    for (size_t i = 0; i < t->vision_count; i++)
        if (t->vision[i].part == TRACE_TOWER && t->vision[i].grid.site == s)
            return true;
    return false;
}

static tower_kept kept_sites(const trace *t)
{
    return (tower_kept){has_site(t, SITE_ATTN_OUT), has_site(t, SITE_MLP_OUT)};
}

pb_status trace_tower_references(trace_job *j, pb_error *err)
{
    vision *v = j->q->model->vision;
    if (!trace_tower_has_part(j->t, TRACE_TOWER))
        return PB_OK;
    j->tower_corrupted = mem_new(j->samples, sizeof *j->tower_corrupted);
    TRY(tower_recording_new(&j->tower_clean, v, kept_sites(j->t), err));
    tower_fork clean = {.pixels = j->q->picture.pixels, .record = j->tower_clean};
    TRY(tower_run(v, &clean, 1, err));
    for (size_t s = 0; s < j->samples; s++) {
        TRY(tower_recording_new(&j->tower_corrupted[s], v, kept_sites(j->t), err));
        tower_fork corrupted = {.pixels = j->pixels[s], .record = j->tower_corrupted[s]};
        TRY(tower_run(v, &corrupted, 1, err));
    }
    return PB_OK;
}

size_t trace_tower_held_bytes(const trace_job *j)
{
    if (!trace_tower_has_part(j->t, TRACE_TOWER))
        return 0;
    size_t recording_size = tower_recording_bytes(j->q->model->vision, kept_sites(j->t));
    return (1 + j->samples) * recording_size + j->samples * pixel_bytes(j);
}

void trace_tower_free(trace_job *j)
{
    for (size_t s = 0; s < j->samples; s++) {
        if (j->pixels)
            free(j->pixels[s]);
        if (j->tower_corrupted)
            tower_recording_free(j->tower_corrupted[s]);
    }
    tower_recording_free(j->tower_clean);
    free(j->pixels);
    free(j->tower_corrupted);
}

/* ---- which is which ---- */

const tower_recording *trace_tower_patched(const trace_job *j, size_t sample)
{
    if (!j->tower_clean)
        return NULL;
    return j->t->direction == TRACE_DENOISE ? j->tower_corrupted[sample] : j->tower_clean;
}

const tower_recording *trace_tower_source(const trace_job *j, size_t sample)
{
    if (!j->tower_clean)
        return NULL;
    return j->t->direction == TRACE_DENOISE ? j->tower_clean : j->tower_corrupted[sample];
}

const float *trace_tower_patched_input(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->inputs[sample] : j->q->input;
}

const float *trace_tower_source_input(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->q->input : j->inputs[sample];
}

bool trace_tower_same_row(const trace_job *j, const float *a, const float *b, size_t row)
{
    size_t D = j->q->model->decoder.config.d_model;
    return memcmp(a + row * D, b + row * D, D * sizeof *a) == 0;
}

bool trace_tower_input_is_shared(const trace_job *j, size_t sample, size_t row)
{
    return trace_tower_same_row(j, trace_tower_source_input(j, sample), trace_tower_patched_input(j, sample), row);
}

const float *trace_tower_patched_pixels(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->pixels[sample] : j->q->picture.pixels;
}
