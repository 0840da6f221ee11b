/* block: one pre-LN transformer block, as CLIP has it. [level 4]
 *
 *   x += out_proj(attention(LN1(x)))        x [T, C]
 *   x += fc2(activate(fc1(LN2(x))))
 *   LN(x) = (x - mean) / sqrt(var + eps) * gain + shift
 *
 * Attention per head of D = C / H channels, scores q_i . k_j / sqrt(D), softmax over j (over
 * j <= i where causal). In q8 both of its products run on the integer kernels (docs/numerics.md):
 * queries u8 and keys s8 a token and head; e_ij = exp(s_ij - max_i) times the scale of value j,
 * as u8 with one scale a row; values s8 a token and head. No number of token i depends on a later
 * token where attention is causal.
 *
 * `only` >= 0 computes the block's output for that one token (keys and values still for all):
 * the last block of a tower needs no other row. It lands in row 0 of x. */
#ifndef KIN_BLOCK_H
#define KIN_BLOCK_H
#include "linear.h"

struct norm {
    float *gain, *shift; /* [C] */
};

struct block {
    struct norm norm1, norm2;
    struct linear q, k, v, out, fc1, fc2;
};

struct block_shape {
    int tokens_max, channels, heads, hidden; /* T, C, H, F */
    float eps;
    activation act;
    bool causal, q8;
};

/* Scratch for blocks of one shape; one owner, reused by every block and call. */
struct block_scratch {
    float *h, *q, *k, *v, *f; /* [T,C] normed input, then attention's output · [T,C] x3 · [T,F] */
    struct acts acts;         /* room for [T, max(C,F)] */
    uint8_t *head;            /* per thread: what one head needs, head_bytes each */
    size_t head_bytes;
    int threads;
};
bool block_scratch_alloc(struct block_scratch *s, const struct block_shape *shape, int threads);
void block_scratch_free(struct block_scratch *s);

void norm_rows(const struct norm *n, float eps, int channels, kin_pool *pool, const float *x, float *y,
               int rows);
void block_run(const struct block *b, const struct block_shape *shape, struct block_scratch *s,
               kin_pool *pool, const struct kernels *k, float *x, int tokens, int only);
#endif
