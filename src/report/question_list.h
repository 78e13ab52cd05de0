/* question_list.h: the questions of a store as a page carries them: what each is and how it was answered, and its own
 * trace, rounded and packed.
 *
 *     question_list l;
 *     question_list_open(&l, &summary, QUESTION_LIST_CLASSES);
 *     status = store_each(st, question_list_reads(&l), see, &l, err); // which adds the result's curves, and calls
 *                                                                     // question_list_see
 *     question_lists_pack(&l, 1, budget, &packed, out);   // appends <script> elements, at most about `budget` bytes
 *     question_list_free(&l);
 *
 * What the script that reads it (sweep_page.js) finds:
 *   #rows-S             base64 of zlib's form of {"id": [...], "question": [...], ...}, a list a column; S: the store,
 *                       from 0
 *   #traces-S-C         likewise of chunk C: questions C * QUESTION_CHUNK and those after it:
 *       u32  bytes of the JSON, u32 bytes of the ranges (little-endian)
 *       JSON {"kinds": [[name, first layer, layers, [row, ...], unit], ...], "of": [[kind, ...], ...]}: of each
 *            question its parts; a row is a token class, or [token, span]
 *       the ranges of all parts: lo and hi, of unit parts as u16 / 65535, else as f32
 *       the values of all parts: a byte each, row by row: the first layer's q, then each layer's less the one before it
 *            (modulo 256); q = 255: no value, else lo + (hi - lo) q / levels */
#ifndef REPORT_QUESTION_LIST_H
#define REPORT_QUESTION_LIST_H

#include "base/memory.h"
#include "report/sweep_summary.h"

enum { QUESTION_CHUNK = 128 };

/* What a question's trace is: its curves (of a trace by token class), or all of a trace's cells. */
typedef enum question_list_kind { QUESTION_LIST_CLASSES, QUESTION_LIST_CELLS } question_list_kind;

/* A part of a question's trace: some rows of values over layers, with one range. */
typedef struct question_list_part {
    size_t kind;         /* index into kinds */
    double low, high;    /* as the page will read them */
    size_t first;        /* of its bytes in values */
    bool needed;         /* it stays when room is short */
} question_list_part;

typedef struct question_list_part_kind {
    char *json;          /* its entry in "kinds" */
    size_t size;         /* values: rows times layers */
    size_t layers;
    bool unit;
} question_list_part_kind;

enum { QUESTION_LIST_COLUMNS = 15 };

typedef struct question_list {
    const sweep_summary *of;
    question_list_kind kind;
    size_t count;        /* questions so far */
    buffer columns[QUESTION_LIST_COLUMNS]; /* JSON lists, not closed */
    char **value_names;
    size_t value_name_count;
    question_list_part_kind *kinds;
    size_t kind_count, last_kind;
    question_list_part *parts; /* question by question */
    size_t part_count, part_room;
    size_t *ends;        /* [count] behind each question's last part */
    size_t end_room;
    buffer values;       /* bytes q of 0 ... 254, 255: none */
} question_list;

/* What was done so that all fits. */
typedef struct question_packed {
    unsigned levels;     /* values are rounded to 1 / levels of their part's range */
    bool all_parts;      /* false: log probabilities, single heads and the like were left out */
    size_t left_out;     /* questions whose traces were left out, those at the end */
    size_t traced;       /* questions with a trace in the page */
} question_packed;

void question_list_open(question_list *l, const sweep_summary *of, question_list_kind kind);
/* The parts of a result that it looks at, STORE_VALUES, ..., beside its curves:
 * those are known already (sweep_walk.h). */
unsigned question_list_reads(const question_list *l);
/* For store_each: list is the question_list. */
pb_status question_list_see(void *list, const store_result *r, pb_error *err);
void question_list_free(question_list *l);

/* Appends all lists to a page. The coarser the traces, the less room they take: the finest that fit are taken. */
void question_lists_pack(const question_list *lists, size_t count, size_t budget, question_packed *packed, buffer *out);

#endif
