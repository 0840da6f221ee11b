/* resize: see resize.h for the three stages. */
#include "resize.h"
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

static kin_status find_region(const kin_picture *in, double x, double y, double w, double h,
                              int pad, struct region *r, kin_error *err)
{
    if (!(x - x == 0) || !(y - y == 0) || !(w - w == 0) || !(h - h == 0) || !(w > 0) || !(h > 0))
        return kin_fail(err, KIN_BAD_ARGUMENT,
                        "A box needs finite x and y and a positive width and height.");
    double left = x * in->width, top = y * in->height;
    double right = left + w * in->width, bottom = top + h * in->height;
    const double slack = 1e-6; /* 0.1 + 0.2 must not reach into the next pixel */
    if (left > in->width - 1)
        left = in->width - 1;
    if (top > in->height - 1)
        top = in->height - 1;
    r->x = left < 0 ? 0 : (int)floor(left + slack);
    r->y = top < 0 ? 0 : (int)floor(top + slack);
    int x1 = right >= in->width ? in->width : right < 1 ? 1 : (int)ceil(right - slack);
    int y1 = bottom >= in->height ? in->height : bottom < 1 ? 1 : (int)ceil(bottom - slack);
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

static void crop_axis(struct axis *a, bool crop_on, int crop)
{
    a->crop = crop_on ? crop : a->resized;
    if (a->resized >= a->crop) {
        a->first = (a->resized - a->crop) / 2;
        a->n = a->crop;
    } else {
        a->pad = (a->crop - a->resized + 1) / 2;
        a->n = a->resized;
    }
}

static kin_status find_axes(const struct region *r, const resize_rule *rule, struct axis *h,
                            struct axis *v, kin_error *err)
{
    *h = (struct axis){.source = r->w, .resized = r->w};
    *v = (struct axis){.source = r->h, .resized = r->h};
    if (rule->resize_on && rule->shortest_edge) {
        int size = rule->shortest_edge, lesser = r->w <= r->h ? r->w : r->h,
            longer = r->w <= r->h ? r->h : r->w;
        int stretched = (int)((double)((int64_t)size * longer) / (double)lesser);
        h->resized = r->w <= r->h ? size : stretched;
        v->resized = r->w <= r->h ? stretched : size;
    } else if (rule->resize_on) {
        h->resized = rule->fixed_w;
        v->resized = rule->fixed_h;
    }
    crop_axis(h, rule->crop_on, rule->crop_w);
    crop_axis(v, rule->crop_on, rule->crop_h);
    if ((int64_t)h->crop * v->crop > 4096 * 4096)
        return kin_fail(err, KIN_TOO_LARGE, "The prepared picture would have %dx%d pixels.",
                        h->crop, v->crop);
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
 * count[i] of them, weights[i * width …]. */
struct taps {
    int width, *from, *count;
    int32_t *weights;
};

static void free_taps(struct taps *t)
{
    free(t->from), free(t->count), free(t->weights);
}

static bool make_taps(struct taps *t, const struct axis *a, int resample)
{
    double scale = (double)a->source / a->resized, stretch = scale < 1 ? 1 : scale;
    double support = (resample == 3 ? 2.0 : 1.0) * stretch;
    t->width = (int)ceil(support) * 2 + 1;
    size_t n = (size_t)(a->n ? a->n : 1);
    t->from = malloc(n * sizeof *t->from);
    t->count = malloc(n * sizeof *t->count);
    t->weights = malloc(n * (size_t)t->width * sizeof *t->weights);
    double *w = malloc((size_t)t->width * sizeof *w);
    bool fine = t->from && t->count && t->weights && w;
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
        for (int k = 0; k < to - from; k++) {
            double weight = sum != 0 ? w[k] / sum : w[k];
            weight = weight * (1 << PRECISION);
            t->weights[(size_t)i * t->width + k] =
                (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        t->from[i] = from;
        t->count[i] = to - from;
    }
    free(w);
    return fine;
}

static uint8_t clip8(int32_t sum)
{
    sum >>= PRECISION;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Row y of the region: within the picture as it lies there, else put together in `line`. */
static const uint8_t *region_row(const kin_picture *in, const struct region *r, int y,
                                 uint8_t *line)
{
    int py = r->y + y, left = r->x < 0 ? -r->x : 0;
    int right =
        r->x + r->w > in->width ? in->width - r->x : r->w; /* end of the picture within the row */
    if (py < 0 || py >= in->height) {
        memset(line, 255, (size_t)r->w * 3);
        return line;
    }
    const uint8_t *row = in->rgb + (size_t)py * (size_t)in->width * 3;
    if (left == 0 && right == r->w)
        return row + (size_t)r->x * 3;
    memset(line, 255, (size_t)r->w * 3);
    memcpy(line + (size_t)left * 3, row + (size_t)(r->x + left) * 3, (size_t)(right - left) * 3);
    return line;
}

static void pass_row(const struct taps *t, int n, const uint8_t *row, uint8_t *out)
{
    for (int i = 0; i < n; i++, out += 3) {
        const uint8_t *p = row + (size_t)t->from[i] * 3;
        const int32_t *w = t->weights + (size_t)i * t->width;
        int32_t r = 1 << (PRECISION - 1), g = r, b = r;
        for (int k = 0; k < t->count[i]; k++, p += 3) {
            r += p[0] * w[k];
            g += p[1] * w[k];
            b += p[2] * w[k];
        }
        out[0] = clip8(r);
        out[1] = clip8(g);
        out[2] = clip8(b);
    }
}

static void pass_column(const struct taps *t, int i, const uint8_t *rows, size_t stride, size_t n,
                        int32_t *sums, uint8_t *out)
{
    for (size_t x = 0; x < n; x++)
        sums[x] = 1 << (PRECISION - 1);
    for (int k = 0; k < t->count[i]; k++) {
        int32_t w = t->weights[(size_t)i * t->width + k];
        const uint8_t *row = rows + (size_t)k * stride;
        for (size_t x = 0; x < n; x++)
            sums[x] += row[x] * w;
    }
    for (size_t x = 0; x < n; x++)
        out[x] = clip8(sums[x]);
}

/* Horizontal pass into an intermediate picture of the rows that the vertical pass reaches. */
static bool across_then_down(const kin_picture *in, const struct region *r,
                             const struct taps *across, const struct taps *down,
                             const struct axis *h, const struct axis *v, uint8_t *line,
                             uint8_t *out)
{
    int first = down->from[0], last = down->from[v->n - 1] + down->count[v->n - 1];
    size_t stride = (size_t)h->n * 3;
    uint8_t *rows = malloc((size_t)(last - first) * stride);
    int32_t *sums = malloc(stride * sizeof *sums);
    bool fine = rows && sums;
    for (int y = first; fine && y < last; y++)
        pass_row(across, h->n, region_row(in, r, y, line), rows + (size_t)(y - first) * stride);
    for (int i = 0; fine && i < v->n; i++)
        pass_column(down, i, rows + (size_t)(down->from[i] - first) * stride, stride, stride, sums,
                    out + ((size_t)(v->pad + i) * (size_t)h->crop + (size_t)h->pad) * 3);
    free(rows), free(sums);
    return fine;
}

/* Vertical pass of one output row over the whole width, then the horizontal pass of that row. */
static bool down_then_across(const kin_picture *in, const struct region *r,
                             const struct taps *across, const struct taps *down,
                             const struct axis *h, const struct axis *v, uint8_t *line,
                             uint8_t *out)
{
    size_t n = (size_t)r->w * 3;
    int32_t *sums = malloc(n * sizeof *sums);
    uint8_t *row = malloc(n);
    bool fine = sums && row;
    for (int i = 0; fine && i < v->n; i++) {
        for (size_t x = 0; x < n; x++)
            sums[x] = 1 << (PRECISION - 1);
        for (int k = 0; k < down->count[i]; k++) {
            int32_t w = down->weights[(size_t)i * down->width + k];
            const uint8_t *source = region_row(in, r, down->from[i] + k, line);
            for (size_t x = 0; x < n; x++)
                sums[x] += source[x] * w;
        }
        for (size_t x = 0; x < n; x++)
            row[x] = clip8(sums[x]);
        pass_row(across, h->n, row,
                 out + ((size_t)(v->pad + i) * (size_t)h->crop + (size_t)h->pad) * 3);
    }
    free(sums), free(row);
    return fine;
}

/* Pillow 13 makes the vertical pass first where the height shrinks by more than twice what the
 * width does (its pull request 9549); in all other cases, as up to Pillow 12 always, the horizontal
 * one. */
static bool down_first(const struct axis *h, const struct axis *v)
{
    return v->resized < v->source &&
           (int64_t)v->source - v->resized > 2 * ((int64_t)h->source - h->resized);
}

static kin_status resample(const kin_picture *in, const struct region *r, const struct axis *h,
                           const struct axis *v, int filter, uint8_t *out, kin_error *err)
{
    struct taps across = {0}, down = {0};
    uint8_t *line = malloc((size_t)r->w * 3);
    bool fine = make_taps(&across, h, filter) && make_taps(&down, v, filter) && line;
    if (fine)
        fine = (down_first(h, v) ? down_then_across : across_then_down)(in, r, &across, &down, h, v,
                                                                        line, out);
    free_taps(&across), free_taps(&down);
    free(line);
    return fine ? KIN_OK
                : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to resize the picture.");
}

kin_status resize_output_size(const kin_picture *in, double x, double y, double w, double h,
                              int pad, const resize_rule *rule, int *out_w, int *out_h,
                              kin_error *err)
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
