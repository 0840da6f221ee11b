/* tower: configuration, the list of tensors, and the run of steps. */
#include "tower.h"
#include <stdlib.h>

/* Rows of texts that are run at once: enough that reading the weights costs little of the time. */
enum { TEXT_ROWS = 192, TEXT_TOKENS = 8 * TEXT_ROWS }; /* tokens: shared ones counted in every text */

/* ---- configuration ------------------------------------------------------------------------- */

static kin_status whole(json object, const char *key, uint64_t least, uint64_t most, uint64_t otherwise, int *out,
                        kin_error *err)
{
    json value = json_get(object, key);
    uint64_t n = otherwise;
    if (value.type > JSON_NULL && !json_u64(value, &n))
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json: %s is not a whole number.", key);
    if (n < least || n > most)
        return kin_fail(err, KIN_UNSUPPORTED, "config.json: %s is %llu; this engine takes %llu to %llu.", key,
                        (unsigned long long)n, (unsigned long long)least, (unsigned long long)most);
    *out = (int)n;
    return KIN_OK;
}

static kin_status read_activation(json config, activation *out, kin_error *err)
{
    json act = json_get(config, "hidden_act");
    if (act.type <= JSON_NULL || json_equals(act, "quick_gelu"))
        *out = ACT_QUICK_GELU;
    else if (json_equals(act, "gelu"))
        *out = ACT_GELU;
    else if (json_equals(act, "gelu_pytorch_tanh") || json_equals(act, "gelu_new"))
        *out = ACT_GELU_TANH;
    else
        return kin_fail(err, KIN_UNSUPPORTED, "config.json: hidden_act is not quick_gelu, gelu or gelu_pytorch_tanh.");
    return KIN_OK;
}

static json tower_config(json config, int kind)
{
    bool image = kind == TOWER_IMAGE;
    json dict = json_get(config, image ? "vision_config_dict" : "text_config_dict");
    if (dict.type == JSON_OBJECT)
        return dict; /* older files keep the values that count here */
    return json_get(config, image ? "vision_config" : "text_config");
}

kin_status tower_text_context(json config, int *context, kin_error *err)
{
    return whole(tower_config(config, TOWER_TEXT), "max_position_embeddings", 2, 4096, 77, context, err);
}

static kin_status read_config(struct tower *t, json config, kin_error *err)
{
    bool image = t->kind == TOWER_IMAGE;
    json own = tower_config(config, t->kind);
    json type = json_get(config, "model_type");
    struct block_shape *s = &t->shape;
    if (type.type != JSON_ABSENT && !json_equals(type, "clip"))
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json: model_type is not \"clip\"; Kin reads CLIP models.");
    TRY(whole(own, "hidden_size", 8, 8192, image ? 768 : 512, &s->channels, err));
    TRY(whole(own, "intermediate_size", 8, 32768, image ? 3072 : 2048, &s->hidden, err));
    TRY(whole(own, "num_hidden_layers", 1, 128, 12, &t->layers, err));
    TRY(whole(own, "num_attention_heads", 1, 256, image ? 12 : 8, &s->heads, err));
    TRY(whole(config, "projection_dim", 1, 4096, 512, &t->dim, err));
    TRY(read_activation(own, &s->act, err));
    double eps = 1e-5;
    json given = json_get(own, "layer_norm_eps");
    if (given.type > JSON_NULL && (!json_number(given, &eps) || !(eps > 0 && eps < 1)))
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json: layer_norm_eps is not between 0 and 1.");
    s->eps = (float)eps;
    if (s->channels % s->heads)
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json: hidden_size %d is no multiple of the %d heads.",
                        s->channels, s->heads);
    if (image) {
        int channels;
        TRY(whole(own, "num_channels", 3, 3, 3, &channels, err));
        TRY(whole(own, "image_size", 1, 2048, 224, &t->image_size, err));
        TRY(whole(own, "patch_size", 1, 128, 32, &t->patch, err));
        int side = t->image_size / t->patch;
        if (side < 1 || side > 64)
            return kin_fail(err, KIN_UNSUPPORTED, "config.json: %d patches a side; this engine takes 1 to 64.", side);
        s->tokens_max = s->rows_max = side * side + 1;
    } else {
        TRY(whole(own, "vocab_size", 2, 1 << 20, 49408, &t->vocab, err));
        TRY(tower_text_context(config, &t->context, err));
        json eos = json_get(own, "eos_token_id");
        uint64_t id = 49407;
        if (eos.type == JSON_ARRAY)
            eos = json_first(eos);
        if (eos.type > JSON_NULL && !json_u64(eos, &id))
            return kin_fail(err, KIN_NOT_A_MODEL, "config.json: eos_token_id is not a whole number.");
        t->eos_id = id > INT32_MAX ? -1 : (int)id;
        s->tokens_max = t->context;
        s->rows_max = t->context > TEXT_ROWS ? t->context : TEXT_ROWS;
        s->causal = true;
    }
    return KIN_OK;
}

