/* test_kin: the public interface as a native caller has it, from kin_open to kin_close: whole towers to the stored
 * bits, threads, loading again, pictures and texts, what it tells of itself. */
#include "golden.h"
#include "team.h"
#include "test.h"
#include <fenv.h>
#include <math.h>
#include <stdlib.h>

/* ---- bits ------------------------------------------------------------------------------------------- */

static void all_bits(kin_ctx *k, const struct golden *g)
{
    for (int tower = 0; tower < 2; tower++)
        for (int i = 0; i < CASES; i++) {
            CHECK_EQ(embed(k, g, tower, i), KIN_OK);
            CHECK(has_bits(k, g, tower, i));
        }
}

/* Every model, by every table of kernels that is exact here, its file in pieces of every kind. */
void test_kin_stored_bits(void)
{
    static const size_t pieces[] = {1u << 20, 1, 777, 4096};
    int tables = 0;
    for (int table = 0; kin_kernels_exact(table) >= 0; table++) {
        if (!kin_kernels_exact(table))
            continue;
        tables++;
        for (int m = 0; m < MODELS; m++) {
            struct golden g;
            CHECK(golden_open(&g, m));
            kin_ctx *k = open_for(&g);
            CHECK_EQ(kin_use_kernels(k, table), KIN_OK);
            for (int tower = 0; tower < 2; tower++)
                CHECK_EQ(load(k, &g, tower, KIN_Q8, pieces[(m + table) % 4]), KIN_OK);
            all_bits(k, &g);
            kin_close(k);
            golden_close(&g);
        }
    }
    CHECK(tables >= 1);
}

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++)
        ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

void test_kin_f32(void)
{
    for (int m = 0; m < MODELS; m++) {
        struct golden g;
        CHECK(golden_open(&g, m));
        kin_ctx *k = open_for(&g);
        for (int tower = 0; tower < 2; tower++) {
            const float *want = golden_expected(&g, tower == KIN_IMAGE ? "image.embedding" : "text.embedding");
            CHECK_EQ(load(k, &g, tower, KIN_F32, 5000), KIN_OK);
            for (int i = 0; i < CASES; i++) {
                CHECK_EQ(embed(k, &g, tower, i), KIN_OK);
                CHECK_EQ(kin_dim(k, tower), models[m].dim);
                CHECK(cosine(kin_embedding(k), want + i * models[m].dim, models[m].dim) > 0.999999);
            }
        }
        kin_close(k);
        golden_close(&g);
    }
}

/* Layers by the public interface: transformers' numbers, the same bits whatever ran before, and embeddings after. */
void test_kin_layers(void)
{
    struct golden g;
    CHECK(golden_open(&g, 1));
    kin_ctx *k = open_for(&g);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &g, tower, KIN_F32, 5000), KIN_OK);
    CHECK(!kin_embedding(k) && !kin_rows(k) && !kin_columns(k));
    for (int tower = 0; tower < 2; tower++)
        for (int i = 0; i < CASES; i++)
            for (int layer = 0; layer < 3; layer++) {
                char name[64];
                kin_status status;
                snprintf(name, sizeof name, "%s.hidden.%d", tower == KIN_IMAGE ? "image" : "text", layer);
                const float *want = golden_expected(&g, name);
                CHECK(want != NULL);
                CHECK_EQ(take(k, &g, tower, i), KIN_OK);
                CHECK_EQ(kin_layer_begin(k, tower, layer - 3, 0), KIN_OK);
                CHECK(!kin_embedding(k));
                while ((status = kin_step(k)) == KIN_MORE)
                    ;
                CHECK_EQ(status, KIN_OK);
                int rows = kin_rows(k), columns = kin_columns(k);
                CHECK_EQ(rows, tower == KIN_IMAGE ? 17 : CONTEXT);
                CHECK_EQ(columns, 40);
                for (int r = 0; r < rows; r++)
                    CHECK(cosine(kin_embedding(k) + r * columns, want + (i * rows + r) * columns, columns) > 0.999999);
                CHECK_EQ(embed(k, &g, tower, i), KIN_OK);
                CHECK_EQ(kin_rows(k), 1);
                CHECK_EQ(kin_columns(k), models[1].dim);
            }
    CHECK(refused(k, kin_layer_begin(k, KIN_IMAGE, 3, 0), KIN_BAD_ARGUMENT));
    CHECK(strstr(kin_error_text(k), "0 (the embeddings) to 2, or -3 to -1") != NULL);
    kin_close(k);
    golden_close(&g);
}

