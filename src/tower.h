/* tower: CLIP's image and text encoders as weights and as a run of steps. [level 5]
 *
 * image: pixels u8 [S, S, 3] -> patches [N, 3 P P] -> x [N+1, C] = class token, patches, + position
 *        -> pre-norm -> blocks -> post-norm of the class token -> projection [E] -> unit length
 * text:  ids [T] -> x [T, C] = token + position -> causal blocks -> final norm of the end token
 *        -> projection [E] -> unit length. Only tokens up to the pooled one are computed, and the
 *        tokens that all texts of a run begin with only once.
 * A step is the embedding, one block, or the projection, so that a caller can stop in between. */
#ifndef KIN_TOWER_H
#define KIN_TOWER_H
#include "block.h"
#include "json.h"

enum { TOWER_IMAGE = 0, TOWER_TEXT = 1 };

/* What a tower's tensors are, in one list: names, shapes and where the numbers go. */
enum slot_role {
    SLOT_F32,         /* float target[n]: norms, biases, class and position embeddings, logit_scale */
    SLOT_PROJECTION,  /* float target[n], values that an F16 can hold in a q8 tower */
    SLOT_PATCH,       /* the patch convolution [C, 3, P, P] */
    SLOT_LINEAR,      /* a weight matrix of struct linear */
    SLOT_SCALE,       /* its row scales; only in q8 files */
    SLOT_TOKEN,       /* token embedding [V, C] */
    SLOT_TOKEN_SCALE, /* its row scales; only in q8 files */
};

struct slot {
    char name[88];
    enum slot_role role;
    uint32_t rank;
    uint64_t shape[4];
    void *target;       /* float *, struct linear * or struct tower *, by role */
    uint64_t rows_done; /* rows filled so far (rank 0 and 1 count as one row) */
};

struct tower {
    int kind;
    struct block_shape shape;
    int layers, dim; /* L, E */
    struct block *blocks;
    struct norm pre, post; /* text has no pre */
    float *position;       /* [tokens_max, C] */
    float *projection;     /* [E, C] */
    float logit_scale;
    /* image */
    int image_size, patch;
    float *class_token;               /* [C] */
    uint16_t *patch_f16;              /* q8: HF's own values [C, 3, P, P] */
    struct linear patch_hi, patch_lo; /* q8: w = 128 hi + lo; f32: patch_hi alone, in floats */
    float mean[3], std[3], rescale;   /* from the preprocessing */
    struct acts patches;              /* a run's pixels as activations [N][3 P P] */
    float *patches_f32;               /* f32: the same, normalised */
    /* text */
    int vocab, context, eos_id;
    int8_t *token_q8; /* q8: [V, C] with token_scale [V] */
    float *token_scale;
    float *token_f32; /* f32: [V, C] */
    /* names */
    struct slot *slots;
    int n_slots;
    /* a run */
    struct block_scratch scratch;
    float *x;           /* [rows_max, C] */
    struct span *spans; /* [rows_max + 1] */
    int n_spans, n_out; /* spans of the run; those wanted: one image, or the texts */
    float *embeddings;  /* [n_out, E]; room for one image or rows_max texts */
    int step;           /* the next one */
    /* texts of a run, each up to its pooled token; all begin with the first text's `shared` ones */
    int32_t *ids; /* one text after the other */
    int *starts;  /* [rows_max + 1]: text i is ids[starts[i]] … ids[starts[i + 1] - 1] */
    int n_texts, shared;
};

/* Reads a CLIPModel config.json (missing keys: transformers' defaults) and lists the slots.
 * Refuses sizes the engine cannot hold. The weights are allocated here. */
kin_status tower_open(struct tower *t, int kind, bool q8, json config, kin_error *err);
/* max_position_embeddings of the text tower. */
kin_status tower_text_context(json config, int *context, kin_error *err);
void tower_close(struct tower *t);
struct slot *tower_slot(struct tower *t, const char *name, size_t n);

/* Rows [first, first + n) of a slot given as floats, or (roles LINEAR and TOKEN of a q8 tower) as
 * the int8 of a converted file. A LINEAR part starts at a multiple of 8 rows. */
kin_status tower_set_f32(struct tower *t, struct slot *s, const struct kernels *k, uint64_t first, uint64_t n,
                         const float *rows, kin_error *err);
kin_status tower_set_q8(struct tower *t, struct slot *s, const struct kernels *k, uint64_t first, uint64_t n,
                        const int8_t *rows, kin_error *err);
/* After the last slot: folds the preprocessing into the patch planes, makes room for runs. */
kin_status tower_finish(struct tower *t, const struct kernels *k, kin_error *err);

/* The canonical file form of a slot: dtype name, rows, values a row, and rows [i, i + n) as its bytes;
 * i a multiple of 8, n at most 8. */
const char *slot_dtype(const struct tower *t, const struct slot *s);
uint64_t slot_rows(const struct slot *s);
uint64_t slot_row_values(const struct slot *s);
void slot_get(const struct tower *t, const struct slot *s, const struct kernels *k, uint64_t i, uint64_t n, void *out);

/* Starts an image's run; pixels u8 [S, S, 3] stay in use until the first step is done. */
kin_status tower_begin_image(struct tower *t, kin_pool *pool, kin_error *err);
/* Adds a text (ids: start … end) to the next run of texts; KIN_MORE: there is no room for it before
 * those there are have been run. tower_begin_texts starts the run; the next text added then is the
 * first of another. */
kin_status tower_add_text(struct tower *t, const int32_t *ids, int n, kin_error *err);
kin_status tower_begin_texts(struct tower *t, kin_pool *pool, kin_error *err);
/* KIN_MORE, or KIN_OK once t->embeddings holds the unit vectors. */
kin_status tower_step(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, kin_error *err);
#endif
