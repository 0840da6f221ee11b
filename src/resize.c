/* resize: see resize.h for the three stages. */
#include "resize.h"
#include "vec8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISION = 32 - 8 - 2 }; /* fraction bits of a weight, Pillow's choice */

struct region {
    int x, y, w, h; /* may reach beyond the picture when padded */
};

/* One axis: source length, resized length, and the part of it that the crop shows. */
struct axis {
    int source, resized, crop, pad; /* pad: zeros before the picture in the crop */
    int first, n;                   /* resized pixels first … first + n - 1 are computed */
};

static kin_status find_region(const kin_picture *in, double x, double y, double w, double h, int pad, struct region *r,
                              kin_error *err)
{
    if (!(x - x == 0) || !(y - y == 0) || !(w - w == 0) || !(h - h == 0) || !(w > 0) || !(h > 0))
        return kin_fail(err, KIN_BAD_ARGUMENT, "A box needs finite x and y and a positive width and height.");
    double left = x * in->width, top = y * in->height;
    double right = left + w * in->width, bottom = top + h * in->height;
    const double slack = 1e-6; /* 0.1 + 0.2 must not reach into the next pixel */
    if (left > in->width - 1)
        left = in->width - 1;
    if (top > in->height - 1)
        top = in->height - 1;
    r->x = left < 0 ? 0 : (int)floor(left + slack);
    r->y = top < 0 ? 0 : (int)floor(top + slack);
    /* right and bottom may be inf - inf, which compares as less */
    int x1 = right >= in->width ? in->width : right >= 1 ? (int)ceil(right - slack) : 1;
    int y1 = bottom >= in->height ? in->height : bottom >= 1 ? (int)ceil(bottom - slack) : 1;
    r->w = x1 > r->x ? x1 - r->x : 1;
    r->h = y1 > r->y ? y1 - r->y : 1;
    if (pad) {
        int side = r->w > r->h ? r->w : r->h;
        r->x -= (side - r->w) / 2;
        r->y -= (side - r->h) / 2;
        r->w = r->h = side;
    }
    return KIN_OK;
}

static void crop_axis(struct axis *a, const resize_rule *rule, int crop)
{
    a->crop = rule->crop_on ? crop : a->resized;
    if (a->resized >= a->crop) {
        a->first = (a->resized - a->crop) / 2;
        if (rule->crop_even && (a->resized - a->crop) % 4 == 3)
            a->first++;
        a->n = a->crop;
    } else {
        a->pad = (a->crop - a->resized + 1) / 2;
        a->n = a->resized;
    }
}

static kin_status find_axes(const struct region *r, const resize_rule *rule, struct axis *h, struct axis *v,
                            kin_error *err)
{
    *h = (struct axis){.source = r->w, .resized = r->w};
    *v = (struct axis){.source = r->h, .resized = r->h};
    if (rule->resize_on && rule->shortest_edge) {
        int size = rule->shortest_edge, lesser = r->w <= r->h ? r->w : r->h, longer = r->w <= r->h ? r->h : r->w;
        int stretched = (int)((double)((int64_t)size * longer) / (double)lesser);
        h->resized = r->w <= r->h ? size : stretched;
        v->resized = r->w <= r->h ? stretched : size;
    } else if (rule->resize_on) {
        h->resized = rule->fixed_w;
        v->resized = rule->fixed_h;
    }
    crop_axis(h, rule, rule->crop_w);
    crop_axis(v, rule, rule->crop_h);
    if ((int64_t)h->crop * v->crop > 4096 * 4096)
        return kin_fail(err, KIN_TOO_LARGE, "The prepared picture would have %dx%d pixels.", h->crop, v->crop);
    return KIN_OK;
}