/* Helpers are threads of ours. A pool may be changed for another, also between a run's begin and its steps, which
 * gives the run up; one that is closed, its helpers gone, still computes. */
void test_kin_threads(void)
{
    struct golden g;
    struct team two, four;
    CHECK(golden_open(&g, 0));
    kin_ctx *k = open_for(&g);
    team_start(&two, 2), team_start(&four, 4);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &g, tower, KIN_Q8, 4096), KIN_OK);
    for (int round = 0; round < 20; round++) {
        kin_use_pool(k, round % 3 == 0 ? two.pool : round % 3 == 1 ? four.pool : NULL);
        all_bits(k, &g);
    }
    for (int tower = 0; tower < 2; tower++) {
        kin_use_pool(k, two.pool);
        CHECK_EQ(take(k, &g, tower, 0), KIN_OK);
        CHECK_EQ(tower == KIN_IMAGE ? kin_image_begin(k) : kin_text_begin(k), KIN_OK);
        CHECK_EQ(kin_step(k), KIN_MORE);
        kin_use_pool(k, four.pool);
        CHECK(refused(k, kin_step(k), KIN_BAD_ARGUMENT));
        CHECK(kin_embedding(k) == NULL);
        CHECK_EQ(embed(k, &g, tower, 1), KIN_OK);
        CHECK(has_bits(k, &g, tower, 1));
    }
    kin_pool_close(four.pool);
    all_bits(k, &g);
    kin_close(k);
    team_end(&two), team_end(&four);
    golden_close(&g);
}

/* A thread that rounds upward, and helpers that are started by it: the same bits, and it rounds upward afterwards. */
void test_kin_float_mode(void)
{
    struct golden g;
    struct team team;
    float scale[2];
    int8_t rows[2][DIM_MAX];
    CHECK(golden_open(&g, 3));
    CHECK_EQ(fesetround(FE_UPWARD), 0);
    kin_ctx *k = open_for(&g);
    team_start(&team, 3);
    kin_use_pool(k, team.pool);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &g, tower, KIN_Q8, 4096), KIN_OK);
    all_bits(k, &g);
    CHECK_EQ(embed(k, &g, KIN_IMAGE, 0), KIN_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(kin_quantise_vector(kin_embedding(k), models[3].dim, rows[i], &scale[i], NULL), KIN_OK);
        CHECK_EQ(fegetround(), i ? FE_TONEAREST : FE_UPWARD);
        CHECK_EQ(fesetround(FE_TONEAREST), 0);
    }
    CHECK(!memcmp(rows[0], rows[1], (size_t)models[3].dim) && !memcmp(&scale[0], &scale[1], sizeof *scale));
    kin_close(k);
    team_end(&team);
    golden_close(&g);
}

/* One context: another dtype, the same again, another model. */
void test_kin_loads_again(void)
{
    struct golden g, other;
    CHECK(golden_open(&g, 0) && golden_open(&other, 3));
    kin_ctx *k = open_for(&g);
    static const int dtypes[] = {KIN_Q8, KIN_F32, KIN_Q8, KIN_Q8};
    for (size_t round = 0; round < sizeof dtypes / sizeof *dtypes; round++) {
        for (int tower = 0; tower < 2; tower++)
            CHECK_EQ(load(k, &g, tower, dtypes[round], 1000), KIN_OK);
        if (dtypes[round] == KIN_Q8)
            all_bits(k, &g);
        else
            for (int tower = 0; tower < 2; tower++) {
                CHECK_EQ(embed(k, &g, tower, 0), KIN_OK);
                CHECK(!has_bits(k, &g, tower, 0));
            }
    }
    CHECK_EQ(configure(k, &other), KIN_OK); /* both towers go */
    CHECK(kin_dim(k, KIN_IMAGE) == 0 && kin_dim(k, KIN_TEXT) == 0);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &other, tower, KIN_Q8, 1000), KIN_OK);
    all_bits(k, &other);
    kin_close(k);
    golden_close(&g), golden_close(&other);
}

