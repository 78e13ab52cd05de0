/* trace.h: MultimodalCausalTrace (Basu et al. 2024, section 4.1), after ROME's causal tracing (Meng et al. 2022).
 *
 * Three runs of one prompt: clean; corrupted (something is wrong with the constraint or the picture); and, for each
 * cell, patched: the corrupted run in which a site's clean activations are put back at some positions and layers. Which
 * of them bring the answer back? With direction `noise` the other way round: which corrupted activations, put into the
 * clean run, take it away? */
#ifndef METHOD_TRACE_H
#define METHOD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/site.h"
#include "method/cost.h"
#include "method/layers.h"
#include "method/question.h"
#include "method/run_plan.h"
#include "method/score.h"
#include "method/together.h"

typedef enum trace_direction { TRACE_DENOISE, TRACE_NOISE } trace_direction;

/* One site's cells: [layer_count][cell_count][heads], row-major. */
typedef struct trace_grid {
    site site;
    size_t heads;                        /* of head_out, each of which is a cell by itself; 1 of all other sites */
    double *prob, *logprob;
    double *logit_diff;                  /* logit(answer) - logit(foil), means over samples; NULL without --foil */
    double *sd;                          /* standard deviation of prob over samples (n, not n - 1, below); NULL with
                                          * one sample */
    size_t (*restored)[2];               /* [layer_count]: first and last layer of the window around each layer */
    double *estimate;                    /* of logprob, to first order (attribute.h); NULL in a trace. Beside it the exact
                                          * values above are NAN in cells that were not run */
    double spearman;                     /* of estimates with exact values, where all were run; else NAN */
} trace_grid;

typedef struct trace_cell {
    size_t site, layer, column; /* indices into the trace's lists */
    size_t head;                /* of head_out; else 0 */
} trace_cell;

/* A site on the picture's side, with layers and cells of its own (trace_tower.h). */
typedef enum trace_part { TRACE_TOWER, TRACE_PROJECTOR } trace_part;

typedef struct trace_vision {
    const char *name;                    /* "vision.blocks.{l}.hook_resid_pre", "proj.hook_out" */
    trace_part part;
    size_t layer_count, *layers;         /* of the tower; of the projector one, 0 */
    size_t cell_count;
    span *cells;                         /* [cell_count]: rows of the tower; of the projector positions of the prompt */
    char **groups;                       /* [cell_count] names, with --group or --blocks; else NULL */
    trace_grid grid;                     /* [layer_count][cell_count] */
} trace_vision;

/* What the estimates of a trace rest on (attribute.h). */
typedef struct trace_estimates {
    bool made;                           /* false in a trace */
    size_t steps;                        /* the runs whose gradients were averaged; 0: the unpatched run's alone */
    size_t exact;                        /* cells that were run after all, */
    trace_cell *largest;                 /* [exact] those whose estimates differ most from the unpatched run, largest first */
    double spearman;                     /* over all sites' cells, where all were run; else NAN */
} trace_estimates;

typedef struct trace {
    size_t layer_count, *layers;         /* the layers asked for */
    size_t cell_count;                   /* columns: one per position, or per group */
    span *cells;                         /* [cell_count]: the positions restored together */
    char **groups;                       /* [cell_count] names, with --group or --blocks; else NULL */
    size_t blocks;                       /* patches along a side of the squares that are cells; 0: cells are no blocks */
    size_t site_count;
    trace_grid *sites;                   /* [site_count], in the order asked for */
    size_t vision_count;
    trace_vision *vision;                /* [vision_count] sites of the tower and the projector */
    image_area *tower_areas;             /* [tower_rows] the picture's pixels of the tower's rows; NULL without such sites */
    size_t tower_rows;

    int32_t *answer;                     /* [answer_count] token ids that prob and logprob score */
    size_t answer_count;
    int32_t foil;                        /* -1 without */
    run_says clean, corrupted;           /* the reference runs; means over samples, where the corruption is drawn several times */
    bool primed, weak;                   /* marks: see docs/trace.md */
    trace_direction direction;
    window_kind window_kind;
    size_t window;                       /* W, or R */
    bool severed;                        /* in all layers after the window, this site's rows are held at what they are in */
    site severed_site;                   /* the run that is patched */
    span severed_rows;
    char *severed_name;                  /* the span as it was asked for; NULL unless severed */
    char **corruptions;                  /* [corruption_count] as asked for, or the default: "swap:Paris" */
    size_t corruption_count;
    char *corrupt_span;                  /* where text is made wrong, as asked for; NULL: only the picture is */
    size_t samples;
    size_t first_changed;                /* the first row in which a corrupted input differs from the clean one */
    size_t verify_cells;                 /* 0: not verified */
    double verify_max_rel_diff;
    trace_estimates estimates;
    trace_cost cost;
} trace;

/* Whether all names of a list of sites are such, whatever the question. */
pb_status trace_check_sites(const char *list, pb_error *err);

/* Traces the question (its answer is set here). t is filled; free it with trace_free. */
pb_status trace_run_question(trace *t, question *q, const pb_trace_options *options, pb_error *err);
void trace_free(trace *t);

/* One of several questions (together.h). */
typedef struct tracing {
    together_one one;
    const pb_trace_options *options;
    trace trace;        /* filled in; free it with trace_free */
} tracing;

/* Traces the first of n questions (together_some): their runs and cells go through the layers together, as many questions as
 * memory holds and as it takes to keep a walk over the layers busy. What their prompts begin with alike, clean or corrupted, is
 * run once. */
size_t trace_some(tracing *list, size_t n);

/* logprob of the run into which activations are put: the corrupted one, or with direction `noise` the clean one. */
double trace_unpatched_logprob(const trace *t);

/* How many cells there are, over all sites of the decoder and its layers. */
size_t trace_cell_total(const trace *t);
/* The trace as seen from a site on the picture's side: that site's layers and cells in place of the decoder's, and no other
 * sites. Nothing is owned. */
trace trace_vision_view(const trace *t, const trace_vision *g);

/* How many numbers each of a grid's arrays holds. */
size_t trace_grid_size(const trace *t, const trace_grid *g);
/* Where a cell stands in its grid's arrays. */
size_t trace_cell_in_grid(const trace *t, trace_cell c);

/* What tracing the question would take, without running the decoder: an estimate. */
typedef struct trace_plan {
    size_t cells, waves, rows;  /* rows: of all forks and of the reference runs, over all waves */
    size_t working_bytes;       /* at most, beside the mapped weights */
    double weight_bytes;        /* of the file, each time that they are read */
    double flop, seconds;       /* seconds from when the question was opened, by a layer that is run and timed now */
} trace_plan;

pb_status trace_plan_question(trace_plan *plan, question *q, const pb_trace_options *options, pb_error *err);

/* The same without timing anything, resting on earlier runs where the question has any; run_plan_free. */
pb_status trace_foresee(run_plan *plan, question *q, const pb_trace_options *options, pb_error *err);

#endif
