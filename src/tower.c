/* tower: opening by family, texts run together, and the run of steps. */
#include "tower.h"
#include "open_clip.h"
#include <stdlib.h>

/* Rows of texts that are run at once: enough that reading the weights costs little of the time. */
enum { TEXT_ROWS = 192, TEXT_TOKENS = 8 * TEXT_ROWS }; /* tokens: shared ones counted in every text */

static const struct family *const families[] = {
#define X(name) &family_##name,
    FAMILIES(X)
#undef X
};

/* ---- opening and closing --------------------------------------------------------------------- */

static const struct family *family_of(json config, int kind)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i]->knows(config, kind))
            return families[i];
    return NULL;
}

/* What a model of no family says it is. */
static json kind_of(json config, const char **key)
{
    json model = json_get(config, "model_cfg"),
         network = json_get(json_get(model, "vision_cfg"), *key = "timm_model_name");
    if (model.type == JSON_ABSENT)
        return json_get(config, *key = "model_type");
    if (network.type == JSON_STRING && !family_of(config, TOWER_IMAGE))
        return network;
    return json_get(json_get(model, "text_cfg"), *key = "hf_model_name");
}

/* A model is known by both of its towers. */
static kin_status find_family(json config, int tower, const struct family **out, kin_error *err)
{
    char kind[64];
    const char *key;
    if (config.type != JSON_OBJECT)
        return kin_fail(err, KIN_NOT_A_MODEL, "config.json is not a JSON object.");
    if (json_get(config, "model_cfg").type != JSON_OBJECT && json_get(config, "preprocess_cfg").type != JSON_ABSENT)
        return kin_fail(err, KIN_NOT_A_MODEL, "open_clip_config.json has no model_cfg.");
    *out = family_of(config, tower);
    if (*out && family_of(config, !tower))
        return KIN_OK;
    size_t n = json_string(kind_of(config, &key), kind, sizeof kind);
    if (n > sizeof kind)
        return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is no text, or too long.", open_clip_file(config), key);
    return kin_fail(err, KIN_UNSUPPORTED, "%s: this is a model of the kind \"%.*s\"; Kin reads CLIP models.",
                    open_clip_file(config), (int)n, kind);
}

static kin_status read_sizes(struct tower *t, json config, kin_error *err)
{
    TRY(t->family->read(t, config, err));
    struct block_shape *s = &t->shape;
    s->rows_max = s->tokens_max;
    t->columns = s->channels;
    if (t->kind == TOWER_TEXT) {
        s->causal = true;
        if (s->rows_max < TEXT_ROWS)
            s->rows_max = TEXT_ROWS;
    }
    if (!t->room)
        t->room = (size_t)s->rows_max * (size_t)s->channels;
    return KIN_OK;
}

kin_status tower_read(struct tower *t, int kind, bool q8, json config, kin_error *err)
{
    *t = (struct tower){.kind = kind, .file = open_clip_file(config), .shape = {.q8 = q8}};
    TRY(find_family(config, kind, &t->family, err));
    return read_sizes(t, config, err);
}

kin_status tower_open(struct tower **out, int kind, bool q8, json config, kin_error *err)
{
    struct tower sizes, *t;
    TRY(tower_read(&sizes, kind, q8, config, err));
    t = calloc(1, sizes.family->size);
    if (t)
        *t = sizes;
    if (!t || !t->family->make(t)) {
        tower_close(t);
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the %s tower's weights.",
                        kind == TOWER_IMAGE ? "image" : "text");
    }
    *out = t;
    return KIN_OK;
}

void tower_close(struct tower *t)
{
    if (!t)
        return;
    t->family->close(t);
    slots_free(&t->slots), slots_free(&t->others);
    block_scratch_free(&t->scratch);
    free(t->x), free(t->spans), free(t->embeddings), free(t->ids), free(t->starts), free(t);
}

kin_status tower_finish(struct tower *t, const struct kernels *k, kin_error *err)
{
    const struct slot *missing = slots_missing(&t->others);
    if (!missing) {
        TRY(t->family->settle(t, k, err));
        missing = slots_missing(&t->slots);
    }
    if (missing)
        return kin_fail(err, KIN_NOT_A_MODEL, "The model's files lack %s; fetch or convert the model again.",
                        missing->name);
    if (!(t->logit_scale < 88)) /* what a float's exponential bears; CLIP's is 4.6 at most */
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "logit_scale is too large: it is the logarithm of a factor, such as 4.6.");
    size_t rows = (size_t)t->shape.rows_max;
    bool text = t->kind == TOWER_TEXT;
    t->x = malloc(t->room * sizeof *t->x);
    t->spans = malloc((rows + 1) * sizeof *t->spans);
    t->embeddings = malloc((text ? rows : 1) * (size_t)t->dim * sizeof *t->embeddings);
    if (text) { /* a text has at least one row of its own */
        t->ids = malloc((TEXT_TOKENS + (size_t)t->context) * sizeof *t->ids);
        t->starts = calloc(rows + 1, sizeof *t->starts);
    }
    if (!t->x || !t->spans || !t->embeddings || (text && (!t->ids || !t->starts)))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to finish loading the model.");
    return t->family->finish(t, k, err);
}

