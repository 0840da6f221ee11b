/* image: structure checks of JPEG and PNG, EXIF orientation, transparency. */
#include "image.h"
#include "stb.h"
#include "vec8.h"
#include <stdlib.h>
#include <string.h>

/* What the structure check learns. */
struct outline {
    uint32_t width, height;
    int orientation; /* EXIF 1 … 8; 0: not said */
    bool png;
    /* JPEG; bit i of begun: a first pass of component i was seen; adobe: 0, or 1 more than its transform */
    uint8_t components[4];
    uint32_t n_components, begun, adobe;
    bool jfif;
};

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }

/* ---- formats ------------------------------------------------------------------------------- */

static bool has(const uint8_t *bytes, size_t n, size_t at, const char *text)
{
    size_t length = strlen(text);
    return n >= at + length && !memcmp(bytes + at, text, length);
}

static const char *markup(const uint8_t *bytes, size_t n)
{
    size_t i = 0, end = n < 512 ? n : 512;
    if (has(bytes, n, 0, "\xEF\xBB\xBF"))
        i = 3;
    while (i < end && (bytes[i] == ' ' || (bytes[i] >= 9 && bytes[i] <= 13)))
        i++;
    if (i >= end || bytes[i] != '<')
        return "unknown";
    for (; i < end; i++)
        if (has(bytes, n, i, "<svg"))
            return "svg";
    return "html";
}

const char *image_format(const uint8_t *bytes, size_t n)
{
    static const char *const heic[] = {"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"};
    if (has(bytes, n, 0, "\xFF\xD8\xFF"))
        return "jpeg";
    if (has(bytes, n, 0, "\x89PNG\r\n\x1A\n"))
        return "png";
    if (has(bytes, n, 0, "RIFF") && has(bytes, n, 8, "WEBP"))
        return "webp";
    if (has(bytes, n, 0, "GIF8"))
        return "gif";
    if (has(bytes, n, 4, "ftyp")) {
        for (size_t at = 8; at + 4 <= n && at < 64; at += 4)
            if (has(bytes, n, at, "avif") || has(bytes, n, at, "avis"))
                return "avif";
        for (size_t i = 0; i < sizeof heic / sizeof *heic; i++)
            if (has(bytes, n, 8, heic[i]))
                return "heic";
    }
    if (has(bytes, n, 0, "BM"))
        return "bmp";
    if (n >= 4 && (!memcmp(bytes, "II*\0", 4) || !memcmp(bytes, "MM\0*", 4)))
        return "tiff";
    return markup(bytes, n);
}

static kin_status refuse_format(const char *format, kin_error *err)
{
    if (!strcmp(format, "html"))
        return kin_fail(err, KIN_UNSUPPORTED_IMAGE, "This is a web page, not a picture; check its address.");
    if (!strcmp(format, "heic"))
        return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                        "This photo is in Apple's HEIC format, which cannot be read here; save it as JPEG or "
                        "PNG (on an iPhone: Settings, Camera, Formats, Most Compatible) and try again.");
    if (!strcmp(format, "svg"))
        return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                        "This is an SVG drawing, which cannot be read here; save it as JPEG or PNG, or in a page draw "
                        "it on a canvas and hand that in.");
    if (!strcmp(format, "unknown"))
        return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                        "This file is not a picture in a format that can be read here; use JPEG or PNG.");
    char name[8] = {0};
    for (size_t i = 0; format[i] && i + 1 < sizeof name; i++)
        name[i] = (char)(format[i] - 'a' + 'A');
    if (!strcmp(name, "WEBP"))
        memcpy(name, "WebP", 4);
    return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                    "This picture is in the %s format, which cannot be read here; save it as JPEG "
                    "or PNG and try again.",
                    name);
}

/* ---- EXIF ---------------------------------------------------------------------------------- */

/* TIFF data: byte order, 42, offset of the first directory; tag 0x0112 is a SHORT. Anything
 * malformed means upright. */
