/* test_decoders: our transforms, enlarging and colour beside stb_image's own plain C, to the bit;
 * reduced sizes; the limits that are particular to a format. */
#include "../../src/resize.h"
#include "../../src/stb.h"
#include "test.h"
#include <stdlib.h>
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#define STBI_MALLOC(n) calloc(1, n)
#define STBI_REALLOC(p, n) realloc(p, n)
#define STBI_FREE(p) free(p)
#define STBI_ONLY_JPEG
#define STBI_NO_SIMD
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

static const double whole[4] = {0, 0, 1, 1};

static uint8_t *bytes_of(const char *name, size_t *n)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/images/%s", name);
    return test_read(path, n);
}

static uint8_t *by_stb(const uint8_t *bytes, size_t n, int *w, int *h)
{
    stbi__context s;
    stbi__jpeg *j = calloc(1, sizeof *j);
    int components;
    stbi__start_mem(&s, bytes, (int)n);
    j->s = &s;
    stbi__setup_jpeg(j);
    j->denominator = 1;
    j->idct[8] = stbi__idct_block;
    uint8_t *rgb = load_jpeg_image(j, w, h, &components, 3);
    free(j);
    return rgb;
}

static const char *const files[] = {
    "jpeg-444.jpg",         "jpeg-422.jpg",          "jpeg-420.jpg",          "jpeg-gray.jpg",
    "jpeg-rgb.jpg",         "jpeg-restart.jpg",      "jpeg-cmyk.jpg",         "jpeg-ycck.jpg",
    "jpeg-422-width-1.jpg", "jpeg-422-width-2.jpg",  "jpeg-422-width-3.jpg",  "jpeg-422-width-4.jpg",
    "jpeg-422-width-5.jpg", "jpeg-422-width-15.jpg", "jpeg-422-width-16.jpg", "jpeg-422-width-17.jpg",
    "jpeg-420-narrow.jpg",  "reduce-420.jpg",        "reduce-422.jpg",        "reduce-gray.jpg",
};

/* With the file's own tables, and with large ones that drive every step to its ends. */
void test_decoder_equals_stb(void)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int coarse = 0; coarse < 2; coarse++) {
            size_t n;
            int w, h;
            uint8_t *bytes = bytes_of(files[i], &n);
            for (size_t at = 2; coarse && bytes[at + 1] != 0xDA; at += 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]))
                if (bytes[at + 1] == 0xDB)
                    for (size_t k = at + 5; k < at + 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]) && k < at + 69;
                         k++)
                        bytes[k] = (uint8_t)(255 - 3 * (k % 7));
            kin_picture p = {0};
            kin_error err;
            kin_status status = image_decode(bytes, n, &p, &err);
            uint8_t *theirs = by_stb(bytes, n, &w, &h);
            if (coarse && status == KIN_BAD_IMAGE) { /* a coefficient beyond 16 bits */
                CHECK(!theirs);
                free(bytes);
                continue;
            }
            CHECK(status == KIN_OK && theirs && w == p.width && h == p.height);
            uint8_t *ours = image_pixels(&p);
            if (memcmp(ours, theirs, (size_t)w * (size_t)h * 3))
                printf("  %s differs\n", files[i]);
            CHECK(!memcmp(ours, theirs, (size_t)w * (size_t)h * 3));
            free(ours), free(theirs), free(bytes);
            image_free(&p);
        }
}

static uint8_t *decoded(const char *name, int width, int height, kin_picture *p)
{
    size_t n;
    kin_error err;
    uint8_t *bytes = bytes_of(name, &n);
    *p = (kin_picture){0};
    kin_status status = image_decode_fast(bytes, n, whole, width, height, p, &err);
    free(bytes);
    return status == KIN_OK ? image_pixels(p) : NULL;
}

void test_decoder_progressive_equals_baseline(void)
{
    static const int least[] = {203, 101, 50, 25}; /* wide: not reduced, 1/2, 1/4, 1/8 */
    for (int i = 0; i < 4; i++) {
        kin_picture a, b;
        uint8_t *baseline = decoded("reduce-420.jpg", least[i], 1, &a);
        uint8_t *progressive = decoded("reduce-420-progressive.jpg", least[i], 1, &b);
        CHECK(baseline && progressive && a.reduction == 1 << i && b.reduction == 1 << i && a.width == b.width &&
              a.height == b.height);
        CHECK(!memcmp(baseline, progressive, (size_t)a.width * (size_t)a.height * 3));
        free(baseline), free(progressive);
        image_free(&a), image_free(&b);
    }
}

