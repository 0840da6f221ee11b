/* folder: a catalogue whose rows lie in shards; codes say which of them a query reads. [level 4]
 *
 *   estimate(row) = sum over i of w[i] * (bit i of the row's code ? 1 : -1),   w[i] = q14[i] * spread[i], rounded to 10 bits
 *
 * up to a factor and the query's product with the mean, which is the same for all rows: a code stands for the vector
 * mean ± spread (codes.h). The query is not cut to bits, since texts lie on another side of the mean than all pictures. The
 * sum is made of integers, so that every build reads the same shards. It is 2 * agreed - (sum of all |w|), where `agreed` is
 * the sum of |w| of the bits that have the sign of their w. That is looked up four bits at a time, for sixteen rows at once,
 * whose codes lie side by side byte by byte.
 *
 * One bit a number is enough for pictures that ask for pictures. Words lie far from all pictures, whose scores then differ
 * by little: for them finer codes give more bits of each number (codes.h), planes of which each counts half of the one before,
 *
 *   estimate(row) = scale(row) * (q . mean + step * sum over planes p of 2^(planes - p) * (that sum of plane p))
 *
 * and by the row's scale it is comparable with others'.
 *
 * What is read is scored as in any catalogue: kin_folder_view puts the rows of the shards together as one. */
#include "best.h"
#include "catalog.h"
#include "floats.h"
#include "kin.h"
#include "nulls.h"
#include "score.h"
#include "vec8.h"
#include <stdlib.h>
#include <string.h>

struct shard { /* rows [first, first + n) */
    uint32_t first, n;
    uint32_t products;    /* of a delta: how many there are with it */
    float *scale, *nulls; /* scale: the start of what is owned, NULL where the rows are not there */
    int8_t *vectors;
};

struct kin_folder {
    uint32_t dim, shard_rows;
    uint32_t base_products, base_rows, base_shards;
    uint32_t products, rows, shards;                 /* with those of the deltas */
    uint32_t counted;                                /* for confidence; 0: products */
    uint32_t known_products, known_codes, known_far; /* of the base: those that came */
    uint32_t *first_row;                             /* [products + 1] */
    uint8_t *bits;                                   /* [blocks][groups][LANES]: eight bits each, of sixteen rows */
    uint32_t groups;                                 /* bytes of a code, rounded up to a multiple of GROUPS_STEP */
    uint32_t far_planes;
    uint8_t *far;        /* [blocks][far_planes][groups][LANES], NULL before the first came */
    float *far_scale;    /* [base_rows] */
    struct shard *shard; /* [shards] */
    float null_best[2];
    bool nulls;
    int8_t mean[CATALOG_DIM_MAX];
    uint8_t spread[CATALOG_DIM_MAX];
    kin_catalog view;
    uint32_t *view_row; /* [view.rows] rows of the folder */
};

enum { LANES = 16, GROUPS_STEP = 4, GROUPS_MAX = CATALOG_DIM_MAX / 8, WEIGHT_MAX = 511, PART = 1024 };

#define BAD(err, ...) kin_fail(err, KIN_NOT_A_CATALOG, "The catalogue's folder " __VA_ARGS__)
#define SHORT(err) kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the catalogue's folder: close other tabs.")

/* ---- what comes ---------------------------------------------------------------------------- */

