/* file_ahead.h: parts of mapped files, brought into memory and let go of by a thread of its own. Of use to file_map.c
 * alone.
 *
 * Why a thread: advice (MADV_WILLNEED) is taken a little at a time and fills the page cache with small pages, and a walk over
 * a checkpoint larger than the memory became twice as slow with it; pages that are really faulted in come as fast as the disk
 * gives them. */
#ifndef BASE_FILE_AHEAD_H
#define BASE_FILE_AHEAD_H

#include <stddef.h>

#include "base/file.h"

/* Bytes first .. first+size-1 of the mapping that begins at `map`, of the file behind the descriptor, are wanted soon. Returns
 * at once. The mapping lives until ahead_forget. */
void ahead_ask(int fd, const unsigned char *map, size_t first, size_t size);
/* The same bytes are done with: the whole pages among them leave memory, unless other programs have them mapped. They are
 * still the file's, and come back where they are read. */
void ahead_leave(int fd, const unsigned char *map, size_t first, size_t size);
/* Returns when no thread is at work on the mapping any more, nor will be. */
void ahead_forget(const file_map *map);

#endif
