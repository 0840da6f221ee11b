/* block: layer norm, attention by heads, and the block itself. */
#include "block.h"
#include "quant.h"
#include <stdlib.h>

/* Keys and values as s8: 7 bits like the weights of short rows, for which kernels never add two
 * products in 16 bits. */
enum { ATTENTION_LIMIT = 63 };

struct norm_job {
    const struct norm *n;
    float eps;
    int channels;
    const float *x;
    float *y;
};

static float lanes_total(const float *x, int n, float shift, bool square)
{
    f32x4 sum[2] = {f32x4_splat(0), f32x4_splat(0)}, minus = f32x4_splat(shift);
    for (int i = 0; i < n; i += 4) {
        f32x4 v = (i + 4 <= n ? f32x4_load(x + i) : f32x4_load_part(x + i, n - i, shift)) - minus;
        sum[i / 4 % 2] += square ? v * v : v;
    }
    return lanes_sum(sum[0], sum[1]);
}

static void norm_some(void *arg, int begin, int end, int thread)
{
    const struct norm_job *job = arg;
    int c = job->channels;
    (void)thread;
    for (int r = begin; r < end; r++) {
        const float *x = job->x + (size_t)r * c;
        float *y = job->y + (size_t)r * c;
        float mean = lanes_total(x, c, 0, false) / (float)c;
        float var = lanes_total(x, c, mean, true) / (float)c;
        f32x4 inv = f32x4_splat(1.0f / sqrtf(var + job->eps)), m = f32x4_splat(mean);
        int i = 0;
        for (; i + 4 <= c; i += 4)
            f32x4_store(y + i, ((f32x4_load(x + i) - m) * inv) * f32x4_load(job->n->gain + i) +
                                   f32x4_load(job->n->shift + i));
        for (; i < c; i++)
            y[i] = ((x[i] - mean) * inv[0]) * job->n->gain[i] + job->n->shift[i];
    }
}

void norm_rows(const struct norm *n, float eps, int channels, kin_pool *pool, const float *x, float *y,
               int rows)
{
    pool_run(pool, norm_some, &(struct norm_job){n, eps, channels, x, y}, rows);
}

/* What one head keeps while it works. T tokens padded to Tp, D channels to Dp (multiples of 8). */
struct head {
    uint8_t *q8;       /* [T] rows of Dp activations, then reused for [T] rows of Tp weights */
    int8_t *rows8;     /* [Tp][Dp] keys, then [Dp][Tp] values: row-major before packing */
    int8_t *panels;    /* the same, packed */
    float *panels_f32; /* f32: packed keys or values */
    float *scores;     /* [T][Tp] */
    int32_t *acc;      /* [T][max(Tp, Dp)] */
    float *scale_q, *scale_k, *scale_v, *sum; /* [T] each; sum: softmax denominators */
    int32_t *zero_q, *sum_k;
    float *row;        /* [max(T, D)] */
};

/* Lays the arrays out from `base`; returns the bytes needed. Called once with NULL to measure. */
static size_t head_layout(struct head *h, uint8_t *base, int tokens, int depth)
{
    size_t tp = align_up((size_t)tokens, 8), dp = align_up((size_t)depth, 8), wide = tp > dp ? tp : dp;
    size_t at = 0;
#define TAKE(field, count) \
    h->field = base ? (void *)(base + at) : NULL; \
    at = align_up(at + (count) * sizeof *h->field, 64)
    TAKE(q8, tp * wide * 2);
    TAKE(rows8, tp * dp);
    TAKE(panels, tp * dp);
    TAKE(panels_f32, tp * dp);
    TAKE(scores, tp * tp);
    TAKE(acc, tp * wide);
    TAKE(scale_q, tp);
    TAKE(scale_k, tp);
    TAKE(scale_v, tp);
    TAKE(sum, tp);
    TAKE(zero_q, tp);
    TAKE(sum_k, tp);
    TAKE(row, wide);
#undef TAKE
    return at;
}

void block_scratch_free(struct block_scratch *s)
{
    free(s->h), free(s->q), free(s->k), free(s->v), free(s->f), free(s->head);
    free(s->acts.q), free(s->acts.scale), free(s->acts.zero);
    *s = (struct block_scratch){0};
}

bool block_scratch_alloc(struct block_scratch *s, const struct block_shape *shape, int threads)
{
    struct head h;
    size_t t = (size_t)shape->tokens_max, c = (size_t)shape->channels, f = (size_t)shape->hidden;
    size_t wide = align_up(c > f ? c : f, 8);
    block_scratch_free(s);
    s->threads = threads;
    s->head_bytes = head_layout(&h, NULL, shape->tokens_max, shape->channels / shape->heads);
    s->h = malloc(t * c * sizeof *s->h);
    s->q = malloc(t * c * sizeof *s->q);
    s->k = malloc(t * c * sizeof *s->k);
    s->v = malloc(t * c * sizeof *s->v);
    s->f = malloc(t * f * sizeof *s->f);
    s->head = malloc(s->head_bytes * (size_t)threads);
    s->acts.q = malloc(t * wide * 2);
    s->acts.scale = malloc(t * sizeof *s->acts.scale);
    s->acts.zero = malloc(t * sizeof *s->acts.zero);
    if (s->h && s->q && s->k && s->v && s->f && s->head && s->acts.q && s->acts.scale && s->acts.zero)
        return true;
    block_scratch_free(s);
    return false;
}