/* Texts are added until there is no more room, run, and the one that did not fit goes into the next run. */
void test_kin_texts_together(void)
{
    struct golden g;
    CHECK(golden_open(&g, 1));
    kin_ctx *k = open_for(&g);
    CHECK_EQ(load(k, &g, KIN_TEXT, KIN_Q8, 1000), KIN_OK);
    int added[300], n = 0, runs = 0;
    for (int i = 0; i < 300 || n; i++) {
        int which = i % 5 % CASES;
        CHECK_EQ(kin_tokenize(k, g.texts[which], strlen(g.texts[which])), KIN_OK);
        kin_status status = i < 300 ? kin_text_add(k) : KIN_MORE;
        if (status == KIN_MORE) {
            CHECK_EQ(run(k, KIN_TEXT), KIN_OK);
            for (int j = 0; j < n; j++)
                CHECK(!memcmp(kin_embedding(k) + j * models[1].dim, golden_bits(&g, KIN_TEXT, added[j]),
                              (size_t)models[1].dim * sizeof(float)));
            runs++, n = 0;
            status = i < 300 ? kin_text_add(k) : KIN_OK;
        }
        CHECK_EQ(status, KIN_OK);
        if (i < 300)
            added[n++] = which;
    }
    CHECK(runs > 3);
    CHECK_EQ(take(k, &g, KIN_TEXT, 0), KIN_OK); /* adding gives up a run that is not done */
    CHECK_EQ(kin_text_begin(k), KIN_OK);
    CHECK_EQ(kin_step(k), KIN_MORE);
    CHECK_EQ(take(k, &g, KIN_TEXT, 1), KIN_OK);
    CHECK(refused(k, kin_step(k), KIN_BAD_ARGUMENT));
    CHECK_EQ(run(k, KIN_TEXT), KIN_OK);
    CHECK(has_bits(k, &g, KIN_TEXT, 1));
    kin_close(k);
    golden_close(&g);
}

/* ---- texts and pictures ------------------------------------------------------------------------------ */

void test_kin_tokens(void)
{
    struct golden g;
    CHECK(golden_open(&g, 0));
    kin_ctx *k = kin_open();
    const int32_t *ids = golden_expected(&g, "ids"), *lengths = golden_expected(&g, "lengths");
    CHECK_EQ(load_side(k, &g, KIN_TEXT), KIN_OK);
    for (int i = 0; i < CASES; i++) { /* no configuration is needed */
        CHECK_EQ(kin_tokenize(k, g.texts[i], strlen(g.texts[i])), KIN_OK);
        CHECK_EQ(kin_token_count(k), lengths[i]);
        CHECK(!memcmp(kin_tokens(k), ids + i * CONTEXT, (size_t)lengths[i] * sizeof *ids));
    }
    char many[2 * 100];
    for (int i = 0; i < 100; i++)
        many[2 * i] = '!', many[2 * i + 1] = ' ';
    CHECK_EQ(kin_tokenize(k, many, sizeof many), KIN_OK);
    CHECK_EQ(kin_token_count(k), 77);
    CHECK_EQ(configure(k, &g), KIN_OK);
    CHECK_EQ(kin_token_count(k), 0); /* they were cut for another tower */
    CHECK_EQ(kin_tokenize(k, many, sizeof many), KIN_OK);
    CHECK_EQ(kin_token_count(k), CONTEXT);
    CHECK(kin_tokens(k)[0] == 94 && kin_tokens(k)[1] == 0 && kin_tokens(k)[CONTEXT - 1] == 95);
    CHECK_EQ(kin_tokenize(k, NULL, 0), KIN_OK);
    CHECK_EQ(kin_token_count(k), 2);
    CHECK_EQ(load_side(k, &g, KIN_TEXT), KIN_OK); /* the tokens were the old vocabulary's */
    CHECK_EQ(kin_token_count(k), 0);
    CHECK_EQ(load(k, &g, KIN_TEXT, KIN_Q8, 5000), KIN_OK);
    CHECK_EQ(embed(k, &g, KIN_TEXT, 2), KIN_OK);
    CHECK(has_bits(k, &g, KIN_TEXT, 2));
    kin_close(k);
    golden_close(&g);
}

