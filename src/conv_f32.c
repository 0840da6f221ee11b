/* conv_f32: the same layers in floats, the oracle. Sums over the taps inside the map, in order. */
#include "conv.h"
#include <string.h>

enum { STEM = STEM_SIZE, INPUTS = STEM_INPUTS };

static void relu6_floats(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0 ? y[i] < 6 ? y[i] : 6 : 0;
}

void pointwise_relu6_f32(const struct linear *l, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                         const float *x, int m, float *y)
{
    acts_from_rows(&s->acts, pool, k, false, x, m, l->n_in);
    linear_apply(&(struct product){l, y}, 1, pool, k, &s->acts, l->n_out, LINEAR_STORE, ACT_GELU);
    relu6_floats(y, (size_t)m * (size_t)l->n_out);
}

struct depthwise_job {
    const struct depthwise *d;
    const float *x;
    float *y;
};

static void depthwise_some(void *arg, int begin, int end, int thread)
{
    const struct depthwise_job *job = arg;
    const struct depthwise *d = job->d;
    const struct windows *w = &d->windows;
    size_t channels = (size_t)d->channels;
    (void)thread;
    for (int p = begin * w->out; p < end * w->out; p++) {
        float *y = job->y + (size_t)p * channels;
        memset(y, 0, channels * sizeof *y);
        for (int tap = 0; tap < w->size * w->size; tap++) {
            int from_y = p / w->out * w->stride - w->before + tap / w->size;
            int from_x = p % w->out * w->stride - w->before + tap % w->size;
            if (from_y < 0 || from_y >= w->in || from_x < 0 || from_x >= w->in)
                continue;
            const float *x = job->x + (size_t)(from_y * w->in + from_x) * channels;
            const float *weights = d->turned + (size_t)tap * channels;
            for (size_t c = 0; c < channels; c++)
                y[c] = y[c] + x[c] * weights[c];
        }
        for (size_t c = 0; c < channels; c++)
            y[c] = y[c] + d->bias[c];
        relu6_floats(y, channels);
    }
}

void inverted_f32(const struct inverted *b, struct conv_scratch *s, kin_pool *pool, const struct kernels *k, float *x)
{
    const struct depthwise *d = &b->depthwise;
    const struct windows *w = &d->windows;
    const float *from = x;
    if (b->expand.n_out) {
        pointwise_relu6_f32(&b->expand, s, pool, k, x, w->in * w->in, s->wide);
        from = s->wide;
    }
    pool_run(pool, depthwise_some, &(struct depthwise_job){d, from, s->wide_to}, w->out);
    acts_from_rows(&s->acts, pool, k, false, s->wide_to, w->out * w->out, d->channels);
    linear_apply(&(struct product){&b->project, x}, 1, pool, k, &s->acts, b->project.n_out,
                 b->residual ? LINEAR_ADD : LINEAR_STORE, ACT_GELU);
}

static void gather_f32(const struct stem *s, const uint8_t *pixels)
{
    const struct windows *w = &s->windows;
    float *to = s->rows_f32;
    for (int m = 0; m < w->out * w->out; m++)
        for (int i = 0; i < INPUTS; i++) {
            int x = m % w->out * w->stride - w->before + i / 3 % STEM, y = m / w->out * w->stride - w->before + i / 9;
            *to++ =
                x < 0 || x >= w->in || y < 0 || y >= w->in
                    ? 0
                    : ((float)pixels[((size_t)y * (size_t)w->in + (size_t)x) * 3 + (size_t)(i % 3)] * s->rule.rescale -
                       s->rule.mean[i % 3]) /
                          s->rule.std[i % 3];
        }
}

void stem_f32(struct stem *s, struct conv_scratch *scratch, kin_pool *pool, const struct kernels *k,
              const uint8_t *pixels, float *y)
{
    int rows = s->windows.out * s->windows.out;
    gather_f32(s, pixels);
    memcpy(s->hi.bias, s->bias, (size_t)s->channels * sizeof *s->bias);
    pointwise_relu6_f32(&s->hi, scratch, pool, k, s->rows_f32, rows, y);
}
