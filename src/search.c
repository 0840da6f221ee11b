/* search: the exact scan over a catalogue's rows. [level 4]
 *
 *   score(row) = (q14 . row) * (max|q| / 8191) * scale[row],   q14 = round(q * 8191 / max|q|)
 *
 * The product is exact in int32: 8191 * 128 * 2048 < 2^31, and wider rows are cut into halves
 * summed in int64. The best rows are kept in a heap laid over the caller's arrays; a product enters
 * with its best picture, which is known once its last row (rows of a product are adjacent) is seen.
 */
#include "catalog.h"
#include "kin.h"
#include "vec.h"
#include <stdlib.h>
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DOT_MAX = 2048, QUERY_MAX = 8191 };

static int32_t dot_i16_i8(const int16_t *q, const int8_t *row, uint32_t n)
{
    int32_t sum = 0;
    uint32_t i = 0;
#if defined(__wasm_simd128__)
    v128_t a = wasm_i32x4_const(0, 0, 0, 0), b = a;
    for (; i + 16 <= n; i += 16) {
        v128_t r = wasm_v128_load(row + i);
        a = wasm_i32x4_add(
            a, wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(r), wasm_v128_load(q + i)));
        b = wasm_i32x4_add(
            b, wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(r), wasm_v128_load(q + i + 8)));
    }
    a = wasm_i32x4_add(a, b);
    sum = wasm_i32x4_extract_lane(a, 0) + wasm_i32x4_extract_lane(a, 1) +
          wasm_i32x4_extract_lane(a, 2) + wasm_i32x4_extract_lane(a, 3);
#elif defined(__SSE2__)
    __m128i a = _mm_setzero_si128(), b = a;
    for (; i + 16 <= n; i += 16) { /* each byte doubled and shifted down again: its sign extended */
        __m128i r = _mm_loadu_si128((const __m128i *)(row + i));
        __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(r, r), 8),
                high = _mm_srai_epi16(_mm_unpackhi_epi8(r, r), 8);
        a = _mm_add_epi32(a, _mm_madd_epi16(low, _mm_loadu_si128((const __m128i *)(q + i))));
        b = _mm_add_epi32(b, _mm_madd_epi16(high, _mm_loadu_si128((const __m128i *)(q + i + 8))));
    }
    a = _mm_add_epi32(a, b);
    int32_t lanes[4];
    _mm_storeu_si128((__m128i *)lanes, a);
    sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
#endif
    for (; i < n; i++)
        sum += q[i] * row[i];
    return sum;
}

struct heap {
    uint32_t *rows;
    float *scores;
    int n, cap;
};

/* True if hit a ranks behind hit b: lower score, or the same and a later row. */
static bool behind(float score_a, uint32_t row_a, float score_b, uint32_t row_b)
{
    return score_a < score_b || (score_a == score_b && row_a > row_b);
}

static void put(struct heap *h, int i, float score, uint32_t row)
{
    h->scores[i] = score;
    h->rows[i] = row;
}

/* Sinks a hit from the top of the first n entries; the worst hit is on top. */
static void sink(struct heap *h, int n, float score, uint32_t row)
{
    int i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n &&
            behind(h->scores[child + 1], h->rows[child + 1], h->scores[child], h->rows[child]))
            child++;
        if (!behind(h->scores[child], h->rows[child], score, row))
            break;
        put(h, i, h->scores[child], h->rows[child]);
        i = child;
    }
    put(h, i, score, row);
}

static void offer(struct heap *h, float score, uint32_t row)
{
    if (h->n < h->cap) {
        int i = h->n++;
        while (i > 0 && behind(score, row, h->scores[(i - 1) / 2], h->rows[(i - 1) / 2])) {
            put(h, i, h->scores[(i - 1) / 2], h->rows[(i - 1) / 2]);
            i = (i - 1) / 2;
        }
        put(h, i, score, row);
    } else if (h->cap > 0 && behind(h->scores[0], h->rows[0], score, row)) {
        sink(h, h->n, score, row);
    }
}

/* The heap becomes a list, best first: the worst moves to the end, again and again. */
static void sort_hits(struct heap *h)
{
    for (int n = h->n - 1; n > 0; n--) {
        float score = h->scores[n];
        uint32_t row = h->rows[n];
        put(h, n, h->scores[0], h->rows[0]);
        sink(h, n, score, row);
    }
}

int kin_catalog_search(const kin_catalog *c, const float *query, const uint8_t *mask,
                       float min_score, uint32_t *rows, float *scores, int cap, uint32_t *total)
{
    int16_t q[4096];
    float top = 0;
    struct heap heap = {rows, scores, 0, cap > 0 ? cap : 0};
    *total = 0;
    for (uint32_t i = 0; i < c->dim; i++) {
        float size = query[i] < 0 ? -query[i] : query[i];
        if (!(size - size == 0))
            return 0;
        top = size > top ? size : top;
    }
    float inv = (float)QUERY_MAX / top, unit = top / (float)QUERY_MAX;
    if (!(top > 0) || !(inv - inv == 0)) /* zero, or so small that its scale overflows */
        return 0;
    for (uint32_t i = 0; i < c->dim; i++)
        q[i] = (int16_t)round_f32(query[i] * inv);

    uint32_t half = c->dim > DOT_MAX ? DOT_MAX : c->dim;
    for (uint32_t r = 0; r < c->rows;) {
        uint32_t item = c->row_item[r], best_row = r;
        float best = 0;
        bool wanted = !mask || mask[item];
        for (bool first = true; r < c->rows && c->row_item[r] == item; r++, first = false) {
            if (!wanted)
                continue;
            const int8_t *row = c->vectors + (size_t)r * c->dim;
            int64_t acc = dot_i16_i8(q, row, half);
            if (half < c->dim)
                acc += dot_i16_i8(q + half, row + half, c->dim - half);
            float score = (float)acc * unit * c->scale[r];
            if (first || score > best)
                best = score, best_row = r;
        }
        if (wanted && best >= min_score) {
            ++*total;
            offer(&heap, best, best_row);
        }
    }
    sort_hits(&heap);
    return heap.n;
}

void kin_catalog_vector(const kin_catalog *c, uint32_t row, float *out)
{
    if (row >= c->rows)
        return;
    for (uint32_t i = 0; i < c->dim; i++)
        out[i] = (float)c->vectors[(size_t)row * c->dim + i] * c->scale[row];
}

kin_status kin_quantise_vector(const float *vector, int dim, int8_t *row, float *scale,
                               kin_error *err)
{
    float top = 0;
    int64_t sum = 0;
    for (int i = 0; i < dim; i++) {
        float size = vector[i] < 0 ? -vector[i] : vector[i];
        if (!(size - size == 0))
            return kin_fail(err, KIN_BAD_ARGUMENT, "A vector holds a value that is not finite.");
        top = size > top ? size : top;
    }
    float inv = 127.0f / top;
    if (dim < 1 || dim > 4096 || !(top > 0) || !(inv - inv == 0))
        return kin_fail(err, KIN_BAD_ARGUMENT,
                        "A vector is all zeros, or its length is not 1 to 4096.");
    for (int i = 0; i < dim; i++) {
        row[i] = (int8_t)round_f32(vector[i] * inv);
        sum += row[i] * row[i];
    }
    *scale = (float)(1.0 / sqrt((double)sum));
    return KIN_OK;
}
