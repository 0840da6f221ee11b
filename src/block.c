/* block: layer norm, attention by heads, and the block itself. */
#include "block.h"
#include <float.h>
#include <stdlib.h>

/* Keys and values as s8: 7 bits like the weights of short rows, for which kernels never add two
 * products in 16 bits. */
enum { ATTENTION_LIMIT = 63 };

/* ---- weights --------------------------------------------------------------------------------- */

bool norm_alloc(struct norm *n, int channels)
{
    n->gain = calloc((size_t)channels, sizeof *n->gain);
    n->shift = calloc((size_t)channels, sizeof *n->shift);
    return n->gain && n->shift;
}

void norm_free(struct norm *n) { free(n->gain), free(n->shift); }

bool block_alloc(struct block *b, const struct block_shape *s)
{
    int c = s->channels;
    return norm_alloc(&b->norm1, c) && norm_alloc(&b->norm2, c) && linear_alloc(&b->q, c, c, s->q8) &&
           linear_alloc(&b->k, c, c, s->q8) && linear_alloc(&b->v, c, c, s->q8) && linear_alloc(&b->out, c, c, s->q8) &&
           linear_alloc(&b->fc1, s->hidden, c, s->q8) && linear_alloc(&b->fc2, c, s->hidden, s->q8);
}

void block_free(struct block *b)
{
    struct linear *all[] = {&b->q, &b->k, &b->v, &b->out, &b->fc1, &b->fc2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        linear_free(all[i]);
    norm_free(&b->norm1), norm_free(&b->norm2);
}

/* ---- layer norm ------------------------------------------------------------------------------ */

static float lanes_total(const float *x, int n, float shift, bool square)
{
    f32x4 sum[2] = {f32x4_splat(0), f32x4_splat(0)}, minus = f32x4_splat(shift);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        f32x4 a = f32x4_load(x + i) - minus, b = f32x4_load(x + i + 4) - minus;
        sum[0] += square ? a * a : a;
        sum[1] += square ? b * b : b;
    }
    for (; i < n; i += 4) {
        f32x4 v = (i + 4 <= n ? f32x4_load(x + i) : f32x4_load_part(x + i, n - i, shift)) - minus;
        sum[i / 4 % 2] += square ? v * v : v;
    }
    return lanes_sum(sum[0], sum[1]);
}

void norm_row(const struct norm *n, float eps, int channels, const float *x, float *y)
{
    int c = channels, i = 0;
    float mean = lanes_total(x, c, 0, false) / (float)c;
    float var = lanes_total(x, c, mean, true) / (float)c;
    f32x4 inv = f32x4_splat(1.0f / sqrtf(var + eps)), m = f32x4_splat(mean);
    for (; i + 4 <= c; i += 4)
        f32x4_store(y + i, ((f32x4_load(x + i) - m) * inv) * f32x4_load(n->gain + i) + f32x4_load(n->shift + i));
    for (; i < c; i++)
        y[i] = ((x[i] - mean) * inv[0]) * n->gain[i] + n->shift[i];
}

struct norm_job {
    const struct norm *n;
    float eps;
    int channels;
    const float *x;
    float *y;
    const struct kernels *k;
    struct acts *acts; /* NULL: y is all that is wanted */
};

static void norm_some(void *arg, int begin, int end, int thread)
{
    const struct norm_job *job = arg;
    (void)thread;
    for (int r = begin; r < end; r++) {
        float *y = job->y + (size_t)r * job->channels;
        norm_row(job->n, job->eps, job->channels, job->x + (size_t)r * job->channels, y);
        if (job->acts)
            acts_set_row(job->acts, job->k, r, y);
    }
}

void norm_rows(const struct norm *n, float eps, int channels, kin_pool *pool, float *x, int rows)
{
    pool_run(pool, norm_some, &(struct norm_job){n, eps, channels, x, x, NULL, NULL}, rows);
}

/* ---- scratch --------------------------------------------------------------------------------- */

/* What one head keeps while it works. T tokens padded to Tp, D channels to Dp (multiples of 8), Q queries
 * at a time: so few in q8 that what is made of them stays in the nearest cache until it is used up. */