/* A box in pixels is told in fractions, by the upright picture's width and height. */
static kin_status prepare_pixels(kin_ctx *k, int x, int y, int width, int height)
{
    double w = kin_image_width(k), h = kin_image_height(k);
    return kin_image_prepare(k, x / w, y / h, width / w, height / h, KIN_CROP);
}

void test_kin_pictures(void)
{
    static const char plain[] = "{\"do_resize\":false,\"do_center_crop\":false}",
                      small[] = "{\"size\":16,\"crop_size\":16}";
    static const double all[4] = {0, 0, 1, 1}, corner[4] = {0, 0, 0.3, 0.3};
    uint8_t rgba[4 * 3 * 4], rgb[4 * 3 * 3];
    kin_ctx *k = kin_open();
    CHECK(kin_image_width(k) == 0 && kin_image_height(k) == 0);
    CHECK_EQ(kin_preprocessing(k, plain, sizeof plain - 1), KIN_OK);
    for (int i = 0; i < 4 * 3; i++)
        for (int c = 0; c < 4; c++) {
            rgba[4 * i + c] = (uint8_t)(c < 3 ? 20 * i + c : 255 - 20 * i);
            if (c < 3)
                rgb[3 * i + c] = (uint8_t)(((20 * i + c) * (255 - 20 * i) + 255 * 20 * i + 127) / 255);
        }
    CHECK_EQ(kin_image_raw(k, rgba, 4, 3, 4, NULL, 0), KIN_OK);
    CHECK(kin_image_width(k) == 4 && kin_image_height(k) == 3);
    CHECK(kin_prepared_width(k) == 0 && kin_prepared_height(k) == 0);
    CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_OK);
    CHECK(kin_prepared_width(k) == 4 && kin_prepared_height(k) == 3 && !memcmp(kin_prepared(k), rgb, sizeof rgb));
    CHECK_EQ(prepare_pixels(k, 1, 1, 2, 1), KIN_OK);
    CHECK(kin_prepared_width(k) == 2 && kin_prepared_height(k) == 1 && !memcmp(kin_prepared(k), rgb + 15, 6));
    CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_PAD), KIN_OK);
    CHECK(kin_prepared_width(k) == 4 && kin_prepared_height(k) == 4);
    CHECK(!memcmp(kin_prepared(k), rgb, sizeof rgb) && kin_prepared(k)[36] == 255 && kin_prepared(k)[47] == 255);
    CHECK(refused(k, kin_image_prepare(k, 0, 0, 0, 1, KIN_CROP), KIN_BAD_ARGUMENT));
    CHECK_EQ(kin_prepared_width(k), 0);
    CHECK_EQ(kin_image_width(k), 4); /* the picture is still held */

    static const uint8_t right[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    CHECK_EQ(kin_image_raw(k, rgb, 4, 3, 3, right, sizeof right - 1), KIN_OK); /* turned by EXIF */
    CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_OK);
    CHECK(kin_image_width(k) == 3 && kin_prepared_height(k) == 4 && !memcmp(kin_prepared(k), rgb + 24, 3));

    CHECK_EQ(decode(k, "exif-6-MM.jpg", NULL), KIN_OK);
    int w = kin_image_width(k), h = kin_image_height(k);
    CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_OK);
    CHECK(w > 0 && h > 0 && kin_prepared_width(k) == w && kin_prepared_height(k) == h && kin_image_reduction(k) == 1);
    CHECK_EQ(decode(k, "png-colour-6-8-1.png", NULL), KIN_OK);
    CHECK_EQ(decode(k, "reduce-420.jpg", all), KIN_OK); /* no resize: nothing to be reduced for */
    CHECK_EQ(kin_image_reduction(k), 1);
    w = kin_image_width(k), h = kin_image_height(k);
    CHECK_EQ(kin_preprocessing(k, small, sizeof small - 1), KIN_OK);
    CHECK_EQ(decode(k, "reduce-420.jpg", all), KIN_OK);
    CHECK(kin_image_reduction(k) == 4 && kin_image_width(k) == (w + 3) / 4 && kin_image_height(k) == (h + 3) / 4);
    CHECK_EQ(decode(k, "reduce-420.jpg", corner), KIN_OK);
    CHECK_EQ(kin_image_reduction(k), 1);
    CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_OK);
    CHECK(kin_prepared_width(k) == 16 && kin_prepared_height(k) == 16);

    CHECK(refused(k, decode(k, "cut-in-scan.jpg", NULL), KIN_TRUNCATED_IMAGE)); /* the old picture went first */
    CHECK(kin_image_width(k) == 0 && kin_prepared_width(k) == 0);
    CHECK(refused(k, kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_BAD_ARGUMENT));
    CHECK(refused(k, decode(k, "format.gif", NULL), KIN_UNSUPPORTED_IMAGE));
    CHECK(refused(k, kin_image_decode(k, NULL, 0), KIN_UNSUPPORTED_IMAGE));
    CHECK(refused(k, kin_image_raw(k, rgb, 4, 3, 2, NULL, 0), KIN_BAD_ARGUMENT));
    CHECK(refused(k, kin_image_raw(k, rgb, 0, 3, 3, NULL, 0), KIN_BAD_ARGUMENT));
    CHECK(refused(k, kin_image_raw(k, rgb, 1 << 20, 1 << 20, 3, NULL, 0), KIN_TOO_LARGE));
    CHECK_STR(kin_image_format(rgb, sizeof rgb), "unknown");
    CHECK_STR(kin_image_format(NULL, 0), "unknown");
    kin_close(k);
}

