/* planes: the decoded components of a JPEG, and rows of RGB made from them. [level 1]
 *
 * A component keeps its own resolution; it is enlarged and turned into RGB a row at a time, for just
 * the columns asked for, so that no whole RGB picture is ever needed: 1.5 bytes a pixel instead of
 * 4.5. The arithmetic is stb_image's (its plain C; the IJG's "fancy" triangle filter):
 *   twice as wide and high   t = 3 near + far on the nearer and the farther row,
 *                            (3 t + neighbour + 8) >> 4, the edge sample being its own neighbour
 *   twice as high only       (t + 2) >> 2
 *   any other factor         repetition
 *   R = Y + 1.402 Cr, G = Y - 0.344 Cb - 0.714 Cr, B = Y + 1.772 Cb in 12-bit fixed point
 *   CMYK, YCCK               each colour times K, c k / 255 rounded */
#ifndef KIN_PLANES_H
#define KIN_PLANES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum planes_colour { PLANES_GRAY, PLANES_RGB, PLANES_YCC, PLANES_CMYK, PLANES_YCCK };

struct plane {
    void *memory; /* owned */
    /* block 0: rows of `stride` bytes. Else `stride` blocks a row, 128 bytes apart, each of
     * block x block samples (the coefficients of a progressive file, transformed in place). */
    const uint8_t *data;
    size_t stride;
    int block;
    int across, down; /* factors to the picture's size */
};

struct planes {
    struct plane plane[4];
    int n, width, height;
    enum planes_colour colour;
};

void planes_free(struct planes *p);
/* Bytes of scratch that planes_row needs. */
size_t planes_scratch(const struct planes *p);
/* Pixels x … x + n - 1 of row y as three rows of bytes, each with room for n + VEC8_SLACK. */
void planes_row(const struct planes *p, int y, int x, int n, uint8_t *scratch, uint8_t *const rgb[3]);
#endif
