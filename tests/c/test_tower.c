/* test_tower: every stage of both towers against transformers (tools/golden_tower.py), quantisation
 * against f32, and the committed q8 bits (tests/golden/tower/q8.bin) that wasm must give as well.
 *
 * KIN_GOLDEN=write makes q8.bin anew: only together with a new number of docs/numerics.md. */
#include "../../src/load.h"
#include "../../src/quant.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>

static const char *const models[] = {"quick-gelu-f16", "gelu-bf16", "tanh-f32", "wide-f16"};
enum { N_MODELS = 4, CASES = 3 };

static uint8_t *read_file(const char *folder, const char *name, size_t *n)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/tower/%s%s%s", folder, *folder ? "/" : "", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*n + 1);
    if (fread(bytes, 1, *n, f) != *n)
        *n = 0;
    fclose(f);
    return bytes;
}

struct fixture {
    uint8_t *expected_bytes, *model_bytes, *config_text;
    size_t expected_n, model_n, config_n;
    tensor_file expected;
    json config;
    kin_error err;
};

static bool fixture_open(struct fixture *f, const char *name)
{
    f->expected_bytes = read_file(name, "expected.safetensors", &f->expected_n);
    f->model_bytes = read_file(name, "model.safetensors", &f->model_n);
    f->config_text = read_file(name, "config.json", &f->config_n);
    return f->expected_bytes && f->model_bytes && f->config_text &&
           json_open((const char *)f->config_text, f->config_n, "config.json", &f->config, &f->err) == KIN_OK &&
           tensor_file_open(f->expected_bytes, f->expected_n, f->expected_n, KIN_NOT_A_MODEL, "expected", &f->expected,
                            &f->err) == KIN_OK;
}

static void fixture_close(struct fixture *f)
{
    tensor_file_close(&f->expected);
    free(f->expected_bytes), free(f->model_bytes), free(f->config_text);
}

static const void *expected(const struct fixture *f, const char *name)
{
    const tensor *t = tensor_find(&f->expected, name);
    return t ? f->expected_bytes + t->begin : NULL;
}

/* Loads a tower from the fixture in chunks of `chunk` bytes. */
static kin_status load(struct fixture *f, struct tower **out, int kind, bool q8, size_t chunk, const struct kernels *k)
{
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    struct loader l;
    *out = NULL;
    TRY(tower_open(out, kind, q8, f->config, &f->err));
    struct tower *t = *out;
    memcpy(t->pixels.mean, mean, sizeof mean);
    memcpy(t->pixels.std, std, sizeof std);
    t->pixels.rescale = (float)(1.0 / 255);
    loader_begin(&l, t, k);
    kin_status status = KIN_OK;
    for (size_t at = 0; at < f->model_n && status == KIN_OK; at += chunk)
        status = loader_feed(&l, f->model_bytes + at, f->model_n - at < chunk ? f->model_n - at : chunk, &f->err);
    if (status == KIN_OK)
        status = loader_file_end(&l, &f->err);
    loader_end(&l);
    return status == KIN_OK ? tower_finish(t, k, &f->err) : status;
}

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++)
        ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

static float worst_difference(const float *a, const float *b, int n)
{
    float worst = 0;
    for (int i = 0; i < n; i++)
        worst = fmaxf(worst, fabsf(a[i] - b[i]) / (1 + fabsf(b[i])));
    return worst;
}

static kin_status add_case(struct fixture *f, struct tower *t, int i)
{
    const int32_t *ids = (const int32_t *)expected(f, "ids") + i * t->context;
    return tower_add_text(t, ids, ((const int32_t *)expected(f, "lengths"))[i], &f->err);
}

static kin_status begin_case(struct fixture *f, struct tower *t, int i, const uint8_t **pixels)
{
    *pixels = NULL;
    if (t->kind == TOWER_IMAGE) {
        *pixels = (const uint8_t *)expected(f, "pixels") + (size_t)i * t->image_size * t->image_size * 3;
        return tower_begin_image(t, TOWER_EMBEDDING, NULL, &f->err);
    }
    TRY(add_case(f, t, i));
    return tower_begin_texts(t, NULL, &f->err);
}

