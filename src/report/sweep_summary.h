/* sweep_summary.h: what the questions of a sweep say together: means with intervals over their subjects, counts, and
 * distributions, from a store. What each number is stands in docs/report.md.
 *
 *     sweep_summary s;
 *     store *st;
 *     TRY(store_open(&st, "results.db", err));
 *     TRY(sweep_summarise(&s, st, "results.db", &(sweep_groups){0}, err));
 *     for (size_t i = 0; i < s.series_count; i++)
 *         printf("%s %s %s: %g\n", s.series[i].name, s.series[i].metric, s.series[i].class, s.series[i].at[0].mean);
 *     sweep_summary_free(&s);
 *     store_close(st);
 *
 * All intervals start their draws at the store's own seed (its option "seed"). Statistics that no question has are left
 * out: there are none over nothing. */
#ifndef REPORT_SWEEP_SUMMARY_H
#define REPORT_SWEEP_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>

#include "data/store.h"
#include "method/interval.h"

enum { SWEEP_BINS = 20 };

/* Questions of one group are summarised apart too, beside all. */
typedef struct sweep_groups {
    const char *by;        /* "kind" (of the constraints), "relation", "source" or a text field of the rows; NULL: by
                            * kind, where the questions have more than one */
} sweep_groups;

/* One curve: a statistic at each layer. */
typedef struct sweep_series {
    char *name;            /* of a trace the site ("attn_out", "head_out:3", "proj.hook_out"); of flow and knockout the
                            * pair, "image>constraint" */
    char *metric;          /* of a trace "prob", "ie", "recovered", "ie_control" (ie less that of the class control,
                            * over the subjects that have both), "logprob", "logit_diff"; of flow "sum_norm",
                            * "norm_sum", "share", "relative"; of knockout "prob", "relative", "logprob" */
    char *class;           /* of a trace a token class or a group of positions; "" of the others */
    char *group;           /* NULL: all questions; else the group's name: "visual", "textual", "capital" */
    size_t layer_count;
    size_t *layers;        /* [layer_count] */
    interval *at;          /* [layer_count] */
    size_t (*restored)[2]; /* [layer_count] of a trace: first and last layer of the window around each;
                            * NULL of the others */
    bool *first_restored;  /* [layer_count] of a trace: whether that window holds layer 0, where putting back all
                            * changed rows undoes the corruption by construction; NULL of the others */
} sweep_series;

/* Why questions have no result of their own. */
typedef struct sweep_reason {
    const char *status;    /* STORE_WRONG, STORE_MARKED, STORE_FAILED */
    char *text;
    size_t count;
} sweep_reason;

/* How many are answered rightly, of those whose answers are known. */
typedef struct sweep_accuracy {
    char *group;           /* NULL: all questions */
    interval rate;
} sweep_accuracy;

/* Where P(answer) of the clean model lies, of right and of wrong answers: bin b is [b, b + 1) / SWEEP_BINS, the last
 * one holds 1 too. */
typedef struct sweep_answers {
    size_t right[SWEEP_BINS], wrong[SWEEP_BINS];
    interval right_mean, wrong_mean;
} sweep_answers;

/* Which source rows give most: of one pair of a flow with --per-position, at the layer where its sum of
 * norms is highest. */
typedef struct sweep_sources {
    char *pair;            /* "image>constraint" */
    size_t layer;
    size_t rows;           /* sources, counted from the pair's first: the image's rows */
    double *mean;          /* [rows] mean contribution of each, over the questions that have so many rows */
    size_t *strongest;     /* [rows] in how many questions this one gives most */
    size_t questions;
} sweep_sources;

/* What edits did, over the questions edited. */
typedef struct sweep_metric {
    char *name;            /* "efficacy_prob", "efficacy_exact", "rephrasings_prob", "rephrasings_exact",
                            * "pictures_prob", "pictures_exact", "neighbours_kept", "neighbours_change", "key_cosine",
                            * "specificity", "specificity_change", "specificity_kl" */
    interval before;       /* questions 0: the metric has no before */
    interval after;
} sweep_metric;

