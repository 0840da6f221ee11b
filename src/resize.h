/* resize: box, resize and centre crop, byte for byte as Pillow and transformers. [level 4]
 *
 * 1. region: the box in fractions of the picture, rounded outward to whole pixels, clipped, at
 *    least one pixel; for `pad` grown to a square about its centre, white beyond the picture.
 * 2. resize: Pillow's Image.resize: taps of the filter stretched by the scale (antialiasing),
 *    weights as 22-bit fixed point, each pass rounded to 8 bits, the order of the passes as in
 *    Pillow 13: horizontal first but where the height shrinks far more than the width.
 * 3. centre crop: transformers' center_crop, zeros where the resized picture is smaller.
 * Only rows and columns that reach the crop are computed. */
#ifndef KIN_RESIZE_H
#define KIN_RESIZE_H
#include "image.h"

typedef struct resize_rule {
    int resize_on, shortest_edge; /* shortest_edge 0: fixed_h x fixed_w */
    int fixed_h, fixed_w;
    int crop_on, crop_h, crop_w;
    int crop_even; /* the crop begins at half the difference rounded to even, as torchvision has it, else down */
    int resample;  /* Pillow's numbers: 2 bilinear, 3 bicubic */
} resize_rule;

/* The size of what resize_prepare writes. */
kin_status resize_output_size(const kin_picture *in, double x, double y, double w, double h, int pad,
                              const resize_rule *rule, int *out_w, int *out_h, kin_error *err);
/* out: [out_h][out_w][3]. */
kin_status resize_prepare(const kin_picture *in, double x, double y, double w, double h, int pad,
                          const resize_rule *rule, uint8_t *out, kin_error *err);
#endif