kin_folder *kin_folder_open(int dim, uint32_t products, uint32_t rows, uint32_t shard_rows, const int8_t *mean,
                            const uint8_t *spread, const float *null_best, kin_error *err)
{
    DEFAULT_FLOATS
    if (dim < 1 || dim > CATALOG_DIM_MAX || rows > INT32_MAX || rows < products || (rows > 0 && products == 0) ||
        shard_rows < 1) {
        BAD(err, "names sizes out of range: %u products, %u pictures of %d numbers, %u a shard.", products, rows, dim,
            shard_rows);
        return NULL;
    }
    if (null_best && !catalog_moments(null_best, 1)) {
        BAD(err, "names null statistics that are no mean and deviation.");
        return NULL;
    }
    kin_folder *f = calloc(1, sizeof *f);
    if (!f) {
        SHORT(err);
        return NULL;
    }
    f->dim = (uint32_t)dim, f->shard_rows = shard_rows;
    f->base_products = f->products = products, f->base_rows = f->rows = rows;
    f->base_shards = f->shards = rows / shard_rows + (rows % shard_rows != 0);
    f->first_row = calloc((size_t)products + 1, sizeof *f->first_row);
    f->shard = calloc((size_t)f->shards + 1, sizeof *f->shard);
    f->groups = (uint32_t)align_up((f->dim + 7) / 8, GROUPS_STEP);
    uint64_t bytes = (uint64_t)(rows / LANES + 1) * LANES * f->groups;
    f->bits = bytes < SIZE_MAX ? calloc((size_t)bytes, 1) : NULL;
    if (!f->first_row || !f->shard || !f->bits) {
        kin_folder_close(f);
        SHORT(err);
        return NULL;
    }
    for (uint32_t i = 0; i < f->shards; i++) {
        f->shard[i].first = i * shard_rows;
        f->shard[i].n = rows - i * shard_rows < shard_rows ? rows - i * shard_rows : shard_rows;
    }
    memcpy(f->mean, mean, f->dim), memcpy(f->spread, spread, f->dim);
    f->nulls = null_best != NULL;
    if (f->nulls)
        memcpy(f->null_best, null_best, sizeof f->null_best);
    return f;
}

static void clear_view(kin_folder *f)
{
    free((void *)f->view.vectors), free((void *)f->view.scale), free((void *)f->view.nulls);
    free((void *)f->view.row_item), free(f->view_row);
    memset(&f->view, 0, sizeof f->view);
    f->view_row = NULL;
}

void kin_folder_close(kin_folder *f)
{
    if (!f)
        return;
    clear_view(f);
    for (uint32_t i = 0; f->shard && i < f->shards; i++)
        free(f->shard[i].scale);
    free(f->shard), free(f->bits), free(f->first_row), free(f->far), free(f->far_scale);
    free(f);
}

kin_status kin_folder_products(kin_folder *f, const uint16_t *counts, uint32_t n, kin_error *err)
{
    uint64_t row = f->first_row[f->known_products];
    if (n > f->base_products - f->known_products)
        return BAD(err, "names more products than it has.");
    for (uint32_t i = 0; i < n; i++) {
        row += counts[i];
        if (!counts[i] || row > f->base_rows)
            return BAD(err, "has products without a picture, or more pictures than it says.");
        f->first_row[f->known_products + i + 1] = (uint32_t)row;
    }
    f->known_products += n;
    if (f->known_products == f->base_products && row != f->base_rows) {
        f->known_products -= n;
        return BAD(err, "has fewer pictures than it says.");
    }
    return KIN_OK;
}

/* A row's code into its lane of a block. */
static void place(uint8_t *block, uint32_t row, const uint8_t *code, uint32_t groups)
{
    for (uint32_t g = 0; g < groups; g++)
        block[g * LANES + row % LANES] = code[g];
}

kin_status kin_folder_codes(kin_folder *f, const uint8_t *bits, uint32_t n, kin_error *err)
{
    if (n > f->base_rows - f->known_codes)
        return BAD(err, "has codes of more pictures than it says.");
    const size_t size = codes_words(f->dim) * sizeof(uint64_t), block = (size_t)f->groups * LANES;
    for (uint32_t i = 0; i < n; i++, bits += size, f->known_codes++)
        place(f->bits + f->known_codes / LANES * block, f->known_codes, bits, f->groups);
    return KIN_OK;
}