enum { QUERIES_Q8 = 2 * TILE_ROWS_MAX };
struct head {
    uint8_t *acts;                   /* [Q] rows of Dp activations, then reused for [Q] rows of Tp */
    int8_t *rows;                    /* [Tp][Dp] keys, then values, before packing */
    int8_t *keys, *values;           /* the same, packed */
    float *panels_f32;               /* f32: packed keys or values */
    float *scores;                   /* q8: [Tp], of one query; f32: [T][Tp] */
    int32_t *acc;                    /* [Q][max(Tp, Dp)] */
    float *scale_q, *sum;            /* [Q] each; sum: softmax denominators */
    float *scale_k, *scale_v;        /* [Tp] each */
    int32_t *zero_q, *sum_k, *sum_v; /* [Q], [Tp], [Dp] */
};

/* Lays the arrays out from `base`; returns the bytes needed. Called once with NULL to measure. */
static size_t head_layout(struct head *h, uint8_t *base, const struct block_shape *shape)
{
    size_t tp = align_up((size_t)shape->tokens_max, 8), dp = align_up((size_t)(shape->channels / shape->heads), 8);
    size_t wide = tp > dp ? tp : dp, queries = shape->q8 ? QUERIES_Q8 : tp, packed = shape->q8 ? tp * dp : 0, at = 0;
#define TAKE(field, count)                        \
    h->field = base ? (void *)(base + at) : NULL; \
    at = align_up(at + (count) * sizeof *h->field, 64)
    TAKE(acts, shape->q8 ? queries * wide * 2 : 0);
    TAKE(rows, packed);
    TAKE(keys, packed);
    TAKE(values, packed);
    TAKE(panels_f32, shape->q8 ? 0 : tp * dp);
    TAKE(scores, shape->q8 ? tp : tp * tp);
    TAKE(acc, queries * wide);
    TAKE(scale_q, queries);
    TAKE(sum, queries);
    TAKE(scale_k, tp);
    TAKE(scale_v, tp);
    TAKE(zero_q, queries);
    TAKE(sum_k, tp);
    TAKE(sum_v, dp);
#undef TAKE
    return at;
}

void block_scratch_free(struct block_scratch *s)
{
    free(s->h), free(s->q), free(s->k), free(s->v), free(s->f), free(s->head);
    acts_free(&s->acts);
    *s = (struct block_scratch){0};
}

bool block_scratch_alloc(struct block_scratch *s, const struct block_shape *shape, int threads)
{
    struct head h;
    size_t rows = (size_t)shape->rows_max, c = (size_t)shape->channels, f = (size_t)shape->hidden;
    block_scratch_free(s);
    s->threads = threads;
    s->head_bytes = head_layout(&h, NULL, shape);
    s->h = malloc(rows * c * sizeof *s->h);
    s->q = malloc(rows * c * sizeof *s->q);
    s->k = malloc(rows * c * sizeof *s->k);
    s->v = malloc(rows * c * sizeof *s->v);
    s->f = malloc(rows * f * sizeof *s->f);
    s->head = calloc((size_t)threads, s->head_bytes); /* sees a product that wraps */
    if (acts_alloc(&s->acts, shape->rows_max, (int)(c > f ? c : f)) && s->h && s->q && s->k && s->v && s->f && s->head)
        return true;
    block_scratch_free(s);
    return false;
}

/* ---- attention ------------------------------------------------------------------------------- */

struct attention_job {
    const struct block_shape *shape;
    struct block_scratch *s;
    const struct kernels *kernels;
    const struct span *spans;
    bool last;
};

/* One head of one span: queries in rows first_q … first_q + n_q - 1 of s->q, the first of them being
 * token number `position`; keys and values of `tokens` tokens. */
struct attention {
    const struct attention_job *job;
    const struct span *span;
    int first_q, n_q, position, tokens;
    int channel, depth;
};

/* Where token j's channels of this head lie in `of` (s->k or s->v). */
static const float *token_row(const struct attention *a, const float *of, int j)
{
    int row = j < a->span->shared ? j : a->span->first + j - a->span->shared;
    return of + (size_t)row * a->job->shape->channels + a->channel;
}
static float *query_row(const struct attention *a, float *of, int i)
{
    return of + (size_t)(a->first_q + i) * a->job->shape->channels + a->channel;
}
static int visible(const struct attention *a, int i) { return a->job->shape->causal ? a->position + i + 1 : a->tokens; }

