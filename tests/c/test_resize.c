/* test_resize: bytes against Pillow and transformers (tools/golden_resize.py), boxes, padding. */
#include "../../src/resize.h"
#include "test.h"
#include <stdlib.h>

/* Byte i is a hash of i and the seed; in every third picture only 0 and 255. */
static uint8_t *source(int width, int height, uint32_t seed)
{
    size_t n = (size_t)width * (size_t)height * 3;
    uint8_t *out = malloc(n);
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)i * 2654435761u + seed * 40503u;
        x = (x ^ x >> 15) * 2246822519u;
        x ^= x >> 13;
        out[i] = (uint8_t)(seed % 3 == 0 ? ((x & 255) > 127 ? 255 : 0) : x);
    }
    return out;
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static resize_rule square(int size, int crop)
{
    return (resize_rule){
        .resize_on = 1, .shortest_edge = size, .crop_on = 1, .crop_h = crop, .crop_w = crop, .resample = 3};
}

/* Models' own rules, fixed sizes, both filters, boxes, padding, crops larger and smaller, no
 * resize. */
void test_resize_equals_pillow(void)
{
    FILE *f = fopen("tests/golden/resize.txt", "r");
    int w, h, pad, out_w, out_h, want_w, want_h, n = 0;
    uint32_t seed, crc;
    double box[4];
    resize_rule r = {0};
    kin_error err;
    CHECK(f != NULL);
    while (fscanf(f, "%d %d %" SCNu32 " %lf %lf %lf %lf %d %d %d %d %d %d %d %d %d %d %d %" SCNu32, &w, &h, &seed,
                  &box[0], &box[1], &box[2], &box[3], &pad, &r.resize_on, &r.shortest_edge, &r.fixed_h, &r.fixed_w,
                  &r.crop_on, &r.crop_h, &r.crop_w, &r.resample, &want_h, &want_w, &crc) == 19) {
        kin_picture p = {.rgb = source(w, h, seed), .width = w, .height = h};
        CHECK_EQ(resize_output_size(&p, box[0], box[1], box[2], box[3], pad, &r, &out_w, &out_h, &err), KIN_OK);
        CHECK(out_w == want_w && out_h == want_h);
        uint8_t *out = malloc((size_t)out_w * (size_t)out_h * 3);
        CHECK_EQ(resize_prepare(&p, box[0], box[1], box[2], box[3], pad, &r, out, &err), KIN_OK);
        if (crc32_of(out, (size_t)out_w * (size_t)out_h * 3) != crc)
            printf("  resize.txt line %d: %dx%d, seed %" PRIu32 "\n", n + 1, w, h, seed);
        CHECK_EQ(crc32_of(out, (size_t)out_w * (size_t)out_h * 3), crc);
        free(out);
        image_free(&p);
        n++;
    }
    CHECK(feof(f) && n >= 280);
    fclose(f);
}

/* A box gives what its cut-out gives: rounded outward, clipped, at least one pixel. */
void test_resize_box_is_a_cut_out(void)
{
    enum { W = 60, H = 40 };
    static const struct {
        double x, y, w, h;
        int left, top, right, bottom;
    } cases[] = {
        {0.25, 0.25, 0.5, 0.5, 15, 10, 45, 30}, {0.26, 0.26, 0.01, 0.01, 15, 10, 17, 11},
        {-1, -1, 1.5, 1.5, 0, 0, 30, 20},       {0.9, 0.9, 5, 5, 54, 36, 60, 40},
        {2, 2, 1, 1, 59, 39, 60, 40},           {0.1 + 0.2, 0, 0.1, 1, 18, 0, 24, 40},
        {0.5, 0.5, 1e-9, 1e-9, 30, 20, 31, 21},
    };
    kin_picture p = {.rgb = source(W, H, 5), .width = W, .height = H};
    resize_rule rule = square(32, 32);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int w = cases[i].right - cases[i].left, h = cases[i].bottom - cases[i].top;
        kin_picture cut = {.rgb = malloc((size_t)w * h * 3), .width = w, .height = h};
        uint8_t got[32 * 32 * 3], want[32 * 32 * 3];
        kin_error err;
        for (int y = 0; y < h; y++)
            memcpy(cut.rgb + (size_t)y * w * 3, p.rgb + ((size_t)(cases[i].top + y) * W + cases[i].left) * 3,
                   (size_t)w * 3);
        CHECK_EQ(resize_prepare(&p, cases[i].x, cases[i].y, cases[i].w, cases[i].h, 0, &rule, got, &err), KIN_OK);
        CHECK_EQ(resize_prepare(&cut, 0, 0, 1, 1, 0, &rule, want, &err), KIN_OK);
        CHECK(!memcmp(got, want, sizeof got));
        image_free(&cut);
    }
    image_free(&p);
}