static int exif_orientation(const uint8_t *p, size_t n)
{
    if (n < 8 || (memcmp(p, "II*\0", 4) && memcmp(p, "MM\0*", 4)))
        return 1;
    bool little = p[0] == 'I';
#define U16(at) (little ? (uint32_t)p[at] | (uint32_t)p[(at) + 1] << 8 : be16(p + (at)))
#define U32(at) (little ? U16(at) | U16((at) + 2) << 16 : be32(p + (at)))
    size_t at = U32(4);
    if (at > n - 2)
        return 1;
    uint32_t entries = U16(at);
    at += 2;
    for (uint32_t i = 0; i < entries && at + 12 <= n; i++, at += 12)
        if (U16(at) == 0x0112 && U16(at + 2) == 3 && U32(at + 4) == 1) {
            uint32_t value = U16(at + 8);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
#undef U16
#undef U32
    return 1;
}

/* ---- structure ----------------------------------------------------------------------------- */

static kin_status check_size(uint32_t width, uint32_t height, uint32_t most, kin_error *err)
{
    if (width == 0 || height == 0)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A picture of %ux%u pixels has nothing to embed.", width, height);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || (uint64_t)width * height > most)
        return kin_fail(err, KIN_TOO_LARGE,
                        "The picture has %ux%u pixels; up to %u megapixels can be read. Make it "
                        "smaller and try again.",
                        width, height, most / 1000000 - 1);
    return KIN_OK;
}

static kin_status check_memory(uint64_t needed, const struct outline *o, const char *mend, kin_error *err)
{
    if (needed <= IMAGE_MAX_MEMORY)
        return KIN_OK;
    return kin_fail(err, KIN_TOO_LARGE, "The picture of %ux%u pixels takes %u MB to decode, more than a phone has; %s.",
                    o->width, o->height, (uint32_t)(needed >> 20), mend);
}

static kin_status cut_short(const char *kind, kin_error *err)
{
    return kin_fail(err, KIN_TRUNCATED_IMAGE, "The %s file ends before the picture does; fetch or save it again.",
                    kind);
}

static kin_status damaged(const char *kind, const char *what, kin_error *err)
{
    return kin_fail(err, KIN_BAD_IMAGE, "The %s file is damaged (%s); save it again.", kind, what);
}

static kin_status read_frame(const uint8_t *p, size_t n, uint32_t marker, struct outline *o, kin_error *err)
{
    if (n < 6)
        return damaged("JPEG", "its frame header is too short", err);
    uint32_t precision = p[0], components = p[5];
    if (marker > 0xC2 || precision != 8 || (components != 1 && components != 3 && components != 4))
        return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                        "This JPEG is of a rare kind (lossless, arithmetic, 12-bit or %u colours) "
                        "that cannot be read here; save it as an ordinary JPEG or PNG.",
                        components);
    if (o->width)
        return damaged("JPEG", "it has two frames", err);
    o->height = be16(p + 1);
    o->width = be16(p + 3);
    if (!o->width || !o->height)
        return damaged("JPEG", "it gives no size", err);
    if (n != 6 + 3 * (size_t)components)
        return damaged("JPEG", "its frame header has a wrong length", err);
    o->n_components = components;
    TRY(check_size(o->width, o->height, IMAGE_MAX_JPEG_PIXELS, err));
    uint32_t across = 1, down = 1;
    for (uint32_t i = 0; i < components; i++) {
        uint32_t h = p[7 + 3 * i] >> 4, v = p[7 + 3 * i] & 15;
        o->components[i] = p[6 + 3 * i];
        across = h > across ? h : across;
        down = v > down ? v : down;
    }
    uint64_t units = (uint64_t)((o->width + 8 * across - 1) / (8 * across)) * ((o->height + 8 * down - 1) / (8 * down));
    uint64_t needed = 0; /* a byte a sample, two a coefficient */
    for (uint32_t i = 0; i < components; i++)
        needed += units * 64 * (p[7 + 3 * i] >> 4) * (p[7 + 3 * i] & 15) * (marker == 0xC2 ? 2 : 1);
    return check_memory(needed, o, "save it smaller, or as a JPEG that is not progressive", err);
}

/* Notes which components a scan begins: each needs a pass with its mean values, or parts of the
 * picture would be what lay in memory. */
