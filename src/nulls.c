/* nulls: choosing the null queries, and rows against them. */
#include "nulls.h"
#include "score.h"
#include "sha256.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const char *id, size_t n)
{
    struct sha256 h;
    uint8_t digest[32];
    uint64_t key = 0;
    sha256_init(&h);
    sha256_update(&h, id, n);
    sha256_final(&h, digest);
    for (int i = 0; i < 8; i++)
        key = key << 8 | digest[i];
    return key;
}

void null_choose(struct null_choice *c, const char *id, size_t id_n, uint32_t product, uint32_t row)
{
    uint64_t key = key_of(id, id_n);
    uint32_t at = c->n < NULL_QUERIES ? c->n++ : NULL_QUERIES;
    for (; at > 0 && c->key[at - 1] > key; at--)
        if (at < NULL_QUERIES)
            c->key[at] = c->key[at - 1], c->product[at] = c->product[at - 1], c->row[at] = c->row[at - 1];
    if (at < NULL_QUERIES)
        c->key[at] = key, c->product[at] = product, c->row[at] = row;
}

bool nulls_begin(struct nulls *n, uint32_t dim, uint32_t images, uint32_t texts)
{
    uint32_t all = images + texts;
    memset(n, 0, sizeof *n);
    n->dim = dim, n->n[NULL_IMAGE] = images, n->n[NULL_TEXT] = texts;
    n->q14 = malloc((size_t)all * dim * sizeof *n->q14 + 1);
    n->scores = malloc((size_t)all * NULL_TILE * sizeof *n->scores + 1);
    for (uint32_t i = 0; i < images; i++)
        n->best[i] = -2;
    if (n->q14 && n->scores)
        return true;
    nulls_end(n);
    return false;
}

void nulls_end(struct nulls *n)
{
    free(n->q14), free(n->scores);
    memset(n, 0, sizeof *n);
}

bool nulls_set(struct nulls *n, int kind, uint32_t i, const float *query, uint32_t product)
{
    uint32_t at = kind == NULL_IMAGE ? i : n->n[NULL_IMAGE] + i;
    if (kind == NULL_IMAGE)
        n->product[i] = product;
    return query_read(query, n->dim, n->q14 + (size_t)at * n->dim, &n->unit[at]);
}

/* Mean and deviation of every `step`th of n numbers, without those whose product is `own` (products NULL: none). */
static void describe(const float *values, uint32_t n, size_t step, const uint32_t *products, uint32_t own, float out[2])
{
    double sum = 0, squares = 0, count = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!products || products[i] != own)
            sum += (double)values[i * step], count++;
    double mean = count > 0 ? sum / count : 0;
    for (uint32_t i = 0; i < n; i++) {
        double off = (double)values[i * step] - mean;
        if (!products || products[i] != own)
            squares += off * off;
    }
    out[0] = (float)mean;
    out[1] = count > 0 ? (float)sqrt(squares / count) : 0;
}

void nulls_of_rows(struct nulls *n, const int8_t *rows, const float *scale, const uint32_t *product, uint32_t count,
                   float *out)
{
    const uint32_t images = n->n[NULL_IMAGE], all = images + n->n[NULL_TEXT];
    for (uint32_t q = 0; q < all; q++)
        score_rows(n->q14 + (size_t)q * n->dim, n->unit[q], rows, scale, n->dim, count, n->scores + q * NULL_TILE);
    for (uint32_t q = 0; q < images; q++)
        for (uint32_t r = 0; r < count; r++)
            if (product[r] != n->product[q] && n->scores[q * NULL_TILE + r] > n->best[q])
                n->best[q] = n->scores[q * NULL_TILE + r];
    for (uint32_t r = 0; r < count; r++, out += NULL_STATS) {
        describe(n->scores + r, images, NULL_TILE, n->product, product[r], out);
        describe(n->scores + images * NULL_TILE + r, all - images, NULL_TILE, NULL, 0, out + 2);
    }
}

void nulls_best(const struct nulls *n, float out[2]) { describe(n->best, n->n[NULL_IMAGE], 1, NULL, 0, out); }
