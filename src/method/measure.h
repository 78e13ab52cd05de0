/* measure.h: what an edit did (docs/edit.md, "Metrics"): to the question it was made for, to the same question in other
 * words and about other pictures, and to all that it was to leave alone.
 *
 *     measure x;
 *     TRY(measure_open(&x, model, &plan, err));                     // who is asked what: neighbours are drawn
 *     status = measure_before(&x, err);                             // the model as it is
 *     for (size_t r = 0; r < plan.request_count && !status; r++) {
 *         measure_change edit = {terms, term_count};                // runs with changed weights; or change the model
 *         status = measure_after(&x, &r, 1, &edit, err);            // itself, and hand in NULL
 *     }
 *     measure_summary s;
 *     measure_summarise(&x, NULL, 0, &s);
 *     ... x.results[r].edited.before.prob, s.neighbourhood.kept.mean ...
 *     measure_summary_free(&s);
 *     measure_free(&x);
 *
 * Efficacy: the edited question. Generalisation: its rephrasings, and the question as it is about other pictures of its
 * subject. Neighbourhood: the question as it is about pictures of other subjects, of which no accepted answer contains
 * the target. Specificity: evaluation questions about other subjects. Where a subject is not named, questions about one
 * picture, or the same question without one, are about one subject.
 *
 * Other pictures come from the pool: those of the evaluation questions, then those of the plan's own pool, then those of the
 * requests, each once, by their paths. For request number r they are drawn without repeats by a generator started at seed + r
 * (base/random.h): of the pool's
 * n that fit, in its order, the k-th drawn is exchanged with that at k + random_below(n - k).
 *
 * prob is P(target's first token) at `last`; an answer is greedy, of 16 tokens at most; it is right when it contains
 * the target (of an evaluation question: an accepted answer) as whole words, normalised (vqa.h). Each question is asked
 * once before, whoever needs it, and in one call of measure_after once under each change. Questions are opened when
 * they are asked, a memory's worth at a time, and their pictures encoded once as long as they are kept. */
#ifndef METHOD_MEASURE_H
#define METHOD_MEASURE_H

#include "engine/replay.h"
#include "method/earlier.h"
#include "method/interval.h"
#include "model/model.h"
#include "patchbay/patchbay.h"

enum { MEASURE_TOKENS = 16 };
#define MEASURE_NO_KEY SIZE_MAX

/* ---- what is asked; all of it outlives the measurement ---- */

typedef struct measure_question {
    pb_question asked;
    const char *name;           /* how errors call it ("edits.jsonl: line 37"); NULL: by its number */
    const char *id, *subject;   /* NULL: none; a rephrasing's subject is its request's */
    const char *const *answers; /* [answer_count] accepted ones */
    size_t answer_count;
} measure_question;

typedef struct measure_request {
    measure_question question;
    const char *target;
    int32_t target_id;          /* its first token, in mid-sentence */
    const measure_question *rephrasings; /* [rephrasing_count] other words, or another picture */
    size_t rephrasing_count;
} measure_request;

typedef struct measure_plan {
    const measure_request *requests;     /* [request_count] */
    size_t request_count;
    const measure_question *evaluation;  /* [evaluation_count] */
    size_t evaluation_count;
    const measure_question *pool; /* [pool_count] further ones, whose pictures may be drawn: they are not asked */
    size_t pool_count;
    const size_t *numbers;      /* [request_count] what is drawn for each depends on its number; NULL: 0, 1, 2, ... */
    size_t neighbours;          /* the most for a request: 10, say; and the most other pictures of its subject */
    size_t key_layer;           /* the edited layer, whose keys are compared: mlp_post at the last position of
                                 * `key`; MEASURE_NO_KEY: none */
    const char *key;            /* a span; NULL: constraint:0. A question without it has no key */
    uint64_t seed;              /* of the draws, and of the intervals */
    size_t memory;              /* bytes to work in; 0: the default */
    earlier_runs *earlier;      /* where measure_before leaves what the edited questions begin with; NULL: nowhere. As
                                 * long as it holds anything the model itself must not change */
    picture_cache *pictures;    /* where pictures are kept, whose limit is the caller's; NULL: in a cache of its own */
    void (*progress)(void *context, const char *what, double done, double total); /* may be NULL */
    void *context;
} measure_plan;

/* ---- what came of it ---- */

typedef struct measure_answer {
    double prob;
    const char *text;           /* as decoded; NULL: not asked yet */
    bool right;
} measure_answer;

/* One question before and after. */
typedef struct measured {
    const measure_question *question;
    measure_answer before, after;
    bool kept;                  /* both answers are the same, normalised */
    double kl;                  /* KL(before || after) at `last`, in nats; of evaluation questions, else NaN */
    double key_cosine;          /* of a neighbour: of its key and the edited one, before; NaN where there is none */
} measured;

typedef struct measured_list {
    measured *items;            /* [count] */
    size_t count;
} measured_list;

/* What is known of one request. */
typedef struct measure_result {
    measured edited;
    measured_list rephrasings;  /* as the request has them */
    measured_list pictures;     /* the edited question about other pictures of its subject */
    measured_list neighbours;
    measured_list evaluation;   /* those about other subjects, in their order */
    bool done;                  /* measure_after has been called for it */
} measure_result;

typedef struct measure_state measure_state; /* measure_parts.h */

typedef struct measure {
    measure_plan plan;
    measure_result *results;    /* [plan.request_count] */
    replay_work work;           /* of all that was asked */
    measure_state *state;
} measure;

/* Draws, and makes the lists; nothing is asked. */
pb_status measure_open(measure *x, model *m, const measure_plan *plan, pb_error *err);
void measure_free(measure *x);

/* Asks everything that any request needs of the model as it is. */
pb_status measure_before(measure *x, pb_error *err);

/* A change of weights that runs take; none: the model itself has been changed. */
typedef struct measure_change {
    const weight_term *terms;   /* requests changed together name the same ones, and share their answers */
    size_t term_count;
} measure_change;

/* Asks what these requests need, each under its own change; NULL: the model as it is now, for all of them. */
pb_status measure_after(measure *x, const size_t *requests, size_t count, const measure_change *changes, pb_error *err);

/* ---- over requests ---- */

/* Means over questions, with intervals over the subjects of what was asked (the picture's, of neighbours and evaluation
 * questions). */
typedef struct measure_success {
    interval before_prob, after_prob;
    interval before_right, after_right; /* exact match */
} measure_success;

typedef struct measure_flip {
    size_t request;
    const measure_question *question;
} measure_flip;

typedef struct measure_summary {
    measure_success edited, rephrasings, pictures;
    struct {
        interval kept;          /* the share whose answer stays */
        interval target_change; /* P(target) after - before */
        interval key_cosine;    /* over those that have one */
    } neighbourhood;
    struct {
        interval before, after; /* accuracy */
        interval change;        /* after - before */
        interval kl;
        measure_flip *gained, *lost; /* [gained_count], [lost_count]: wrong before and right after, and the reverse */
        size_t gained_count, lost_count;
    } specificity;
} measure_summary;

/* Over these requests, or all (NULL), of those that are done. */
void measure_summarise(const measure *x, const size_t *requests, size_t count, measure_summary *out);
void measure_summary_free(measure_summary *s);

#endif
