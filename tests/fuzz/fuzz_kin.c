/* fuzz_kin: calls of the public interface in any order, with any bytes, decoded from the input: one context, an
 * operation a byte. What an operation takes follows it: numbers of a byte each; texts and files as a length of two
 * bytes, little-endian, and that many bytes (65,535: NULL). Each lies in a block of just its size.
 *
 * Sizes in config.json and preprocessor_config.json have at most two digits, and few towers are begun, so that an
 * input takes milliseconds. */
#include "../../src/kin.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS_MAX = 300, BEGINS_MAX = 4, POOLS_MAX = 4, DIM_MAX = 99 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the input --------------------------------------------------------------------------------------- */

struct input {
    const uint8_t *at, *end;
};

static uint8_t byte(struct input *in) { return in->at < in->end ? *in->at++ : 0; }

struct piece {
    uint8_t *bytes;
    size_t n;
};

static struct piece piece(struct input *in)
{
    size_t n = byte(in), left;
    n |= (size_t)byte(in) << 8;
    left = (size_t)(in->end - in->at);
    if (n == 65535)
        return (struct piece){NULL, 0};
    n = n < left ? n : left;
    struct piece p = {malloc(n ? n : 1), n};
    memcpy(p.bytes, in->at, n);
    in->at += n;
    return p;
}

/* Mostly a fraction about 0 … 1, else any double. */
static double fraction(struct input *in)
{
    uint8_t b = byte(in);
    double any = 0;
    if (b < 240)
        return b / 100.0 - 0.5;
    for (size_t i = 0; i < sizeof any; i++)
        ((uint8_t *)&any)[i] = byte(in);
    return any;
}

/* No number with more than two digits before its point, and none with an exponent. */
static bool has_small_numbers(struct piece p)
{
    for (size_t i = 0, digits = 0; i < p.n; i++) {
        uint8_t c = p.bytes[i];
        if (c >= '0' && c <= '9' && ++digits > 2)
            return false;
        if (digits && (c == 'e' || c == 'E'))
            return false;
        if (digits && c == '.')
            while (i + 1 < p.n && p.bytes[i + 1] >= '0' && p.bytes[i + 1] <= '9')
                i++;
        else if (c < '0' || c > '9')
            digits = 0;
    }
    return true;
}

/* ---- the operations ------------------------------------------------------------------------------------ */

struct world {
    kin_ctx *k;
    kin_pool *pools[POOLS_MAX]; /* of 1 … threads, without helpers */
    int begins;
    bool layer; /* the last run begun is one of rows */
};

static kin_status fine(const struct world *w, kin_status status)
{
    must(status >= KIN_OK && status <= KIN_MODEL_MISMATCH);
    must(status <= KIN_MORE || strlen(kin_error_text(w->k)) > 10);
    return status;
}

static void load_config(struct world *w, struct input *in)
{
    struct piece p = piece(in);
    if (has_small_numbers(p))
        fine(w, kin_config(w->k, (const char *)p.bytes, p.n));
    free(p.bytes);
}

static void load_preprocessing(struct world *w, struct input *in)
{
    struct piece p = piece(in);
    if (has_small_numbers(p) && fine(w, kin_preprocessing(w->k, (const char *)p.bytes, p.n)) == KIN_OK)
        must(kin_dim(w->k, KIN_IMAGE) == 0 && kin_prepared_width(w->k) == 0);
    free(p.bytes);
}

static void load_vocabulary(struct world *w, struct input *in)
{
    struct piece p[6];
    for (int i = 0; i < 6; i++)
        p[i] = piece(in);
#define PART(i) (const char *)p[i].bytes, p[i].n
    fine(w, kin_vocabulary(w->k, PART(0), PART(1), PART(2), PART(3), PART(4), PART(5)));
#undef PART
    for (int i = 0; i < 6; i++)
        free(p[i].bytes);
}

static void begin(struct world *w, struct input *in)
{
    int tower = byte(in), dtype = byte(in);
    if (w->begins++ < BEGINS_MAX)
        fine(w, kin_tower_begin(w->k, tower, dtype));
}

