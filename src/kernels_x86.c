/* kernels_x86: the integer tile natively on x86-64, in AVX2 and with VNNI. Panels hold quadruples
 * of inputs, so that one 32-byte load gives 4 inputs of all 8 rows.
 *
 * avx2  vpmaddubsw (u8 times s8, pairs added in 16 bits; 255 * 2 * 64 < 2^15), vpmaddwd with ones;
 *       under the group rule two of the 16-bit sums are added before widening.
 * vnni  one vpdpbusd in place of the three. */
#include "kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
enum { MR = 6 };

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
static bool has_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

#define SPLAT4(p) _mm256_set1_epi32(*(const int32_t *)(const void *)(p))

__attribute__((target("avx2"))) ALWAYS_INLINE void avx2_rows(const char *a, size_t stride, const int rows,
                                                             const int depth, const int8_t *panel, int kp, int32_t *acc,
                                                             size_t ld)
{
    __m256i sum[MR], ones = _mm256_set1_epi16(1);
    for (int r = 0; r < rows; r++)
        sum[r] = _mm256_setzero_si256();
    for (int k = 0; k < kp; k += 8, panel += 64, a += 8) {
        __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(panel + 32));
        for (int r = 0; r < rows; r++) {
            __m256i x = _mm256_maddubs_epi16(SPLAT4(a + (size_t)r * stride), w0);
            __m256i y = _mm256_maddubs_epi16(SPLAT4(a + (size_t)r * stride + 4), w1);
            if (depth == 2) {
                sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(_mm256_add_epi16(x, y), ones));
            } else {
                sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(x, ones));
                sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(y, ones));
            }
        }
    }
    for (int r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(void *)(acc + (size_t)r * ld), sum[r]);
}

__attribute__((target("avx512vnni,avx512vl"))) ALWAYS_INLINE void
vnni_rows(const char *a, size_t stride, const int rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    __m256i sum[MR];
    for (int r = 0; r < rows; r++)
        sum[r] = _mm256_setzero_si256();
    for (int k = 0; k < kp; k += 4, panel += 32, a += 4) {
        __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        for (int r = 0; r < rows; r++)
            sum[r] = _mm256_dpbusd_epi32(sum[r], SPLAT4(a + (size_t)r * stride), w);
    }
    for (int r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(void *)(acc + (size_t)r * ld), sum[r]);
}

#define TILE(name, isa, call)                                                                                    \
    __attribute__((target(isa))) static void name(const void *a, size_t stride, int n_rows, const int8_t *panel, \
                                                  int kp, int32_t *acc, size_t ld)                               \
    {                                                                                                            \
        switch (n_rows) {                                                                                        \
        case 1: call(1); break;                                                                                  \
        case 2: call(2); break;                                                                                  \
        case 3: call(3); break;                                                                                  \
        case 4: call(4); break;                                                                                  \
        case 5: call(5); break;                                                                                  \
        default: call(MR);                                                                                       \
        }                                                                                                        \
    }
#define AVX2_DEPTH1(rows) avx2_rows(a, stride, rows, 1, panel, kp, acc, ld)
#define AVX2_DEPTH2(rows) avx2_rows(a, stride, rows, 2, panel, kp, acc, ld)
#define VNNI(rows) vnni_rows(a, stride, rows, panel, kp, acc, ld)
TILE(tile_avx2, "avx2", AVX2_DEPTH1)
TILE(tile_avx2_ruled, "avx2", AVX2_DEPTH2)
TILE(tile_vnni, "avx512vnni,avx512vl", VNNI)

#define TABLE \
    .rows = MR, .form = ACT_U8, .pack = kernels_pack4, .pack_columns = kernels_pack4_columns, .unpack = kernels_unpack4
const struct kernels kernels_avx2 = {
    .name = "avx2", .usable = has_avx2, TABLE, .tile = tile_avx2, .tile_ruled = tile_avx2_ruled};
const struct kernels kernels_vnni = {
    .name = "avx512-vnni", .usable = has_vnni, TABLE, .tile = tile_vnni, .tile_ruled = tile_vnni};
#endif
