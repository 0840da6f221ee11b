/* test_folder_hostile: what a folder refuses, one refusal for each rule, and that each leaves it as it was. */
#include "world.h"

static bool refused(kin_status status, const kin_error *err, const char *says)
{
    bool is = status == KIN_NOT_A_CATALOG && err->status == status && strstr(err->text, says);
    if (!is)
        printf("  %d: %s\n", (int)status, err->text);
    return is;
}

void test_folder_sizes(void)
{
    static const struct {
        int dim;
        uint32_t products, rows, shard_rows;
        float best[2];
        const char *says;
    } cases[] = {
        {0, 2, 2, 1, {0}, "2 pictures of 0 numbers"},     {-1, 2, 2, 1, {0}, "pictures of -1 numbers"},
        {4097, 2, 2, 1, {0}, "pictures of 4097 numbers"}, {4, 1u << 31, 1u << 31, 1, {0}, "2147483648 products"},
        {4, 2, 1u << 31, 1, {0}, "2147483648 pictures"},  {4, 2, 1, 1, {0}, "2 products, 1 pictures"},
        {4, 0, 1, 1, {0}, "0 products, 1 pictures"},      {4, 2, 2, 0, {0}, "0 a shard"},
        {4, 2, 2, 1, {NAN, 0}, "null statistics"},        {4, 2, 2, 1, {0, -1}, "null statistics"},
        {4, 2, 2, 1, {0, INFINITY}, "null statistics"},
    };
    static const int8_t mean[4096];
    static const uint8_t spread[4096];
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_folder *f = kin_folder_open(cases[i].dim, cases[i].products, cases[i].rows, cases[i].shard_rows, mean,
                                        spread, cases[i].best, &err);
        CHECK(!f);
        CHECK(refused(err.status, &err, cases[i].says));
    }
    static const uint32_t fine[][4] = {{4096, 2, 2, UINT32_MAX}, {1, 65536, 65536, 1}};
    for (size_t i = 0; i < 2; i++) {
        kin_folder *f = kin_folder_open((int)fine[i][0], fine[i][1], fine[i][2], fine[i][3], mean, spread, NULL, &err);
        CHECK(f);
        kin_folder_close(f);
    }
}