/* A picture that lies turned gives what its upright pixels give; and one that is as large as it is to be, one way or
 * both, keeps its bytes there. */
void test_resize_turned_and_not_resized(void)
{
    static const resize_rule rules[] = {
        {.resize_on = 1, .shortest_edge = 24, .crop_on = 1, .crop_h = 24, .crop_w = 24, .resample = 3},
        {.resize_on = 1, .fixed_h = 40, .fixed_w = 16, .resample = 3},
        {.resize_on = 1, .fixed_h = 20, .fixed_w = 24, .resample = 2},
    };
    for (int orientation = 1; orientation <= 8; orientation++) {
        bool swap = orientation >= 5;
        kin_picture p = {
            .rgb = source(swap ? 40 : 24, swap ? 24 : 40, 7), .width = 24, .height = 40, .orientation = orientation};
        kin_picture upright = {.rgb = image_pixels(&p), .width = 24, .height = 40};
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
            uint8_t got[24 * 40 * 3] = {0}, want[24 * 40 * 3] = {0};
            kin_error err;
            CHECK_EQ(resize_prepare(&p, 0, 0, 1, 1, 0, &rules[i], got, &err), KIN_OK);
            CHECK_EQ(resize_prepare(&upright, 0, 0, 1, 1, 0, &rules[i], want, &err), KIN_OK);
            CHECK(!memcmp(got, want, sizeof got));
            CHECK(i > 0 || !memcmp(got, upright.rgb + 8 * 24 * 3, 24 * 24 * 3));
        }
        image_free(&p), image_free(&upright);
    }
}

/* Padded: a square of real pixels where there are some, white beyond the picture. */
void test_resize_pad_is_white_beyond(void)
{
    kin_picture p = {.rgb = source(40, 10, 4), .width = 40, .height = 10};
    kin_picture square_p = {.rgb = malloc(40 * 40 * 3), .width = 40, .height = 40};
    resize_rule rule = square(24, 24);
    uint8_t got[24 * 24 * 3], want[24 * 24 * 3];
    kin_error err;
    memset(square_p.rgb, 255, 40 * 40 * 3);
    memcpy(square_p.rgb + 15 * 40 * 3, p.rgb, 40 * 10 * 3);
    CHECK_EQ(resize_prepare(&p, 0, 0, 1, 1, 1, &rule, got, &err), KIN_OK);
    CHECK_EQ(resize_prepare(&square_p, 0, 0, 1, 1, 0, &rule, want, &err), KIN_OK);
    CHECK(!memcmp(got, want, sizeof got));
    image_free(&p), image_free(&square_p);
}

/* A picture of 1 x 16,000 would be enlarged to 224 x 3,584,000; only the crop is made. */
void test_resize_thin_picture(void)
{
    kin_picture p = {.rgb = source(1, 16000, 1), .width = 1, .height = 16000};
    resize_rule rule = square(224, 224);
    uint8_t *out = malloc(224 * 224 * 3);
    kin_error err;
    CHECK_EQ(resize_prepare(&p, 0, 0, 1, 1, 0, &rule, out, &err), KIN_OK);
    CHECK_EQ(resize_prepare(&p, 0, 0, 1, 1, 1, &rule, out, &err), KIN_OK);
    free(out);
    image_free(&p);
}

void test_resize_refuses_boxes(void)
{
    kin_picture p = {.rgb = source(8, 8, 1), .width = 8, .height = 8};
    resize_rule rule = square(8, 8);
    uint8_t out[8 * 8 * 3];
    kin_error err;
    double nan = 0.0 / (double)(p.width - 8), inf = 1.0 / (double)(p.width - 8);
    const double bad[][4] = {{nan, 0, 1, 1}, {0, 0, 0, 1}, {0, 0, 1, -1}, {0, inf, 1, 1}, {0, 0, nan, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(resize_prepare(&p, bad[i][0], bad[i][1], bad[i][2], bad[i][3], 0, &rule, out, &err), KIN_BAD_ARGUMENT);
    image_free(&p);
}
