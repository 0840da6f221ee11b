/* kernels_x86: the integer tile natively on x86-64, a table for each set of instructions, all in one program.
 *
 * avx2         vpmaddubsw (u8 times s8, pairs added in 16 bits; 255 * 2 * 64 < 2^15), vpmaddwd with ones; under the
 *              group rule two of the 16-bit sums are added before widening.
 * avx-vnni     one vpdpbusd in place of the three, on 32 bytes: of processors without AVX-512.
 * avx512-vnni  the same on 64 bytes. Its panels hold 8 inputs of each row side by side, so that a 64-byte load takes 8
 *              inputs of all 8 rows and one 8-byte broadcast goes with it; the two sums of a row are added at the end.
 *
 * The first two share panels of quadruples, of which a 32-byte load gives 4 inputs of all 8 rows. */
#include "kernels.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
enum { MR = 6, MR_512 = 8 };

/* GCC 11 and clang 12 are the first to know AVX-VNNI. */
#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define HAS_AVX_VNNI 1
#endif

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
static bool has_avx512_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0;
}

#define SPLAT4(p) _mm256_set1_epi32(*(const int32_t *)(const void *)(p))

__attribute__((target("avx2"))) ALWAYS_INLINE void avx2_rows(const char *a, size_t stride, const int rows,
                                                             const int depth, const int8_t *panel, int kp, int32_t *acc,
                                                             size_t ld)
{
    __m256i sum[MR], ones = _mm256_set1_epi16(1);
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        sum[r] = _mm256_setzero_si256();
    for (int k = 0; k < kp; k += 8, panel += 64, a += 8) {
        __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(panel + 32));
        UNROLL_ROWS
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
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(void *)(acc + (size_t)r * ld), sum[r]);
}

#if HAS_AVX_VNNI
/* Compilers of this day cannot ask for it by name. CPUID 7, 1: EAX bit 4; the registers' upper halves are kept where
 * AVX2 is usable. */
static bool has_avx_vnni(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

__attribute__((target("avxvnni"))) ALWAYS_INLINE void vnni_rows(const char *a, size_t stride, const int rows,
                                                                const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    __m256i sum[MR];
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        sum[r] = _mm256_setzero_si256();
    for (int k = 0; k < kp; k += 4, panel += 32, a += 4) {
        __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        UNROLL_ROWS
        for (int r = 0; r < rows; r++)
            sum[r] = _mm256_dpbusd_avx_epi32(sum[r], SPLAT4(a + (size_t)r * stride), w);
    }
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(void *)(acc + (size_t)r * ld), sum[r]);
}
#endif

/* Panel bytes: [r0 k0..7 | r1 k0..7 | … | r7 k0..7]. */
static void pack8(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k += 8)
        for (int c = 0; c < PANEL; c++, panel += 8)
            memcpy(panel, rows + (size_t)c * stride + k, 8);
}

static void pack8_columns(const int8_t *columns, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k += 8, columns += 8 * stride)
        for (int c = 0; c < PANEL; c++)
            for (int i = 0; i < 8; i++)
                *panel++ = columns[(size_t)i * stride + c];
}

static void unpack8(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k += 8)
        for (int c = 0; c < PANEL; c++, panel += 8)
            memcpy(rows + (size_t)c * stride + k, panel, 8);
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) ALWAYS_INLINE void
vnni512_rows(const char *a, size_t stride, const int rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    __m512i sum[MR_512];
    UNROLL_ROWS
    for (int r = 0; r < rows; r++)
        sum[r] = _mm512_setzero_si512();
    for (int k = 0; k < kp; k += 8, panel += 64, a += 8) {
        __m512i w = _mm512_loadu_si512(panel);
        UNROLL_ROWS
        for (int r = 0; r < rows; r++) {
            int64_t u;
            memcpy(&u, a + (size_t)r * stride, sizeof u);
            sum[r] = _mm512_dpbusd_epi32(sum[r], _mm512_set1_epi64(u), w);
        }
    }
    UNROLL_ROWS
    for (int r = 0; r < rows; r++) { /* the upper of each pair of sums onto the lower, then the lower ones alone */
        __m512i both = _mm512_add_epi32(sum[r], _mm512_srli_epi64(sum[r], 32));
        _mm256_storeu_si256((__m256i *)(void *)(acc + (size_t)r * ld), _mm512_cvtepi64_epi32(both));
    }
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
TILE(tile_avx2, "avx2", AVX2_DEPTH1)
TILE(tile_avx2_ruled, "avx2", AVX2_DEPTH2)

#define QUADRUPLES \
    .rows = MR, .form = ACT_U8, .pack = kernels_pack4, .pack_columns = kernels_pack4_columns, .unpack = kernels_unpack4
const struct kernels kernels_avx2 = {
    .name = "avx2", .usable = has_avx2, QUADRUPLES, .tile = tile_avx2, .tile_ruled = tile_avx2_ruled};

#if HAS_AVX_VNNI
#define VNNI(rows) vnni_rows(a, stride, rows, panel, kp, acc, ld)
TILE(tile_vnni, "avxvnni", VNNI)
const struct kernels kernels_avx_vnni = {
    .name = "avx-vnni", .usable = has_avx_vnni, QUADRUPLES, .tile = tile_vnni, .tile_ruled = tile_vnni};
#else
static bool never(void) { return false; }
const struct kernels kernels_avx_vnni = {
    .name = "avx-vnni", .usable = never, QUADRUPLES, .tile = tile_avx2, .tile_ruled = tile_avx2_ruled};
#endif

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void
tile_vnni512(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
#define ROWS(n) \
    case n: vnni512_rows(a, stride, n, panel, kp, acc, ld); break;
    switch (n_rows) {
        ROWS(1)
        ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) default : vnni512_rows(a, stride, MR_512, panel, kp, acc, ld);
    }
}
const struct kernels kernels_avx512_vnni = {.name = "avx512-vnni",
                                            .usable = has_avx512_vnni,
                                            .rows = MR_512,
                                            .form = ACT_U8,
                                            .pack = pack8,
                                            .pack_columns = pack8_columns,
                                            .unpack = unpack8,
                                            .tile = tile_vnni512,
                                            .tile_ruled = tile_vnni512};
#endif
