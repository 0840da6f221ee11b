/* test_folder: a folder's hits against those of a catalogue of the same rows, the shards it asks for against a plain
 * loop over the definition, and deltas. */
#include "memory.h"
#include "world.h"

/* A row's neighbourhood, or words: far from all rows. */
static void query_of(const kin_catalog *c, bool words, uint64_t *seed, float *query)
{
    float squares = 0;
    kin_catalog_vector(c, random_u32(seed) % c->rows, query);
    for (uint32_t i = 0; i < c->dim; i++) {
        query[i] = (words ? 0 : query[i]) + (float)(random_u32(seed) % 101 - 50.0) * 1e-3f;
        squares += query[i] * query[i];
    }
    for (uint32_t i = 0; i < c->dim; i++)
        query[i] /= squares > 0 ? sqrtf(squares) : 1;
    query[0] = squares > 0 ? query[0] : 1;
}

/* ---- the same hits ----------------------------------------------------------------------------- */

void test_folder_equals_catalog(void)
{
    static const uint32_t dims[] = {1, 8, 20, 100, 128, 512};
    uint64_t seed = 5;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (int nulls = 0; nulls < 2; nulls++) {
            struct world w = world_of(700, dims[d], nulls ? 64 : 37, nulls, &seed);
            kin_folder *f = opened(&w, nulls ? 1 : 1000, nulls ? 7 : 1000);
            kin_error err;
            uint32_t all[20], where[2], n = 0, found = 0;
            float query[512];
            uint8_t *mask = malloc(w.c.products);
            CHECK(f);
            for (uint32_t k = w.shards; k-- > 0;) {
                CHECK(!kin_folder_has(f, k));
                CHECK_EQ(give(f, &w, k), KIN_OK);
                CHECK(kin_folder_has(f, k));
                all[n++] = k;
            }
            for (uint32_t p = 0; p < w.c.products; p++)
                mask[p] = random_u32(&seed) % 3 == 0;
            const kin_catalog *view = kin_folder_view(f, all, n, &err);
            CHECK(view && view->rows == w.c.rows && view->products == w.c.products);
            for (int turn = 0; turn < 12; turn++) {
                query_of(&w.c, turn % 2, &seed, query);
                float least = turn % 4 == 3 ? 0.1f : -2, surely = turn % 3 == 2 ? 0.2f : 0;
                const uint8_t *wanted = turn % 5 > 2 ? mask : NULL;
                struct hits want = hits_of(&w.c, query, wanted, least, surely);
                struct hits is = hits_of(view, query, wanted, least, surely);
                CHECK(same(&want, &is));
                found += (uint32_t)is.n;
            }
            CHECK(found > 100);
            for (uint32_t r = 0, first = 0; r < w.c.rows; r++) { /* rows keep their places, and lead back */
                first = r > 0 && w.c.row_item[r] == w.c.row_item[r - 1] ? first : r;
                kin_folder_place(f, r, where);
                CHECK_EQ(where[0], w.c.row_item[r]);
                CHECK_EQ(where[1], r - first);
                if (r > first)
                    continue;
                float vector[512], wanted[512];
                kin_catalog_vector(&w.c, r, wanted);
                CHECK_EQ(kin_folder_first(f, w.c.row_item[r]), r / w.shard_rows);
                CHECK(kin_folder_vector(f, w.c.row_item[r], vector));
                CHECK(!memcmp(vector, wanted, w.c.dim * sizeof *vector));
            }
            kin_folder_place(f, w.c.rows, where);
            CHECK(where[0] == 0 && where[1] == 0);
            kin_folder_close(f);
            world_end(&w);
            free(mask);
        }
}

