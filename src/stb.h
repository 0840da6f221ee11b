/* stb: the entries of stb_image that the engine uses. [level 2]
 *
 * Bytes are handed over through callbacks; `starved` says that the decoder asked for more than
 * there was, which for a JPEG means that the file was cut before its end marker. */
#ifndef KIN_STB_H
#define KIN_STB_H
#include "base.h"
#include "planes.h"

struct stb_source {
    const uint8_t *bytes;
    size_t n, at;
    bool starved;
};
/* The components of a JPEG at 1/denominator of its size (1, 2, 4 or 8; sides rounded up). */
bool stb_jpeg(struct stb_source *source, int denominator, struct planes *out);
/* A PNG as [height][width][4] by malloc, or NULL. */
uint8_t *stb_png(struct stb_source *source, int *width, int *height);
#endif
