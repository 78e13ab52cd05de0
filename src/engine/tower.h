/* tower.h: the vision tower with site rows put in place of its own, and what follows from them for the decoder: the
 * picture's rows.
 *
 * A tower fork is a run of the tower that differs from a recorded one (its base) from the layer of its edit on. Its
 * rows attend to each other in both directions, so from there on all of them are computed; below it they are the
 * base's. A fork with pixels is a run of its own, from layer 0.
 *
 *     tower_fork f = {.base = corrupted, .edit = &e, .image_rows = rows};
 *     TRY(tower_run(vision, &f, 1, err));            // rows[vision_rows][d_model], in the projector's order
 *
 * Rows are the tower's: the class row first where there is one, then the patches. Layers are those that the features
 * pass, vision_used_layers; what lies above is not computed. Sites: resid_pre, attn_out, mlp_out, resid_post
 * (site.h). */
#ifndef ENGINE_TOWER_H
#define ENGINE_TOWER_H

#include "engine/site.h"
#include "model/vision.h"

typedef struct tower_recording {
    size_t layers, rows, width; /* L used layers, R, D */
    float *resid;               /* [L + 1][R][D]: resid[l] is resid_pre of layer l, resid[L] what the features are of */
    float *attn_out, *mlp_out;  /* [L][R][D]; NULL where they are not kept */
} tower_recording;

/* Which of the sites that are not the residual stream's a recording keeps. */
typedef struct tower_kept {
    bool attn_out, mlp_out;
} tower_kept;

size_t tower_recording_bytes(const vision *v, tower_kept kept);
pb_status tower_recording_new(tower_recording **out, const vision *v, tower_kept kept, pb_error *err);
void tower_recording_free(tower_recording *r);
/* The row of a site in one of the used layers; NULL where it was not kept. */
const float *tower_recording_row(const tower_recording *r, site s, size_t layer, size_t row);

/* At rows[count] (ascending) in layers first_layer .. end_layer-1 the site's rows are the source's. Layers beyond the
 * used ones change nothing. */
typedef struct tower_edit {
    site site;
    size_t first_layer, end_layer;
    const size_t *rows;
    size_t row_count;
    const tower_recording *source;
} tower_edit;

typedef struct tower_fork {
    const tower_recording *base; /* what it differs from; NULL: a run over `pixels` */
    const float *pixels;         /* [3][image_size][image_size] */
    const tower_edit *edit;      /* NULL: none; a fork of a base has one */
    tower_recording *record;     /* filled in by a run over pixels; NULL: nothing is kept */
    float *image_rows;           /* [vision_rows][d_model], written; NULL: not wanted */
} tower_fork;

/* Runs the forks, all at once: each layer's weights are read once. */
pb_status tower_run(vision *v, tower_fork *forks, size_t count, pb_error *err);

/* The layer from which an edit is felt; the number of used layers where it is only felt in the features, one more
 * where it is not felt at all. */
size_t tower_felt_from(const vision *v, const tower_edit *e);
/* Operations that a fork takes. */
double tower_fork_flop(const vision *v, const tower_fork *f);
/* Bytes of working memory that do not depend on how many forks there are, and of each fork. */
size_t tower_fixed_bytes(const vision *v);
size_t tower_fork_bytes(const vision *v);

#endif
