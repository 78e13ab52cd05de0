/* flagqa.h: FlagQA: questions on flags and country facts, with their constraints, answers, counterfactuals and pictures
 * (docs/flagqa.md is its page).
 *
 *     flagqa_counts counts;
 *     const flagqa_options options = {.flags = "/usr/share/iso-flags-png-320x240", .out = "flagqa"};
 *     TRY(flagqa_generate(&counts, &options, err));
 *
 * writes DIR/flagqa.jsonl, requests.jsonl, README.md and pictures/, all of them or nothing. The same seed gives the
 * same questions and pixels on every machine. */
#ifndef DATA_FLAGQA_FLAGQA_H
#define DATA_FLAGQA_FLAGQA_H

#include <stddef.h>
#include <stdint.h>

#include "data/flagqa/questions.h"
#include "data/tally.h"

typedef struct flagqa_options {
    const char *flags; /* folder of flags, named ISO.png */
    const char *out;   /* a folder that is not there yet, or empty */
    uint64_t seed;
    /* Called now and then by one thread: so many pictures of so many are made. May be NULL. */
    void (*progress)(void *context, const char *what, double done, double total);
    void *context;
} flagqa_options;

typedef enum flagqa_form { FLAGQA_VISUAL, FLAGQA_MIXED, FLAGQA_TEXTUAL, FLAGQA_FORMS } flagqa_form;
typedef enum flagqa_split { FLAGQA_TRAIN, FLAGQA_DEV, FLAGQA_TEST, FLAGQA_SPLITS } flagqa_split;

/* What was written. */
typedef struct flagqa_counts {
    size_t rows, requests, pictures, subjects;
    size_t cells[FLAG_RELATIONS][FLAGQA_FORMS], splits[FLAGQA_SPLITS], subjects_in[FLAGQA_SPLITS];
    size_t cautions; /* rows that averages had better leave out */
} flagqa_counts;

extern const char *const flagqa_form_names[FLAGQA_FORMS];
extern const char *const flagqa_split_names[FLAGQA_SPLITS];

/* The same, told as other commands on data sets tell theirs; tally_free. */
pb_status flagqa_run(tally *t, const flagqa_options *options, pb_error *err);

/* Fails before any work where the flags' folder or a flag in it is missing, or `out` holds something. */
pb_status flagqa_generate(flagqa_counts *counts, const flagqa_options *options, pb_error *err);

#endif
