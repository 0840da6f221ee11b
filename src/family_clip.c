/* family_clip: CLIP as OpenAI built it and Hugging Face's transformers names and computes it.
 *
 * image: patches [N, 3 P P] -> x [N+1, C] = class token, patches, + position -> pre-norm -> blocks
 *        -> post-norm of the class token -> projection
 * text:  x [T, C] = token + position -> causal blocks -> final norm of the end token -> projection
 *
 * open_clip's ViTs are the same network with another configuration and other names (open_clip.h). */
#include "open_clip.h"
#include "patches.h"
#include "quant.h"
#include "tower.h"
#include <stdlib.h>

struct clip_tower {
    struct tower base;
    struct block *blocks; /* [L] */
    struct norm post;
    float *position;   /* [tokens_max, C] */
    float *projection; /* [E, C] */
    /* image */
    struct patches patches;
    float *class_token; /* [C] */
    struct norm pre;
    /* text: the token embedding [V, C] */
    int8_t *tokens_q8; /* q8, with a scale a row */
    float *token_scales;
    float *tokens_f32; /* f32 */
};

static struct clip_tower *clip(struct tower *t) { return (struct clip_tower *)t; }

/* ---- configuration ------------------------------------------------------------------------- */

static kin_status whole(const struct tower *t, json object, const char *key, uint64_t least, uint64_t most,
                        uint64_t otherwise, int *out, kin_error *err)
{
    json value = json_get(object, key);
    uint64_t n = otherwise;
    if (value.type > JSON_NULL && !json_u64(value, &n))
        return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is not a whole number.", t->file, key);
    if (n < least || n > most)
        return kin_fail(err, KIN_UNSUPPORTED, "%s: %s is %llu; this engine takes %llu to %llu.", t->file, key,
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

/* open_clip's: its text towers go with other families' pictures too. */
static bool knows(json config, int kind)
{
    json type = json_get(config, "model_type"), model = json_get(config, "model_cfg");
    if (model.type == JSON_OBJECT)
        return json_get(json_get(model, kind == TOWER_IMAGE ? "vision_cfg" : "text_cfg"),
                        kind == TOWER_IMAGE ? "timm_model_name" : "hf_model_name")
                   .type <= JSON_NULL;
    return type.type == JSON_ABSENT || json_equals(type, "clip");
}

/* What open_clip can build and CLIP is not: switches that must be off, and words that must be the usual ones. */
static kin_status refuse_others(json its, const char *pool, kin_error *err)
{
    static const char *const off[] = {"ls_init_value", "attentional_pool",   "no_ln_pre",      "final_ln_after_pool",
                                      "qk_norm",       "scaled_cosine_attn", "scale_heads",    "scale_attn_inner",
                                      "scale_attn",    "scale_fc",           "embed_cls",      "no_causal_mask",
                                      "proj_bias",     "init_logit_bias",    "multimodal_cfg", "tokenizer_kwargs",
                                      "tokenizer_mode"};
    const char *const usual[][2] = {{"pos_embed_type", "learnable"}, {"pool_type", pool}, {"proj_type", "linear"}};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        json value = json_get(its, off[i]);
        bool empty = value.type == JSON_OBJECT && json_length(value) == 0;
        if (value.type > JSON_NULL && value.type != JSON_FALSE && !empty)
            return kin_fail(err, KIN_UNSUPPORTED, "open_clip_config.json: %s is not supported.", off[i]);
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        json value = json_get(its, usual[i][0]);
        if (value.type > JSON_NULL && !json_equals(value, usual[i][1]))
            return kin_fail(err, KIN_UNSUPPORTED, "open_clip_config.json: %s must be %s.", usual[i][0], usual[i][1]);
    }
    return KIN_OK;
}

static kin_status read_eps(const struct tower *t, json its, const char *key, float *out, kin_error *err)
{
    double eps = 1e-5;
    json given = json_get(its, key);
    if (given.type > JSON_NULL && (!json_number(given, &eps) || !(eps > 0 && eps < 1)))
        return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is not between 0 and 1.", t->file, key);
    *out = (float)eps;
    return KIN_OK;
}

static kin_status read_sides(struct tower *t, json its, uint64_t patch, kin_error *err)
{
    TRY(whole(t, its, "image_size", 1, 2048, 224, &t->image_size, err));
    TRY(whole(t, its, "patch_size", 1, 128, patch, &t->patch, err));
    int side = t->image_size / t->patch;
    if (side < 1 || side > 64)
        return kin_fail(err, KIN_UNSUPPORTED, "%s: %d patches a side; this engine takes 1 to 64.", t->file, side);
    t->shape.tokens_max = side * side + 1;
    return KIN_OK;
}

/* A part of the configuration, which may be missing. */
static kin_status check_part(const struct tower *t, json part, kin_error *err)
{
    if (part.type <= JSON_NULL || part.type == JSON_OBJECT)
        return KIN_OK;
    return kin_fail(err, KIN_NOT_A_MODEL, "%s: what it says of the %s tower is not an object.", t->file,
                    t->kind == TOWER_IMAGE ? "image" : "text");
}

static kin_status read_open_clip(struct tower *t, json model, kin_error *err)
{
    bool image = t->kind == TOWER_IMAGE;
    json its = json_get(model, image ? "vision_cfg" : "text_cfg"), ratio = json_get(its, "mlp_ratio");
    struct block_shape *s = &t->shape;
    double times = 4;
    TRY(check_part(t, its, err));
    const char *pool = image ? "tok" : "argmax";
    TRY(refuse_others(model, pool, err));
    TRY(refuse_others(its, pool, err));
    TRY(whole(t, its, "width", 8, 8192, image ? 768 : 512, &s->channels, err));
    if (image && json_get(its, "layers").type == JSON_ARRAY)
        return kin_fail(
            err, KIN_UNSUPPORTED,
            "open_clip_config.json: layers is a list, so this is one of CLIP's ResNets; Kin reads its ViTs.");
    TRY(whole(t, its, "layers", 1, 128, 12, &t->layers, err));
    TRY(whole(t, its, image ? "head_width" : "heads", 1, image ? 8192 : 256, image ? 64 : 8, &s->heads, err));
    TRY(whole(t, model, "embed_dim", 1, 4096, 0, &t->dim, err));
    if (image)
        s->heads = s->channels / s->heads;
    if (s->heads < 1 || s->heads > 256 || s->channels % s->heads)
        return kin_fail(err, KIN_NOT_A_MODEL, "open_clip_config.json: width %d is no multiple of %d heads.",
                        s->channels, s->heads);
    if (ratio.type > JSON_NULL && !json_number(ratio, &times))
        times = 0;
    times = times * s->channels;
    if (!(times >= 8 && times <= 32768))
        return kin_fail(err, KIN_UNSUPPORTED, "open_clip_config.json: mlp_ratio does not give 8 to 32768 numbers.");
    s->hidden = (int)times;
    json kwargs = json_get(its, "act_kwargs");
    s->act = json_get(model, "quick_gelu").type == JSON_TRUE        ? ACT_QUICK_GELU
             : json_equals(json_get(kwargs, "approximate"), "tanh") ? ACT_GELU_TANH
                                                                    : ACT_GELU;
    TRY(read_eps(t, json_get(its, "norm_kwargs"), "eps", &s->eps, err));
    if (image)
        return read_sides(t, its, 16, err);
    TRY(whole(t, its, "vocab_size", 2, 1 << 20, 49408, &t->vocab, err));
    TRY(whole(t, its, "context_length", 2, 4096, 77, &t->context, err));
    t->eos_id = 2; /* argmax: of the largest id */
    t->pad_id = json_get(its, "hf_tokenizer_name").type > JSON_NULL ? -1 : 0;
    s->tokens_max = t->context;
    return KIN_OK;
}

static kin_status read(struct tower *t, json config, kin_error *err)
{
    bool image = t->kind == TOWER_IMAGE;
    json its = tower_config(config, t->kind), model = json_get(config, "model_cfg");
    struct block_shape *s = &t->shape;
    if (model.type == JSON_OBJECT)
        return read_open_clip(t, model, err);
    TRY(check_part(t, its, err));
    TRY(whole(t, its, "hidden_size", 8, 8192, image ? 768 : 512, &s->channels, err));
    TRY(whole(t, its, "intermediate_size", 8, 32768, image ? 3072 : 2048, &s->hidden, err));
    TRY(whole(t, its, "num_hidden_layers", 1, 128, 12, &t->layers, err));
    TRY(whole(t, its, "num_attention_heads", 1, 256, image ? 12 : 8, &s->heads, err));
    TRY(whole(t, config, "projection_dim", 1, 4096, 512, &t->dim, err));
    TRY(read_activation(its, &s->act, err));
    TRY(read_eps(t, its, "layer_norm_eps", &s->eps, err));
    if (s->channels % s->heads)
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json: hidden_size %d is no multiple of the %d heads.",
                        s->channels, s->heads);
    if (image) {
        int channels;
        TRY(whole(t, its, "num_channels", 3, 3, 3, &channels, err));
        return read_sides(t, its, 32, err);
    } else {
        TRY(whole(t, its, "vocab_size", 2, 1 << 20, 49408, &t->vocab, err));
        TRY(whole(t, its, "max_position_embeddings", 2, 4096, 77, &t->context, err));
        json eos = json_get(its, "eos_token_id");
        uint64_t id = 49407;
        if (eos.type == JSON_ARRAY)
            eos = json_first(eos);
        if (eos.type > JSON_NULL && !json_u64(eos, &id))
            return kin_fail(err, KIN_NOT_A_MODEL, "config.json: eos_token_id is not a whole number.");
        t->eos_id = id > INT32_MAX ? -1 : (int)id;
        t->pad_id = -1;
        s->tokens_max = t->context;
    }
    return KIN_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* By calloc, which sees that a product wraps: 2^20 rows of 4096 floats are more than 32 bits tell. */
static bool alloc_tokens(struct clip_tower *clip, size_t vocab, size_t c)
{
    if (!clip->base.shape.q8)
        return (clip->tokens_f32 = calloc(vocab, c * sizeof *clip->tokens_f32)) != NULL;
    clip->tokens_q8 = calloc(vocab, c);
    clip->token_scales = calloc(vocab, sizeof *clip->token_scales);
    return clip->tokens_q8 && clip->token_scales;
}

static bool alloc(struct clip_tower *clip)
{
    const struct tower *t = &clip->base;
    const struct block_shape *s = &t->shape;
    size_t c = (size_t)s->channels;
    if (t->kind == TOWER_TEXT && !alloc_tokens(clip, (size_t)t->vocab, c)) /* first: it may be far too large */
        return false;
    clip->blocks = calloc((size_t)t->layers, sizeof *clip->blocks);
    clip->position = calloc((size_t)s->tokens_max * c, sizeof *clip->position);
    clip->projection = calloc((size_t)t->dim * c, sizeof *clip->projection);
    if (!clip->blocks || !clip->position || !clip->projection || !norm_alloc(&clip->post, s->channels))
        return false;
    for (int i = 0; i < t->layers; i++)
        if (!block_alloc(&clip->blocks[i], s))
            return false;
    if (t->kind == TOWER_TEXT)
        return true;
    clip->class_token = calloc(c, sizeof *clip->class_token);
    return clip->class_token && norm_alloc(&clip->pre, s->channels) &&
           patches_alloc(&clip->patches, t->image_size, t->patch, s->channels, s->q8);
}

static void list_norm(struct tower *t, const struct norm *n, const char *prefix, const char *weight, const char *bias)
{
    uint64_t c = (uint64_t)t->shape.channels;
    slots_add_floats(&t->slots, n->gain, 1, c, 1, prefix, weight);
    slots_add_floats(&t->slots, n->shift, 1, c, 1, prefix, bias);
}

static void list_block(struct tower *t, struct block *b, const char *prefix)
{
    bool q8 = t->shape.q8;
    list_norm(t, &b->norm1, prefix, "layer_norm1.weight", "layer_norm1.bias");
    list_norm(t, &b->norm2, prefix, "layer_norm2.weight", "layer_norm2.bias");
    slots_add_linear(&t->slots, &b->q, q8, prefix, "self_attn.q_proj");
    slots_add_linear(&t->slots, &b->k, q8, prefix, "self_attn.k_proj");
    slots_add_linear(&t->slots, &b->v, q8, prefix, "self_attn.v_proj");
    slots_add_linear(&t->slots, &b->out, q8, prefix, "self_attn.out_proj");
    slots_add_linear(&t->slots, &b->fc1, q8, prefix, "mlp.fc1");
    slots_add_linear(&t->slots, &b->fc2, q8, prefix, "mlp.fc2");
}

static void list_tokens(struct clip_tower *clip)
{
    struct slots *all = &clip->base.slots;
    uint64_t c = (uint64_t)clip->base.shape.channels, vocab = (uint64_t)clip->base.vocab;
    if (!clip->base.shape.q8) {
        slots_add_floats(all, clip->tokens_f32, 2, vocab, c, "text_model.", "embeddings.token_embedding.weight");
        return;
    }
    struct slot *tokens =
        slots_add(all, &slot_table_q8, 2, vocab, c, "text_model.", "embeddings.token_embedding.weight");
    tokens->to.table = clip->tokens_q8;
    tokens->scales =
        slots_add(all, &slot_scales, 1, vocab, 1, "text_model.", "embeddings.token_embedding.weight_scale");
    tokens->scales->to.floats = clip->token_scales;
}

/* "<root>encoder.layers.<i>." */
static void layer_prefix(char out[64], const char *root, int i)
{
    char digits[4] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)};
    char *at = append_text(append_text(out, root), "encoder.layers.");
    append_text(append_text(at, digits + (i < 10 ? 2 : i < 100 ? 1 : 0)), ".");
}