/* ---- the list of tensors ------------------------------------------------------------------- */

static char *append(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n + 1);
    return at + n;
}

static struct slot *add_slot(struct tower *t, enum slot_role role, void *target, uint32_t rank, uint64_t rows,
                             uint64_t columns, const char *prefix, const char *name)
{
    struct slot *s = &t->slots[t->n_slots++];
    *s = (struct slot){.role = role, .target = target, .rank = rank, .shape = {rows, columns, 1, 1}};
    append(append(s->name, prefix), name);
    return s;
}

static void add_norm(struct tower *t, struct norm *n, const char *prefix, const char *name)
{
    char full[88];
    uint64_t c = (uint64_t)t->shape.channels;
    append(append(full, prefix), name);
    add_slot(t, SLOT_F32, n->gain, 1, c, 1, full, ".weight");
    add_slot(t, SLOT_F32, n->shift, 1, c, 1, full, ".bias");
}

static void add_linear(struct tower *t, struct linear *l, const char *prefix, const char *name)
{
    char full[88];
    uint64_t out = (uint64_t)l->n_out, in = (uint64_t)l->n_in;
    append(append(full, prefix), name);
    add_slot(t, SLOT_LINEAR, l, 2, out, in, full, ".weight");
    if (t->shape.q8)
        add_slot(t, SLOT_SCALE, l->scale, 1, out, 1, full, ".weight_scale");
    add_slot(t, SLOT_F32, l->bias, 1, out, 1, full, ".bias");
}

static bool alloc_norm(struct norm *n, int channels)
{
    n->gain = calloc((size_t)channels, sizeof *n->gain);
    n->shift = calloc((size_t)channels, sizeof *n->shift);
    return n->gain && n->shift;
}

static bool alloc_block(struct block *b, const struct block_shape *s)
{
    int c = s->channels;
    return alloc_norm(&b->norm1, c) && alloc_norm(&b->norm2, c) && linear_alloc(&b->q, c, c, s->q8) &&
           linear_alloc(&b->k, c, c, s->q8) && linear_alloc(&b->v, c, c, s->q8) && linear_alloc(&b->out, c, c, s->q8) &&
           linear_alloc(&b->fc1, s->hidden, c, s->q8) && linear_alloc(&b->fc2, c, s->hidden, s->q8);
}

