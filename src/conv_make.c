/* conv_make: the layers of conv.h as memory, lists of tensors, and what follows from the weights. */
#include "conv.h"
#include "vec8.h"
#include <stdlib.h>

enum { TAP_TOP = 8191, STEM = STEM_SIZE, INPUTS = STEM_INPUTS };

struct windows windows_of(int in, int size, int stride, bool same)
{
    struct windows w = {.in = in, .size = size, .stride = stride};
    if (same) {
        w.out = (in + stride - 1) / stride;
        int more = (w.out - 1) * stride + size - in;
        w.before = more > 0 ? more / 2 : 0;
    } else {
        w.before = (size - 1) / 2;
        w.out = (in + 2 * w.before - size) / stride + 1;
    }
    return w;
}

bool conv_scratch_alloc(struct conv_scratch *s, const struct kernels *k, bool q8, size_t rows, size_t acts, size_t map,
                        size_t wide)
{
    *s = (struct conv_scratch){.wide = malloc(wide * sizeof *s->wide)};
    if (!q8)
        return (s->wide_to = malloc(wide * sizeof *s->wide_to)) && s->wide;
    s->acts.q = malloc(acts * act_bytes(k->form));
    s->acts.scale = malloc(rows * sizeof *s->acts.scale);
    s->acts.zero = malloc(rows * sizeof *s->acts.zero);
    s->map = malloc(map);
    return s->acts.q && s->acts.scale && s->acts.zero && s->map && s->wide;
}

void conv_scratch_free(struct conv_scratch *s)
{
    acts_free(&s->acts);
    free(s->map), free(s->wide), free(s->wide_to);
    *s = (struct conv_scratch){0};
}

/* ---- depthwise ------------------------------------------------------------------------------- */

bool depthwise_alloc(struct depthwise *d, const struct windows *w, int channels)
{
    *d = (struct depthwise){.windows = *w, .channels = channels};
    d->weights = calloc((size_t)channels * (size_t)(w->size * w->size), sizeof *d->weights);
    d->bias = calloc((size_t)channels, sizeof *d->bias);
    return d->weights && d->bias;
}

void depthwise_free(struct depthwise *d)
{
    free(d->weights), free(d->bias), free(d->taps), free(d->scale), free(d->shift), free(d->turned);
    *d = (struct depthwise){0};
}

void depthwise_list(struct depthwise *d, struct slots *all, bool q8, const char *prefix, const char *name)
{
    char full[88];
    append_text(append_text(full, prefix), name);
    struct slot *s = slots_add_floats(all, d->weights, 4, (uint64_t)d->channels, 1, full, ".weight");
    s->shape[2] = s->shape[3] = (uint64_t)d->windows.size;
    if (q8)
        s->form = &slot_halves;
    slots_add_floats(all, d->bias, 1, (uint64_t)d->channels, 1, full, ".bias");
}

/* In pairs, as a dot product of pairs wants them: two rows' side by side; then, of 3 x 3, two columns' of the last row. A
 * lone one lies beside zeros. */
static void set_taps(struct depthwise *d, int c)
{
    int size = d->windows.size, area = size * size;
    const float *w = d->weights + (size_t)c * (size_t)area;
    float top = 0;
    for (int i = 0; i < area; i++)
        top = w[i] > top ? w[i] : -w[i] > top ? -w[i] : top;
    float scale = top < 0x1p-100f ? 1.0f : top / (float)TAP_TOP;
    int16_t *group = d->taps + (size_t)(c / 8) * (size_t)taps_of(size) + (c % 8 / 4) * 8 + c % 4 * 2;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            group[size == 3 && y == 2 ? (3 + x / 2) * 16 + x % 2 : (y / 2 * size + x) * 16 + y % 2] =
                (int16_t)round_f32(w[y * size + x] / scale);
    d->scale[c] = scale;
    d->shift[c] = d->bias[c] * SIX_U8;
}

bool depthwise_finish(struct depthwise *d, bool q8)
{
    int size = d->windows.size, area = size * size;
    size_t channels = (size_t)d->channels;
    if (!q8) {
        d->turned = malloc(channels * (size_t)area * sizeof *d->turned);
        for (size_t c = 0; d->turned && c < channels; c++)
            for (size_t i = 0; i < (size_t)area; i++)
                d->turned[i * channels + c] = d->weights[c * (size_t)area + i];
        return d->turned != NULL;
    }
    d->taps = calloc(channels / 8 * (size_t)taps_of(size), sizeof *d->taps);
    d->scale = malloc(channels * sizeof *d->scale);
    d->shift = malloc(channels * sizeof *d->shift);
    if (!d->taps || !d->scale || !d->shift)
        return false;
    for (int c = 0; c < d->channels; c++)
        set_taps(d, c);
    return true;
}

/* ---- inverted residuals ---------------------------------------------------------------------- */