/* The largest reduction that keeps the size asked for; each pixel near the mean of those it stands
 * for, also beside the edges. */
void test_decoder_reduced(void)
{
    static const char *const names[] = {"reduce-420.jpg", "reduce-422.jpg", "reduce-444.jpg", "reduce-gray.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int d = 2; d <= 8; d *= 2) {
            kin_picture full, small;
            uint8_t *all = decoded(names[i], 1000, 1000, &full);
            CHECK(all && full.reduction == 1);
            uint8_t *few = decoded(names[i], full.width / d, full.height / d, &small);
            CHECK(few && small.reduction == d);
            CHECK(small.width == (full.width + d - 1) / d && small.height == (full.height + d - 1) / d);
            int most = 0;
            for (int y = 0; y < full.height / d; y++)
                for (int x = 0; x < full.width / d; x++)
                    for (int c = 0; c < 3; c++) {
                        int sum = 0;
                        for (int k = 0; k < d * d; k++)
                            sum += all[((size_t)(y * d + k / d) * (size_t)full.width + (size_t)(x * d + k % d)) * 3 +
                                       (size_t)c];
                        int off =
                            abs(few[((size_t)y * (size_t)small.width + (size_t)x) * 3 + (size_t)c] - sum / (d * d));
                        most = off > most ? off : most;
                    }
            if (most > 20) /* 4:2:2 at 1/8: its colours are averaged over 16 x 8 */
                printf("  %s at 1/%d: off by %d\n", names[i], d, most);
            CHECK(most <= 20);
            free(all), free(few);
            image_free(&full), image_free(&small);
        }
    kin_picture plain, turned; /* the second is the first, to be turned right */
    uint8_t *a = decoded("reduce-420.jpg", 50, 36, &plain), *b = decoded("reduce-turned.jpg", 36, 50, &turned);
    CHECK(a && b && plain.reduction == 4 && turned.reduction == 4);
    CHECK(turned.width == plain.height && turned.height == plain.width);
    for (int y = 0; y < turned.height; y++)
        for (int x = 0; x < turned.width; x++)
            CHECK(!memcmp(b + 3 * (y * turned.width + x), a + 3 * ((plain.height - 1 - x) * plain.width + y), 3));
    free(a), free(b);
    image_free(&plain), image_free(&turned);

    size_t n;
    uint8_t *bytes = bytes_of("reduce-turned.jpg", &n);
    kin_picture p;
    kin_error err;
    const double right_half[4] = {0.5, -1, 9, 9}; /* clipped: 73 x 203 of 146 x 203 */
    CHECK_EQ(image_decode_fast(bytes, n, right_half, 36, 36, &p, &err), KIN_OK);
    CHECK_EQ(p.reduction, 2);
    image_free(&p);
    CHECK_EQ(image_decode_fast(bytes, n, right_half, 37, 37, &p, &err), KIN_OK);
    CHECK_EQ(p.reduction, 1);
    image_free(&p);
    free(bytes);
}

/* The sum over a prepared picture, the same in WebAssembly (tests/node/decode.test.js). */
void test_decoder_reduced_bits(void)
{
    static const struct {
        const char *name;
        uint32_t sum;
    } want[] = {{"reduce-420.jpg", 2860352324u}, {"reduce-422.jpg", 1471404175u}, {"reduce-turned.jpg", 2069071288u}};
    const resize_rule rule = {
        .resize_on = 1, .shortest_edge = 32, .crop_on = 1, .crop_h = 32, .crop_w = 32, .resample = 3};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        kin_picture p;
        kin_error err;
        uint8_t out[32 * 32 * 3];
        free(decoded(want[i].name, 64, 64, &p));
        CHECK_EQ(p.reduction, 2);
        CHECK_EQ(resize_prepare(&p, 0, 0, 1, 1, 0, &rule, out, &err), KIN_OK);
        uint32_t sum = 0;
        for (size_t k = 0; k < sizeof out; k++)
            sum = sum * 31 + out[k];
        if (sum != want[i].sum)
            printf("  %s: %" PRIu32 "\n", want[i].name, sum);
        CHECK_EQ(sum, want[i].sum);
        image_free(&p);
    }
}