static bool alloc_weights(struct tower *t)
{
    const struct block_shape *s = &t->shape;
    size_t c = (size_t)s->channels, rows = (size_t)t->vocab;
    int inputs = 3 * t->patch * t->patch;
    t->blocks = calloc((size_t)t->layers, sizeof *t->blocks);
    t->slots = calloc((size_t)t->layers * 22 + 16, sizeof *t->slots);
    t->position = calloc((size_t)s->tokens_max * c, sizeof *t->position);
    t->projection = calloc((size_t)t->dim * c, sizeof *t->projection);
    if (!t->blocks || !t->slots || !t->position || !t->projection || !alloc_norm(&t->post, s->channels))
        return false;
    for (int i = 0; i < t->layers; i++)
        if (!alloc_block(&t->blocks[i], s))
            return false;
    if (t->kind == TOWER_IMAGE) {
        t->class_token = calloc(c, sizeof *t->class_token);
        if (!t->class_token || !alloc_norm(&t->pre, s->channels) ||
            !linear_alloc(&t->patch_hi, s->channels, inputs, s->q8))
            return false;
        t->patch_hi.ruled = false; /* halves of 14-bit weights, which know no group rule */
        if (!s->q8)
            return true;
        t->patch_f16 = calloc(c * (size_t)inputs, sizeof *t->patch_f16);
        bool fine = t->patch_f16 && linear_alloc(&t->patch_lo, s->channels, inputs, true);
        t->patch_lo.ruled = false;
        return fine;
    }
    if (!s->q8)
        return (t->token_f32 = calloc(rows * c, sizeof *t->token_f32)) != NULL;
    t->token_q8 = calloc(rows, c);
    t->token_scale = calloc(rows, sizeof *t->token_scale);
    return t->token_q8 && t->token_scale;
}

static void list_slots(struct tower *t)
{
    uint64_t c = (uint64_t)t->shape.channels, tokens = (uint64_t)t->shape.tokens_max, p = (uint64_t)t->patch;
    bool image = t->kind == TOWER_IMAGE;
    const char *root = image ? "vision_model." : "text_model.";
    if (image) {
        add_slot(t, SLOT_F32, t->class_token, 1, c, 1, root, "embeddings.class_embedding");
        struct slot *s = add_slot(t, SLOT_PATCH, t, 4, c, 3, root, "embeddings.patch_embedding.weight");
        s->shape[2] = s->shape[3] = p;
        add_norm(t, &t->pre, root, "pre_layrnorm");
    } else {
        add_slot(t, SLOT_TOKEN, t, 2, (uint64_t)t->vocab, c, root, "embeddings.token_embedding.weight");
        if (t->shape.q8)
            add_slot(t, SLOT_TOKEN_SCALE, t->token_scale, 1, (uint64_t)t->vocab, 1, root,
                     "embeddings.token_embedding.weight_scale");
    }
    add_slot(t, SLOT_F32, t->position, 2, tokens, c, root, "embeddings.position_embedding.weight");
    for (int i = 0; i < t->layers; i++) {
        char prefix[64], number[4] = {0};
        number[0] = (char)('0' + i / 100), number[1] = (char)('0' + i / 10 % 10), number[2] = (char)('0' + i % 10);
        const char *digits = number + (i < 10 ? 2 : i < 100 ? 1 : 0);
        append(append(append(append(prefix, root), "encoder.layers."), digits), ".");
        struct block *b = &t->blocks[i];
        add_norm(t, &b->norm1, prefix, "layer_norm1");
        add_norm(t, &b->norm2, prefix, "layer_norm2");
        add_linear(t, &b->q, prefix, "self_attn.q_proj");
        add_linear(t, &b->k, prefix, "self_attn.k_proj");
        add_linear(t, &b->v, prefix, "self_attn.v_proj");
        add_linear(t, &b->out, prefix, "self_attn.out_proj");
        add_linear(t, &b->fc1, prefix, "mlp.fc1");
        add_linear(t, &b->fc2, prefix, "mlp.fc2");
    }
    add_norm(t, &t->post, root, image ? "post_layernorm" : "final_layer_norm");
    add_slot(t, SLOT_PROJECTION, t->projection, 2, (uint64_t)t->dim, c, "",
             image ? "visual_projection.weight" : "text_projection.weight");
    add_slot(t, SLOT_F32, &t->logit_scale, 0, 1, 1, "", "logit_scale");
}

