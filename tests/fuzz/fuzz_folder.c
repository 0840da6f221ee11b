/* fuzz_folder: the bytes say which calls a catalogue's folder gets, in any order, and with what: it must take or refuse
 * each, and lead to nothing that is not there. */
#include "../../src/kin.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAP = 5, STEPS = 200 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct input {
    const uint8_t *bytes;
    size_t n;
};

static uint8_t next(struct input *in)
{
    if (!in->n)
        return 0;
    in->n--;
    return *in->bytes++;
}

/* So many bytes in a block of just that size. */
static void *some(struct input *in, size_t n)
{
    uint8_t *bytes = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = next(in);
    return bytes;
}

/* What the folder should know of itself. */
struct state {
    kin_folder *f;
    uint32_t dim, products, rows, shard_rows, shards; /* of the base */
    uint32_t all_products, all_shards;
    uint32_t until[STEPS + 1]; /* products before a delta */
    bool nulls;
};

static bool took(kin_status status, const kin_error *err)
{
    must(status == KIN_OK || (status == KIN_NOT_A_CATALOG && err->status == status && strlen(err->text) > 0));
    return status == KIN_OK;
}

/* Rows with their scales, right ones but where the input wants others. */
struct rows {
    int8_t *vectors;
    float *scale, *nulls;
};

static struct rows rows_of(struct input *in, const struct state *s, uint32_t n)
{
    struct rows r = {some(in, (size_t)n * s->dim), malloc(n * sizeof(float) + 1), NULL};
    uint8_t wrong = next(in), with_nulls = next(in);
    for (uint32_t i = 0; i < n; i++) {
        double sum = 0;
        r.vectors[(size_t)i * s->dim] |= 1; /* no row is all zeros, unless */
        for (uint32_t k = 0; k < s->dim; k++)
            sum += r.vectors[(size_t)i * s->dim + k] * r.vectors[(size_t)i * s->dim + k];
        r.scale[i] = (float)(1 / sqrt(sum));
    }
    if (wrong == 1 && n)
        memset(&r.scale[n - 1], next(in), sizeof(float));
    if (s->nulls ? with_nulls != 1 : with_nulls == 1) {
        r.nulls = malloc(n * 4 * sizeof(float) + 1);
        for (uint32_t i = 0; i < 4 * n; i++)
            r.nulls[i] = (float)(i % 5) / 8;
        if (with_nulls == 2 && n)
            memset(&r.nulls[4 * n - 1], next(in), sizeof(float));
    }
    return r;
}

static void rows_end(struct rows *r) { free(r->vectors), free(r->scale), free(r->nulls); }

typedef uint32_t near_call(const kin_folder *, const float *, const uint8_t *, uint32_t, uint32_t *, uint32_t,
                           uint32_t *, float *, uint32_t, uint32_t *);

static void near(struct input *in, const struct state *s, near_call *call)
{
    uint32_t shards[CAP], products[CAP], found, cap = next(in) % (CAP + 1), most = next(in) % (CAP + 1);
    uint32_t depth = next(in) == 255 ? UINT32_MAX : next(in);
    float scores[CAP], *query = malloc(s->dim * sizeof *query);
    uint8_t *mask = next(in) % 2 ? some(in, s->all_products) : NULL;
    for (uint32_t i = 0; i < s->dim; i++)
        query[i] = (int8_t)next(in);
    if (next(in) == 1)
        memset(query, next(in), sizeof *query);
    uint32_t n = call(s->f, query, mask, depth, shards, cap, products, scores, most, &found);
    must(n <= cap && found <= most && n <= depth && found <= depth);
    for (uint32_t i = 0; i < n; i++) {
        must(shards[i] < s->shards);
        for (uint32_t k = 0; k < i; k++)
            must(shards[k] != shards[i]);
    }
    for (uint32_t i = 0; i < found; i++) {
        must(products[i] < s->products && (!mask || mask[products[i]]) && (i == 0 || scores[i] <= scores[i - 1]));
        for (uint32_t k = 0; k < i; k++)
            must(products[k] != products[i]);
    }
    free(query), free(mask);
}

static void view(struct input *in, const struct state *s)
{
    kin_error err;
    uint32_t n = next(in) % 4, rows[CAP], where[2], total, *shards = malloc(n * sizeof *shards + 1);
    bool there = true;
    for (uint32_t i = 0; i < n; i++) {
        shards[i] = next(in) % (s->all_shards + 2);
        there = there && kin_folder_has(s->f, shards[i]);
    }
    const kin_catalog *c = kin_folder_view(s->f, shards, n, &err);
    must(c ? there : err.status == KIN_BAD_ARGUMENT && strlen(err.text) > 0);
    if (c) {
        float *query = calloc(s->dim, sizeof *query), scores[CAP], confidence[CAP];
        uint8_t *mask = some(in, s->all_products);
        query[s->dim - 1] = 1;
        for (int masked = 0; masked < 2; masked++) {
            int hits = kin_catalog_search(c, query, NULL, masked ? mask : NULL, -2, 0, 0, rows, scores, CAP, &total);
            must(hits <= CAP && (uint32_t)hits <= total && total <= s->all_products);
            kin_catalog_confidence(c, NULL, rows, scores, hits, confidence);
            for (int i = 0; i < hits; i++) {
                kin_folder_place(s->f, rows[i], where);
                must(where[0] < s->all_products && (!masked || mask[where[0]]));
                must(scores[i] > -1.01f && scores[i] < 1.01f);
                must(s->nulls || confidence[i] != confidence[i]);
                kin_catalog_vector(c, rows[i], query);
            }
            kin_catalog_diversify(c, rows, scores, hits, 0.5f);
        }
        free(query), free(mask);
    }
    kin_folder_place(s->f, next(in), where);
    must(where[0] <= s->all_products);
    free(shards);
}

