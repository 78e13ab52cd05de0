/* ask.h: the greedy answers to questions, and what else the model might have said.
 *
 *     asking list[] = {{.q = &q}, {.q = &q, .terms = edit, .term_count = 1}};   // before and after an edit
 *     ask_options options = {.max_tokens = 16, .keep_next = true};
 *     TRY(ask_many(m, list, 2, &options, &work, err));
 *     double change = next_logprob(&list[1].next, id) - next_logprob(&list[0].next, id);
 *     double kl = next_kl(&list[0].next, &list[1].next, m->decoder.config.vocab);
 *     for (size_t i = 0; i < 2; i++)
 *         asking_free(&list[i]);
 *
 * V is the vocabulary, D d_model, F d_ff. */
#ifndef METHOD_ASK_H
#define METHOD_ASK_H

#include "engine/replay.h"
#include "method/earlier.h"
#include "method/question.h"

/* What a run says of the token after its last row: log P(id) = logits[id] - log_sum_exp, in nats. */
typedef struct next_token {
    float *logits; /* [V] */
    double log_sum_exp;
} next_token;

double next_logprob(const next_token *n, int32_t id);
/* KL(a || b) in nats: the sum over the vocabulary of P_a (log P_a - log P_b). */
double next_kl(const next_token *a, const next_token *b, size_t vocab);

/* One of many questions, each with its own changes of weights. Its prompt is run; an answer set on it is not. */
typedef struct asking {
    const question *q;
    const weight_term *terms; /* of its run; questions that share rows must name the same array to share the work */
    size_t term_count;
    const tap *taps;          /* rows of the prompt that are copied out, from any layer */
    size_t tap_count;
    bool keep_run;            /* of a question without terms: what it shares with others, or all but its last row, is
                               * wanted as an earlier run */
    next_token next;          /* filled in: at `last`; no logits without keep_next */
    int32_t *ids;             /* [count] filled in: the greedy answer, the token that ended it left out */
    size_t count;
} asking;

void asking_free(asking *a); /* what was filled in */

typedef struct ask_options {
    size_t max_tokens; /* an answer's most; 0: none is generated. It also ends at an end-of-sequence token, and where
                        * the model's positions end */
    bool keep_next;    /* hand out the logits at `last` */
    size_t memory;     /* bytes to work in; 0: the default */
    size_t taken;      /* how many of them the caller holds already, the questions and the logits handed out included,
                        * the earlier runs not */
    earlier_runs *earlier; /* what questions without terms rest on, and where runs that are to be kept go as long as
                            * they fit; all are dropped where memory is wanted. NULL: none */
    void (*progress)(void *context, double done); /* how many of the questions, now and then; may be NULL */
    void *context;
} ask_options;

/* Asks them all. Prompts run as forks of one replay: those whose first rows are the same to the bit (the same template
 * and picture) under the same terms run them once. Then the answers grow a token at a time, the next rows of all that
 * are not finished in one replay. As many questions at a time as memory holds; so neighbours in the list should share
 * rows. Where products give a row the same bits whatever stands beside it, a question's answer and numbers are, to the
 * bit, those it gets when it is asked alone. When it fails nothing is filled in. work:
 * with the read-outs. */
pb_status ask_many(model *m, asking *list, size_t n, const ask_options *options, replay_work *work, pb_error *err);

typedef struct answer {
    int32_t *ids;        /* [count] generated tokens, the one that ended it left out */
    size_t count;
    int32_t *top;        /* [top_count] most likely first tokens, best first */
    double *top_prob;    /* [top_count] */
    size_t top_count;
} answer;

/* a->top: the `top` most likely tokens. */
void answer_keep_top(answer *a, const next_token *next, size_t vocab, size_t top);
/* Asks one question: at most max_tokens tokens, and the `top` most likely first ones. run: its memory, and its progress function, which
 * is told before what that will take; NULL: the defaults. */
pb_status ask_run(answer *a, question *q, size_t max_tokens, size_t top, const pb_run_options *run, pb_error *err);
void answer_free(answer *a);

#endif
