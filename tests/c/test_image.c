/* test_image: every file of tests/golden/images/ gives the pixels or the refusal that index.txt
 * names (tools/golden_images.py); cut and damaged files never pass; raw pixels; formats. */
#include "../../src/image.h"
#include "test.h"
#include <stdlib.h>

struct file {
    uint8_t *bytes;
    size_t n;
};

static struct file read_file(const char *name)
{
    char path[256];
    struct file file;
    snprintf(path, sizeof path, "tests/golden/images/%s", name);
    file.bytes = test_read(path, &file.n);
    return file;
}

static int largest_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    int most = 0;
    for (size_t i = 0; i < n; i++)
        most = abs(a[i] - b[i]) > most ? abs(a[i] - b[i]) : most;
    return most;
}

void test_image_golden(void)
{
    struct file pixels = read_file("pixels.bin");
    FILE *index = fopen("tests/golden/images/index.txt", "r");
    char name[80], status[40];
    int tolerance, width, height, n = 0;
    size_t at = 0;
    CHECK(index != NULL);
    while (fscanf(index, "%79s %39s %d %d %d", name, status, &tolerance, &width, &height) == 5) {
        struct file file = read_file(name);
        kin_picture p = {0};
        kin_error err = {0};
        kin_status got = image_decode(file.bytes, file.n, &p, &err);
        if (strcmp(kin_status_name(got), status))
            printf("  %s: %s\n", name, err.text);
        CHECK_STR(kin_status_name(got), status);
        if (got == KIN_OK) {
            size_t size = (size_t)width * (size_t)height * 3;
            CHECK(p.width == width && p.height == height && size <= pixels.n - at);
            uint8_t *rgb = image_pixels(&p);
            int most = largest_difference(rgb, pixels.bytes + at, size);
            if (most > tolerance)
                printf("  %s: off by %d\n", name, most);
            CHECK(most <= tolerance);
            at += size;
            free(rgb);
            image_free(&p);
        } else { /* nothing handed out, and one sentence */
            CHECK(p.rgb == NULL && p.planes.n == 0 && p.width == 0 && p.height == 0);
            CHECK(err.status == got && strlen(err.text) > 20 && err.text[strlen(err.text) - 1] == '.');
        }
        free(file.bytes);
        n++;
    }
    CHECK(feof(index) && n >= 180);
    CHECK_EQ(at, pixels.n);
    fclose(index);
    free(pixels.bytes);
}

/* A file that ends anywhere before its end marker is not a picture. Only the first bytes of a file
 * can be too few to tell the format. */
void test_image_cut_anywhere(void)
{
    static const char *const names[] = {
        "jpeg-444.jpg",  "jpeg-420-progressive.jpg", "jpeg-restart.jpg", "jpeg-cmyk.jpg", "jpeg-gray.jpg",
        "exif-6-MM.jpg", "png-colour-6-8-1.png",     "png-two-parts.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct file file = read_file(names[i]);
        CHECK(file.n > 60);
        for (size_t n = 0; n < file.n; n++) {
            uint8_t *cut = malloc(n + !n);
            kin_picture p = {0};
            kin_error err;
            memcpy(cut, file.bytes, n);
            kin_status got = image_decode(cut, n, &p, &err);
            if (got != KIN_TRUNCATED_IMAGE && n >= 8)
                printf("  %s cut to %zu bytes: %s\n", names[i], n, kin_status_name(got));
            CHECK(got == KIN_TRUNCATED_IMAGE || (n < 8 && got == KIN_UNSUPPORTED_IMAGE));
            free(cut);
        }
        free(file.bytes);
    }
}

