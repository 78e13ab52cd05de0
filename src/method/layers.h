/* layers.h: which layers are looked at, one after another, and the window around each. */
#ifndef METHOD_LAYERS_H
#define METHOD_LAYERS_H

#include <stddef.h>

#include "base/error.h"

/* How `size` counts: W layers centred on l (--window W), or R layers on either side of it (--radius R). */
typedef enum window_kind { WINDOW_CENTRED, WINDOW_RADIUS } window_kind;

/* --layers first:end of L layers; *end 0 stands for L. The error says what they are of: "the model". */
pb_status layers_check(size_t first, size_t *end, size_t L, const char *of, pb_error *err);
/* The same, as a list. layers[count]: free(). */
pb_status layers_choose(size_t first, size_t end, size_t L, const char *of, size_t **layers, size_t *count, pb_error *err);

/* windows[count]: the first and the last layer around each of these (docs/trace.md, "Cell"). */
void layers_windows(window_kind kind, size_t size, const size_t *layers, size_t count, size_t L, size_t (*windows)[2]);

#endif
