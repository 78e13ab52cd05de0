/* ask_parts.h: what ask.c, which sorts questions into families and batches, ask_batch.c, which runs one, and ask_plan.c, which
 * counts what that would take, share. */
#ifndef METHOD_ASK_PARTS_H
#define METHOD_ASK_PARTS_H

#include "method/ask.h"

/* One question on its way. */
typedef struct speaker {
    asking *a;          /* NULL in a plan */
    size_t kin;         /* the number of its family */
    size_t common;      /* rows that all of its family begin with; of one alone all but the last */
    size_t shared;      /* of these, those that are run for all, or have been; 0: none */
    const recording *base; /* the earlier run that has them; NULL: none does */
    size_t end;         /* rows of its prompt */
    size_t most;        /* tokens that it may say */
    recording *run;     /* its prompt's own rows, and then its answer's, as they come; NULL: none are kept */
    bool silent;        /* it has said all */
} speaker;

/* Rows that a family shares. */
typedef struct shared_run {
    recording *run;
    const question *q;      /* one that has them */
    bool kept;              /* wanted as an earlier run */
} shared_run;

/* What memory holds of them at a time. The caller fills in the first five and `asked`. */
typedef struct ask_batch {
    model *m;
    const ask_options *options;
    replay_work *work;
    speaker *speakers;      /* [count] */
    size_t count;
    replay_fork *forks;     /* of the replay that runs */
    speaker **of_fork;      /* whose each is; NULL: rows that a family shares */
    shared_run *shared;     /* [shared_count] */
    size_t shared_count;
    double asked;           /* questions before this batch, for progress */
    bool grows;             /* the prompts have run */
} ask_batch;

/* Runs the prompts, hands out what was wanted, grows the answers. */
pb_status ask_batch_run(ask_batch *b, pb_error *err);

/* Whether one of a family's members says so. */
bool ask_keeps_run(const speaker *members, size_t count);
/* Rows whose logits are held at a time: enough to read the unembedding seldom. */
size_t ask_rows_at_once(const decoder *m);

/* ---- ask_layout.c: rows and bytes ---- */

/* One whose prompt has `end` rows, which shares nothing yet. */
speaker ask_speaker(const decoder *m, size_t kin, size_t end, size_t max_tokens);
/* Whether its keys and values are kept: an answer of one token rests on nothing. */
bool ask_is_recorded(const speaker *s);
/* The end of the rows that are: nothing rests on an answer's last token. */
size_t ask_run_end(const speaker *s);
/* What it holds with the rows that it shares. */
size_t ask_bytes(const decoder_config *c, const speaker *s);

/* How many of the speakers are of the first one's family; and how many of them fit into so many bytes, at least one. */
size_t ask_family_length(const speaker *s, size_t n);
size_t ask_batch_length(const decoder_config *c, const speaker *s, size_t n, size_t bytes);

#endif