static kin_status read_scan(const uint8_t *p, size_t n, struct outline *o, kin_error *err)
{
    if (n < 4 || n != 4 + 2 * (size_t)p[0])
        return damaged("JPEG", "a scan header has a wrong length", err);
    const uint8_t *coefficients = p + 1 + 2 * (size_t)p[0]; /* first, last, bits before and after */
    for (uint32_t i = 0; i < p[0]; i++)
        for (uint32_t c = 0; c < o->n_components; c++)
            if (o->components[c] == p[1 + 2 * i] && coefficients[0] == 0 && coefficients[2] >> 4 == 0)
                o->begun |= 1u << c;
    return KIN_OK;
}

/* The colours that libjpeg guesses, and with it Pillow and the browsers. */
static enum planes_colour colour_of(const struct outline *o)
{
    if (o->n_components == 1)
        return PLANES_GRAY;
    if (o->n_components == 4)
        return o->adobe <= 1 ? PLANES_CMYK : PLANES_YCCK;
    if (o->jfif)
        return PLANES_YCC;
    if (o->adobe)
        return o->adobe == 1 ? PLANES_RGB : PLANES_YCC;
    return memcmp(o->components, "RGB", 3) ? PLANES_YCC : PLANES_RGB;
}

/* Walks all markers up to the end. A scan costs time by its picture's pixels even when it is empty,
 * so their number is limited as such and by the work they make. */
static kin_status outline_jpeg(const uint8_t *bytes, size_t n, struct outline *o, kin_error *err)
{
    size_t at = 2;
    uint32_t scans = 0;
    while (at + 2 <= n) {
        if (bytes[at] != 0xFF) {
            at++; /* entropy-coded data, or stray bytes between segments */
            continue;
        }
        uint32_t marker = bytes[at + 1];
        if (marker == 0xFF) {
            at++;
            continue;
        }
        at += 2;
        if (marker == 0xD9)
            break;
        if (marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8))
            continue;
        if (at + 2 > n)
            return cut_short("JPEG", err);
        size_t length = be16(bytes + at);
        if (length < 2)
            return damaged("JPEG", "a segment has no length", err);
        if (length > n - at)
            return cut_short("JPEG", err);
        const uint8_t *body = bytes + at + 2;
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC)
            TRY(read_frame(body, length - 2, marker, o, err));
        else if (marker == 0xE1 && length >= 8 && !memcmp(body, "Exif\0\0", 6) && o->orientation == 0)
            o->orientation = exif_orientation(body + 6, length - 8);
        else if (marker == 0xE0 && length >= 16 && !memcmp(body, "JFIF\0", 5) && !scans)
            o->jfif = true;
        else if (marker == 0xEE && length >= 14 && !memcmp(body, "Adobe", 5) && !scans)
            o->adobe = body[11] + 1u;
        else if (marker == 0xDA) {
            if (!o->width)
                return damaged("JPEG", "data come before the frame header", err);
            if (++scans > IMAGE_MAX_SCANS || (uint64_t)scans * o->width * o->height > 25ull * IMAGE_MAX_PIXELS)
                return kin_fail(err, KIN_TOO_LARGE,
                                "This progressive JPEG has too many passes for its size; save it again as an "
                                "ordinary JPEG.");
            TRY(read_scan(body, length - 2, o, err));
        }
        at += length;
    }
    if (!o->width || o->begun != (1u << o->n_components) - 1)
        return cut_short("JPEG", err);
    /* Each 8 x 8 block takes at least a bit: with far fewer bytes it cannot be all of it. */
    if ((uint64_t)o->width * o->height / 1024 > n)
        return cut_short("JPEG", err);
    return KIN_OK;
}

