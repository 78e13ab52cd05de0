/* process.c: see process.h. */
#include "base/process.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The line "name: N kB" of one of /proc's files, in bytes; 0 where there is none. */
static size_t kernel_bytes(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    size_t kilobytes = 0, n = strlen(name);
    char line[256];
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, n) == 0 && line[n] == ':' && sscanf(line + n + 1, "%zu kB", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

char *process_cpu(void)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    char *name = NULL;
    while (file && !name && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            const char *text = strchr(line, ':') + 1;
            text += strspn(text, " \t");
            name = mem_text_n(text, strcspn(text, "\n"));
        }
    if (file)
        fclose(file);
    return name ? name : mem_text("unknown");
}

size_t process_machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : 0;
}

size_t process_available_bytes(void)
{
    return kernel_bytes("/proc/meminfo", "MemAvailable");
}

/* From /proc, not getrusage: the latter's figure begins with that of the program which started this one. */
size_t process_peak_bytes(void)
{
    return kernel_bytes("/proc/self/status", "VmHWM");
}

size_t process_anonymous_bytes(void)
{
    return kernel_bytes("/proc/self/status", "RssAnon");
}
