/* search: the scan over a catalogue's rows. [level 4]
 *
 *   score(row) = (q14 . row) * (max|q| / 8191) * scale[row],   q14 = round(q * 8191 / max|q|)
 *
 * The product is exact in int32: 8191 * 128 * 2048 < 2^31, and wider rows are cut into halves
 * summed in int64. The best rows are kept in a heap laid over the caller's arrays; a product enters
 * with its best picture, which is known once its last row (rows of a product are adjacent) is seen.
 *
 * A large catalogue has sign bits (codes.h), and a product is then scored only if one of its rows is
 * among the nearest by them. What is scored has the very score of the exact scan. */
#include "catalog.h"
#include "kin.h"
#include "vec.h"
#include <stdlib.h>
#include <string.h>
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DOT_MAX = 2048, QUERY_MAX = 8191, BLOCK = 1024, RUN = 128 };

struct query {
    _Alignas(64) int16_t q14[4096]; /* no load of 16 bytes straddles two cache lines */
    float unit;                     /* max|q| / 8191 */
};

/* q14 . row over n <= DOT_MAX numbers from `at`. */
static int32_t dot(const struct query *query, uint32_t at, const int8_t *row, uint32_t n)
{
    const int16_t *q = query->q14 + at;
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

/* False for a query that points nowhere: zero, not finite, or so small that its scale overflows. */
static bool read_query(const float *vector, uint32_t dim, struct query *out)
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
    out->unit = top / (float)QUERY_MAX;
    for (uint32_t i = 0; i < dim; i++)
        out->q14[i] = (int16_t)round_f32(vector[i] * inv);
    return true;
}

/* Scores of the rows [begin, end). */
static void score(const kin_catalog *c, const struct query *query, uint32_t begin, uint32_t end, float *out)
{
    const uint32_t dim = c->dim, part = dim < DOT_MAX ? dim : DOT_MAX;
    const int8_t *row = c->vectors + (size_t)begin * dim;
    for (uint32_t r = begin; r < end; r++, row += dim) {
        int64_t acc = dot(query, 0, row, part);
        if (part < dim)
            acc += dot(query, part, row + part, dim - part);
        *out++ = (float)acc * query->unit * c->scale[r];
    }
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
        if (child + 1 < n && behind(h->scores[child + 1], h->rows[child + 1], h->scores[child], h->rows[child]))
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

struct scan {
    const kin_catalog *catalog;
    const uint8_t *mask;
    const uint16_t *distance; /* NULL: score every row */
    uint32_t limit;           /* the largest distance that counts as near */
    float min_score;
    uint32_t total;
    struct heap heap;
    struct query query;
    float scores[RUN];
};

/* The products whose first row, or first near row, lies in [r, end); returns where to go on, at least end. */
static uint32_t scan_products(struct scan *s, uint32_t r, uint32_t end)
{
    const kin_catalog *c = s->catalog;
    const uint32_t *row_item = c->row_item, rows = c->rows;
    const uint16_t *distance = s->distance;
    const uint32_t limit = s->limit;
    const bool all = !s->mask && !distance;
    uint32_t from = 0, to = 0, total = 0; /* s->scores are of the rows [from, to) */
    for (;;) {
        while (distance && r < end && distance[r] > limit)
            r++;
        if (r >= end)
            break;
        uint32_t first = r, item = row_item[r];
        while (first > 0 && row_item[first - 1] == item) /* far rows of a near one's product count too */
            first--;
        while (++r < rows && row_item[r] == item)
            ;
        if (s->mask && !s->mask[item])
            continue;
        uint32_t best_row = first;
        float best = 0;
        for (uint32_t row = first; row < r; row++) {
            if (row >= to) { /* where every row is wanted, those of the next products too */
                uint32_t last = all ? rows : r;
                from = row, to = last - row < RUN ? last : row + RUN;
                score(c, &s->query, from, to, s->scores);
            }
            float is = s->scores[row - from];
            if (row == first || is > best)
                best = is, best_row = row;
        }
        if (best >= s->min_score) {
            total++;
            offer(&s->heap, best, best_row);
        }
    }
    s->total += total;
    return r;
}

/* A block a call, by a pointer: as measure_block in codes.c. */
static uint32_t (*volatile const scan_block)(struct scan *, uint32_t, uint32_t) = scan_products;

static uint32_t count_wanted(const kin_catalog *c, const uint8_t *mask)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < c->products; p++)
        n += !mask || mask[p];
    return n;
}

int kin_catalog_search(const kin_catalog *c, const float *query, const uint8_t *mask, float min_score, int exact,
                       uint32_t *rows, float *scores, int cap, uint32_t *total)
{
    struct scan s = {.catalog = c, .mask = mask, .min_score = min_score, .heap = {rows, scores, 0, cap > 0 ? cap : 0}};
    *total = 0;
    if (!read_query(query, c->dim, &s.query))
        return 0;
    /* Every score is above -2, so that without a min_score the total is known beforehand. */
    uint32_t depth = codes_depth(c->rows);
    if (!exact && c->codes.bits && min_score <= -2 && (uint32_t)s.heap.cap <= depth / 100) {
        s.distance = c->codes.distance;
        s.limit = codes_nearest(&c->codes, s.query.q14, mask, c->row_item, depth);
    }
    for (uint32_t r = 0; r < c->rows;)
        r = scan_block(&s, r, c->rows - r < BLOCK ? c->rows : r + BLOCK);
    *total = s.distance ? count_wanted(c, mask) : s.total;
    sort_hits(&s.heap);
    return s.heap.n;
}

void kin_catalog_vector(const kin_catalog *c, uint32_t row, float *out)
{
    if (row >= c->rows)
        return;
    for (uint32_t i = 0; i < c->dim; i++)
        out[i] = (float)c->vectors[(size_t)row * c->dim + i] * c->scale[row];
}

kin_status kin_quantise_vector(const float *vector, int dim, int8_t *row, float *scale, kin_error *err)
{
    float top = 0;
    for (int i = 0; i < dim; i++) {
        float size = vector[i] < 0 ? -vector[i] : vector[i];
        if (!(size - size == 0))
            return kin_fail(err, KIN_BAD_ARGUMENT, "A vector holds a value that is not finite.");
        top = size > top ? size : top;
    }
    float inv = 127.0f / top;
    if (dim < 1 || dim > CATALOG_DIM_MAX || !(top > 0) || !(inv - inv == 0))
        return kin_fail(err, KIN_BAD_ARGUMENT, "A vector is all zeros, or its length is not 1 to 4096.");
    for (int i = 0; i < dim; i++)
        row[i] = (int8_t)round_f32(vector[i] * inv);
    *scale = (float)row_scale(row, (uint32_t)dim);
    return KIN_OK;
}
