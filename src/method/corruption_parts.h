/* corruption_parts.h: what corruption.c takes from files: of a data set, and of a folder of pictures. */
#ifndef METHOD_CORRUPTION_PARTS_H
#define METHOD_CORRUPTION_PARTS_H

#include "method/question.h"

/* The standard deviation over all elements of the embeddings of a data set's constraint tokens (n - 1, as ROME's
 * torch.std). Errors name the file and the line. */
pb_status corruption_dataset_sd(const question *q, const char *path, double *sd, pb_error *err);

/* rows[image rows][D] = the mean of each row over the pictures in a folder, encoded as the question's is; hidden files are left
 * out. Fails where there are none. */
pb_status corruption_mean_rows(const question *q, const char *directory, float *rows, pb_error *err);

#endif