/* ---- what it tells of itself -------------------------------------------------------------------------- */

static uint64_t number(json object, const char *key)
{
    uint64_t n = 0;
    return json_u64(json_get(object, key), &n) ? n : UINT64_MAX;
}

static json info_of(kin_ctx *k)
{
    json info = {0};
    kin_error err;
    const char *text = kin_info(k);
    json_open(text, strlen(text), "info", &info, &err);
    return info;
}

void test_kin_facts(void)
{
    json facts;
    kin_error err;
    size_t n = kin_facts(NULL, 0);
    char *text = malloc(n), byte = 7;
    CHECK_EQ(kin_facts(&byte, 1), n); /* written whole or not at all */
    CHECK_EQ(byte, 7);
    CHECK_EQ(kin_facts(text, n), n);
    CHECK_EQ(text[n - 1], 0);
    CHECK_EQ(json_open(text, n - 1, "facts", &facts, &err), KIN_OK);
    CHECK_EQ(number(facts, "numerics"), KIN_NUMERICS);
    int i = 0;
    json list = json_get(facts, "statuses");
    for (json it = json_first(list); it.type; it = json_next(list, it))
        CHECK(json_equals(it, kin_status_name((kin_status)i++)));
    CHECK_EQ(i, KIN_MODEL_MISMATCH + 1);
    i = 0;
    list = json_get(facts, "kernels");
    for (json it = json_first(list); it.type; it = json_next(list, it))
        CHECK(json_equals(json_get(it, "name"), kin_kernels_name(i++)));
    CHECK(i > 0 && kin_kernels_exact(i) == -1);
    CHECK_EQ(number(json_get(facts, "towers"), "text"), KIN_TEXT);
    CHECK_EQ(number(json_get(facts, "dtypes"), "q8"), KIN_Q8);
    CHECK_EQ(number(json_get(facts, "fits"), "pad"), KIN_PAD);
    CHECK_EQ(number(json_get(facts, "layers"), "last"), KIN_LAST);
    CHECK_EQ(number(json_get(facts, "limits"), "threads"), POOL_MAX_THREADS);
    free(text);
}