struct attention_job {
    const struct block_shape *shape;
    struct block_scratch *s;
    const struct kernels *kernels;
    int tokens;       /* keys and values */
    int first, n_q;   /* queries: tokens first … first + n_q - 1, in rows 0 … n_q - 1 of s->q */
};

/* scores[i][j] -> e_ij = exp(s_ij - max_i), their sum into *sum; j < n. */
static float softmax_row(float *scores, int n)
{
    f32x4 top4 = f32x4_splat(scores[0]);
    int i = 0;
    for (; i < n; i += 4)
        top4 = f32x4_max(top4, i + 4 <= n ? f32x4_load(scores + i)
                                          : f32x4_load_part(scores + i, n - i, scores[0]));
    float a = top4[0] > top4[1] ? top4[0] : top4[1], b = top4[2] > top4[3] ? top4[2] : top4[3];
    f32x4 top = f32x4_splat(a > b ? a : b), sum[2] = {f32x4_splat(0), f32x4_splat(0)};
    for (i = 0; i < n; i += 4) {
        int left = n - i;
        f32x4 e = f32x4_exp((left < 4 ? f32x4_load_part(scores + i, left, 0) : f32x4_load(scores + i)) - top);
        if (left < 4) {
            f32x4_store_part(scores + i, e, left);
            e = f32x4_load_part(scores + i, left, 0);
        } else {
            f32x4_store(scores + i, e);
        }
        sum[i / 4 % 2] += e;
    }
    return lanes_sum(sum[0], sum[1]);
}

static int visible(const struct attention_job *job, int i)
{
    return job->shape->causal ? job->first + i + 1 : job->tokens;
}

static void pack_panels(const struct kernels *k, const int8_t *rows, int n, int width, int8_t *panels)
{
    for (int p = 0; p < n; p += PANEL)
        k->pack(rows + (size_t)p * width, (size_t)width, width, panels + (size_t)p * width);
}

static void head_q8(const struct attention_job *job, struct head *h, int channel, int depth)
{
    const struct kernels *k = job->kernels;
    int c = job->shape->channels, t = job->tokens, tp = (int)align_up((size_t)t, 8);
    int dp = (int)align_up((size_t)depth, 8);
    size_t q_stride = (size_t)dp * (size_t)k->act_bytes, p_stride = (size_t)tp * (size_t)k->act_bytes;
    float root = 1.0f / sqrtf((float)depth);

    for (int i = 0; i < job->n_q; i++)
        quant_act_row(job->s->q + (size_t)i * c + channel, depth, dp, k->act_bytes, h->q8 + i * q_stride,
                      &h->scale_q[i], &h->zero_q[i]);
    memset(h->rows8, 0, (size_t)tp * dp);
    for (int j = 0; j < t; j++) {
        int8_t *key = h->rows8 + (size_t)j * dp;
        quant_signed_row(job->s->k + (size_t)j * c + channel, depth, ATTENTION_LIMIT, key, &h->scale_k[j]);
        h->sum_k[j] = 0;
        for (int d = 0; d < depth; d++)
            h->sum_k[j] += key[d];
        h->scale_k[j] = h->scale_k[j] * root;
    }
    pack_panels(k, h->rows8, tp, dp, h->panels);
    tile_product(k, h->q8, q_stride, job->n_q, h->panels, tp / PANEL, dp, h->acc);
    for (int i = 0; i < job->n_q; i++)
        for (int j = 0; j < visible(job, i); j++)
            h->scores[(size_t)i * tp + j] = (float)(h->acc[(size_t)i * tp + j] - h->zero_q[i] * h->sum_k[j]) *
                                            (h->scale_q[i] * h->scale_k[j]);

    memset(h->rows8, 0, (size_t)tp * dp);
    for (int j = 0; j < t; j++) { /* value j quantised, then laid down as column j */
        int8_t *value = (int8_t *)h->row;
        quant_signed_row(job->s->v + (size_t)j * c + channel, depth, ATTENTION_LIMIT, value, &h->scale_v[j]);
        for (int d = 0; d < depth; d++)
            h->rows8[(size_t)d * tp + j] = value[d];
    }
    pack_panels(k, h->rows8, dp, tp, h->panels);
    for (int i = 0; i < job->n_q; i++) {
        float *e = h->scores + (size_t)i * tp;
        int n = visible(job, i);
        h->sum[i] = softmax_row(e, n);
        for (int j = 0; j < n; j++)
            e[j] = e[j] * h->scale_v[j];
        int32_t zero;
        quant_act_row(e, n, tp, k->act_bytes, h->q8 + i * p_stride, &h->scale_q[i], &zero);
    }
    tile_product(k, h->q8, p_stride, job->n_q, h->panels, dp / PANEL, tp, h->acc);
    for (int i = 0; i < job->n_q; i++) {
        float scale = h->scale_q[i] / h->sum[i];
        for (int d = 0; d < depth; d++)
            job->s->h[(size_t)i * c + channel + d] = (float)h->acc[(size_t)i * dp + d] * scale;
    }
}