kin_status kin_folder_far(kin_folder *f, int planes, const uint8_t *bits, const float *scale, uint32_t n,
                          kin_error *err)
{
    DEFAULT_FLOATS
    if (planes < 1 || planes > CODES_FAR_MAX || (f->far && f->far_planes != (uint32_t)planes))
        return BAD(err, "has finer codes of %d planes.", planes);
    if (n > f->base_rows - f->known_far)
        return BAD(err, "has finer codes of more pictures than it says.");
    for (uint32_t i = 0; i < n; i++)
        if (!(scale[i] > 0 && scale[i] <= 1)) /* 1 / the length of a row of whole numbers */
            return BAD(err, "has finer codes with a scale that is none (row %u).", f->known_far + i);
    const size_t size = codes_words(f->dim) * sizeof(uint64_t), plane = (size_t)f->groups * LANES;
    if (!f->far) {
        uint64_t bytes = (uint64_t)(f->base_rows / LANES + 1) * plane * (uint32_t)planes;
        uint8_t *far = bytes < SIZE_MAX ? calloc((size_t)bytes, 1) : NULL;
        float *scales = malloc(((size_t)f->base_rows + 1) * sizeof *scales);
        if (!far || !scales) {
            free(far), free(scales);
            return SHORT(err);
        }
        f->far = far, f->far_scale = scales, f->far_planes = (uint32_t)planes;
    }
    for (uint32_t i = 0; i < n; i++, f->known_far++) {
        uint8_t *block = f->far + f->known_far / LANES * plane * f->far_planes;
        for (uint32_t p = 0; p < f->far_planes; p++, bits += size)
            place(block + p * plane, f->known_far, bits, f->groups);
        f->far_scale[f->known_far] = scale[i];
    }
    return KIN_OK;
}

/* Until then first_row leads nowhere. */
static bool knows_products(const kin_folder *f) { return f->known_products == f->base_products; }
static bool is_whole(const kin_folder *f) { return knows_products(f) && f->known_codes == f->base_rows; }
static bool is_finer(const kin_folder *f) { return f->far && f->known_far == f->base_rows; }

/* Copies rows into a shard that is empty. */
static kin_status fill(const kin_folder *f, struct shard *s, const int8_t *vectors, const float *scale,
                       const float *nulls, kin_error *err)
{
    uint32_t bad;
    if (!catalog_scaled(vectors, scale, s->n, f->dim, &bad))
        return BAD(err, "has a scale that is not 1 / length of its vector (row %u).", s->first + bad);
    if (f->nulls && s->n && !(nulls && catalog_moments(nulls, NULL_STATS / 2 * (size_t)s->n)))
        return BAD(err, "has null statistics that are no mean and deviation for each picture.");
    uint32_t stats = f->nulls ? NULL_STATS : 0;
    uint64_t bytes = (uint64_t)s->n * ((1 + stats) * sizeof(float) + f->dim);
    float *block = bytes < SIZE_MAX ? malloc(bytes ? (size_t)bytes : 1) : NULL;
    if (!block)
        return SHORT(err);
    s->scale = block;
    s->nulls = f->nulls ? block + s->n : NULL;
    s->vectors = (int8_t *)(block + (size_t)s->n * (1 + stats));
    if (s->n) {
        memcpy(s->scale, scale, s->n * sizeof *scale);
        memcpy(s->vectors, vectors, (size_t)s->n * f->dim);
    }
    if (f->nulls && s->n)
        memcpy(s->nulls, nulls, (size_t)s->n * stats * sizeof *nulls);
    return KIN_OK;
}

kin_status kin_folder_delta(kin_folder *f, const uint16_t *counts, uint32_t n, const int8_t *vectors,
                            const float *scale, const float *nulls, kin_error *err)
{
    DEFAULT_FLOATS
    uint64_t rows = 0;
    for (uint32_t i = 0; i < n; i++)
        rows += counts[i];
    if (!is_whole(f) || n > INT32_MAX - f->products || rows > INT32_MAX - f->rows)
        return BAD(err, "has a delta before what it changes, or one that is too large.");
    uint32_t *first_row = realloc(f->first_row, ((size_t)f->products + n + 1) * sizeof *first_row);
    if (first_row)
        f->first_row = first_row;
    struct shard *shard = realloc(f->shard, ((size_t)f->shards + 2) * sizeof *shard);
    if (shard)
        f->shard = shard;
    if (!first_row || !shard)
        return SHORT(err);
    struct shard *last = &shard[f->shards];
    *last = (struct shard){f->rows, (uint32_t)rows, f->products + n, NULL, NULL, NULL};
    TRY(fill(f, last, vectors, scale, nulls, err));
    for (uint32_t i = 0; i < n; i++)
        first_row[f->products + i + 1] = first_row[f->products + i] + counts[i];
    f->products += n, f->rows += (uint32_t)rows, f->shards++;
    return KIN_OK;
}

