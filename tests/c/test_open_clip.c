/* test_open_clip: EfficientNet-Lite0 as open_clip has it (tools/golden_open_clip.py): f32 against open_clip, q8 against f32
 * and the stored bits (tests/golden/open_clip/lite0/q8.bin), which wasm must give as well.
 *
 * KIN_GOLDEN=write makes q8.bin anew: only together with a new number of docs/numerics.md. */
#include "../../src/load.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>

static const char *const paddings[] = {"same", "symmetric"};

struct golden_net {
    uint8_t *layout, *stored, *expected;
    size_t layout_n, stored_n, expected_n;
    tensor_file stored_file, expected_file;
    uint8_t *model; /* open_clip_model.safetensors */
    size_t model_n;
};

static uint8_t *read_golden(const char *name, size_t *n)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/open_clip/lite0/%s", name);
    return test_read(path, n);
}

/* As the tool has it. */
static float noise(uint32_t tensor, uint32_t i)
{
    uint32_t h = i * 2654435761u + tensor * 40503u + 12345u;
    h = (h ^ h >> 15) * 2246822519u;
    return (float)(int)(2 * ((h ^ h >> 13) >> 8 & 255)) - 255.0f;
}

static bool make_model(struct golden_net *g)
{
    json layout;
    kin_error err;
    struct json_out head;
    tensor list[400];
    float scales[400];
    uint32_t numbers[400], n = 0, number;
    size_t bytes = 0;
    if (json_open((const char *)g->layout, g->layout_n, "layout.json", &layout, &err))
        return false;
    for (int floats = 1; floats >= 0; floats--) { /* the widest dtype first */
        number = 0;
        for (json it = json_first(layout); it.type; it = json_next(layout, it), number++) {
            json name = json_first(it), shape = json_next(it, name), scale = json_next(it, shape);
            if ((scale.type == JSON_NUMBER) != floats)
                continue;
            tensor *t = &list[n];
            double value = 0;
            *t = (tensor){
                .name = name.at + 1, .name_len = (uint32_t)(name.end - name.at - 2), .dtype = floats ? DT_F32 : DT_F16};
            size_t size = floats ? 4 : 2;
            for (json d = json_first(shape); d.type; d = json_next(shape, d)) {
                json_u64(d, &t->shape[t->rank]);
                size *= (size_t)t->shape[t->rank++];
            }
            json_number(scale, &value);
            scales[n] = (float)value;
            numbers[n++] = number;
            bytes += size;
        }
    }
    json_out_init(&head);
    if (!tensor_header_write(list, n, "{}", 2, NULL, &head))
        return false;
    g->model = malloc(head.n + bytes);
    memcpy(g->model, head.text, head.n);
    size_t at = head.n;
    for (uint32_t i = 0; i < n; i++) {
        size_t count = 1;
        for (uint32_t d = 0; d < list[i].rank; d++)
            count *= (size_t)list[i].shape[d];
        if (list[i].dtype == DT_F32) {
            for (size_t j = 0; j < count; j++, at += 4) {
                float value = noise(numbers[i], (uint32_t)j) * scales[i];
                memcpy(g->model + at, &value, 4);
            }
            continue;
        }
        char name[128] = {0};
        memcpy(name, list[i].name, list[i].name_len);
        const tensor *t = tensor_find(&g->stored_file, name);
        if (!t)
            return false;
        memcpy(g->model + at, g->stored + t->begin, 2 * count);
        at += 2 * count;
    }
    g->model_n = at;
    json_out_free(&head);
    return true;
}

static bool golden_net_open(struct golden_net *g)
{
    kin_error err;
    *g = (struct golden_net){0};
    g->layout = read_golden("layout.json", &g->layout_n);
    g->stored = read_golden("stored.safetensors", &g->stored_n);
    g->expected = read_golden("expected.safetensors", &g->expected_n);
    return g->layout && g->stored && g->expected &&
           !tensor_file_open(g->stored, g->stored_n, g->stored_n, KIN_NOT_A_MODEL, "stored", &g->stored_file, &err) &&
           !tensor_file_open(g->expected, g->expected_n, g->expected_n, KIN_NOT_A_MODEL, "expected", &g->expected_file,
                             &err) &&
           make_model(g);
}

static void golden_net_close(struct golden_net *g)
{
    tensor_file_close(&g->stored_file), tensor_file_close(&g->expected_file);
    free(g->layout), free(g->stored), free(g->expected), free(g->model);
}

