/* test_open_clip: EfficientNet-Lite0 as open_clip has it (tools/golden_open_clip.py): f32 against open_clip, q8 against f32
 * and the stored bits (tests/golden/open_clip/lite0/q8.bin), which wasm must give as well.
 *
 * KIN_GOLDEN=write makes q8.bin anew: only together with a new number of docs/numerics.md. */
#include "../../src/load.h"
#include "../../src/open_clip.h"
#include "assemble.h"
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

/* Which networks there are, and what is refused of them. */
void test_open_clip_networks(void)
{
#define NET(name, more) "{\"model_cfg\":{\"embed_dim\":8,\"vision_cfg\":{\"timm_model_name\":\"" name "\"" more "}}}"
#define LITE0(more) NET("efficientnet_lite0", more)
#define DIM(value) "{\"model_cfg\":{" value "\"vision_cfg\":{\"timm_model_name\":\"efficientnet_lite0\"}}}"
#define CANONICAL(size, network, padding)                                                   \
    "{\"dim\":8,\"family\":\"efficientnet\",\"image_size\":" size ",\"network\":\"" network \
    "\",\"padding\":\"" padding "\"}"
#define WHOLE(key, range) "open_clip_config.json: " key " is not a whole number from " range "."
#define POOLED "open_clip_config.json: timm_pool must be avg, timm_proj linear, without a bias."
    static const struct {
        const char *config, *canonical, *says; /* says "": some other family's sentence */
    } cases[] = {
        {LITE0(""), CANONICAL("224", "lite0", "symmetric"), NULL},
        {LITE0(",\"image_size\":32,\"timm_pool\":null,\"timm_proj\":null,\"timm_proj_bias\":false"),
         CANONICAL("32", "lite0", "symmetric"), NULL},
        {NET("tf_efficientnet_lite4.in1k", ",\"image_size\":1024,\"timm_pool\":\"avg\",\"timm_proj\":\"linear\""),
         CANONICAL("1024", "lite4", "same"), NULL},
        {NET("efficientnet_lite5", ""), NULL, ""},
        {NET("efficientnet_lite/", ""), NULL, ""},
        {NET("efficientnet_lite", ""), NULL, ""},
        {NET("efficientnet_lite01", ""), NULL, ""},
        {NET("efficientnet_mite0", ""), NULL, ""},
        {NET("tf-efficientnet_lite0", ""), NULL, ""},
        {NET("efficientnet_lite0.a_tag_that_is_longer_than_any_name_of_a_network_that_there_is", ""), NULL, ""},
        {DIM(""), NULL, WHOLE("embed_dim", "1 to 4096")},
        {DIM("\"embed_dim\":4097,"), NULL, WHOLE("embed_dim", "1 to 4096")},
        {LITE0(",\"image_size\":31"), NULL, WHOLE("image_size", "32 to 1024")},
        {LITE0(",\"image_size\":1025"), NULL, WHOLE("image_size", "32 to 1024")},
        {LITE0(",\"image_size\":\"96\""), NULL, WHOLE("image_size", "32 to 1024")},
        {LITE0(",\"image_size\":[96,96]"), NULL, WHOLE("image_size", "32 to 1024")},
        {LITE0(",\"timm_pool\":\"max\""), NULL, POOLED},
        {LITE0(",\"timm_proj\":\"mlp\""), NULL, POOLED},
        {LITE0(",\"timm_proj_bias\":true"), NULL, POOLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json config;
        kin_error err = {0};
        struct tower sizes;
        CHECK_EQ(json_open(cases[i].config, strlen(cases[i].config), "open_clip_config.json", &config, &err), KIN_OK);
        kin_status is = tower_read(&sizes, TOWER_IMAGE, true, config, &err);
        if (cases[i].canonical) {
            struct json_out o;
            CHECK_EQ(is, KIN_OK);
            json_out_init(&o);
            tower_canonical(&sizes, &o);
            json_out_rawn(&o, "", 1);
            CHECK_STR(o.text, cases[i].canonical);
            json_out_free(&o);
        } else {
            CHECK(is == KIN_UNSUPPORTED || (!*cases[i].says && is == KIN_NOT_A_MODEL));
            if (*cases[i].says)
                CHECK_STR(err.text, cases[i].says);
            else
                CHECK(!strstr(err.text, "timm_pool"));
        }
    }
}

/* What open_clip calls a tensor. */
void test_open_clip_names(void)
{
    static const struct {
        const char *theirs, *ours; /* NULL: it is none that we know */
        int shares, transposed;
    } cases[] = {
        {"visual.proj", "visual_projection.weight", 1, 1},
        {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias", 1, 0},
        {"text_projection", "text_projection.weight", 1, 1},
        {"text.ln_final.weight", "text_model.final_layer_norm.weight", 1, 0},
        {"transformer.resblocks.10.mlp.c_fc.bias", "text_model.encoder.layers.10.mlp.fc1.bias", 1, 0},
        {"visual.transformer.resblocks.0.attn.in_proj_bias", "vision_model.encoder.layers.0.self_attn.v_proj.bias", 3,
         0},
        {"visual.projection", NULL, 0, 0},
        {"visual.pro", NULL, 0, 0},
        {"logit_scale", NULL, 0, 0},
        {"transformer.resblocks.ln_1.weight", NULL, 0, 0},
        {"transformer.resblocks.1", NULL, 0, 0},
        {"transformer.resblocks..ln_1.weight", NULL, 0, 0},
        {"transformer.resblocks.1xln_1.weight", NULL, 0, 0},
        {"transformer.resblocks.1.ln_3.weight", NULL, 0, 0},
        {"transformer.resblocks.000000000000000000000000000000.ln_1.weight", NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct open_clip_name out;
        size_t n = strlen(cases[i].theirs);
        char *name = memcpy(malloc(n), cases[i].theirs, n); /* without an end of its own */
        bool known = open_clip_name(name, n, 2, &out);
        free(name);
        CHECK_EQ(known, cases[i].ours != NULL);
        if (!known)
            continue;
        CHECK_STR(out.name, cases[i].ours);
        CHECK_EQ(out.shares, cases[i].shares);
        CHECK_EQ(out.transposed, cases[i].transposed);
    }
    CHECK(open_clip_of_images("visual.", 7) && !open_clip_of_images("visua", 5));
    CHECK(open_clip_of_texts("text.x", 6) && open_clip_of_texts("transformer.resblocks.", 22) &&
          open_clip_of_texts("ln_final.bias", 13) && !open_clip_of_texts("visual.proj", 11));
}

/* A weight that comes without its batch norm, in a second file, after those that have one. */
void test_open_clip_twice(void)
{
    static float stem[32 * 27];
    struct golden_net g;
    struct tower *t = NULL;
    struct loader l;
    json config;
    kin_error err = {0};
    size_t n = 0, config_n = 0;
    CHECK(golden_net_open(&g));
    char *text = (char *)read_golden("open_clip_config.symmetric.json", &config_n);
    CHECK_EQ(json_open(text, config_n, "open_clip_config.json", &config, &err), KIN_OK);
    for (int which = 0; which < 2; which++) {
        tensor own = which ? (tensor){"vision_model.stem.bias", 0, DT_F32, 1, {32}, 0, 0}
                           : (tensor){"vision_model.stem.weight", 0, DT_F32, 4, {32, 3, 3, 3}, 0, 0};
        uint8_t *file = assemble(&own, 1, "{}", stem, &n);
        CHECK_EQ(tower_open(&t, TOWER_IMAGE, false, config, &err), KIN_OK);
        loader_begin(&l, t, &kernels_ref);
        CHECK_EQ(loader_feed(&l, g.model, g.model_n, &err), KIN_OK);
        CHECK_EQ(loader_file_end(&l, &err), KIN_OK);
        CHECK_EQ(loader_feed(&l, file, n, &err), KIN_OK);
        CHECK_EQ(loader_file_end(&l, &err), KIN_OK);
        loader_end(&l);
        CHECK_EQ(tower_finish(t, &kernels_ref, &err), KIN_NOT_A_MODEL);
        CHECK_STR(err.text, "The model has vision_model.stem.weight twice, with its batch norm and without.");
        tower_close(t);
        free(file);
    }
    free(text);
    golden_net_close(&g);
}
