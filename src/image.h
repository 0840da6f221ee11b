/* image: the bytes of a JPEG or PNG file -> one upright RGB8 picture. [level 3]
 *
 * A file is read twice: first its structure, by our own checks (sizes, kinds, number of scans, PNG
 * checksums, EXIF orientation), so that what is refused is refused in milliseconds and before any
 * pixel is allocated; then its pixels, by stb_image. The same bytes give the same pixels on every
 * machine. Transparency lies over white: (c a + 255 (255 - a) + 127) div 255. 16-bit samples keep
 * their upper byte. Of an APNG the still picture counts. Colour profiles are not applied. */
#ifndef KIN_IMAGE_H
#define KIN_IMAGE_H
#include "base.h"

enum {
    IMAGE_MAX_PIXELS = 24 * 1000 * 1000 + 1000 * 1000, /* 24-megapixel cameras give a little more */
    IMAGE_MAX_SIDE = 65535,
    IMAGE_MAX_SCANS = 64,
};

typedef struct kin_picture {
    uint8_t *rgb; /* [height][width][3], malloc'ed, owned by the struct */
    int width, height;
} kin_picture;

void image_free(kin_picture *picture);
/* "jpeg" "png" "webp" "gif" "avif" "heic" "bmp" "tiff" "svg" "html" or "unknown", by content. */
const char *image_format(const uint8_t *bytes, size_t n);
/* status: KIN_UNSUPPORTED_IMAGE (another format), KIN_TOO_LARGE, KIN_TRUNCATED_IMAGE,
 * KIN_BAD_IMAGE or KIN_OUT_OF_MEMORY; *out is untouched then. */
kin_status image_decode(const uint8_t *bytes, size_t n, kin_picture *out, kin_error *err);
/* Tight rows of RGB (channels 3) or RGBA (4, over white). */
kin_status image_from_raw(const uint8_t *pixels, int width, int height, int channels,
                          kin_picture *out, kin_error *err);
#endif
