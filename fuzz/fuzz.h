/* fuzz.h: a fuzz target is one function, which libFuzzer calls with its inputs:
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz/fuzz_safetensors.c
 *
 * Without libFuzzer, fuzz/driver.c calls it with mutations of the files it is given; that runs among the tests. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