static kin_status run(struct fixture *f, struct tower *t, const struct kernels *k, const uint8_t *pixels)
{
    kin_status status;
    while ((status = tower_step(t, NULL, k, pixels, &f->err)) == KIN_MORE)
        ;
    return status;
}

/* Runs one case to its end. */
static kin_status embed(struct fixture *f, struct tower *t, int i, const struct kernels *k)
{
    const uint8_t *pixels;
    TRY(begin_case(f, t, i, &pixels));
    return run(f, t, k, pixels);
}

void test_tower_f32_stages(void)
{
    for (int m = 0; m < N_MODELS; m++)
        for (int kind = 0; kind < 2; kind++) {
            struct fixture f = {0};
            struct tower *t;
            CHECK(fixture_open(&f, models[m]));
            CHECK_EQ(load(&f, &t, kind, false, 1000, &kernels_ref), KIN_OK);
            for (int i = 0; i < CASES; i++) {
                const uint8_t *pixels;
                const char *part = kind == TOWER_IMAGE ? "image" : "text";
                char name[64];
                CHECK_EQ(begin_case(&f, t, i, &pixels), KIN_OK);
                for (int stage = 0; stage < t->layers; stage++) { /* the last block has one row only */
                    CHECK_EQ(tower_step(t, NULL, &kernels_ref, pixels, &f.err), KIN_MORE);
                    snprintf(name, sizeof name, "%s.hidden.%d", part, stage);
                    const float *want = expected(&f, name);
                    CHECK(want != NULL);
                    want += (size_t)i * t->shape.tokens_max * t->shape.channels;
                    /* f32 sums in another order than PyTorch's: a few units in the last place */
                    CHECK(worst_difference(t->x, want, t->spans[0].tokens * t->shape.channels) < 1e-4f);
                }
                CHECK_EQ(run(&f, t, &kernels_ref, pixels), KIN_OK);
                snprintf(name, sizeof name, "%s.embedding", part);
                CHECK(cosine(t->embeddings, (const float *)expected(&f, name) + i * t->dim, t->dim) > 0.999999);
            }
            tower_close(t);
            fixture_close(&f);
        }
}

/* Starts a run of case i that ends with a layer's rows; of a text the tokens up to its end are given. */
static kin_status begin_rows(struct fixture *f, struct tower *t, int i, int layer, bool norm)
{
    int until;
    const int32_t *ids = expected(f, "ids"), *lengths = expected(f, "lengths");
    TRY(tower_layer(t, layer, norm, &until, &f->err));
    if (t->kind == TOWER_IMAGE)
        return tower_begin_image(t, until, NULL, &f->err);
    return tower_begin_rows(t, ids + i * t->context, lengths[i], ids[t->context - 1], until, NULL, &f->err);
}

/* A run may end after any layer, with all rows of it: transformers' hidden states, the last one too. */
void test_tower_until_a_layer(void)
{
    for (int m = 0; m < N_MODELS; m++)
        for (int kind = 0; kind < 2; kind++) {
            struct fixture f = {0};
            struct tower *t;
            CHECK(fixture_open(&f, models[m]));
            CHECK_EQ(load(&f, &t, kind, false, 1000, &kernels_ref), KIN_OK);
            int size = t->shape.tokens_max * t->shape.channels;
            for (int at = 0; at <= 2 * t->layers + 1; at++) /* each from the front and from the end */
                for (int i = 0; i < CASES; i++) {
                    char name[64];
                    int layer = at <= t->layers ? at : at - t->layers - 1, rows, columns;
                    snprintf(name, sizeof name, "%s.hidden.%d", kind == TOWER_IMAGE ? "image" : "text", layer);
                    const float *want = expected(&f, name);
                    const uint8_t *pixels = expected(&f, "pixels");
                    CHECK(want != NULL);
                    CHECK_EQ(begin_rows(&f, t, i, at <= t->layers ? at : -1 - t->layers + layer, false), KIN_OK);
                    pixels += (size_t)i * (size_t)(t->image_size * t->image_size * 3);
                    CHECK_EQ(run(&f, t, &kernels_ref, pixels), KIN_OK);
                    CHECK_EQ(t->step, layer + 1);
                    const float *got = tower_result(t, &rows, &columns);
                    CHECK_EQ(rows * columns, size);
                    CHECK_EQ(columns, t->shape.channels);
                    CHECK(worst_difference(got, want + i * size, size) < 1e-4f);
                }
            tower_close(t);
            fixture_close(&f);
        }
}

