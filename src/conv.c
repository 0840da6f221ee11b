/* conv: see conv.h. Work is split among threads by rows of pixels; every number is a sum in one fixed order. */
#include "conv.h"
#include "vec8.h"
#include <stdlib.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 33")
#endif

enum { STEM = 3, TAP_TOP = 8191, WEIGHTS_BYTES = 24 * 1024 };
#define SIX_U8 42.5f           /* 255 / 6 */
#define U8_SIX (1.0f / SIX_U8) /* the scale of u8 after ReLU6 */

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

int windows_padded(const struct windows *w)
{
    int need = (w->out - 1) * w->stride + w->size, have = w->before + w->in;
    return need > have ? need : have;
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

/* ---- numbers --------------------------------------------------------------------------------- */

static inline f32x4 relu6(f32x4 y) { return f32x4_min(f32x4_max(y, f32x4_splat(0)), f32x4_splat(6)); }

/* 8 values to bytes: round(min(max(v, 0), 255)). */
static inline i16x8 to_bytes(f32x4 lo, f32x4 hi)
{
    const f32x4 least = f32x4_splat(0), most = f32x4_splat(255);
    i32x4 a = f32x4_round_i32(f32x4_min(f32x4_max(lo, least), most));
    i32x4 b = f32x4_round_i32(f32x4_min(f32x4_max(hi, least), most));
    return i16x8_narrow((s32x4)a, (s32x4)b);
}

static inline void store_u8(uint8_t *to, i16x8 v)
{
    u8x16 bytes = u8x16_narrow(v, v);
    memcpy(to, &bytes, 8);
}

static inline void store_act(void *row, int at, i16x8 v, enum act_form form)
{
    if (form == ACT_I16)
        memcpy((int16_t *)row + at, &v, sizeof v);
    else if (form == ACT_U8)
        store_u8((uint8_t *)row + at, v);
    else { /* u - 128: the top bit turned */
        u8x16 bytes = u8x16_narrow(v, v) ^ 128;
        memcpy((uint8_t *)row + at, &bytes, 8);
    }
}

/* ---- pointwise ------------------------------------------------------------------------------- */

enum pointwise_out { TO_MAP, TO_ROWS, TO_ROWS_ADD, TO_ROWS_RELU6 };

struct pointwise_job {
    const struct linear *l;
    const float *scale, *bias; /* l's own, or times 42.5 */
    const struct acts *a;
    const struct kernels *k;
    float *y;
    uint8_t *map;
    const struct windows *windows; /* of the map */
};

/* Where pixel m of the unpadded map lies in the padded one. */
static inline uint8_t *map_pixel(uint8_t *map, const struct windows *w, int channels, int m)
{
    size_t side = (size_t)windows_padded(w);
    return map + ((size_t)(m / w->in + w->before) * side + (size_t)(m % w->in + w->before)) * (size_t)channels;
}

ALWAYS_INLINE void pointwise_tiles(const struct pointwise_job *job, int begin, int end, const enum pointwise_out how)
{
    const struct linear *l = job->l;
    const struct acts *a = job->a;
    const struct kernels *k = job->k;
    kernel_tile *tile = l->ruled ? k->tile_ruled : k->tile;
    int32_t acc[TILE_ROWS_MAX * PANEL];
    int some = WEIGHTS_BYTES / (PANEL * l->kp) * PANEL;
    some = some < PANEL ? PANEL : some;
    for (int first = 0; first < l->np; first += some) {
        int last = first + some < l->np ? first + some : l->np;
        for (int m = begin * k->rows; m < end * k->rows && m < a->m; m += k->rows) {
            int n_rows = a->m - m < k->rows ? a->m - m : k->rows;
            uint8_t *to[TILE_ROWS_MAX];
            for (int r = 0; how == TO_MAP && r < n_rows; r++)
                to[r] = map_pixel(job->map, job->windows, l->n_out, m + r);
            for (int n = first; n < last; n += PANEL) {
                tile(acts_row(a, m), a->stride, n_rows, l->panels + (size_t)n * l->kp, l->kp, acc, PANEL);
                i32x4 sum_lo = i32x4_load(l->colsum + n), sum_hi = i32x4_load(l->colsum + n + 4);
                f32x4 scale_lo = f32x4_load(job->scale + n), scale_hi = f32x4_load(job->scale + n + 4);
                f32x4 bias_lo = f32x4_load(job->bias + n), bias_hi = f32x4_load(job->bias + n + 4);
                for (int r = 0; r < n_rows; r++) {
                    f32x4 s = f32x4_splat(a->scale[m + r]);
                    int32_t z = a->zero[m + r];
                    f32x4 lo = f32x4_from_i32(i32x4_load(acc + r * PANEL) - z * sum_lo) * (s * scale_lo) + bias_lo;
                    f32x4 hi = f32x4_from_i32(i32x4_load(acc + r * PANEL + 4) - z * sum_hi) * (s * scale_hi) + bias_hi;
                    if (how == TO_MAP) {
                        store_u8(to[r] + n, to_bytes(lo, hi));
                        continue;
                    }
                    float *y = job->y + (size_t)(m + r) * (size_t)l->n_out + n;
                    if (how == TO_ROWS_ADD)
                        lo = f32x4_load(y) + lo, hi = f32x4_load(y + 4) + hi;
                    if (how == TO_ROWS_RELU6)
                        lo = relu6(lo), hi = relu6(hi);
                    f32x4_store(y, lo);
                    f32x4_store(y + 4, hi);
                }
            }
        }
    }
}

#define POINTWISE(name, how)                                    \
    static void name(void *arg, int begin, int end, int thread) \
    {                                                           \
        (void)thread;                                           \
        pointwise_tiles(arg, begin, end, how);                  \
    }
POINTWISE(pointwise_map, TO_MAP)
POINTWISE(pointwise_rows, TO_ROWS)
POINTWISE(pointwise_add, TO_ROWS_ADD)
POINTWISE(pointwise_six, TO_ROWS_RELU6)

static void pointwise(kin_pool *pool, pool_fn fn, struct pointwise_job *job)
{
    pool_run(pool, fn, job, (job->a->m + job->k->rows - 1) / job->k->rows);
}

static void relu6_floats(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0 ? y[i] < 6 ? y[i] : 6 : 0;
}

void pointwise_relu6(const struct linear *l, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                     const float *x, int m, float *y)
{
    acts_from_rows(&s->acts, pool, k, q8, x, m, l->n_in);
    if (q8) {
        pointwise(pool, pointwise_six, &(struct pointwise_job){l, l->scale, l->bias, &s->acts, k, .y = y});
        return;
    }
    linear_apply(&(struct product){l, y}, 1, pool, k, &s->acts, l->n_out, LINEAR_STORE, ACT_GELU);
    relu6_floats(y, (size_t)m * (size_t)l->n_out);
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

/* Pairs of rows side by side, as a dot product of pairs wants them; a lone last row beside zeros. */
static void set_taps(struct depthwise *d, int c)
{
    int size = d->windows.size, pairs = (size + 1) / 2, area = size * size;
    const float *w = d->weights + (size_t)c * (size_t)area;
    float top = 0;
    for (int i = 0; i < area; i++)
        top = w[i] > top ? w[i] : -w[i] > top ? -w[i] : top;
    float scale = top < 0x1p-100f ? 1.0f : top / (float)TAP_TOP;
    int16_t *group = d->taps + (size_t)(c / 8) * (size_t)(size * pairs * 16) + (c % 8 / 4) * 8 + c % 4 * 2;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            group[(x * pairs + y / 2) * 16 + y % 2] = (int16_t)round_f32(w[y * size + x] / scale);
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
    d->taps = calloc(channels * (size_t)(size * (size + 1)), sizeof *d->taps);
    d->scale = malloc(channels * sizeof *d->scale);
    d->shift = malloc(channels * sizeof *d->shift);
    if (!d->taps || !d->scale || !d->shift)
        return false;
    for (int c = 0; c < d->channels; c++)
        set_taps(d, c);
    return true;
}

struct depthwise_job {
    const struct depthwise *d;
    const uint8_t *map;
    struct acts *a;
    enum act_form form;
    const float *x; /* f32 */
    float *y;
};

static inline i16x8 zip16_low(i16x8 a, i16x8 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
static inline i16x8 zip16_high(i16x8 a, i16x8 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

enum { OUTS = 4 }; /* windows side by side, which share what they read */

/* 8 channels of OUTS windows from `at` on. */
ALWAYS_INLINE void window_sums(const int size, const int stride, const uint8_t *at, size_t row, size_t pixel,
                               const int16_t *taps, u32x4 lo[OUTS], u32x4 hi[OUTS])
{
    const int pairs = (size + 1) / 2, columns = (OUTS - 1) * stride + size;
    UNROLL
    for (int o = 0; o < OUTS; o++)
        lo[o] = hi[o] = u32x4_splat(0);
    UNROLL
    for (int i = 0; i < columns * pairs; i++) {
        const int x = i / pairs, p = i % pairs;
        const uint8_t *from = at + (size_t)(2 * p) * row + (size_t)x * pixel;
        i16x8 a = i16x8_load_u8(from), b = i16x8_splat(0);
        if (2 * p + 1 < size)
            b = i16x8_load_u8(from + row);
        i16x8 low = zip16_low(a, b), high = zip16_high(a, b);
        UNROLL
        for (int o = 0; o < OUTS; o++) {
            const int column = x - o * stride;
            if (column >= 0 && column < size) {
                const int16_t *w = taps + (column * pairs + p) * 16;
                lo[o] += u32x4_dot(low, i16x8_load(w));
                hi[o] += u32x4_dot(high, i16x8_load(w + 8));
            }
        }
    }
}

/* A row of windows. The last few overlap those before where the row is no multiple of OUTS; a row of fewer reads
 * beyond it (conv_scratch_alloc has room there) and leaves that out. */
ALWAYS_INLINE void depthwise_row(const struct depthwise_job *job, int y, const int size, const int stride)
{
    const struct depthwise *d = job->d;
    const struct windows *w = &d->windows;
    size_t pixel = (size_t)d->channels, row = (size_t)windows_padded(w) * pixel;
    const uint8_t *from = job->map + (size_t)(y * stride) * row;
    const int16_t *taps = d->taps;
    const int last = w->out > OUTS ? w->out - OUTS : 0, some = w->out < OUTS ? w->out : OUTS;
    for (int c = 0; c < d->channels; c += 8, taps += size * ((size + 1) / 2) * 16) {
        f32x4 scale_lo = f32x4_load(d->scale + c), scale_hi = f32x4_load(d->scale + c + 4);
        f32x4 shift_lo = f32x4_load(d->shift + c), shift_hi = f32x4_load(d->shift + c + 4);
        for (int at = 0; at < w->out; at += OUTS) {
            int x = at < last ? at : last;
            u32x4 lo[OUTS], hi[OUTS];
            window_sums(size, stride, from + (size_t)(x * stride) * pixel + c, row, pixel, taps, lo, hi);
            UNROLL
            for (int o = 0; o < OUTS; o++)
                if (o < some)
                    store_act(acts_row(job->a, y * w->out + x + o), c,
                              to_bytes(f32x4_from_i32((i32x4)lo[o]) * scale_lo + shift_lo,
                                       f32x4_from_i32((i32x4)hi[o]) * scale_hi + shift_hi),
                              job->form);
        }
    }
}

static void depthwise_some(void *arg, int begin, int end, int thread)
{
    const struct depthwise_job *job = arg;
    const struct windows *w = &job->d->windows;
    (void)thread;
    for (int y = begin; y < end; y++)
        for (int x = 0; x < w->out; x++) { /* what a pointwise layer wants to know of its rows */
            job->a->scale[y * w->out + x] = U8_SIX;
            job->a->zero[y * w->out + x] = -act_shift(job->form);
        }
    for (int y = begin; y < end; y++) {
        if (w->size == 3 && w->stride == 1)
            depthwise_row(job, y, 3, 1);
        else if (w->size == 3)
            depthwise_row(job, y, 3, 2);
        else if (w->stride == 1)
            depthwise_row(job, y, 5, 1);
        else
            depthwise_row(job, y, 5, 2);
    }
}

/* f32: the taps inside the map, in order. */
static void depthwise_some_f32(void *arg, int begin, int end, int thread)
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

/* The padding of a map, where it is no pixel's. */
static void clear_padding(uint8_t *map, const struct windows *w, int channels)
{
    size_t side = (size_t)windows_padded(w), pixel = (size_t)channels, row = side * pixel;
    size_t before = (size_t)w->before, after = side - before - (size_t)w->in;
    memset(map, 0, before * row);
    memset(map + (side - after) * row, 0, after * row);
    for (size_t y = before; y < side - after; y++) {
        memset(map + y * row, 0, before * pixel);
        memset(map + (y + 1) * row - after * pixel, 0, after * pixel);
    }
}

struct bytes_job {
    const struct windows *w;
    int channels;
    const float *x;
    uint8_t *map;
};

/* Rows after ReLU6 -> the map. */
static void bytes_some(void *arg, int begin, int end, int thread)
{
    const struct bytes_job *job = arg;
    const f32x4 six = f32x4_splat(SIX_U8);
    (void)thread;
    for (int m = begin; m < end; m++) {
        const float *x = job->x + (size_t)m * (size_t)job->channels;
        uint8_t *to = map_pixel(job->map, job->w, job->channels, m);
        for (int c = 0; c < job->channels; c += 8)
            store_u8(to + c, to_bytes(f32x4_load(x + c) * six, f32x4_load(x + c + 4) * six));
    }
}

static void inverted_q8(const struct inverted *b, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                        float *x)
{
    const struct depthwise *d = &b->depthwise;
    const struct windows *w = &d->windows;
    struct acts *a = &s->acts;
    clear_padding(s->map, w, d->channels);
    if (b->expand.n_out) {
        acts_from_rows(a, pool, k, true, x, w->in * w->in, b->expand.n_in);
        pointwise(pool, pointwise_map,
                  &(struct pointwise_job){&b->expand, b->scale, b->shift, a, k, .map = s->map, .windows = w});
    } else {
        pool_run(pool, bytes_some, &(struct bytes_job){w, d->channels, x, s->map}, w->in * w->in);
    }
    acts_begin(a, k, NULL, w->out * w->out, d->channels);
    pool_run(pool, depthwise_some, &(struct depthwise_job){d, s->map, a, k->form, NULL, NULL}, w->out);
    pointwise(pool, b->residual ? pointwise_add : pointwise_rows,
              &(struct pointwise_job){&b->project, b->project.scale, b->project.bias, a, k, .y = x});
}

static void inverted_f32(const struct inverted *b, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                         float *x)
{
    const struct depthwise *d = &b->depthwise;
    const struct windows *w = &d->windows;
    const float *from = x;
    if (b->expand.n_out) {
        pointwise_relu6(&b->expand, false, s, pool, k, x, w->in * w->in, s->wide);
        from = s->wide;
    }
    pool_run(pool, depthwise_some_f32, &(struct depthwise_job){.d = d, .x = from, .y = s->wide_to}, w->out);
    acts_from_rows(&s->acts, pool, k, false, s->wide_to, w->out * w->out, d->channels);
    linear_apply(&(struct product){&b->project, x}, 1, pool, k, &s->acts, b->project.n_out,
                 b->residual ? LINEAR_ADD : LINEAR_STORE, ACT_GELU);
}

void inverted_run(const struct inverted *b, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                  float *x)
{
    (q8 ? inverted_q8 : inverted_f32)(b, s, pool, k, x);
}

/* ---- stem ------------------------------------------------------------------------------------ */

enum { INPUTS = 3 * STEM * STEM };

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

struct stem_job {
    struct stem *s;
    struct acts *a;
    const struct kernels *k;
    const uint8_t *pixels;
    float *y;
};

/* How a window of row or column i lies: see inside(). */
static int edge_of(const struct windows *w, int i)
{
    int first = i * w->stride - w->before;
    return first < 0 ? 1 : first + w->size > w->in ? 2 : 0;
}

/* The window of one output as a row of activations: the bytes of the picture, zeros outside. */
static void gather(const struct stem_job *job, int m)
{
    const struct windows *w = &job->s->windows;
    int x = m % w->out * w->stride - w->before, y = m / w->out * w->stride - w->before;
    int left = x < 0 ? -x : 0, n = STEM - left - (x + STEM > w->in ? x + STEM - w->in : 0);
    acts_set_bytes(job->a, job->k, m, NULL, 0, 0);
    for (int i = 0; i < STEM; i++)
        if (y + i >= 0 && y + i < w->in)
            acts_set_bytes(job->a, job->k, m, job->pixels + ((size_t)(y + i) * (size_t)w->in + (size_t)(x + left)) * 3,
                           (i * STEM + left) * 3, n * 3);
}

/* Items are rows of outputs. */
static void stem_some(void *arg, int begin, int end, int thread)
{
    const struct stem_job *job = arg;
    const struct stem *s = job->s;
    const struct kernels *k = job->k;
    const struct acts *a = job->a;
    int out = s->windows.out, c = s->channels;
    (void)thread;
    for (int y = begin; y < end; y++) {
        for (int m = y * out; m < (y + 1) * out; m++)
            gather(job, m);
        for (int m = y * out, n_rows; m < (y + 1) * out; m += n_rows) {
            int32_t hi[TILE_ROWS_MAX * PANEL], lo[TILE_ROWS_MAX * PANEL];
            n_rows = (y + 1) * out - m < k->rows ? (y + 1) * out - m : k->rows;
            for (int n = 0; n < c; n += PANEL) {
                k->tile(acts_row(a, m), a->stride, n_rows, s->hi.panels + (size_t)n * s->hi.kp, s->hi.kp, hi, PANEL);
                k->tile(acts_row(a, m), a->stride, n_rows, s->lo.panels + (size_t)n * s->lo.kp, s->lo.kp, lo, PANEL);
                for (int r = 0; r < n_rows; r++) {
                    const float *bias =
                        s->edges + (edge_of(&s->windows, y) * 3 + edge_of(&s->windows, m + r - y * out)) * c + n;
                    float *to = job->y + (size_t)(m + r) * (size_t)c + n;
                    int32_t z = a->zero[m + r];
                    for (int i = 0; i < PANEL; i += 4) {
                        i32x4 high = i32x4_load(hi + r * PANEL + i) - z * i32x4_load(s->hi.colsum + n + i);
                        i32x4 low = i32x4_load(lo + r * PANEL + i) - z * i32x4_load(s->lo.colsum + n + i);
                        f32x4_store(to + i, relu6((f32x4_from_i32(high) * f32x4_load(s->hi.scale + n + i) +
                                                   f32x4_load(bias + i)) +
                                                  f32x4_from_i32(low) * f32x4_load(s->lo.scale + n + i)));
                    }
                }
            }
        }
    }
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

void stem_run(struct stem *s, struct conv_scratch *scratch, kin_pool *pool, const struct kernels *k,
              const uint8_t *pixels, float *y)
{
    int rows = s->windows.out * s->windows.out;
    acts_begin(&scratch->acts, k, s->rows_f32, rows, INPUTS);
    if (s->q8) {
        pool_run(pool, stem_some, &(struct stem_job){s, &scratch->acts, k, pixels, y}, s->windows.out);
        return;
    }
    gather_f32(s, pixels);
    memcpy(s->hi.bias, s->bias, (size_t)s->channels * sizeof *s->bias);
    linear_apply(&(struct product){&s->hi, y}, 1, pool, k, &scratch->acts, s->channels, LINEAR_STORE, ACT_GELU);
    relu6_floats(y, (size_t)rows * (size_t)s->channels);
}