static void step(struct input *in, struct state *s)
{
    kin_error err;
    switch (next(in) % 11) {
    case 0: {
        uint32_t n = next(in);
        uint16_t *counts = malloc(n * sizeof *counts + 1);
        for (uint32_t i = 0; i < n; i++)
            counts[i] = next(in) == 255 ? UINT16_MAX : (uint16_t)(1 + next(in) % 4);
        took(kin_folder_products(s->f, counts, n, &err), &err);
        free(counts);
        break;
    }
    case 1: { /* all that is left, mostly */
        uint32_t n = next(in) % 4 ? s->products : next(in);
        uint16_t *counts = malloc(n * sizeof *counts + 1);
        for (uint32_t i = 0; i < n; i++)
            counts[i] = i + 1 < n ? 1 : (uint16_t)(s->rows - (n - 1));
        took(kin_folder_products(s->f, counts, n, &err), &err);
        free(counts);
        break;
    }
    case 2: {
        uint32_t n = next(in) % 4 ? s->rows : next(in);
        uint8_t *bits = some(in, (size_t)n * ((s->dim + 127) / 128 * 16));
        took(kin_folder_codes(s->f, bits, n, &err), &err);
        free(bits);
        break;
    }
    case 3: {
        uint32_t k = next(in), begin = k * s->shard_rows, left = begin < s->rows ? s->rows - begin : 0;
        uint32_t n = next(in) % 8 ? (left < s->shard_rows ? left : s->shard_rows) : next(in);
        struct rows r = rows_of(in, s, n);
        if (took(kin_folder_shard(s->f, k, r.vectors, r.scale, r.nulls, n, &err), &err))
            must(k < s->shards && kin_folder_has(s->f, k));
        rows_end(&r);
        break;
    }
    case 4: {
        uint32_t n = next(in) % 8, sum = 0;
        uint16_t *counts = malloc(n * sizeof *counts + 1);
        for (uint32_t i = 0; i < n; i++)
            sum += counts[i] = next(in) % 4;
        struct rows r = rows_of(in, s, sum);
        if (took(kin_folder_delta(s->f, counts, n, r.vectors, r.scale, r.nulls, &err), &err)) {
            s->until[s->all_shards - s->shards] = s->all_products;
            s->all_products += n;
            must(kin_folder_has(s->f, s->all_shards++));
        }
        rows_end(&r), free(counts);
        break;
    }
    case 5: near(in, s, kin_folder_near); break;
    case 6: view(in, s); break;
    case 9: {
        int planes = next(in) % 8 ? 2 : next(in) - 1;
        uint32_t n = next(in) % 4 ? s->rows : next(in);
        uint8_t *bits = some(in, (size_t)n * (planes < 0 ? 0 : (size_t)planes) * ((s->dim + 127) / 128 * 16));
        float *scale = malloc(n * sizeof *scale + 1);
        for (uint32_t i = 0; i < n; i++)
            scale[i] = 1 / (float)(1 + i);
        if (n && next(in) == 1)
            memset(&scale[n - 1], next(in), sizeof *scale);
        took(kin_folder_far(s->f, planes, bits, scale, n, &err), &err);
        free(bits), free(scale);
        break;
    }
    case 10: near(in, s, kin_folder_nearer); break;
    case 8: {
        uint32_t n = next(in), deltas = s->all_shards - s->shards;
        kin_folder_trim(s->f, n);
        if (n < deltas)
            s->all_products = s->until[n], s->all_shards = s->shards + n;
        must(!kin_folder_has(s->f, s->all_shards));
        break;
    }
    default: {
        uint32_t product = next(in), k = kin_folder_first(s->f, product);
        float *vector = malloc(s->dim * sizeof *vector);
        must(k == UINT32_MAX || (k < s->all_shards && product < s->all_products));
        must(kin_folder_vector(s->f, product, vector) == (k != UINT32_MAX && kin_folder_has(s->f, k)));
        kin_folder_forget(s->f, next(in) % 2 ? k : product);
        free(vector);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct input in = {bytes, n};
    struct state s = {.dim = 1 + next(&in) % 40, .nulls = next(&in) % 2};
    kin_error err;
    s.products = s.all_products = next(&in) % 40, s.rows = s.products + next(&in) % 40, s.shard_rows = next(&in) % 24;
    int8_t *mean = some(&in, s.dim);
    uint8_t *spread = some(&in, s.dim);
    float best[2] = {0.5f, (float)next(&in) / 64};
    s.f = kin_folder_open((int)s.dim, s.products, s.rows, s.shard_rows, mean, spread, s.nulls ? best : NULL, &err);
    free(mean), free(spread);
    must(s.f ? s.shard_rows > 0 : err.status == KIN_NOT_A_CATALOG && strlen(err.text) > 0);
    if (s.f) {
        s.shards = s.all_shards = (s.rows + s.shard_rows - 1) / s.shard_rows;
        for (int i = 0; i < STEPS && in.n; i++)
            step(&in, &s);
    }
    kin_folder_close(s.f);
    return 0;
}
