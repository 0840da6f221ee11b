/* test_kin_misuse: the public interface used wrongly: every function at the wrong time, refusals after which the
 * context goes on, new preprocessing under a loaded tower, boxes of any doubles, an end at any point. */
#include "golden.h"
#include "memory.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>

/* Where a context can stand: … that far, each state with what the ones before have (but one tower is loaded at a
 * time, and one thing run). */
enum state { FRESH, CONFIGURED, SIDES, LOADING, LOADED, TAKEN, RUNNING_IMAGE, EMBEDDED, RUNNING_TEXT, STATES };

static kin_status bring_to(kin_ctx *k, const struct golden *g, enum state state)
{
    if (state >= CONFIGURED)
        TRY(configure(k, g));
    for (int tower = 0; tower < 2 && state >= SIDES; tower++)
        TRY(load_side(k, g, tower));
    if (state == LOADING) {
        TRY(kin_tower_begin(k, KIN_IMAGE, KIN_F32));
        return feed(k, g->weights.bytes, 10000, 10000);
    }
    for (int tower = 0; tower < 2 && state >= LOADED; tower++)
        TRY(load(k, g, tower, KIN_F32, 1u << 20));
    for (int tower = 0; tower < 2 && state >= TAKEN; tower++)
        TRY(take(k, g, tower, 0));
    if (state == EMBEDDED)
        return run(k, KIN_IMAGE);
    if (state >= RUNNING_IMAGE)
        TRY(state == RUNNING_IMAGE ? kin_image_begin(k) : kin_text_begin(k));
    return state >= RUNNING_IMAGE && kin_step(k) != KIN_MORE ? KIN_BAD_ARGUMENT : KIN_OK;
}

enum function {
    CONFIG,
    BEGIN_IMAGE,
    BEGIN_TEXT,
    BEGIN_OTHER,
    FEED,
    FILE_END,
    END,
    IDENTIFY,
    EXPORT,
    KERNELS,
    PREPARE,
    IMAGE_BEGIN,
    TOKENIZE,
    TEXT_ADD,
    TEXT_BEGIN,
    IMAGE_LAYER,
    TEXT_LAYER,
    OTHER_LAYER,
    NO_LAYER,
    STEP,
    FUNCTIONS
};

static kin_status meaning(char c)
{
    return c == 'b' ? KIN_BAD_ARGUMENT : c == 'm' ? KIN_NOT_A_MODEL : c == '+' ? KIN_MORE : KIN_OK;
}

/* What each gives in the states in turn. */
static const struct {
    const char *name, *in_state;
} functions[FUNCTIONS] = {
    [CONFIG] = {"kin_config", "........."},
    [BEGIN_IMAGE] = {"kin_tower_begin, image", "bb......."},
    [BEGIN_TEXT] = {"kin_tower_begin, text", "bb......."},
    [BEGIN_OTHER] = {"kin_tower_begin, 2", "bbbbbbbbb"},
    [FEED] = {"kin_tower_feed", "bbb.bbbbb"},
    [FILE_END] = {"kin_tower_file_end", "bbbmbbbbb"},
    [END] = {"kin_tower_end", "bbbmbbbbb"},
    [IDENTIFY] = {"kin_identify", "bbbb....."},
    [EXPORT] = {"kin_export_bytes", "bbbb....."},
    [KERNELS] = {"kin_use_kernels", "...bbbbbb"},
    [PREPARE] = {"kin_image_prepare", "bbbbb...."},
    [IMAGE_BEGIN] = {"kin_image_begin", "bbbbb...."},
    [TOKENIZE] = {"kin_tokenize", "bb......."},
    [TEXT_ADD] = {"kin_text_add", "bbbbb...."},
    [TEXT_BEGIN] = {"kin_text_begin", "bbbbb...b"},
    [IMAGE_LAYER] = {"kin_layer_begin, image", "bbbbb...."},
    [TEXT_LAYER] = {"kin_layer_begin, text", "bbbbb...."},
    [OTHER_LAYER] = {"kin_layer_begin, tower 2", "bbbbbbbbb"},
    [NO_LAYER] = {"kin_layer_begin, layer 100", "bbbbbbbbb"},
    [STEP] = {"kin_step", "bbbbbb+b+"},
};

/* The first table that this machine has. */
static int usable_kernels(void)
{
    int i = 0;
    while (kin_kernels_exact(i) != 1)
        i++;
    return i;
}

