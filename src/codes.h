/* codes: a catalogue's rows as sign bits, to find the few rows worth an exact score. [level 1]
 *
 *   bit i of row r = vectors[r][i] > mean[i],  mean[i] = floor of the mean of column i
 *
 * The mean is taken over at most 65,536 rows at equal steps. CLIP's vectors share a large common
 * part; without subtracting it many bits would be the same in every row. Rows whose bits differ from
 * the query's in few places have, mostly, the highest scores: search.c scores the nearest
 * codes_depth() rows exactly. All is integer arithmetic, so every build picks the same rows.
 *
 * Memory: ceil(dim / 128) * 16 + 2 bytes a row. */
#ifndef KIN_CODES_H
#define KIN_CODES_H
#include <stdbool.h>
#include <stdint.h>

enum { CODES_LEAST_ROWS = 200000, CODES_LEAST_DIM = 128, CODES_LEFT_OUT = UINT16_MAX };

typedef struct codes {
    uint64_t *bits;     /* [rows][words]; NULL: none were made */
    uint16_t *distance; /* [rows]: what codes_nearest wrote */
    int8_t mean[4096];
    uint32_t rows, dim, words;
} codes;

/* Codes for i8 [rows, dim], dim 1..4096; the caller frees them with codes_free. False and no codes
 * when memory is short. */
bool codes_make(codes *out, const int8_t *vectors, uint32_t rows, uint32_t dim);
void codes_free(codes *c);

/* What codes of vectors i8 [rows, dim] are made with, over the rows said above: mean [dim], and spread [dim], the floor
 * of the mean of |v - mean|, at least 1. */
void codes_train(const int8_t *vectors, uint32_t rows, uint32_t dim, int8_t *mean, uint8_t *spread);
/* One row's code, [words]. */
void codes_of(const int8_t *row, const int8_t *mean, uint32_t dim, uint64_t *bits);
static inline uint32_t codes_words(uint32_t dim) { return (dim + 127) / 128 * 2; }

/* A published folder has finer codes beside (docs/format.md): of a number its level L of 2^(planes + 1), by steps of so much
 * of the column's spread from the mean on, of which the first bit is in the code above already and the others are a plane each,
 *
 *   L = 2^planes + floor((v - mean - 1/16) / (step * spread)), cut to 0 ... 2^(planes + 1) - 1
 *
 * Steps are near the best for a normal distribution. */
enum { CODES_FAR_MAX = 3 };
static inline double codes_far_step(uint32_t planes) { return (planes == 1 ? 20 : planes == 2 ? 12 : 7) / 16.0; }

/* How many of so many rows are scored exactly: enough that fewer than one in 100 of a photo's ten best
 * were missed in each set tried (docs/api.md). Rows that lie apart cost four times a row of a scan. */
static inline uint32_t codes_depth(uint32_t rows) { return rows / 100 + 5000; }

/* Writes each row's distance to the query (i16 [dim], the largest |q| is 8191): the number of bits
 * that differ, or CODES_LEFT_OUT where wanted[row_item[row]] is 0 (wanted may be NULL). Returns the
 * least distance within which `depth` rows lie, or the largest there is. */
uint32_t codes_nearest(const codes *c, const int16_t *query, const uint8_t *wanted, const uint32_t *row_item,
                       uint32_t depth);
#endif
