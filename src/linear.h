/* linear: y = x W^T + b for a matrix of weights held as q8 or f32 panels. [level 3]
 *
 * q8:  y[m][n] = (acc - z[m] colsum[n]) (s[m] scale[n]) + b[n],  acc = sum_k u[m][k] q[n][k]
 * f32: y[m][n] = (sum over k in order of x[m][k] w[n][k]) + b[n]
 * Panels hold 8 outputs each; outputs are padded to a multiple of 8 with zero rows. Threads split
 * the panels, so each weight is read once a call. */
#ifndef KIN_LINEAR_H
#define KIN_LINEAR_H
#include "kernels.h"
#include "pool.h"
#include "vec.h"

struct linear {
    int n_out, n_in;   /* as in the file */
    int np, kp;        /* both padded to multiples of 8 */
    int8_t *panels;    /* q8: np/8 panels of 8 * kp bytes, else NULL */
    float *panels_f32; /* f32: np/8 panels [kp][8], else NULL */
    float *scale;      /* q8: [np] */
    int32_t *colsum;   /* q8: [np], sum of a row's weights */
    float *bias;       /* [np], zeros where there is none */
    bool ruled;        /* its rows keep the group rule of quant.h */
};

/* Rows of activations ready for a product. f32: rows point into the caller's floats. */
struct acts {
    int m, k, kp;
    const float *rows_f32; /* [m][k], when the weights are f32 */
    void *q;               /* [m] rows of kp activations, `stride` bytes apart; owned */
    size_t stride;
    float *scale;  /* [m] */
    int32_t *zero; /* [m] */
};

enum linear_out { LINEAR_STORE, LINEAR_ADD, LINEAR_ACTIVATE };

/* Makes room for n_out x n_in weights; false when memory is short. linear_free takes it back. */
bool linear_alloc(struct linear *l, int n_out, int n_in, bool q8);
void linear_free(struct linear *l);
/* Puts up to 8 rows (the panel that starts at row n) in place; missing rows become zeros. */
void linear_set_q8(struct linear *l, const struct kernels *k, int n, int n_rows, const int8_t *rows);
void linear_set_f32(struct linear *l, int n, int n_rows, const float *rows);
/* And takes them out again: the very numbers that went in. */
void linear_get_q8(const struct linear *l, const struct kernels *k, int n, int n_rows, int8_t *rows);
void linear_get_f32(const struct linear *l, int n, int n_rows, float *rows);

/* Room for the activations of `rows` rows of up to n_in inputs, in any form; acts_free takes it back. */
bool acts_alloc(struct acts *a, int rows, int n_in);
void acts_free(struct acts *a);
/* Says what a holds from now on: m rows of n_in inputs, read from x where the weights are f32. */
void acts_begin(struct acts *a, const struct kernels *k, const float *x, int m, int n_in);
static inline void *acts_row(const struct acts *a, int m) { return (uint8_t *)a->q + (size_t)m * a->stride; }
/* Copies row `from` over row `to`. */
void acts_move_row(struct acts *a, int from, int to);
/* q8: x [n_in] quantised into row m. */
void acts_set_row(struct acts *a, const struct kernels *k, int m, const float *x);
/* q8: n bytes u of row m from input `at` on, for a scale of 1 and a zero point of 0; n = 0 begins the
 * row with nothing but zeros. */
void acts_set_bytes(struct acts *a, const struct kernels *k, int m, const uint8_t *u, int at, int n);
/* All rows of x [m][n_in], over the threads; f32 keeps only the pointer. */
void acts_from_rows(struct acts *a, kin_pool *pool, const struct kernels *k, bool q8, const float *x, int m, int n_in);

/* Products of one matrix of activations: y [m][ldy] of each, stored, added to what is there, or
 * stored after the activation. Their panels are split among the threads as one row of work. */
struct product {
    const struct linear *l;
    float *y;
};
void linear_apply(const struct product *products, int n, kin_pool *pool, const struct kernels *k, const struct acts *a,
                  int ldy, enum linear_out how, activation act);

/* acc int32 [m][8 n_panels] of a q8 product without the epilogue, for one thread (attention): of the first kp
 * inputs of panels that hold panel_kp. */
void tile_product(const struct kernels *k, const void *a, size_t stride, int m, const int8_t *panels, int n_panels,
                  int panel_kp, int kp, int32_t *acc);
void tile_product_f32(const float *a, int lda, int m, const float *panels, int n_panels, int k, int kp, float *acc);
#endif
