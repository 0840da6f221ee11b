/* score: rows of int8 against a query of 14 bits. [level 1]
 *
 *   score(row) = (q14 . row) * (max|q| / 8191) * scale[row],   q14 = round(q * 8191 / max|q|)
 *
 * The product is exact in int32: 8191 * 128 * 2048 < 2^31, and wider rows are cut into halves
 * summed in int64. So every build gives the same bits. */
#ifndef KIN_SCORE_H
#define KIN_SCORE_H
#include <stdbool.h>
#include <stdint.h>

enum { QUERY_DIM_MAX = 4096, QUERY_MAX = 8191 };

/* q14 [dim] of the query and its unit, max|q| / 8191. False for one that points nowhere: zero, not finite, or so
 * small that its scale overflows. */
bool query_read(const float *vector, uint32_t dim, int16_t *q14, float *unit);

/* Scores of n rows that follow each other, by their scales 1/||row||. */
void score_rows(const int16_t *q14, float unit, const int8_t *rows, const float *scale, uint32_t dim, uint32_t n,
                float *out);
#endif