/* The final norm: of a text's last_hidden_state by itself, of an image's and of other layers where it is asked for. */
void test_tower_final_norm(void)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fixture f = {0};
        struct tower *t;
        int until, rows, columns;
        CHECK(fixture_open(&f, models[0]));
        CHECK_EQ(load(&f, &t, kind, false, 1000, &kernels_ref), KIN_OK);
        const uint8_t *pixels = expected(&f, "pixels");
        for (int layer = 0; layer <= t->layers; layer++) {
            CHECK_EQ(begin_rows(&f, t, 0, layer, false), KIN_OK);
            CHECK_EQ(run(&f, t, &kernels_ref, pixels), KIN_OK);
            const float *x = tower_result(t, &rows, &columns);
            size_t n = (size_t)rows * (size_t)columns;
            float *want = malloc(n * sizeof *want), *plain = malloc(n * sizeof *plain);
            memcpy(plain, x, n * sizeof *x), memcpy(want, x, n * sizeof *x);
            t->family->norm(t, rows, NULL); /* of t->x, which is where x is */
            memcpy(want, t->x, n * sizeof *x);
            CHECK_EQ(begin_rows(&f, t, 0, layer, true), KIN_OK);
            CHECK_EQ(run(&f, t, &kernels_ref, pixels), KIN_OK);
            CHECK(!memcmp(tower_result(t, &rows, &columns), want, n * sizeof *x));
            CHECK(memcmp(want, plain, n * sizeof *x) != 0);
            if (layer == t->layers) {
                CHECK_EQ(begin_rows(&f, t, 0, TOWER_LAST, false), KIN_OK);
                CHECK_EQ(run(&f, t, &kernels_ref, pixels), KIN_OK);
                CHECK(!memcmp(tower_result(t, &rows, &columns), kind == TOWER_TEXT ? want : plain, n * sizeof *x));
            }
            free(want), free(plain);
        }
        CHECK_EQ(tower_layer(t, t->layers + 1, false, &until, &f.err), KIN_BAD_ARGUMENT);
        CHECK_EQ(tower_layer(t, -t->layers - 2, false, &until, &f.err), KIN_BAD_ARGUMENT);
        CHECK_EQ(tower_layer(t, INT32_MIN, false, &until, &f.err), KIN_BAD_ARGUMENT);
        CHECK_EQ(tower_layer(t, INT32_MAX, false, &until, &f.err), KIN_BAD_ARGUMENT);
        if (kind == TOWER_TEXT) { /* a pad token that the model has not */
            const int32_t *ids = expected(&f, "ids");
            CHECK_EQ(tower_begin_rows(t, ids, 3, t->vocab, 0, NULL, &f.err), KIN_NOT_A_MODEL);
            CHECK_EQ(tower_begin_rows(t, ids, 0, 0, 0, NULL, &f.err), KIN_BAD_ARGUMENT);
            CHECK_EQ(tower_begin_rows(t, ids, t->context + 1, 0, 0, NULL, &f.err), KIN_BAD_ARGUMENT);
        }
        tower_close(t);
        fixture_close(&f);
    }
}