static void feed(struct world *w, struct input *in)
{
    struct piece p = piece(in);
    must(fine(w, kin_tower_feed(w->k, p.bytes, p.n)) != KIN_MORE);
    free(p.bytes);
}

static void tell(struct world *w, struct input *in)
{
    int tower = byte(in);
    const char *info = kin_info(w->k);
    must(info[0] == '{' && info[strlen(info) - 1] == '}');
    fine(w, kin_identify(w->k, tower));
    must(kin_dim(w->k, tower) <= DIM_MAX || kin_dim(w->k, tower) == 512); /* the default */
}

static void export_tower(struct world *w, struct input *in)
{
    int tower = byte(in), n = kin_export_count(w->k, tower);
    for (int i = -1; i <= n; i++) {
        const char *text = kin_export_tensor(w->k, tower, i), *bytes = strstr(text, "\"bytes\":");
        must((bytes != NULL) == (i >= 0 && i < n));
        size_t size = bytes ? (size_t)strtoull(bytes + 8, NULL, 10) : 1;
        uint8_t *out = malloc(size);
        must((fine(w, kin_export_bytes(w->k, tower, i, out)) == KIN_OK) == (bytes != NULL));
        free(out);
    }
}

static void decode(struct world *w, struct input *in, bool fast)
{
    double box[4] = {0};
    for (int i = 0; i < 4 && fast; i++)
        box[i] = fraction(in);
    struct piece p = piece(in);
    must(strlen(kin_image_format(p.bytes, p.n)) > 2);
    kin_status status = fine(w, fast ? kin_image_decode_fast(w->k, p.bytes, p.n, box[0], box[1], box[2], box[3])
                                     : kin_image_decode(w->k, p.bytes, p.n));
    must((status == KIN_OK) == (kin_image_width(w->k) > 0) && (status == KIN_OK) == (kin_image_height(w->k) > 0));
    must(kin_image_reduction(w->k) <= (fast ? 8 : 1) && kin_prepared_width(w->k) == 0);
    free(p.bytes);
}

/* The pixels are as many as width, height and channels say: that is the caller's promise. */
static void take_raw(struct world *w, struct input *in)
{
    int width = (int8_t)byte(in), height = (int8_t)byte(in), channels = byte(in) % 6;
    struct piece exif = piece(in);
    size_t n = width > 0 && height > 0 ? (size_t)(width * height * channels) : 0;
    uint8_t *pixels = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(i * i >> 3);
    if (fine(w, kin_image_raw(w->k, pixels, width, height, channels, exif.bytes, exif.n)) == KIN_OK)
        must(kin_image_width(w->k) * kin_image_height(w->k) == width * height);
    free(pixels), free(exif.bytes);
}

static void prepare(struct world *w, struct input *in)
{
    double x = fraction(in), y = fraction(in), width = fraction(in), height = fraction(in);
    if (fine(w, kin_image_prepare(w->k, x, y, width, height, byte(in))) == KIN_OK) {
        size_t n = (size_t)kin_prepared_width(w->k) * (size_t)kin_prepared_height(w->k) * 3;
        const uint8_t *pixels = kin_prepared(w->k);
        uint8_t *copy = malloc(n);
        must(n > 0);
        memcpy(copy, pixels, n);
        free(copy);
    }
}

static void tokenize(struct world *w, struct input *in)
{
    struct piece p = piece(in);
    if (fine(w, kin_tokenize(w->k, (const char *)p.bytes, p.n)) == KIN_OK) {
        must(kin_token_count(w->k) >= 2);
        for (int i = 0; i < kin_token_count(w->k); i++)
            must(kin_tokens(w->k)[i] >= 0);
    }
    free(p.bytes);
}

/* One vector through a catalogue: written, read and found. */
static void catalogue(const float *v, int dim)
{
    int8_t row[512];
    float scale, scores[2];
    uint32_t rows[2], total;
    kin_error *err = kin_error_new();
    must(err && kin_quantise_vector(v, dim, row, &scale, err) == KIN_OK);
    kin_writer *writer = kin_writer_begin(dim, "{}", 2, err);
    must(writer && kin_writer_add(writer, "a", 1, "{\"id\":\"a\"}", 10, row, 1, err) == KIN_OK);
    must(kin_writer_end(writer, err) == KIN_OK);
    size_t n = kin_writer_bytes(writer);
    uint8_t *bytes = malloc(n);
    must(kin_writer_take(writer, bytes, n) == n);
    kin_catalog *c = kin_catalog_open(bytes, n, err);
    must(c && kin_catalog_search(c, v, NULL, NULL, -2, 0, 1, rows, scores, 2, &total) == 1);
    must(rows[0] == 0 && total == 1 && scores[0] > 0.9f && kin_error_struct_status(err) == KIN_OK);
    kin_catalog_close(c);
    kin_writer_close(writer);
    kin_free(err), free(bytes);
}