void kin_folder_trim(kin_folder *f, uint32_t n)
{
    while (f->shards - f->base_shards > n) {
        struct shard *last = &f->shard[--f->shards];
        free(last->scale);
        f->rows = last->first;
        f->products = f->shards > f->base_shards ? last[-1].products : f->base_products;
    }
}

/* Whether rows of the base are those that codes, and finer codes, were made of, as far as these came. */
static bool is_coded(const kin_folder *f, const struct shard *s, const int8_t *vectors, const float *scale)
{
    uint64_t code[CATALOG_DIM_MAX / 64];
    const uint32_t left = f->known_codes > s->first ? f->known_codes - s->first : 0;
    for (uint32_t i = 0; i < s->n && i < left; i++) {
        const uint32_t row = s->first + i;
        const uint8_t *lane = f->bits + (size_t)(row / LANES) * f->groups * LANES + row % LANES;
        codes_of(vectors + (size_t)i * f->dim, f->mean, f->dim, code);
        for (uint32_t g = 0; g < f->groups; g++)
            if (((const uint8_t *)code)[g] != lane[g * LANES])
                return false;
        if (row < f->known_far && f->far_scale[row] != scale[i])
            return false;
    }
    return true;
}

kin_status kin_folder_shard(kin_folder *f, uint32_t shard, const int8_t *vectors, const float *scale,
                            const float *nulls, uint32_t n, kin_error *err)
{
    DEFAULT_FLOATS
    if (shard >= f->base_shards || n != f->shard[shard].n)
        return BAD(err, "has a shard of %u pictures that is not as long as it says.", n);
    if (f->shard[shard].scale)
        return KIN_OK;
    if (!is_coded(f, &f->shard[shard], vectors, scale))
        return BAD(err, "has a shard of other pictures than its codes (shard %u).", shard);
    return fill(f, &f->shard[shard], vectors, scale, nulls, err);
}

int kin_folder_has(const kin_folder *f, uint32_t shard) { return shard < f->shards && f->shard[shard].scale; }

void kin_folder_forget(kin_folder *f, uint32_t shard)
{
    if (shard >= f->base_shards)
        return;
    free(f->shard[shard].scale);
    f->shard[shard].scale = NULL;
}

/* ---- which shards a query reads ------------------------------------------------------------ */

struct estimate {
    /* What four bits add to `agreed`, low + 64 * high, for the low and the high half of each group. */
    uint8_t low[2 * GROUPS_MAX][16], high[2 * GROUPS_MAX][16];
    uint32_t groups;
    int32_t all; /* the sum of all |w| */
    /* Of one plane: cosine = unit * sum + offset, about. Of more: the same before the row's scale. */
    bool far;
    double unit, offset;
};

static bool weigh(const kin_folder *f, const float *query, bool far, struct estimate *e)
{
    int16_t q14[CATALOG_DIM_MAX];
    int32_t weight[CATALOG_DIM_MAX + 8 * GROUPS_STEP] = {0}, top = 0;
    float unit;
    if (!query_read(query, f->dim, q14, &unit))
        return false;
    double center = 0, length = 0;
    for (uint32_t i = 0; i < f->dim; i++) {
        weight[i] = q14[i] * f->spread[i];
        top = weight[i] > top ? weight[i] : -weight[i] > top ? -weight[i] : top;
        center += (double)q14[i] * f->mean[i];
        length += (double)f->mean[i] * f->mean[i] + (double)f->spread[i] * f->spread[i];
    }
    int32_t step = top / WEIGHT_MAX + 1;
    length = length > 0 ? sqrt(length) : 1;
    e->far = far;
    e->unit = (double)unit * step * (far ? codes_far_step(f->far_planes) / 2 : 1 / length);
    e->offset = (double)unit * center / (far ? 1 : length);
    e->groups = f->groups, e->all = 0;
    for (uint32_t i = 0; i < f->dim; i++) {
        weight[i] = (weight[i] + (weight[i] < 0 ? -step / 2 : step / 2)) / step;
        e->all += weight[i] < 0 ? -weight[i] : weight[i];
    }
    for (uint32_t half = 0; half < 2 * f->groups; half++)
        for (uint32_t bits = 0; bits < 16; bits++) {
            int32_t agreed = 0;
            for (uint32_t i = 0; i < 4; i++) {
                int32_t w = weight[4 * half + i];
                agreed += bits >> i & 1 ? (w > 0 ? w : 0) : (w < 0 ? -w : 0);
            }
            e->low[half][bits] = agreed % 64, e->high[half][bits] = (uint8_t)(agreed / 64); /* at most 31 */
        }
    return true;
}