kin_status tower_open(struct tower *t, int kind, bool q8, json config, kin_error *err)
{
    *t = (struct tower){.kind = kind, .shape = {.q8 = q8}};
    TRY(read_config(t, config, err));
    if (!alloc_weights(t)) {
        tower_close(t);
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the %s tower's weights.",
                        kind == TOWER_IMAGE ? "image" : "text");
    }
    list_slots(t);
    return KIN_OK;
}

static void free_norm(struct norm *n) { free(n->gain), free(n->shift); }

void tower_close(struct tower *t)
{
    for (int i = 0; t->blocks && i < t->layers; i++) {
        struct block *b = &t->blocks[i];
        struct linear *all[] = {&b->q, &b->k, &b->v, &b->out, &b->fc1, &b->fc2};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            linear_free(all[j]);
        free_norm(&b->norm1), free_norm(&b->norm2);
    }
    linear_free(&t->patch_hi), linear_free(&t->patch_lo);
    free_norm(&t->pre), free_norm(&t->post);
    free(t->blocks), free(t->slots), free(t->position), free(t->projection), free(t->class_token);
    free(t->patch_f16), free(t->token_q8), free(t->token_scale), free(t->token_f32);
    acts_free(&t->patches);
    free(t->patches_f32), free(t->x), free(t->spans), free(t->embeddings), free(t->ids), free(t->starts);
    block_scratch_free(&t->scratch);
    *t = (struct tower){0};
}

struct slot *tower_slot(struct tower *t, const char *name, size_t n)
{
    for (int i = 0; i < t->n_slots; i++)
        if (strlen(t->slots[i].name) == n && !memcmp(t->slots[i].name, name, n))
            return &t->slots[i];
    return NULL;
}

/* ---- numbers in and out -------------------------------------------------------------------- */

uint64_t slot_rows(const struct slot *s) { return s->rank < 2 ? 1 : s->shape[0]; }

uint64_t slot_row_values(const struct slot *s)
{
    if (s->rank < 2)
        return s->rank ? s->shape[0] : 1;
    return s->shape[1] * s->shape[2] * s->shape[3];
}

const char *slot_dtype(const struct tower *t, const struct slot *s)
{
    if (t->shape.q8 && (s->role == SLOT_LINEAR || s->role == SLOT_TOKEN))
        return "I8";
    return t->shape.q8 && (s->role == SLOT_PROJECTION || s->role == SLOT_PATCH) ? "F16" : "F32";
}

static struct slot *scale_slot(struct slot *weight) { return weight + 1; }

kin_status tower_set_f32(struct tower *t, struct slot *s, const struct kernels *k, uint64_t first, uint64_t n,
                         const float *rows, kin_error *err)
{
    size_t width = (size_t)slot_row_values(s);
    bool q8 = t->shape.q8;
    for (size_t i = 0; i < n * width; i++)
        if (!(rows[i] - rows[i] == 0))
            return kin_fail(err, KIN_NOT_A_MODEL, "%s holds a value that is not finite; the file is damaged.", s->name);
    if ((s->role == SLOT_SCALE || s->role == SLOT_TOKEN_SCALE))
        for (size_t i = 0; i < n * width; i++)
            if (!(rows[i] > 0))
                return kin_fail(err, KIN_NOT_A_MODEL, "%s holds a scale that is not positive.", s->name);
    if (s->role == SLOT_LINEAR) {
        struct linear *l = s->target;
        int8_t *q = malloc(PANEL * width);
        if (!q)
            return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read %s.", s->name);
        for (uint64_t r = 0; r < n; r += PANEL) {
            int some = (int)(n - r < PANEL ? n - r : PANEL);
            if (!q8) {
                linear_set_f32(l, (int)(first + r), some, rows + r * width);
                continue;
            }
            for (int c = 0; c < some; c++)
                quant_weight_row(rows + (r + (uint64_t)c) * width, (int)width, q + (size_t)c * width,
                                 &l->scale[first + r + (uint64_t)c]);
            linear_set_q8(l, k, (int)(first + r), some, q);
        }
        free(q);
        if (q8)
            scale_slot(s)->rows_done = 1;
    } else if (s->role == SLOT_TOKEN && q8) {
        for (uint64_t r = 0; r < n; r++)
            quant_embedding_row(rows + r * width, (int)width, t->token_q8 + (first + r) * width,
                                &t->token_scale[first + r]);
        scale_slot(s)->rows_done = 1;
    } else if (s->role == SLOT_TOKEN) {
        memcpy(t->token_f32 + first * width, rows, n * width * sizeof *rows);
    } else if (s->role == SLOT_PATCH && q8) {
        for (size_t i = 0; i < n * width; i++)
            t->patch_f16[first * width + i] = float_to_f16(rows[i]);
    } else if (s->role == SLOT_PATCH) {
        size_t area = (size_t)t->patch * (size_t)t->patch;
        struct linear *l = &t->patch_hi;
        for (uint64_t r = 0; r < n; r++) { /* [c][y][x] -> [y][x][c], the order of pixels */
            float *panel = l->panels_f32 + (first + r) / PANEL * PANEL * (size_t)l->kp;
            for (size_t i = 0; i < width; i++)
                panel[(i % area * 3 + i / area) * PANEL + (first + r) % PANEL] = rows[r * width + i];
        }
    } else if (s->role == SLOT_PROJECTION && q8) {
        for (size_t i = 0; i < n * width; i++)
            ((float *)s->target)[first * width + i] = f16_to_float(float_to_f16(rows[i]));
    } else {
        memcpy((float *)s->target + first * width, rows, n * width * sizeof *rows);
    }
    s->rows_done += n;
    return KIN_OK;
}

