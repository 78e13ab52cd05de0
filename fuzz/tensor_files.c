/* tensor_files.c: see tensor_files.h. */
#include "fuzz/tensor_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

enum { LITTLE = 1 << 16 }; /* bytes that opening may take beside twice the file */

/* ---- memory ---- */

static size_t live, peak; /* bytes that are allocated now; the most since the count began */

#ifdef __SANITIZE_ADDRESS__
/* From <sanitizer/allocator_interface.h>, which gcc does not install. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *memory);

static void count_allocated(const volatile void *memory, size_t size)
{
    (void)memory;
    live += size;
    peak = live > peak ? live : peak;
}

static void count_freed(const volatile void *memory)
{
    live -= memory ? __sanitizer_get_allocated_size(memory) : 0;
}

static void begin_count(void)
{
    static int installed;
    if (!installed)
        installed = __sanitizer_install_malloc_and_free_hooks(count_allocated, count_freed);
    live = peak = 0;
}
#else
static void begin_count(void)
{
    live = peak = 0;
}
#endif

static void end_count(size_t size)
{
    if (peak > 2 * size + LITTLE) {
        fprintf(stderr, "opening a file of %zu bytes took %zu\n", size, peak);
        abort();
    }
}

/* ---- files ---- */

/* At most the first million elements: a tensor may repeat what its file holds. */
static void read_some(const tensor *t)
{
    enum { MOST = 1000000 };
    size_t count = t->count < MOST ? t->count : MOST;
    float *out = mem_new(count, sizeof *out);
    if (t->type != DTYPE_OTHER) {
        tensor_read(t, 0, count, out);
        tensor_read(t, t->count - count, count, out);
    }
    free(out);
}

void fuzz_tensor_file(const uint8_t *data, size_t size, pb_status (*open)(tensor_file *, const char *, pb_error *))
{
    char path[64];
    int fd = memfd_create("input", MFD_CLOEXEC); /* a file of memory: a disk would take most of the time */
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    tensor_file f;
    pb_error err = {0};
    begin_count();
    pb_status status = open(&f, path, &err);
    end_count(size);
    if (status != PB_OK && !err.message[0])
        abort(); /* a failure without words */
    for (size_t i = 0; i < f.count; i++)
        read_some(&f.tensors[i]);
    tensor_file_close(&f);
    close(fd);
}
