/* multiversion.h: one portable program, whose inner loops are compiled for several kinds of processor.
 *
 * A function marked MULTIVERSION is compiled for x86-64-v4 (AVX-512), v3 (AVX2, FMA) and the baseline; the loader
 * picks. Within one machine every call takes the same form, so results do not depend on who calls. Sanitizers cannot
 * run before the loader, so their builds have the baseline only. */
#ifndef MATH_MULTIVERSION_H
#define MATH_MULTIVERSION_H

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__ &&                  \
    !defined PATCHBAY_BASELINE
#define MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#endif

/* For helpers of a MULTIVERSION function: compiled into each of its forms. */
#define INLINE static inline __attribute__((always_inline))

#endif