void tower_canonical(const struct tower *t, struct json_out *o) { t->family->canonical(t, o); }

/* ---- what is to be run ----------------------------------------------------------------------- */

static kin_status begin(struct tower *t, int until, kin_pool *pool, kin_error *err)
{
    if (!t->family->ready(t, pool_threads(pool)))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to run the model.");
    t->step = 0;
    t->until = until;
    return KIN_OK;
}

kin_status tower_layer(const struct tower *t, int layer, bool norm, int *until, kin_error *err)
{
    bool last = layer == TOWER_LAST;
    int at = last ? t->layers : layer < 0 ? layer + t->layers + 1 : layer;
    if (!t->family->norm && (!last || norm))
        return kin_fail(
            err, KIN_UNSUPPORTED,
            "Of a convolutional image tower there is the last map alone: ask for layer 'last', without norm.");
    if (at < 0 || at > t->layers)
        return kin_fail(err, KIN_BAD_ARGUMENT,
                        "This tower has no layer %d: they are 0 (the embeddings) to %d, or -%d to -1, or 'last'.",
                        layer, t->layers, t->layers + 1);
    *until = at + (norm || (last && t->kind == TOWER_TEXT) ? TOWER_NORMED : 0);
    return KIN_OK;
}

kin_status tower_begin_image(struct tower *t, int until, kin_pool *pool, kin_error *err)
{
    t->spans[0] = (struct span){.tokens = t->shape.tokens_max};
    t->n_spans = t->n_out = 1;
    return begin(t, until, pool, err);
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

static kin_status check_tokens(const struct tower *t, const int32_t *ids, int n, kin_error *err)
{
    if (n < 1 || n > t->context)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A text has %d tokens; this model takes 1 to %d.", n, t->context);
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= t->vocab)
            return kin_fail(err, KIN_NOT_A_MODEL,
                            "The vocabulary has token %d but the model only %d; they do not belong together.", ids[i],
                            t->vocab);
    return KIN_OK;
}

kin_status tower_add_text(struct tower *t, const int32_t *ids, int n, kin_error *err)
{
    TRY(check_tokens(t, ids, n, err));
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
    return begin(t, TOWER_EMBEDDING, pool, err);
}

kin_status tower_begin_rows(struct tower *t, const int32_t *ids, int n, int32_t pad, int until, kin_pool *pool,
                            kin_error *err)
{
    TRY(check_tokens(t, ids, n, err));
    for (int i = 0; i < t->context; i++)
        t->ids[i] = i < n ? ids[i] : t->pad_id < 0 ? pad : t->pad_id;
    t->n_texts = 0;
    TRY(check_tokens(t, t->ids, t->context, err));
    t->spans[0] = (struct span){.tokens = t->context};
    t->n_spans = t->n_out = 1;
    return begin(t, until, pool, err);
}

/* ---- the steps ------------------------------------------------------------------------------- */

/* The pooled rows, which the last layer put first -> embeddings of unit length. */
static kin_status embed_rows(struct tower *t, kin_error *err)
{
    for (int i = 0; i < t->n_out; i++) {
        float *out = t->embeddings + (size_t)i * t->dim;
        t->family->pool(t, t->x + (size_t)i * t->shape.channels, out);
        float length = sqrtf(vec_dot(out, out, t->dim));
        if (!(length > 0) || !(length - length == 0))
            return kin_fail(err, KIN_NOT_A_MODEL, "The model gave no finite embedding; its weights are damaged.");
        for (int e = 0; e < t->dim; e++)
            out[e] = out[e] / length;
    }
    return KIN_OK;
}

/* A layer's rows as they are wanted. */
static kin_status finish_rows(struct tower *t, kin_pool *pool, kin_error *err)
{
    size_t n = (size_t)t->spans[0].tokens * (size_t)t->columns;
    if (t->until >= TOWER_NORMED)
        t->family->norm(t, t->spans[0].tokens, pool);
    for (size_t i = 0; i < n; i++)
        if (!(t->x[i] - t->x[i] == 0))
            return kin_fail(err, KIN_NOT_A_MODEL, "The model gave no finite numbers; its weights are damaged.");
    return KIN_OK;
}

kin_status tower_step(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels, kin_error *err)
{
    int layer = t->step++ - 1; /* -1: the embedding; L: the projection */
    if (layer == t->layers)
        return embed_rows(t, err);
    if (layer < 0)
        t->family->embed(t, pool, k, pixels);
    else
        t->family->layer(t, layer, t->until == TOWER_EMBEDDING && layer == t->layers - 1, pool, k);
    return layer + 1 == t->until % TOWER_NORMED ? finish_rows(t, pool, err) : KIN_MORE;
}

const float *tower_result(const struct tower *t, int *rows, int *columns)
{
    bool embedded = t->until == TOWER_EMBEDDING;
    *rows = embedded ? t->n_out : t->spans[0].tokens;
    *columns = embedded ? t->dim : t->columns;
    return embedded ? t->embeddings : t->x;
}
