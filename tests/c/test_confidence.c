/* test_confidence: the normal distribution against values of its tables, null statistics against plain sums over all
 * pairs, confidence and min_confidence against their definition, and the order that diversity gives. */
#include "../../src/confidence.h"
#include "../../src/kin.h"
#include "../../src/nulls.h"
#include "../../src/sha256.h"
#include "test.h"
#include "written.h"
#include <math.h>
#include <stdlib.h>

enum { M = 300, DIM = 24, PHRASES = 5 };

static uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void random_vector(uint64_t *seed, float *v)
{
    for (int i = 0; i < DIM; i++)
        v[i] = (float)(random_u32(seed) % 2001) - 1000 + (i == 0 ? 900 : 0); /* they share a part, as CLIP's do */
}

static void random_unit(uint64_t *seed, float *v)
{
    double squares = 0;
    random_vector(seed, v);
    for (int i = 0; i < DIM; i++)
        squares += (double)v[i] * v[i];
    for (int i = 0; i < DIM; i++)
        v[i] = (float)(v[i] / sqrt(squares));
}

/* Phi to 15 digits, as computed with 50 by mpmath. */
void test_normal_distribution(void)
{
    static const struct {
        double z, below, above;
    } known[] = {
        {0, 0.5, 0.5},
        {0.5, 0.6914624612740131, 0.3085375387259869},
        {1, 0.84134474606854295, 0.1586552539314571},
        {2, 0.97724986805182079, 0.02275013194817921},
        {2.999, 0.998645663466273, 0.001354336533727106},
        {3, 0.99865010196836991, 0.001349898031630095},
        {3.5, 0.99976737092096447, 2.32629079035525e-4},
        {5, 0.99999971334842812, 2.86651571879194e-7},
        {8, 0.99999999999999938, 6.22096057427178e-16},
        {20, 1, 2.75362411860623e-89},
        {36, 1, 4.182624065797283e-284},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK(fabs(normal_below(known[i].z) - known[i].below) < 2e-15);
        CHECK(fabs(normal_below(-known[i].z) / known[i].above - 1) < 1e-11);
    }
    CHECK(normal_below(40) == 1 && normal_below(-40) == 0);
    for (uint32_t products = 1; products < 3000000; products *= 7) {
        CHECK(fabs(pow(normal_below(confidence_z(0.95, products)), products) - 0.95) < 1e-9);
        CHECK(confidence_z(0.5, products) < confidence_z(0.95, products));
    }
}

/* M products with one or two pictures each, and statistics by PHRASES null phrases; `products` of them. */
static uint8_t *catalogue(int products, const float *phrases, size_t *n, int *steps)
{
    kin_error err;
    uint64_t seed = 11;
    *steps = 0;
    kin_writer *w = kin_writer_begin(DIM, "{}", 2, &err);
    for (int p = 0; p < products; p++) {
        char id[16];
        int8_t rows[2 * DIM];
        float v[DIM], scale;
        uint32_t pictures = 1 + p % 2;
        snprintf(id, sizeof id, "p%d", p);
        for (uint32_t k = 0; k < pictures; k++) {
            random_vector(&seed, v);
            kin_quantise_vector(v, DIM, rows + k * DIM, &scale, &err);
        }
        kin_writer_add(w, id, strlen(id), "{}", 2, rows, pictures, &err);
    }
    if (phrases && kin_writer_null(w, phrases, PHRASES, &err) != KIN_OK)
        printf("  %s\n", err.text);
    kin_status status;
    while ((status = kin_writer_end(w, &err)) == KIN_MORE)
        ++*steps;
    uint8_t *bytes = malloc(kin_writer_bytes(w));
    *n = kin_writer_take(w, bytes, kin_writer_bytes(w));
    kin_writer_close(w);
    return bytes;
}

static void random_phrases(float phrases[PHRASES * DIM])
{
    uint64_t seed = 5;
    for (int i = 0; i < PHRASES; i++)
        random_unit(&seed, phrases + i * DIM);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < DIM; i++)
        ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

static uint64_t key_of(uint32_t product)
{
    char id[16];
    uint8_t digest[32];
    struct sha256 h;
    uint64_t key = 0;
    int n = snprintf(id, sizeof id, "p%u", product);
    sha256_init(&h);
    sha256_update(&h, id, (size_t)n);
    sha256_final(&h, digest);
    for (int i = 0; i < 8; i++)
        key = key << 8 | digest[i];
    return key;
}

static bool is_near(double a, double b) { return fabs(a - b) < 2e-4; }

/* Whether the product is one of the 256 whose ids have the smallest hashes. */
static bool is_chosen(uint32_t product)
{
    int smaller = 0;
    for (uint32_t p = 0; p < M; p++)
        smaller += key_of(p) < key_of(product);
    return smaller < NULL_QUERIES;
}

static double moments(const double *values, int n, double *deviation)
{
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++)
        mean += values[i] / n;
    for (int i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean) / n;
    *deviation = sqrt(squares);
    return mean;
}