static void list(struct clip_tower *clip)
{
    struct tower *t = &clip->base;
    struct slots *all = &t->slots;
    uint64_t c = (uint64_t)t->shape.channels;
    bool image = t->kind == TOWER_IMAGE;
    const char *root = image ? "vision_model." : "text_model.";
    if (image) {
        slots_add_floats(all, clip->class_token, 1, c, 1, root, "embeddings.class_embedding");
        patches_list(&clip->patches, all, root, "embeddings.patch_embedding.weight");
        list_norm(t, &clip->pre, root, "pre_layrnorm.weight", "pre_layrnorm.bias");
    } else {
        list_tokens(clip);
    }
    slots_add_floats(all, clip->position, 2, (uint64_t)t->shape.tokens_max, c, root,
                     "embeddings.position_embedding.weight");
    for (int i = 0; i < t->layers; i++) {
        char prefix[64];
        layer_prefix(prefix, root, i);
        list_block(t, &clip->blocks[i], prefix);
    }
    list_norm(t, &clip->post, root, image ? "post_layernorm.weight" : "final_layer_norm.weight",
              image ? "post_layernorm.bias" : "final_layer_norm.bias");
    struct slot *projection = slots_add_floats(all, clip->projection, 2, (uint64_t)t->dim, c, "",
                                               image ? "visual_projection.weight" : "text_projection.weight");
    if (t->shape.q8)
        projection->form = &slot_halves;
    slots_add_floats(all, &t->logit_scale, 0, 1, 1, "", "logit_scale");
}