void test_kin_info(void)
{
    struct golden g;
    CHECK(golden_open(&g, 0));
    kin_ctx *k = kin_open();
    json info = info_of(k);
    CHECK_EQ(number(info, "numerics"), KIN_NUMERICS);
    CHECK(json_get(info, "image").type == JSON_NULL && json_get(info, "text").type == JSON_NULL &&
          json_get(info, "family").type == JSON_NULL);
    CHECK_EQ(configure(k, &g), KIN_OK);
    info = info_of(k);
    CHECK(json_equals(json_get(info, "family"), "clip"));
    CHECK(json_get(json_get(info, "image"), "loaded").type == JSON_FALSE &&
          number(json_get(info, "text"), "context") == CONTEXT);
    CHECK_EQ(kin_dim(k, KIN_IMAGE), 0);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &g, tower, tower == KIN_IMAGE ? KIN_Q8 : KIN_F32, 5000), KIN_OK);
    info = info_of(k);
    json image = json_get(info, "image"), text = json_get(info, "text");
    CHECK(number(image, "dim") == 24 && number(image, "width") == 48 && number(image, "layers") == 3 &&
          number(image, "heads") == 3 && number(image, "imageSize") == 32 && number(image, "patch") == 8);
    CHECK(number(text, "dim") == 24 && number(text, "width") == 32 && number(text, "layers") == 2 &&
          number(text, "heads") == 2 && number(text, "context") == CONTEXT && number(text, "vocab") == 96);
    CHECK(json_get(image, "loaded").type == JSON_TRUE && json_equals(json_get(text, "scores"), "softmax"));
    CHECK(json_equals(json_get(image, "dtype"), "q8") && json_equals(json_get(text, "dtype"), "f32"));
    CHECK(json_equals(json_get(image, "id"), "") && json_equals(json_get(text, "id"), ""));
    double scale;
    CHECK(json_number(json_get(image, "logitScale"), &scale) && fabs(scale - 2.6592) < 1e-2);
    char canonical[512] = {0};
    json_string(json_get(image, "preprocess"), canonical, sizeof canonical - 1);
    CHECK(strstr(canonical, "\"crop_size\":{\"height\":32,\"width\":32}"));
    CHECK_EQ(kin_tower_begin(k, KIN_TEXT, KIN_Q8), KIN_OK); /* a tower that is being loaded is not there */
    CHECK(json_get(json_get(info_of(k), "text"), "loaded").type == JSON_FALSE);
    CHECK(kin_dim(k, KIN_TEXT) == 0 && kin_dim(k, KIN_IMAGE) == 24 && kin_dim(k, 2) == 0 && kin_dim(k, -1) == 0);
    kin_close(k);
    golden_close(&g);
}

static void identity(kin_ctx *k, int tower, char id[65])
{
    id[0] = 0;
    CHECK_EQ(kin_identify(k, tower), KIN_OK);
    json_string(json_get(json_get(info_of(k), tower == KIN_IMAGE ? "image" : "text"), "id"), id, 64);
    id[64] = 0;
    CHECK_EQ(strspn(id, "0123456789abcdef"), 64);
}

/* A tower's id is that of its weights as they are held and of its preprocessing or vocabulary. */
void test_kin_identity(void)
{
    struct golden g;
    char id[2][65], other[65];
    CHECK(golden_open(&g, 0));
    kin_ctx *k = open_for(&g);
    for (int tower = 0; tower < 2; tower++) {
        CHECK_EQ(load(k, &g, tower, KIN_Q8, 5000), KIN_OK);
        identity(k, tower, id[tower]);
        identity(k, tower, other);
        CHECK_STR(other, id[tower]);
        CHECK_EQ(load(k, &g, tower, KIN_F32, 5000), KIN_OK);
        identity(k, tower, other);
        CHECK(strcmp(other, id[tower]));
        CHECK_EQ(load(k, &g, tower, KIN_Q8, 777), KIN_OK);
        identity(k, tower, other);
        CHECK_STR(other, id[tower]);
    }
    CHECK(strcmp(id[0], id[1]));
    uint8_t *last = g.merges.bytes + g.merges.n - 16; /* "y y</w>\nz z</w>\n" */
    for (int i = 0; i < 8; i++) {
        uint8_t y = last[i];
        last[i] = last[8 + i], last[8 + i] = y;
    }
    CHECK_EQ(load_side(k, &g, KIN_TEXT), KIN_OK);
    identity(k, KIN_TEXT, other);
    CHECK(strcmp(other, id[KIN_TEXT]));
    snprintf(g.preprocessing, sizeof g.preprocessing, "{\"size\":33,\"crop_size\":32}");
    CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
    identity(k, KIN_IMAGE, other);
    CHECK(strcmp(other, id[KIN_IMAGE]));
    kin_close(k);
    golden_close(&g);
}

