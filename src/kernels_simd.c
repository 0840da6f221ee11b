/* kernels_simd: the integer tile in SIMD128, what every browser with SIMD runs.
 *
 * Panel bytes: for each pair of inputs 2j, 2j+1 sixteen bytes, the pair of each of the 8 rows:
 *   [r0 k0 k1 | r1 k0 k1 | … | r7 k0 k1]
 * so that widening its halves gives two operands of i32x4.dot_i16x8_s, whose other operand is one
 * pair of i16 activations splatted. 4 x 8 keeps 8 accumulators, 2 weights and 1 activation in the
 * 16 registers of x86. */
#include "kernels.h"
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>

static void pack_simd(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k += 2)
        for (int c = 0; c < PANEL; c++, panel += 2) {
            panel[0] = rows[(size_t)c * stride + k];
            panel[1] = rows[(size_t)c * stride + k + 1];
        }
}

static void unpack_simd(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k += 2)
        for (int c = 0; c < PANEL; c++, panel += 2) {
            rows[(size_t)c * stride + k] = panel[0];
            rows[(size_t)c * stride + k + 1] = panel[1];
        }
}

static inline void step(v128_t w0, v128_t w1, const int16_t *a, v128_t *lo, v128_t *hi)
{
    v128_t pair = wasm_v128_load32_splat(a);
    *lo = wasm_i32x4_add(*lo, wasm_i32x4_dot_i16x8(w0, pair));
    *hi = wasm_i32x4_add(*hi, wasm_i32x4_dot_i16x8(w1, pair));
}

static void tile4(const int16_t *a, size_t stride, const int8_t *panel, int kp, int32_t *acc)
{
    const int16_t *a0 = a, *a1 = a0 + stride, *a2 = a1 + stride, *a3 = a2 + stride;
    v128_t zero = wasm_i32x4_const(0, 0, 0, 0);
    v128_t l0 = zero, h0 = zero, l1 = zero, h1 = zero, l2 = zero, h2 = zero, l3 = zero, h3 = zero;
    for (int k = 0; k < kp; k += 2, panel += 16, a0 += 2, a1 += 2, a2 += 2, a3 += 2) {
        v128_t w0 = wasm_i16x8_load8x8(panel), w1 = wasm_i16x8_load8x8(panel + 8);
        step(w0, w1, a0, &l0, &h0);
        step(w0, w1, a1, &l1, &h1);
        step(w0, w1, a2, &l2, &h2);
        step(w0, w1, a3, &l3, &h3);
    }
    wasm_v128_store(acc, l0), wasm_v128_store(acc + 4, h0);
    wasm_v128_store(acc + 8, l1), wasm_v128_store(acc + 12, h1);
    wasm_v128_store(acc + 16, l2), wasm_v128_store(acc + 20, h2);
    wasm_v128_store(acc + 24, l3), wasm_v128_store(acc + 28, h3);
}

static void tile1(const int16_t *a, const int8_t *panel, int kp, int32_t *acc)
{
    v128_t lo = wasm_i32x4_const(0, 0, 0, 0), hi = lo;
    for (int k = 0; k < kp; k += 2, panel += 16, a += 2)
        step(wasm_i16x8_load8x8(panel), wasm_i16x8_load8x8(panel + 8), a, &lo, &hi);
    wasm_v128_store(acc, lo), wasm_v128_store(acc + 4, hi);
}

static void tile_simd(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc)
{
    const int16_t *row = a;
    size_t step_i16 = stride / 2;
    if (n_rows == 4) {
        tile4(row, step_i16, panel, kp, acc);
        return;
    }
    for (int r = 0; r < n_rows; r++)
        tile1(row + (size_t)r * step_i16, panel, kp, acc + r * PANEL);
}

const struct kernels kernels_simd = {
    .name = "simd128", .rows = 4, .act_bytes = 2, .pack = pack_simd, .unpack = unpack_simd, .tile = tile_simd};
#endif