static double bicubic(double x) /* a = -0.5, support 2 */
{
    const double a = -0.5;
    x = x < 0 ? -x : x;
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double bilinear(double x) /* support 1 */
{
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

/* The taps of output pixels first … first + n - 1: pixel i takes source pixels from[i] and on,
 * count[i] of them. A weight is high << SPLIT plus low, so that 16-bit products can be used; a row
 * of `width` weights (a multiple of 8) ends with zeros. */
enum { SPLIT = 11 };
struct taps {
    int n, width, *from, *count;
    int16_t *high, *low;
    int begin, end; /* source pixels that any of them takes */
    bool same;      /* not resized: each takes its own pixel, since the filter is 0 at all other whole steps */
};

static void free_taps(struct taps *t) { free(t->from), free(t->count), free(t->high), free(t->low); }

static void set_weight(struct taps *t, size_t at, double weight)
{
    weight = weight * (1 << PRECISION);
    int32_t w = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    int32_t low = ((w + (1 << (SPLIT - 1))) & ((1 << SPLIT) - 1)) - (1 << (SPLIT - 1));
    t->low[at] = (int16_t)low;
    t->high[at] = (int16_t)((w - low) / (1 << SPLIT));
}

/* flip: the source is stored the other way round; outputs keep their order. */
static bool make_taps(struct taps *t, const struct axis *a, int resample, bool flip)
{
    t->same = a->source == a->resized;
    double scale = (double)a->source / a->resized, stretch = scale < 1 ? 1 : scale;
    double support = t->same ? 0.5 : (resample == 3 ? 2.0 : 1.0) * stretch;
    t->n = a->n;
    t->width = ((int)ceil(support) * 2 + 1 + 7) / 8 * 8;
    size_t n = (size_t)(a->n ? a->n : 1);
    t->from = malloc(n * sizeof *t->from);
    t->count = malloc(n * sizeof *t->count);
    t->high = calloc(n * (size_t)t->width, sizeof *t->high);
    t->low = calloc(n * (size_t)t->width, sizeof *t->low);
    double *w = malloc((size_t)t->width * sizeof *w);
    bool fine = t->from && t->count && t->high && t->low && w;
    t->begin = a->source;
    for (int i = 0; fine && i < a->n; i++) {
        double centre = (a->first + i + 0.5) * scale, sum = 0, inverse = 1.0 / stretch;
        int from = (int)(centre - support + 0.5), to = (int)(centre + support + 0.5);
        from = from < 0 ? 0 : from;
        to = to > a->source ? a->source : to;
        for (int k = 0; k < to - from; k++) {
            double at = (k + from - centre + 0.5) * inverse;
            w[k] = resample == 3 ? bicubic(at) : bilinear(at);
            sum += w[k];
        }
        for (int k = 0; k < to - from; k++)
            set_weight(t, (size_t)i * (size_t)t->width + (size_t)(flip ? to - from - 1 - k : k),
                       sum != 0 ? w[k] / sum : w[k]);
        t->from[i] = flip ? a->source - to : from;
        t->count[i] = to - from;
        t->begin = t->from[i] < t->begin ? t->from[i] : t->begin;
        t->end = t->from[i] + t->count[i] > t->end ? t->from[i] + t->count[i] : t->end;
    }
    free(w);
    return fine;
}

/* ---- the two passes, over one byte a pixel: the colours lie in rows of their own -------------- */

/* The sum of products, rounded and cut to a byte later: 32-bit lanes wrap, the whole sum fits. */
static inline s32x4 weighted(u32x4 high, u32x4 low)
{
    return (s32x4)((high << SPLIT) + low + u32x4_splat(1 << (PRECISION - 1))) >> PRECISION;
}

/* Along a row: out[i] for all outputs. `row` begins at source pixel t->begin. */
static void pass_row(const struct taps *t, const uint8_t *row, u32x4 *sums, uint8_t *out)
{
    if (t->same) {
        for (int i = 0; i < t->n; i++)
            out[i] = row[t->from[i] - t->begin];
        return;
    }
    for (int i = 0; i < t->n; i++) {
        const uint8_t *p = row + (t->from[i] - t->begin);
        const int16_t *high = t->high + (size_t)i * (size_t)t->width;
        const int16_t *low = t->low + (size_t)i * (size_t)t->width;
        u32x4 h = u32x4_splat(0), l = h;
        for (int k = 0; k < t->count[i]; k += 8) {
            i16x8 v = i16x8_load_u8(p + k);
            h += u32x4_dot(v, i16x8_load(high + k));
            l += u32x4_dot(v, i16x8_load(low + k));
        }
        sums[i] = (h << SPLIT) + l;
    }
    for (int i = 0; i < t->n; i += 4) { /* sums has four more */
        u32x4 a = sums[i], b = sums[i + 1], c = sums[i + 2], d = sums[i + 3];
        u32x4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
        u32x4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
        u32x4 sum = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        s32x4 pixels = weighted(u32x4_splat(0), sum);
        u8x16 bytes = u8x16_narrow(i16x8_narrow(pixels, pixels), i16x8_splat(0));
        memcpy(out + i, &bytes, 4);
    }
}

/* Across rows: one output row of n bytes from t->count[i] rows. */
static void pass_column(const struct taps *t, int i, const uint8_t *const *rows, int n, uint8_t *out)
{
    const int16_t *high = t->high + (size_t)i * (size_t)t->width;
    const int16_t *low = t->low + (size_t)i * (size_t)t->width;
    if (t->same) {
        memcpy(out, rows[0], (size_t)n);
        return;
    }
    for (int x = 0; x < n; x += 16) {
        u32x4 h[4] = {{0}}, l[4] = {{0}};
        for (int k = 0; k < t->count[i]; k += 2) { /* rows are even in number, a weight may be 0 */
            u8x16 a = u8x16_load(rows[k] + x), b = u8x16_load(rows[k + 1] + x);
            u8x16 ab = u8x16_zip_low(a, b), ab_high = u8x16_zip_high(a, b);
            i16x8 pair[4] = {i16x8_low_u8(ab), i16x8_high_u8(ab), i16x8_low_u8(ab_high), i16x8_high_u8(ab_high)};
            int32_t two;
            memcpy(&two, high + k, sizeof two);
            i16x8 wh = (i16x8)u32x4_splat(two);
            memcpy(&two, low + k, sizeof two);
            i16x8 wl = (i16x8)u32x4_splat(two);
            for (int q = 0; q < 4; q++) {
                h[q] += u32x4_dot(pair[q], wh);
                l[q] += u32x4_dot(pair[q], wl);
            }
        }
        s32x4 p[4];
        for (int q = 0; q < 4; q++)
            p[q] = weighted(h[q], l[q]);
        u8x16_store(out + x, u8x16_narrow(i16x8_narrow(p[0], p[1]), i16x8_narrow(p[2], p[3])));
    }
}

/* ---- rows in, pixels out --------------------------------------------------------------------- */

/* A resize under way. x and y are the axes of the rows as stored; where they are the picture's own
 * swapped, `turn` says so. */
struct job {
    const kin_picture *in;
    struct image_turn turn;
    struct region stored; /* the region in stored pixels */
    int width, height;    /* of the stored picture */
    struct taps x, y;
    const struct axis *h, *v; /* of the upright picture */
    uint8_t *scratch, *out;
};

/* A row of the region, columns x.begin … x.end - 1, as three rows of bytes `stride` apart; white
 * beyond the picture. */
static void fetch(const struct job *job, int y, uint8_t *to, size_t stride)
{
    uint8_t *rgb[3] = {to, to + stride, to + 2 * stride};
    int row = job->stored.y + y, n = job->x.end - job->x.begin, left = job->stored.x + job->x.begin;
    int begin = left < 0 ? -left : 0, end = left + n > job->width ? job->width - left : n;
    bool outside = row < 0 || row >= job->height || begin >= end;
    if (!outside)
        image_row(job->in, row, left + begin, end - begin, job->scratch,
                  (uint8_t *const[3]){rgb[0] + begin, rgb[1] + begin, rgb[2] + begin});
    else
        begin = end = 0;
    for (int c = 0; c < 3; c++) {
        memset(rgb[c], 255, (size_t)begin);
        memset(rgb[c] + end, 255, (size_t)(n - end));
    }
}

/* Line i of the outputs along the stored y axis: x.n pixels, three rows of bytes. */
static void put(const struct job *job, int i, const uint8_t *line, size_t stride)
{
    for (int k = 0; k < job->x.n; k++) {
        int x = job->turn.swap ? i : k, y = job->turn.swap ? k : i;
        uint8_t *to = job->out + ((size_t)(job->v->pad + y) * (size_t)job->h->crop + (size_t)(job->h->pad + x)) * 3;
        for (int c = 0; c < 3; c++)
            to[c] = line[(size_t)c * stride + (size_t)k];
    }
}

/* Outputs of the y axis in the order in which their rows are stored. */
static int in_order(const struct job *job, int i) { return job->turn.flip_y ? job->y.n - 1 - i : i; }

/* Pointers to the rows of output i, one more where their number is odd. */
static void point(const struct taps *t, int i, const uint8_t *ring, int capacity, size_t stride, const uint8_t **rows)
{
    for (int k = 0; k <= t->count[i]; k++)
        rows[k] = ring + (size_t)((t->from[i] + (k < t->count[i] ? k : 0)) % capacity) * stride;
}

/* Both orders keep the rows that an output of the y axis reaches in a ring, each read once: along
 * the row first, the ring holds rows already resized; else rows as they are, and each sum of them
 * is resized along the row. */
static bool run(struct job *job, bool row_first)
{
    struct taps *x = &job->x, *y = &job->y;
    int capacity = 1, span = x->end - x->begin;
    for (int i = 0; i < y->n; i++)
        capacity = y->count[i] > capacity ? y->count[i] : capacity;
    size_t wide = (size_t)span + VEC8_SLACK + 8, narrow = (size_t)x->n + VEC8_SLACK;
    size_t stride = row_first ? narrow : wide;
    uint8_t *ring = calloc((size_t)capacity * 3 + 1, stride);
    uint8_t *line = calloc(3, wide), *done = calloc(3, narrow);
    u32x4 *sums = calloc((size_t)x->n + 4, sizeof *sums);
    const uint8_t **rows = malloc(((size_t)capacity + 1) * sizeof *rows);
    bool fine = ring && line && done && sums && rows;
    int next = y->begin;
    for (int k = 0; fine && k < y->n; k++) {
        int i = in_order(job, k), end = y->from[i] + y->count[i];
        if (next < y->from[i])
            next = y->from[i];
        for (; next < end; next++) {
            uint8_t *slot = ring + (size_t)(next % capacity) * 3 * stride;
            fetch(job, next, row_first ? line : slot, wide);
            for (int c = 0; row_first && c < 3; c++)
                pass_row(x, line + (size_t)c * wide, sums, slot + (size_t)c * stride);
        }
        point(y, i, ring, capacity, 3 * stride, rows);
        pass_column(y, i, rows, (int)(3 * stride) - 16, row_first ? done : line);
        for (int c = 0; !row_first && c < 3; c++)
            pass_row(x, line + (size_t)c * wide, sums, done + (size_t)c * narrow);
        put(job, i, done, narrow);
    }
    free(ring), free(line), free(done), free(sums), free(rows);
    return fine;
}

/* Pillow 13 makes the vertical pass first where the height shrinks by more than twice what the
 * width does (its pull request 9549); in all other cases, as up to Pillow 12 always, the horizontal
 * one. */
static bool down_first(const struct axis *h, const struct axis *v)
{
    return v->resized < v->source && (int64_t)v->source - v->resized > 2 * ((int64_t)h->source - h->resized);
}

static kin_status resample(const kin_picture *in, const struct region *r, const struct axis *h, const struct axis *v,
                           int filter, uint8_t *out, kin_error *err)
{
    struct job job = {.in = in, .turn = image_turn(in), .h = h, .v = v, .out = out};
    bool swap = job.turn.swap;
    job.width = swap ? in->height : in->width;
    job.height = swap ? in->width : in->height;
    job.stored = swap ? (struct region){r->y, r->x, r->h, r->w} : *r;
    if (job.turn.flip_x)
        job.stored.x = job.width - (job.stored.x + job.stored.w);
    if (job.turn.flip_y)
        job.stored.y = job.height - (job.stored.y + job.stored.h);
    job.scratch = malloc(image_scratch(in));
    bool fine = job.scratch && make_taps(&job.x, swap ? v : h, filter, job.turn.flip_x) &&
                make_taps(&job.y, swap ? h : v, filter, job.turn.flip_y) && run(&job, down_first(h, v) == swap);
    free_taps(&job.x), free_taps(&job.y);
    free(job.scratch);
    return fine ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to resize the picture.");
}

kin_status resize_output_size(const kin_picture *in, double x, double y, double w, double h, int pad,
                              const resize_rule *rule, int *out_w, int *out_h, kin_error *err)
{
    struct region r;
    struct axis across, down;
    TRY(find_region(in, x, y, w, h, pad, &r, err));
    TRY(find_axes(&r, rule, &across, &down, err));
    *out_w = across.crop;
    *out_h = down.crop;
    return KIN_OK;
}

kin_status resize_prepare(const kin_picture *in, double x, double y, double w, double h, int pad,
                          const resize_rule *rule, uint8_t *out, kin_error *err)
{
    struct region r;
    struct axis across, down;
    TRY(find_region(in, x, y, w, h, pad, &r, err));
    TRY(find_axes(&r, rule, &across, &down, err));
    memset(out, 0, (size_t)across.crop * (size_t)down.crop * 3);
    return resample(in, &r, &across, &down, rule->resample, out, err);
}
