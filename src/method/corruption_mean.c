/* corruption_mean.c: the mean of a folder's pictures, row by row, for image-mean:DIR. See corruption_parts.h. */
#include "method/corruption_parts.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths of the regular files in a folder, by name; hidden ones are left out. */
static pb_status list_files(const char *directory, char ***paths, size_t *count, pb_error *err)
{
    DIR *d = opendir(directory);
    *paths = NULL;
    *count = 0;
    if (!d)
        return fail(err, PB_EIO, "%s: is not a folder that can be read", directory);
    for (struct dirent *entry; (entry = readdir(d));) {
        char *path = path_join(directory, entry->d_name);
        if (entry->d_name[0] == '.' || !file_exists(path)) {
            free(path);
            continue;
        }
        *paths = mem_resize(*paths, *count + 1, sizeof **paths);
        (*paths)[(*count)++] = path;
    }
    closedir(d);
    if (*count)
        qsort(*paths, *count, sizeof **paths, by_name);
    return PB_OK;
}

static pb_status mean_of_files(const question *q, char *const *paths, size_t count, float *rows, pb_error *err)
{
    size_t n = q->prompt.image_count * q->model->decoder.config.d_model;
    double *sum = mem_new(n, sizeof *sum);
    pb_status status = PB_OK;
    for (size_t f = 0; f < count && !status; f++) {
        status = question_encode_file(q, paths[f], rows, err);
        for (size_t i = 0; i < n; i++)
            sum[i] += (double)rows[i];
    }
    for (size_t i = 0; i < n; i++)
        rows[i] = (float)(sum[i] / (double)count);
    free(sum);
    return status;
}

pb_status corruption_mean_rows(const question *q, const char *directory, float *rows, pb_error *err)
{
    char **paths;
    size_t count;
    TRY(list_files(directory, &paths, &count, err));
    pb_status status = count ? mean_of_files(q, paths, count, rows, err)
                             : fail(err, PB_EINVAL, "%s: holds no pictures", directory);
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
    return status;
}