/* A catalogue of the rows of some shards, each row of `rows` by its number in the world. */
static kin_catalog only(const struct world *w, const uint8_t *chosen, uint32_t *rows)
{
    kin_catalog c = {.products = w->c.products, .counted = w->c.counted, .dim = w->c.dim, .null_best = w->c.null_best};
    int8_t *vectors = malloc((size_t)w->c.rows * c.dim);
    float *scale = malloc(w->c.rows * sizeof *scale), *nulls = malloc(w->c.rows * 4 * sizeof *nulls);
    uint32_t *row_item = malloc(w->c.rows * sizeof *row_item);
    for (uint32_t r = 0; r < w->c.rows; r++) {
        if (!chosen[r / w->shard_rows])
            continue;
        memcpy(vectors + (size_t)c.rows * c.dim, w->c.vectors + (size_t)r * c.dim, c.dim);
        if (w->nulls)
            memcpy(nulls + 4 * c.rows, w->nulls + 4 * r, 4 * sizeof *nulls);
        scale[c.rows] = w->c.scale[r], row_item[c.rows] = w->c.row_item[r];
        rows[c.rows++] = r;
    }
    c.vectors = vectors, c.scale = scale, c.row_item = row_item;
    c.nulls = nulls;
    return c;
}

/* Of a few shards, in any order and some of them twice: what a catalogue of their rows gives. */
void test_folder_few_shards(void)
{
    uint64_t seed = 17;
    struct world w = world_of(1000, 64, 41, true, &seed);
    kin_folder *f = opened(&w, 100, 100);
    CHECK(f);
    for (uint32_t k = 0; k < w.shards; k++)
        CHECK_EQ(give(f, &w, k), KIN_OK);
    for (int turn = 0; turn < 20; turn++) {
        uint8_t chosen[25] = {0};
        uint32_t shards[8], rows[1000], where[2], n = (uint32_t)turn % 9 % 8;
        kin_error err;
        float query[64];
        for (uint32_t i = 0; i < n; i++) {
            shards[i] = random_u32(&seed) % w.shards;
            chosen[shards[i]] = 1;
        }
        if (n > 1)
            shards[1] = shards[0];
        memset(chosen, 0, sizeof chosen);
        for (uint32_t i = 0; i < n; i++)
            chosen[shards[i]] = 1;
        kin_catalog want = only(&w, chosen, rows);
        const kin_catalog *view = kin_folder_view(f, n ? shards : NULL, n, &err);
        CHECK(view);
        CHECK_EQ(view->rows, want.rows);
        query_of(&w.c, false, &seed, query);
        struct hits a = hits_of(&want, query, NULL, -2, 0), b = hits_of(view, query, NULL, -2, 0);
        CHECK(same(&a, &b));
        for (uint32_t i = 0; i < want.rows; i++) {
            uint32_t first = rows[i];
            while (first > 0 && w.c.row_item[first - 1] == w.c.row_item[rows[i]])
                first--;
            kin_folder_place(f, i, where);
            CHECK(where[0] == w.c.row_item[rows[i]] && where[1] == rows[i] - first);
        }
        clustered_free(&want);
        free((void *)want.nulls);
    }
    kin_folder_close(f);
    world_end(&w);
}

/* ---- which shards --------------------------------------------------------------------------------- */

struct guess {
    int64_t sum;
    uint32_t row;
};