/* scores s_j -> e_j = exp(s_j - max), j < n; returns their sum. */
static float softmax_row(float *scores, int n)
{
    f32x4 top4 = f32x4_splat(scores[0]);
    int i = 0;
    for (; i < n; i += 4)
        top4 = f32x4_max(top4, i + 4 <= n ? f32x4_load(scores + i) : f32x4_load_part(scores + i, n - i, scores[0]));
    f32x4 top = f32x4_splat(f32x4_top(top4)), sum[2] = {f32x4_splat(0), f32x4_splat(0)};
    for (i = 0; i + 8 <= n; i += 8) {
        f32x4 a = f32x4_exp(f32x4_load(scores + i) - top), b = f32x4_exp(f32x4_load(scores + i + 4) - top);
        f32x4_store(scores + i, a);
        f32x4_store(scores + i + 4, b);
        sum[0] += a;
        sum[1] += b;
    }
    for (; i < n; i += 4) {
        int left = n - i < 4 ? n - i : 4;
        f32x4 e = f32x4_exp(f32x4_load_part(scores + i, left, 0) - top);
        f32x4_store_part(scores + i, e, left);
        sum[i / 4 % 2] += f32x4_load_part(scores + i, left, 0);
    }
    return lanes_sum(sum[0], sum[1]);
}

/* Keys quantised and packed; scale_k takes log2(e)/sqrt(D) along, so that a softmax is one of powers of 2. */
static void keys_q8(const struct attention *a, struct head *h, int tp, int dp)
{
    const struct kernels *k = a->job->kernels;
    float root = 1.44269504f / sqrtf((float)a->depth);
    memset(h->rows, 0, (size_t)tp * dp);
    for (int j = 0; j < a->tokens; j++) {
        h->sum_k[j] = quant_signed_row(token_row(a, a->job->s->k, j), a->depth, ATTENTION_LIMIT,
                                       h->rows + (size_t)j * dp, &h->scale_k[j]);
        h->scale_k[j] = h->scale_k[j] * root;
    }
    for (int j = a->tokens; j < tp; j++)
        h->sum_k[j] = 0, h->scale_k[j] = 0;
    for (int p = 0; p < tp; p += PANEL)
        k->pack(h->rows + (size_t)p * dp, (size_t)dp, dp, h->keys + (size_t)p * dp);
}

/* Values quantised and packed, a channel being a row of the product over tokens. */
static void values_q8(const struct attention *a, struct head *h, int tp, int dp)
{
    const struct kernels *k = a->job->kernels;
    memset(h->rows, 0, (size_t)tp * dp);
    for (int j = 0; j < a->tokens; j++)
        quant_signed_row(token_row(a, a->job->s->v, j), a->depth, ATTENTION_LIMIT, h->rows + (size_t)j * dp,
                         &h->scale_v[j]);
    for (int j = a->tokens; j < tp; j++)
        h->scale_v[j] = 0;
    for (int p = 0; p < dp; p += PANEL)
        k->pack_columns(h->rows + p, (size_t)dp, tp, h->values + (size_t)p * tp);
}

/* One query's products with n keys become e_j s_v,j, as u8 of their largest; the rest up to np, as what a
 * kernel reads beyond them, zeros. n > 0; np: n to a multiple of 8. */
static void weights_q8(struct head *h, const struct kernels *k, int i, const int32_t *acc, int n, int np, void *out)
{
    float *e = h->scores;
    f32x4 scale = f32x4_splat(h->scale_q[i]), least = f32x4_splat(-127.0f), top4, most = f32x4_splat(0);
    int32_t zero = h->zero_q[i];
    for (int j = 0; j < np; j += 4)
        f32x4_store(e + j, f32x4_from_i32(i32x4_load(acc + j) - zero * i32x4_load(h->sum_k + j)) *
                               (scale * f32x4_load(h->scale_k + j)));
    for (int j = n; j < np; j++)
        e[j] = -FLT_MAX; /* whose power is 0 */
    top4 = f32x4_load(e);
    for (int j = 4; j < np; j += 4)
        top4 = f32x4_max(top4, f32x4_load(e + j));
    f32x4 top = f32x4_splat(f32x4_top(top4)), sum[2] = {f32x4_splat(0), f32x4_splat(0)};
    for (int j = 0; j < np; j += 8) {
        f32x4 a = f32x4_exp2_coarse(f32x4_max(f32x4_load(e + j) - top, least));
        f32x4 b = f32x4_exp2_coarse(f32x4_max(f32x4_load(e + j + 4) - top, least));
        sum[0] += a;
        sum[1] += b;
        a = a * f32x4_load(h->scale_v + j);
        b = b * f32x4_load(h->scale_v + j + 4);
        f32x4_store(e + j, a);
        f32x4_store(e + j + 4, b);
        most = f32x4_max(most, f32x4_max(a, b));
    }
    h->sum[i] = lanes_sum(sum[0], sum[1]);
    quant_act_row_within(e, np, np, k->form, 0, f32x4_top(most), out, &h->scale_q[i], &h->zero_q[i]);
}

