/* What the machine allows in a browser: loops that only compute, in registers, and one that only reads.
 * Freestanding; built as peak-simd.wasm and, with relaxed SIMD, as peak-relaxed.wasm. */
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
enum { CHAINS = 12 }; /* enough to hide the latency of an instruction or of a few */

/* Every operand depends on the accumulator, or a compiler would move the product out of the loop. */
#define LOOP(body)                                                                         \
    v128_t acc[CHAINS], b = wasm_i8x16_splat((int8_t)n);                                   \
    for (int i = 0; i < CHAINS; i++)                                                       \
        acc[i] = wasm_i32x4_splat(i);                                                      \
    for (int k = 0; k < n; k++)                                                            \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) acc[i] = body; \
    v128_t sum = acc[0];                                                                   \
    for (int i = 1; i < CHAINS; i++)                                                       \
        sum = wasm_i32x4_add(sum, acc[i]);                                                 \
    return wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 3);

/* CHAINS * 8 multiply-adds a turn: i16 products of pairs. */
EXPORT(dot_i16) int dot_i16(int n) { LOOP(wasm_i32x4_add(acc[i], wasm_i32x4_dot_i16x8(acc[i], b))) }

#if defined(__wasm_relaxed_simd__)
static const volatile int16_t one = 1;
/* CHAINS * 16: the fused dot. */
EXPORT(fused)
int fused(int n){LOOP(wasm_i32x4_relaxed_dot_i8x16_i7x16_add(acc[i], b, acc[i]))}
/* CHAINS * 16: an i16 dot, widened. */
EXPORT(depth1) int depth1(int n)
{
    v128_t ones = wasm_i16x8_splat(one);
    LOOP(wasm_i32x4_add(acc[i], wasm_i32x4_dot_i16x8(wasm_i16x8_relaxed_dot_i8x16_i7x16(acc[i], b), ones)))
}
/* CHAINS * 32: two i16 dots added, then widened. */
EXPORT(depth2) int depth2(int n)
{
    v128_t ones = wasm_i16x8_splat(one), c = wasm_i8x16_splat((int8_t)(n >> 8));
    LOOP(wasm_i32x4_add(acc[i], wasm_i32x4_dot_i16x8(wasm_i16x8_add(wasm_i16x8_relaxed_dot_i8x16_i7x16(acc[i], b),
                                                                    wasm_i16x8_relaxed_dot_i8x16_i7x16(acc[i], c)),
                                                     ones)))
}
#endif

/* Reads n bytes once, 64 a turn: four streams are faster than one. */
EXPORT(read_once) int read_once(const uint8_t *p, size_t n)
{
    v128_t a = wasm_i32x4_splat(0), b = a, c = a, d = a;
    size_t apart = n / 64 * 16;
    for (size_t i = 0; i < apart; i += 16) {
        a = wasm_v128_xor(a, wasm_v128_load(p + i)), b = wasm_v128_xor(b, wasm_v128_load(p + apart + i));
        c = wasm_v128_xor(c, wasm_v128_load(p + 2 * apart + i)),
        d = wasm_v128_xor(d, wasm_v128_load(p + 3 * apart + i));
    }
    a = wasm_v128_xor(wasm_v128_xor(a, b), wasm_v128_xor(c, d));
    return wasm_i32x4_extract_lane(a, 0) ^ wasm_i32x4_extract_lane(a, 1) ^ wasm_i32x4_extract_lane(a, 2) ^
           wasm_i32x4_extract_lane(a, 3);
}
