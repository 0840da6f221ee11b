/* catalog: the catalogue file, written by catalog_write.c and checked whole when it is opened. [level 3]
 *
 * One safetensors file (docs/format.md) of M products and R pictures, whose vectors have E numbers. The table
 * below is all that anybody knows of its layout: the reader and the writer both walk it. */
#ifndef KIN_CATALOG_H
#define KIN_CATALOG_H
#include "adapter.h"
#include "codes.h"
#include "tensors.h"
#include <math.h>

enum { CATALOG_DIM_MAX = 4096, CATALOG_PICTURES_MAX = 65535 /* of a product */ };
#define CATALOG_MAX_BYTES (1u << 31) /* of a file read whole: wasm has twice that */

#define CATALOG_FORMAT "2"

/* X(constant, name, dtype, rank, needed) in the order of the file, the widest first so that each is aligned. */
#define CATALOG_PARTS(X)                                                                                      \
    X(ITEM_OFFSETS, "item_offsets", DT_U64, 1, 1) /* [M+1] bytes of product i in `items`: from i to i+1 */    \
    X(ID_OFFSETS, "id_offsets", DT_U64, 1, 1)     /* [M+1] the same in `ids` */                               \
    X(SCALE, "scale", DT_F32, 1, 1)               /* [R] 1 / ||row|| */                                       \
    X(NULLS, "null", DT_F32, 2, 0)                /* [R, 4] nulls.h; with null_best or not at all */          \
    X(NULL_BEST, "null_best", DT_F32, 1, 0)       /* [2] */                                                   \
    X(ROW_ITEM, "row_item", DT_U32, 1, 1)         /* [R] product of a row, not falling; none without a row */ \
    X(ID_ORDER, "id_order", DT_U32, 1, 1)         /* [M] products by the bytes of their ids */                \
    X(ROW_PICTURE, "row_picture", DT_U16, 1, 1)   /* [R] which of the product's pictures */                   \
    X(VECTORS, "vectors", DT_I8, 2, 1)            /* [R, E] */                                                \
    X(IDS, "ids", DT_U8, 1, 1)                    /* UTF-8, one after the other */                            \
    X(ITEMS, "items", DT_U8, 1, 1)                /* a JSON object and a newline each */

enum {
#define X(constant, name, dtype, rank, needed) PART_##constant,
    CATALOG_PARTS(X)
#undef X
        PART_COUNT
};

/* The rows of the table, without begin, end and the sizes: those are a file's own. */
extern const tensor catalog_parts[PART_COUNT];
extern const bool catalog_needs[PART_COUNT]; /* or may a file do without it */

/* 1 / ||row||, infinite for a row of zeros. The sum is at most 4096 * 128^2. */
static inline double row_scale(const int8_t *row, uint32_t dim)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += row[i] * row[i];
    return sum ? 1.0 / sqrt((double)sum) : (double)INFINITY;
}

/* Whether n rows i8 [n, dim] have these scales, each within 1e-6 of 1 / ||row||; else *bad is the first that has not. */
bool catalog_scaled(const int8_t *rows, const float *scale, uint32_t n, uint32_t dim, uint32_t *bad);
/* Whether values are n pairs of a mean and a deviation: finite, no deviation below 0. */
bool catalog_moments(const float *values, size_t n);

typedef struct kin_catalog {
    tensor_file file;
    const uint8_t *bytes; /* borrowed */
    uint32_t products, rows, dim;
    uint32_t
        counted; /* of how many products a hit is one, for its confidence: all, but those that are not in a folder any more */
    const float *scale;
    const uint32_t *row_item;
    const int8_t *vectors;
    const float *nulls, *null_best; /* NULL: none are stored */
    codes codes;            /* of a catalogue of more than CODES_LEAST_ROWS rows, if there was memory for them */
    struct adapter adapter; /* rank 0: none */
    void *adapted;          /* owned: rows and scales in place of the file's; NULL without an adapter */
    struct json_out info;
} kin_catalog;
#endif
