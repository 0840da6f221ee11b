/* clustered: catalogues of rows in clusters, for tests of the search. */
#ifndef KIN_CLUSTERED_H
#define KIN_CLUSTERED_H
#include "catalog.h"
#include "kin.h"
#include <math.h>
#include <stdlib.h>

static inline uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Rows in clusters, products of 1 to 3 rows, straight into the struct that the search reads. */
static inline kin_catalog clustered_catalog(uint32_t rows, uint32_t dim, uint64_t *seed)
{
    enum { CLUSTERS = 64 };
    kin_catalog c = {.rows = rows, .dim = dim};
    int8_t *centres = malloc((size_t)CLUSTERS * dim), *vectors = malloc((size_t)rows * dim);
    float *scale = malloc(rows * sizeof *scale);
    uint32_t *row_item = malloc(rows * sizeof *row_item);
    for (uint32_t i = 0; i < CLUSTERS * dim; i++)
        centres[i] = (int8_t)(random_u32(seed) % 121 - 60 + 20 * (i % dim % 2));
    for (uint32_t r = 0; r < rows; r++) {
        const int8_t *centre = centres + (size_t)(random_u32(seed) % CLUSTERS) * dim;
        int32_t sum = 0;
        for (uint32_t i = 0; i < dim; i++) {
            int value = centre[i] + (int)(random_u32(seed) % 81) - 40;
            vectors[(size_t)r * dim + i] = (int8_t)value;
            sum += value * value;
        }
        if (!sum) /* no row is */
            vectors[(size_t)r * dim] = 1, sum = 1;
        scale[r] = (float)(1 / sqrt(sum));
        row_item[r] = c.products;
        c.products += random_u32(seed) % 3 > 0 || r + 1 == rows;
    }
    free(centres);
    c.vectors = vectors, c.scale = scale, c.row_item = row_item;
    c.counted = c.products;
    return c;
}

static inline void clustered_free(kin_catalog *c)
{
    free((void *)c->vectors), free((void *)c->scale), free((void *)c->row_item);
}
#endif
