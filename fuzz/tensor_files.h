/* tensor_files.h: what the fuzz targets of all weight files share: any bytes as such a file.
 *
 * Opening must succeed or say why, and take at most twice the file's size of memory, and a little; what it then hands
 * out must lie in the file. Memory is counted under AddressSanitizer, which sees every allocation, and only there. */
#ifndef FUZZ_TENSOR_FILES_H
#define FUZZ_TENSOR_FILES_H

#include "checkpoint/tensor_file.h"
#include "fuzz/fuzz.h"

/* Aborts when `open` does not keep to this. */
void fuzz_tensor_file(const uint8_t *data, size_t size, pb_status (*open)(tensor_file *, const char *, pb_error *));

#endif