static kin_status read_ihdr(const uint8_t p[13], struct outline *o, uint64_t *raw, kin_error *err)
{
    static const uint8_t samples[7] = {1, 0, 3, 1, 2, 0, 4}, channels[7] = {2, 0, 4, 4, 2, 0, 4}; /* with alpha */
    uint32_t depth = p[8], colour = p[9];
    if (colour > 6 || !samples[colour] || p[10] || p[11] || p[12] > 1)
        return damaged("PNG", "its header is not valid", err);
    bool fits = depth == 8 || (depth == 16 && colour != 3) || (depth < 8 && depth && 8 % depth == 0 && colour % 3 == 0);
    if (!fits)
        return damaged("PNG", "its bit depth is not valid", err);
    o->width = be32(p);
    o->height = be32(p + 4);
    if (!o->width || !o->height || o->width > INT32_MAX || o->height > INT32_MAX)
        return damaged("PNG", "it gives no size", err);
    *raw = ((uint64_t)o->width * depth * samples[colour] + 7) / 8 * o->height;
    TRY(check_size(o->width, o->height, IMAGE_MAX_PIXELS, err));
    uint64_t pixels = (uint64_t)o->width * o->height, held = pixels * channels[colour] * (depth == 16 ? 2 : 1);
    uint64_t inflated = *raw + held + (colour == 3 ? pixels : 0), rgb = channels[colour] == 2 ? held + 3 * pixels : 0;
    return check_memory(inflated > rgb ? inflated : rgb, o, "save it with 8 bits a colour, or smaller", err);
}

/* A wrong checksum makes a chunk that the picture can do without (its type begins with a small letter) not
 * count, as in browsers; IEND holds nothing that could be wrong. */
