/* share.h: how the work of a sweep is dealt out to those who do it.
 *
 *     work_share *s = share_new();
 *     share_add(s, questions, work, count);                     // a unit: questions that are best done together
 *     while ((n = share_take(s, workers, taken)) > 0) ...       // somebody has time: taken[share_longest(s)]
 *     share_free(s);
 *
 * By work, not by count: the unit with most work goes first, so that what comes last is small. A unit that would keep
 * one of the workers busy for longer than half of its fair part of what is left is cut: some of its questions are
 * taken, the rest goes back. So everybody ends at nearly the same time, and until the end few units are cut. */
#ifndef SWEEP_SHARE_H
#define SWEEP_SHARE_H

#include <stddef.h>

typedef struct work_share work_share;

work_share *share_new(void);
/* work[count]: in any measure, one for all. */
void share_add(work_share *s, const size_t *questions, const double *work, size_t count);
/* The most questions that share_take may give. */
size_t share_longest(const work_share *s);
/* Takes questions of one unit for one of so many workers; how many, 0 when nothing is left. */
size_t share_take(work_share *s, size_t workers, size_t *questions);
void share_free(work_share *s);

#endif