/* rows [n][width] of floats, `stride` apart -> panels [n/8][width][8]; `transposed` reads columns. */
static void pack_panels_f32(const float *x, int stride, int n, int width, bool transposed, float *panels)
{
    for (int r = 0; r < n; r++)
        for (int i = 0; i < width; i++)
            panels[((size_t)(r / PANEL) * (size_t)align_up((size_t)width, 8) + (size_t)i) * PANEL + r % PANEL] =
                transposed ? x[(size_t)i * stride + r] : x[(size_t)r * stride + i];
}

static void head_f32(const struct attention_job *job, struct head *h, int channel, int depth)
{
    int c = job->shape->channels, t = job->tokens, tp = (int)align_up((size_t)t, 8);
    int dp = (int)align_up((size_t)depth, 8);
    float root = 1.0f / sqrtf((float)depth), *out = (float *)h->acc;
    memset(h->panels_f32, 0, (size_t)tp * dp * sizeof *h->panels_f32);
    pack_panels_f32(job->s->k + channel, c, t, depth, false, h->panels_f32);
    tile_product_f32(job->s->q + channel, c, job->n_q, h->panels_f32, tp / PANEL, depth, dp, h->scores);
    for (int i = 0; i < job->n_q; i++) {
        float *e = h->scores + (size_t)i * tp;
        int n = visible(job, i);
        for (int j = 0; j < n; j++)
            e[j] = e[j] * root;
        h->sum[i] = softmax_row(e, n);
        for (int j = n; j < tp; j++)
            e[j] = 0;
    }
    memset(h->panels_f32, 0, (size_t)tp * dp * sizeof *h->panels_f32);
    pack_panels_f32(job->s->v + channel, c, depth, t, true, h->panels_f32);
    tile_product_f32(h->scores, tp, job->n_q, h->panels_f32, dp / PANEL, t, tp, out);
    for (int i = 0; i < job->n_q; i++)
        for (int d = 0; d < depth; d++)
            job->s->h[(size_t)i * c + channel + d] = out[(size_t)i * dp + d] / h->sum[i];
}

static void attend_heads(void *arg, int begin, int end, int thread)
{
    const struct attention_job *job = arg;
    struct head h;
    int depth = job->shape->channels / job->shape->heads;
    head_layout(&h, job->s->head + job->s->head_bytes * (size_t)thread, job->shape->tokens_max, depth);
    for (int head = begin; head < end; head++)
        (job->shape->q8 ? head_q8 : head_f32)(job, &h, head * depth, depth);
}

void block_run(const struct block *b, const struct block_shape *shape, struct block_scratch *s,
               kin_pool *pool, const struct kernels *k, float *x, int tokens, int only)
{
    int c = shape->channels, rows = only < 0 ? tokens : 1;
    bool q8 = shape->q8;
    struct acts *a = &s->acts;

    norm_rows(&b->norm1, shape->eps, c, pool, x, s->h, tokens);
    acts_from_rows(a, pool, k, q8, s->h, tokens, c);
    linear_apply(&b->k, pool, k, a, s->k, c, LINEAR_STORE, shape->act);
    linear_apply(&b->v, pool, k, a, s->v, c, LINEAR_STORE, shape->act);
    if (only > 0) { /* from here on the one row stands first */
        memcpy(x, x + (size_t)only * c, (size_t)c * sizeof *x);
        memcpy(s->h, s->h + (size_t)only * c, (size_t)c * sizeof *x);
    }
    if (only > 0 || rows != tokens)
        acts_from_rows(a, pool, k, q8, s->h, rows, c);
    linear_apply(&b->q, pool, k, a, s->q, c, LINEAR_STORE, shape->act);

    struct attention_job job = {shape, s, k, tokens, only < 0 ? 0 : only, rows};
    pool_run(pool, attend_heads, &job, shape->heads);

    acts_from_rows(a, pool, k, q8, s->h, rows, c);
    linear_apply(&b->out, pool, k, a, x, c, LINEAR_ADD, shape->act);
    norm_rows(&b->norm2, shape->eps, c, pool, x, s->h, rows);
    acts_from_rows(a, pool, k, q8, s->h, rows, c);
    linear_apply(&b->fc1, pool, k, a, s->f, shape->hidden, LINEAR_ACTIVATE, shape->act);
    acts_from_rows(a, pool, k, q8, s->f, rows, shape->hidden);
    linear_apply(&b->fc2, pool, k, a, x, c, LINEAR_ADD, shape->act);
}
