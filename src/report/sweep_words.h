/* sweep_words.h: what a report of many questions calls things, for readers. */
#ifndef REPORT_SWEEP_WORDS_H
#define REPORT_SWEEP_WORDS_H

#include "base/memory.h"
#include "report/palette.h"
#include "report/curves.h"
#include "report/sweep_summary.h"

/* "Attention output" of "attn_out", "Head 3" of "head_out:3"; other names as they are. */
void sweep_site_title(const char *name, buffer *out);
/* "attn_out" of "attn_out/prob": the site whose colours a map has. */
const palette *sweep_site_palette(const char *name);
/* "constraint, last" of "constraint_last"; a group's name as it is. */
const char *sweep_class_title(const char *class);
/* Which of the colours of curves.h a class has in every figure; groups of positions in turn. */
size_t sweep_class_colour(const char *class, size_t number);
/* "image → constraint" of "image>constraint". */
void sweep_pair_title(const char *pair, buffer *out);
/* "Rephrased: P(target)" of "rephrasings_prob", a metric of edits. */
const char *sweep_metric_title(const char *metric);
/* "Causal traces" of "trace". */
const char *sweep_method_title(const char *method);

/* "0.413 [0.38, 0.44], 8,912 questions, 198 subjects" */
void sweep_interval_words(const interval *i, buffer *out);
/* "9,700 questions about 198 subjects; corruption swap:Paris; 3 layers around each layer": what a figure is of. */
void sweep_setting(const sweep_summary *s, buffer *out);
/* 1,234 */
void sweep_count(buffer *out, size_t n);

/* An effect on P(answer) below this is none to a reader. */
#define SWEEP_LEAST_EFFECT 0.001

/* Whether a curve is anywhere away from 0. */
bool sweep_series_moves(const sweep_series *s);

#endif
