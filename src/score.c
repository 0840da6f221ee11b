/* score: the product of a query and int8 rows. */
#include "score.h"
#include "vec.h"
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DOT_MAX = 2048 };

/* q . row over n <= DOT_MAX numbers. */
static inline int32_t dot(const int16_t *q, const int8_t *row, uint32_t n)
{
    int32_t sum = 0;
    uint32_t i = 0;
#if defined(__wasm_simd128__)
    v128_t a = wasm_i32x4_const(0, 0, 0, 0), b = a;
    for (; i + 16 <= n; i += 16) {
        a = wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(row + i), wasm_v128_load(q + i)));
        b = wasm_i32x4_add(b, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(row + i + 8), wasm_v128_load(q + i + 8)));
    }
    a = wasm_i32x4_add(a, b);
#elif defined(__SSE2__)
    __m128i a = _mm_setzero_si128(), b = a;
    for (; i + 16 <= n; i += 16) { /* each byte doubled and shifted down again: its sign extended */
        __m128i r = _mm_loadu_si128((const __m128i *)(row + i));
        __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(r, r), 8), high = _mm_srai_epi16(_mm_unpackhi_epi8(r, r), 8);
        a = _mm_add_epi32(a, _mm_madd_epi16(low, _mm_loadu_si128((const __m128i *)(q + i))));
        b = _mm_add_epi32(b, _mm_madd_epi16(high, _mm_loadu_si128((const __m128i *)(q + i + 8))));
    }
    a = _mm_add_epi32(a, b);
#endif
#if defined(__wasm_simd128__) || defined(__SSE2__)
    i32x4 lanes = (i32x4)a;
    lanes += __builtin_shufflevector(lanes, lanes, 2, 3, 0, 1);
    lanes += __builtin_shufflevector(lanes, lanes, 1, 0, 3, 2);
    sum = lanes[0];
#endif
    for (; i < n; i++)
        sum += q[i] * row[i];
    return sum;
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

void score_rows(const int16_t *q14, float unit, const int8_t *rows, const float *scale, uint32_t dim, uint32_t n,
                float *out)
{
    const uint32_t part = dim < DOT_MAX ? dim : DOT_MAX;
    for (uint32_t r = 0; r < n; r++, rows += dim) {
        int64_t acc = dot(q14, rows, part);
        if (part < dim)
            acc += dot(q14 + part, rows + part, dim - part);
        out[r] = (float)acc * unit * scale[r];
    }
}
