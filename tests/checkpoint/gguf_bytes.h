/* gguf_bytes.h: GGUF files put together byte by byte, sound or not. */
#ifndef TESTS_CHECKPOINT_GGUF_BYTES_H
#define TESTS_CHECKPOINT_GGUF_BYTES_H

#include "tests/support.h"

#include "base/memory.h"

static inline void put_u32(buffer *b, uint32_t n)
{
    buffer_add(b, &n, sizeof n);
}

static inline void put_u64(buffer *b, uint64_t n)
{
    buffer_add(b, &n, sizeof n);
}

static inline void put_text(buffer *b, const char *bytes)
{
    put_u64(b, strlen(bytes));
    buffer_text(b, bytes);
}

static inline void put_header(buffer *b, uint32_t version, uint64_t tensors, uint64_t pairs)
{
    buffer_add(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, tensors);
    put_u64(b, pairs);
}

static inline void put_pair_u32(buffer *b, const char *key, uint32_t value)
{
    put_text(b, key);
    put_u32(b, 4);
    put_u32(b, value);
}

static inline void put_pair_text(buffer *b, const char *key, const char *value)
{
    put_text(b, key);
    put_u32(b, 8);
    put_text(b, value);
}

static inline void put_pair_f32(buffer *b, const char *key, float value)
{
    put_text(b, key);
    put_u32(b, 6);
    buffer_add(b, &value, sizeof value);
}

/* Dimensions: the one that runs fastest first. */
static inline void put_tensor_entry(buffer *b, const char *name, uint32_t rank, const uint64_t *dims, uint32_t type,
                                    uint64_t offset)
{
    put_text(b, name);
    put_u32(b, rank);
    for (uint32_t i = 0; i < rank; i++)
        put_u64(b, dims[i]);
    put_u32(b, type);
    put_u64(b, offset);
}

/* The data begin at a multiple of 32. */
static inline void put_zeros(buffer *b, size_t bytes)
{
    while (b->size % 32)
        buffer_add(b, "", 1);
    while (bytes-- > 0)
        buffer_add(b, "", 1);
}

#endif