void test_null_statistics(void)
{
    kin_error err;
    size_t n;
    int steps;
    float phrases[PHRASES * DIM], queries[NULL_QUERIES][DIM], row[DIM];
    uint32_t owner[NULL_QUERIES], chosen = 0;
    double best[NULL_QUERIES], mean, deviation, values[NULL_QUERIES];
    random_phrases(phrases);
    uint8_t *bytes = catalogue(M, phrases, &n, &steps);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c && c->nulls);
    CHECK(json_equals(json_get(c->file.metadata, "kin.null"), "rows=256 phrases=5 list=1"));
    for (uint32_t r = 0, last = UINT32_MAX; r < c->rows; last = c->row_item[r++])
        if (c->row_item[r] != last && is_chosen(c->row_item[r])) {
            owner[chosen] = c->row_item[r];
            best[chosen] = -2;
            kin_catalog_vector(c, r, queries[chosen++]);
        }
    CHECK_EQ(chosen, NULL_QUERIES);
    for (uint32_t r = 0; r < c->rows; r++) {
        const float *got = c->nulls + NULL_STATS * r;
        int others = 0;
        kin_catalog_vector(c, r, row);
        for (uint32_t q = 0; q < chosen; q++) {
            if (owner[q] == c->row_item[r])
                continue;
            double is = values[others++] = cosine(queries[q], row);
            best[q] = is > best[q] ? is : best[q];
        }
        mean = moments(values, others, &deviation);
        CHECK(is_near(got[0], mean) && is_near(got[1], deviation));
        for (int q = 0; q < PHRASES; q++)
            values[q] = cosine(phrases + q * DIM, row);
        mean = moments(values, PHRASES, &deviation);
        CHECK(is_near(got[2], mean) && is_near(got[3], deviation));
    }
    mean = moments(best, NULL_QUERIES, &deviation);
    CHECK(is_near(c->null_best[0], mean) && is_near(c->null_best[1], deviation));
    kin_catalog_close(c);
    free(bytes);
}

/* Fewer products than say anything of chance; wrong use; without phrases; the same file where memory ran short. */
void test_null_statistics_refused(void)
{
    kin_error err;
    size_t n;
    int steps;
    float phrases[PHRASES * DIM];
    random_phrases(phrases);
    uint8_t *bytes = catalogue(NULL_LEAST - 1, phrases, &n, &steps);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c && !c->nulls && json_get(c->file.metadata, "kin.null").type == JSON_ABSENT);
    float confidence = 1, score = 0.5f;
    uint32_t rows[40] = {0}, total;
    float scores[40], query[DIM] = {1};
    kin_catalog_confidence(c, NULL, rows, &score, 1, &confidence);
    CHECK(confidence != confidence);
    CHECK_EQ(kin_catalog_search(c, query, NULL, NULL, -2, 0.5f, 0, rows, scores, 40, &total), 0);
    kin_catalog_close(c);
    free(bytes);

    kin_writer *w = kin_writer_begin(DIM, "{}", 2, &err);
    for (int p = 0; p < NULL_LEAST; p++) {
        char id[2] = {(char)('a' + p), 0};
        int8_t row[DIM] = {(int8_t)(p + 1), 127};
        CHECK_EQ(kin_writer_add(w, id, 1, "{}", 2, row, 1, &err), KIN_OK);
    }
    CHECK_EQ(kin_writer_null(w, phrases, NULL_QUERIES + 1, &err), KIN_BAD_ARGUMENT);
    phrases[DIM] = NAN;
    CHECK_EQ(kin_writer_null(w, phrases, 2, &err), KIN_BAD_ARGUMENT);
    CHECK(strstr(err.text, "null phrase 1"));
    CHECK_EQ(kin_writer_null(w, NULL, 0, &err), KIN_OK);
    CHECK_EQ(kin_writer_null(w, NULL, 0, &err), KIN_BAD_ARGUMENT);
    int8_t late[DIM] = {1};
    CHECK_EQ(kin_writer_add(w, "late", 4, "{}", 2, late, 1, &err), KIN_BAD_ARGUMENT);
    bytes = written(w, &n);
    c = kin_catalog_open(bytes, n, &err);
    CHECK(c && c->nulls && c->nulls[2] == 0 && c->nulls[3] == 0);
    static const float words[] = {0, 0, 1, 0};
    kin_catalog_confidence(c, words, rows, &score, 1, &confidence);
    CHECK(confidence != confidence); /* nothing is known of words */
    kin_catalog_confidence(c, NULL, rows, &score, 1, &confidence);
    CHECK(confidence >= 0 && confidence <= 1);
    kin_catalog_close(c);
    free(bytes);
}