static kin_status call(kin_ctx *k, const struct golden *g, enum function f)
{
    static uint8_t out[1 << 16];
    switch (f) {
    case CONFIG: return configure(k, g);
    case BEGIN_IMAGE: return kin_tower_begin(k, KIN_IMAGE, KIN_F32);
    case BEGIN_TEXT: return kin_tower_begin(k, KIN_TEXT, KIN_F32);
    case BEGIN_OTHER: return kin_tower_begin(k, 2, KIN_F32);
    case FEED: return kin_tower_feed(k, g->weights.bytes + 10000, 5);
    case FILE_END: return kin_tower_file_end(k);
    case END: return kin_tower_end(k);
    case IDENTIFY: return kin_identify(k, KIN_IMAGE);
    case EXPORT: return kin_export_bytes(k, KIN_IMAGE, 0, out);
    case KERNELS: return kin_use_kernels(k, usable_kernels());
    case PREPARE: return kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP);
    case IMAGE_BEGIN: return kin_image_begin(k);
    case TOKENIZE: return kin_tokenize(k, "!", 1);
    case TEXT_ADD: return kin_text_add(k);
    case TEXT_BEGIN: return kin_text_begin(k);
    case IMAGE_LAYER: return kin_layer_begin(k, KIN_IMAGE, -1, 0);
    case TEXT_LAYER: return kin_layer_begin(k, KIN_TEXT, KIN_LAST, 1);
    case OTHER_LAYER: return kin_layer_begin(k, 2, 0, 0);
    case NO_LAYER: return kin_layer_begin(k, KIN_TEXT, 100, 0);
    default: return kin_step(k);
    }
}

/* Every function in every state: fine or refused, and then the whole way can still be gone. */
void test_kin_wrong_order(void)
{
    struct golden g;
    CHECK(golden_open(&g, 2));
    for (enum function f = 0; f < FUNCTIONS; f++)
        for (enum state state = 0; state < STATES; state++) {
            kin_ctx *k = kin_open();
            kin_status want = meaning(functions[f].in_state[state]);
            CHECK_EQ(bring_to(k, &g, state), KIN_OK);
            kin_status got = call(k, &g, f);
            bool fine = want <= KIN_MORE ? got == want : refused(k, got, want);
            if (!fine)
                printf("  %s in state %d: %s\n", functions[f].name, (int)state, kin_status_name(got));
            CHECK(fine);
            CHECK_EQ(configure(k, &g), KIN_OK);
            for (int tower = 0; tower < 2; tower++)
                CHECK_EQ(load(k, &g, tower, KIN_F32, 1u << 20), KIN_OK);
            for (int tower = 0; tower < 2; tower++)
                CHECK_EQ(embed(k, &g, tower, 1), KIN_OK);
            kin_close(k);
        }
    golden_close(&g);
}

