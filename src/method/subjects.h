/* subjects.h: questions numbered by their subjects, which are what the bootstrap draws (interval.h). */
#ifndef METHOD_SUBJECTS_H
#define METHOD_SUBJECTS_H

#include <stddef.h>

/* number[i]: which subject question i has, in order of first appearance, from 0; a question whose subject is NULL has
 * one of its own. Returns how many there are. */
size_t subjects_number(const char *const *subject, size_t count, size_t *number);

#endif
