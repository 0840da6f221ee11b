/* kernels_relaxed: the integer tile in relaxed SIMD, three ways. Panels hold quadruples of inputs.
 *
 * Relaxed dot products may differ between machines where the second operand's top bit is set (is it
 * signed?) and where a 16-bit sum of two products overflows. Weights in [-64, 63] leave no overflow;
 * the sign is found out by kernels_agree, so a table is used only where it computes exactly.
 *
 * relaxed           i16x8 dot, widened by dot_i16x8 with ones: three instructions on x86 without
 *                   VNNI where the fused form takes five. Under the group rule two i16 dots are added
 *                   before they are widened: |sum| <= 255 * 128 < 2^15.
 * relaxed unsigned  the fused dot, activations u8 as its second operand: one vpdpbusd with VNNI.
 * relaxed signed    the fused dot of two signed operands: one SDOT on ARM, vpdpbssd on newer x86. */
#include "kernels.h"
#if defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* From memory, so that the compiler cannot fold widening and adding back into the fused dot. */
static const volatile int16_t one = 1;

enum { DEPTH_ROWS = 3, FUSED_ROWS = 6 };

/* `depth`: products added in 16 bits before widening, 1 or 2. */
ALWAYS_INLINE void depth_rows(const char *a, size_t stride, const int rows, const int depth, const int8_t *panel,
                              int kp, int32_t *acc, size_t ld)
{
    v128_t lo[DEPTH_ROWS], hi[DEPTH_ROWS], ones = wasm_i16x8_splat(one);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = wasm_i32x4_const(0, 0, 0, 0);
#pragma clang loop unroll(disable)
    for (const int8_t *end = panel + (size_t)kp * PANEL; panel < end; panel += 64, a += 8) {
        v128_t w0 = wasm_v128_load(panel), w1 = wasm_v128_load(panel + 16);
        v128_t w2 = wasm_v128_load(panel + 32), w3 = wasm_v128_load(panel + 48);
        const char *row = a;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++, row += stride) {
            v128_t p = wasm_v128_load32_splat(row), q = wasm_v128_load32_splat(row + 4);
            v128_t l0 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w0, p), l1 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w2, q);
            v128_t h0 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w1, p), h1 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w3, q);
            if (depth == 2) {
                lo[r] = wasm_i32x4_add(lo[r], wasm_i32x4_dot_i16x8(wasm_i16x8_add(l0, l1), ones));
                hi[r] = wasm_i32x4_add(hi[r], wasm_i32x4_dot_i16x8(wasm_i16x8_add(h0, h1), ones));
            } else {
                lo[r] = wasm_i32x4_add(lo[r], wasm_i32x4_dot_i16x8(l0, ones));
                hi[r] = wasm_i32x4_add(hi[r], wasm_i32x4_dot_i16x8(h0, ones));
                lo[r] = wasm_i32x4_add(lo[r], wasm_i32x4_dot_i16x8(l1, ones));
                hi[r] = wasm_i32x4_add(hi[r], wasm_i32x4_dot_i16x8(h1, ones));
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        wasm_v128_store(acc + (size_t)r * ld, lo[r]);
        wasm_v128_store(acc + (size_t)r * ld + 4, hi[r]);
    }
}

#define DEPTH_TILE(name, depth)                                                                                      \
    static void name(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld) \
    {                                                                                                                \
        switch (n_rows) {                                                                                            \
        case 1: depth_rows(a, stride, 1, depth, panel, kp, acc, ld); break;                                          \
        case 2: depth_rows(a, stride, 2, depth, panel, kp, acc, ld); break;                                          \
        default: depth_rows(a, stride, DEPTH_ROWS, depth, panel, kp, acc, ld);                                       \
        }                                                                                                            \
    }
DEPTH_TILE(tile_depth1, 1)
DEPTH_TILE(tile_depth2, 2)

/* `weights_first`: weights are the first operand, u8 activations the second; else the other way
 * round, activations s8 first. */
ALWAYS_INLINE void fused_rows(const char *a, size_t stride, const int rows, const bool weights_first,
                              const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    v128_t lo[FUSED_ROWS], hi[FUSED_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = wasm_i32x4_const(0, 0, 0, 0);
#pragma clang loop unroll(disable)
    for (const int8_t *end = panel + (size_t)kp * PANEL; panel < end; panel += 32, a += 4) {
        v128_t w0 = wasm_v128_load(panel), w1 = wasm_v128_load(panel + 16);
        const char *row = a;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++, row += stride) {
            v128_t p = wasm_v128_load32_splat(row);
            if (weights_first) {
                lo[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w0, p, lo[r]);
                hi[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w1, p, hi[r]);
            } else {
                lo[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(p, w0, lo[r]);
                hi[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(p, w1, hi[r]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        wasm_v128_store(acc + (size_t)r * ld, lo[r]);
        wasm_v128_store(acc + (size_t)r * ld + 4, hi[r]);
    }
}

#define FUSED_TILE(name, weights_first)                                                                              \
    static void name(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld) \
    {                                                                                                                \
        switch (n_rows) {                                                                                            \
        case 1: fused_rows(a, stride, 1, weights_first, panel, kp, acc, ld); break;                                  \
        case 2: fused_rows(a, stride, 2, weights_first, panel, kp, acc, ld); break;                                  \
        case 3: fused_rows(a, stride, 3, weights_first, panel, kp, acc, ld); break;                                  \
        case 4: fused_rows(a, stride, 4, weights_first, panel, kp, acc, ld); break;                                  \
        case 5: fused_rows(a, stride, 5, weights_first, panel, kp, acc, ld); break;                                  \
        default: fused_rows(a, stride, FUSED_ROWS, weights_first, panel, kp, acc, ld);                               \
        }                                                                                                            \
    }
FUSED_TILE(tile_unsigned, true)
FUSED_TILE(tile_signed, false)

#define TABLE .pack = kernels_pack4, .pack_columns = kernels_pack4_columns, .unpack = kernels_unpack4
const struct kernels kernels_relaxed = {.name = "relaxed",
                                        .raced = true,
                                        .rows = DEPTH_ROWS,
                                        .form = ACT_U8,
                                        TABLE,
                                        .tile = tile_depth1,
                                        .tile_ruled = tile_depth2};
const struct kernels kernels_relaxed_unsigned = {.name = "relaxed unsigned",
                                                 .raced = true,
                                                 .rows = FUSED_ROWS,
                                                 .form = ACT_U8,
                                                 TABLE,
                                                 .tile = tile_unsigned,
                                                 .tile_ruled = tile_unsigned};
const struct kernels kernels_relaxed_signed = {.name = "relaxed signed",
                                               .raced = true,
                                               .rows = FUSED_ROWS,
                                               .form = ACT_S8,
                                               TABLE,
                                               .tile = tile_signed,
                                               .tile_ruled = tile_signed};
#endif
