/* denormals.c: see denormals.h. */
#include "math/denormals.h"

#include <stdint.h>

#if defined __x86_64__
#include <xmmintrin.h>

/* MXCSR: results that are denormal become zero (bit 15), and so do inputs (bit 6). */
static const unsigned FLUSH = 1u << 15 | 1u << 6;

static void flush_here(void)
{
    _mm_setcsr(_mm_getcsr() | FLUSH);
}

bool denormals_flushed(void)
{
    return (_mm_getcsr() & FLUSH) == FLUSH;
}

#elif defined __aarch64__

/* FPCR: bit 24 does both. */
static const uint64_t FLUSH = (uint64_t)1 << 24;

static uint64_t control(void)
{
    uint64_t bits;
    __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
}

static void flush_here(void)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(control() | FLUSH));
}

bool denormals_flushed(void)
{
    return (control() & FLUSH) != 0;
}

#else

static void flush_here(void)
{
}

bool denormals_flushed(void)
{
    return false;
}

#endif

void denormals_flush(void)
{
    flush_here();
#pragma omp parallel
    flush_here(); /* threads that there are already; new ones begin as the one that starts them */
}