/* After each refusal: what was loaded before and was not asked to be replaced is as it was. */
void test_kin_refuses_and_goes_on(void)
{
    static const char bad[] = "{\"size\":0}", vit[] = "{\"model_type\":\"vit\"}";
    static const char half[] = "{\"text_config\":{\"max_position_embeddings\":5000}}";
    struct golden g, other;
    CHECK(golden_open(&g, 0) && golden_open(&other, 1));
    kin_ctx *k = open_for(&g);
    for (int tower = 0; tower < 2; tower++)
        CHECK_EQ(load(k, &g, tower, KIN_Q8, 5000), KIN_OK);

    CHECK(refused(k, kin_preprocessing(k, bad, sizeof bad - 1), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_preprocessing(k, NULL, 0), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_vocabulary(k, "{}", 2, "", 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_vocabulary(k, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_config(k, vit, sizeof vit - 1), KIN_UNSUPPORTED));
    CHECK(refused(k, kin_config(k, "[", 1), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_config(k, NULL, 0), KIN_NOT_A_MODEL));
    CHECK(refused(k, kin_tower_begin(k, KIN_IMAGE, 7), KIN_BAD_ARGUMENT));
    CHECK(refused(k, kin_image_decode(k, (const uint8_t *)"no", 2), KIN_UNSUPPORTED_IMAGE));
    for (int tower = 0; tower < 2; tower++) {
        CHECK_EQ(embed(k, &g, tower, 0), KIN_OK);
        CHECK(has_bits(k, &g, tower, 0));
    }

    /* A tower whose loading fails is gone, the other one is not. */
    for (int tower = 0; tower < 2; tower++)
        for (int way = 0; way < 4; way++) {
            for (int side = 0; side < 2; side++)
                CHECK_EQ(load(k, &g, side, KIN_Q8, 5000), KIN_OK);
            CHECK_EQ(kin_tower_begin(k, tower, KIN_Q8), KIN_OK);
            CHECK_EQ(kin_tower_feed(k, NULL, 0), KIN_OK);
            if (way == 0) /* another model's weights */
                CHECK(refused(k, feed(k, other.weights.bytes, other.weights.n, 5000), KIN_NOT_A_MODEL));
            if (way == 1) /* no weights at all */
                CHECK(refused(k, feed(k, g.config.bytes, g.config.n, 5000), KIN_NOT_A_MODEL));
            if (way >= 2) /* cut short */
                CHECK_EQ(feed(k, g.weights.bytes, g.weights.n / 8, 5000), KIN_OK);
            if (way >= 2)
                CHECK(refused(k, way == 2 ? kin_tower_file_end(k) : kin_tower_end(k), KIN_NOT_A_MODEL));
            CHECK(refused(k, kin_tower_feed(k, g.weights.bytes, 8), KIN_BAD_ARGUMENT));
            CHECK_EQ(kin_dim(k, tower), 0);
            CHECK(refused(k, embed(k, &g, tower, 0), KIN_BAD_ARGUMENT));
            CHECK_EQ(embed(k, &g, !tower, 1), KIN_OK);
            CHECK(has_bits(k, &g, !tower, 1));
        }
    CHECK_EQ(kin_config(k, half, sizeof half - 1), KIN_OK); /* one tower can be read, of the other it is told later */
    CHECK(refused(k, kin_tower_begin(k, KIN_TEXT, KIN_Q8), KIN_UNSUPPORTED));
    CHECK(refused(k, kin_tower_begin(k, KIN_IMAGE, KIN_Q8), KIN_NOT_A_MODEL)); /* pictures are prepared for the other */
    CHECK_EQ(kin_preprocessing(k, "{}", 2), KIN_OK);
    CHECK_EQ(kin_tower_begin(k, KIN_IMAGE, KIN_Q8), KIN_OK);
    kin_close(k);
    golden_close(&g), golden_close(&other);
}

/* A tower is made for its preprocessing: with another one it is gone, and no picture of another size reaches it. */
void test_kin_new_preprocessing(void)
{
    static const char small[] = "{\"size\":4,\"crop_size\":4}";
    static const char *const sizeless[] = {
        "{\"do_center_crop\":false,\"size\":32}",
        "{\"do_resize\":false,\"do_center_crop\":false,\"size\":{\"height\":32,\"width\":32}}",
        "{\"do_center_crop\":false,\"size\":{\"height\":32,\"width\":31}}"};
    struct golden g;
    CHECK(golden_open(&g, 0));
    kin_ctx *k = open_for(&g);
    CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
    for (int steps = 0; steps < 3; steps++) { /* prepared, begun, one step on */
        CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
        CHECK_EQ(take(k, &g, KIN_IMAGE, 0), KIN_OK);
        if (steps)
            CHECK_EQ(kin_image_begin(k), KIN_OK);
        if (steps == 2)
            CHECK_EQ(kin_step(k), KIN_MORE);
        CHECK_EQ(kin_preprocessing(k, small, sizeof small - 1), KIN_OK);
        CHECK(refused(k, kin_step(k), KIN_BAD_ARGUMENT));
        CHECK(kin_dim(k, KIN_IMAGE) == 0 && kin_prepared_width(k) == 0);
        CHECK_EQ(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP), KIN_OK); /* the picture itself stays */
        CHECK(refused(k, kin_image_begin(k), KIN_BAD_ARGUMENT));
    }
    for (size_t i = 0; i < sizeof sizeless / sizeof *sizeless; i++) {
        CHECK_EQ(kin_preprocessing(k, sizeless[i], strlen(sizeless[i])), KIN_OK);
        CHECK(refused(k, kin_tower_begin(k, KIN_IMAGE, KIN_Q8), KIN_NOT_A_MODEL)); /* before the weights are read */
        CHECK_EQ(kin_preprocessing(k, g.preprocessing, strlen(g.preprocessing)), KIN_OK);
        CHECK_EQ(kin_tower_begin(k, KIN_IMAGE, KIN_Q8), KIN_OK);
        CHECK_EQ(feed(k, g.weights.bytes, g.weights.n, 5000), KIN_OK);
        CHECK_EQ(kin_preprocessing(k, sizeless[i], strlen(sizeless[i])), KIN_OK); /* or while they are */
        CHECK_EQ(kin_tower_file_end(k), KIN_OK);
        CHECK(refused(k, kin_tower_end(k), KIN_NOT_A_MODEL));
    }
    CHECK_EQ(load(k, &g, KIN_IMAGE, KIN_Q8, 5000), KIN_OK);
    CHECK_EQ(embed(k, &g, KIN_IMAGE, 1), KIN_OK);
    CHECK(has_bits(k, &g, KIN_IMAGE, 1));
    kin_close(k);
    golden_close(&g);
}

/* Boxes of any doubles give pixels of the picture or a refusal. */
void test_kin_boxes(void)
{
    static const double some[] = {0, 0.5, 1, -1, 1e-300, 1e300, -1e300, 1.7e308, -1.7e308, INFINITY, -INFINITY, NAN};
    static const char rule[] = "{\"size\":4,\"crop_size\":4}";
    enum { N = sizeof some / sizeof *some };
    const uint8_t rgb[3 * 2 * 3] = {9, 8, 7};
    kin_ctx *k = kin_open();
    int fine = 0, refusals = 0;
    CHECK_EQ(kin_preprocessing(k, rule, sizeof rule - 1), KIN_OK);
    CHECK_EQ(kin_image_raw(k, rgb, 3, 2, 3, NULL, 0), KIN_OK);
    for (int i = 0; i < N * N * N * N; i++) {
        double x = some[i % N], y = some[i / N % N], w = some[i / N / N % N], h = some[i / N / N / N];
        kin_status status = kin_image_prepare(k, x, y, w, h, i & 1 ? KIN_PAD : KIN_CROP);
        CHECK(status == KIN_OK || refused(k, status, KIN_BAD_ARGUMENT));
        fine += status == KIN_OK, refusals += status != KIN_OK;
        CHECK_EQ(kin_prepared_width(k), status == KIN_OK ? 4 : 0);
    }
    CHECK(fine > 1000 && refusals > 1000);
    kin_close(k);
}

#define OR_STOP(call)                \
    do {                             \
        if (stop-- == 0)             \
            return KIN_MORE;         \
        kin_status status_ = (call); \
        if (status_ > KIN_MORE)      \
            return status_;          \
    } while (0)

/* The whole way, left after `stop` calls: then KIN_MORE; -1: to the end. */
static kin_status way(kin_ctx *k, const struct golden *g, const struct file *photo, int stop)
{
    OR_STOP(configure(k, g));
    for (int tower = 0; tower < 2; tower++) {
        OR_STOP(load_side(k, g, tower));
        OR_STOP(kin_tower_begin(k, tower, tower == KIN_IMAGE ? KIN_Q8 : KIN_F32));
        for (size_t at = 0, some; at < g->weights.n; at += some) {
            some = g->weights.n - at < 30011 ? g->weights.n - at : 30011;
            OR_STOP(kin_tower_feed(k, g->weights.bytes + at, some));
        }
        OR_STOP(kin_tower_file_end(k));
        OR_STOP(kin_tower_end(k));
        OR_STOP(kin_identify(k, tower));
        OR_STOP((kin_info(k), kin_export_tensor(k, tower, 1), KIN_OK));
    }
    for (int tower = 0; tower < 2; tower++) {
        OR_STOP(kin_image_decode(k, photo->bytes, photo->n));
        OR_STOP(take(k, g, tower, 0));
        OR_STOP(tower == KIN_IMAGE ? kin_image_begin(k) : kin_text_begin(k));
        for (int step = 0; step < 6; step++)
            OR_STOP(kin_embedding(k) ? KIN_OK : kin_step(k));
    }
    return KIN_OK;
}

static struct file read_photo(void)
{
    struct file photo;
    photo.bytes = test_read("tests/golden/images/jpeg-420-progressive.jpg", &photo.n);
    return photo;
}

/* The sanitizer tells what kin_close leaves behind. */
void test_kin_close_anywhere(void)
{
    struct golden g;
    struct file photo = read_photo();
    kin_status status = KIN_MORE;
    int stop = 0;
    CHECK(golden_open(&g, 2));
    for (; status == KIN_MORE; stop++) {
        kin_ctx *k = kin_open();
        status = way(k, &g, &photo, stop);
        kin_close(k);
    }
    CHECK_EQ(status, KIN_OK);
    CHECK(stop > 40);
    kin_close(NULL);
    free(photo.bytes);
    golden_close(&g);
}

/* Wherever memory ends, it is told; once there is some, the same context goes the whole way (tried each eighth time). */
void test_kin_short_of_memory(void)
{
    struct golden g;
    struct file photo = read_photo();
    kin_status status = KIN_OUT_OF_MEMORY;
    int shortages = 0;
    CHECK(golden_open(&g, 2));
    for (long n = 0; status != KIN_OK; n++, shortages++) {
        kin_ctx *k = kin_open();
        memory_left = n;
        status = way(k, &g, &photo, -1);
        memory_left = -1;
        CHECK(status == KIN_OK || refused(k, status, KIN_OUT_OF_MEMORY));
        if (n % 8 == 0)
            CHECK_EQ(way(k, &g, &photo, -1), KIN_OK);
        kin_close(k);
    }
    CHECK(shortages > 100);
    free(photo.bytes);
    golden_close(&g);
}