/* A tower's tensors as kin convert writes them: a file in their canonical dtypes, widest first. Returns its length. */
static size_t exported(kin_ctx *k, int tower, bool q8, uint8_t **file)
{
    int n = kin_export_count(k, tower);
    tensor *list = calloc((size_t)n, sizeof *list);
    char (*names)[96] = calloc((size_t)n, sizeof *names);
    int *number_of = calloc((size_t)n, sizeof *number_of), listed = 0;
    static const tensor_dtype order[] = {DT_F32, DT_F16, DT_I8};
    size_t total = 0;
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < n; i++) {
            json one;
            kin_error err;
            const char *text = kin_export_tensor(k, tower, i);
            if (json_open(text, strlen(text), "tensor", &one, &err) ||
                !json_equals(json_get(one, "dtype"), tensor_dtype_name(order[d])))
                continue;
            tensor *t = &list[listed];
            number_of[listed] = i;
            t->name_len = (uint32_t)json_string(json_get(one, "name"), names[listed], sizeof names[listed]);
            t->name = names[listed++];
            t->dtype = order[d];
            json shape = json_get(one, "shape");
            for (int r = 0; r < TENSOR_MAX_RANK; r++)
                t->shape[r] = 1;
            for (json side = json_first(shape); side.type; side = json_next(shape, side))
                json_u64(side, &t->shape[t->rank++]);
            size_t bytes = (size_t)number(one, "bytes");
            total += bytes;
        }
    const char *metadata = q8 ? "{\"kin.weights\":\"s7q128\"}" : "{}";
    struct json_out header = {0};
    size_t at = tensor_header_write(list, (uint32_t)listed, metadata, strlen(metadata), NULL, &header) ? header.n : 0;
    *file = malloc(at + total);
    memcpy(*file, header.text, at);
    json_out_free(&header);
    for (int i = 0; i < listed; i++) {
        uint64_t bytes = tensor_dtype_size(list[i].dtype);
        for (int r = 0; r < TENSOR_MAX_RANK; r++)
            bytes *= list[i].shape[r];
        uint8_t *one = malloc((size_t)bytes);
        kin_export_bytes(k, tower, number_of[i], one);
        memcpy(*file + at, one, (size_t)bytes);
        at += (size_t)bytes;
        free(one);
    }
    free(list), free(names), free(number_of);
    return listed == n ? at : 0;
}

void test_kin_export(void)
{
    struct golden g;
    CHECK(golden_open(&g, 3));
    kin_ctx *k = open_for(&g), *again = open_for(&g);
    CHECK_EQ(kin_export_count(k, KIN_IMAGE), 0);
    CHECK_STR(kin_export_tensor(k, KIN_IMAGE, 0), "null");
    for (int tower = 0; tower < 2; tower++)
        for (int q8 = 0; q8 < 2; q8++) {
            char id[65], other[65];
            uint8_t *file, byte;
            CHECK_EQ(load(k, &g, tower, q8 ? KIN_Q8 : KIN_F32, 5000), KIN_OK);
            size_t n = exported(k, tower, q8, &file);
            CHECK(n > 1000);
            CHECK_EQ(load_side(again, &g, tower), KIN_OK);
            CHECK_EQ(kin_tower_begin(again, tower, q8 ? KIN_Q8 : KIN_F32), KIN_OK);
            CHECK_EQ(feed(again, file, n, 1000), KIN_OK);
            CHECK_EQ(kin_tower_file_end(again), KIN_OK);
            CHECK_EQ(kin_tower_end(again), KIN_OK);
            identity(k, tower, id), identity(again, tower, other);
            CHECK_STR(other, id);
            CHECK_EQ(embed(again, &g, tower, 2), KIN_OK);
            if (q8) {
                CHECK(has_bits(again, &g, tower, 2));
                CHECK_EQ(kin_tower_begin(again, tower, KIN_F32), KIN_OK); /* what was rounded cannot be had back */
                CHECK(refused(again, feed(again, file, n, n), KIN_UNSUPPORTED));
            }
            CHECK_STR(kin_export_tensor(k, tower, kin_export_count(k, tower)), "null");
            CHECK(refused(k, kin_export_bytes(k, tower, -1, &byte), KIN_BAD_ARGUMENT));
            free(file);
        }
    kin_close(k), kin_close(again);
    golden_close(&g);
}

