/* tower: an image or text encoder as weights and as a run of steps. [level 5]
 *
 * image: pixels u8 [S, S, 3] -> rows x [T, C] -> layers -> a pooled row -> projection [E] -> unit length
 * text:  ids [T] -> rows x [T, C] -> causal layers -> the pooled row -> projection [E] -> unit length
 *
 * What a layer, the rows and the projection are is the family's business (family.h); this is what all of them share:
 * opening and closing, the list of tensors, texts run together, and the steps. A step is the embedding, one layer,
 * or the projection, so that a caller can stop in between. A run goes `until` there are embeddings, TOWER_EMBEDDING,
 * or all rows of a layer 0 … L as transformers numbers its hidden states (0: what `embed` made), with TOWER_NORMED
 * added through the tower's final norm. */
#ifndef KIN_TOWER_H
#define KIN_TOWER_H
#include "block.h"
#include "family.h"
#include "preprocess.h"
#include "slots.h"

enum { TOWER_IMAGE = 0, TOWER_TEXT = 1 };
enum { TOWER_EMBEDDING = -1, TOWER_NORMED = 1 << 10, TOWER_LAST = 1 << 16 };

struct tower {
    const struct family *family;
    const char *file; /* the configuration's name */
    int kind;
    struct block_shape shape; /* of its transformer blocks; channels is C, q8 the dtype */
    int layers, dim;          /* L, E */
    int image_size, patch;    /* image: S, P */
    struct pixel_rule pixels; /* image: of the preprocessing, set before tower_finish */
    int network;              /* image, convolutional: which of its family; */
    bool same;                /* padded as TensorFlow does */
    int vocab, context;       /* text: ids below vocab, at most context of them */
    int pad_id;               /* text: what fills the context up where all rows are wanted; -1: the vocabulary says */
    int eos_id;               /* the pooled token's id; 2: the first largest id of a text */
    float logit_scale;
    struct slots slots, others; /* others: of the form of the files, to become slots when all are there */
    /* a run */
    float *x;    /* [rows_max, C], or of a family's own shapes: then `columns` numbers a row of the last layer's */
    size_t room; /* for so many numbers */
    int columns;
    struct block_scratch scratch;
    struct span *spans; /* [rows_max + 1] */
    int n_spans, n_out; /* spans of the run; those wanted: one image, or the texts */
    float *embeddings;  /* [n_out, E]; room for one image or rows_max texts */
    int step, until;    /* the next step; what the run ends with */
    /* texts of a run, each up to its pooled token; all begin with the first text's `shared` ones */
    int32_t *ids; /* one text after the other */
    int *starts;  /* [rows_max + 1]: text i is ids[starts[i]] … ids[starts[i + 1] - 1] */
    int n_texts, shared;
};

/* Reads the sizes that a config.json gives tower `kind` into *t, which holds nothing to be closed: no weights are
 * allocated. Missing keys take transformers' defaults. KIN_UNSUPPORTED: sizes the engine cannot hold. */
kin_status tower_read(struct tower *t, int kind, bool q8, json config, kin_error *err);
/* The same, with memory for the weights and the list of their tensors; the caller owns *out. */
kin_status tower_open(struct tower **out, int kind, bool q8, json config, kin_error *err);
void tower_close(struct tower *t); /* NULL allowed */
/* RFC 8785 JSON of all that the configuration decides of an embedding; docs/format.md has its members. */
void tower_canonical(const struct tower *t, struct json_out *o);
/* After the last tensor, t->pixels set: KIN_NOT_A_MODEL if one is missing. Makes room for runs. */
kin_status tower_finish(struct tower *t, const struct kernels *k, kin_error *err);

/* What `until` is for a layer as transformers' hidden_states are indexed: 0 … L, negative from the end, or TOWER_LAST,
 * last_hidden_state, which is a text's after the final norm and an image's before it; norm: with it in any case.
 * KIN_UNSUPPORTED: a convolutional tower has its last map alone. */
kin_status tower_layer(const struct tower *t, int layer, bool norm, int *until, kin_error *err);
/* Starts an image's run; pixels u8 [S, S, 3] stay in use until the first step is done. */
kin_status tower_begin_image(struct tower *t, int until, kin_pool *pool, kin_error *err);
/* Adds a text (ids: start … end) to the next run of texts; KIN_MORE: there is no room for it before
 * those there are have been run. tower_begin_texts starts the run; the next text added then is the
 * first of another. Only tokens up to the pooled one are computed, and those that all texts of a run begin with
 * only once. */
kin_status tower_add_text(struct tower *t, const int32_t *ids, int n, kin_error *err);
kin_status tower_begin_texts(struct tower *t, kin_pool *pool, kin_error *err);
/* Starts a run of all rows of one text, padded to the context; `pad`: the vocabulary's token for that. Gives up texts
 * that were added. */
kin_status tower_begin_rows(struct tower *t, const int32_t *ids, int n, int32_t pad, int until, kin_pool *pool,
                            kin_error *err);
/* KIN_MORE, or KIN_OK once the run is done: tower_result has the unit vectors or rows. */
kin_status tower_step(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, kin_error *err);
/* What a run left, [*rows, *columns]; valid until the next is begun. */
const float *tower_result(const struct tower *t, int *rows, int *columns);
#endif
