/* stb: the one entry of stb_image that the engine uses. [level 2]
 *
 * Bytes are handed over through callbacks; `starved` says that the decoder asked for more than
 * there was, which for a JPEG means that the file was cut before its end marker. */
#ifndef KIN_STB_H
#define KIN_STB_H
#include "base.h"

struct stb_source {
    const uint8_t *bytes;
    size_t n, at;
    bool starved;
};
/* Pixels [height][width][channels] by malloc, or NULL. channels: 3 or 4. */
uint8_t *stb_decode(struct stb_source *source, int channels, int *width, int *height);
#endif
