/* counterpart.h: each question's other: a question of the same kind about another subject, whose answers differ.
 *
 *     size_t *other = counterparts_draw(&rows, seed);      // other[rows.count]
 *     ... rows.items[other[i]].asked.image: what `image:@other` of question i is ...
 *     free(other);
 *
 * Questions are of one kind when they have the same `relation`, constraints of the same number and kinds, and alike a
 * picture or none. Of each kind the subjects, in order of first appearance, are put in an order drawn by a generator of
 * its own started at the seed (base/random.h: place i is exchanged with i + random_below(n - i)); subject i goes with
 * the one at place i. Where these two are the same, or share an accepted answer (normalised as VQA's evaluation does),
 * the partner is exchanged with the next one, counted round from random_below(n), that mends i and harms none; where
 * there is none, i goes with the next one so counted that has other answers, whoever else goes with it. Row k of a
 * subject, among those of its kind, goes with row k mod n of the other's n.
 *
 * Where a row names no subject, its picture stands for it; a row without either is a subject of its own. Rows that are
 * marked, or have a problem, take no part. */
#ifndef SWEEP_COUNTERPART_H
#define SWEEP_COUNTERPART_H

#include "data/rows.h"

#define COUNTERPART_NONE SIZE_MAX /* of a row that takes no part, or for which there is no other */

/* free() */
size_t *counterparts_draw(const rows *r, uint64_t seed);

#endif
