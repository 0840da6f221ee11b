/* conv: see conv.h. Work is split among threads by rows of pixels; every number is a sum in one fixed order. */
#include "conv.h"
#include "vec8.h"
#include <stdlib.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define ROLLED /* gcc leaves a long body alone, and refuses to be told so where it runs but once */
#endif

enum { STEM = STEM_SIZE, INPUTS = STEM_INPUTS, WEIGHTS_BYTES = 24 * 1024 };

int windows_padded(const struct windows *w)
{
    int need = (w->out - 1) * w->stride + w->size, have = w->before + w->in;
    return need > have ? need : have;
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

enum rows_how { ROWS, ROWS_ADDED, ROWS_RELU6 };

struct pointwise_job {
    const struct linear *l;
    const float *scale, *bias; /* l's own, or times 42.5 */
    const struct acts *a;
    const struct kernels *k;
    uint8_t *map; /* after ReLU6, or NULL: */
    const struct windows *windows;
    float *y;
    enum rows_how how;
};

/* Where pixel m of the unpadded map lies in the padded one. */
static inline uint8_t *map_pixel(uint8_t *map, const struct windows *w, int channels, int m)
{
    size_t side = (size_t)windows_padded(w);
    return map + ((size_t)(m / w->in + w->before) * side + (size_t)(m % w->in + w->before)) * (size_t)channels;
}

ALWAYS_INLINE void pointwise_tiles(const struct pointwise_job *job, int begin, int end, const bool map)
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
            for (int r = 0; map && r < n_rows; r++)
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
                    if (map) {
                        store_u8(to[r] + n, to_bytes(lo, hi));
                        continue;
                    }
                    float *y = job->y + (size_t)(m + r) * (size_t)l->n_out + n;
                    if (job->how == ROWS_ADDED)
                        lo = f32x4_load(y) + lo, hi = f32x4_load(y + 4) + hi;
                    if (job->how == ROWS_RELU6)
                        lo = relu6(lo), hi = relu6(hi);
                    f32x4_store(y, lo);
                    f32x4_store(y + 4, hi);
                }
            }
        }
    }
}

static void pointwise_map(void *job, int begin, int end, int thread)
{
    (void)thread;
    pointwise_tiles(job, begin, end, true);
}

static void pointwise_rows(void *job, int begin, int end, int thread)
{
    (void)thread;
    pointwise_tiles(job, begin, end, false);
}

static void pointwise(kin_pool *pool, struct pointwise_job *job)
{
    int rows = job->k->rows;
    pool_run(pool, job->map ? pointwise_map : pointwise_rows, job, (job->a->m + rows - 1) / rows);
}

void pointwise_relu6(const struct linear *l, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                     const float *x, int m, float *y)
{
    if (!q8) {
        pointwise_relu6_f32(l, s, pool, k, x, m, y);
        return;
    }
    acts_from_rows(&s->acts, pool, k, true, x, m, l->n_in);
    pointwise(pool, &(struct pointwise_job){l, l->scale, l->bias, &s->acts, k, .y = y, .how = ROWS_RELU6});
}

/* ---- depthwise ------------------------------------------------------------------------------- */

struct depthwise_job {
    const struct depthwise *d;
    const uint8_t *map;
    struct acts *a;
    enum act_form form;
};

