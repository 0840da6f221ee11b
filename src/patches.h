/* patches: the convolution that cuts an image into patches, as a product of its pixels. [level 4]
 *
 * x[p][n] += sum over the patch's pixels of w[n] * ((u8 * rescale - mean) / std)      no overlap, no bias
 *
 * In q8 the u8 pixels themselves are the activations: mean and deviation go into the weights, which become 14 bits,
 * w = s (128 hi + lo), so that the product is two of the integer kernels and has no rounding of its own. */
#ifndef KIN_PATCHES_H
#define KIN_PATCHES_H
#include "preprocess.h"
#include "slots.h"

struct patches {
    int side, patch, channels; /* patches a side, P, C */
    bool q8;
    uint16_t *f16;        /* q8: the file's own values [C, 3, P, P] */
    struct linear hi, lo; /* q8: w = 128 hi + lo; f32: hi alone, in floats */
    struct pixel_rule rule;
    struct acts acts; /* a run's pixels as activations [side side][3 P P] */
    float *rows_f32;  /* f32: the same, normalised */
};

/* Room for the weights; false when memory is short. patches_free takes everything back, whatever there is. */
bool patches_alloc(struct patches *p, int image_size, int patch, int channels, bool q8);
void patches_free(struct patches *p);
/* Lists the weight [C, 3, P, P]. */
void patches_list(struct patches *p, struct slots *all, const char *prefix, const char *name);
/* Once the weight is there: folds `rule` into it and makes room for runs. */
kin_status patches_finish(struct patches *p, const struct pixel_rule *rule, const struct kernels *k, kin_error *err);
/* Adds each patch's row to x [side side, C]; pixels u8 [S, S, 3], S >= side P. */
void patches_add(struct patches *p, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, int image_size,
                 float *x);
#endif
