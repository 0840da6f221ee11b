/* kernels_arm: the integer tile natively on 64-bit ARM, over panels of quadruples of inputs.
 *
 * neon  what every such processor has: weights widened to 16 bits, multiplied by one activation of each row, added in 32
 *       bits. Panels are their own, [k][8 rows], so that 8 weights of one input are one load.
 * sdot  activations less 128 (quant.h, ACT_S8) times weights, four products of each row added in 32 bits by one
 *       instruction. Of processors with dot products (ARMv8.2 and later: phones and servers since 2018). */
#include "kernels.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))
enum { NEON_ROWS = 6, SDOT_ROWS = 8 };

static bool has_dot_products(void)
{
#if defined(__linux__)
    enum { DOT_PRODUCTS = 1 << 20 }; /* HWCAP_ASIMDDP */
    return (getauxval(AT_HWCAP) & DOT_PRODUCTS) != 0;
#elif defined(__APPLE__)
    return true; /* all of its ARM machines */
#else
    return false;
#endif
}

static void pack_by_input(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    kernels_ref.pack(rows, stride, kp, panel);
}
static void pack_columns_by_input(const int8_t *columns, size_t stride, int kp, int8_t *panel)
{
    kernels_ref.pack_columns(columns, stride, kp, panel);
}
static void unpack_by_input(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    kernels_ref.unpack(panel, kp, rows, stride);
}

/* Activations in 16 bits, four inputs of a row a load. */
ALWAYS_INLINE void neon_rows(const char *a, size_t stride, const int rows, const int8_t *panel, int kp, int32_t *acc,
                             size_t ld)
{
    int32x4_t lo[NEON_ROWS], hi[NEON_ROWS];
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = vdupq_n_s32(0);
    for (int k = 0; k < kp; k += 4, panel += 4 * PANEL, a += 8) {
        int16x8_t w0 = vmovl_s8(vld1_s8(panel)), w1 = vmovl_s8(vld1_s8(panel + 8));
        int16x8_t w2 = vmovl_s8(vld1_s8(panel + 16)), w3 = vmovl_s8(vld1_s8(panel + 24));
        UNROLL_ROWS
        for (int r = 0; r < rows; r++) {
            int16x4_t x = vld1_s16((const int16_t *)(const void *)(a + (size_t)r * stride));
            lo[r] = vmlal_lane_s16(lo[r], vget_low_s16(w0), x, 0),
            hi[r] = vmlal_lane_s16(hi[r], vget_high_s16(w0), x, 0);
            lo[r] = vmlal_lane_s16(lo[r], vget_low_s16(w1), x, 1),
            hi[r] = vmlal_lane_s16(hi[r], vget_high_s16(w1), x, 1);
            lo[r] = vmlal_lane_s16(lo[r], vget_low_s16(w2), x, 2),
            hi[r] = vmlal_lane_s16(hi[r], vget_high_s16(w2), x, 2);
            lo[r] = vmlal_lane_s16(lo[r], vget_low_s16(w3), x, 3),
            hi[r] = vmlal_lane_s16(hi[r], vget_high_s16(w3), x, 3);
        }
    }
    UNROLL_ROWS
    for (int r = 0; r < rows; r++) {
        vst1q_s32(acc + (size_t)r * ld, lo[r]);
        vst1q_s32(acc + (size_t)r * ld + 4, hi[r]);
    }
}

static void tile_neon(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    switch (n_rows) {
    case 1: neon_rows(a, stride, 1, panel, kp, acc, ld); break;
    case 2: neon_rows(a, stride, 2, panel, kp, acc, ld); break;
    case 3: neon_rows(a, stride, 3, panel, kp, acc, ld); break;
    case 4: neon_rows(a, stride, 4, panel, kp, acc, ld); break;
    case 5: neon_rows(a, stride, 5, panel, kp, acc, ld); break;
    default: neon_rows(a, stride, NEON_ROWS, panel, kp, acc, ld);
    }
}

const struct kernels kernels_neon = {.name = "neon",
                                     .rows = NEON_ROWS,
                                     .form = ACT_I16,
                                     .pack = pack_by_input,
                                     .pack_columns = pack_columns_by_input,
                                     .unpack = unpack_by_input,
                                     .tile = tile_neon,
                                     .tile_ruled = tile_neon};

__attribute__((target("arch=armv8.2-a+dotprod"))) ALWAYS_INLINE void
sdot_rows(const char *a, size_t stride, const int rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    int32x4_t lo[SDOT_ROWS], hi[SDOT_ROWS];
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = vdupq_n_s32(0);
    for (int k = 0; k < kp; k += 4, panel += 32, a += 4) {
        int8x16_t w0 = vld1q_s8(panel), w1 = vld1q_s8(panel + 16);
        UNROLL_ROWS
        for (int r = 0; r < rows; r++) {
            int8x16_t x = vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)(a + (size_t)r * stride)));
            lo[r] = vdotq_s32(lo[r], w0, x);
            hi[r] = vdotq_s32(hi[r], w1, x);
        }
    }
    UNROLL_ROWS
    for (int r = 0; r < rows; r++) {
        vst1q_s32(acc + (size_t)r * ld, lo[r]);
        vst1q_s32(acc + (size_t)r * ld + 4, hi[r]);
    }
}

__attribute__((target("arch=armv8.2-a+dotprod"))) static void
tile_sdot(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    switch (n_rows) {
    case 1: sdot_rows(a, stride, 1, panel, kp, acc, ld); break;
    case 2: sdot_rows(a, stride, 2, panel, kp, acc, ld); break;
    case 3: sdot_rows(a, stride, 3, panel, kp, acc, ld); break;
    case 4: sdot_rows(a, stride, 4, panel, kp, acc, ld); break;
    case 5: sdot_rows(a, stride, 5, panel, kp, acc, ld); break;
    case 6: sdot_rows(a, stride, 6, panel, kp, acc, ld); break;
    case 7: sdot_rows(a, stride, 7, panel, kp, acc, ld); break;
    default: sdot_rows(a, stride, SDOT_ROWS, panel, kp, acc, ld);
    }
}

const struct kernels kernels_sdot = {.name = "sdot",
                                     .usable = has_dot_products,
                                     .rows = SDOT_ROWS,
                                     .form = ACT_S8,
                                     .pack = kernels_pack4,
                                     .pack_columns = kernels_pack4_columns,
                                     .unpack = kernels_unpack4,
                                     .tile = tile_sdot,
                                     .tile_ruled = tile_sdot};
#endif
