/* planes: see planes.h for the formulas. */
#include "planes.h"
#include "vec8.h"
#include <stdlib.h>

void planes_free(struct planes *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->plane[i].memory);
    *p = (struct planes){0};
}

/* Room for a line of any component: n samples, or whole blocks of them. */
static size_t line_size(const struct planes *p) { return (size_t)p->width + 8 + 2 * VEC8_SLACK; }

size_t planes_scratch(const struct planes *p) { return 4 * 3 * line_size(p); }

/* Samples x … x + n - 1 of row y of a component, followed by some readable bytes. */
static const uint8_t *samples(const struct plane *c, int y, int x, int n, uint8_t *line)
{
    if (!c->block)
        return c->data + (size_t)y * c->stride + x;
    int side = c->block, first = x / side, last = (x + n - 1) / side;
    const uint8_t *from =
        c->data + ((size_t)(y / side) * c->stride + (size_t)first) * 128 + (size_t)(y % side) * (size_t)side;
    for (int i = first; i <= last; i++, from += 128)
        memcpy(line + (i - first) * side, from, (size_t)side);
    return line + (x - first * side);
}

static inline int mixed(const uint8_t *near, const uint8_t *far, int i) { return 3 * near[i] + far[i]; }

static inline i16x8 mixed_8(const uint8_t *near, const uint8_t *far)
{
    i16x8 n = i16x8_load_u8(near);
    return n + n + n + i16x8_load_u8(far);
}

/* n samples -> 2 n. `before`, `after`: there are samples on that side too. */
static void enlarge_twice(const uint8_t *near, const uint8_t *far, int n, bool before, bool after, uint8_t *out)
{
    int last = mixed(near, far, n - 1), beyond = after ? mixed(near, far, n) : last;
    i16x8 previous = i16x8_splat(before ? mixed(near, far, -1) : mixed(near, far, 0));
    i16x8 current = mixed_8(near, far);
    for (int i = 0; i < n; i += 8) {
        i16x8 next = mixed_8(near + i + 8, far + i + 8);
        i16x8 left = __builtin_shufflevector(previous, current, 7, 8, 9, 10, 11, 12, 13, 14);
        i16x8 right = __builtin_shufflevector(current, next, 1, 2, 3, 4, 5, 6, 7, 8);
        i16x8 base = current + current + current + i16x8_splat(8);
        u8x16 even = (u8x16)((base + left) >> 4), odd = (u8x16)((base + right) >> 4);
        u8x16_store(out + 2 * i, even | (u8x16)((i16x8)odd << 8));
        previous = current;
        current = next;
    }
    out[2 * n - 1] = (uint8_t)((3 * last + beyond + 8) >> 4);
}

static void enlarge_down(const uint8_t *near, const uint8_t *far, int n, uint8_t *out)
{
    for (int i = 0; i < n; i += 16) {
        i16x8 low = mixed_8(near + i, far + i), high = mixed_8(near + i + 8, far + i + 8);
        u8x16_store(out + i, u8x16_narrow((low + 2) >> 2, (high + 2) >> 2));
    }
}

/* Component c at the picture's size; `out` has room for three lines. */
static const uint8_t *enlarged(const struct planes *p, const struct plane *c, int y, int x, int n, uint8_t *out)
{
    uint8_t *lines[2] = {out + line_size(p), out + 2 * line_size(p)};
    int width = (p->width + c->across - 1) / c->across, height = (p->height + c->down - 1) / c->down;
    bool smooth = c->across <= 2 && c->down <= 2 && (c->across == 1 || width > 2);
    int row = y / c->down, first = x / c->across, end = (x + n - 1) / c->across + 1;
    int other = row;
    if (smooth && c->down == 2)
        other = y % 2 ? (row + 1 < height ? row + 1 : row) : row > 0 ? row - 1 : 0;
    bool before = smooth && c->across == 2 && first > 0, after = smooth && c->across == 2 && end < width;
    int from = first - before, count = end - first;
    const uint8_t *near = samples(c, row, from, count + before + after, lines[0]) + before;
    const uint8_t *far = near;
    if (other != row)
        far = samples(c, other, from, count + before + after, lines[1]) + before;
    if (smooth && c->across == 2)
        enlarge_twice(near, far, count, before, after, out);
    else if (smooth && c->down == 2)
        enlarge_down(near, far, count, out);
    else if (c->across == 1)
        return near;
    else
        for (int i = 0; i < count; i++)
            memset(out + i * c->across, near[i], (size_t)c->across);
    return out + (x - first * c->across);
}

/* floor(d * factor / 256) for |d| <= 128, factor split so that 16 bits hold every product. */
static inline i16x8 scaled(i16x8 d, int factor)
{
    int whole = (factor + 128) >> 8, rest = factor - whole * 256;
    return d * i16x8_splat(whole) + ((d * i16x8_splat(rest)) >> 8);
}

/* Twelve fraction bits as four of their own and eight that the shifts above cut off: flooring twice
 * is flooring once, and of the two terms of G stb_image cuts that of Cb off by itself. */
static void to_rgb(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int n, uint8_t *const rgb[3])
{
    for (int i = 0; i < n; i += 16) {
        i16x8 half[3][2];
        for (int k = 0; k < 2; k++) {
            i16x8 luma = (i16x8_load_u8(y + i + 8 * k) << 4) + i16x8_splat(8);
            i16x8 b = i16x8_load_u8(cb + i + 8 * k) - i16x8_splat(128);
            i16x8 r = i16x8_load_u8(cr + i + 8 * k) - i16x8_splat(128);
            half[0][k] = (luma + scaled(r, 5743)) >> 4;
            half[1][k] = (luma + scaled(r, -2925) + scaled(b, -1410)) >> 4;
            half[2][k] = (luma + scaled(b, 7258)) >> 4;
        }
        for (int c = 0; c < 3; c++)
            u8x16_store(rgb[c] + i, u8x16_narrow(half[c][0], half[c][1]));
    }
}

static uint8_t product(uint32_t a, uint32_t b)
{
    uint32_t t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

void planes_row(const struct planes *p, int y, int x, int n, uint8_t *scratch, uint8_t *const rgb[3])
{
    size_t line = line_size(p);
    const uint8_t *c[4];
    for (int i = 0; i < p->n; i++)
        c[i] = enlarged(p, &p->plane[i], y, x, n, scratch + 3 * (size_t)i * line);
    if (p->colour == PLANES_YCC || p->colour == PLANES_YCCK)
        to_rgb(c[0], c[1], c[2], n, rgb);
    else
        for (int i = 0; i < 3; i++)
            memcpy(rgb[i], c[p->colour == PLANES_GRAY ? 0 : i], (size_t)n);
    if (p->colour == PLANES_CMYK || p->colour == PLANES_YCCK)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < n; k++) {
                uint32_t ink = rgb[i][k];
                rgb[i][k] = product(p->colour == PLANES_YCCK ? 255 - ink : ink, c[3][k]);
            }
}