/* A block has 22 tensors at most, the rest 16. */
static bool make(struct tower *t)
{
    if (!slots_alloc(&t->slots, t->layers * 22 + 16) || !alloc(clip(t)))
        return false;
    list(clip(t));
    return true;
}

static void close(struct tower *t)
{
    struct clip_tower *own = clip(t);
    for (int i = 0; own->blocks && i < t->layers; i++)
        block_free(&own->blocks[i]);
    patches_free(&own->patches);
    norm_free(&own->pre), norm_free(&own->post);
    free(own->blocks), free(own->position), free(own->projection), free(own->class_token);
    free(own->tokens_q8), free(own->token_scales), free(own->tokens_f32);
}

static bool starts_with(const char *name, size_t n, const char *head)
{
    size_t length = strlen(head);
    return n >= length && !memcmp(name, head, length);
}

/* The other tower's tensors, by either library's names, and the position numbers that older files hold. */
static bool skips(const struct tower *t, const char *name, size_t n)
{
    static const char numbers[] = ".position_ids";
    size_t length = sizeof numbers - 1;
    bool image = t->kind == TOWER_IMAGE;
    return (n >= length && !memcmp(name + n - length, numbers, length)) ||
           starts_with(name, n, image ? "text_model." : "vision_model.") ||
           starts_with(name, n, image ? "text_projection." : "visual_projection.") ||
           (image ? open_clip_of_texts : open_clip_of_images)(name, n);
}