/* The rows of a configuration can be asked without memory for its weights. */
void test_tower_read(void)
{
    struct fixture f = {0};
    struct tower sizes;
    json other;
    const char *siglip = "{\"model_type\":\"siglip\"}", *dict = "{\"vision_config_dict\":{\"image_size\":64}}";
    CHECK(fixture_open(&f, models[0]));
    CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, f.config, &f.err), KIN_OK);
    CHECK_STR(sizes.family->name, "clip");
    CHECK_EQ(sizes.image_size, 32);
    CHECK_EQ(sizes.shape.tokens_max, 17);
    CHECK_EQ(sizes.dim, 24);
    CHECK_EQ(json_open(siglip, strlen(siglip), "config.json", &other, &f.err), KIN_OK);
    CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, other, &f.err), KIN_UNSUPPORTED);
    CHECK(strstr(f.err.text, "\"siglip\"") != NULL);
    CHECK_EQ(json_open("[]", 2, "config.json", &other, &f.err), KIN_OK);
    CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, other, &f.err), KIN_NOT_A_MODEL);
    CHECK_EQ(json_open("{\"model_type\":7}", 16, "config.json", &other, &f.err), KIN_OK);
    CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, other, &f.err), KIN_NOT_A_MODEL);
    CHECK_EQ(json_open(dict, strlen(dict), "config.json", &other, &f.err), KIN_OK);
    CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, other, &f.err), KIN_OK);
    CHECK_EQ(sizes.image_size, 64);
    fixture_close(&f);
}

static bool has_canonical(struct fixture *f, int kind, const char *want)
{
    struct tower sizes;
    struct json_out o;
    json_out_init(&o);
    if (tower_read(&sizes, kind, true, f->config, &f->err) == KIN_OK)
        tower_canonical(&sizes, &o);
    bool same = o.n == strlen(want) && !memcmp(o.text, want, o.n);
    if (!same)
        printf("  %.*s\n", (int)o.n, o.text);
    json_out_free(&o);
    return same;
}

/* All that a configuration decides, in RFC 8785's form: it is part of the model's id. */
void test_tower_canonical(void)
{
    struct fixture f = {0};
    CHECK(fixture_open(&f, models[1]));
    CHECK(has_canonical(
        &f, TOWER_IMAGE,
        "{\"activation\":\"gelu\",\"dim\":36,\"eps\":9.999999974752427e-7,\"family\":\"clip\",\"heads\":2,"
        "\"hidden\":120,\"image_size\":30,\"layers\":2,\"patch\":7,\"width\":40}"));
    CHECK(has_canonical(&f, TOWER_TEXT,
                        "{\"activation\":\"gelu\",\"context\":12,\"dim\":36,\"end\":95,\"eps\":9.999999974752427e-7,"
                        "\"family\":\"clip\",\"heads\":4,\"hidden\":120,\"layers\":2,\"vocab\":96,\"width\":40}"));
    fixture_close(&f);
    CHECK(fixture_open(&f, models[0]));
    CHECK(has_canonical(&f, TOWER_TEXT,
                        "{\"activation\":\"quick_gelu\",\"context\":12,\"dim\":24,\"end\":\"largest\",\"eps\":"
                        "0.000009999999747378752,\"family\":\"clip\",\"heads\":2,\"hidden\":64,\"layers\":2,"
                        "\"vocab\":96,\"width\":32}"));
    fixture_close(&f);
}

static void check_q8_bits(const struct kernels *k, FILE *golden, bool write)
{
    for (int m = 0; m < N_MODELS; m++)
        for (int kind = 0; kind < 2; kind++) {
            struct fixture f = {0};
            struct tower *t;
            CHECK(fixture_open(&f, models[m]));
            CHECK_EQ(load(&f, &t, kind, true, 777, k), KIN_OK);
            for (int i = 0; i < CASES; i++) {
                float want[64];
                CHECK_EQ(embed(&f, t, i, k), KIN_OK);
                const float *reference = expected(&f, kind == TOWER_IMAGE ? "image.embedding" : "text.embedding");
                CHECK(cosine(t->embeddings, reference + i * t->dim, t->dim) > 0.995);
                if (write) {
                    CHECK_EQ(fwrite(t->embeddings, 4, (size_t)t->dim, golden), t->dim);
                } else {
                    CHECK_EQ(fread(want, 4, (size_t)t->dim, golden), t->dim);
                    CHECK(!memcmp(want, t->embeddings, (size_t)t->dim * 4));
                }
            }
            tower_close(t);
            fixture_close(&f);
        }
}

