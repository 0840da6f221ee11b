/* patches: folding the pixel rule into the weights, gathering pixels, the product. */
#include "patches.h"
#include "quant.h"
#include <stdlib.h>

bool patches_alloc(struct patches *p, int image_size, int patch, int channels, bool q8)
{
    int inputs = 3 * patch * patch;
    *p = (struct patches){.side = image_size / patch, .patch = patch, .channels = channels, .q8 = q8};
    if (!linear_alloc(&p->hi, channels, inputs, q8))
        return false;
    p->hi.ruled = false; /* halves of 14-bit weights, which know no group rule */
    if (!q8)
        return true;
    p->f16 = calloc((size_t)channels * (size_t)inputs, sizeof *p->f16);
    bool fine = p->f16 && linear_alloc(&p->lo, channels, inputs, true);
    p->lo.ruled = false;
    return fine;
}

void patches_free(struct patches *p)
{
    linear_free(&p->hi), linear_free(&p->lo);
    acts_free(&p->acts);
    free(p->f16), free(p->rows_f32);
    *p = (struct patches){0};
}

void patches_list(struct patches *p, struct slots *all, const char *prefix, const char *name)
{
    struct slot *s =
        slots_add(all, p->q8 ? &slot_raw_halves : &slot_pixels_f32, 4, (uint64_t)p->channels, 3, prefix, name);
    s->shape[2] = s->shape[3] = (uint64_t)p->patch;
    if (p->q8)
        s->to.halves = p->f16;
    else
        s->to.linear = &p->hi;
}

/* Mean and deviation go into the weights, so that the u8 pixels themselves are the activations:
 *   sum w (p r - mean) / std + 0 = sum (w r / std) p - sum w mean / std
 * The folded weights become 14 bits, w = s (128 hi + lo) with hi and lo in [-64, 63].
 * A function of its own: what runs once, browsers leave as their quick compiler made it. */
static __attribute__((noinline)) void fold_row(struct patches *p, int n, float *row, int8_t *hi, int8_t *lo)
{
    int inputs = p->hi.n_in, area = p->patch * p->patch;
    const uint16_t *w = p->f16 + (size_t)n * (size_t)inputs;
    double bias = 0;
    float top = 0;
    for (int rgb = 0; rgb < 3; rgb++) /* w is [channel][y][x], pixels are [y][x][channel] */
        for (int i = 0; i < area; i++) {
            float value = f16_to_float(w[rgb * area + i]);
            bias -= (double)value * (double)p->rule.mean[rgb] / (double)p->rule.std[rgb];
            value = value * p->rule.rescale / p->rule.std[rgb];
            row[i * 3 + rgb] = value;
            float size = value < 0 ? -value : value;
            top = size > top ? size : top;
        }
    float scale = top < 0x1p-100f ? 1.0f : top / 8127.0f;
    for (int i = 0; i < inputs; i++) {
        int q = (int)round_f32(row[i] / scale);
        int high = (q + 64) >> 7;
        hi[i] = (int8_t)high;
        lo[i] = (int8_t)(q - 128 * high);
    }
    p->hi.scale[n] = scale * 128.0f;
    p->lo.scale[n] = scale;
    p->hi.bias[n] = (float)bias;
}

static void fold(struct patches *p, const struct kernels *k, float *row, int8_t *hi, int8_t *lo)
{
    int inputs = p->hi.n_in;
    for (int n = 0; n < p->channels; n += PANEL) {
        int some = p->channels - n < PANEL ? p->channels - n : PANEL;
        for (int c = 0; c < some; c++)
            fold_row(p, n + c, row, hi + (size_t)c * (size_t)inputs, lo + (size_t)c * (size_t)inputs);
        linear_set_q8(&p->hi, k, n, some, hi);
        linear_set_q8(&p->lo, k, n, some, lo);
    }
}

kin_status patches_finish(struct patches *p, const struct pixel_rule *rule, const struct kernels *k, kin_error *err)
{
    size_t rows = (size_t)p->side * (size_t)p->side, inputs = (size_t)p->hi.n_in;
    bool fine;
    p->rule = *rule;
    if (p->q8) {
        float *row = malloc(inputs * sizeof *row);
        int8_t *hi = malloc(inputs * PANEL), *lo = malloc(inputs * PANEL);
        fine = acts_alloc(&p->acts, (int)rows, (int)inputs) && row && hi && lo;
        if (fine)
            fold(p, k, row, hi, lo);
        free(row), free(hi), free(lo);
    } else {
        fine = (p->rows_f32 = malloc(rows * inputs * sizeof *p->rows_f32)) != NULL;
    }
    return fine ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to finish loading the model.");
}

/* Gathers patch i as one row of activations, P segments of 3P bytes: pixels are u8 already, so the
 * q8 product has scale 1, zero point 0 and no quantisation error of its own. */
static void gather(struct patches *p, const struct kernels *k, const uint8_t *pixels, int image_size)
{
    int segment = 3 * p->patch;
    struct acts *a = &p->acts;
    acts_begin(a, k, p->rows_f32, p->side * p->side, p->hi.n_in);
    for (int i = 0; i < a->m; i++) {
        if (p->q8)
            acts_set_bytes(a, k, i, NULL, 0, 0);
        for (int y = 0; y < p->patch; y++) {
            const uint8_t *from = pixels + ((size_t)(i / p->side * p->patch + y) * (size_t)image_size +
                                            (size_t)(i % p->side) * (size_t)p->patch) *
                                               3;
            if (p->q8) {
                acts_set_bytes(a, k, i, from, y * segment, segment);
                continue;
            }
            float *to = p->rows_f32 + (size_t)i * a->k + (size_t)y * segment;
            for (int j = 0; j < segment; j++)
                to[j] = ((float)from[j] * p->rule.rescale - p->rule.mean[j % 3]) / p->rule.std[j % 3];
        }
    }
}

void patches_add(struct patches *p, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, int image_size,
                 float *x)
{
    gather(p, k, pixels, image_size);
    linear_apply(&(struct product){&p->hi, x}, 1, pool, k, &p->acts, p->channels, LINEAR_ADD, ACT_GELU);
    if (p->q8)
        linear_apply(&(struct product){&p->lo, x}, 1, pool, k, &p->acts, p->channels, LINEAR_ADD, ACT_GELU);
}