/* `agreed` of the sixteen rows of a block. Bytes add up as bytes while they can, then apart by even and odd rows. */
static void agree(const struct estimate *e, const uint8_t *codes, int32_t agreed[LANES])
{
    u16x8 low[2] = {{0}, {0}}, high[2] = {{0}, {0}};
    for (uint32_t g = 0; g < e->groups; g += GROUPS_STEP) {
        u8x16 h = {0}; /* at most 8 * 31 */
        for (uint32_t i = g; i < g + GROUPS_STEP; i += 2) {
            u8x16 l = {0}; /* at most 4 * 63 */
            for (uint32_t k = i; k < i + 2; k++) {
                u8x16 code = u8x16_load(codes + k * LANES), a = code & 15, b = code >> 4;
                l += u8x16_look_up(u8x16_load(e->low[2 * k]), a) + u8x16_look_up(u8x16_load(e->low[2 * k + 1]), b);
                h += u8x16_look_up(u8x16_load(e->high[2 * k]), a) + u8x16_look_up(u8x16_load(e->high[2 * k + 1]), b);
            }
            low[0] += (u16x8)l & 255, low[1] += (u16x8)l >> 8; /* at most 2 * 63 * GROUPS_MAX < 2^16 */
        }
        high[0] += (u16x8)h & 255, high[1] += (u16x8)h >> 8;
    }
    for (int i = 0; i < LANES; i++)
        agreed[i] = low[i % 2][i / 2] + 64 * high[i % 2][i / 2];
}

/* The sums of a block's sixteen rows, over all planes; at most 16 * 511 * CATALOG_DIM_MAX. */
static void sum_up(const kin_folder *f, const struct estimate *e, uint32_t row, int32_t sums[LANES])
{
    const size_t plane = (size_t)f->groups * LANES, block = row / LANES;
    const uint32_t planes = e->far ? f->far_planes : 0;
    const uint8_t *codes = f->bits + block * plane;
    for (uint32_t p = 0; p <= planes; p++) {
        int32_t agreed[LANES];
        agree(e, codes, agreed);
        for (int i = 0; i < LANES; i++)
            sums[i] = p ? 2 * sums[i] + agreed[i] : agreed[i];
        codes = e->far ? f->far + (block * planes + p) * plane : NULL;
    }
    for (int i = 0; i < LANES; i++)
        sums[i] = 2 * sums[i] - ((2 << planes) - 1) * e->all;
}