/* The stored bits come out of every table of kernels that this processor can run. */
void test_tower_q8_close_and_same_bits(void)
{
    bool write = getenv("KIN_GOLDEN") != NULL;
    FILE *golden = fopen("tests/golden/tower/q8.bin", write ? "wb" : "rb");
    CHECK(golden != NULL);
    if (write)
        check_q8_bits(&kernels_ref, golden, true);
    for (const struct kernels *const *k = kernels_all; *k && !write; k++) {
        if ((*k)->usable && !(*k)->usable())
            continue;
        rewind(golden);
        check_q8_bits(*k, golden, false);
    }
    fclose(golden);
}

/* Texts run together, sharing what they begin with, give the bits that each gives alone. */
void test_tower_texts_together(void)
{
    for (int m = 0; m < N_MODELS; m++)
        for (int q8 = 0; q8 < 2; q8++) {
            struct fixture f = {0};
            struct tower *t;
            CHECK(fixture_open(&f, models[m]));
            CHECK_EQ(load(&f, &t, TOWER_TEXT, q8, 4096, &kernels_ref), KIN_OK);
            float alone[CASES][64];
            for (int i = 0; i < CASES; i++) {
                CHECK_EQ(embed(&f, t, i, &kernels_ref), KIN_OK);
                memcpy(alone[i], t->embeddings, (size_t)t->dim * sizeof(float));
            }
            int added[200], n = 0, runs = 0;
            for (int i = 0; i < 200 || n; i++) { /* case 0 often, so that some runs share much */
                int which = i % 16 < 12 ? 0 : i % CASES;
                kin_status status = i < 200 ? add_case(&f, t, which) : KIN_MORE;
                if (status == KIN_MORE) {
                    CHECK_EQ(tower_begin_texts(t, NULL, &f.err), KIN_OK);
                    CHECK_EQ(t->n_out, n);
                    CHECK_EQ(run(&f, t, &kernels_ref, NULL), KIN_OK);
                    for (int j = 0; j < n; j++)
                        CHECK(!memcmp(t->embeddings + j * t->dim, alone[added[j]], (size_t)t->dim * sizeof(float)));
                    runs++;
                    n = 0;
                    if (i < 200)
                        CHECK_EQ(add_case(&f, t, which), KIN_OK);
                }
                if (i < 200)
                    added[n++] = which;
            }
            CHECK(runs > 1);
            CHECK_EQ(tower_begin_texts(t, NULL, &f.err), KIN_BAD_ARGUMENT); /* nothing was added */
            tower_close(t);
            fixture_close(&f);
        }
}

/* A text's numbers must not depend on what follows its end token, nor a prefix's on its suffix. */
void test_tower_text_is_causal(void)
{
    struct fixture f = {0};
    struct tower *t;
    int32_t ids[12] = {94, 5, 6, 7, 8, 9, 95};
    float x[4 * 64];
    CHECK(fixture_open(&f, models[0]));
    CHECK_EQ(load(&f, &t, TOWER_TEXT, true, 4096, &kernels_ref), KIN_OK);
    for (int round = 0; round < 2; round++) {
        CHECK_EQ(tower_add_text(t, ids, 7, &f.err), KIN_OK);
        CHECK_EQ(tower_begin_texts(t, NULL, &f.err), KIN_OK);
        for (int step = 0; step < t->layers; step++)
            CHECK_EQ(tower_step(t, NULL, &kernels_ref, NULL, &f.err), KIN_MORE);
        if (round == 0)
            memcpy(x, t->x, sizeof(float) * 4 * t->shape.channels);
        else
            CHECK(!memcmp(x, t->x, sizeof(float) * 4 * t->shape.channels));
        ids[4] = 33, ids[5] = 44;
    }
    tower_close(t);
    fixture_close(&f);
}