/* After each refusal the right thing is taken, and the folder does what it does. */
void test_folder_refuses(void)
{
    uint64_t seed = 13;
    struct world w = world_of(60, 20, 16, true, &seed);
    const uint32_t products = w.c.products;
    kin_error err;
    float scale[64], nulls[64 * 4], query[20] = {1}, vector[20];
    uint16_t counts[64], *own = w.counts;
    uint32_t where[2], all[] = {0, 1, 2, 3};
    kin_folder *f = kin_folder_open(20, products, 60, 16, w.mean, w.spread, null_best, &err);
    CHECK(f);

    memcpy(counts, own, products * sizeof *counts), counts[products] = 1;
    CHECK(refused(kin_folder_products(f, counts, products + 1, &err), &err, "more products than it has"));
    counts[3] = 0;
    CHECK(refused(kin_folder_products(f, counts, products, &err), &err, "without a picture"));
    counts[3] = 61;
    CHECK(refused(kin_folder_products(f, counts, 4, &err), &err, "more pictures than it says"));
    counts[3] = own[3], counts[4] = UINT16_MAX;
    CHECK(refused(kin_folder_products(f, counts, products, &err), &err, "more pictures than it says"));
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < products; i++)
        counts[i] = 1;
    CHECK(refused(kin_folder_products(f, counts, products, &err), &err, "fewer pictures than it says"));

    /* Before the products are there nothing leads anywhere. */
    CHECK_EQ(kin_folder_products(f, own, 3, &err), KIN_OK);
    CHECK(refused(kin_folder_products(f, own, products - 2, &err), &err, "more products than it has"));
    for (uint32_t p = 0; p < products; p++)
        CHECK(kin_folder_first(f, p) == UINT32_MAX && !kin_folder_vector(f, p, vector));
    CHECK_EQ(give(f, &w, 0), KIN_OK); /* a shard may come first */
    CHECK(!kin_folder_view(f, all, 1, &err) && err.status == KIN_BAD_ARGUMENT && strstr(err.text, "not all there"));
    kin_folder_place(f, 0, where);
    CHECK(where[0] == 0 && where[1] == 0);
    CHECK(refused(kin_folder_delta(f, own, 1, w.c.vectors, w.c.scale, w.nulls, &err), &err, "before what it changes"));
    CHECK_EQ(kin_folder_products(f, own + 3, products - 3, &err), KIN_OK);
    CHECK(refused(kin_folder_products(f, own, 1, &err), &err, "more products than it has"));

    CHECK(refused(kin_folder_codes(f, w.bits, 61, &err), &err, "codes of more pictures"));
    CHECK_EQ(kin_folder_codes(f, w.bits, 59, &err), KIN_OK);
    CHECK(refused(kin_folder_codes(f, w.bits, 2, &err), &err, "codes of more pictures"));
    CHECK(refused(kin_folder_delta(f, own, 1, w.c.vectors, w.c.scale, w.nulls, &err), &err, "before what it changes"));
    CHECK_EQ(kin_folder_codes(f, w.bits + 59 * w.code, 1, &err), KIN_OK);
    CHECK(refused(kin_folder_codes(f, w.bits, 1, &err), &err, "codes of more pictures"));

    /* Shards: their numbers, lengths, scales and statistics. */
    memcpy(scale, w.c.scale, 60 * sizeof *scale), memcpy(nulls, w.nulls, 60 * 4 * sizeof *nulls);
    const int8_t *v = w.c.vectors + 16 * 20;
    CHECK(refused(kin_folder_shard(f, 4, v, scale + 16, nulls + 64, 16, &err), &err, "shard of 16 pictures"));
    CHECK(refused(kin_folder_shard(f, UINT32_MAX, v, scale + 16, nulls + 64, 0, &err), &err, "shard of 0 pictures"));
    CHECK(refused(kin_folder_shard(f, 1, v, scale + 16, nulls + 64, 15, &err), &err, "shard of 15 pictures"));
    CHECK(refused(kin_folder_shard(f, 1, v, scale + 16, nulls + 64, 17, &err), &err, "shard of 17 pictures"));
    CHECK(refused(kin_folder_shard(f, 3, v, scale + 16, nulls + 64, 16, &err), &err, "shard of 16 pictures"));
    static const float off[] = {1.00001f, 0.99999f, 0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        scale[16 + 9] = w.c.scale[16 + 9] * off[i];
        CHECK(refused(kin_folder_shard(f, 1, v, scale + 16, nulls + 64, 16, &err), &err, "(row 25)"));
        CHECK(refused(kin_folder_delta(f, (uint16_t[]){16}, 1, v, scale + 16, nulls + 64, &err), &err, "(row 69)"));
    }
    scale[16 + 9] = w.c.scale[16 + 9];
    CHECK(refused(kin_folder_shard(f, 1, v + 16 * 20, scale + 32, nulls + 128, 16, &err), &err,
                  "than its codes (shard 1)"));
    CHECK(refused(kin_folder_shard(f, 1, v, scale + 16, NULL, 16, &err), &err, "null statistics"));
    for (int i = 0; i < 4; i++) { /* the last row's four */
        float *one = &nulls[64 + 15 * 4 + i], before = *one;
        *one = i % 2 ? -0.5f : NAN;
        CHECK(refused(kin_folder_shard(f, 1, v, scale + 16, nulls + 64, 16, &err), &err, "null statistics"));
        *one = before;
    }
    CHECK(!kin_folder_has(f, 1));
    CHECK_EQ(kin_folder_shard(f, 1, v, scale + 16, nulls + 64, 16, &err), KIN_OK);
    CHECK(refused(kin_folder_delta(f, own, 1, w.c.vectors, w.c.scale, NULL, &err), &err, "null statistics"));

    /* All that was refused left nothing: the folder is the catalogue. */
    for (uint32_t k = 0; k < 4; k++)
        CHECK_EQ(give(f, &w, k), KIN_OK);
    const kin_catalog *view = kin_folder_view(f, all, 4, &err);
    CHECK(view && view->products == products);
    struct hits a = hits_of(&w.c, query, NULL, -2, 0), b = hits_of(view, query, NULL, -2, 0);
    CHECK(same(&a, &b));
    kin_folder_close(f);
    world_end(&w);
}

/* Without statistics a shard's, if it has some, are not looked at. */
void test_folder_needs_no_nulls(void)
{
    static const float none[8] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    uint64_t seed = 19;
    struct world w = world_of(2, 4, 2, false, &seed);
    kin_folder *f = opened(&w, 2, 2);
    kin_error err;
    float confidence;
    CHECK(f);
    CHECK_EQ(kin_folder_shard(f, 0, w.c.vectors, w.c.scale, none, 2, &err), KIN_OK);
    const kin_catalog *view = kin_folder_view(f, &(uint32_t){0}, 1, &err);
    CHECK(view && !view->nulls);
    kin_catalog_confidence(view, NULL, &(uint32_t){0}, &(float){0.5f}, 1, &confidence);
    CHECK(confidence != confidence);
    kin_folder_close(f);
    world_end(&w);
}

/* So many products and rows that their numbers would overflow. */
void test_folder_delta_too_large(void)
{
    enum { MANY = 40000 };
    uint64_t seed = 21;
    struct world w = world_of(3, 4, 3, false, &seed);
    kin_folder *f = opened(&w, 3, 3);
    kin_error err;
    uint16_t *counts = malloc(MANY * sizeof *counts);
    CHECK(f);
    for (int i = 0; i < MANY; i++)
        counts[i] = UINT16_MAX; /* 2,621,400,000 rows: no one is read */
    CHECK(refused(kin_folder_delta(f, counts, MANY, w.c.vectors, w.c.scale, NULL, &err), &err, "too large"));
    CHECK_EQ(kin_folder_delta(f, (uint16_t[]){1}, 1, w.c.vectors, w.c.scale, NULL, &err), KIN_OK);
    free(counts);
    kin_folder_close(f);
    world_end(&w);
}