kin_status tower_set_q8(struct tower *t, struct slot *s, const struct kernels *k, uint64_t first, uint64_t n,
                        const int8_t *rows, kin_error *err)
{
    size_t width = (size_t)slot_row_values(s);
    for (uint64_t r = 0; r < n; r++) {
        const int8_t *row = rows + r * width;
        bool fine = true;
        if (s->role == SLOT_LINEAR)
            fine = quant_weight_row_valid(row, (int)width);
        else
            for (size_t i = 0; i < width; i++)
                fine &= row[i] != -128;
        if (!fine)
            return kin_fail(err, KIN_NOT_A_MODEL, "%s row %llu breaks the rule s7q128; convert the model again.",
                            s->name, (unsigned long long)(first + r));
    }
    if (s->role == SLOT_TOKEN)
        memcpy(t->token_q8 + first * width, rows, n * width);
    else
        for (uint64_t r = 0; r < n; r += PANEL)
            linear_set_q8(s->target, k, (int)(first + r), (int)(n - r < PANEL ? n - r : PANEL), rows + r * width);
    s->rows_done += n;
    return KIN_OK;
}

void slot_get(const struct tower *t, const struct slot *s, const struct kernels *k, uint64_t i, uint64_t n, void *out)
{
    size_t width = (size_t)slot_row_values(s), at = i * width, count = n * width;
    bool q8 = t->shape.q8;
    if (s->role == SLOT_LINEAR && q8) {
        linear_get_q8(s->target, k, (int)i, (int)n, out);
    } else if (s->role == SLOT_LINEAR) {
        linear_get_f32(s->target, (int)i, (int)n, out);
    } else if (s->role == SLOT_TOKEN) {
        memcpy(out, q8 ? (const void *)(t->token_q8 + at) : (const void *)(t->token_f32 + at),
               count * (q8 ? 1 : sizeof(float)));
    } else if (s->role == SLOT_PATCH && q8) {
        memcpy(out, t->patch_f16 + at, count * sizeof *t->patch_f16);
    } else if (s->role == SLOT_PATCH) {
        size_t area = (size_t)t->patch * (size_t)t->patch;
        const float *panel = t->patch_hi.panels_f32 + i * (size_t)t->patch_hi.kp;
        for (size_t c = 0; c < n; c++)
            for (size_t j = 0; j < width; j++)
                ((float *)out)[c * width + j] = panel[(j % area * 3 + j / area) * PANEL + c];
    } else if (s->role == SLOT_PROJECTION && q8) {
        for (size_t j = 0; j < count; j++)
            ((uint16_t *)out)[j] = float_to_f16(((const float *)s->target)[at + j]);
    } else {
        memcpy(out, (const float *)s->target + at, count * sizeof(float));
    }
}

