/* process.h: what this process takes, seconds and memory; and the machine it runs on. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stddef.h>

/* Seconds of the monotonic clock, from an arbitrary point. */
double clock_now(void);

/* The most memory that was resident at a time, mapped files included; 0 when the system does not tell. */
size_t process_peak_bytes(void);
/* The memory that is resident now and no file's: what was allocated and written to; 0 likewise. */
size_t process_anonymous_bytes(void);

/* What the system calls this machine's processor; "unknown" when it does not tell. free() */
char *process_cpu(void);
/* Bytes of memory that this machine has. */
size_t process_machine_bytes(void);
/* Of these, what programs may still have, for what files hold of it is given up for them; 0 when the system does not tell. */
size_t process_available_bytes(void);

#endif