static int compare_guesses(const void *a, const void *b)
{
    const struct guess *x = a, *y = b;
    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The definition at the head of src/folder.c: the wanted rows, the nearest first. Also what an estimate is worth. */
static uint32_t guess_plainly(const struct world *w, const float *query, const uint8_t *mask, struct guess *out,
                              double *unit, double *offset)
{
    uint32_t dim = w->c.dim, n = 0;
    long *weight = malloc(dim * sizeof *weight), top = 0;
    float most = 0;
    double squares = 0, center = 0;
    for (uint32_t i = 0; i < dim; i++)
        most = fmaxf(most, fabsf(query[i]));
    for (uint32_t i = 0; i < dim; i++) {
        long q14 = (long)rintf(query[i] * (8191 / most));
        weight[i] = q14 * w->spread[i];
        top = labs(weight[i]) > top ? labs(weight[i]) : top;
        center += (double)q14 * w->mean[i];
        squares += w->mean[i] * w->mean[i] + w->spread[i] * w->spread[i];
    }
    long step = top / 511 + 1;
    for (uint32_t i = 0; i < dim; i++)
        weight[i] = (weight[i] < 0 ? -1 : 1) * ((labs(weight[i]) + step / 2) / step);
    for (uint32_t r = 0; r < w->c.rows; r++) {
        int64_t sum = 0;
        if (mask && !mask[w->c.row_item[r]])
            continue;
        for (uint32_t i = 0; i < dim; i++)
            sum += w->bits[r * w->code + i / 8] >> i % 8 & 1 ? weight[i] : -weight[i];
        out[n++] = (struct guess){sum, r};
    }
    qsort(out, n, sizeof *out, compare_guesses);
    *unit = most / 8191 / sqrt(squares) * (double)step, *offset = most / 8191 / sqrt(squares) * center;
    free(weight);
    return n;
}

enum { CAP = 12, MOST = 40 };

static bool near_is_right(const struct world *w, kin_folder *f, const float *query, const uint8_t *mask, uint32_t depth,
                          uint32_t cap, uint32_t most)
{
    uint32_t shards[CAP + 1] = {0}, products[MOST + 1] = {0}, found = 77, want_shards = 0, want_products = 0;
    float scores[MOST + 1] = {0};
    double unit, offset;
    struct guess *guesses = malloc((w->c.rows + 1) * sizeof *guesses);
    uint32_t n = guess_plainly(w, query, mask, guesses, &unit, &offset);
    shards[cap] = products[most] = 12345; /* must stay */
    uint32_t asked = kin_folder_near(f, query, mask, depth, cap ? shards : NULL, cap, most ? products : NULL,
                                     most ? scores : NULL, most, &found);
    bool right = shards[cap] == 12345 && products[most] == 12345;
    uint8_t *seen = calloc(w->shards + w->c.products, 1);
    for (uint32_t i = 0; i < n && i < depth; i++) {
        uint32_t k = guesses[i].row / w->shard_rows, p = w->c.row_item[guesses[i].row];
        if (!seen[k] && want_shards < cap) {
            seen[k] = 1;
            right &= want_shards < asked && shards[want_shards] == k;
            want_shards++;
        }
        if (!seen[w->shards + p] && want_products < most) {
            seen[w->shards + p] = 1;
            double want = (double)guesses[i].sum * unit + offset;
            right &= want_products < found && products[want_products] == p &&
                     fabs((double)scores[want_products] - want) < 1e-5 * fmax(1, fabs(want));
            want_products++;
        }
    }
    free(seen), free(guesses);
    return right && asked == want_shards && found == want_products;
}

void test_folder_near_equals_definition(void)
{
    static const uint32_t dims[] = {1, 8, 20, 100, 128, 200, 512, 4096};
    static const uint32_t depths[] = {0, 1, 30, 333, 5000}, caps[] = {CAP, 0, 1, CAP, CAP},
                          mosts[] = {MOST, 5, 0, 1, MOST};
    uint64_t seed = 31;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        struct world w = world_of(dims[d] > 1000 ? 300 : 2500, dims[d], 53, false, &seed);
        for (uint32_t r = 0; dims[d] % 128 && r < w.c.rows; r++) /* what lies behind a code's last number is nothing */
            w.bits[r * w.code + dims[d] / 8] ^= (uint8_t)(0xff << dims[d] % 8);
        kin_folder *f = opened(&w, 999, 13);
        uint8_t *mask = malloc(w.c.products);
        float *query = malloc(dims[d] * sizeof *query);
        CHECK(f);
        for (int turn = 0; turn < 10; turn++) {
            uint32_t rare = turn < 4 ? 3 : 40;
            for (uint32_t p = 0; p < w.c.products; p++)
                mask[p] = random_u32(&seed) % rare == 0;
            if (turn == 8)
                memset(mask, 0, w.c.products);
            query_of(&w.c, turn % 2, &seed, query);
            if (turn == 9)
                query[0] = -1e6f; /* one weight is all of it */
            CHECK(near_is_right(&w, f, query, turn % 2 || turn == 8 ? mask : NULL, depths[turn % 5], caps[turn % 5],
                                mosts[turn % 5]));
        }
        kin_folder_close(f);
        free(query), free(mask);
        world_end(&w);
    }
}

/* Spreads of 0 and of 255, means at the ends: estimates stay in range, and are the cosines that they say they are where a
 * row is what its code says. */
