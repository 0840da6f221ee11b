/* codes: making sign bits, and the rows nearest to a query by them. */
#include "codes.h"
#include <stdlib.h>
#include <string.h>
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { SAMPLE = 65536, BLOCK = 1024, QUERY_MAX = 8191 };

/* Bit i: values[i] > mean[i], for n <= 64. */
static uint64_t bits_of(const int8_t *values, const int8_t *mean, uint32_t n)
{
    uint64_t bits = 0;
    uint32_t i = 0;
#if defined(__wasm_simd128__)
    for (; i + 16 <= n; i += 16)
        bits |= (uint64_t)wasm_i8x16_bitmask(wasm_i8x16_gt(wasm_v128_load(values + i), wasm_v128_load(mean + i))) << i;
#elif defined(__SSE2__)
    for (; i + 16 <= n; i += 16)
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(_mm_loadu_si128((const __m128i *)(values + i)),
                                                                     _mm_loadu_si128((const __m128i *)(mean + i))))
                << i;
#endif
    for (; i < n; i++)
        bits |= (uint64_t)(values[i] > mean[i]) << i;
    return bits;
}

void codes_of(const int8_t *row, const int8_t *mean, uint32_t dim, uint64_t *bits)
{
    for (uint32_t w = 0; w < codes_words(dim); w++) {
        uint32_t left = dim > 64 * w ? dim - 64 * w : 0;
        bits[w] = bits_of(row + 64 * w, mean + 64 * w, left < 64 ? left : 64);
    }
}

void codes_train(const int8_t *vectors, uint32_t rows, uint32_t dim, int8_t *mean, uint8_t *spread)
{
    int32_t sum[4096] = {0}; /* at most 65,536 * 255 */
    int32_t n = 0;
    uint32_t step = rows / SAMPLE + 1;
    for (uint32_t r = 0; r < rows; r += step, n++)
        for (uint32_t i = 0; i < dim; i++)
            sum[i] += vectors[(size_t)r * dim + i];
    for (uint32_t i = 0; i < dim; i++)
        mean[i] = (int8_t)(n ? sum[i] / n - (sum[i] % n < 0) : 0);
    if (!spread)
        return;
    memset(sum, 0, sizeof sum);
    for (uint32_t r = 0; r < rows; r += step)
        for (uint32_t i = 0; i < dim; i++) {
            int32_t from = vectors[(size_t)r * dim + i] - mean[i];
            sum[i] += from < 0 ? -from : from;
        }
    for (uint32_t i = 0; i < dim; i++)
        spread[i] = (uint8_t)(n && sum[i] >= n ? sum[i] / n : 1);
}

bool codes_make(codes *out, const int8_t *vectors, uint32_t rows, uint32_t dim)
{
    memset(out, 0, sizeof *out);
    out->rows = rows, out->dim = dim, out->words = codes_words(dim);
    size_t row_bytes = (size_t)out->words * 8;
    if (rows > SIZE_MAX / row_bytes)
        return false;
    out->bits = malloc(rows * row_bytes);
    out->distance = malloc(rows * sizeof *out->distance);
    if (!out->bits || !out->distance) {
        codes_free(out);
        return false;
    }
    codes_train(vectors, rows, dim, out->mean, NULL);
    for (uint32_t r = 0; r < rows; r++)
        codes_of(vectors + (size_t)r * dim, out->mean, dim, out->bits + (size_t)r * out->words);
    return true;
}

void codes_free(codes *c)
{
    free(c->bits), free(c->distance);
    c->bits = NULL, c->distance = NULL;
}

static inline __attribute__((always_inline)) uint32_t differing(const uint64_t *a, const uint64_t *b,
                                                                const uint32_t words)
{
#if defined(__wasm_simd128__)
    v128_t sum = wasm_i32x4_const(0, 0, 0, 0);
#pragma clang loop unroll_count(4)
    for (uint32_t w = 0; w < words; w += 2)
        sum = wasm_i16x8_add(sum, wasm_u16x8_extadd_pairwise_u8x16(
                                      wasm_i8x16_popcnt(wasm_v128_xor(wasm_v128_load(a + w), wasm_v128_load(b + w)))));
    sum = wasm_u32x4_extadd_pairwise_u16x8(sum);
    return (uint32_t)(wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1) +
                      wasm_i32x4_extract_lane(sum, 2) + wasm_i32x4_extract_lane(sum, 3));
#else
    int sum = 0;
    for (uint32_t w = 0; w < words; w++)
        sum += __builtin_popcountll(a[w] ^ b[w]);
    return (uint32_t)sum;
#endif
}

static void measure(const codes *c, const uint64_t *query, const uint8_t *wanted, const uint32_t *row_item,
                    uint32_t begin, uint32_t end, uint32_t *counts)
{
    uint16_t *distance = c->distance;
    const uint32_t words = c->words;
    const uint64_t *bits = c->bits + (size_t)begin * words;
    for (uint32_t r = begin; r < end; r++, bits += words) {
        if (wanted && !wanted[row_item[r]]) {
            distance[r] = CODES_LEFT_OUT;
            continue;
        }
        uint32_t d = words == 8 ? differing(bits, query, 8) : differing(bits, query, words);
        distance[r] = (uint16_t)d;
        counts[d]++;
    }
}

/* A block a call, since JavaScript engines compile a function well only between two of its calls; by a
 * pointer that nothing can see through, or wasm-opt would make it a part of its only caller. */
static void (*volatile const measure_block)(const codes *, const uint64_t *, const uint8_t *, const uint32_t *,
                                            uint32_t, uint32_t, uint32_t *) = measure;

uint32_t codes_nearest(const codes *c, const int16_t *query, const uint8_t *wanted, const uint32_t *row_item,
                       uint32_t depth)
{
    uint64_t bits[64];
    int8_t q[4096] = {0};
    uint32_t counts[4097] = {0}, rows = 0, distance = 0;
    for (uint32_t i = 0; i < c->dim; i++) /* as a row holds it: the largest is 127 */
        q[i] = (int8_t)((query[i] * 127 + (query[i] < 0 ? -QUERY_MAX / 2 : QUERY_MAX / 2)) / QUERY_MAX);
    codes_of(q, c->mean, c->dim, bits);
    for (uint32_t r = 0; r < c->rows; r += BLOCK) {
        uint32_t end = c->rows - r < BLOCK ? c->rows : r + BLOCK;
        measure_block(c, bits, wanted, row_item, r, end, counts);
    }
    for (;; distance++) {
        rows += counts[distance];
        if (rows >= depth || distance == c->dim)
            return distance;
    }
}
