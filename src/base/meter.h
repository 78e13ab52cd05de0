/* meter.h: where a piece of work spends its time: seconds by phase, and what was done in them.
 *
 *     meter m;
 *     meter_start(&m);                                         // of this thread
 *     ... an answer, a trace, an edit ...
 *     meter_stop();
 *     ... m.phase[METER_PRODUCTS].seconds, .flop ...
 *
 * Code that belongs to a phase says so, and costs nothing while no meter runs:
 *
 *     meter_kind before = meter_enter(METER_ATTENTION);
 *     attention(jobs, count);
 *     meter_leave(before);
 *
 * The calling thread's time counts, whatever other threads do for it meanwhile. Phases do not overlap: what is entered
 * within another phase than METER_REST belongs to that one (the products of a read-out to the read-out). */
#ifndef BASE_METER_H
#define BASE_METER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum meter_kind {
    METER_REST,      /* whatever no other phase says */
    METER_PICTURE,   /* the vision side */
    METER_LOADING,   /* weights brought into the form that products take */
    METER_PRODUCTS,  /* the decoder's matrices */
    METER_ATTENTION,
    METER_READ_OUT,  /* final norm, unembedding, softmax, and their gradients */
    METER_KINDS
} meter_kind;

/* "products": what a table calls it. */
const char *meter_name(meter_kind kind);

/* Products are told apart by how many rows they have, since that decides what limits them: sizes 1, 2, 4 ... */
enum { METER_SIZES = 13 };

/* The size that stands for so many rows: the power of two that is nearest by ratio, of the last all that are larger. */
size_t meter_size(size_t rows);

typedef struct meter_phase {
    double seconds;
    double flop, bytes;              /* bytes of weights that were read */
    double written;                  /* and of those that were made of them, in the form that products take */
    struct meter_products {
        double flop, bytes;          /* of products of so many rows: parts of the sums above */
    } products[METER_SIZES];
} meter_phase;

typedef struct meter {
    meter_phase phase[METER_KINDS];
    meter_kind now;
    double since;
} meter;

/* Clears *m, and counts in it until meter_stop; one at a time in a thread. */
void meter_start(meter *m);
void meter_stop(void);

/* Whether one runs in this thread. */
bool meter_runs(void);

/* Adds what another thread's meter counted while that thread did part of this one's work: all but its seconds, as the
 * calling thread's count. Nothing where none runs. */
void meter_add_help(const meter *helper);

/* Takes from *m what another meter counted: of less of the same work. */
void meter_subtract(meter *m, const meter *less);

/* The phase that runs; METER_REST where none does. */
meter_kind meter_now(void);

/* Returns what meter_leave takes. */
meter_kind meter_enter(meter_kind kind);
void meter_leave(meter_kind before);

/* Adds to the phase that runs: a product of rows with a matrix [out][in] of `bytes` bytes; and what is no product. */
void meter_product(size_t rows, size_t out, size_t in, size_t bytes);
void meter_work(double flop, double bytes);
/* Weights of so many bytes in the file have been brought into another form, of `written` bytes. */
void meter_form(double bytes, double written);

#endif
