/* world: a catalogue of made-up rows and a folder that is filled from it, for tests of folders. */
#ifndef KIN_WORLD_H
#define KIN_WORLD_H
#include "clustered.h"
#include "test.h"

enum { HITS = 50 };

/* A catalogue and what a folder of it is filled from. */
struct world {
    kin_catalog c;
    uint32_t shard_rows, shards;
    uint16_t *counts; /* [products] */
    int8_t *mean;
    uint8_t *spread, *bits;
    size_t code;  /* bytes of a row's */
    float *nulls; /* NULL: there are none, and no null_best */
};

static const float null_best[2] = {0.7f, 0.05f};

static inline struct world world_of(uint32_t rows, uint32_t dim, uint32_t shard_rows, bool nulls, uint64_t *seed)
{
    struct world w = {.c = clustered_catalog(rows, dim, seed), .shard_rows = shard_rows};
    w.shards = (rows + shard_rows - 1) / shard_rows;
    w.counts = calloc(w.c.products + 1, sizeof *w.counts);
    for (uint32_t r = 0; r < rows; r++)
        w.counts[w.c.row_item[r]]++;
    w.mean = malloc(dim), w.spread = malloc(dim);
    w.code = (dim + 127) / 128 * 16;
    w.bits = malloc(rows * w.code + 1);
    kin_codes_train(w.c.vectors, rows, (int)dim, w.mean, w.spread);
    kin_codes_of(w.c.vectors, rows, (int)dim, w.mean, w.bits);
    if (nulls) {
        w.nulls = malloc(rows * 4 * sizeof *w.nulls + 1);
        for (uint32_t i = 0; i < 4 * rows; i++)
            w.nulls[i] = (float)(random_u32(seed) % 1000) * (i % 2 ? 1e-4f : 2e-4f) + 1e-3f;
        w.c.nulls = w.nulls, w.c.null_best = null_best;
    }
    return w;
}

static inline void world_end(struct world *w)
{
    clustered_free(&w->c);
    free(w->counts), free(w->mean), free(w->spread), free(w->bits), free(w->nulls);
}

/* The world's folder without shards, its products and codes given in so many at a time. */
static inline kin_folder *opened(const struct world *w, uint32_t products, uint32_t codes)
{
    kin_error err;
    kin_folder *f = kin_folder_open((int)w->c.dim, w->c.products, w->c.rows, w->shard_rows, w->mean, w->spread,
                                    w->nulls ? null_best : NULL, &err);
    kin_status status = f ? KIN_OK : err.status;
    for (uint32_t p = 0; p < w->c.products && !status; p += products) {
        uint32_t n = w->c.products - p < products ? w->c.products - p : products;
        status = kin_folder_products(f, w->counts + p, n, &err);
    }
    for (uint32_t r = 0; r < w->c.rows && !status; r += codes) {
        uint32_t n = w->c.rows - r < codes ? w->c.rows - r : codes;
        status = kin_folder_codes(f, w->bits + r * w->code, n, &err);
    }
    if (!status)
        return f;
    printf("  %s\n", err.text);
    kin_folder_close(f);
    return NULL;
}

static inline kin_status give(kin_folder *f, const struct world *w, uint32_t k)
{
    kin_error err;
    uint32_t r = k * w->shard_rows, n = w->c.rows - r < w->shard_rows ? w->c.rows - r : w->shard_rows;
    return kin_folder_shard(f, k, w->c.vectors + (size_t)r * w->c.dim, w->c.scale + r,
                            w->nulls ? w->nulls + 4 * r : NULL, n, &err);
}

struct hits {
    int n;
    uint32_t total, rows[HITS];
    float scores[HITS], confidence[HITS];
};

static inline struct hits hits_of(const kin_catalog *c, const float *query, const uint8_t *mask, float least,
                                  float surely)
{
    static const float blend[4] = {0.6f, 0.1f, 0.3f, 0.2f};
    struct hits h;
    memset(&h, 0, sizeof h);
    h.n = kin_catalog_search(c, query, surely > 0 ? blend : NULL, mask, least, surely, 1, h.rows, h.scores, HITS,
                             &h.total);
    kin_catalog_confidence(c, surely > 0 ? blend : NULL, h.rows, h.scores, h.n, h.confidence);
    return h;
}

static inline bool same(const struct hits *a, const struct hits *b) { return !memcmp(a, b, sizeof *a); }
#endif