static kin_status finish(struct tower *t, const struct kernels *k, kin_error *err)
{
    return t->kind == TOWER_IMAGE ? patches_finish(&clip(t)->patches, &t->pixels, k, err) : KIN_OK;
}

static bool ready(struct tower *t, int threads)
{
    return t->scratch.threads == threads || block_scratch_alloc(&t->scratch, &t->shape, threads);
}

static kin_status settle(struct tower *t, const struct kernels *k, kin_error *err)
{
    (void)t, (void)k, (void)err;
    return KIN_OK;
}

static kin_status place(struct tower *t, const char *name, size_t n, struct place *out, kin_error *err)
{
    struct open_clip_name to;
    (void)err;
    *out = (struct place){0};
    for (int shares = 1; out->n < shares && open_clip_name(name, n, out->n, &to); shares = to.shares) {
        struct slot *s = slots_find(&t->slots, to.name, strlen(to.name));
        if (!s) /* the other tower's */
            return KIN_OK;
        out->slots[out->n++] = s;
        out->transposed = to.transposed;
    }
    return KIN_OK;
}

static void put(struct json_out *o, const char *key, int value)
{
    json_out_raw(o, key);
    json_out_u64(o, (uint64_t)value);
}

static void canonical(const struct tower *t, struct json_out *o)
{
    static const char *const activations[] = {
        [ACT_QUICK_GELU] = "quick_gelu", [ACT_GELU] = "gelu", [ACT_GELU_TANH] = "gelu_tanh"};
    bool image = t->kind == TOWER_IMAGE;
    json_out_raw(o, "{\"activation\":\"");
    json_out_raw(o, activations[t->shape.act]);
    if (!image)
        put(o, "\",\"context\":", t->context);
    put(o, image ? "\",\"dim\":" : ",\"dim\":", t->dim);
    if (!image && t->eos_id == 2)
        json_out_raw(o, ",\"end\":\"largest\"");
    else if (!image) {
        json_out_raw(o, ",\"end\":");
        json_out_number(o, (double)t->eos_id);
    }
    json_out_raw(o, ",\"eps\":");
    json_out_number(o, (double)t->shape.eps);
    json_out_raw(o, ",\"family\":\"");
    json_out_raw(o, t->family->name);
    put(o, "\",\"heads\":", t->shape.heads);
    put(o, ",\"hidden\":", t->shape.hidden);
    if (image)
        put(o, ",\"image_size\":", t->image_size);
    put(o, ",\"layers\":", t->layers);
    put(o, image ? ",\"patch\":" : ",\"vocab\":", image ? t->patch : t->vocab);
    put(o, ",\"width\":", t->shape.channels);
    json_out_raw(o, "}");
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void embed_image(struct clip_tower *clip, kin_pool *pool, const struct kernels *k, const uint8_t *pixels)
{
    struct tower *t = &clip->base;
    int c = t->shape.channels, tokens = t->shape.tokens_max;
    memcpy(t->x, clip->position, (size_t)tokens * c * sizeof *t->x);
    for (int i = 0; i < c; i++)
        t->x[i] = t->x[i] + clip->class_token[i];
    patches_add(&clip->patches, pool, k, pixels, t->image_size, t->x + c);
    norm_rows(&clip->pre, t->shape.eps, c, pool, t->x, tokens);
}

static void embed_tokens(struct clip_tower *clip, float *x, const int32_t *ids, int position, int n)
{
    int c = clip->base.shape.channels;
    for (int i = 0; i < n; i++, x += c) {
        const float *place = clip->position + (size_t)(position + i) * c;
        size_t row = (size_t)ids[i] * (size_t)c;
        for (int j = 0; j < c; j++)
            x[j] = (clip->tokens_q8 ? (float)clip->tokens_q8[row + j] * clip->token_scales[ids[i]]
                                    : clip->tokens_f32[row + j]) +
                   place[j];
    }
}

static void embed(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels)
{
    if (t->kind == TOWER_IMAGE) {
        embed_image(clip(t), pool, k, pixels);
        return;
    }
    int texts_from = t->n_spans - t->n_out;
    for (int i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        const int32_t *text = t->ids + t->starts[i < texts_from ? 0 : i - texts_from];
        embed_tokens(clip(t), t->x + (size_t)s->first * t->shape.channels, text + s->shared, s->shared, s->tokens);
    }
}

static void layer(struct tower *t, int i, bool pooled, kin_pool *pool, const struct kernels *k)
{
    block_run(&clip(t)->blocks[i], &t->shape, &t->scratch, pool, k, t->x, t->spans, t->n_spans, pooled);
}

static void norm(struct tower *t, int rows, kin_pool *pool)
{
    norm_rows(&clip(t)->post, t->shape.eps, t->shape.channels, pool, t->x, rows);
}

static void pool(struct tower *t, float *row, float *out)
{
    int c = t->shape.channels;
    norm_row(&clip(t)->post, t->shape.eps, c, row, row);
    for (int i = 0; i < t->dim; i++)
        out[i] = vec_dot(clip(t)->projection + (size_t)i * c, row, c);
}

const struct family family_clip = {"clip", SCORES_SOFTMAX, sizeof(struct clip_tower),
                                   knows,  read,           make,
                                   place,  skips,          settle,
                                   finish, ready,          embed,
                                   layer,  norm,           pool,
                                   close,  canonical};
