/* conv: the layers of a network of inverted residuals, over maps of pixels. [level 4]
 *
 * A map is a square of rows, one a pixel, [side side, C]. All layers but those that end a block are followed by
 * ReLU6. In q8 what comes out of it is u8, u = round(42.5 min(max(y, 0), 6)): a fixed scale, zero point 0, so that a
 * depthwise sum over pixels is one of whole numbers, and padding is plain zeros. docs/numerics.md has the formulas.
 *
 *   stem        3 x 3, stride 2, of u8 pixels: as patches.h, with edges          -> u8 map
 *   pointwise   1 x 1: rows through the integer kernels, a row's own u8 scale     -> u8 map, or y
 *   depthwise   a window a channel, whole numbers: u8 by 14 bits                  -> u8 rows, ready for a pointwise */
#ifndef KIN_CONV_H
#define KIN_CONV_H
#include "preprocess.h"
#include "slots.h"

/* Where windows lie: `before` pixels of padding come before the map, and as many after as the last window needs. */
struct windows {
    int in, out; /* sides of the maps */
    int size, stride, before;
};
/* TensorFlow's "same" padding, or the symmetric one. */
struct windows windows_of(int in, int size, int stride, bool same);
int windows_padded(const struct windows *w); /* side of the padded map */

enum { STEM_SIZE = 3, STEM_INPUTS = 3 * STEM_SIZE * STEM_SIZE, STEM_SIDE_MAX = 1024 /* of a picture */ };
#define SIX_U8 42.5f           /* 255 / 6 */
#define U8_SIX (1.0f / SIX_U8) /* the scale of u8 after ReLU6 */

struct stem {
    struct windows windows;
    int channels;
    bool q8;
    uint16_t *f16;        /* q8: the file's own values [C, 3, 3, 3] */
    struct linear hi, lo; /* q8: w = 128 hi + lo, mean and deviation in it; f32: hi alone */
    float *edges;         /* q8: [9, C]: what comes on top, by the taps that lie outside */
    float *bias;          /* [C] */
    float *rows_f32;      /* f32: gathered pixels */
    struct pixel_rule rule;
};

struct depthwise {
    struct windows windows;
    int channels;
    float *weights, *bias; /* [C, size size], in q8 values that an F16 holds; [C] */
    int16_t *taps;         /* q8: [C / 8]: [pair of rows][column][2][4 channels][2 rows]; 3 x 3: then of the last
                              row [pair of columns][2][4 channels][2 columns] */
    float *scale, *shift;  /* q8: [C]: u = acc scale + shift */
    float *turned;         /* f32: [size size][C] */
};

/* Rows of u8 after ReLU6 and what else a run of such layers needs. */
struct conv_scratch {
    struct acts acts;
    uint8_t *map;   /* q8: a padded u8 map */
    float *wide;    /* f32: a map before and one after the depthwise layer; else room for the last layer's */
    float *wide_to; /* f32 */
};

bool stem_alloc(struct stem *s, int image_size, int channels, bool same, bool q8);
void stem_free(struct stem *s);
void stem_list(struct stem *s, struct slots *all, const char *prefix, const char *name);
kin_status stem_finish(struct stem *s, const struct pixel_rule *rule, const struct kernels *k, kin_error *err);
/* pixels u8 [S, S, 3] -> after ReLU6 y [out out, C], in q8 u8 in scratch's map as the windows of the layer after it,
 * `next`, want it. */
void stem_run(struct stem *s, struct conv_scratch *scratch, const struct windows *next, kin_pool *pool,
              const struct kernels *k, const uint8_t *pixels, float *y);

bool depthwise_alloc(struct depthwise *d, const struct windows *w, int channels);
void depthwise_free(struct depthwise *d);
void depthwise_list(struct depthwise *d, struct slots *all, bool q8, const char *prefix, const char *name);
/* The taps of 8 channels. */
static inline int taps_of(int size) { return size == 3 ? 5 * 16 : size * (size + 1) * 8; }
bool depthwise_finish(struct depthwise *d, bool q8); /* false: memory is short */

/* An inverted residual: expand (may be absent: n_out 0), depthwise, project; x [in in, Cin] -> x [out out, Cout]. In q8
 * the one without expand takes what the stem left in the map. */
struct inverted {
    struct linear expand, project;
    float *scale, *shift; /* q8: of expand, times 42.5 */
    struct depthwise depthwise;
    bool residual;
};
bool inverted_finish(struct inverted *b, bool q8); /* false: memory is short */
void inverted_run(const struct inverted *b, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                  float *x);
/* y [m, n_out] = ReLU6 of l's products with the rows x [m, n_in]. */
void pointwise_relu6(const struct linear *l, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                     const float *x, int m, float *y);

/* The same in floats (conv_f32.c). */
void stem_f32(struct stem *s, struct conv_scratch *scratch, kin_pool *pool, const struct kernels *k,
              const uint8_t *pixels, float *y);
void inverted_f32(const struct inverted *b, struct conv_scratch *s, kin_pool *pool, const struct kernels *k, float *x);
void pointwise_relu6_f32(const struct linear *l, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                         const float *x, int m, float *y);

/* Room for maps of at most `rows` rows: `acts` numbers as activations, `map` of a padded u8 map with a row and
 * DEPTHWISE_SLACK pixels more, since windows read beyond it what counts nothing; `wide` floats. */
enum { DEPTHWISE_SLACK = 12 };
bool conv_scratch_alloc(struct conv_scratch *s, const struct kernels *k, bool q8, size_t rows, size_t acts, size_t map,
                        size_t wide);
void conv_scratch_free(struct conv_scratch *s);
#endif