bool inverted_finish(struct inverted *b, bool q8)
{
    if (q8 && b->expand.n_out) {
        size_t n = (size_t)b->expand.np;
        b->scale = malloc(n * sizeof *b->scale);
        b->shift = malloc(n * sizeof *b->shift);
        if (!b->scale || !b->shift)
            return false;
        for (size_t i = 0; i < n; i++) {
            b->scale[i] = b->expand.scale[i] * SIX_U8;
            b->shift[i] = b->expand.bias[i] * SIX_U8;
        }
    }
    return depthwise_finish(&b->depthwise, q8);
}

/* ---- stem ------------------------------------------------------------------------------------ */

bool stem_alloc(struct stem *s, int image_size, int channels, bool same, bool q8)
{
    *s = (struct stem){.windows = windows_of(image_size, STEM, 2, same), .channels = channels, .q8 = q8};
    size_t c = (size_t)channels, rows = (size_t)s->windows.out * (size_t)s->windows.out;
    s->bias = calloc(c, sizeof *s->bias);
    if (!s->bias || !linear_alloc(&s->hi, channels, INPUTS, q8))
        return false;
    if (!q8)
        return (s->rows_f32 = malloc(rows * INPUTS * sizeof *s->rows_f32)) != NULL;
    s->f16 = calloc(c * INPUTS, sizeof *s->f16);
    s->edges = malloc(9 * c * sizeof *s->edges);
    return s->f16 && s->edges && linear_alloc(&s->lo, channels, INPUTS, true);
}

void stem_free(struct stem *s)
{
    linear_free(&s->hi), linear_free(&s->lo);
    free(s->f16), free(s->edges), free(s->bias), free(s->rows_f32);
    *s = (struct stem){0};
}

void stem_list(struct stem *s, struct slots *all, const char *prefix, const char *name)
{
    char full[88];
    append_text(append_text(full, prefix), name);
    struct slot *weight =
        slots_add(all, s->q8 ? &slot_raw_halves : &slot_pixels_f32, 4, (uint64_t)s->channels, 3, full, ".weight");
    weight->shape[2] = weight->shape[3] = STEM;
    if (s->q8)
        weight->to.halves = s->f16;
    else
        weight->to.linear = &s->hi;
    slots_add_floats(all, s->bias, 1, (uint64_t)s->channels, 1, full, ".bias");
}

/* Whether tap i of three lies inside: edge 0: all do; 1: the first does not; 2: the last does not. */
static bool inside(int edge, int i) { return edge == 0 || i != (edge == 1 ? 0 : STEM - 1); }

/* As patches.c has it; what mean / std takes away is a tap's own here, since taps outside take nothing away. */
static __attribute__((noinline)) void fold_row(struct stem *s, int n, int8_t hi[INPUTS], int8_t lo[INPUTS])
{
    const struct pixel_rule *rule = &s->rule;
    const uint16_t *w = s->f16 + (size_t)n * INPUTS;
    float row[INPUTS], top = 0;
    double away[STEM][STEM];
    for (int i = 0; i < STEM * STEM; i++) {
        double sum = 0;
        for (int rgb = 0; rgb < 3; rgb++) { /* w is [channel][y][x], pixels are [y][x][channel] */
            float value = f16_to_float(w[rgb * STEM * STEM + i]);
            sum += (double)value * (double)rule->mean[rgb] / (double)rule->std[rgb];
            value = value * rule->rescale / rule->std[rgb];
            row[i * 3 + rgb] = value;
            float size = value < 0 ? -value : value;
            top = size > top ? size : top;
        }
        away[i / STEM][i % STEM] = sum;
    }
    float scale = top < 0x1p-100f ? 1.0f : top / 8127.0f;
    for (int i = 0; i < INPUTS; i++) {
        int q = (int)round_f32(row[i] / scale);
        int high = (q + 64) >> 7;
        hi[i] = (int8_t)high;
        lo[i] = (int8_t)(q - 128 * high);
    }
    s->hi.scale[n] = scale * 128.0f;
    s->lo.scale[n] = scale;
    for (int edge = 0; edge < 9; edge++) {
        double bias = (double)s->bias[n];
        for (int y = 0; y < STEM; y++)
            for (int x = 0; x < STEM; x++)
                if (inside(edge / 3, y) && inside(edge % 3, x))
                    bias -= away[y][x];
        s->edges[(size_t)edge * (size_t)s->channels + (size_t)n] = (float)bias;
    }
}

kin_status stem_finish(struct stem *s, const struct pixel_rule *rule, const struct kernels *k, kin_error *err)
{
    (void)err;
    s->rule = *rule;
    for (int n = 0; s->q8 && n < s->channels; n += PANEL) {
        int8_t hi[PANEL * INPUTS], lo[PANEL * INPUTS];
        for (int c = 0; c < PANEL; c++)
            fold_row(s, n + c, hi + c * INPUTS, lo + c * INPUTS);
        linear_set_q8(&s->hi, k, n, PANEL, hi);
        linear_set_q8(&s->lo, k, n, PANEL, lo);
    }
    return KIN_OK;
}