/* Each refusal by its own check: the sentence tells which. */
void test_image_says_why(void)
{
    static const char *const said[][2] = {
        {"bad-deflate.png", "make no sense"},
        {"bomb-1000-scans.jpg", "too many passes"},
        {"bomb-5000.png", "too few bytes"},
        {"bomb-18918.png", "18918x18918 pixels; up to 24 megapixels"},
        {"bomb-26000.jpg", "26000x26000 pixels; up to 50 megapixels"},
        {"bomb-thin.png", "65536x1 pixels"},
        {"flipped-bit.png", "a checksum is wrong"},
        {"format.empty", "not a picture in a format"},
        {"format.heic", "iPhone"},
        {"format.html", "web page"},
        {"format.gif", "in the GIF format"},
        {"format.webp", "in the WebP format"},
        {"frame-header-long.jpg", "its frame header has a wrong length"},
        {"frame-header-short.jpg", "its frame header is too short"},
        {"header-colour-5.png", "its header is not valid"},
        {"header-compression-1.png", "its header is not valid"},
        {"header-depth-0.png", "its bit depth is not valid"},
        {"header-depth-16-palette.png", "its bit depth is not valid"},
        {"header-depth-3.png", "its bit depth is not valid"},
        {"header-depth-4-rgb.png", "its bit depth is not valid"},
        {"header-filter-1.png", "its header is not valid"},
        {"header-interlace-2.png", "its header is not valid"},
        {"header-width-0.png", "it gives no size"},
        {"header-width-huge.png", "it gives no size"},
        {"no-frame.jpg", "data come before the frame header"},
        {"not-first.png", "it does not begin with its header"},
        {"apple.png", "Apple's private variant"},
        {"rare-12-bit.jpg", "rare kind"},
        {"rare-two-colours.jpg", "2 colours"},
        {"scan-header-short.jpg", "a scan header has a wrong length"},
        {"segment-without-length.jpg", "a segment has no length"},
        {"two-frames.jpg", "it has two frames"},
        {"zero-height.jpg", "it gives no size"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct file file = read_file(said[i][0]);
        kin_picture p = {0};
        kin_error err = {0};
        CHECK(image_decode(file.bytes, file.n, &p, &err) != KIN_OK);
        if (!strstr(err.text, said[i][1]))
            printf("  %s: %s\n", said[i][0], err.text);
        CHECK(strstr(err.text, said[i][1]));
        free(file.bytes);
    }
}

/* The bytes in a block of just their size, so that a read past them is seen. */
static kin_status decode_exactly(const char *bytes, size_t n, kin_error *err)
{
    uint8_t *copy = malloc(n + !n);
    kin_picture p = {0};
    memcpy(copy, bytes, n);
    kin_status status = image_decode(copy, n, &p, err);
    image_free(&p);
    free(copy);
    return status;
}

void test_image_ends_within(void)
{
#define FRAME "\xFF\xD8\xFF\xC0\0\x0B\x08\0\x08\0\x08\1\1\x11\0"
#define PNG_HEAD "\x89PNG\r\n\x1A\n"
#define IHDR(w, h) "\0\0\0\rIHDR" w h "\x08\2\0\0\0sum!"
#define ONE "\0\0\0\1"
    static const struct {
        const char *bytes;
        size_t n;
        kin_status status;
        const char *text;
    } cases[] = {
#define CASE(bytes, status, text) {bytes, sizeof bytes - 1, status, text}
        CASE("   ", KIN_UNSUPPORTED_IMAGE, "not a picture"),
        CASE("\xEF\xBB\xBF", KIN_UNSUPPORTED_IMAGE, "not a picture"),
        CASE("\0\0\0\x18"
             "ftypavis",
             KIN_UNSUPPORTED_IMAGE, "AVIF"),
        CASE("II*", KIN_UNSUPPORTED_IMAGE, "not a picture"),
        CASE("\xFF\xD8\xFF", KIN_TRUNCATED_IMAGE, "ends before"),
        CASE("\xFF\xD8\xFF\xE0", KIN_TRUNCATED_IMAGE, "ends before"),
        CASE("\xFF\xD8\xFF\xE0\0", KIN_TRUNCATED_IMAGE, "ends before"),
        CASE("\xFF\xD8\xFF\xE0\0\x09xxxx", KIN_TRUNCATED_IMAGE, "ends before"),
        CASE("\xFF\xD8\xFF\xD9", KIN_TRUNCATED_IMAGE, "ends before"), /* no frame at all */
        CASE("\xFF\xD8\xFF\xC0\0\x02", KIN_BAD_IMAGE, "frame header is too short"),
        CASE("\xFF\xD8\xFF\xC0\0\x0A\x08\0\x08\0\x08\1\1\x11", KIN_BAD_IMAGE, "frame header has a wrong length"),
        CASE("\xFF\xD8\xFF\xC0\0\x0B\x08\0\0\0\x08\1\1\x11\0", KIN_BAD_IMAGE, "gives no size"),
        CASE("\xFF\xD8\xFF\xC0\0\x0B\x08\0\x08\0\0\1\1\x11\0", KIN_BAD_IMAGE, "gives no size"),
        CASE(FRAME "\xFF\xDA\0\x02", KIN_BAD_IMAGE, "scan header has a wrong length"),
        CASE(FRAME "\xFF\xDA\0\x06\xFF\0\0\0", KIN_BAD_IMAGE, "scan header has a wrong length"),
        CASE(FRAME "\xFF\xE1\0\x07"
                   "Exif\0",
             KIN_TRUNCATED_IMAGE, "ends before"),
        CASE(FRAME "\xFF\xE0\0\x07JFIF\0", KIN_TRUNCATED_IMAGE, "ends before"),
        CASE(FRAME "\xFF\xEE\0\x07"
                   "Adobe",
             KIN_TRUNCATED_IMAGE, "ends before"),
        CASE(PNG_HEAD, KIN_TRUNCATED_IMAGE, "ends before"),
        CASE(PNG_HEAD IHDR(ONE, "\0\0\0\0"), KIN_BAD_IMAGE, "gives no size"),
        CASE(PNG_HEAD IHDR("\0\0\0\0", ONE), KIN_BAD_IMAGE, "gives no size"),
        CASE(PNG_HEAD IHDR(ONE, "\x80\0\0\0"), KIN_BAD_IMAGE, "gives no size"),
        CASE(PNG_HEAD IHDR("\x80\0\0\0", ONE), KIN_BAD_IMAGE, "gives no size"),
        CASE(PNG_HEAD IHDR(ONE, ONE), KIN_BAD_IMAGE, "checksum"),
        CASE(PNG_HEAD "\0\0\0\rtEXt0123456789abcsum!", KIN_BAD_IMAGE, "does not begin with its header"),
        CASE(PNG_HEAD "\0\0\0\0IHDRsum!", KIN_BAD_IMAGE, "does not begin with its header"),
        CASE(PNG_HEAD "\xFF\xFF\xFF\xFFIHDRsum!", KIN_TRUNCATED_IMAGE, "ends before"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_error err = {0};
        kin_status got = decode_exactly(cases[i].bytes, cases[i].n, &err);
        if (got != cases[i].status || !strstr(err.text, cases[i].text))
            printf("  case %zu: %s\n", i, err.text);
        CHECK_EQ(got, cases[i].status);
        CHECK(strstr(err.text, cases[i].text));
    }
}

/* Of empty passes a large picture can have fewer. */
void test_image_passes(void)
{
    struct file file = read_file("jpeg-420-progressive.jpg");
    size_t sof = 2, most = 64;
    while (file.bytes[sof + 1] != 0xC2)
        sof += 2 + (size_t)(file.bytes[sof + 2] << 8 | file.bytes[sof + 3]);
    static const uint8_t pass[] = {0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0};
    size_t head = sof + 2 + (size_t)(file.bytes[sof + 2] << 8 | file.bytes[sof + 3]);
    uint8_t *many = malloc(head + (most + 1) * sizeof pass + 2);
    memcpy(many, file.bytes, head);
    for (size_t i = 0; i <= most; i++)
        memcpy(many + head + i * sizeof pass, pass, sizeof pass);
    static const struct {
        int side, passes;
        kin_status status;
    } cases[] = {{100, 64, KIN_TRUNCATED_IMAGE},
                 {100, 65, KIN_TOO_LARGE},
                 {4000, 39, KIN_TRUNCATED_IMAGE},
                 {4000, 40, KIN_TOO_LARGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *size = many + sof + 5, *end = many + head + (size_t)cases[i].passes * sizeof pass;
        size[0] = size[2] = (uint8_t)(cases[i].side >> 8);
        size[1] = size[3] = (uint8_t)cases[i].side;
        uint8_t kept[2] = {end[0], end[1]};
        end[0] = 0xFF, end[1] = 0xD9;
        kin_picture p = {0};
        kin_error err;
        CHECK_EQ(image_decode(many, (size_t)(end + 2 - many), &p, &err), cases[i].status);
        end[0] = kept[0], end[1] = kept[1];
    }
    free(many), free(file.bytes);
}

static size_t find(const struct file *file, const char *type)
{
    for (size_t at = 8; at + 8 <= file->n; at++)
        if (!memcmp(file->bytes + at, type, 4))
            return at;
    return 0;
}

/* A PNG's checksums cover all of it: a flipped bit passes only in the chunk of the transparency, which then
 * does not count, and in the checksum of the end, which holds nothing. */
void test_image_png_bit_flips(void)
{
    struct file file = read_file("png-palette-4-alpha.png");
    size_t clear = find(&file, "tRNS") - 4, data = find(&file, "IDAT") - 4, passed[2] = {0};
    CHECK(file.n > 60 && clear < data && data < file.n);
    kin_picture whole = {0}, opaque = {0};
    kin_error err;
    CHECK_EQ(image_decode(file.bytes, file.n, &whole, &err), KIN_OK);
    uint8_t *cut = malloc(file.n);
    memcpy(cut, file.bytes, clear);
    memcpy(cut + clear, file.bytes + data, file.n - data);
    CHECK_EQ(image_decode(cut, clear + file.n - data, &opaque, &err), KIN_OK);
    size_t size = (size_t)whole.width * (size_t)whole.height * 3;
    CHECK(memcmp(whole.rgb, opaque.rgb, size));
    for (size_t bit = 0; bit < file.n * 8; bit++) {
        kin_picture p = {0};
        file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (image_decode(file.bytes, file.n, &p, &err) == KIN_OK) {
            bool in_clear = bit / 8 >= clear && bit / 8 < data;
            CHECK(in_clear || bit / 8 >= file.n - 4);
            CHECK(!memcmp(p.rgb, in_clear ? opaque.rgb : whole.rgb, size));
            passed[in_clear]++;
        }
        image_free(&p);
        file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(passed[0] == 32 && passed[1] >= (data - clear - 8) * 8);
    image_free(&whole), image_free(&opaque);
    free(cut), free(file.bytes);
}

/* What a damaged JPEG gives, a refusal or pixels, it gives every time, whatever lies in memory. */
void test_image_damaged_jpeg_repeats(void)
{
    static const char *const names[] = {"jpeg-420.jpg", "jpeg-444-progressive.jpg", "jpeg-restart-progressive.jpg"};
    uint32_t random = 1;
    for (int round = 0; round < 300; round++) {
        struct file file = read_file(names[round % 3]);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525u + 1013904223u;
            file.bytes[2 + (random >> 8) % (file.n - 4)] = (uint8_t)random;
        }
        kin_picture a = {0}, b = {0};
        kin_error err;
        kin_status first = image_decode(file.bytes, file.n, &a, &err);
        uint8_t *dirt = malloc(1 << 16);
        memset(dirt, round, 1 << 16);
        free(dirt);
        CHECK_EQ(image_decode(file.bytes, file.n, &b, &err), first);
        if (first == KIN_OK) {
            CHECK(a.width == b.width && a.height == b.height);
            uint8_t *pixels[2] = {image_pixels(&a), image_pixels(&b)};
            CHECK(!memcmp(pixels[0], pixels[1], (size_t)a.width * (size_t)a.height * 3));
            free(pixels[0]), free(pixels[1]);
        }
        image_free(&a), image_free(&b);
        free(file.bytes);
    }
}

void test_image_raw(void)
{
    const uint8_t rgba[] = {10, 20, 30, 255, 0, 0, 0, 0, 200, 100, 0, 128, 255, 255, 255, 1};
    const uint8_t flat[] = {10, 20, 30, 255, 255, 255, 227, 177, 127, 255, 255, 255};
    kin_picture p = {0};
    kin_error err;
    CHECK_EQ(image_from_raw(rgba, 2, 2, 4, NULL, 0, &p, &err), KIN_OK);
    CHECK(p.width == 2 && p.height == 2 && !memcmp(p.rgb, flat, sizeof flat));
    image_free(&p);
    CHECK(p.rgb == NULL && p.width == 0);
    CHECK_EQ(image_from_raw(flat, 4, 1, 3, NULL, 0, &p, &err), KIN_OK);
    CHECK(p.width == 4 && p.height == 1 && !memcmp(p.rgb, flat, sizeof flat));
    image_free(&p);
    CHECK_EQ(image_from_raw(rgba, 2, 2, 2, NULL, 0, &p, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(image_from_raw(rgba, 0, 2, 4, NULL, 0, &p, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(image_from_raw(rgba, 2, -1, 4, NULL, 0, &p, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(image_from_raw(rgba, -1, 2, 4, NULL, 0, &p, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(image_from_raw(rgba, 2, 0, 4, NULL, 0, &p, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(image_from_raw(rgba, 6000, 4200, 4, NULL, 0, &p, &err), KIN_TOO_LARGE);
    CHECK(strstr(err.text, "6000x4200") && strstr(err.text, "24 megapixels"));
    CHECK_EQ(image_from_raw(rgba, 70000, 1, 4, NULL, 0, &p, &err), KIN_TOO_LARGE);
    CHECK_EQ(image_from_raw(rgba, 1, 70000, 4, NULL, 0, &p, &err), KIN_TOO_LARGE);
}

/* Six pixels in two rows, turned to the right by an EXIF block where it says so. */
void test_image_raw_turned(void)
{
    static const uint8_t rgb[18] = {1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0, 6, 0, 0};
    static const uint8_t little[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    static const uint8_t big[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    static const uint8_t strange[] = "II+\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const struct {
        const uint8_t *exif;
        size_t n;
        int width, height;
        uint8_t reds[6];
    } cases[] = {
        {little, sizeof little - 1, 2, 3, {4, 1, 5, 2, 6, 3}}, /* with the mark that some writers put first */
        {little + 6, sizeof little - 7, 2, 3, {4, 1, 5, 2, 6, 3}},
        {big, sizeof big - 1, 2, 3, {4, 1, 5, 2, 6, 3}},
        {big, 19, 3, 2, {1, 2, 3, 4, 5, 6}}, /* cut within the entry */
        {little, 6, 3, 2, {1, 2, 3, 4, 5, 6}},
        {little + 6, 7, 3, 2, {1, 2, 3, 4, 5, 6}},
        {strange, sizeof strange - 1, 3, 2, {1, 2, 3, 4, 5, 6}}, /* 43: BigTIFF */
        {NULL, 0, 3, 2, {1, 2, 3, 4, 5, 6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_picture p = {0};
        kin_error err;
        /* as long as it is said to be, so that the sanitizer sees a read beyond its end */
        uint8_t *exif = malloc(cases[i].n + !cases[i].n);
        if (cases[i].n)
            memcpy(exif, cases[i].exif, cases[i].n);
        CHECK_EQ(image_from_raw(rgb, 3, 2, 3, cases[i].n ? exif : NULL, cases[i].n, &p, &err), KIN_OK);
        CHECK(p.width == cases[i].width && p.height == cases[i].height);
        uint8_t *upright = image_pixels(&p);
        for (int j = 0; j < 6; j++)
            CHECK_EQ(upright[3 * j], cases[i].reds[j]);
        free(upright), free(exif);
        image_free(&p);
    }
}

void test_image_formats(void)
{
    static const char *const kinds[] = {"gif", "webp", "bmp", "tiff", "heic", "avif", "svg", "html"};
    struct file file = read_file("jpeg-444.jpg");
    CHECK_STR(image_format(file.bytes, file.n), "jpeg");
    free(file.bytes);
    file = read_file("png-1x1.png");
    CHECK_STR(image_format(file.bytes, file.n), "png");
    free(file.bytes);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[40];
        snprintf(name, sizeof name, "format.%s", kinds[i]);
        file = read_file(name);
        CHECK_STR(image_format(file.bytes, file.n), kinds[i]);
        free(file.bytes);
    }
    CHECK_STR(image_format((const uint8_t *)"", 0), "unknown");
    CHECK_STR(image_format((const uint8_t *)"\xFF\xD8", 2), "unknown");
}