static void begin_layer(struct world *w, struct input *in)
{
    int tower = byte(in), layer = (int8_t)byte(in);
    w->layer = true;
    fine(w, kin_layer_begin(w->k, tower, layer == 100 ? KIN_LAST : layer, byte(in) & 1));
}

/* All that were run: finite, embeddings of unit length. */
static void look(struct world *w, struct input *in)
{
    int tower = byte(in) & 1, dim = kin_dim(w->k, tower);
    const float *v = kin_embedding(w->k);
    must((v != NULL) == (kin_rows(w->k) > 0) && (v != NULL) == (kin_columns(w->k) > 0));
    for (int i = 0; i < kin_rows(w->k) * kin_columns(w->k); i++)
        must(isfinite(v[i]));
    if (!v || !dim || w->layer)
        return;
    double length = 0;
    for (int i = 0; i < dim; i++)
        length += (double)v[i] * v[i];
    if (kin_dim(w->k, !tower) == 0) { /* else it may be the other tower's */
        must(fabs(length - 1) < 1e-3);
        catalogue(v, dim);
    }
}

static void use_pool(struct world *w, struct input *in)
{
    int n = byte(in) % (POOLS_MAX + 2) - 1;
    if (n >= 0 && n < POOLS_MAX && !w->pools[n])
        w->pools[n] = kin_pool_open(n + 1);
    must(kin_pool_open(n == POOLS_MAX ? 17 : 0) == NULL);
    kin_use_pool(w->k, n >= 0 && n < POOLS_MAX ? w->pools[n] : NULL);
}

static void use_kernels(struct world *w, struct input *in)
{
    int i = byte(in) % 8 - 1;
    if (fine(w, kin_use_kernels(w->k, i)) == KIN_OK)
        must(strlen(kin_kernels_name(i)) > 0 && kin_kernels_exercise(i, 1) > 0);
}

static void operate(struct world *w, struct input *in)
{
    switch (byte(in) % 24) {
    case 0: load_config(w, in); break;
    case 1: load_preprocessing(w, in); break;
    case 2: load_vocabulary(w, in); break;
    case 3: begin(w, in); break;
    case 4: feed(w, in); break;
    case 5: fine(w, kin_tower_file_end(w->k)); break;
    case 6: fine(w, kin_tower_end(w->k)); break;
    case 7: tell(w, in); break;
    case 8: export_tower(w, in); break;
    case 9: decode(w, in, false); break;
    case 10: decode(w, in, true); break;
    case 11: take_raw(w, in); break;
    case 12: prepare(w, in); break;
    case 13: w->layer = false, fine(w, kin_image_begin(w->k)); break;
    case 14: tokenize(w, in); break;
    case 15: fine(w, kin_text_add(w->k)); break;
    case 16: w->layer = false, fine(w, kin_text_begin(w->k)); break;
    case 17: fine(w, kin_step(w->k)); break;
    case 18:
        while (fine(w, kin_step(w->k)) == KIN_MORE)
            ;
        break;
    case 19: look(w, in); break;
    case 20: use_pool(w, in); break;
    case 21: use_kernels(w, in); break;
    case 22: must(kin_facts(NULL, 0) > 100); break;
    default: begin_layer(w, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct world w = {.k = kin_open()};
    must(w.k != NULL);
    for (int i = 0; i < OPERATIONS_MAX && in.at < in.end; i++)
        operate(&w, &in);
    kin_close(w.k);
    for (int i = 0; i < POOLS_MAX; i++) {
        kin_pool_close(w.pools[i]);
        kin_free(w.pools[i]);
    }
    return 0;
}
