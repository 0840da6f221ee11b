/* idct: 8x8 dequantised JPEG coefficients -> 8x8, 4x4, 2x2 or 1x1 samples. [level 1]
 *
 * side 8: the integer transform of stb_image (after the IJG's jidctint), the very same numbers for
 * any coefficients; 32-bit arithmetic wraps. Smaller sides take the coefficients of the lowest
 * side x side frequencies and transform them at that size, which is the block scaled down.
 *
 *   x(n) = sum_u c(u) X(u) cos((2n + 1) u pi / 2N), c(0) = 1/sqrt(2), on both axes */
#ifndef KIN_IDCT_H
#define KIN_IDCT_H
#include <stdint.h>

/* data: [8][8], row by row. Writes `side` rows of `side` bytes. */
void idct_8(uint8_t *out, int stride, short data[64]);
void idct_4(uint8_t *out, int stride, short data[64]);
void idct_2(uint8_t *out, int stride, short data[64]);
void idct_1(uint8_t *out, int stride, short data[64]);
#endif