static kin_status outline_png(const uint8_t *bytes, size_t n, struct outline *o, kin_error *err)
{
    size_t at = 8;
    uint64_t data = 0, raw = 0;
    bool end = false;
    while (!end) {
        if (n - at < 12)
            return cut_short("PNG", err);
        size_t length = be32(bytes + at);
        const uint8_t *type = bytes + at + 4, *body = type + 4;
        if (length > n - at - 12)
            return cut_short("PNG", err);
        if (!memcmp(type, "CgBI", 4))
            return kin_fail(err, KIN_UNSUPPORTED_IMAGE,
                            "This is a PNG in Apple's private variant; save it as an ordinary PNG.");
        if (!o->width) { /* sizes are checked before anything else of the file is looked at */
            if (memcmp(type, "IHDR", 4) || length != 13)
                return damaged("PNG", "it does not begin with its header", err);
            TRY(read_ihdr(body, o, &raw, err));
        }
        end = !memcmp(type, "IEND", 4);
        bool whole = stb_crc32(type, length + 4) == be32(body + length);
        if (!whole && !end && !(type[0] & 0x20))
            return damaged("PNG", "a checksum is wrong", err);
        if (whole && !memcmp(type, "eXIf", 4) && o->orientation == 0)
            o->orientation = exif_orientation(body, length);
        if (!memcmp(type, "IDAT", 4))
            data += length;
        at += length + 12;
    }
    if (raw / 1032 > data) /* deflate cannot shrink further than 1032 : 1 */
        return damaged("PNG", "it holds too few bytes for its size", err);
    return KIN_OK;
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* The rows lie as the orientation says; width and height become those of the upright picture. */
static void orient(kin_picture *p, int orientation)
{
    p->orientation = orientation;
    if (image_turn(p).swap) {
        int width = p->width;
        p->width = p->height;
        p->height = width;
    }
}

static uint8_t over_white(uint32_t c, uint32_t a) { return (uint8_t)((c * a + 255 * (255 - a) + 127) / 255); }

static uint8_t upper(const uint8_t *sample, int bytes)
{
    uint16_t wide;
    if (bytes == 1)
        return *sample;
    memcpy(&wide, sample, 2);
    return (uint8_t)(wide >> 8);
}

/* n pixels -> RGB over white, the upper bytes of wide samples; NULL: no memory. In place where a pixel has
 * three bytes or more, since the target then never overtakes the source. */
static uint8_t *flatten(struct stb_samples s, size_t n)
{
    size_t step = (size_t)s.channels * (size_t)s.bytes;
    uint8_t *rgb = step >= 3 ? s.data : malloc(n * 3), v[4] = {0};
    if (step == 3) /* they are it */
        return rgb;
    const uint8_t *from = s.data;
    for (uint8_t *to = rgb; to && n--; from += step, to += 3) {
        for (int c = 0; c < s.channels; c++)
            v[c] = upper(from + c * s.bytes, s.bytes);
        uint8_t alpha = s.channels % 2 ? 255 : v[s.channels - 1];
        for (int c = 0; c < 3; c++)
            to[c] = over_white(v[s.channels < 3 ? 0 : c], alpha);
    }
    if (rgb != s.data)
        free(s.data);
    return rgb;
}

/* EXIF: 2 mirrored, 3 turned by 180, 4 upside down, 5 transposed, 6 to turn right, 7 transverse,
 * 8 to turn left. */
struct image_turn image_turn(const kin_picture *picture)
{
    int o = picture->orientation;
    return (struct image_turn){
        .swap = o >= 5, .flip_x = o == 2 || o == 3 || o == 7 || o == 8, .flip_y = o == 3 || o == 4 || o == 6 || o == 7};
}

size_t image_scratch(const kin_picture *picture) { return picture->planes.n ? planes_scratch(&picture->planes) : 1; }

void image_row(const kin_picture *picture, int y, int x, int n, uint8_t *scratch, uint8_t *const rgb[3])
{
    if (picture->planes.n) {
        planes_row(&picture->planes, y, x, n, scratch, rgb);
        return;
    }
    int stored_width = picture->orientation >= 5 ? picture->height : picture->width;
    const uint8_t *from = picture->rgb + ((size_t)y * (size_t)stored_width + (size_t)x) * 3;
    uint8_t *r = rgb[0], *g = rgb[1], *b = rgb[2];
    for (int i = 0; i < n; i++, from += 3) {
        r[i] = from[0];
        g[i] = from[1];
        b[i] = from[2];
    }
}

uint8_t *image_pixels(const kin_picture *picture)
{
    struct image_turn turn = image_turn(picture);
    int w = turn.swap ? picture->height : picture->width;
    int h = turn.swap ? picture->width : picture->height;
    size_t line = (size_t)w + VEC8_SLACK;
    uint8_t *scratch = malloc(image_scratch(picture) + 3 * line), *out = malloc((size_t)w * (size_t)h * 3);
    if (!scratch || !out) {
        free(scratch), free(out);
        return NULL;
    }
    uint8_t *lines = scratch + image_scratch(picture), *rgb[3] = {lines, lines + line, lines + 2 * line};
    for (int y = 0; y < h; y++) {
        image_row(picture, y, 0, w, scratch, rgb);
        for (int x = 0; x < w; x++) {
            int sx = turn.flip_x ? w - 1 - x : x, sy = turn.flip_y ? h - 1 - y : y;
            size_t at = turn.swap ? (size_t)sx * (size_t)h + (size_t)sy : (size_t)sy * (size_t)w + (size_t)sx;
            for (int c = 0; c < 3; c++)
                out[3 * at + (size_t)c] = rgb[c][x];
        }
    }
    free(scratch);
    return out;
}

/* Whether that much could be had. */
static bool memory_for(size_t n)
{
    void *volatile probe = malloc(n); /* volatile: the pair must not be optimised away */
    free(probe);
    return probe != NULL;
}

/* The most that keeps width x height pixels in the box. */
static int reduction_for(const struct outline *o, const double box[4], int width, int height)
{
    bool swap = o->orientation >= 5;
    uint32_t size[2] = {swap ? o->height : o->width, swap ? o->width : o->height};
    double kept[2];
    for (int i = 0; i < 2; i++) {
        double begin = box[i] > 0 ? box[i] : 0, end = box[i] + box[i + 2];
        kept[i] = ((end < 1 ? end : 1) - begin) * size[i];
    }
    int reduction = 8;
    while (reduction > 1 && !(kept[0] >= (double)width * reduction && kept[1] >= (double)height * reduction))
        reduction /= 2;
    return reduction;
}

/* False: damage, or want of memory, which stb_image does not tell apart. */
static bool read_pixels(const struct outline *o, struct stb_source *source, kin_picture *p)
{
    source->at = 0;
    if (o->png) {
        struct stb_samples samples = stb_png(source->bytes, source->n);
        p->width = samples.width;
        p->height = samples.height;
        p->rgb = samples.data ? flatten(samples, (size_t)p->width * (size_t)p->height) : NULL;
        return p->rgb != NULL;
    }
    if (!stb_jpeg(source, p->reduction, &p->planes))
        return false;
    p->width = p->planes.width;
    p->height = p->planes.height;
    p->planes.colour = colour_of(o);
    return true;
}

/* box NULL: no reduction. */
static kin_status decode(const uint8_t *bytes, size_t n, const double *box, int width, int height, kin_picture *out,
                         kin_error *err)
{
    const char *format = image_format(bytes, n);
    struct outline o = {.png = !strcmp(format, "png")};
    if (n > INT32_MAX)
        return kin_fail(err, KIN_TOO_LARGE, "The picture's file is larger than 2 GB.");
    if (o.png)
        TRY(outline_png(bytes, n, &o, err));
    else if (!strcmp(format, "jpeg"))
        TRY(outline_jpeg(bytes, n, &o, err));
    else
        return refuse_format(format, err);

    struct stb_source source = {bytes, n, 0, false};
    kin_picture p = {.reduction = box && !o.png ? reduction_for(&o, box, width, height) : 1};
    bool whole = read_pixels(&o, &source, &p);
    if (!whole && !source.starved) /* what is damaged fails again, a shortage may have passed */
        whole = read_pixels(&o, &source, &p);
    int d = p.reduction;
    if (!whole || source.starved || p.width != ((int)o.width + d - 1) / d || p.height != ((int)o.height + d - 1) / d) {
        image_free(&p);
        if (source.starved)
            return cut_short(o.png ? "PNG" : "JPEG", err);
        if (!memory_for((size_t)o.width * o.height * 7)) /* planes and pixels */
            return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a picture of %ux%u pixels.", o.width,
                            o.height);
        return damaged(o.png ? "PNG" : "JPEG", "its data are incomplete or make no sense", err);
    }
    if (o.png) {
        uint8_t *smaller = realloc(p.rgb, (size_t)p.width * (size_t)p.height * 3);
        p.rgb = smaller ? smaller : p.rgb;
    }
    orient(&p, o.orientation);
    *out = p;
    return KIN_OK;
}

