/* file_map.c: files in memory: mapped, under a watch for ever shorter ones, or copied. See file.h.
 *
 * Where a mapped file has become shorter, reading what is missing raises SIGBUS in the thread that reads. The handler puts
 * zeros in place of the rest of the mapping and marks it: the thread goes on, and who checks the mapping learns of it. It
 * takes no locks: watches are never freed, only used again, so any thread may walk over them at any time. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_ahead.h"
#include "base/memory.h"

struct file_watch {
    _Atomic(const unsigned char *) data; /* NULL: in nobody's use */
    size_t size;
    atomic_bool cut;
    char *path;
    int fd; /* stays open: to ask for the file's size, and for what of it is in memory */
    file_watch *next;
};

static _Atomic(file_watch *) watches;
static atomic_bool some_cut; /* ever */
static size_t page_size;
static struct sigaction before; /* who had SIGBUS when the first file was mapped */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* ---- the handler ---- */

/* The watch over that address, or NULL. */
static file_watch *watch_of(const unsigned char *at)
{
    for (file_watch *w = atomic_load(&watches); w; w = w->next) {
        const unsigned char *data = atomic_load(&w->data);
        if (data && at >= data && at < data + w->size)
            return w;
    }
    return NULL;
}

/* As if this handler were not there: the one before it, or the signal's own effect, which the read will raise again. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
    else
        sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void on_missing_page(int number, siginfo_t *info, void *context)
{
    int error = errno;
    const unsigned char *at = info->si_addr;
    file_watch *w = info->si_code == BUS_ADRERR ? watch_of(at) : NULL;
    void *from = NULL;
    if (w) {
        const unsigned char *data = atomic_load(&w->data);
        size_t whole = (size_t)(at - data) / page_size * page_size; /* mappings begin with a page */
        from = mmap((void *)(size_t)(data + whole), w->size - whole, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
    if (w && from != MAP_FAILED) {
        atomic_store(&w->cut, true);
        atomic_store(&some_cut, true);
    } else {
        pass_on(number, info, context);
    }
    errno = error;
}

static void install(void)
{
    struct sigaction ours = {.sa_sigaction = on_missing_page, .sa_flags = SA_SIGINFO | SA_RESTART};
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, NULL, &before); /* known before it may be needed */
    sigaction(SIGBUS, &ours, NULL);
}

/* ---- watches ---- */

static file_watch *unused_watch(void)
{
    for (file_watch *w = atomic_load(&watches); w; w = w->next)
        if (!atomic_load(&w->data))
            return w;
    file_watch *w = mem_new(1, sizeof *w);
    w->next = atomic_load(&watches);
    atomic_store(&watches, w);
    return w;
}

/* Takes over the descriptor. */
static file_watch *watch_begin(const file_map *map, int fd, const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    pthread_mutex_lock(&changing);
    file_watch *w = unused_watch();
    w->size = map->size;
    w->path = mem_text(path);
    w->fd = fd;
    atomic_store(&w->cut, false);
    atomic_store(&w->data, map->data);
    pthread_mutex_unlock(&changing);
    return w;
}

static void watch_end(file_watch *w)
{
    pthread_mutex_lock(&changing);
    atomic_store(&w->data, NULL);
    close(w->fd);
    free(w->path);
    w->path = NULL;
    pthread_mutex_unlock(&changing);
}

static pb_status was_cut(const file_watch *w, pb_error *err)
{
    return fail(err, PB_EIO, "%s: became shorter than its %zu bytes while it was in use", w->path, w->size);
}

pb_status file_map_check(const file_map *map, pb_error *err)
{
    const file_watch *w = map->watch;
    struct stat now;
    if (!w)
        return PB_OK;
    bool shorter = fstat(w->fd, &now) == 0 && (size_t)now.st_size < w->size;
    return shorter || atomic_load(&w->cut) ? was_cut(w, err) : PB_OK;
}

pb_status file_map_check_at(const void *at, pb_error *err)
{
    if (!atomic_load(&some_cut))
        return PB_OK;
    const file_watch *w = watch_of(at);
    return w && atomic_load(&w->cut) ? was_cut(w, err) : PB_OK;
}

/* ---- opening ---- */

/* *fd = -1 where it fails. */
static pb_status open_regular(int *fd, size_t *size, const char *path, pb_error *err)
{
    struct stat info = {0};
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe would wait for a writer */
    if (*fd < 0)
        return fail(err, PB_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    pb_status status = PB_OK;
    if (fstat(*fd, &info) != 0)
        status = fail(err, PB_EIO, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = fail(err, PB_EIO, "%s: is not a regular file", path);
    if (status) {
        close(*fd);
        *fd = -1;
    }
    *size = (size_t)info.st_size;
    return status;
}

pb_status file_map_open(file_map *map, const char *path, pb_error *err)
{
    size_t size;
    int fd;
    *map = (file_map){0};
    TRY(open_regular(&fd, &size, path, err));
    if (size == 0) {
        close(fd);
        return PB_OK;
    }
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        pb_status status = fail(err, PB_EIO, "%s: cannot be mapped (%zu bytes): %s", path, size, strerror(errno));
        close(fd);
        return status;
    }
    *map = (file_map){.data = data, .size = size};
    map->watch = watch_begin(map, fd, path);
    return PB_OK;
}

static pb_status copy_descriptor(file_map *map, int fd, size_t size, const char *path, pb_error *err)
{
    size_t done = 0;
    unsigned char *copy;
    if (size == 0)
        return PB_OK;
    TRY(mem_try(&copy, size, 1, path, err));
    while (done < size) {
        ssize_t n = read(fd, copy + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(copy);
            return n < 0 ? fail(err, PB_EIO, "%s: cannot be read: %s", path, strerror(errno))
                         : fail(err, PB_EIO, "%s: became shorter than its %zu bytes while it was read", path, size);
        }
        done += (size_t)n;
    }
    *map = (file_map){.data = copy, .size = size};
    return PB_OK;
}

pb_status file_map_copy(file_map *map, const char *path, pb_error *err)
{
    size_t size;
    int fd;
    *map = (file_map){0};
    TRY(open_regular(&fd, &size, path, err));
    pb_status status = copy_descriptor(map, fd, size, path, err);
    close(fd);
    return status;
}

void file_map_close(file_map *map)
{
    if (map->watch) {
        ahead_forget(map);
        watch_end(map->watch);
        munmap((void *)(size_t)map->data, map->size);
    } else {
        free((void *)(size_t)map->data);
    }
    *map = (file_map){0};
}

/* The stretch, as bytes of the mapping in which it lies; does nothing where that is none. */
static void pass_stretch(void (*to)(int fd, const unsigned char *map, size_t first, size_t size), const void *data, size_t size)
{
    const file_watch *w = watch_of(data);
    if (w && size)
        to(w->fd, atomic_load(&w->data), (size_t)((const unsigned char *)data - atomic_load(&w->data)), size);
}

void file_map_ahead(const void *data, size_t size)
{
    pass_stretch(ahead_ask, data, size);
}

void file_map_leave(const void *data, size_t size)
{
    pass_stretch(ahead_leave, data, size);
}