/* Mean and deviation go into the weights, so that the u8 pixels themselves are the activations:
 *   sum w (p r - mean) / std + 0 = sum (w r / std) p - sum w mean / std
 * The folded weights become 14 bits, w = s (128 hi + lo) with hi and lo in [-64, 63].
 * A function of its own: what runs once, browsers leave as their quick compiler made it. */
static __attribute__((noinline)) void fold_row(struct tower *t, int n, float *row, int8_t *hi, int8_t *lo)
{
    int inputs = t->patch_hi.n_in, area = t->patch * t->patch;
    const uint16_t *w = t->patch_f16 + (size_t)n * (size_t)inputs;
    double bias = 0;
    float top = 0;
    for (int rgb = 0; rgb < 3; rgb++) /* w is [channel][y][x], pixels are [y][x][channel] */
        for (int i = 0; i < area; i++) {
            float value = f16_to_float(w[rgb * area + i]);
            bias -= (double)value * (double)t->mean[rgb] / (double)t->std[rgb];
            value = value * t->rescale / t->std[rgb];
            row[i * 3 + rgb] = value;
            float size = value < 0 ? -value : value;
            top = size > top ? size : top;
        }
    float scale = top < 0x1p-100f ? 1.0f : top / 8127.0f;
    for (int i = 0; i < inputs; i++) {
        int q = (int)round_f32(row[i] / scale);
        int high = (q + 64) >> 7;
        hi[i] = (int8_t)high;
        lo[i] = (int8_t)(q - 128 * high);
    }
    t->patch_hi.scale[n] = scale * 128.0f;
    t->patch_lo.scale[n] = scale;
    t->patch_hi.bias[n] = (float)bias;
}

static void fold_patches(struct tower *t, const struct kernels *k, float *row, int8_t *hi, int8_t *lo)
{
    int inputs = t->patch_hi.n_in;
    for (int n = 0; n < t->shape.channels; n += PANEL) {
        int some = t->shape.channels - n < PANEL ? t->shape.channels - n : PANEL;
        for (int c = 0; c < some; c++)
            fold_row(t, n + c, row, hi + (size_t)c * (size_t)inputs, lo + (size_t)c * (size_t)inputs);
        linear_set_q8(&t->patch_hi, k, n, some, hi);
        linear_set_q8(&t->patch_lo, k, n, some, lo);
    }
}

kin_status tower_finish(struct tower *t, const struct kernels *k, kin_error *err)
{
    for (int i = 0; i < t->n_slots; i++)
        if (t->slots[i].rows_done != slot_rows(&t->slots[i]))
            return kin_fail(err, KIN_NOT_A_MODEL, "The model's files lack %s; fetch or convert the model again.",
                            t->slots[i].name);
    size_t rows = (size_t)t->shape.rows_max;
    t->x = malloc(rows * (size_t)t->shape.channels * sizeof *t->x);
    t->spans = malloc((rows + 1) * sizeof *t->spans);
    t->embeddings = malloc((t->kind == TOWER_TEXT ? rows : 1) * (size_t)t->dim * sizeof *t->embeddings);
    bool fine = t->x && t->spans && t->embeddings;
    if (t->kind == TOWER_TEXT) { /* a text has at least one row of its own */
        t->ids = malloc((TEXT_TOKENS + (size_t)t->context) * sizeof *t->ids);
        t->starts = calloc(rows + 1, sizeof *t->starts);
        fine = fine && t->ids && t->starts;
    } else if (t->shape.q8) {
        fine = fine && acts_alloc(&t->patches, t->shape.rows_max, t->patch_hi.n_in);
    } else {
        t->patches_f32 = malloc(rows * (size_t)t->patch_hi.n_in * sizeof *t->patches_f32);
        fine = fine && t->patches_f32;
    }
    if (fine && t->kind == TOWER_IMAGE && t->shape.q8) {
        size_t inputs = 3 * (size_t)t->patch * (size_t)t->patch;
        float *row = malloc(inputs * sizeof *row);
        int8_t *hi = malloc(inputs * PANEL), *lo = malloc(inputs * PANEL);
        fine = row && hi && lo;
        if (fine)
            fold_patches(t, k, row, hi, lo);
        free(row), free(hi), free(lo);
    }
    return fine ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to finish loading the model.");
}

