/* train: learns an adapter (adapter.h) by the symmetric contrastive loss. [level 4]
 *
 * Pairs: n unit vectors x_i with targets t_i among m unit vectors r_j (a photo and its product). Kinds: n unit vectors and
 * a number t_i each; what has the same number belongs together, and there are no r. Of a batch of B, y and z being the
 * mapped x_i and r_t(i) (of kinds z = y) and s the scale:
 *
 *   E_ij = exp(s (y_i . z_j - 1)), of kinds E_ii = 0      P_i = how many j have t_j = t_i, of kinds without i itself
 *   loss = 1/2B sum_i [ log sum_j E_ij + log sum_j E_ji - 1/P_i sum_(t_j = t_i) (log E_ij + log E_ji) ]
 *
 * which of pairs is CLIP's loss (Radford et al., 2021) and of kinds the supervised one of Khosla et al. (2020); an i
 * without a partner in the batch has no term. V begins random, U as zeros, so that the map begins as none; Adam (Kingma and
 * Ba, 2015).
 *
 * A share of the x_i is kept out: half of them says after every ROUND batches how good the map is, the best one is kept, and
 * after PATIENCE rounds without a better one, or MOST_ROUNDS, it ends; the other half, looked at twice in all, gives the figures
 * before and after. The figure of an x_i: of pairs whether its r is among the `at` nearest of all candidates, 1 or 0; of kinds
 * the share of its kind among the `at` nearest of the same half. The adapter helps if the mean gain is above twice its standard
 * error. Every number is made in one order by one thread from the seed. */
#ifndef KIN_TRAIN_H
#define KIN_TRAIN_H
#include "adapter.h"

enum {
    TRAIN_VECTORS_MAX = 200000, /* of each side */
    TRAIN_AT_MAX = 100,
    TRAIN_LEAST_HELD = 10,   /* in each half */
    TRAIN_MOST_HELD = 1000,  /* likewise */
    TRAIN_CANDIDATES = 8192, /* r that a held-out x is held against: those of the held-out ones, then others */
    TRAIN_BATCH = 256,
    TRAIN_ROUND = 16,
    TRAIN_PATIENCE = 12,
    TRAIN_MOST_ROUNDS = 80
};

enum { HELD_STOP, HELD_JUDGE };
enum { TRAIN_FILLING, TRAIN_BEFORE, TRAIN_BATCHES, TRAIN_LOOK, TRAIN_AFTER, TRAIN_DONE };

struct held { /* one half: x by their places */
    const uint32_t *rows;
    uint32_t n;
};

struct side {                    /* of a batch */
    const float **in;            /* [B] */
    float *out, *h, *inv, *grad; /* [B][stride], [B][rank], [B], [B][stride] */
};

struct kin_trainer {
    uint32_t dim, stride, rank, n, m, at; /* m 0: kinds. stride: dim rounded up to 8 */
    uint32_t filled[2];
    float *x[2];                   /* [n], [m] rows */
    uint32_t *target;              /* [n] */
    uint32_t *order;               /* [n] those that are trained on, then the halves of the others */
    uint32_t trained, batch, next; /* next: of this pass over the trained ones */
    uint64_t random;
    float *map, *best, *grad, *first, *second; /* [2][rank][stride]: U, V; first and second: moments */
    double beta[2];                            /* powers of Adam's betas */
    struct side side[2];
    float *e;          /* [B][B rounded up to 4] */
    float *inverse[3]; /* [B] each: 1 / sum of a row, of a column, 1 / P */
    struct held held[2];
    uint32_t *candidate, *place; /* of pairs [m]: which r the candidates are, and where an r is among them */
    uint32_t candidates;         /* of kinds a half */
    float *mapped;               /* [candidates][stride] */
    float *figure[3];            /* of held x: HELD_STOP now; HELD_JUDGE before, after */
    uint32_t seen, stage, batches, rounds, since;
    double begin_stop, best_stop, before, after, error;
    int helps;
};

/* Maps the batch of x at `rows` and its targets and writes the loss's gradient by U and V into `grad`. */
void train_gradient(struct kin_trainer *t, const uint32_t *rows, uint32_t n);
#endif
