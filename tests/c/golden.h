/* golden: the models of tests/golden/tower, and the way of a native caller with them through kin.h: load, take a
 * picture or a text, run. */
#ifndef KIN_GOLDEN_H
#define KIN_GOLDEN_H
#include "../../src/kin.h"
#include "../../src/tensors.h"

enum { MODELS = 4, CASES = 3, CONTEXT = 12, DIM_MAX = 64 };

extern const struct golden_model {
    const char *name;
    int size, dim; /* of a picture's side, of an embedding */
} models[MODELS];

struct file {
    uint8_t *bytes;
    size_t n;
};

struct golden {
    int model; /* index into models */
    struct file config, weights, expected, vocab, merges, bits;
    tensor_file tensors; /* of `expected` */
    char preprocessing[80], texts[CASES][160];
};

bool golden_open(struct golden *g, int model);
void golden_close(struct golden *g);
/* A tensor of expected.safetensors; tools/golden_tower.py says which there are. */
const void *golden_expected(const struct golden *g, const char *name);
/* The embedding in q8.bin: model by model the pictures', then the texts'. */
const float *golden_bits(const struct golden *g, int tower, int i);

kin_ctx *open_for(const struct golden *g);                /* kin_open and configure; NULL where either fails */
kin_status configure(kin_ctx *k, const struct golden *g); /* kin_config */
kin_status load_side(kin_ctx *k, const struct golden *g, int tower); /* preprocessing or vocabulary */
/* Pieces of so many bytes, each in a block of just its size. */
kin_status feed(kin_ctx *k, const uint8_t *bytes, size_t n, size_t piece);
kin_status load(kin_ctx *k, const struct golden *g, int tower, int dtype, size_t piece); /* all of a tower */
kin_status take(kin_ctx *k, const struct golden *g, int tower, int i); /* picture or text i, ready to be embedded */
kin_status run(kin_ctx *k, int tower);
kin_status embed(kin_ctx *k, const struct golden *g, int tower, int i); /* both */
bool has_bits(const kin_ctx *k, const struct golden *g, int tower, int i);
/* A file of tests/golden/images; box NULL: exactly. */
kin_status decode(kin_ctx *k, const char *name, const double *box);
/* Whether a refusal is one: its status, and a sentence; says what it is instead. */
bool refused(const kin_ctx *k, kin_status got, kin_status want);
#endif