/* ---- a run --------------------------------------------------------------------------------- */

static kin_status begin(struct tower *t, kin_pool *pool, kin_error *err)
{
    if (t->scratch.threads != pool_threads(pool) && !block_scratch_alloc(&t->scratch, &t->shape, pool_threads(pool)))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to run the model.");
    t->step = 0;
    return KIN_OK;
}

kin_status tower_begin_image(struct tower *t, kin_pool *pool, kin_error *err)
{
    t->spans[0] = (struct span){.tokens = t->shape.tokens_max};
    t->n_spans = t->n_out = 1;
    return begin(t, pool, err);
}

/* The token whose row is the text's. transformers: eos_token_id 2 (a default of old configs, wrong)
 * means the largest id; either way the first such token. */
static int pooled_token(const struct tower *t, const int32_t *ids, int n)
{
    int pooled = 0;
    for (int i = n - 1; i >= 0; i--)
        if (t->eos_id == 2 ? ids[i] >= ids[pooled] : ids[i] == t->eos_id)
            pooled = i;
    return pooled;
}

kin_status tower_add_text(struct tower *t, const int32_t *ids, int n, kin_error *err)
{
    if (n < 1 || n > t->context)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A text has %d tokens; this model takes 1 to %d.", n, t->context);
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= t->vocab)
            return kin_fail(err, KIN_NOT_A_MODEL,
                            "The vocabulary has token %d but the model only %d; they do not belong together.", ids[i],
                            t->vocab);
    int length = pooled_token(t, ids, n) + 1, start = t->starts[t->n_texts], shared = 0;
    if (t->n_texts) { /* a text keeps at least its pooled token to itself */
        int most = t->shared < length - 1 ? t->shared : length - 1;
        while (shared < most && ids[shared] == t->ids[shared])
            shared++;
        if (start + length - t->n_texts * shared > t->shape.rows_max || start > TEXT_TOKENS)
            return KIN_MORE;
    } else {
        shared = length - 1;
    }
    memcpy(t->ids + start, ids, (size_t)length * sizeof *ids);
    t->shared = shared;
    t->starts[++t->n_texts] = start + length;
    return KIN_OK;
}

kin_status tower_begin_texts(struct tower *t, kin_pool *pool, kin_error *err)
{
    int n = t->n_texts, shared = n > 1 ? t->shared : 0, row = shared;
    t->n_spans = 0;
    t->n_out = n;
    t->n_texts = 0;
    if (n < 1)
        return kin_fail(err, KIN_BAD_ARGUMENT, "There is no text to embed.");
    if (shared)
        t->spans[t->n_spans++] = (struct span){.tokens = shared, .pooled = -1};
    for (int i = 0; i < n; i++) {
        int own = t->starts[i + 1] - t->starts[i] - shared;
        t->spans[t->n_spans++] = (struct span){row, own, shared, own - 1};
        row += own;
    }
    return begin(t, pool, err);
}

/* Gathers patch p as one row of activations, P segments of 3P bytes: pixels are u8 already, so the
 * q8 product has scale 1, zero point 0 and no quantisation error of its own. */