/* What a q8 tower exports is what a q8 file holds: loading it again gives the same model id. */
void test_tower_export_round_trip(void)
{
    struct fixture f = {0};
    struct tower *t, *first; /* whose names the list has */
    char id[65], again[65];
    CHECK(fixture_open(&f, models[3]));
    CHECK_EQ(load(&f, &t, TOWER_IMAGE, true, 4096, &kernels_ref), KIN_OK);
    CHECK_EQ(model_id(t, &kernels_ref, "preprocess", "{}", 2, id, &f.err), KIN_OK);

    tensor *list = calloc((size_t)t->slots.n, sizeof *list);
    uint64_t total = 0;
    uint32_t n = 0;
    static const char *const order[] = {"F32", "F16", "I8"};
    static const tensor_dtype dtypes[] = {DT_F32, DT_F16, DT_I8};
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < t->slots.n; i++) {
            struct slot *s = &t->slots.list[i];
            if (strcmp(s->form->dtype, order[d]))
                continue;
            list[n] =
                (tensor){.name = s->name, .name_len = (uint32_t)strlen(s->name), .dtype = dtypes[d], .rank = s->rank};
            memcpy(list[n++].shape, s->shape, sizeof s->shape);
            total += slot_rows(s) * slot_row_values(s) * tensor_dtype_size(dtypes[d]);
        }
    static const char meta[] = "{\"kin.weights\":\"s7q128\"}";
    struct json_out header;
    struct crc32 crc;
    uint32_t *sums = calloc(n, sizeof *sums);
    uint8_t *data = malloc(total), *at = data;
    crc32_init(&crc);
    for (uint32_t i = 0; i < n; i++) {
        struct slot *s = slots_find(&t->slots, list[i].name, list[i].name_len);
        size_t bytes = (size_t)slot_row_values(s) * tensor_dtype_size(list[i].dtype);
        for (uint64_t r = 0, some; r < slot_rows(s); r += some, at += some * bytes) {
            some = slot_rows(s) - r < PANEL ? slot_rows(s) - r : PANEL;
            s->form->get(s, &kernels_ref, r, some, at);
            sums[i] = crc32_update(&crc, sums[i], at, (size_t)some * bytes);
        }
    }
    CHECK(tensor_header_write(list, n, meta, strlen(meta), sums, &header));
    size_t head = header.n;
    uint8_t *file = malloc(head + total);
    memcpy(file, header.text, head);
    memcpy(file + head, data, total);
    json_out_free(&header);
    free(data), free(sums);
    first = t;
    free(f.model_bytes);
    f.model_bytes = file;
    f.model_n = head + (size_t)total;
    CHECK_EQ(load(&f, &t, TOWER_IMAGE, true, 100, &kernels_ref), KIN_OK);
    CHECK_EQ(model_id(t, &kernels_ref, "preprocess", "{}", 2, again, &f.err), KIN_OK);
    CHECK_STR(again, id);
    tower_close(t);
    CHECK_EQ(load(&f, &t, TOWER_IMAGE, false, 100, &kernels_ref), KIN_UNSUPPORTED); /* q8 cannot become f32 */
    tower_close(t);

    int told = 0;                                                       /* by its checksum, not by what it holds */
    for (size_t i = 0, at_n = head, bytes; i < n; i++, at_n += bytes) { /* each tensor's least and last bit */
        bytes = tensor_dtype_size(list[i].dtype);
        for (uint32_t r = 0; r < list[i].rank; r++)
            bytes *= (size_t)list[i].shape[r];
        for (int last = 0; last < 2; last++) {
            uint8_t *bit = file + at_n + (last ? bytes - 1 : 0), mask = last ? 128 : 1;
            *bit ^= mask;
            CHECK_EQ(load(&f, &t, TOWER_IMAGE, true, 4096, &kernels_ref), KIN_NOT_A_MODEL);
            tower_close(t);
            told += strstr(f.err.text, "is damaged: tensor ") && strstr(f.err.text, list[i].name);
            *bit ^= mask;
        }
    }
    CHECK(told > (int)n);
    tower_close(first);
    free(list);
    fixture_close(&f);
}

void test_tower_refuses(void)
{
    struct fixture f = {0};
    struct tower *t;
    CHECK(fixture_open(&f, models[2]));
    size_t whole = f.model_n;
    for (size_t cut = 1; cut < 40; cut++) { /* truncated anywhere: one sentence, no crash, no leak */
        f.model_n = whole * cut / 40;
        CHECK_EQ(load(&f, &t, TOWER_TEXT, true, 333, &kernels_ref), KIN_NOT_A_MODEL);
        CHECK(f.err.text[0] != 0);
        tower_close(t);
    }
    f.model_n = whole;
    f.model_bytes[whole - 1] = 0xFF, f.model_bytes[whole - 2] = 0xFF; /* F32 NaN at the end */
    int refused = 0;
    for (int kind = 0; kind < 2; kind++) { /* the damaged tensor belongs to one of them */
        refused += load(&f, &t, kind, false, 4096, &kernels_ref) != KIN_OK;
        tower_close(t);
    }
    CHECK(refused > 0);
    fixture_close(&f);
}