void test_folder_near_extremes(void)
{
    enum { DIM = 16, ROWS = 8 };
    for (int turn = 0; turn < 3; turn++) {
        int8_t mean[DIM], spread = (int8_t)(turn ? 60 : 0);
        uint8_t spreads[DIM], bits[ROWS][16] = {{0}};
        uint16_t counts[ROWS];
        float query[DIM] = {0}, scores[ROWS];
        uint32_t shards[ROWS], products[ROWS], found;
        kin_error err;
        memset(mean, turn == 2 ? -128 : 0, DIM), memset(spreads, turn == 2 ? 255 : spread, DIM);
        for (int r = 0; r < ROWS; r++) {
            counts[r] = 1;
            bits[r][0] = (uint8_t)~r, bits[r][1] = (uint8_t)r;
        }
        for (int i = 0; i < DIM; i++)
            query[i] = i < 8 ? 0.25f : -0.25f;
        kin_folder *f = kin_folder_open(DIM, ROWS, ROWS, 2, mean, spreads, NULL, &err);
        CHECK(f && !kin_folder_products(f, counts, ROWS, &err) && !kin_folder_codes(f, bits[0], ROWS, &err));
        uint32_t n = kin_folder_near(f, query, NULL, ROWS, shards, ROWS, products, scores, ROWS, &found);
        CHECK_EQ(n, 4);
        CHECK_EQ(found, ROWS);
        CHECK(products[0] == 0 && products[1] == 1 && shards[0] == 0); /* ties go to the first row */
        if (turn == 0)
            CHECK(scores[0] == 0 && scores[7] == 0 && products[7] == 7);
        if (turn == 1)
            CHECK(fabsf(scores[0] - 1) < 1e-3f && products[7] == 7 && fabsf(scores[7] - (16 - 12) / 16.0f) < 1e-3f);
        if (turn == 2)
            CHECK(scores[0] > 0.8f && scores[0] < 0.9f);
        kin_folder_close(f);
    }
}

void test_folder_near_without(void)
{
    uint64_t seed = 3;
    struct world w = world_of(50, 20, 10, false, &seed);
    kin_error err;
    kin_folder *f = kin_folder_open(20, w.c.products, 50, 10, w.mean, w.spread, NULL, &err);
    float query[20] = {1}, scores[5];
    uint32_t shards[5], products[5], found = 9;
    CHECK(f);
    for (int turn = 0; turn < 3; turn++) { /* nothing, the products, also most of the codes */
        if (turn == 1)
            CHECK_EQ(kin_folder_products(f, w.counts, w.c.products, &err), KIN_OK);
        if (turn == 2)
            CHECK_EQ(kin_folder_codes(f, w.bits, 49, &err), KIN_OK);
        CHECK_EQ(kin_folder_near(f, query, NULL, 5, shards, 5, products, scores, 5, &found), 0);
        CHECK_EQ(found, 0);
    }
    CHECK_EQ(kin_folder_codes(f, w.bits + 49 * w.code, 1, &err), KIN_OK);
    CHECK(kin_folder_near(f, query, NULL, 5, shards, 5, products, scores, 5, &found) > 0 && found > 0);
    for (int turn = 0; turn < 3; turn++) { /* queries that point nowhere */
        query[0] = turn == 0 ? 0 : turn == 1 ? NAN : INFINITY;
        CHECK_EQ(kin_folder_near(f, query, NULL, 5, shards, 5, products, scores, 5, &found), 0);
        CHECK_EQ(found, 0);
    }
    kin_folder_close(f);
    world_end(&w);
}

static void append(uint8_t *out, size_t *n, const void *bytes, size_t more)
{
    memcpy(out + *n, bytes, more);
    *n += more;
}