static inline i16x8 zip16_low(i16x8 a, i16x8 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
static inline i16x8 zip16_high(i16x8 a, i16x8 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

enum { OUTS = 4 }; /* windows side by side, which share what they read */

/* What pixels a and b of 8 channels, side by side or one above the other, add to windows: window o takes them where
 * tap x - o * stride is one of the `size` from 0 on, by steps of `step`. */
ALWAYS_INLINE void add_pair(i16x8 a, i16x8 b, const int x, const int size, const int step, const int stride,
                            const int16_t *taps, u32x4 lo[OUTS], u32x4 hi[OUTS])
{
    i16x8 low = zip16_low(a, b), high = zip16_high(a, b);
    UNROLL
    for (int o = 0; o < OUTS; o++) {
        const int tap = x - o * stride;
        if (tap >= 0 && tap < size && tap % step == 0) {
            lo[o] += u32x4_dot(low, i16x8_load(taps + tap / step * 16));
            hi[o] += u32x4_dot(high, i16x8_load(taps + tap / step * 16 + 8));
        }
    }
}

/* 8 channels of OUTS windows from `at` on: pairs of rows, then of 3 x 3 the last row's pixels in pairs. The last pair's
 * second row or pixel lies beyond the window and counts nothing: its taps are zeros. */
ALWAYS_INLINE void window_sums(const int size, const int stride, const uint8_t *at, size_t row, size_t pixel,
                               const int16_t *taps, u32x4 lo[OUTS], u32x4 hi[OUTS])
{
    const int columns = (OUTS - 1) * stride + size;
    UNROLL
    for (int o = 0; o < OUTS; o++)
        lo[o] = hi[o] = u32x4_splat(0);
    ROLLED
    for (int y = 0; y < (size == 3 ? 2 : size); y += 2, at += 2 * row, taps += size * 16) {
        UNROLL
        for (int x = 0; x < columns; x++)
            add_pair(i16x8_load_u8(at + (size_t)x * pixel), i16x8_load_u8(at + (size_t)x * pixel + row), x, size, 1,
                     stride, taps, lo, hi);
    }
    if (size != 3)
        return;
    i16x8 next = i16x8_load_u8(at);
    UNROLL
    for (int x = 0; x < columns; x++) {
        i16x8 pixel_x = next;
        next = i16x8_load_u8(at + (size_t)(x + 1) * pixel);
        if (stride == 1 || x % 2 == 0)
            add_pair(pixel_x, next, x, size, 2, stride, taps, lo, hi);
    }
}

/* 8 channels of n windows' sums -> u8 in their rows; one function for all windows, since it is half of their code. */
static __attribute__((noinline)) void finish_windows(const struct depthwise_job *job, int m, int n, int c,
                                                     const u32x4 *lo, const u32x4 *hi)
{
    const struct depthwise *d = job->d;
    f32x4 scale_lo = f32x4_load(d->scale + c), scale_hi = f32x4_load(d->scale + c + 4);
    f32x4 shift_lo = f32x4_load(d->shift + c), shift_hi = f32x4_load(d->shift + c + 4);
    for (int o = 0; o < n; o++)
        store_act(acts_row(job->a, m + o), c,
                  to_bytes(f32x4_from_i32((i32x4)lo[o]) * scale_lo + shift_lo,
                           f32x4_from_i32((i32x4)hi[o]) * scale_hi + shift_hi),
                  job->form);
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
    for (int c = 0; c < d->channels; c += 8, taps += taps_of(size)) {
        for (int at = 0; at < w->out; at += OUTS) {
            int x = at < last ? at : last;
            u32x4 lo[OUTS], hi[OUTS];
            window_sums(size, stride, from + (size_t)(x * stride) * pixel + c, row, pixel, taps, lo, hi);
            finish_windows(job, y * w->out + x, some, c, lo, hi);
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

/* ---- inverted residuals ---------------------------------------------------------------------- */

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

static void inverted_q8(const struct inverted *b, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                        float *x)
{
    const struct depthwise *d = &b->depthwise;
    const struct windows *w = &d->windows;
    struct acts *a = &s->acts;
    if (b->expand.n_out) { /* else the stem has filled the map */
        clear_padding(s->map, w, d->channels);
        acts_from_rows(a, pool, k, true, x, w->in * w->in, b->expand.n_in);
        pointwise(pool, &(struct pointwise_job){&b->expand, b->scale, b->shift, a, k, s->map, w, NULL, ROWS});
    }
    acts_begin(a, k, NULL, w->out * w->out, d->channels);
    pool_run(pool, depthwise_some, &(struct depthwise_job){d, s->map, a, k->form}, w->out);
    pointwise(pool, &(struct pointwise_job){&b->project, b->project.scale, b->project.bias, a, k, .y = x,
                                            .how = b->residual ? ROWS_ADDED : ROWS});
}

void inverted_run(const struct inverted *b, bool q8, struct conv_scratch *s, kin_pool *pool, const struct kernels *k,
                  float *x)
{
    (q8 ? inverted_q8 : inverted_f32)(b, s, pool, k, x);
}

/* ---- stem ------------------------------------------------------------------------------------ */

struct stem_job {
    struct stem *s;
    struct acts *a;
    const struct kernels *k;
    const uint8_t *pixels;
    uint8_t *map;
    const struct windows *next;
};

/* How a window of row or column i lies: see inside(). */
static int edge_of(const struct windows *w, int i)
{
    int first = i * w->stride - w->before;
    return first < 0 ? 1 : first + w->size > w->in ? 2 : 0;
}

/* The windows of row y of outputs as rows of activations: the bytes of the picture, zeros outside. What a row has beyond
 * its inputs meets weights of zero. */
static void gather(const struct stem_job *job, int y)
{
    const struct windows *w = &job->s->windows;
    const size_t line = (size_t)w->in * 3, before = (size_t)w->before * 3;
    uint8_t lines[STEM][(STEM_SIDE_MAX + STEM) * 3 + VEC8_SLACK];
    for (int i = 0, from = y * w->stride - w->before; i < STEM; i++, from++) {
        memset(lines[i], 0, before + line + STEM * 3 + VEC8_SLACK);
        if (from >= 0 && from < w->in)
            memcpy(lines[i] + before, job->pixels + (size_t)from * line, line);
    }
    for (int x = 0; x < w->out; x++) {
        const size_t at = (size_t)(x * w->stride) * 3;
        u8x16 a = u8x16_load(lines[0] + at), b = u8x16_load(lines[1] + at), c = u8x16_load(lines[2] + at);
        u8x16 low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 22);
        u8x16 high = __builtin_shufflevector(b, c, 7, 8, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
        void *row = acts_row(job->a, y * w->out + x);
        store_act(row, 0, i16x8_low_u8(low), job->k->form);
        store_act(row, 8, i16x8_high_u8(low), job->k->form);
        store_act(row, 16, i16x8_low_u8(high), job->k->form);
        store_act(row, 24, i16x8_high_u8(high), job->k->form);
    }
}

/* Rows y .. of a tile, 8 channels from n on -> u8 of the map at `to`. */
static void finish_stem(const struct stem_job *job, const int32_t *hi, const int32_t *lo, int x, int y, int n_rows,
                        int n, uint8_t *to)
{
    const struct stem *s = job->s;
    const int c = s->channels;
    const int32_t z = -act_shift(job->k->form);
    for (int r = 0; r < n_rows; r++, to += c) {
        const float *bias = s->edges + (edge_of(&s->windows, y) * 3 + edge_of(&s->windows, x + r)) * c + n;
        f32x4 v[2];
        for (int i = 0; i < 2; i++, hi += 4, lo += 4, bias += 4) {
            int at = n + 4 * i;
            i32x4 high = i32x4_load(hi) - z * i32x4_load(s->hi.colsum + at);
            i32x4 low = i32x4_load(lo) - z * i32x4_load(s->lo.colsum + at);
            v[i] = ((f32x4_from_i32(high) * f32x4_load(s->hi.scale + at) + f32x4_load(bias)) +
                    f32x4_from_i32(low) * f32x4_load(s->lo.scale + at)) *
                   f32x4_splat(SIX_U8);
        }
        store_u8(to + n, to_bytes(v[0], v[1]));
    }
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
        gather(job, y);
        for (int x = 0, n_rows; x < out; x += n_rows) {
            int32_t hi[TILE_ROWS_MAX * PANEL], lo[TILE_ROWS_MAX * PANEL];
            const void *rows = acts_row(a, y * out + x);
            uint8_t *to = map_pixel(job->map, job->next, c, y * out + x);
            n_rows = out - x < k->rows ? out - x : k->rows;
            for (int n = 0; n < c; n += PANEL) {
                k->tile(rows, a->stride, n_rows, s->hi.panels + (size_t)n * s->hi.kp, s->hi.kp, hi, PANEL);
                k->tile(rows, a->stride, n_rows, s->lo.panels + (size_t)n * s->lo.kp, s->lo.kp, lo, PANEL);
                finish_stem(job, hi, lo, x, y, n_rows, n, to);
            }
        }
    }
}

void stem_run(struct stem *s, struct conv_scratch *scratch, const struct windows *next, kin_pool *pool,
              const struct kernels *k, const uint8_t *pixels, float *y)
{
    if (!s->q8) {
        stem_f32(s, scratch, pool, k, pixels, y);
        return;
    }
    clear_padding(scratch->map, next, s->channels);
    acts_begin(&scratch->acts, k, NULL, s->windows.out * s->windows.out, INPUTS);
    pool_run(pool, stem_some, &(struct stem_job){s, &scratch->acts, k, pixels, scratch->map, next}, s->windows.out);
}