void test_tower_refuses_texts(void)
{
    struct fixture f = {0};
    struct tower *t;
    int32_t ids[13] = {94, 200, 95};
    CHECK(fixture_open(&f, models[0]));
    CHECK_EQ(load(&f, &t, TOWER_TEXT, true, 4096, &kernels_ref), KIN_OK);
    CHECK_EQ(tower_add_text(t, ids, 3, &f.err), KIN_NOT_A_MODEL); /* id beyond the vocabulary */
    CHECK_EQ(tower_add_text(t, ids, 13, &f.err), KIN_BAD_ARGUMENT);
    CHECK_EQ(tower_add_text(t, ids, 0, &f.err), KIN_BAD_ARGUMENT);
    tower_close(t);
    fixture_close(&f);
}

void test_quant_group_rule(void)
{
    float w[1024], scale;
    int8_t q[1024];
    uint32_t seed = 7;
    for (int row = 0; row < 50; row++) {
        for (int i = 0; i < 1024; i++) {
            seed = seed * 1664525u + 1013904223u;
            w[i] = ((float)(seed >> 8) / 8388608.0f - 1.0f) * (row % 5 == 0 && i % 8 < 2 ? 1.0f : 0.9f);
        }
        int k = row % 2 ? 1024 : 519;
        quant_weight_row(w, k, q, &scale);
        CHECK(quant_weight_row_valid(q, k));
        CHECK(scale > 0);
    }
    int valid = 0;
    for (int round = 0; round < 20000; round++) { /* against the rule, word by word */
        int k = round % 2 ? 512 : 11, at = (int)(seed >> 8) % (k - 8) / 8 * 8;
        bool fine = true;
        memset(q, 0, sizeof q);
        for (int i = at, sum[2] = {0, 0}; i < at + 8; i++) {
            seed = seed * 1664525u + 1013904223u;
            q[i] = (int8_t)((int)(seed >> 24) - 128) / (round % 3 ? 4 : 2) + (round % 1000 == 0 ? 9 : 0);
            sum[(i & 2) / 2] += abs(q[i]);
            fine = fine && q[i] >= -64 && q[i] <= 63 && (k < 512 || sum[(i & 2) / 2] <= 128);
        }
        CHECK_EQ(quant_weight_row_valid(q, k), fine);
        valid += fine;
    }
    CHECK(valid > 2000 && valid < 18000);
    memset(q, 0, sizeof q);
    q[0] = 63, q[1] = 63, q[4] = 3;
    CHECK(!quant_weight_row_valid(q, 512));
    CHECK(quant_weight_row_valid(q, 504)); /* shorter rows are free of the rule */
    q[0] = 62;
    CHECK(quant_weight_row_valid(q, 512));
    q[7] = -65;
    CHECK(!quant_weight_row_valid(q, 504));
}

void test_quant_half_floats(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float x = f16_to_float((uint16_t)h);
        if (x == x)
            CHECK_EQ(float_to_f16(x), h);
    }
    CHECK_EQ(float_to_f16(65520.0f), 0x7C00);       /* halfway to the next power rounds to infinity */
    CHECK_EQ(float_to_f16(1.00048828125f), 0x3C00); /* a tie goes to the even fraction */
    CHECK_EQ(float_to_f16(1.00146484375f), 0x3C02);
}

/* Every table that this processor can run; the plain one and one more at least where SIMD is common. */
void test_kernels_agree(void)
{
    int n = 0;
    for (const struct kernels *const *k = kernels_all; *k; k++) {
        if ((*k)->usable && !(*k)->usable())
            continue;
        CHECK(kernels_agree(*k));
        n++;
    }
    CHECK(n >= 1);
    CHECK(kernels_agree(kernels_choose()));
}
