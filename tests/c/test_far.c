/* test_far: a folder's finer codes: which shards and products they lead to against a plain loop over their definition, what
 * they find for words that one bit a number does not, and one refusal for each rule. */
#include "clustered.h"
#include "memory.h"
#include "test.h"

enum { SHARD = 20, ROWS_MAX = 3000 };

/* A catalogue of clusters, and its codes. */
struct world {
    kin_catalog c;
    uint32_t shards;
    int8_t *mean;
    uint8_t *spread, *bits, *far[4]; /* far: by the number of planes */
    uint16_t *counts;
    size_t width; /* bytes of a plane of a row's code */
};

/* The level of a number, of 2^(planes + 1): codes.h. */
static int level_of(int value, int mean, int spread, int planes)
{
    static const int steps[] = {0, 20, 12, 7};
    int half = 1 << planes, level = half + (int)floor((value - mean - 1 / 16.0) / (steps[planes] / 16.0 * spread));
    return level < 0 ? 0 : level >= 2 * half ? 2 * half - 1 : level;
}

static struct world world_of(uint32_t rows, uint32_t dim, uint64_t *seed)
{
    struct world w = {.c = clustered_catalog(rows, dim, seed), .shards = (rows + SHARD - 1) / SHARD};
    w.width = (dim + 127) / 128 * 16;
    w.mean = malloc(dim), w.spread = malloc(dim), w.bits = malloc(rows * w.width);
    w.counts = calloc(w.c.products, sizeof *w.counts);
    for (uint32_t r = 0; r < rows; r++)
        w.counts[w.c.row_item[r]]++;
    kin_codes_train(w.c.vectors, rows, (int)dim, w.mean, w.spread);
    kin_codes_of(w.c.vectors, rows, (int)dim, w.mean, w.bits);
    for (int planes = 1; planes <= 3; planes++) {
        w.far[planes] = calloc(rows * w.width, (size_t)planes);
        for (uint32_t r = 0; r < rows; r++)
            for (uint32_t i = 0; i < dim; i++) {
                int level = level_of(w.c.vectors[r * dim + i], w.mean[i], w.spread[i], planes);
                for (int p = 0; p < planes; p++)
                    w.far[planes][(r * (uint32_t)planes + (uint32_t)p) * w.width + i / 8] |=
                        (uint8_t)((level >> (planes - 1 - p) & 1) << i % 8);
            }
    }
    return w;
}

static void world_end(struct world *w)
{
    clustered_free(&w->c);
    free(w->mean), free(w->spread), free(w->bits), free(w->counts);
    for (int planes = 1; planes <= 3; planes++)
        free(w->far[planes]);
}

/* Its folder, without shards; the finer codes so many rows at a time. */
static kin_folder *opened(const struct world *w, int planes, uint32_t at_once)
{
    kin_error err;
    kin_folder *f = kin_folder_open((int)w->c.dim, w->c.products, w->c.rows, SHARD, w->mean, w->spread, NULL, &err);
    kin_status status = kin_folder_products(f, w->counts, w->c.products, &err);
    status = status ? status : kin_folder_codes(f, w->bits, w->c.rows, &err);
    for (uint32_t r = 0; planes && r < w->c.rows && !status; r += at_once) {
        uint32_t n = w->c.rows - r < at_once ? w->c.rows - r : at_once;
        status = kin_folder_far(f, planes, w->far[planes] + r * (uint32_t)planes * w->width, w->c.scale + r, n, &err);
    }
    if (!status)
        return f;
    printf("  %s\n", err.text);
    kin_folder_close(f);
    return NULL;
}

/* Words: in another direction than all rows. */
static void words(uint32_t dim, uint64_t *seed, float *query)
{
    float squares = 0;
    for (uint32_t i = 0; i < dim; i++) {
        query[i] = (float)(random_u32(seed) % 2001) / 1000 - 0.5f;
        squares += query[i] * query[i];
    }
    for (uint32_t i = 0; i < dim; i++)
        query[i] /= squares > 0 ? sqrtf(squares) : 1;
    query[0] += squares > 0 ? 0 : 1;
}

/* A row's cosine by the middles of its numbers' levels. */
static double guess(const struct world *w, const float *query, int planes, uint32_t r)
{
    static const double steps[] = {0, 20, 12, 7};
    double sum = 0;
    for (uint32_t i = 0; i < w->c.dim; i++) {
        int level = level_of(w->c.vectors[r * w->c.dim + i], w->mean[i], w->spread[i], planes);
        sum += query[i] * (w->mean[i] + (level + 0.5 - (1 << planes)) * steps[planes] / 16 * w->spread[i]);
    }
    return sum * w->c.scale[r];
}

/* ---- what they lead to --------------------------------------------------------------------------- */

/* Lists of values that may change places where they are equal but for rounding. */
static bool in_order(const double *of, const uint32_t *list, uint32_t n, double slack)
{
    for (uint32_t i = 1; i < n; i++)
        if (of[list[i]] > of[list[i - 1]] + slack)
            return false;
    return true;
}