kin_status image_decode(const uint8_t *bytes, size_t n, kin_picture *out, kin_error *err)
{
    return decode(bytes, n, NULL, 0, 0, out, err);
}

kin_status image_decode_fast(const uint8_t *bytes, size_t n, const double box[4], int width, int height,
                             kin_picture *out, kin_error *err)
{
    return decode(bytes, n, box, width, height, out, err);
}

kin_status image_from_raw(const uint8_t *pixels, int width, int height, int channels, const uint8_t *exif,
                          size_t exif_n, kin_picture *out, kin_error *err)
{
    if (width < 0 || height < 0 || (channels != 3 && channels != 4))
        return kin_fail(err, KIN_BAD_ARGUMENT, "Raw pixels need a width, a height and 3 or 4 channels.");
    TRY(check_size((uint32_t)width, (uint32_t)height, IMAGE_MAX_PIXELS, err));
    size_t n = (size_t)width * (size_t)height;
    kin_picture p = {.rgb = malloc(n * 3), .width = width, .height = height, .reduction = 1};
    if (!p.rgb)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a picture of %dx%d.", width, height);
    if (channels == 3) {
        memcpy(p.rgb, pixels, n * 3);
    } else {
        uint8_t *to = p.rgb;
        for (size_t i = 0; i < n; i++, pixels += 4, to += 3)
            for (int c = 0; c < 3; c++)
                to[c] = over_white(pixels[c], pixels[3]);
    }
    bool marked = exif_n >= 6 && !memcmp(exif, "Exif\0\0", 6); /* some WebPs repeat JPEG's mark */
    orient(&p, marked ? exif_orientation(exif + 6, exif_n - 6) : exif_orientation(exif, exif_n));
    *out = p;
    return KIN_OK;
}

void image_free(kin_picture *picture)
{
    free(picture->rgb);
    planes_free(&picture->planes);
    *picture = (kin_picture){0};
}
