/* fuzz_image: any bytes as a picture, and what decodes through the resize. */
#include "../../src/resize.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const resize_rule rule = {
        .resize_on = 1, .shortest_edge = 32, .crop_on = 1, .crop_h = 32, .crop_w = 32, .resample = 3};
    kin_picture p = {0};
    kin_error err;
    uint8_t out[32 * 32 * 3];
    static const double whole[4] = {0, 0, 1, 1};
    kin_status status =
        size & 2 ? image_decode_fast(data, size, whole, 4, 4, &p, &err) : image_decode(data, size, &p, &err);
    if (status != KIN_OK)
        return 0;
    /* a long thin picture padded to a square is slow under the sanitizers, and nothing new */
    int pad = (size & 1) && p.width < 1000 && p.height < 1000;
    if (resize_prepare(&p, 0.1, 0.2, 0.5, 0.6, pad, &rule, out, &err) != KIN_OK)
        abort();
    image_free(&p);
    return 0;
}
