/* Sign bits and the search by them, against their definitions. */
#include "clustered.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>

void test_codes_equal_definition(void)
{
    static const uint32_t dims[] = {1, 7, 16, 63, 64, 65, 130, 256, 500, 512, 4096};
    uint64_t seed = 11;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        uint32_t dim = dims[d], rows = 40, words = (dim + 127) / 128 * 2;
        int8_t *v = malloc((size_t)rows * dim);
        int16_t *query = malloc(dim * sizeof *query);
        for (uint32_t i = 0; i < rows * dim; i++) /* columns with means of both signs */
            v[i] = (int8_t)((int)(random_u32(&seed) % 200) - 100 + (int)(i % dim % 3 - 1) * 27);
        codes c;
        CHECK(codes_make(&c, v, rows, dim));
        CHECK_EQ(c.words, words);
        for (uint32_t i = 0; i < dim; i++) {
            double sum = 0;
            for (uint32_t r = 0; r < rows; r++)
                sum += v[r * dim + i];
            CHECK_EQ(c.mean[i], floor(sum / rows));
            for (uint32_t r = 0; r < rows; r++)
                CHECK_EQ(c.bits[r * words + i / 64] >> i % 64 & 1, v[r * dim + i] * (double)rows > sum);
        }
        for (uint32_t i = 0; i < dim; i++)
            query[i] = (int16_t)(random_u32(&seed) % 16383 - 8191);
        query[0] = -8191;
        uint8_t wanted[2] = {1, 0};
        uint32_t row_item[40];
        for (uint32_t r = 0; r < rows; r++)
            row_item[r] = r >= 35;
        for (uint32_t depth = 1; depth <= 50; depth += 7) {
            uint32_t limit = codes_nearest(&c, query, wanted, row_item, depth), within = 0, nearer = 0;
            for (uint32_t r = 0; r < rows; r++) {
                uint32_t differ = 0;
                for (uint32_t i = 0; i < dim; i++)
                    differ += (lround(query[i] * 127 / 8191.0) > c.mean[i]) != (v[r * dim + i] > c.mean[i]);
                CHECK_EQ(c.distance[r], r >= 35 ? CODES_LEFT_OUT : differ);
                within += r < 35 && differ <= limit, nearer += r < 35 && differ < limit;
            }
            CHECK(nearer < depth && (within >= depth || (limit == dim && within == 35)));
        }
        codes_free(&c);
        free(query), free(v);
    }
}

static int ten_best(const kin_catalog *c, const float *query, const uint8_t *mask, int exact, uint32_t *rows,
                    float *scores, uint32_t *total)
{
    return kin_catalog_search(c, query, NULL, mask, -2, 0, exact, rows, scores, 10, total);
}

/* Each hit has its exact score; the hits are the exact ones among the products with a near row. */
void test_codes_search(void)
{
    enum { ROWS = 60000, DIM = 128, QUERIES = 20 };
    uint64_t seed = 23;
    int found = 0;
    kin_catalog c = clustered_catalog(ROWS, DIM, &seed);
    uint8_t *mask = malloc(c.products), *near = malloc(c.products);
    for (uint32_t p = 0; p < c.products; p++)
        mask[p] = random_u32(&seed) % 8 != 0;
    CHECK(codes_make(&c.codes, c.vectors, ROWS, DIM));
    for (int turn = 0; turn < QUERIES; turn++) {
        float query[DIM], scores[2][10], top = 0;
        uint32_t rows[2][10], total[2];
        int16_t q14[DIM];
        const uint8_t *wanted = turn % 2 ? mask : NULL;
        kin_catalog_vector(&c, random_u32(&seed) % ROWS, query);
        for (int i = 0; i < DIM; i++) {
            query[i] += (float)(random_u32(&seed) % 101 - 50.0) * 1e-3f;
            top = fmaxf(top, fabsf(query[i]));
        }
        CHECK_EQ(ten_best(&c, query, wanted, 1, rows[0], scores[0], &total[0]), 10);
        CHECK_EQ(ten_best(&c, query, wanted, 0, rows[1], scores[1], &total[1]), 10);
        CHECK_EQ(total[0], total[1]);
        for (int i = 0, k = 0; i < 10; i++, k = 0) {
            while (k < 10 && rows[1][k] != rows[0][i])
                k++;
            found += k < 10;
        }
        for (int i = 0; i < DIM; i++)
            q14[i] = (int16_t)rintf(query[i] * (8191 / top));
        uint32_t limit = codes_nearest(&c.codes, q14, wanted, c.row_item, codes_depth(ROWS));
        memset(near, 0, c.products);
        for (uint32_t r = 0; r < ROWS; r++)
            if (c.codes.distance[r] <= limit)
                near[c.row_item[r]] = 1;
        CHECK_EQ(ten_best(&c, query, near, 1, rows[0], scores[0], &total[0]), 10);
        CHECK(total[0] < c.products); /* not all of them */
        CHECK(!memcmp(rows[0], rows[1], sizeof rows[0]) && !memcmp(scores[0], scores[1], sizeof scores[0]));
    }
    CHECK(found >= QUERIES * 10 * 99 / 100);
    codes_free(&c.codes);
    free(mask), free(near);
    clustered_free(&c);
}

/* A min_score, a long list or few wanted products: the answer is the exact scan's. */
void test_codes_exact_cases(void)
{
    enum { ROWS = 15000, DIM = 128, MOST = 100 };
    uint64_t seed = 29;
    kin_catalog c = clustered_catalog(ROWS, DIM, &seed);
    uint8_t *mask = calloc(c.products, 1);
    static float scores[2][MOST];
    static uint32_t rows[2][MOST];
    float query[DIM];
    uint32_t total[2];
    for (uint32_t p = 0; p < c.products; p += 3)
        mask[p] = 1;
    CHECK(codes_make(&c.codes, c.vectors, ROWS, DIM));
    kin_catalog_vector(&c, 77, query);
    for (int turn = 0; turn < 3; turn++) {
        int n[2], cap = turn == 1 ? MOST : 10;
        for (int exact = 0; exact < 2; exact++)
            n[exact] = kin_catalog_search(&c, query, NULL, turn == 2 ? mask : NULL, turn == 0 ? 0.1f : -2, 0, exact,
                                          rows[exact], scores[exact], cap, &total[exact]);
        CHECK_EQ(n[0], n[1]);
        CHECK_EQ(total[0], total[1]);
        CHECK(!memcmp(rows[0], rows[1], (size_t)n[0] * sizeof **rows));
        CHECK(!memcmp(scores[0], scores[1], (size_t)n[0] * sizeof **scores));
    }
    codes_free(&c.codes);
    free(mask);
    clustered_free(&c);
}
