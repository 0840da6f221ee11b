/* vec8: vectors of bytes and small integers, for pixels. [level 0]
 *
 * Written in C vector extensions where those say it all; the steps they cannot name (sums of
 * products of pairs, narrowing with saturation, looking up) are one instruction where there is one and plain C
 * elsewhere. All arithmetic is exact or wraps, so every target gives the same bytes. */
#ifndef KIN_VEC8_H
#define KIN_VEC8_H
#include <stdint.h>
#include <string.h>
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__SSSE3__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x4 __attribute__((vector_size(8)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int32_t s32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));

enum { VEC8_SLACK = 32 }; /* bytes that a row read or written by vectors needs beyond its end */

static inline u8x16 u8x16_load(const uint8_t *p)
{
    u8x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void u8x16_store(uint8_t *p, u8x16 v) { memcpy(p, &v, sizeof v); }
static inline i16x8 i16x8_load(const int16_t *p)
{
    i16x8 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline i16x8 i16x8_splat(int x)
{
    int16_t s = (int16_t)x;
    return (i16x8){s, s, s, s, s, s, s, s};
}
static inline u32x4 u32x4_splat(int32_t x)
{
    uint32_t s = (uint32_t)x;
    return (u32x4){s, s, s, s};
}
/* 8 bytes as 16-bit numbers. */
static inline i16x8 i16x8_load_u8(const uint8_t *p)
{
    u8x8 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, i16x8);
}
static inline i16x8 i16x8_low_u8(u8x16 v)
{
    const u8x16 zero = {0};
    return (i16x8)__builtin_shufflevector(v, zero, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static inline i16x8 i16x8_high_u8(u8x16 v)
{
    const u8x16 zero = {0};
    return (i16x8)__builtin_shufflevector(v, zero, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
/* a0 b0 a1 b1 … of the lower and of the upper halves. */
static inline u8x16 u8x16_zip_low(u8x16 a, u8x16 b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static inline u8x16 u8x16_zip_high(u8x16 a, u8x16 b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* a0 b0 + a1 b1, a2 b2 + a3 b3, … */
static inline u32x4 u32x4_dot(i16x8 a, i16x8 b)
{
#if defined(__wasm_simd128__)
    return (u32x4)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b);
#elif defined(__SSE2__)
    return (u32x4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    u32x4 sum;
    for (int i = 0; i < 4; i++)
        sum[i] = (uint32_t)(a[2 * i] * b[2 * i]) + (uint32_t)(a[2 * i + 1] * b[2 * i + 1]);
    return sum;
#endif
}

static inline i16x8 i16x8_narrow(s32x4 a, s32x4 b)
{
#if defined(__wasm_simd128__)
    return (i16x8)wasm_i16x8_narrow_i32x4((v128_t)a, (v128_t)b);
#elif defined(__SSE2__)
    return (i16x8)_mm_packs_epi32((__m128i)a, (__m128i)b);
#else
    i16x8 v;
    for (int i = 0; i < 8; i++) {
        int32_t x = i < 4 ? a[i] : b[i - 4];
        v[i] = (int16_t)(x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x);
    }
    return v;
#endif
}

static inline u8x16 u8x16_narrow(i16x8 a, i16x8 b)
{
#if defined(__wasm_simd128__)
    return (u8x16)wasm_u8x16_narrow_i16x8((v128_t)a, (v128_t)b);
#elif defined(__SSE2__)
    return (u8x16)_mm_packus_epi16((__m128i)a, (__m128i)b);
#else
    u8x16 v;
    for (int i = 0; i < 16; i++) {
        int x = i < 8 ? a[i] : b[i - 8];
        v[i] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
    }
    return v;
#endif
}

/* table[index], of sixteen bytes each; an index is below 16. */
static inline u8x16 u8x16_look_up(u8x16 table, u8x16 index)
{
#if defined(__wasm_simd128__)
    return (u8x16)wasm_i8x16_swizzle((v128_t)table, (v128_t)index);
#elif defined(__SSSE3__)
    return (u8x16)_mm_shuffle_epi8((__m128i)table, (__m128i)index);
#elif defined(__aarch64__)
    return (u8x16)vqtbl1q_u8((uint8x16_t)table, (uint8x16_t)index);
#else
    u8x16 v;
    for (int i = 0; i < 16; i++)
        v[i] = table[index[i]];
    return v;
#endif
}
#endif