/* What a folder answers, as its SHA-256: tests/node/native.test.js asks the same of WebAssembly. */
void test_folder_bits(void)
{
    enum { DIM = 200, ROWS = 1500, SHARD = 64, TURNS = 8 };
    static uint8_t answers[TURNS * 2048];
    uint8_t digest[32];
    char hex[65];
    uint64_t seed = 99;
    size_t n = 0, stored_n;
    struct world w = world_of(ROWS, DIM, SHARD, true, &seed);
    kin_folder *f = opened(&w, ROWS, ROWS);
    uint8_t *mask = malloc(w.c.products), *stored = test_read("tests/golden/folder.txt", &stored_n);
    CHECK(f && stored && stored_n >= 64);
    for (uint32_t p = 0; p < w.c.products; p++)
        mask[p] = p % 3 == 0;
    for (uint32_t k = 0; k < w.shards; k++)
        CHECK_EQ(give(f, &w, k), KIN_OK);
    for (int turn = 0; turn < TURNS; turn++) {
        float query[DIM], scores[20];
        uint32_t shards[6], products[20], found;
        kin_error err;
        for (int i = 0; i < DIM; i++)
            query[i] = (float)(random_u32(&seed) % 2049) / 1024 - 1;
        const uint8_t *wanted = turn % 2 ? mask : NULL;
        uint32_t asked = kin_folder_near(f, query, wanted, 60, shards, 6, products, scores, 20, &found);
        append(answers, &n, &asked, 4), append(answers, &n, shards, 4 * asked);
        append(answers, &n, &found, 4), append(answers, &n, products, 4 * found),
            append(answers, &n, scores, 4 * found);
        const kin_catalog *c = kin_folder_view(f, shards, asked, &err);
        CHECK(asked == 6 && found == 20 && c);
        struct hits h = hits_of(c, query, wanted, -2, 0);
        CHECK_EQ(h.n, HITS);
        append(answers, &n, &h.total, 4), append(answers, &n, h.rows, sizeof h.rows);
        append(answers, &n, h.scores, sizeof h.scores), append(answers, &n, h.confidence, sizeof h.confidence);
    }
    kin_sha256(answers, n, digest);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    stored[64] = 0;
    CHECK_STR(hex, (const char *)stored);
    kin_folder_close(f);
    free(mask), free(stored);
    world_end(&w);
}

/* ---- what comes later ------------------------------------------------------------------------------ */

