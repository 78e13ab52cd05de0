/* error.h: the one way in which patchbay fails.
 *
 * Every function that can fail returns a pb_status and fills the pb_error that its caller handed in:
 *
 *     pb_error err;
 *     pb_model *model;
 *     if (pb_model_open(&model, "llava-1.5-7b-hf", NULL, &err) != PB_OK)
 *         fprintf(stderr, "%s\n%s\n", err.message, err.hint);
 *
 * On failure out-parameters are NULL (or untouched) and nothing is left behind. A pb_error owns no memory. */
#ifndef PATCHBAY_ERROR_H
#define PATCHBAY_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pb_status {
    PB_OK = 0,
    PB_EIO,          /* the operating system refused: open, read, write, map, a full disk */
    PB_EFORMAT,      /* a file is damaged, or is not what it says it is */
    PB_EUNSUPPORTED, /* a file is sound, but of a kind that patchbay does not know */
    PB_EINVAL,       /* a request that cannot be met: no such span, layer, answer, ... */
    PB_ENOMEM,       /* the memory budget, or the machine, is too small */
    PB_EINTERRUPTED  /* the process was told to stop by a signal (pb_sweep_run): nothing is wrong, but there is no result */
} pb_status;

typedef struct pb_error {
    pb_status code;
    char message[1024]; /* one sentence: the file, the field, what was found and what was expected */
    char hint[512];     /* what to do about it; "" when there is nothing to add */
} pb_error;

#ifdef __cplusplus
}
#endif
#endif
