/* score: the product of a query and int8 rows. */
#include "score.h"
#include "vec.h"
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DOT_MAX = 2048, APART = 4 };

/* Products of 8 numbers, summed in four lanes. */
static inline i32x4 dot8(const int8_t *row, i16x8 q)
{
#if defined(__wasm_simd128__)
    return (i32x4)wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(row), (v128_t)q);
#elif defined(__SSE2__)
    __m128i r = _mm_loadl_epi64((const __m128i *)row); /* each byte doubled and shifted down again: its sign extended */
    return (i32x4)_mm_madd_epi16(_mm_srai_epi16(_mm_unpacklo_epi8(r, r), 8), (__m128i)q);
#else
    return (i32x4){q[0] * row[0] + q[1] * row[1], q[2] * row[2] + q[3] * row[3], q[4] * row[4] + q[5] * row[5],
                   q[6] * row[6] + q[7] * row[7]};
#endif
}

/* out[k] += q . row k over n <= DOT_MAX numbers, row k lying k * step bytes after rows. */
static inline __attribute__((always_inline)) void dots(const int16_t *q, const int8_t *rows, size_t step, uint32_t n,
                                                       const int count, int64_t *out)
{
    i32x4 sums[APART] = {0};
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        i16x8 part;
        memcpy(&part, q + i, sizeof part);
        for (int k = 0; k < count; k++)
            sums[k] += dot8(rows + k * step + i, part);
    }
    for (int k = 0; k < count; k++) {
        i32x4 lanes = sums[k];
        lanes += __builtin_shufflevector(lanes, lanes, 2, 3, 0, 1);
        lanes += __builtin_shufflevector(lanes, lanes, 1, 0, 3, 2);
        int32_t sum = lanes[0];
        for (uint32_t j = i; j < n; j++)
            sum += q[j] * rows[k * step + j];
        out[k] += sum;
    }
}

/* Scores of `count` rows, `apart` rows from each other. */
static inline __attribute__((always_inline)) void scores_apart(const int16_t *q14, float unit, const int8_t *rows,
                                                               const float *scale, uint32_t dim, uint32_t apart,
                                                               const int count, float *out)
{
    int64_t sums[APART] = {0};
    const size_t step = (size_t)apart * dim;
    const uint32_t part = dim < DOT_MAX ? dim : DOT_MAX;
    dots(q14, rows, step, part, count, sums);
    if (part < dim)
        dots(q14 + part, rows + part, step, dim - part, count, sums);
    for (int k = 0; k < count; k++)
        out[k * (size_t)apart] = (float)sums[k] * unit * scale[k * (size_t)apart];
}

bool query_read(const float *vector, uint32_t dim, int16_t *q14, float *unit)
{
    float top = 0;
    for (uint32_t i = 0; i < dim; i++) {
        float size = vector[i] < 0 ? -vector[i] : vector[i];
        if (!(size - size == 0))
            return false;
        top = size > top ? size : top;
    }
    float inv = (float)QUERY_MAX / top;
    if (!(top > 0) || !(inv - inv == 0))
        return false;
    *unit = top / (float)QUERY_MAX;
    for (uint32_t i = 0; i < dim; i++)
        q14[i] = (int16_t)round_f32(vector[i] * inv);
    return true;
}

/* Four rows at a time share what is read of the query. They lie a quarter of the rows apart, as four streams that a
 * processor reads ahead; of rows that follow each other it takes twice the time, more than one row at a time (bench/LOG.md). */
void score_rows(const int16_t *q14, float unit, const int8_t *rows, const float *scale, uint32_t dim, uint32_t n,
                float *out)
{
    const uint32_t apart = n / APART;
    for (uint32_t r = 0; r < apart; r++)
        scores_apart(q14, unit, rows + (size_t)r * dim, scale + r, dim, apart, APART, out + r);
    for (uint32_t r = apart * APART; r < n; r++)
        scores_apart(q14, unit, rows + (size_t)r * dim, scale + r, dim, 0, 1, out + r);
}