/* Deltas add products, with rows and without: the hits are those of a catalogue that always had them. */
void test_folder_deltas(void)
{
    enum { DIM = 24, ROWS = 120, BASE = 90 };
    uint64_t seed = 41;
    for (int nulls = 0; nulls < 2; nulls++) {
        struct world w = world_of(ROWS, DIM, 16, nulls, &seed), base = w;
        uint32_t at = 0, where[2], shards[6], products[8], found;
        kin_error err;
        base.c.products = base.c.rows = 0;
        while (base.c.rows < BASE)
            base.c.rows += w.counts[base.c.products++];
        base.shards = (base.c.rows + 15) / 16;
        kin_folder *f = opened(&base, 1000, 1000);
        CHECK(f);
        CHECK_EQ(kin_folder_delta(f, NULL, 0, NULL, NULL, NULL, &err), KIN_OK); /* one that changes items alone */
        /* The catalogue: the same products, and between those of two deltas two without rows. */
        uint32_t p = base.c.products, first = w.c.products - p > 5 ? 5 : 1, rest = w.c.products - p - first;
        uint16_t counts[ROWS] = {0};
        memcpy(counts, w.counts + p, first * sizeof *counts); /* then a 0 */
        for (uint32_t i = at = base.c.rows; i < ROWS; i++)
            ((uint32_t *)w.c.row_item)[i] += w.c.row_item[i] >= p + first ? 2 : 0;
        uint32_t rows = 0;
        for (uint32_t i = 0; i < first; i++)
            rows += counts[i];
        CHECK_EQ(kin_folder_delta(f, counts, first + 1, w.c.vectors + at * DIM, w.c.scale + at,
                                  nulls ? w.nulls + 4 * at : NULL, &err),
                 KIN_OK);
        at += rows;
        counts[0] = 0;
        memcpy(counts + 1, w.counts + p + first, rest * sizeof *counts);
        CHECK_EQ(kin_folder_delta(f, counts, 1, NULL, NULL, NULL, &err), KIN_OK); /* without a row */
        CHECK_EQ(kin_folder_delta(f, counts + 1, rest, w.c.vectors + at * DIM, w.c.scale + at,
                                  nulls ? w.nulls + 4 * at : NULL, &err),
                 KIN_OK);
        w.c.products += 2, w.c.counted = w.c.products - 7;
        kin_folder_counted(f, w.c.counted);
        for (uint32_t k = 0; k < base.shards; k++) {
            shards[k] = k;
            CHECK_EQ(give(f, &base, k), KIN_OK);
        }
        const kin_catalog *view = kin_folder_view(f, shards, base.shards, &err);
        CHECK(view);
        CHECK_EQ(view->rows, ROWS);
        CHECK_EQ(view->products, w.c.products);
        CHECK_EQ(view->counted, w.c.counted);
        CHECK(!memcmp(view->row_item, w.c.row_item, ROWS * sizeof *w.c.row_item));
        float query[DIM], vector[DIM], wanted[DIM], scores[8];
        uint8_t mask[ROWS + 2];
        for (uint32_t i = 0; i < w.c.products; i++)
            mask[i] = i % 2;
        for (int turn = 0; turn < 6; turn++) {
            query_of(&w.c, turn % 2, &seed, query);
            struct hits a = hits_of(&w.c, query, turn > 2 ? mask : NULL, -2, turn == 4 ? 0.1f : 0);
            struct hits b = hits_of(view, query, turn > 2 ? mask : NULL, -2, turn == 4 ? 0.1f : 0);
            CHECK(same(&a, &b));
        }
        kin_folder_place(f, ROWS - 1, where);
        CHECK_EQ(where[0], w.c.products - 1);
        /* Each has a shard, always there, whose first product is this or that. */
        CHECK_EQ(kin_folder_first(f, p), base.shards + 1);
        CHECK_EQ(kin_folder_first(f, p + first), UINT32_MAX);
        CHECK_EQ(kin_folder_first(f, p + first + 1), UINT32_MAX);
        CHECK_EQ(kin_folder_first(f, p + first + 2), base.shards + 3);
        CHECK_EQ(kin_folder_first(f, w.c.products - 1), base.shards + 3);
        CHECK_EQ(kin_folder_first(f, w.c.products), UINT32_MAX);
        CHECK(!kin_folder_vector(f, p + first, vector) && !kin_folder_vector(f, w.c.products, vector));
        CHECK(kin_folder_vector(f, p + first + 2, vector));
        kin_catalog_vector(&w.c, at, wanted);
        CHECK(!memcmp(vector, wanted, sizeof vector));
        for (uint32_t k = base.shards; k < base.shards + 4; k++) {
            kin_folder_forget(f, k);
            CHECK(kin_folder_has(f, k));
        }
        CHECK(!kin_folder_has(f, base.shards + 4));
        view = kin_folder_view(f, NULL, 0, &err); /* the deltas alone */
        CHECK(view && view->rows == ROWS - base.c.rows);
        view = kin_folder_view(f, &(uint32_t){base.shards + 1}, 1, &err); /* named, none of them comes twice */
        CHECK(view && view->rows == ROWS - base.c.rows);
        /* near is of the base's rows, with a mask of all products */
        uint32_t n = kin_folder_near(f, query, mask, ROWS, shards, 6, products, scores, 8, &found);
        CHECK(n == base.shards && found == 8);
        for (int i = 0; i < 8; i++)
            CHECK(products[i] < p && products[i] % 2);
        kin_folder_close(f);
        world_end(&w);
    }
}

