/* search: the scan over a catalogue's rows (score.h). [level 4]
 *
 * The best rows are kept in the caller's arrays (best.h); a product enters with its best picture, which is known once
 * its last row (rows of a product are adjacent) is seen.
 *
 * A large catalogue has sign bits (codes.h), and a product is then scored only if one of its rows is
 * among the nearest by them. What is scored has the very score of the exact scan. */
#include "best.h"
#include "confidence.h"
#include "floats.h"
#include "kin.h"
#include "score.h"
#include "vec.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, RUN = 256 };

struct scan {
    const kin_catalog *catalog;
    const uint8_t *mask;
    const uint16_t *distance; /* NULL: score every row */
    uint32_t limit;           /* the largest distance that counts as near */
    float min_score;
    const struct chance *chance; /* NULL: any */
    double min_z;
    bool runs;  /* rows are scored by runs, wanted or not: a third of the time of one at a time */
    bool every; /* every wanted product counts: by runs, only one that would be kept need be looked at */
    uint32_t total;
    struct best best;
    _Alignas(64) int16_t q14[CATALOG_DIM_MAX]; /* no load of 16 bytes straddles two cache lines */
    float unit;
    uint32_t from, to; /* the rows of the scores below */
    float scores[RUN];
};

/* Scores of rows from this one on, at most up to `last`, and of it. */
static inline float score_of(struct scan *s, uint32_t row, uint32_t last)
{
    const kin_catalog *c = s->catalog;
    if (row < s->from || row >= s->to) {
        s->from = row, s->to = last - row < RUN ? last : row + RUN;
        score_rows(s->q14, s->unit, c->vectors + (size_t)row * c->dim, c->scale + row, c->dim, s->to - row, s->scores);
    }
    return s->scores[row - s->from];
}

/* The products whose first row, or first near row, lies in [r, end); returns where to go on, at least end. */
static uint32_t scan_products(struct scan *s, uint32_t r, uint32_t end)
{
    const kin_catalog *c = s->catalog;
    const uint32_t *row_item = c->row_item, rows = c->rows;
    const uint16_t *distance = s->distance;
    const uint32_t limit = s->limit;
    for (;;) {
        while (distance && r < end && distance[r] > limit)
            r++;
        while (s->runs && s->every && r < end &&
               ((s->mask && !s->mask[row_item[r]]) || !best_takes(&s->best, score_of(s, r, rows))))
            r++;
        if (r >= end)
            break;
        uint32_t first = r, item = row_item[r];
        while (first > 0 && row_item[first - 1] == item) /* rows of its product that were passed over count too */
            first--;
        while (++r < rows && row_item[r] == item)
            ;
        if (s->mask && !s->mask[item])
            continue;
        uint32_t best_row = first;
        float best = score_of(s, first, s->runs ? rows : r);
        for (uint32_t row = first + 1; row < r; row++) {
            float is = score_of(s, row, s->runs ? rows : r);
            if (is > best)
                best = is, best_row = row;
        }
        if (best >= s->min_score && (!s->chance || chance_z(c, s->chance, best_row, best) >= s->min_z)) {
            s->total++;
            if (best_takes(&s->best, best)) /* the best rows of the products come in order */
                best_offer(&s->best, best, best_row);
        }
    }
    return r;
}

/* A block a call, by a pointer: as measure_block in codes.c. */
static uint32_t (*volatile const scan_block)(struct scan *, uint32_t, uint32_t) = scan_products;

static uint32_t count_set(const uint8_t *mask, uint32_t products)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < products; p++)
        n += mask[p] != 0;
    return n;
}

/* Products that have a row (adjacent, if they are several) and that the mask wants. */
static uint32_t count_wanted(const kin_catalog *c, const uint8_t *mask)
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < c->rows; r++)
        n += (r == 0 || c->row_item[r] != c->row_item[r - 1]) && (!mask || mask[c->row_item[r]]);
    return n;
}

int kin_catalog_search(const kin_catalog *c, const float *query, const float *blend, const uint8_t *mask,
                       float min_score, float min_confidence, int exact, uint32_t *rows, float *scores, int cap,
                       uint32_t *total)
{
    DEFAULT_FLOATS
    struct scan s = {.catalog = c, .mask = mask, .min_score = min_score, .best = {rows, scores, 0, cap > 0 ? cap : 0}};
    struct chance chance = chance_of(c, blend);
    *total = 0;
    if (min_confidence > 0) {
        s.chance = &chance;
        s.min_z = confidence_z((double)min_confidence, c->counted);
    }
    if (!query_read(query, c->dim, s.q14, &s.unit))
        return 0;
    /* Every score is above -2, so that without a minimum the total is known beforehand. */
    s.every = min_score <= -2 && !s.chance;
    uint32_t depth = codes_depth(c->rows);
    if (!exact && c->codes.bits && s.every && (uint32_t)s.best.cap <= depth / 100) {
        s.distance = c->codes.distance;
        s.limit = codes_nearest(&c->codes, s.q14, mask, c->row_item, depth);
    }
    s.runs = !s.distance && (!mask || count_set(mask, c->products) > c->products / 3);
    for (uint32_t r = 0; r < c->rows;)
        r = scan_block(&s, r, c->rows - r < BLOCK ? c->rows : r + BLOCK);
    *total = s.distance || (s.runs && s.every) ? count_wanted(c, mask) : s.total;
    best_sort(&s.best);
    return s.best.n;
}

void kin_catalog_vector(const kin_catalog *c, uint32_t row, float *out)
{
    DEFAULT_FLOATS
    if (row >= c->rows)
        return;
    for (uint32_t i = 0; i < c->dim; i++)
        out[i] = (float)c->vectors[(size_t)row * c->dim + i] * c->scale[row];
}

kin_status kin_quantise_vector(const float *vector, int dim, int8_t *row, float *scale, kin_error *err)
{
    DEFAULT_FLOATS
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
