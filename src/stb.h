/* stb: the entries of stb_image that the engine uses. [level 2] */
#ifndef KIN_STB_H
#define KIN_STB_H
#include "base.h"
#include "planes.h"

/* Read through callbacks: `starved` says that the decoder asked for more than there was, so that the
 * file was cut before its end marker. */
struct stb_source {
    const uint8_t *bytes;
    size_t n, at;
    bool starved;
};
/* The components of a JPEG at 1/denominator of its size (1, 2, 4 or 8; sides rounded up). What colour
 * they make is for the caller to say. */
bool stb_jpeg(struct stb_source *source, int denominator, struct planes *out);
/* The samples of a PNG by malloc, or NULL: gray or RGB, an even number of channels with alpha, 1 or 2 bytes
 * each (then in the machine's order). All of its chunks must be there, up to IEND. */
struct stb_samples {
    uint8_t *data;
    int width, height, channels, bytes;
};
struct stb_samples stb_png(const uint8_t *bytes, size_t n);
/* The checksum at the end of a PNG's chunk, over its type and its body. */
uint32_t stb_crc32(const uint8_t *p, size_t n);
#endif