/* The product of a row: the last whose first row is not behind it, and that has rows. */
static uint32_t product_of(const kin_folder *f, uint32_t row)
{
    uint32_t low = 0, high = f->products;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (f->first_row[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Which of the rows [row, row + n) are wanted, a bit each; leaves *product at the first with rows behind them. */
static uint32_t wanted_of(const kin_folder *f, const uint8_t *mask, uint32_t row, uint32_t n, uint32_t *product)
{
    uint32_t wanted = 0, p = *product;
    for (; f->first_row[p] < row + n; p++) {
        uint32_t begin = f->first_row[p] > row ? f->first_row[p] - row : 0, end = f->first_row[p + 1] - row;
        if (mask[p])
            wanted |= (1u << (end < n ? end : n)) - (1u << begin);
        if (end > n)
            break;
    }
    *product = p;
    return wanted;
}

/* Rows [from, to), from a multiple of LANES. */
static void estimate_rows(const kin_folder *f, const struct estimate *e, const uint8_t *mask, uint32_t from,
                          uint32_t to, struct best *best)
{
    const float unit = (float)e->unit, offset = (float)e->offset;
    int32_t sums[LANES];
    uint32_t product = product_of(f, from);
    for (uint32_t row = from; row < to; row += LANES) {
        if (mask) { /* on to a block with a row that is wanted */
            while (f->first_row[product] < to && !mask[product])
                product++;
            if (f->first_row[product] >= to)
                break;
            if (f->first_row[product] > row)
                row = f->first_row[product] / LANES * LANES;
        }
        uint32_t n = to - row < LANES ? to - row : LANES;
        uint32_t wanted = mask ? wanted_of(f, mask, row, n, &product) : (1u << n) - 1;
        sum_up(f, e, row, sums);
        for (uint32_t i = 0; i < n; i++) {
            float sum = (float)sums[i];
            if (e->far)
                sum = (sum * unit + offset) * f->far_scale[row + i];
            if (wanted >> i & 1 && best_takes(best, sum))
                best_offer(best, sum, row + i);
        }
    }
}

/* A part a call, by a pointer: as measure_block in codes.c. */
static void (*volatile const estimate_part)(const kin_folder *, const struct estimate *, const uint8_t *, uint32_t,
                                            uint32_t, struct best *) = estimate_rows;

static __attribute__((noinline)) uint32_t near(const kin_folder *f, bool far, const float *query, const uint8_t *mask,
                                               uint32_t depth, uint32_t *shards, uint32_t cap, uint32_t *products,
                                               float *scores, uint32_t most, uint32_t *found)
{
    *found = 0;
    depth = depth < f->base_rows ? depth : f->base_rows;
    struct estimate *e = malloc(sizeof *e);
    uint8_t *seen = calloc((size_t)f->shards + f->products + 1, 1);
    uint32_t *rows = malloc(((size_t)depth + 1) * sizeof *rows);
    float *sums = malloc(((size_t)depth + 1) * sizeof *sums);
    uint32_t n = 0;
    if (e && seen && rows && sums && is_whole(f) && (!far || is_finer(f)) && weigh(f, query, far, e)) {
        struct best best = {rows, sums, 0, (int)depth};
        for (uint32_t row = 0; row < f->base_rows; row += PART)
            estimate_part(f, e, mask, row, f->base_rows - row < PART ? f->base_rows : row + PART, &best);
        best_sort(&best);
        for (int i = 0; i < best.n; i++) {
            uint32_t shard = rows[i] / f->shard_rows, product = product_of(f, rows[i]);
            if (!seen[shard] && n < cap)
                shards[n++] = shard, seen[shard] = 1;
            if (!seen[f->shards + product] && *found < most) {
                seen[f->shards + product] = 1;
                scores[*found] = far ? sums[i] : (float)(sums[i] * e->unit + e->offset);
                products[(*found)++] = product;
            }
        }
    }
    free(e), free(seen), free(rows), free(sums);
    return n;
}

uint32_t kin_folder_near(const kin_folder *f, const float *query, const uint8_t *mask, uint32_t depth, uint32_t *shards,
                         uint32_t cap, uint32_t *products, float *scores, uint32_t most, uint32_t *found)
{
    DEFAULT_FLOATS
    return near(f, false, query, mask, depth, shards, cap, products, scores, most, found);
}

uint32_t kin_folder_nearer(const kin_folder *f, const float *query, const uint8_t *mask, uint32_t depth,
                           uint32_t *shards, uint32_t cap, uint32_t *products, float *scores, uint32_t most,
                           uint32_t *found)
{
    DEFAULT_FLOATS
    return near(f, true, query, mask, depth, shards, cap, products, scores, most, found);
}

/* ---- what was read, as a catalogue ---------------------------------------------------------- */

void kin_folder_counted(kin_folder *f, uint32_t products) { f->counted = products; }

const kin_catalog *kin_folder_view(kin_folder *f, const uint32_t *shards, uint32_t n, kin_error *err)
{
    clear_view(f);
    if (!knows_products(f)) {
        kin_fail(err, KIN_BAD_ARGUMENT, "The products of the catalogue's folder are not all there.");
        return NULL;
    }
    uint8_t *chosen = calloc((size_t)f->shards + 1, 1);
    if (!chosen) {
        SHORT(err);
        return NULL;
    }
    uint64_t rows = 0;
    for (uint32_t i = 0; i < n + (f->shards - f->base_shards); i++) {
        uint32_t k = i < n ? shards[i] : f->base_shards + (i - n);
        if (!kin_folder_has(f, k)) {
            free(chosen);
            kin_fail(err, KIN_BAD_ARGUMENT, "Shard %u of the catalogue is not there.", k);
            return NULL;
        }
        rows += chosen[k] ? 0 : f->shard[k].n;
        chosen[k] = 1;
    }
    size_t room = (size_t)rows + 1;
    int8_t *vectors = rows < SIZE_MAX / f->dim ? malloc(room * f->dim) : NULL;
    float *scale = malloc(room * sizeof *scale), *nulls = f->nulls ? malloc(room * NULL_STATS * sizeof *nulls) : NULL;
    uint32_t *row_item = malloc(room * sizeof *row_item), at = 0;
    f->view_row = malloc(room * sizeof *f->view_row);
    f->view = (kin_catalog){.products = f->products,
                            .counted = f->counted ? f->counted : f->products,
                            .rows = (uint32_t)rows,
                            .dim = f->dim,
                            .scale = scale,
                            .row_item = row_item,
                            .vectors = vectors,
                            .nulls = nulls,
                            .null_best = f->null_best};
    if (!vectors || !scale || !row_item || !f->view_row || (f->nulls && !nulls)) {
        free(chosen);
        clear_view(f);
        SHORT(err);
        return NULL;
    }
    for (uint32_t k = 0; k < f->shards; k++) {
        const struct shard *s = &f->shard[k];
        if (!chosen[k] || !s->n)
            continue;
        memcpy(vectors + (size_t)at * f->dim, s->vectors, (size_t)s->n * f->dim);
        memcpy(scale + at, s->scale, s->n * sizeof *scale);
        if (nulls)
            memcpy(nulls + (size_t)at * NULL_STATS, s->nulls, (size_t)s->n * NULL_STATS * sizeof *nulls);
        uint32_t product = product_of(f, s->first);
        for (uint32_t i = 0; i < s->n; i++, at++) {
            while (f->first_row[product + 1] <= s->first + i)
                product++;
            row_item[at] = product, f->view_row[at] = s->first + i;
        }
    }
    free(chosen);
    return &f->view;
}

void kin_folder_place(const kin_folder *f, uint32_t row, uint32_t where[2])
{
    where[0] = where[1] = 0;
    if (row >= f->view.rows)
        return;
    where[0] = f->view.row_item[row];
    where[1] = f->view_row[row] - f->first_row[where[0]];
}

static uint32_t shard_of(const kin_folder *f, uint32_t row)
{
    if (row < f->base_rows)
        return row / f->shard_rows;
    uint32_t k = f->base_shards;
    while (row >= f->shard[k].first + f->shard[k].n)
        k++;
    return k;
}

uint32_t kin_folder_first(const kin_folder *f, uint32_t product)
{
    if (!knows_products(f) || product >= f->products || f->first_row[product] == f->first_row[product + 1])
        return UINT32_MAX;
    return shard_of(f, f->first_row[product]);
}

int kin_folder_vector(const kin_folder *f, uint32_t product, float *out)
{
    DEFAULT_FLOATS
    uint32_t k = kin_folder_first(f, product);
    if (k == UINT32_MAX || !f->shard[k].scale)
        return 0;
    uint32_t i = f->first_row[product] - f->shard[k].first;
    for (uint32_t j = 0; j < f->dim; j++)
        out[j] = (float)f->shard[k].vectors[(size_t)i * f->dim + j] * f->shard[k].scale[i];
    return 1;
}

/* ---- for who writes one --------------------------------------------------------------------- */

void kin_codes_train(const int8_t *vectors, uint32_t rows, int dim, int8_t *mean, uint8_t *spread)
{
    if (dim >= 1 && dim <= CATALOG_DIM_MAX)
        codes_train(vectors, rows, (uint32_t)dim, mean, spread);
}

void kin_codes_of(const int8_t *vectors, uint32_t rows, int dim, const int8_t *mean, uint8_t *bits)
{
    uint64_t code[CATALOG_DIM_MAX / 64];
    if (dim < 1 || dim > CATALOG_DIM_MAX)
        return;
    size_t size = codes_words((uint32_t)dim) * sizeof *code;
    for (uint32_t r = 0; r < rows; r++) {
        codes_of(vectors + (size_t)r * (size_t)dim, mean, (uint32_t)dim, code);
        memcpy(bits + r * size, code, size);
    }
}
