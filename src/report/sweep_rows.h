/* sweep_rows.h: the questions' own numbers, as a store has them: what the summary's statistics are taken over.
 *
 * Row r is question r of the data set, and of the summary's list. */
#ifndef REPORT_SWEEP_ROWS_H
#define REPORT_SWEEP_ROWS_H

#include "report/sweep_summary.h"

#define SWEEP_NONE SIZE_MAX

typedef struct sweep_row {
    bool done;             /* it has curves and values; else none of it counts, but `correct` and `clean` */
    size_t subject;        /* numbered in order of first appearance over all rows. Without a subject, questions about
                            * one picture are of one */
    size_t group;          /* index into group_names, or SWEEP_NONE */
    double clean, corrupted; /* P(answer); NAN: none */
    bool weak;             /* clean - corrupted < 0.1 */
    int correct;           /* 1, 0; -1: not known */
    char *subject_name, *group_name, *relation; /* NULL: none */
} sweep_row;

/* One of a store's curves, of all rows that have it. */
typedef struct sweep_curve {
    char *name, *class;    /* as the store has them */
    size_t columns;
    double *values;        /* [count][columns] */
    size_t *row;           /* [count] ascending */
    size_t count;
} sweep_curve;

/* Contributions of single source rows, added up. */
typedef struct sweep_source_sums {
    char *pair;
    size_t layers, rows, questions;
    double *sum;           /* [layers][rows] */
    size_t *strongest;     /* [layers][rows] */
} sweep_source_sums;

typedef struct sweep_rows {
    sweep_row *items;      /* [count] */
    size_t count;
    size_t subjects;
    char **subject_names;  /* [subjects], NULL: it has none */
    char **group_names;    /* [group_count] ascending */
    size_t group_count;
    const char *by;        /* what the groups are by */
    const char *path;      /* the store's, for errors */
    sweep_curve *curves;   /* [curve_count] in order of first appearance */
    size_t curve_count, next_curve;
    sweep_source_sums *sources; /* [source_count] */
    size_t source_count;
    uint64_t seed;
} sweep_rows;

/* Adds a result, with its curves and grids and the row as it is in the data set. PB_EFORMAT: a curve is not as long as
 * that of the rows before. */
pb_status sweep_rows_add(sweep_rows *r, const store_result *result, pb_error *err);
/* When all are there: numbers subjects and groups. Without `by` rows are parted by kind, and groups of one are dropped.
 * PB_EINVAL: no row has what they are parted by. */
pb_status sweep_rows_finish(sweep_rows *r, bool chosen, pb_error *err);
void sweep_rows_free(sweep_rows *r);

/* The curve of this name and class; NULL: there is none. */
const sweep_curve *sweep_rows_curve(const sweep_rows *r, const char *name, const char *class);

#endif
