/* image: the bytes of a JPEG or PNG file -> a picture, read by rows of RGB8. [level 3]
 *
 * A file is read twice: first its structure, by our own checks (sizes, kinds, number of scans, PNG
 * checksums, EXIF orientation), so that what is refused is refused in milliseconds and before any
 * pixel is allocated; then its pixels, by stb_image. The same bytes give the same pixels on every
 * machine. A JPEG stays as its components, and turning upright is left to who reads the rows, so
 * that memory for a whole RGB picture is never needed. Transparency lies over white:
 * (c a + 255 (255 - a) + 127) div 255. 16-bit samples keep their upper byte. Of an APNG the still
 * picture counts. Colour profiles are not applied. */
#ifndef KIN_IMAGE_H
#define KIN_IMAGE_H
#include "base.h"
#include "planes.h"

enum {
    IMAGE_MAX_PIXELS = 24 * 1000 * 1000 + 1000 * 1000, /* 24-megapixel cameras give a little more */
    IMAGE_MAX_JPEG_PIXELS = 50 * 1000 * 1000 + 1000 * 1000,
    IMAGE_MAX_MEMORY = 208 << 20, /* for decoding; with file and engine, 256 MB */
    IMAGE_MAX_BYTES = 64 << 20,   /* of a file, for those who fetch it */
    IMAGE_MAX_SIDE = 65535,
    IMAGE_MAX_SCANS = 64,
};

typedef struct kin_picture {
    uint8_t *rgb;         /* as stored, [height][width][3], malloc'ed, owned; or NULL and `planes` */
    int width, height;    /* upright */
    int orientation;      /* EXIF 1 … 8, how rows are stored; 0: upright */
    int reduction;        /* the file has that many times the width: 1, 2, 4 or 8 */
    struct planes planes; /* of a JPEG; n is 0 otherwise */
} kin_picture;

/* Pixel (x, y) of the upright picture is stored at (x', y'): the two swapped, then counted from the
 * other end. */
struct image_turn {
    bool swap, flip_x, flip_y;
};
struct image_turn image_turn(const kin_picture *picture);
/* Part of a stored row as three rows of bytes, each with room for n + VEC8_SLACK. */
size_t image_scratch(const kin_picture *picture);
void image_row(const kin_picture *picture, int y, int x, int n, uint8_t *scratch, uint8_t *const rgb[3]);
/* The whole upright picture, [height][width][3] by malloc; NULL when memory is short. */
uint8_t *image_pixels(const kin_picture *picture);
void image_free(kin_picture *picture);
/* "jpeg" "png" "webp" "gif" "avif" "heic" "bmp" "tiff" "svg" "html" or "unknown", by content. */
const char *image_format(const uint8_t *bytes, size_t n);
/* status: KIN_UNSUPPORTED_IMAGE (another format), KIN_TOO_LARGE, KIN_TRUNCATED_IMAGE,
 * KIN_BAD_IMAGE or KIN_OUT_OF_MEMORY; *out is untouched then. */
kin_status image_decode(const uint8_t *bytes, size_t n, kin_picture *out, kin_error *err);
/* The same, but a JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size (sides rounded up)
 * at which the box, in fractions of the upright picture, keeps `width` x `height` pixels. */
kin_status image_decode_fast(const uint8_t *bytes, size_t n, const double box[4], int width, int height,
                             kin_picture *out, kin_error *err);
/* Tight rows of RGB (channels 3) or RGBA (4, over white). They lie as the EXIF block that came with them
 * says; NULL, 0: upright. */
kin_status image_from_raw(const uint8_t *pixels, int width, int height, int channels, const uint8_t *exif,
                          size_t exif_n, kin_picture *out, kin_error *err);
#endif