void test_far_equals_definition(void)
{
    static const uint32_t dims[] = {12, 20, 128, 200, 1024};
    static uint32_t shards[ROWS_MAX], products[ROWS_MAX];
    static float scores[ROWS_MAX];
    uint64_t seed = 71;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        uint32_t dim = dims[d];
        struct world w = world_of(dim > 200 ? 300 : 1500, dim, &seed);
        double *of_shard = malloc(w.shards * sizeof *of_shard), *of_product = malloc(w.c.products * sizeof *of_product);
        uint8_t *mask = malloc(w.c.products);
        float query[1024];
        for (int turn = 0; turn < 6; turn++) {
            int planes = 1 + turn % 3;
            uint32_t found, wanted = 0;
            kin_folder *f = opened(&w, planes, turn < 3 ? 7 : 5000);
            CHECK(f);
            words(dim, &seed, query);
            for (uint32_t p = 0; p < w.c.products; p++)
                mask[p] = turn < 3 || random_u32(&seed) % 4 == 0, of_product[p] = -9, wanted += mask[p];
            for (uint32_t k = 0; k < w.shards; k++)
                of_shard[k] = -9;
            for (uint32_t r = 0; r < w.c.rows; r++) {
                double score = mask[w.c.row_item[r]] ? guess(&w, query, planes, r) : -9;
                of_product[w.c.row_item[r]] = fmax(of_product[w.c.row_item[r]], score);
                of_shard[r / SHARD] = fmax(of_shard[r / SHARD], score);
            }
            uint32_t n = kin_folder_nearer(f, query, turn < 3 ? NULL : mask, w.c.rows, shards, w.shards, products,
                                           scores, w.c.products, &found);
            CHECK_EQ(found, wanted);
            for (uint32_t i = 0; i < found; i++) /* 14 bits of the query's numbers, 10 of the weights */
                CHECK(mask[products[i]] && fabs(scores[i] - of_product[products[i]]) < 4e-3);
            CHECK(in_order(of_product, products, found, 4e-3) && in_order(of_shard, shards, n, 4e-3));
            for (uint32_t i = 1; i < found; i++)
                CHECK(scores[i] <= scores[i - 1]);
            for (uint32_t k = 0; k < w.shards; k++)
                of_shard[k] = of_shard[k] > -9 ? 1 : 0;
            for (uint32_t i = 0; i < n; i++) /* each that has a wanted row, once */
                CHECK(of_shard[shards[i]]-- == 1);
            for (uint32_t k = 0; k < w.shards; k++)
                CHECK(of_shard[k] == 0);
            /* Fewer of everything: the beginning of that. */
            uint32_t few[3], first[3], some;
            float best[3];
            CHECK_EQ(kin_folder_nearer(f, query, turn < 3 ? NULL : mask, 9, few, 2, first, best, 2, &some),
                     n < 2 ? n : 2);
            CHECK(few[0] == shards[0] && first[0] == products[0] && best[0] == scores[0]);
            kin_folder_close(f);
        }
        free(of_shard), free(of_product), free(mask);
        world_end(&w);
    }
}

/* How many of the ten best rows of a scan are among the `depth` best of the estimate, of 10 * TURNS. */
void test_far_finds_what_words_mean(void)
{
    enum { ROWS = 3000, DIM = 128, TURNS = 20, DEPTH = 30 };
    uint64_t seed = 5;
    struct world w = world_of(ROWS, DIM, &seed);
    uint32_t found[4] = {0};
    for (int planes = 0; planes <= 3; planes++) {
        kin_folder *f = opened(&w, planes, ROWS);
        uint64_t same = 12; /* the same words */
        CHECK(f);
        for (int turn = 0; turn < TURNS; turn++) {
            float query[DIM], best[10], scores[DEPTH];
            uint32_t rows[10], total, shards[1], products[DEPTH], n;
            words(DIM, &same, query);
            CHECK_EQ(kin_catalog_search(&w.c, query, NULL, NULL, -2, 0, 1, rows, best, 10, &total), 10);
            (planes ? kin_folder_nearer : kin_folder_near)(f, query, NULL, DEPTH, shards, 1, products, scores, DEPTH,
                                                           &n);
            for (int i = 0; i < 10; i++)
                for (uint32_t k = 0; k < n; k++)
                    found[planes] += products[k] == w.c.row_item[rows[i]];
        }
        kin_folder_close(f);
    }
    CHECK(found[0] < 160);
    CHECK(found[1] > found[0] && found[2] > found[1]);
    CHECK(found[3] >= 198);
    world_end(&w);
}

static void append(uint8_t *out, size_t *n, const void *bytes, size_t more)
{
    memcpy(out + *n, bytes, more);
    *n += more;
}

