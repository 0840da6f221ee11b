/* kernels_simd: the integer tile in SIMD128, what every browser with SIMD runs.
 *
 * Panel bytes: for each pair of inputs 2j, 2j+1 sixteen bytes, the pair of each of the 8 rows:
 *   [r0 k0 k1 | r1 k0 k1 | … | r7 k0 k1]
 * so that widening its halves gives two operands of i32x4.dot_i16x8_s, whose other operand is one
 * pair of i16 activations splatted. 5 x 8 keeps 10 accumulators, 2 weights, 1 activation and 1
 * product in the 15 registers that V8 gives out on x86; 6 x 8 spills. */
#include "kernels.h"
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>

enum { MR = 5 };

static void pack_simd(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    kernels_pack4(rows, stride, kp, panel);
    for (int8_t *end = panel + (size_t)kp * PANEL; panel < end; panel += 32) { /* quadruples into two pairs */
        v128_t a = wasm_v128_load(panel), b = wasm_v128_load(panel + 16);
        wasm_v128_store(panel, wasm_i16x8_shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14));
        wasm_v128_store(panel + 16, wasm_i16x8_shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15));
    }
}

static void pack_columns_simd(const int8_t *columns, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k += 2, columns += 2 * stride)
        for (int c = 0; c < PANEL; c++, panel += 2)
            panel[0] = columns[c], panel[1] = columns[stride + c];
}

static void unpack_simd(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k += 2)
        for (int c = 0; c < PANEL; c++, panel += 2)
            memcpy(rows + (size_t)c * stride + k, panel, 2);
}

/* A pointer that walks down the rows, in a loop unrolled over rows and not over inputs: V8 has few
 * registers for addresses, and a pointer or an offset for each row makes it spill (24 in place of 41
 * billion multiply-adds a second on a Zen 4). */
static inline __attribute__((always_inline)) void tile_rows(const char *a, size_t stride, const int rows,
                                                            const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    v128_t lo[MR], hi[MR];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = wasm_i32x4_const(0, 0, 0, 0);
#pragma clang loop unroll(disable)
    for (const int8_t *end = panel + (size_t)kp * PANEL; panel < end; panel += 16, a += 4) {
        v128_t w0 = wasm_i16x8_load8x8(panel), w1 = wasm_i16x8_load8x8(panel + 8);
        const char *row = a;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++, row += stride) {
            v128_t pair = wasm_v128_load32_splat(row);
            lo[r] = wasm_i32x4_add(lo[r], wasm_i32x4_dot_i16x8(w0, pair));
            hi[r] = wasm_i32x4_add(hi[r], wasm_i32x4_dot_i16x8(w1, pair));
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        wasm_v128_store(acc + (size_t)r * ld, lo[r]);
        wasm_v128_store(acc + (size_t)r * ld + 4, hi[r]);
    }
}

static void tile_simd(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    switch (n_rows) {
    case 1: tile_rows(a, stride, 1, panel, kp, acc, ld); break;
    case 2: tile_rows(a, stride, 2, panel, kp, acc, ld); break;
    case 3: tile_rows(a, stride, 3, panel, kp, acc, ld); break;
    case 4: tile_rows(a, stride, 4, panel, kp, acc, ld); break;
    default: tile_rows(a, stride, MR, panel, kp, acc, ld);
    }
}

const struct kernels kernels_simd = {.name = "simd128",
                                     .rows = MR,
                                     .form = ACT_I16,
                                     .pack = pack_simd,
                                     .pack_columns = pack_columns_simd,
                                     .unpack = unpack_simd,
                                     .tile = tile_simd,
                                     .tile_ruled = tile_simd};
#endif