static kin_status resized(const char *name, int marker, int width, int height, kin_error *err)
{
    size_t n, at = 2;
    kin_picture p;
    uint8_t *bytes = bytes_of(name, &n);
    while (bytes[at + 1] != marker)
        at += 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
    bytes[at + 5] = (uint8_t)(height >> 8), bytes[at + 6] = (uint8_t)height;
    bytes[at + 7] = (uint8_t)(width >> 8), bytes[at + 8] = (uint8_t)width;
    kin_status status = image_decode(bytes, n, &p, err);
    free(bytes);
    return status;
}

void test_decoder_limits(void)
{
    kin_error err;
    CHECK_EQ(resized("jpeg-420.jpg", 0xC0, 8500, 6000, &err), KIN_TRUNCATED_IMAGE); /* 51 megapixels are allowed */
    CHECK_EQ(resized("jpeg-420.jpg", 0xC0, 8501, 6000, &err), KIN_TOO_LARGE);
    CHECK(strstr(err.text, "8501x6000") && strstr(err.text, "50 megapixels"));
    CHECK_EQ(resized("jpeg-444.jpg", 0xC0, 8500, 6000, &err), KIN_TRUNCATED_IMAGE);
    CHECK_EQ(resized("jpeg-444-progressive.jpg", 0xC2, 8500, 6000, &err), KIN_TOO_LARGE);
    CHECK(strstr(err.text, "not progressive"));
    CHECK_EQ(resized("jpeg-420-progressive.jpg", 0xC2, 8500, 6000, &err), KIN_TRUNCATED_IMAGE);

    static const struct {
        int width, height, depth, colour;
        kin_status status;
    } headers[] = {
        {5000, 5000, 8, 6, KIN_TRUNCATED_IMAGE},  {5000, 5001, 8, 6, KIN_TOO_LARGE},
        {3692, 3692, 16, 6, KIN_TRUNCATED_IMAGE}, {3693, 3692, 16, 6, KIN_TOO_LARGE}, /* 8 bytes twice */
        {3946, 3946, 16, 2, KIN_TRUNCATED_IMAGE}, {3948, 3948, 16, 2, KIN_TOO_LARGE}, /* 6 and, made clear, 8 */
        {5000, 5000, 16, 4, KIN_TRUNCATED_IMAGE}, {5000, 5000, 16, 0, KIN_TRUNCATED_IMAGE},
        {5000, 5000, 8, 3, KIN_TRUNCATED_IMAGE},  {65535, 381, 1, 0, KIN_TRUNCATED_IMAGE},
        {65536, 1, 1, 0, KIN_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        for (uint8_t interlaced = 0; interlaced < 2; interlaced++) {
            int w = headers[i].width, h = headers[i].height;
            uint8_t png[37] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
            const uint8_t rest[] = {0,
                                    (uint8_t)(w >> 16),
                                    (uint8_t)(w >> 8),
                                    (uint8_t)w,
                                    0,
                                    0,
                                    (uint8_t)(h >> 8),
                                    (uint8_t)h,
                                    (uint8_t)headers[i].depth,
                                    (uint8_t)headers[i].colour,
                                    0,
                                    0,
                                    interlaced};
            memcpy(png + 16, rest, sizeof rest);
            uint32_t sum = stb_crc32(png + 12, 17);
            png[29] = (uint8_t)(sum >> 24), png[30] = (uint8_t)(sum >> 16), png[31] = (uint8_t)(sum >> 8);
            png[32] = (uint8_t)sum;
            kin_picture p;
            CHECK_EQ(image_decode(png, sizeof png, &p, &err), headers[i].status);
            if (headers[i].depth == 16 && headers[i].status == KIN_TOO_LARGE)
                CHECK(strstr(err.text, "8 bits"));
        }
}
