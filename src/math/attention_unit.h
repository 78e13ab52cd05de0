/* attention_unit.h: how attention's work is cut.
 *
 * A unit is one key/value head and a block of rows, a thread's. A tile is eight or four of its query vectors (rows x
 * the query heads of the group), held in registers against 32 positions, or 32 value columns. A span is what a tile
 * goes through at once.
 *
 * Rows of several jobs whose keys begin in the same memory, forks of one recording, stand in a unit together: over what
 * they share they are one span, however few rows each has; over the rest each job's are a span of their own. */
#ifndef MATH_ATTENTION_UNIT_H
#define MATH_ATTENTION_UNIT_H

#include "math/attention.h"

enum {
    QUERIES = 8,          /* query vectors that go together */
    FEW = 4,              /* or so many, where there are no more */
    COLUMNS = KV_COLUMNS, /* positions, or value columns, that they meet at a time */
};

/* One of a job's rows. */
typedef struct job_row {
    const attention_job *job;
    size_t row;
} job_row;

/* Some rows under one key/value head. Their jobs may differ, but not in their heads and where their keys begin. */
typedef struct unit {
    const job_row *rows;
    size_t row_count, kv_head;
} unit;

/* The queries first .. last of a tile over the positions begin .. end-1, whose keys and values are the job's. */
typedef struct span {
    size_t first, last;
    const attention_job *job;
    size_t begin, end;
} span;

/* The queries 0 .. count-1; those from there on, which fill the tile, are the last one again. */
typedef struct tile {
    const attention_job *job[QUERIES];
    size_t at[QUERIES];      /* where each stands in its job's q and z */
    size_t keys[QUERIES];    /* positions that it sees, from 0 on */
    size_t most;             /* of these */
    size_t count, held;      /* held: QUERIES or FEW, what is computed */
    span spans[QUERIES + 1]; /* what all share, then each job's own */
    size_t span_count;
} tile;

/* The rows of all jobs, in order. free() */
job_row *job_rows_of(const attention_job *jobs, size_t count, size_t *row_count);

/* The rows' units, those under one key/value head behind each other, so that keys and values which forks share (a
 * picture's rows) stay in the cache. free() */
unit *units_of(const job_row *rows, size_t row_count, size_t *unit_count);

/* Query vectors of a unit; and the tile of those from `first_query` on. */
size_t unit_queries(const unit *u);
tile unit_tile(const unit *u, size_t first_query);

/* Positions that a job's segments hold, and the most that any of a unit's jobs does. */
size_t job_keys(const attention_job *job);
size_t unit_keys(const unit *u);

#endif
