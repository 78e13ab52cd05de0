/* edit.h: MultEdit (Basu et al. 2024, section 5) after ROME (Meng et al. 2022) and MEMIT (Meng et al. 2023), and the
 * fine-tuning that they are compared with: docs/edit.md has the formulas.
 *
 *     edit_settings s = edit_preset("default");
 *     TRY(edit_find(&e, m, questions, count, &s, err));        // asks the model as it is; it stays so
 *     replay_fork f = {..., .terms = edit_terms(&e, i, &n)};   // what a run with edit i takes
 *
 * Letters: N requests, S steps, D d_model, F d_ff, T a prompt's rows. */
#ifndef METHOD_EDIT_H
#define METHOD_EDIT_H

#include "engine/replay.h"
#include "method/earlier.h"
#include "method/question.h"

typedef enum edit_method { EDIT_MULTEDIT, EDIT_FT, EDIT_FT_CONSTRAINED } edit_method;

/* What fine-tuning changes: the edited layer's down projection, every layer's, all that the decoder has. */
typedef enum edit_scope { EDIT_MATRIX, EDIT_DOWN, EDIT_ALL } edit_scope;

typedef struct edit_settings {
    edit_method method;
    edit_scope scope;              /* of fine-tuning */
    size_t first_layer, end_layer; /* the range: multedit finds delta at end_layer - 1 and spreads it from first_layer
                                    * on; fine-tuning's EDIT_MATRIX takes end_layer - 1 */
    size_t steps;
    double lr;
    double weight_decay;           /* of delta: weight_decay |delta| / |v0|^2 is added to the loss */
    double clamp;                  /* |delta| is at most clamp |v0| */
    double lambda;                 /* of the ridge, above 0 */
    double epsilon;                /* ft-constrained: a weight stays within this of what it was */
    bool together;                 /* one change of the weights for all requests */
    const char *key;               /* the span whose last position gives the key; NULL: constraint:0 */
    question *const *keep; /* [keep_count] questions that are to be answered as before: what the edited matrix makes of
                            * their rows is to stay, as far as lambda lets it */
    size_t keep_count;
    const char *keep_rows;         /* the span of those rows; NULL: only the last one of the key's span */
    double keep_lambda; /* how much they may give: 0 (with rows fewer than F) nothing; above it, the more the less of a
                         * key is left when what it shares with them is taken off */
    size_t memory;                 /* bytes to work in; 0: the default */
    earlier_runs *earlier;         /* what the questions may rest on; dropped where memory is wanted; NULL: none */
    void (*progress)(void *context, const char *what, double done, double total); /* may be NULL */
    void *context;
} edit_settings;

/* The presets by name, "default" and "official" (of multedit), or NULL for the default; those of fine-tuning are `ft`.
 * A preset sets steps, lr, weight_decay, clamp, lambda, epsilon and the layer, no more. False: there is none of this
 * name. */
bool edit_preset(const char *name, edit_method method, edit_settings *settings);
/* "default, official": for errors. */
const char *edit_preset_names(void);

/* One layer's part of all requests' edits: W* = W + u along^T, or, of requests solved together, W + sum over i of u_i
 * along_i^T. Without questions to keep, along is the key. */
typedef struct edit_layer {
    size_t layer;
    float *key;    /* [N][F] mlp_post at the key position */
    float *along;  /* [N][F] */
    float *kept;   /* [M][F] keys of the rows that are to stay */
    size_t kept_count;
    float *v0, *v; /* [N][D] mlp_out there, and what it is to be */
    float *u;      /* [N][D] */
} edit_layer;

typedef struct edit_request_found {
    size_t key_position;  /* the last position of the key's span; not of fine-tuning */
    double *loss, *prob;  /* [S] of each step, taken before it; prob is P(first target token) */
    double delta_norm;    /* |v - v0| where delta was found; of fine-tuning |W* - W| over all that was tuned */
} edit_request_found;

typedef struct edit {
    edit_settings settings;
    model *model;
    size_t count;                  /* N */
    edit_request_found *found;     /* [N] */
    edit_layer *layers;            /* [layer_count], ascending; none of fine-tuning */
    size_t layer_count;
    weight_term *terms;            /* [N][layer_count], or together [layer_count] */
    double flop;                   /* of finding them */
    double largest_key_cosine;     /* between keys of two requests solved together; 0 where there are no two */
} edit;

/* MultEdit: finds what makes each question's answer (set by question_set_answer: the target) likely. The questions and
 * the model stay as they are. A question needs the key's span. */
pb_status edit_find(edit *e, model *m, question *const *questions, size_t count, const edit_settings *settings,
                    pb_error *err);
void edit_free(edit *e);

/* The changes that a run with request i's edit takes; *count of them. */
const weight_term *edit_terms(const edit *e, size_t i, size_t *count);

/* ---- fine-tuning ----
 *
 *     TRY(tuning_new(&t, m, &s, err));
 *     for each request: TRY(tuning_run(t, &question, 1, &found, err)), ask the model what you want, tuning_undo(t) */

typedef struct tuning tuning;

/* Copies of what is to be tuned, and Adam's moments: fails when they do not fit the memory that is set. */
pb_status tuning_new(tuning **out, model *m, const edit_settings *settings, pb_error *err);
/* Tunes on the mean of the questions' losses, from the weights as they were; the decoder then runs with what came out.
 * found[count] are filled in. */
pb_status tuning_run(tuning *t, question *const *questions, size_t count, edit_request_found *found, pb_error *err);
/* The decoder's weights are the file's again, to the bit; redo: those that the last tuning_run gave. */
void tuning_undo(tuning *t);
void tuning_redo(tuning *t);
void tuning_free(tuning *t);
/* Floating-point operations of all its runs so far. */
double tuning_flop(const tuning *t);

#endif
