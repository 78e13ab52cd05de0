/* interrupt.h: work that must be cleared away when it is interrupted.
 *
 *     interrupt_watch();
 *     while (more && !interrupted())
 *         ... write ...
 *     ... remove what is half done ...
 *     interrupt_release();         // the signal, if there was one, does now what it would have done then
 *
 * Watched are SIGINT, SIGTERM and SIGHUP, of the whole process; a signal that is ignored stays ignored. A limit on the
 * size of files (SIGXFSZ) becomes an error of the writing. What is called inside of a watch may watch itself: the
 * outermost one counts. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>

#include "base/error.h"

void interrupt_watch(void);
bool interrupted(void);
/* PB_EIO "PATH: writing it was interrupted" where it was. */
pb_status interrupt_check(const char *path, pb_error *err);
void interrupt_release(void);

#endif
