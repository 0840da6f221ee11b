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
 * Rows of x belong to spans: one image, or texts side by side, so that a call reads each weight
 * once for all of them. Texts that begin alike share those first rows: a span sees them as its own.
 * `last` computes only each span's pooled row (keys and values still for all): the last block of a
 * tower needs no other. Pooled rows then stand first in x, in the order of their spans. */
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

struct span {
    int first, tokens; /* rows [first, first + tokens) of x are its own */
    int shared;        /* and rows [0, shared) come before them */
    int pooled;        /* which of its own rows the tower wants, or -1: none */
};

struct block_shape {
    int tokens_max, rows_max;    /* of one span, shared rows included; of all spans */
    int channels, heads, hidden; /* C, H, F */
    float eps;
    activation act;
    bool causal, q8;
};

/* Memory for the weights; false when it is short. What there is is given back by the free of the same name. */
bool norm_alloc(struct norm *n, int channels);
void norm_free(struct norm *n);
bool block_alloc(struct block *b, const struct block_shape *shape);
void block_free(struct block *b);

/* Scratch for blocks of one shape; one owner, reused by every block and call. R = rows_max. */
struct block_scratch {
    float *h, *q, *k, *v, *f; /* [R,C] normed input, then attention's output; [R,C] x3; [R,F] */
    struct acts acts;         /* room for [R, max(C,F)] */
    uint8_t *head;            /* per thread: what one head needs, head_bytes each */
    size_t head_bytes;
    int threads;
};
bool block_scratch_alloc(struct block_scratch *s, const struct block_shape *shape, int threads);
void block_scratch_free(struct block_scratch *s);

/* y [n->gain's C] = LN(x [C]); y may be x. */
void norm_row(const struct norm *n, float eps, int channels, const float *x, float *y);
void norm_rows(const struct norm *n, float eps, int channels, kin_pool *pool, float *x, int rows);
void block_run(const struct block *b, const struct block_shape *shape, struct block_scratch *s, kin_pool *pool,
               const struct kernels *k, float *x, const struct span *spans, int n_spans, bool last);
#endif
