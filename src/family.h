/* family: what one kind of tower does in its own way. [level 5]
 *
 * A family is one file, family_<name>.c, with a struct family_<name>, and a line in FAMILIES. tower.c asks it in
 * this order:
 *
 *   knows     whether that tower of a configuration is its own
 *   read      the tower's sizes
 *   make      memory for the weights, and the list of tensors (slots.h)
 *   place     the slots of a tensor that goes by another library's name
 *   skips     a tensor of the files that is no slot: not this tower's, or none that counts
 *   settle    what came in another form becomes slots
 *   finish    what follows from the weights once all are there, and memory for runs
 *   ready     memory for runs on so many threads
 *   embed     step 0 of a run: pixels or tokens -> rows x
 *   layer     steps 1 … L: x -> x
 *   norm      after any layer, where that is wanted: the final norm of all rows of x
 *   pool      the last step: a row of x -> an embedding of unit length
 *   close     gives back what make and finish took
 *
 * Its struct begins with a struct tower, which tower.c allocates with it and knows alone. The two towers of a model
 * may be of two families. */
#ifndef KIN_FAMILY_H
#define KIN_FAMILY_H
#include "json.h"
#include "kernels.h"
#include "pool.h"

/* X(name): in the order they are asked. */
#define FAMILIES(X) X(clip) X(efficientnet)

struct tower;
struct slot;

/* Where a tensor goes that is no slot by its name: to shares of its rows, one after the other, or transposed. */
struct place {
    struct slot *slots[3];
    int n; /* 0: nowhere */
    bool transposed;
};

/* How a cosine c of two embeddings becomes a score of "this label": over all labels softmax(exp(logit_scale) c). */
#define SCORES_SOFTMAX "softmax"

struct family {
    const char *name;   /* as facts and kin_info tell it */
    const char *scores; /* how cosines are read, SCORES_… */
    size_t size;        /* of its struct */
    bool (*knows)(json config, int kind);
    /* Fills the sizes of *t (kind and q8 are set), and only those. KIN_NOT_A_MODEL: no such configuration;
     * KIN_UNSUPPORTED: one that the engine cannot hold. */
    kin_status (*read)(struct tower *t, json config, kin_error *err);
    bool (*make)(struct tower *t); /* false: memory is short; close is called then too */
    kin_status (*place)(struct tower *t, const char *name, size_t n, struct place *out, kin_error *err);
    bool (*skips)(const struct tower *t, const char *name, size_t n);
    kin_status (*settle)(struct tower *t, const struct kernels *k, kin_error *err);
    kin_status (*finish)(struct tower *t, const struct kernels *k, kin_error *err);
    bool (*ready)(struct tower *t, int threads); /* false: memory is short */
    void (*embed)(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels);
    /* Layer i, 0 … L-1. `pooled`: only the pooled row of each span is wanted, and then stands first in x. */
    void (*layer)(struct tower *t, int i, bool pooled, kin_pool *pool, const struct kernels *k);
    void (*norm)(struct tower *t, int rows, kin_pool *pool); /* NULL: of its layers only the last is to be had */
    /* Row [width] -> out [dim], not yet of unit length. May overwrite the row. */
    void (*pool)(struct tower *t, float *row, float *out);
    void (*close)(struct tower *t);
    /* What the configuration decides of an embedding: RFC 8785 JSON (tower.h). */
    void (*canonical)(const struct tower *t, struct json_out *o);
};

#define X(name) extern const struct family family_##name;
FAMILIES(X)
#undef X
#endif
