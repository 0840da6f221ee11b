/* golden: see golden.h. */
#include "golden.h"
#include "test.h"
#include <stdlib.h>

enum { IDS = 96 };

const struct golden_model models[MODELS] = {
    {"quick-gelu-f16", 32, 24}, {"gelu-bf16", 30, 36}, {"tanh-f32", 16, 16}, {"wide-f16", 24, 32}};

static struct file read_file(const char *folder, const char *name)
{
    char path[256];
    struct file f;
    snprintf(path, sizeof path, "tests/golden/tower/%s%s", folder, name);
    f.bytes = test_read(path, &f.n);
    return f;
}

const void *golden_expected(const struct golden *g, const char *name)
{
    const tensor *t = tensor_find(&g->tensors, name);
    return t ? g->expected.bytes + t->begin : NULL;
}

/* Each id but start and end is a word: token of vocab.json, without its "</w>". */
static void write_texts(struct golden *g, json vocab)
{
    char words[IDS][16] = {{0}};
    for (json it = json_first(vocab); it.type; it = json_next(vocab, it)) {
        uint64_t id;
        char token[32] = {0};
        size_t n = json_string(json_key(vocab, it), token, sizeof token - 1);
        if (json_u64(it, &id) && id < IDS && n > 4 && n < 20 && !strcmp(token + n - 4, "</w>"))
            memcpy(words[id], token, n - 4);
    }
    const int32_t *ids = golden_expected(g, "ids"), *lengths = golden_expected(g, "lengths");
    for (int i = 0; i < CASES; i++)
        for (int k = 1; k < lengths[i] - 1; k++)
            snprintf(g->texts[i] + strlen(g->texts[i]), sizeof g->texts[i] - strlen(g->texts[i]), "%s%s",
                     k > 1 ? " " : "", words[ids[i * CONTEXT + k]]);
}

bool golden_open(struct golden *g, int model)
{
    char folder[64];
    json vocab;
    kin_error err;
    *g = (struct golden){.model = model};
    snprintf(folder, sizeof folder, "%s/", models[model].name);
    g->config = read_file(folder, "config.json");
    g->weights = read_file(folder, "model.safetensors");
    g->expected = read_file(folder, "expected.safetensors");
    g->vocab = read_file("", "vocab.json");
    g->merges = read_file("", "merges.txt");
    g->bits = read_file("", "q8.bin");
    if (!g->config.bytes || !g->weights.bytes || !g->vocab.bytes || !g->merges.bytes || !g->bits.bytes ||
        tensor_file_open(g->expected.bytes, g->expected.n, g->expected.n, KIN_NOT_A_MODEL, "expected", &g->tensors,
                         &err) ||
        json_open((const char *)g->vocab.bytes, g->vocab.n, "vocab.json", &vocab, &err))
        return false;
    snprintf(g->preprocessing, sizeof g->preprocessing, "{\"size\":{\"shortest_edge\":%d},\"crop_size\":%d}",
             models[model].size, models[model].size);
    write_texts(g, vocab);
    return true;
}

void golden_close(struct golden *g)
{
    tensor_file_close(&g->tensors);
    free(g->config.bytes), free(g->weights.bytes), free(g->expected.bytes);
    free(g->vocab.bytes), free(g->merges.bytes), free(g->bits.bytes);
}

const float *golden_bits(const struct golden *g, int tower, int i)
{
    size_t at = 0;
    for (int m = 0; m < g->model; m++)
        at += 2 * CASES * (size_t)models[m].dim;
    return (const float *)(void *)g->bits.bytes + at + (size_t)(tower * CASES + i) * (size_t)models[g->model].dim;
}

kin_status configure(kin_ctx *k, const struct golden *g)
{
    return kin_config(k, (const char *)g->config.bytes, g->config.n);
}

kin_ctx *open_for(const struct golden *g)
{
    kin_ctx *k = kin_open();
    if (k && configure(k, g) == KIN_OK)
        return k;
    kin_close(k);
    return NULL;
}

kin_status load_side(kin_ctx *k, const struct golden *g, int tower)
{
    if (tower == KIN_IMAGE)
        return kin_preprocessing(k, g->preprocessing, strlen(g->preprocessing));
    return kin_vocabulary(k, (const char *)g->vocab.bytes, g->vocab.n, (const char *)g->merges.bytes, g->merges.n, NULL,
                          0, NULL, 0, NULL, 0, NULL, 0);
}

kin_status feed(kin_ctx *k, const uint8_t *bytes, size_t n, size_t piece)
{
    kin_status status = KIN_OK;
    for (size_t at = 0; at < n && status == KIN_OK; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        uint8_t *copy = malloc(some);
        memcpy(copy, bytes + at, some);
        status = kin_tower_feed(k, copy, some);
        free(copy);
    }
    return status;
}

kin_status load(kin_ctx *k, const struct golden *g, int tower, int dtype, size_t piece)
{
    TRY(load_side(k, g, tower));
    TRY(kin_tower_begin(k, tower, dtype));
    TRY(feed(k, g->weights.bytes, g->weights.n, piece));
    TRY(kin_tower_file_end(k));
    return kin_tower_end(k);
}

kin_status take(kin_ctx *k, const struct golden *g, int tower, int i)
{
    if (tower == KIN_TEXT) {
        TRY(kin_tokenize(k, g->texts[i], strlen(g->texts[i])));
        return kin_text_add(k);
    }
    int size = models[g->model].size;
    const uint8_t *pixels = golden_expected(g, "pixels");
    TRY(kin_image_raw(k, pixels + (size_t)i * (size_t)(size * size * 3), size, size, 3, NULL, 0));
    return kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP);
}

kin_status run(kin_ctx *k, int tower)
{
    kin_status status;
    TRY(tower == KIN_IMAGE ? kin_image_begin(k) : kin_text_begin(k));
    while ((status = kin_step(k)) == KIN_MORE)
        ;
    return status;
}

kin_status embed(kin_ctx *k, const struct golden *g, int tower, int i)
{
    TRY(take(k, g, tower, i));
    return run(k, tower);
}

bool has_bits(const kin_ctx *k, const struct golden *g, int tower, int i)
{
    int dim = kin_dim(k, tower);
    return dim == models[g->model].dim && !memcmp(kin_embedding(k), golden_bits(g, tower, i), (size_t)dim * 4);
}

kin_status decode(kin_ctx *k, const char *name, const double *box)
{
    char path[256];
    size_t n;
    snprintf(path, sizeof path, "tests/golden/images/%s", name);
    uint8_t *bytes = test_read(path, &n);
    kin_status status =
        box ? kin_image_decode_fast(k, bytes, n, box[0], box[1], box[2], box[3]) : kin_image_decode(k, bytes, n);
    free(bytes);
    return status;
}

bool refused(const kin_ctx *k, kin_status got, kin_status want)
{
    const char *text = kin_error_text(k);
    size_t n = strlen(text);
    if (got != want || n < 10 || text[n - 1] != '.')
        printf("  %s (%s)\n", kin_status_name(got), text);
    return got == want && n >= 10 && text[n - 1] == '.';
}
