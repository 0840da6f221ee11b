/* fuzz_conv: EfficientNet-Lite0 with hostile numbers, from the file to the vector. The first byte says dtype, padding,
 * kernels and whose names the file has, open_clip's with batch norms or Kin's; the second the pictures' side. Then
 * records of 8 bytes: a tensor (2), a channel of it or all (2), a float (4), which all numbers there are, in a tensor of
 * bytes its first byte. What no record names is mild noise. Kin's names in q8 come with weights in bytes, as Kin writes
 * them: to round 4 million weights takes libFuzzer's build most of a minute, so that it leaves q8 of open_clip's names
 * to the stored inputs. */
#include "../../src/load.h"
#include "../../src/preprocess.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 8, TENSORS_MAX = 300 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool ends(const char *name, const char *tail)
{
    size_t n = strlen(name), m = strlen(tail);
    return n >= m && !strcmp(name + n - m, tail);
}

/* Gains and variances about 1, the rest about 0. */
static float mild(const char *name, uint32_t i)
{
    float x = (float)((i * 2654435761u) >> 20) / 4096.0f - 0.5f;
    if (ends(name, "weight_scale"))
        return 0.003f;
    bool norm = strstr(name, ".bn") != NULL;
    return norm && (ends(name, ".running_var") || ends(name, ".weight")) ? 1 + 0.2f * x : 0.2f * x;
}

struct model {
    tensor list[TENSORS_MAX];
    char names[TENSORS_MAX][88];
    uint32_t n;
    uint8_t *bytes;
    size_t size;
};

static void add(struct model *m, const struct slot *s, const char *name)
{
    must(m->n < TENSORS_MAX);
    char *copy = strcpy(m->names[m->n], name);
    tensor *t = &m->list[m->n++];
    *t = (tensor){.name = copy,
                  .name_len = (uint32_t)strlen(copy),
                  .dtype = s->form == &slot_linear_q8 ? DT_I8 : DT_F32,
                  .rank = s->rank};
    memcpy(t->shape, s->shape, sizeof s->shape);
    if (ends(copy, ".weight") && s->rank == 4 && t->shape[2] == 0)
        t->shape[2] = t->shape[3] = 1;
}

static size_t count(const tensor *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

/* A file of all that the tower reads, in its own names or those of open_clip. */
static void make_file(struct model *m, struct tower *t, bool own)
{
    static const char stem[] = "visual.trunk.conv_stem.weight";
    struct place place;
    kin_error err;
    if (!own)
        must(t->family->place(t, stem, sizeof stem - 1, &place, &err) == KIN_OK && place.n == 1);
    const struct slots *all = own ? &t->slots : &t->others;
    for (int bytes = 0; bytes < 2; bytes++) /* the widest come first */
        for (int i = 0; i < all->n; i++)
            if ((all->list[i].form == &slot_linear_q8) == bytes)
                add(m, &all->list[i], all->list[i].name);
    for (int i = 0; !own && i < t->slots.n; i++) {
        const struct slot *s = &t->slots.list[i];
        if (!strcmp(s->name, "visual_projection.weight"))
            add(m, s, "visual.head.proj.weight");
        else if (!strcmp(s->name, "logit_scale"))
            add(m, s, s->name);
    }
    struct json_out head;
    json_out_init(&head);
    const char *metadata = m->list[m->n - 1].dtype == DT_I8 ? "{\"kin.weights\":\"s7q128\"}" : "{}";
    must(tensor_header_write(m->list, m->n, metadata, strlen(metadata), NULL, &head));
    m->size = head.n;
    for (uint32_t i = 0; i < m->n; i++) {
        m->list[i].begin = m->size;
        m->size += tensor_dtype_size(m->list[i].dtype) * count(&m->list[i]);
    }
    m->bytes = malloc(m->size);
    memcpy(m->bytes, head.text, head.n);
    json_out_free(&head);
    for (uint32_t i = 0; i < m->n; i++)
        for (size_t j = 0, n = count(&m->list[i]); j < n; j++) {
            float x = mild(m->list[i].name, (uint32_t)j);
            if (m->list[i].dtype == DT_I8)
                m->bytes[m->list[i].begin + j] = (uint8_t)(int8_t)(300 * x);
            else
                memcpy(m->bytes + m->list[i].begin + 4 * j, &x, 4);
        }
}

static void set(struct model *m, const uint8_t *record)
{
    const tensor *t = &m->list[(record[0] | record[1] << 8) % m->n];
    size_t n = count(t), rows = t->rank ? (size_t)t->shape[0] : 1, row = (size_t)(record[2] | record[3] << 8);
    bool all = row >= rows;
    for (size_t j = all ? 0 : row * (n / rows), end = all ? n : j + n / rows; j < end; j++)
        memcpy(m->bytes + t->begin + tensor_dtype_size(t->dtype) * j, record + 4, tensor_dtype_size(t->dtype));
}

static void run(struct tower *t, const struct kernels *k)
{
    kin_error err;
    size_t n = (size_t)t->image_size * (size_t)t->image_size * 3;
    uint8_t *pixels = malloc(n);
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(i * i >> 5);
    kin_status status = tower_begin_image(t, TOWER_EMBEDDING, NULL, &err);
    must(status == KIN_OK);
    while ((status = tower_step(t, NULL, k, pixels, &err)) == KIN_MORE)
        ;
    double length = 0;
    for (int i = 0; i < DIM; i++)
        length += (double)t->embeddings[i] * (double)t->embeddings[i];
    must(status == KIN_NOT_A_MODEL || (status == KIN_OK && fabs(length - 1) < 1e-3));
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    json config;
    kin_error err;
    struct preprocess rule;
    struct tower *t;
    struct model m = {.n = 0};
    struct loader loader;
    if (size < 2)
        return 0;
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if ((data[0] & 5) == 1)
        return 0;
#endif
    int n = snprintf(text, sizeof text,
                     "{\"model_cfg\":{\"embed_dim\":%d,\"vision_cfg\":{\"timm_model_name\":\"%sefficientnet_lite0\","
                     "\"image_size\":%d},\"text_cfg\":{}}}",
                     DIM, data[0] & 2 ? "tf_" : "", 32 + data[1] % 33);
    const struct kernels *k = &kernels_ref;
    for (int i = 0; i < data[0] >> 3 && kernels_all[i]; i++)
        if (kernels_agree(kernels_all[i]))
            k = kernels_all[i];
    must(json_open(text, (size_t)n, "open_clip_config.json", &config, &err) == KIN_OK);
    must(preprocess_read(text, (size_t)n, &rule, &err) == KIN_OK);
    must(tower_open(&t, TOWER_IMAGE, data[0] & 1, config, &err) == KIN_OK);
    t->pixels = rule.pixels;
    make_file(&m, t, data[0] & 4);
    for (size_t at = 2; at + 8 <= size && at < 2 + 8 * 64; at += 8)
        set(&m, data + at);
    loader_begin(&loader, t, k);
    kin_status status = loader_feed(&loader, m.bytes, m.size, &err);
    if (status == KIN_OK)
        status = loader_file_end(&loader, &err);
    loader_end(&loader);
    if (status == KIN_OK)
        status = tower_finish(t, k, &err);
    must(status == KIN_OK || status == KIN_NOT_A_MODEL);
    must(status == KIN_OK || size >= 10); /* mild numbers are a model */
    if (status == KIN_OK)
        run(t, k);
    tower_close(t);
    free(m.bytes);
    return 0;
}
