/* floats: the floating-point mode that Numerics is defined in, whatever the caller's thread has set. [level 0]
 *
 * Rounding to nearest even, denormals kept, nothing trapped. Libraries of Python, and programs built with -ffast-math, leave
 * flush-to-zero on in the threads they touch, and a new thread has the mode of the one that starts it. A public function that
 * computes begins with DEFAULT_FLOATS; what the caller had comes back when it returns. WebAssembly has one mode only. */
#ifndef KIN_FLOATS_H
#define KIN_FLOATS_H
#include <stdint.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
typedef uint32_t float_mode;
enum { FLOAT_MODE_DEFAULT = 0x1F80 };
static inline float_mode float_mode_get(void) { return _mm_getcsr(); }
static inline void float_mode_set(float_mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
typedef uint64_t float_mode;
enum { FLOAT_MODE_DEFAULT = 0 };
static inline float_mode float_mode_get(void)
{
    float_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void float_mode_set(float_mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
#else
#define DEFAULT_FLOATS
#endif

#if !defined(DEFAULT_FLOATS)
static inline float_mode float_mode_begin(void)
{
    float_mode mode = float_mode_get();
    if (mode != (float_mode)FLOAT_MODE_DEFAULT)
        float_mode_set((float_mode)FLOAT_MODE_DEFAULT);
    return mode;
}
static inline void float_mode_end(const float_mode *mode)
{
    if (*mode != (float_mode)FLOAT_MODE_DEFAULT)
        float_mode_set(*mode);
}
#define DEFAULT_FLOATS float_mode float_mode_ __attribute__((unused, cleanup(float_mode_end))) = float_mode_begin();
#endif
#endif