static void head_q8(const struct attention *a, struct head *h)
{
    const struct kernels *k = a->job->kernels;
    int tp = (int)align_up((size_t)a->tokens, 8), dp = (int)align_up((size_t)a->depth, 8);
    size_t q_stride = (size_t)dp * act_bytes(k->form);
    int some = QUERIES_Q8 / k->rows * k->rows /* whole tiles */, summed = 0;
    keys_q8(a, h, tp, dp);
    values_q8(a, h, tp, dp);
    memset(h->sum_v, 0, (size_t)dp * sizeof *h->sum_v);
    for (int first = 0, n_q; first < a->n_q; first += n_q) {
        n_q = a->n_q - first < some ? a->n_q - first : some;
        /* What the last of them sees; the others' weights beyond their own are zeros. */
        int np = (int)align_up((size_t)visible(a, first + n_q - 1), 8);
        size_t e_stride = (size_t)np * act_bytes(k->form);
        for (int i = 0; i < n_q; i++)
            quant_act_row(query_row(a, a->job->s->q, first + i), a->depth, dp, k->form, h->acts + i * q_stride,
                          &h->scale_q[i], &h->zero_q[i]);
        tile_product(k, h->acts, q_stride, n_q, h->keys, np / PANEL, dp, dp, h->acc);
        for (int i = 0; i < n_q; i++)
            weights_q8(h, k, i, h->acc + (size_t)i * np, visible(a, first + i), np, h->acts + i * e_stride);
        for (; act_shift(k->form) && summed < np; summed++)
            for (int d = 0; d < a->depth; d++)
                h->sum_v[d] += h->rows[(size_t)summed * dp + d];
        tile_product(k, h->acts, e_stride, n_q, h->values, dp / PANEL, tp, np, h->acc);
        for (int i = 0; i < n_q; i++) {
            float *out = query_row(a, a->job->s->h, first + i), scale = h->scale_q[i] / h->sum[i];
            const int32_t *acc = h->acc + (size_t)i * dp;
            for (int d = 0; d < a->depth; d++)
                out[d] = (float)(acc[d] - h->zero_q[i] * h->sum_v[d]) * scale;
        }
    }
}

/* Rows of keys -> panels [n/8][depth][8]; `transposed`: of values -> [depth/8][n][8]. */
static void pack_panels_f32(const struct attention *a, const float *of, bool transposed, size_t width, float *panels)
{
    for (int j = 0; j < a->tokens; j++) {
        const float *row = token_row(a, of, j);
        for (int d = 0; d < a->depth; d++) {
            size_t r = (size_t)(transposed ? d : j), i = (size_t)(transposed ? j : d);
            panels[(r / PANEL * width + i) * PANEL + r % PANEL] = row[d];
        }
    }
}

static void head_f32(const struct attention *a, struct head *h)
{
    struct block_scratch *s = a->job->s;
    int c = a->job->shape->channels, t = a->tokens, tp = (int)align_up((size_t)t, 8);
    int dp = (int)align_up((size_t)a->depth, 8);
    float root = 1.0f / sqrtf((float)a->depth), *out = (float *)h->acc;
    memset(h->panels_f32, 0, (size_t)tp * dp * sizeof *h->panels_f32);
    pack_panels_f32(a, s->k, false, (size_t)dp, h->panels_f32);
    tile_product_f32(query_row(a, s->q, 0), c, a->n_q, h->panels_f32, tp / PANEL, a->depth, dp, h->scores);
    for (int i = 0; i < a->n_q; i++) {
        float *e = h->scores + (size_t)i * tp;
        int n = visible(a, i);
        for (int j = 0; j < n; j++)
            e[j] = e[j] * root;
        h->sum[i] = softmax_row(e, n);
        for (int j = n; j < tp; j++)
            e[j] = 0;
    }
    memset(h->panels_f32, 0, (size_t)tp * dp * sizeof *h->panels_f32);
    pack_panels_f32(a, s->v, true, (size_t)tp, h->panels_f32);
    tile_product_f32(h->scores, tp, a->n_q, h->panels_f32, dp / PANEL, t, tp, out);
    for (int i = 0; i < a->n_q; i++)
        for (int d = 0; d < a->depth; d++)
            query_row(a, s->h, i)[d] = out[(size_t)i * dp + d] / h->sum[i];
}