/* After a trim the folder is as it was before the deltas that went, and takes others. */
void test_folder_trim(void)
{
    uint64_t seed = 43;
    struct world w = world_of(40, 8, 40, true, &seed), other = world_of(9, 8, 9, true, &seed);
    const uint32_t products = w.c.products;
    size_t held = memory_held;
    kin_folder *f = opened(&w, 40, 40);
    static const uint16_t counts[] = {2, 0, 1};
    float query[8] = {0, 1}, vector[8];
    kin_error err;
    CHECK(f);
    CHECK_EQ(give(f, &w, 0), KIN_OK);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(kin_folder_delta(f, counts, 3, other.c.vectors + 3 * 8 * i, other.c.scale + 3 * i,
                                  other.nulls + 12 * i, &err),
                 KIN_OK);
    const kin_catalog *view = kin_folder_view(f, &(uint32_t){0}, 1, &err);
    CHECK(view && view->products == products + 9 && view->rows == 49);
    struct hits all = hits_of(view, query, NULL, -2, 0);
    kin_folder_trim(f, 4), kin_folder_trim(f, 3); /* as many as there are */
    CHECK(kin_folder_has(f, 3));
    kin_folder_trim(f, 1);
    CHECK(kin_folder_has(f, 1) && !kin_folder_has(f, 2));
    CHECK_EQ(kin_folder_first(f, products + 2), 1);
    CHECK_EQ(kin_folder_first(f, products + 3), UINT32_MAX);
    CHECK(!kin_folder_vector(f, products + 3, vector));
    view = kin_folder_view(f, &(uint32_t){0}, 1, &err);
    CHECK(view && view->products == products + 3 && view->rows == 43);
    for (uint32_t i = 1; i < 3; i++)
        CHECK_EQ(kin_folder_delta(f, counts, 3, other.c.vectors + 3 * 8 * i, other.c.scale + 3 * i,
                                  other.nulls + 12 * i, &err),
                 KIN_OK);
    struct hits again = hits_of(kin_folder_view(f, &(uint32_t){0}, 1, &err), query, NULL, -2, 0);
    CHECK(same(&all, &again));
    kin_folder_trim(f, 0);
    view = kin_folder_view(f, &(uint32_t){0}, 1, &err);
    CHECK(view && view->products == products && view->rows == 40);
    struct hits before = hits_of(&w.c, query, NULL, -2, 0), after = hits_of(view, query, NULL, -2, 0);
    CHECK(same(&before, &after));
    kin_folder_close(f);
    CHECK_EQ(memory_held, held);
    world_end(&w), world_end(&other);
}

/* A folder that is empty but for what a delta brings. */
void test_folder_empty(void)
{
    static const int8_t rows[2][2] = {{3, 4}, {0, -5}}, mean[2] = {0, 0};
    static const uint8_t spread[2] = {1, 1};
    static const float scale[2] = {0.2f, 0.2f}, query[2] = {0, -1};
    static const uint16_t counts[3] = {0, 2, 0};
    uint32_t shards[1], products[1], found, where[2];
    float scores[1];
    kin_error err;
    kin_folder *f = kin_folder_open(2, 0, 0, 5, mean, spread, NULL, &err);
    CHECK(f);
    CHECK_EQ(kin_folder_products(f, NULL, 0, &err), KIN_OK);
    CHECK_EQ(kin_folder_codes(f, NULL, 0, &err), KIN_OK);
    CHECK_EQ(kin_folder_near(f, query, NULL, 9, shards, 1, products, scores, 1, &found), 0);
    const kin_catalog *view = kin_folder_view(f, NULL, 0, &err);
    CHECK(view && view->rows == 0 && hits_of(view, query, NULL, -2, 0).n == 0);
    CHECK_EQ(kin_folder_first(f, 0), UINT32_MAX);
    CHECK_EQ(kin_folder_delta(f, counts, 3, rows[0], scale, NULL, &err), KIN_OK);
    view = kin_folder_view(f, NULL, 0, &err);
    CHECK(view && view->rows == 2 && view->products == 3);
    struct hits h = hits_of(view, query, NULL, -2, 0);
    CHECK(h.n == 1 && h.rows[0] == 1 && h.total == 1);
    kin_folder_place(f, 1, where);
    CHECK(where[0] == 1 && where[1] == 1);
    CHECK_EQ(kin_folder_near(f, query, NULL, 9, shards, 1, products, scores, 1, &found), 0);
    CHECK_EQ(found, 0);
    kin_folder_close(f);
}

