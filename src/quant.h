/* quant: how floats become 8-bit numbers, weights and activations alike. [level 1]
 *
 * Weights ("s7q128"): one row w [k] -> q in [-64, 63] and one scale s, w ~ s q. Of 17 scales the
 * one with the least squared error is kept. Rows of 512 inputs or more also keep, in each
 * zero-padded block of 8 inputs, sum |q| <= 128 over positions {0,1,4,5} and over {2,3,6,7}: then
 * 255 * 128 < 2^15, and a kernel may add two products in 16 bits. Shorter rows are free of that.
 * Activations: one row x [k] -> u8 with scale s and zero point z, x ~ s (u - z). */
#ifndef KIN_QUANT_H
#define KIN_QUANT_H
#include "base.h"

enum { QUANT_RULE_INPUTS = 512, QUANT_GROUP_MAX = 128 };

/* w [k] finite -> q [k] and *scale. An all-zero row gives zeros and scale 1e-8/63. */
void quant_weight_row(const float *w, int k, int8_t *q, float *scale);
/* True if a row read from a file keeps the range and, for long rows, the group rule. */
bool quant_weight_row_valid(const int8_t *q, int k);
/* Token embeddings: [-127, 127], scale max|w| / 127 (1 for a zero row). */
void quant_embedding_row(const float *w, int k, int8_t *q, float *scale);

/* How activations u in [0, 255] with zero point z are stored. S8 is for signed dot products: since
 * sum (u - z) w = sum ((u - 128) - (z - 128)) w, only the zero point moves and no result changes. */
enum act_form {
    ACT_U8,  /* u */
    ACT_I16, /* u in 16 bits */
    ACT_S8,  /* u - 128, and z - 128 is stored as zero point */
};
static inline size_t act_bytes(enum act_form form) { return form == ACT_I16 ? 2 : 1; }
static inline int32_t act_shift(enum act_form form) { return form == ACT_S8 ? 128 : 0; }

/* x [k] -> kp values in the given form, zero padded (u = 0).
 *   lo = min(0, min x), hi = max(0, max x), inv = 255 / (hi - lo), z = round(-lo inv),
 *   u = clamp(round(x inv) + z, 0, 255), scale = (hi - lo) / 255.
 * A row with hi - lo < 2^-100 (all zero for our purposes): scale 1, z 0, u 0. */
void quant_act_row(const float *x, int k, int kp, enum act_form form, void *out, float *scale, int32_t *zero);
/* The same where lo and hi are known. */
void quant_act_row_within(const float *x, int k, int kp, enum act_form form, float lo, float hi, void *out,
                          float *scale, int32_t *zero);

/* x [k] -> q in [-limit, limit], *scale = max|x| / limit (1 and zeros when max|x| < 2^-100).
 * Returns the sum of q. */
int32_t quant_signed_row(const float *x, int k, int limit, int8_t *q, float *scale);

/* IEEE half and bfloat16. float_to_f16 rounds half to even and overflows to infinity. */
float f16_to_float(uint16_t h);
uint16_t float_to_f16(float x);
static inline float bf16_to_float(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } bits = {(uint32_t)h << 16};
    return bits.f;
}
#endif
