/* sweep_measure.h: what is taken of a store's curves: the metrics of docs/report.md, as samples for the bootstrap. */
#ifndef REPORT_SWEEP_MEASURE_H
#define REPORT_SWEEP_MEASURE_H

#include "method/bootstrap.h"
#include "report/sweep_rows.h"

typedef enum sweep_taking {
    SWEEP_VALUE,    /* the curve's value */
    SWEEP_EFFECT,   /* ie: patched - corrupted; with direction noise, clean - patched */
    SWEEP_RECOVERY  /* ie over clean - corrupted, of the questions that are not weak */
} sweep_taking;

typedef struct sweep_measure {
    const char *name;      /* the metric's */
    const char *curve;     /* "prob": of the curve "SITE/prob" */
    sweep_taking taking;
    bool over_control;     /* less that of the class "control" */
    bool halves;           /* it may be asked where it falls below half of its highest value */
} sweep_measure;

/* A trace's, in the order of a summary; name NULL ends them. */
extern const sweep_measure sweep_trace_measures[];

/* The curve that a measure of a trace's site and class is taken of; NULL: no question has it. */
const sweep_curve *sweep_measured(const sweep_rows *r, const char *site, const char *class, const sweep_measure *m);

/* The sample of a curve over the rows of a group, or all (SWEEP_NONE). noise: the direction. sweep_sample_free */
bootstrap_sample sweep_sample_of(const sweep_rows *r, const sweep_curve *c, sweep_taking taking, size_t group,
                                 bool noise);
void sweep_sample_free(bootstrap_sample *s);

#endif