static struct tower *open_tower(const struct golden_net *g, const char *padding, bool q8, const struct kernels *k)
{
    char name[64];
    size_t n;
    json config;
    kin_error err = {0};
    struct preprocess p;
    struct loader l;
    struct tower *t = NULL;
    snprintf(name, sizeof name, "open_clip_config.%s.json", padding);
    char *text = (char *)read_golden(name, &n);
    kin_status status = json_open(text, n, name, &config, &err);
    if (!status)
        status = preprocess_read(text, n, &p, &err);
    if (!status)
        status = tower_open(&t, TOWER_IMAGE, q8, config, &err);
    if (!status) {
        t->pixels = p.pixels;
        loader_begin(&l, t, k);
        for (size_t at = 0; at < g->model_n && !status; at += 65537)
            status = loader_feed(&l, g->model + at, g->model_n - at < 65537 ? g->model_n - at : 65537, &err);
        if (!status)
            status = loader_file_end(&l, &err);
        loader_end(&l);
    }
    if (!status)
        status = tower_finish(t, k, &err);
    if (status)
        printf("  %s\n", err.text);
    free(text);
    return t;
}

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++)
        ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

/* All pictures of one padding; `bits` NULL: f32 only has to be close. */
static void check_net(const struct golden_net *g, int padding, const struct kernels *k, FILE *bits, bool write)
{
    char name[64];
    kin_error err = {0};
    struct tower *t = open_tower(g, paddings[padding], bits != NULL, k);
    snprintf(name, sizeof name, "pictures.%s", paddings[padding]);
    const tensor *pictures = tensor_find(&g->expected_file, name);
    snprintf(name, sizeof name, "image.%s", paddings[padding]);
    const tensor *vectors = tensor_find(&g->expected_file, name);
    CHECK(t && pictures && vectors && (uint64_t)t->dim == vectors->shape[1]);
    for (uint64_t i = 0; i < pictures->shape[0]; i++) {
        size_t pixels = (size_t)t->image_size * (size_t)t->image_size * 3;
        float want[256];
        kin_status status = tower_begin_image(t, TOWER_EMBEDDING, NULL, &err);
        int steps = 0;
        while (!status || status == KIN_MORE) {
            status = tower_step(t, NULL, k, g->expected + pictures->begin + i * pixels, &err);
            steps++;
            if (status != KIN_MORE)
                break;
        }
        CHECK_EQ(status, KIN_OK);
        CHECK_EQ(steps, 1 + 16 + 1 + 1);
        memcpy(want, g->expected + vectors->begin + i * vectors->shape[1] * 4, (size_t)t->dim * 4);
        double close = cosine(t->embeddings, want, t->dim);
        CHECK(close > (bits ? 0.99 : 0.99999));
        if (!bits)
            continue;
        if (write) {
            CHECK_EQ(fwrite(t->embeddings, 4, (size_t)t->dim, bits), t->dim);
        } else {
            CHECK_EQ(fread(want, 4, (size_t)t->dim, bits), t->dim);
            CHECK(!memcmp(want, t->embeddings, (size_t)t->dim * 4));
        }
    }
    tower_close(t);
}

/* What is part of a model's id. */
void test_open_clip_canonical(void)
{
    static const char *const want[] = {
        "{\"dim\":64,\"family\":\"efficientnet\",\"image_size\":96,\"network\":\"lite0\",\"padding\":\"same\"}",
        "{\"dim\":64,\"family\":\"efficientnet\",\"image_size\":72,\"network\":\"lite0\",\"padding\":\"symmetric\"}"};
    for (int i = 0; i < 2; i++) {
        char name[64];
        size_t n;
        json config;
        kin_error err;
        struct tower sizes;
        struct json_out o;
        snprintf(name, sizeof name, "open_clip_config.%s.json", paddings[i]);
        char *text = (char *)read_golden(name, &n);
        CHECK(text && json_open(text, n, name, &config, &err) == KIN_OK);
        CHECK_EQ(tower_read(&sizes, TOWER_IMAGE, true, config, &err), KIN_OK);
        json_out_init(&o);
        tower_canonical(&sizes, &o);
        CHECK(o.n == strlen(want[i]) && !memcmp(o.text, want[i], o.n));
        json_out_free(&o);
        CHECK_EQ(tower_read(&sizes, TOWER_TEXT, true, config, &err), KIN_OK);
        CHECK_STR(sizes.family->name, "clip");
        free(text);
    }
}

void test_open_clip_efficientnet(void)
{
    struct golden_net g;
    bool write = getenv("KIN_GOLDEN") != NULL;
    CHECK(golden_net_open(&g));
    for (int padding = 0; padding < 2; padding++)
        check_net(&g, padding, &kernels_ref, NULL, false);
    FILE *bits = fopen("tests/golden/open_clip/lite0/q8.bin", write ? "wb" : "rb");
    CHECK(bits != NULL);
    for (const struct kernels *const *k = kernels_all; *k; k++) {
        if (((*k)->usable && !(*k)->usable()) || (write && *k != &kernels_ref))
            continue;
        rewind(bits);
        for (int padding = 0; padding < 2; padding++)
            check_net(&g, padding, *k, bits, write);
    }
    fclose(bits);
    golden_net_close(&g);
}