typedef struct sweep_value {
    size_t name;           /* index into value_names */
    double value;          /* NAN: none */
} sweep_value;

/* A row of questions.csv. */
typedef struct sweep_question {
    char *id, *status;     /* status "pending": not done yet */
    char *reason, *answer; /* NULL: none */
    int correct;           /* 1, 0; -1: not known */
    double clean_prob, corrupted_prob; /* NAN: none */
    sweep_value *values;   /* [value_count] */
    size_t value_count;
} sweep_question;

typedef struct sweep_summary {
    char *path;            /* the store's */
    char *label;           /* what tells it from the others of a report: "window 3"; else the file's name */
    const store_about *about; /* the store's: it must outlive the summary */
    size_t model_layers;   /* L */
    size_t questions;      /* all that are asked for, done or not */
    size_t done, wrong, marked, failed, pending;
    size_t weak, primed;   /* traces: of those done */
    size_t subjects;       /* of those done */
    sweep_reason *reasons; /* [reason_count] the most frequent first, then in the data set's order */
    size_t reason_count;
    sweep_accuracy *accuracy; /* [accuracy_count] all first, then the groups by name */
    size_t accuracy_count;
    sweep_answers answers;
    char **groups;         /* [group_count] by name; none where the questions were not parted */
    size_t group_count;
    const char *grouped_by; /* "kind", "relation", ...; NULL without groups */
    sweep_series *series;  /* [series_count] all questions first, then group by group; in each of a trace sites by name,
                            * their classes in the table's order, then metrics as above; else as the store has them */
    size_t series_count;
    sweep_sources *sources; /* [source_count] */
    size_t source_count;
    sweep_metric *metrics; /* [metric_count] of edits */
    size_t metric_count;
    sweep_question *list;  /* [questions] in the data set's order */
    char **value_names;    /* [value_name_count] further columns, in order of first appearance */
    size_t value_name_count;
    struct sweep_rows *rows; /* the questions' own numbers (sweep_rows.h) */
} sweep_summary;

/* Reads the whole store once. PB_EINVAL: it has no question that is done, or the groups' field is nowhere. */
pb_status sweep_summarise(sweep_summary *out, store *s, const char *path, const sweep_groups *groups, pb_error *err);
void sweep_summary_free(sweep_summary *s);

/* Labels summaries that stand in one report by what their stores differ in.
 * PB_EINVAL: they are of different methods. */
pb_status sweep_summaries_label(sweep_summary *s, size_t count, pb_error *err);

/* The series of that name, metric, class and group (NULL: all); NULL: there is none. */
const sweep_series *sweep_series_find(const sweep_summary *s, const char *name, const char *metric, const char *class,
                                      const char *group);

/* ---- two stores ---- */

/* The depth at which a curve falls below half of its highest value: behind its peak, between two layers on the line
 * through both, divided by L; 1 where it never falls, NAN where it is nowhere above 0. */
typedef struct sweep_depth {
    const sweep_series *difference; /* of which curves */
    interval a, b, between;         /* between: a - b, drawn in pairs */
} sweep_depth;

/* A - B, over the subjects that both have. */
typedef struct sweep_contrast {
    const sweep_summary *a, *b;
    sweep_series *series;  /* [series_count] of those that both have, in a's order; without ie_control */
    size_t series_count;
    sweep_depth *depths;   /* [depth_count] of the series "recovered" of traces, and all of flows */
    size_t depth_count;
    sweep_metric *metrics; /* [metric_count] of edits: `after` is the difference; no `before` */
    size_t metric_count;
} sweep_contrast;

/* PB_EINVAL: they are of different methods, models of different depth or other layers, or have no subject or no curve
 * in common. The summaries must outlive it. */
pb_status sweep_contrast_of(sweep_contrast *out, const sweep_summary *a, const sweep_summary *b, pb_error *err);
void sweep_contrast_free(sweep_contrast *c);

#endif
