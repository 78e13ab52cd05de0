/* process.c: see process.h. */
#include "base/process.h"

#include <stdio.h>
#include <time.h>

double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* From /proc, not getrusage: the latter's figure begins with that of the program which started this one. */
size_t process_peak_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    size_t kilobytes = 0;
    char line[256];
    while (status && kilobytes == 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %zu kB", &kilobytes) != 1)
            kilobytes = 0;
    if (status)
        fclose(status);
    return kilobytes * 1024;
}