/* Statistics are computed in steps, each of some rows, and steps change no bit. */
void test_null_statistics_in_steps(void)
{
    enum { MANY = 3000 };
    kin_error err;
    size_t n;
    int steps;
    float phrases[PHRASES * DIM];
    random_phrases(phrases);
    uint8_t *bytes = catalogue(MANY, phrases, &n, &steps);
    CHECK(steps > 0 || (uint64_t)MANY * 3 / 2 * DIM * (NULL_QUERIES + PHRASES) < 1 << 25);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c && c->nulls);
    for (uint32_t r = 0; r < c->rows; r++)
        CHECK(c->nulls[NULL_STATS * r + 1] > 0);
    kin_catalog_close(c);
    free(bytes);
}

static double by_definition(const kin_catalog *c, const float *blend, uint32_t row, double score)
{
    const float *own = c->nulls + NULL_STATS * row;
    double weak = confidence_z(0.5, c->products), match = confidence_z(0.95, c->products);
    double sigma = c->null_best[1] / (match - weak), mu = c->null_best[0] - 2 * c->null_best[1] - weak * sigma;
    double mean = blend[0] * mu - blend[1] * own[0] + (blend[2] - blend[3]) * own[2];
    double deviation = blend[0] * sigma + blend[1] * own[1] + (blend[2] + blend[3]) * own[3];
    return pow(normal_below((score - mean) / deviation), c->products);
}

void test_confidence(void)
{
    static const float blends[][4] = {{1, 0, 0, 0}, {0, 0, 1, 0}, {0.7f, 0.4f, 0.9f, 0.2f}, {0, 0, 0, 1}, {0, 1, 0, 0}};
    kin_error err;
    size_t n;
    int steps;
    float phrases[PHRASES * DIM], query[DIM], scores[M], confidences[M];
    uint32_t rows[M], total, kept;
    random_phrases(phrases);
    uint8_t *bytes = catalogue(M, phrases, &n, &steps);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    kin_catalog_vector(c, 7, query);
    CHECK_EQ(kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, scores, M, &total), M);
    for (size_t b = 0; b < sizeof blends / sizeof *blends; b++) {
        kin_catalog_confidence(c, blends[b], rows, scores, M, confidences);
        int within = 0, high = 0;
        for (int h = 0; h < M; h++) {
            CHECK(fabs(confidences[h] - by_definition(c, blends[b], rows[h], scores[h])) < 1e-5);
            within += confidences[h] > 0 && confidences[h] < 1;
            high += confidences[h] >= 0.3f;
        }
        CHECK(within > 0);
        kin_catalog_search(c, query, blends[b], NULL, -2, 0.3f, 0, rows, scores, M, &kept);
        CHECK_EQ(kept, high);
        kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, scores, M, &total);
    }
    /* The verdicts' bounds are where they are said to be. */
    float at[2] = {c->null_best[0] - 2 * c->null_best[1], c->null_best[0] - c->null_best[1]};
    uint32_t two[2] = {3, 5};
    kin_catalog_confidence(c, NULL, two, at, 2, confidences);
    CHECK(fabs(confidences[0] - VERDICT_WEAK) < 1e-4 && fabs(confidences[1] - VERDICT_MATCH) < 1e-4);
    kin_catalog_close(c);
    free(bytes);
}

/* Two groups of pictures: by score alone one group comes first, with diversity they take turns; nothing is lost. */
void test_diversify(void)
{
    enum { N = 6 };
    static int8_t vectors[N * 2] = {127, 10, 127, 12, 127, 14, 100, 127, 98, 127, 96, 127};
    float scale[N], scores[N] = {0.9f, 0.89f, 0.88f, 0.7f, 0.69f, 0.68f};
    uint32_t rows[N] = {0, 1, 2, 3, 4, 5}, seen = 0;
    for (int r = 0; r < N; r++)
        scale[r] = (float)row_scale(vectors + 2 * r, 2);
    kin_catalog c = {.rows = N, .dim = 2, .products = N, .vectors = vectors, .scale = scale};
    kin_catalog_diversify(&c, rows, scores, N, 1);
    for (uint32_t r = 0; r < N; r++)
        CHECK_EQ(rows[r], r);
    kin_catalog_diversify(&c, rows, scores, N, 0.3f);
    CHECK_EQ(rows[0], 0);
    CHECK(rows[1] >= 3);
    for (int i = 0; i < N; i++) {
        seen |= 1u << rows[i];
        CHECK(scores[i] == (rows[i] < 3 ? 0.9f - 0.01f * (float)rows[i] : 0.7f - 0.01f * (float)(rows[i] - 3)) ||
              fabsf(scores[i] - (rows[i] < 3 ? 0.9f - 0.01f * (float)rows[i] : 0.7f - 0.01f * (float)(rows[i] - 3))) <
                  1e-6f);
    }
    CHECK_EQ(seen, 63);
    uint32_t first = rows[0];
    kin_catalog_diversify(&c, rows, scores, 0, 0.5f), kin_catalog_diversify(&c, rows, scores, 1, 0.5f);
    CHECK_EQ(rows[0], first);
}