void test_kin_kernels(void)
{
    struct golden g;
    int n = 0, exact = 0;
    while (kin_kernels_exact(n) >= 0) {
        CHECK(strlen(kin_kernels_name(n)) > 0);
        CHECK((kin_kernels_exact(n) == 1) ==
              (kin_kernels_exercise(n, 3) > 0)); /* one that the machine lacks is not run */
        exact += kin_kernels_exact(n++);
    }
    CHECK(n >= 1 && exact >= 1 && kin_kernels_exact(-1) == -1);
    CHECK_STR(kin_kernels_name(n), "");
    CHECK(kin_kernels_exercise(n, 3) == 0);
    CHECK_STR(kin_kernels_name(n - 1), "plain C");
    CHECK(golden_open(&g, 2));
    kin_ctx *k = open_for(&g);
    CHECK(refused(k, kin_use_kernels(k, n), KIN_BAD_ARGUMENT));
    CHECK(refused(k, kin_use_kernels(k, -1), KIN_BAD_ARGUMENT));
    CHECK_EQ(kin_use_kernels(k, n - 1), KIN_OK);
    CHECK(json_equals(json_get(info_of(k), "kernels"), "plain C"));
    CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
    CHECK(refused(k, kin_use_kernels(k, n - 1), KIN_BAD_ARGUMENT)); /* weights are packed for them */
    CHECK_EQ(embed(k, &g, KIN_IMAGE, 0), KIN_OK);
    CHECK(has_bits(k, &g, KIN_IMAGE, 0));
    kin_close(k);
    golden_close(&g);
}

/* From an embedding to a catalogue's row, and the errors of functions without a context. */
void test_kin_vectors(void)
{
    struct golden g;
    int8_t row[DIM_MAX];
    float scale, back[DIM_MAX], zero[DIM_MAX] = {0};
    CHECK(golden_open(&g, 1));
    kin_ctx *k = open_for(&g);
    kin_error *err = kin_error_new();
    CHECK(err && kin_error_struct_status(err) == KIN_OK);
    CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
    CHECK_EQ(embed(k, &g, KIN_IMAGE, 0), KIN_OK);
    int dim = kin_dim(k, KIN_IMAGE);
    CHECK_EQ(kin_quantise_vector(kin_embedding(k), dim, row, &scale, err), KIN_OK);
    for (int i = 0; i < dim; i++)
        back[i] = row[i] * scale;
    CHECK(cosine(back, kin_embedding(k), dim) > 0.9999);
    CHECK_EQ(kin_quantise_vector(zero, dim, row, &scale, err), KIN_BAD_ARGUMENT);
    CHECK(kin_error_struct_status(err) == KIN_BAD_ARGUMENT && strlen(kin_error_struct_text(err)) > 10);
    CHECK(kin_catalog_open(g.weights.bytes, g.weights.n, err) == NULL); /* a model is no catalogue */
    CHECK(kin_error_struct_status(err) == KIN_NOT_A_CATALOG);
    kin_catalog_close(NULL);
    kin_free(err);
    void *p = kin_malloc(100);
    CHECK(p != NULL);
    memset(p, 1, 100);
    kin_free(p);
    kin_close(k);
    golden_close(&g);
}
