/* layers.h: which layers are looked at, one after another, and the window around each. */
#ifndef METHOD_LAYERS_H
#define METHOD_LAYERS_H

#include <stddef.h>

#include "base/error.h"

/* How `size` counts: W layers centred on l (--window W), or R layers on either side of it (--radius R). */
typedef enum window_kind { WINDOW_CENTRED, WINDOW_RADIUS } window_kind;

/* --layers first:end of a model's L layers; end 0 stands for L. layers[count]: free(). */
pb_status layers_choose(size_t first, size_t end, size_t L, size_t **layers, size_t *count, pb_error *err);

/* The layers around l: first .. end-1 (docs/trace.md, "Cell"). */
void layers_window(window_kind kind, size_t size, size_t l, size_t L, size_t *first, size_t *end);

#endif