/* What they answer, as its SHA-256: tests/node/far.test.js asks the same of WebAssembly. */
void test_far_bits(void)
{
    enum { DIM = 200, ROWS = 1500, TURNS = 6, MOST = 20 };
    static uint8_t answers[TURNS * 512];
    uint8_t digest[32];
    char hex[65];
    uint64_t seed = 98;
    size_t n = 0, stored_n;
    struct world w = world_of(ROWS, DIM, &seed);
    uint8_t *mask = malloc(w.c.products), *stored = test_read("tests/golden/far.txt", &stored_n);
    for (uint32_t p = 0; p < w.c.products; p++)
        mask[p] = p % 3 == 0;
    for (int turn = 0; turn < TURNS; turn++) {
        float query[DIM], scores[MOST];
        uint32_t shards[6], products[MOST], found;
        kin_folder *f = opened(&w, 1 + turn % 3, ROWS);
        for (int i = 0; i < DIM; i++)
            query[i] = (float)(random_u32(&seed) % 2049) / 1024 - 1;
        CHECK(f);
        uint32_t asked =
            kin_folder_nearer(f, query, turn % 2 ? mask : NULL, 60, shards, 6, products, scores, MOST, &found);
        CHECK(asked == 6 && found == MOST);
        append(answers, &n, shards, sizeof shards), append(answers, &n, products, sizeof products);
        append(answers, &n, scores, sizeof scores);
        kin_folder_close(f);
    }
    kin_sha256(answers, n, digest);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CHECK(stored && stored_n >= 64);
    stored[64] = 0;
    CHECK_STR(hex, (const char *)stored);
    free(mask), free(stored);
    world_end(&w);
}

/* ---- what is refused, and what is not there -------------------------------------------------------- */

static bool refused(kin_status status, const kin_error *err, const char *says)
{
    bool is = status == KIN_NOT_A_CATALOG && err->status == status && strstr(err->text, says);
    if (!is)
        printf("  %d: %s\n", (int)status, err->text);
    return is;
}

void test_far_refuses(void)
{
    static const float wrong[] = {0, -0.01f, 1.5f, NAN, INFINITY};
    uint64_t seed = 19;
    struct world w = world_of(60, 20, &seed);
    size_t held = memory_held;
    float query[20] = {1}, scores[5], scale[60];
    uint32_t shards[3], products[5], found = 9;
    kin_error err;
    kin_folder *f = opened(&w, 0, 1);
    CHECK(f);
    CHECK(refused(kin_folder_far(f, 0, w.far[1], w.c.scale, 60, &err), &err, "finer codes of 0 planes"));
    CHECK(refused(kin_folder_far(f, 4, w.far[1], w.c.scale, 60, &err), &err, "finer codes of 4 planes"));
    CHECK(refused(kin_folder_far(f, 2, w.far[2], w.c.scale, 61, &err), &err, "finer codes of more pictures"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(scale, w.c.scale, sizeof scale);
        scale[30] = wrong[i];
        CHECK(refused(kin_folder_far(f, 2, w.far[2], scale, 60, &err), &err, "a scale that is none (row 30)"));
    }
    /* Nothing of it was taken; some of it is as good as none. */
    CHECK_EQ(kin_folder_far(f, 2, NULL, NULL, 0, &err), KIN_OK);
    CHECK_EQ(kin_folder_far(f, 2, w.far[2], w.c.scale, 59, &err), KIN_OK);
    CHECK(refused(kin_folder_far(f, 3, w.far[3], w.c.scale, 1, &err), &err, "finer codes of 3 planes"));
    CHECK(refused(kin_folder_far(f, 2, w.far[2], w.c.scale, 2, &err), &err, "finer codes of more pictures"));
    CHECK_EQ(kin_folder_nearer(f, query, NULL, 9, shards, 3, products, scores, 5, &found), 0);
    CHECK_EQ(found, 0);
    CHECK_EQ(kin_folder_near(f, query, NULL, 60, shards, 3, products, scores, 5, &found), 3);
    CHECK_EQ(kin_folder_far(f, 2, w.far[2] + 59 * 2 * w.width, w.c.scale + 59, 1, &err), KIN_OK);
    CHECK_EQ(kin_folder_nearer(f, query, NULL, 60, shards, 3, products, scores, 5, &found), 3);
    CHECK_EQ(found, 5);
    CHECK(refused(kin_folder_far(f, 2, w.far[2], w.c.scale, 1, &err), &err, "finer codes of more pictures"));
    query[0] = 0;
    CHECK_EQ(kin_folder_nearer(f, query, NULL, 60, shards, 3, products, scores, 5, &found), 0);
    kin_folder_close(f);

    /* Of other rows, as far as their scales tell. */
    f = opened(&w, 0, 1);
    memcpy(scale, w.c.scale, sizeof scale), scale[30] = w.c.scale[31], scale[31] = w.c.scale[30];
    CHECK_EQ(kin_folder_far(f, 2, w.far[2], scale, 60, &err), KIN_OK);
    CHECK(refused(kin_folder_shard(f, 1, w.c.vectors + 20 * 20, w.c.scale + 20, NULL, 20, &err), &err, "(shard 1)"));
    CHECK_EQ(kin_folder_shard(f, 2, w.c.vectors + 40 * 20, w.c.scale + 40, NULL, 20, &err), KIN_OK);
    kin_folder_close(f);
    CHECK_EQ(memory_held, held);
    world_end(&w);
}