/* Shards come, go and come again; what is not there is said; nothing stays behind. */
void test_folder_forget(void)
{
    uint64_t seed = 7;
    struct world w = world_of(95, 12, 10, true, &seed);
    size_t held = memory_held;
    kin_folder *f = opened(&w, 50, 50);
    uint32_t both[] = {2, 9}, product = 0, where[2];
    float vector[12];
    kin_error err;
    CHECK(f);
    while (kin_folder_first(f, product) != 2)
        product++;
    CHECK(!kin_folder_vector(f, product, vector));
    CHECK_EQ(give(f, &w, 2), KIN_OK);
    size_t with_one = memory_held;
    CHECK_EQ(give(f, &w, 2), KIN_OK); /* as good as not asked */
    CHECK_EQ(memory_held, with_one);
    CHECK(kin_folder_vector(f, product, vector));
    CHECK(!kin_folder_view(f, both, 2, &err));
    CHECK_EQ(err.status, KIN_BAD_ARGUMENT);
    CHECK_STR(err.text, "Shard 9 of the catalogue is not there.");
    CHECK_EQ(give(f, &w, 9), KIN_OK); /* the last has five rows */
    const kin_catalog *view = kin_folder_view(f, both, 2, &err);
    CHECK(view && view->rows == 15);
    kin_folder_place(f, 14, where);
    CHECK_EQ(where[0], w.c.products - 1);
    kin_folder_forget(f, 2), kin_folder_forget(f, 2), kin_folder_forget(f, 10), kin_folder_forget(f, UINT32_MAX);
    CHECK(!kin_folder_has(f, 2) && kin_folder_has(f, 9) && !kin_folder_has(f, 10) && !kin_folder_has(f, UINT32_MAX));
    CHECK(!kin_folder_vector(f, product, vector));
    kin_folder_place(f, 0, where); /* the view is its own */
    CHECK_EQ(where[0], w.c.row_item[20]);
    CHECK(!kin_folder_view(f, both, 2, &err));
    kin_folder_place(f, 0, where); /* and the next call ends it */
    CHECK(where[0] == 0 && where[1] == 0);
    CHECK_EQ(give(f, &w, 2), KIN_OK);
    CHECK(kin_folder_view(f, both, 2, &err));
    both[0] = 11;
    CHECK(!kin_folder_view(f, both, 2, &err) && strstr(err.text, "Shard 11 "));
    kin_folder_close(f);
    kin_folder_close(NULL);
    CHECK_EQ(memory_held, held);
    world_end(&w);
}

/* ---- for who writes one ------------------------------------------------------------------------------ */

void test_folder_codes_of(void)
{
    static const int dims[] = {1, 100, 128, 130, 4096};
    uint64_t seed = 61;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        uint32_t dim = (uint32_t)dims[d], rows = 21;
        struct world w = world_of(rows, dim, 5, false, &seed); /* by kin_codes_train and kin_codes_of */
        for (uint32_t i = 0; i < dim; i++) {
            double sum = 0, apart = 0;
            for (uint32_t r = 0; r < rows; r++)
                sum += w.c.vectors[r * dim + i];
            CHECK_EQ(w.mean[i], floor(sum / rows));
            for (uint32_t r = 0; r < rows; r++)
                apart += fabs(w.c.vectors[r * dim + i] - floor(sum / rows));
            CHECK_EQ(w.spread[i], fmax(1, floor(apart / rows)));
            for (uint32_t r = 0; r < rows; r++)
                CHECK_EQ(w.bits[r * w.code + i / 8] >> i % 8 & 1, w.c.vectors[r * dim + i] > floor(sum / rows));
        }
        for (uint32_t r = 0; r < rows; r++)
            for (uint32_t i = dim; i < 8 * w.code; i++)
                CHECK_EQ(w.bits[r * w.code + i / 8] >> i % 8 & 1, 0);
        world_end(&w);
    }
    static const int none[] = {0, -1000, 4097}; /* dims that no folder has change nothing */
    int8_t mean = 7;
    uint8_t spread = 7, bits = 7;
    for (int i = 0; i < 3; i++) {
        kin_codes_train(&mean, 1, none[i], &mean, &spread);
        kin_codes_of(&mean, 1, none[i], &mean, &bits);
    }
    CHECK(mean == 7 && spread == 7 && bits == 7);
}