static void gather_patches(struct tower *t, const struct kernels *k, const uint8_t *pixels)
{
    int side = t->image_size / t->patch, segment = 3 * t->patch;
    struct acts *a = &t->patches;
    acts_begin(a, k, t->patches_f32, side * side, t->patch_hi.n_in);
    for (int p = 0; p < a->m; p++) {
        if (t->shape.q8)
            acts_set_bytes(a, k, p, NULL, 0, 0);
        for (int y = 0; y < t->patch; y++) {
            const uint8_t *from =
                pixels + ((size_t)(p / side * t->patch + y) * t->image_size + (size_t)(p % side) * t->patch) * 3;
            if (t->shape.q8) {
                acts_set_bytes(a, k, p, from, y * segment, segment);
                continue;
            }
            float *to = t->patches_f32 + (size_t)p * a->k + (size_t)y * segment;
            for (int i = 0; i < segment; i++)
                to[i] = ((float)from[i] * t->rescale - t->mean[i % 3]) / t->std[i % 3];
        }
    }
}

static void embed_image(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels)
{
    int c = t->shape.channels, tokens = t->shape.tokens_max;
    gather_patches(t, k, pixels);
    memcpy(t->x, t->position, (size_t)tokens * c * sizeof *t->x);
    for (int i = 0; i < c; i++)
        t->x[i] = t->x[i] + t->class_token[i];
    linear_apply(&(struct product){&t->patch_hi, t->x + c}, 1, pool, k, &t->patches, c, LINEAR_ADD, t->shape.act);
    if (t->shape.q8)
        linear_apply(&(struct product){&t->patch_lo, t->x + c}, 1, pool, k, &t->patches, c, LINEAR_ADD, t->shape.act);
    norm_rows(&t->pre, t->shape.eps, c, pool, t->x, tokens);
}

static void embed_tokens(struct tower *t, float *x, const int32_t *ids, int position, int n)
{
    int c = t->shape.channels;
    for (int i = 0; i < n; i++, x += c) {
        const float *place = t->position + (size_t)(position + i) * c;
        size_t row = (size_t)ids[i] * (size_t)c;
        for (int j = 0; j < c; j++)
            x[j] =
                (t->shape.q8 ? (float)t->token_q8[row + j] * t->token_scale[ids[i]] : t->token_f32[row + j]) + place[j];
    }
}

static void embed_texts(struct tower *t)
{
    int texts_from = t->n_spans - t->n_out;
    for (int i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        const int32_t *text = t->ids + t->starts[i < texts_from ? 0 : i - texts_from];
        embed_tokens(t, t->x + (size_t)s->first * t->shape.channels, text + s->shared, s->shared, s->tokens);
    }
}

/* norm of a pooled row, projection, unit length. */
static kin_status project(struct tower *t, float *x, float *out, kin_error *err)
{
    int c = t->shape.channels;
    norm_row(&t->post, t->shape.eps, c, x, x);
    for (int i = 0; i < t->dim; i++)
        out[i] = vec_dot(t->projection + (size_t)i * c, x, c);
    float length = sqrtf(vec_dot(out, out, t->dim));
    if (!(length > 0) || !(length - length == 0))
        return kin_fail(err, KIN_NOT_A_MODEL, "The model gave no finite embedding; its weights are damaged.");
    for (int i = 0; i < t->dim; i++)
        out[i] = out[i] / length;
    return KIN_OK;
}

kin_status tower_step(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, kin_error *err)
{
    int block = t->step++ - 1;
    if (block < 0) {
        if (t->kind == TOWER_IMAGE)
            embed_image(t, pool, k, pixels);
        else
            embed_texts(t);
        return KIN_MORE;
    }
    if (block < t->layers) {
        block_run(&t->blocks[block], &t->shape, &t->scratch, pool, k, t->x, t->spans, t->n_spans,
                  block == t->layers - 1);
        return KIN_MORE;
    }
    for (int i = 0; i < t->n_out; i++)
        TRY(project(t, t->x + (size_t)i * t->shape.channels, t->embeddings + (size_t)i * t->dim, err));
    return KIN_OK;
}