/* Items are heads, those of the first span first. */
static void attend_some(void *arg, int begin, int end, int thread)
{
    const struct attention_job *job = arg;
    const struct block_shape *shape = job->shape;
    struct head h;
    head_layout(&h, job->s->head + job->s->head_bytes * (size_t)thread, shape);
    for (int item = begin; item < end; item++) {
        int number = item / shape->heads, depth = shape->channels / shape->heads;
        const struct span *span = &job->spans[number];
        struct attention a = {job,
                              span,
                              span->first,
                              span->tokens,
                              span->shared,
                              span->shared + span->tokens,
                              item % shape->heads * depth,
                              depth};
        if (job->last) {
            if (span->pooled < 0)
                continue;
            a.first_q = number - (job->spans[0].pooled < 0);
            a.n_q = 1;
            a.position += span->pooled;
        }
        (shape->q8 ? head_q8 : head_f32)(&a, &h);
    }
}

/* ---- the block ------------------------------------------------------------------------------- */

/* Moves the pooled rows of x, h and the activations to the front; returns their number. */
static int keep_pooled(const struct block_shape *shape, struct block_scratch *s, float *x, const struct span *spans,
                       int n_spans)
{
    size_t c = (size_t)shape->channels;
    int rows = 0;
    for (int i = 0; i < n_spans; i++) {
        if (spans[i].pooled < 0)
            continue;
        int from = spans[i].first + spans[i].pooled, to = rows++;
        if (from == to)
            continue;
        memcpy(x + to * c, x + from * c, c * sizeof *x);
        if (shape->q8)
            acts_move_row(&s->acts, from, to);
        else
            memcpy(s->h + to * c, s->h + from * c, c * sizeof *x);
    }
    s->acts.m = rows;
    return rows;
}

void block_run(const struct block *b, const struct block_shape *shape, struct block_scratch *s, kin_pool *pool,
               const struct kernels *k, float *x, const struct span *spans, int n_spans, bool last)
{
    int c = shape->channels, f = shape->hidden, rows = spans[n_spans - 1].first + spans[n_spans - 1].tokens;
    bool q8 = shape->q8;
    struct acts *a = &s->acts;
    struct norm_job norm1 = {&b->norm1, shape->eps, c, x, s->h, k, q8 ? a : NULL};
    struct norm_job norm2 = {&b->norm2, shape->eps, c, x, s->h, k, q8 ? a : NULL};

    acts_begin(a, k, s->h, rows, c);
    pool_run(pool, norm_some, &norm1, rows);
    struct product kvq[3] = {{&b->k, s->k}, {&b->v, s->v}, {&b->q, s->q}};
    linear_apply(kvq, last ? 2 : 3, pool, k, a, c, LINEAR_STORE, shape->act);
    if (last) {
        rows = keep_pooled(shape, s, x, spans, n_spans);
        linear_apply(kvq + 2, 1, pool, k, a, c, LINEAR_STORE, shape->act);
    }
    pool_run(pool, attend_some, &(struct attention_job){shape, s, k, spans, last}, n_spans * shape->heads);

    acts_from_rows(a, pool, k, q8, s->h, rows, c);
    linear_apply(&(struct product){&b->out, x}, 1, pool, k, a, c, LINEAR_ADD, shape->act);
    acts_begin(a, k, s->h, rows, c);
    pool_run(pool, norm_some, &norm2, rows);
    linear_apply(&(struct product){&b->fc1, s->f}, 1, pool, k, a, f, LINEAR_ACTIVATE, shape->act);
    acts_from_rows(a, pool, k, q8, s->f, rows, f);
    linear_apply(&(struct product){&b->fc2, x}, 1, pool, k, a, c, LINEAR_ADD, shape->act);
}
