/* clock.h: seconds for measuring how long things take. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds of the monotonic clock, from an arbitrary point. */
double clock_now(void);

#endif
