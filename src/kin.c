/* kin: the public functions; checks arguments, calls the modules, keeps the error text. [level 6] */
#include "kin.h"
#include "floats.h"
#include "image.h"
#include "load.h"
#include "preprocess.h"
#include "tokenize.h"
#include <stdlib.h>

struct side {           /* one tower of a context */
    struct tower sizes; /* as config.json has them; family is NULL before, or where they cannot be read */
    kin_error unread;   /* why they cannot be */
    struct tower *tower;
    bool loaded;
    char id[65];
};

struct kin_ctx {
    kin_error error;
    const struct kernels *kernels;
    kin_pool *pool;
    char *config; /* config.json */
    size_t config_n;
    struct preprocess preprocess;
    bool has_preprocess;
    tokenizer *tokenizer;
    struct side sides[2];
    struct loader loader;
    int loading; /* tower being loaded, or -1 */
    kin_picture picture;
    uint8_t *prepared;
    int prepared_w, prepared_h;
    bool is_prepared;
    int32_t *ids;
    int context, ids_room, n_ids;
    int running;          /* tower of the run in progress, or -1 */
    int embedded;         /* tower whose embedding is ready, or -1 */
    struct json_out text; /* last JSON handed out */
};

kin_ctx *kin_open(void)
{
    kin_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return NULL;
    ctx->kernels = kernels_choose();
    ctx->context = 77;
    ctx->loading = ctx->running = ctx->embedded = -1;
    json_out_init(&ctx->text);
    return ctx;
}

static void unload(struct side *s)
{
    tower_close(s->tower);
    s->tower = NULL;
    s->loaded = false;
    s->id[0] = 0;
}

void kin_close(kin_ctx *ctx)
{
    if (!ctx)
        return;
    loader_end(&ctx->loader);
    unload(&ctx->sides[0]), unload(&ctx->sides[1]);
    tokenizer_close(ctx->tokenizer);
    image_free(&ctx->picture);
    json_out_free(&ctx->text);
    free(ctx->config), free(ctx->prepared), free(ctx->ids), free(ctx);
}

const char *kin_error_text(const kin_ctx *ctx) { return ctx->error.text; }

static const struct kernels *table(int i)
{
    for (int at = 0; i >= 0 && kernels_all[at]; at++)
        if (at == i)
            return kernels_all[at];
    return NULL;
}

int kin_kernels_exact(int i) { return table(i) ? kernels_agree(table(i)) : -1; }
const char *kin_kernels_name(int i) { return table(i) ? table(i)->name : ""; }

double kin_kernels_exercise(int i, int times)
{
    void *work = malloc(KERNEL_WORK_BYTES);
    double done = table(i) && work ? kernels_exercise(table(i), times, work) : 0;
    free(work);
    return done;
}

kin_status kin_use_kernels(kin_ctx *ctx, int i)
{
    if (ctx->sides[0].loaded || ctx->sides[1].loaded || ctx->loading >= 0)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Kernels are chosen before the first tower is loaded.");
    if (kin_kernels_exact(i) != 1)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Kernels %d are not there or not exact on this machine.", i);
    ctx->kernels = table(i);
    return KIN_OK;
}

void *kin_malloc(size_t n) { return malloc(n); }
void kin_free(void *p) { free(p); }

void kin_use_pool(kin_ctx *ctx, kin_pool *pool)
{
    ctx->pool = pool;
    ctx->running = -1; /* it began with room for the old pool's threads */
}

/* ---- model --------------------------------------------------------------------------------- */

kin_status kin_preprocessing(kin_ctx *ctx, const char *json, size_t n)
{
    DEFAULT_FLOATS
    TRY(preprocess_read(json, n, &ctx->preprocess, &ctx->error));
    ctx->has_preprocess = true;
    ctx->is_prepared = false;
    if (ctx->sides[KIN_IMAGE].loaded) { /* its weights have the old one in them */
        unload(&ctx->sides[KIN_IMAGE]);
        ctx->running = ctx->embedded = -1;
    }
    return KIN_OK;
}

/* Whether the vocabulary is the text tower's: a text's row is that of its end token, and tables have at most as many rows
 * to spare as rounding their number up brings. */
static kin_status check_vocabulary(const tokenizer *t, const struct tower *sizes, kin_error *err)
{
    int n = t->n_tokens, end = t->end;
    for (int i = 0; i < t->n_specials; i++)
        n = t->specials[i].id >= n ? t->specials[i].id + 1 : n;
    if (sizes->eos_id == 2 ? end < sizes->vocab && n + 128 > sizes->vocab : end == sizes->eos_id)
        return KIN_OK;
    return kin_fail(
        err, KIN_NOT_A_MODEL,
        "The vocabulary has %d tokens and ends texts with token %d, but %s wants %d tokens and the end %d: they do "
        "not belong together.",
        n, end, sizes->file, sizes->vocab, sizes->eos_id == 2 ? sizes->vocab - 1 : sizes->eos_id);
}

kin_status kin_vocabulary(kin_ctx *ctx, const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          const char *added_tokens, size_t added_n)
{
    tokenizer *t = NULL;
    TRY(tokenizer_open(vocab_json, vocab_n, merges_txt, merges_n, tokenizer_json, tokenizer_n, tokenizer_config,
                       tokenizer_config_n, special_tokens_map, special_n, added_tokens, added_n, &t, &ctx->error));
    const struct tower *sizes = &ctx->sides[KIN_TEXT].sizes;
    if (sizes->family && check_vocabulary(t, sizes, &ctx->error) != KIN_OK) {
        tokenizer_close(t);
        return ctx->error.status;
    }
    tokenizer_close(ctx->tokenizer);
    ctx->tokenizer = t;
    ctx->n_ids = 0;
    ctx->sides[KIN_TEXT].id[0] = 0; /* to be computed anew */
    return KIN_OK;
}

static kin_status stop_loading(kin_ctx *ctx, kin_status status)
{
    if (status != KIN_OK && ctx->loading >= 0) {
        loader_end(&ctx->loader);
        unload(&ctx->sides[ctx->loading]);
        ctx->loading = -1;
    }
    return status;
}

/* Config and sizes of the new model in place of the old one's. */
static void adopt(kin_ctx *ctx, char *text, size_t n, const struct side sides[2])
{
    stop_loading(ctx, KIN_MORE);
    free(ctx->config);
    ctx->config = text;
    ctx->config_n = n;
    for (int i = 0; i < 2; i++) {
        unload(&ctx->sides[i]);
        ctx->sides[i] = sides[i];
    }
    ctx->context = sides[KIN_TEXT].sizes.family ? sides[KIN_TEXT].sizes.context : 77;
    ctx->n_ids = 0;
    ctx->running = ctx->embedded = -1;
}

kin_status kin_config(kin_ctx *ctx, const char *text, size_t n)
{
    DEFAULT_FLOATS
    json config;
    struct side sides[2] = {0};
    TRY(json_open(text, n, "config.json (or open_clip_config.json)", &config, &ctx->error));
    for (int i = 0; i < 2; i++)
        if (tower_read(&sides[i].sizes, i, true, config, &sides[i].unread) != KIN_OK)
            sides[i].sizes.family = NULL;
    if (!sides[0].sizes.family && !sides[1].sizes.family) {
        ctx->error = sides[0].unread;
        return ctx->error.status;
    }
    char *copy = malloc(n);
    if (!copy)
        return kin_fail(&ctx->error, KIN_OUT_OF_MEMORY, "Not enough memory for config.json.");
    memcpy(copy, text, n);
    adopt(ctx, copy, n, sides);
    return KIN_OK;
}

/* Whether the preprocessing makes pictures of the size that the tower takes. */
static kin_status check_image_size(kin_ctx *ctx, const struct tower *sizes)
{
    const char *rules = ctx->preprocess.file, *file = sizes->file;
    int size = sizes->image_size;
    const resize_rule *rule = &ctx->preprocess.rule;
    if (!rule->crop_on && (!rule->resize_on || rule->shortest_edge))
        return kin_fail(&ctx->error, KIN_NOT_A_MODEL, "%s leaves pictures of any size, but %s wants %dx%d.", rules,
                        file, size, size);
    int h = rule->crop_on ? rule->crop_h : rule->fixed_h, w = rule->crop_on ? rule->crop_w : rule->fixed_w;
    if (h != size || w != size)
        return kin_fail(&ctx->error, KIN_NOT_A_MODEL, "%s makes pictures of %dx%d, but %s wants %dx%d.", rules, w, h,
                        file, size, size);
    return KIN_OK;
}

kin_status kin_tower_begin(kin_ctx *ctx, int tower, int dtype)
{
    DEFAULT_FLOATS
    json config;
    stop_loading(ctx, KIN_MORE);
    if ((tower != KIN_IMAGE && tower != KIN_TEXT) || (dtype != KIN_F32 && dtype != KIN_Q8))
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "A tower is 'image' or 'text' and a dtype 'q8' or 'f32'.");
    if (!ctx->config || (tower == KIN_IMAGE ? !ctx->has_preprocess : !ctx->tokenizer))
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT,
                        "Load the configuration, and the preprocessing or the vocabulary, before a tower.");
    struct side *s = &ctx->sides[tower];
    if (!s->sizes.family) {
        ctx->error = s->unread;
        return ctx->error.status;
    }
    /* before hundreds of megabytes are read */
    TRY(tower == KIN_IMAGE ? check_image_size(ctx, &s->sizes)
                           : check_vocabulary(ctx->tokenizer, &s->sizes, &ctx->error));
    TRY(json_open(ctx->config, ctx->config_n, s->sizes.file, &config, &ctx->error));
    unload(s);
    ctx->running = ctx->embedded = -1;
    TRY(tower_open(&s->tower, tower, dtype == KIN_Q8, config, &ctx->error));
    ctx->loading = tower;
    loader_begin(&ctx->loader, s->tower, ctx->kernels);
    return KIN_OK;
}

static kin_status not_loading(kin_ctx *ctx)
{
    return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "No tower is being loaded; call kin_tower_begin first.");
}

kin_status kin_tower_feed(kin_ctx *ctx, const uint8_t *bytes, size_t n)
{
    DEFAULT_FLOATS
    if (ctx->loading < 0)
        return not_loading(ctx);
    return n ? stop_loading(ctx, loader_feed(&ctx->loader, bytes, n, &ctx->error)) : KIN_OK;
}

kin_status kin_tower_file_end(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    if (ctx->loading < 0)
        return not_loading(ctx);
    return stop_loading(ctx, loader_file_end(&ctx->loader, &ctx->error));
}

kin_status kin_identify(kin_ctx *ctx, int tower)
{
    DEFAULT_FLOATS
    if (tower < 0 || tower > 1 || !ctx->sides[tower].loaded)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Only a loaded tower has an id.");
    struct side *s = &ctx->sides[tower];
    if (s->id[0])
        return KIN_OK;
    if (tower == KIN_IMAGE)
        return model_id(s->tower, ctx->kernels, "preprocess", ctx->preprocess.canonical,
                        strlen(ctx->preprocess.canonical), s->id, &ctx->error);
    size_t n = tokenizer_canonical_json(ctx->tokenizer, s->tower->context, NULL, 0);
    char *json = n ? malloc(n) : NULL;
    kin_status status = json && tokenizer_canonical_json(ctx->tokenizer, s->tower->context, json, n) == n
                            ? model_id(s->tower, ctx->kernels, "tokenizer", json, n, s->id, &ctx->error)
                            : kin_fail(&ctx->error, KIN_OUT_OF_MEMORY, "Not enough memory to identify the model.");
    free(json);
    return status;
}

static kin_status finish(kin_ctx *ctx, struct tower *t)
{
    if (t->kind == TOWER_IMAGE) {
        TRY(check_image_size(ctx, t)); /* the rule may be another by now */
        t->pixels = ctx->preprocess.pixels;
    }
    return tower_finish(t, ctx->kernels, &ctx->error);
}

kin_status kin_tower_end(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    if (ctx->loading < 0)
        return not_loading(ctx);
    struct side *s = &ctx->sides[ctx->loading];
    TRY(stop_loading(ctx, finish(ctx, s->tower)));
    loader_end(&ctx->loader);
    s->loaded = true;
    ctx->loading = -1;
    return KIN_OK;
}

int kin_dim(const kin_ctx *ctx, int tower)
{
    return tower >= 0 && tower < 2 && ctx->sides[tower].loaded ? ctx->sides[tower].tower->dim : 0;
}

static void member(struct json_out *o, const char *key, uint64_t value)
{
    json_out_raw(o, key);
    json_out_u64(o, value);
}

static void describe(struct json_out *o, const kin_ctx *ctx, const struct side *s)
{
    const struct tower *t = s->loaded ? s->tower : &s->sizes;
    if (!t->family) {
        json_out_raw(o, "null");
        return;
    }
    member(o, "{\"dim\":", (uint64_t)t->dim);
    member(o, ",\"width\":", (uint64_t)t->shape.channels);
    member(o, ",\"layers\":", (uint64_t)t->layers);
    member(o, ",\"heads\":", (uint64_t)t->shape.heads);
    json_out_raw(o, ",\"scores\":\"");
    json_out_raw(o, t->family->scores);
    if (t->kind == TOWER_IMAGE) {
        member(o, "\",\"imageSize\":", (uint64_t)t->image_size);
        member(o, ",\"patch\":", (uint64_t)t->patch);
    } else {
        member(o, "\",\"context\":", (uint64_t)t->context);
        member(o, ",\"vocab\":", (uint64_t)t->vocab);
    }
    if (!s->loaded) {
        json_out_raw(o, ",\"loaded\":false}");
        return;
    }
    json_out_raw(o, t->shape.q8 ? ",\"loaded\":true,\"dtype\":\"q8\"" : ",\"loaded\":true,\"dtype\":\"f32\"");
    if (t->kind == TOWER_IMAGE) {
        json_out_raw(o, ",\"preprocess\":");
        json_out_string(o, ctx->preprocess.canonical, strlen(ctx->preprocess.canonical));
    }
    json_out_raw(o, ",\"logitScale\":");
    json_out_number(o, (double)t->logit_scale);
    json_out_raw(o, ",\"id\":\"");
    json_out_raw(o, s->id);
    json_out_raw(o, "\"}");
}

/* A fresh JSON text in the context, replacing the last one. */
static struct json_out *fresh(kin_ctx *ctx)
{
    json_out_free(&ctx->text);
    json_out_init(&ctx->text);
    return &ctx->text;
}

static const char *text_of(struct json_out *o)
{
    static const char short_of_memory[] = "null";
    json_out_rawn(o, "", 1); /* the NUL */
    return o->failed ? short_of_memory : o->text;
}

const char *kin_info(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    struct json_out *o = fresh(ctx);
    member(o, "{\"numerics\":", KIN_NUMERICS);
    json_out_raw(o, ",\"kernels\":\"");
    json_out_raw(o, ctx->kernels->name);
    const struct family *family = ctx->sides[0].sizes.family ? ctx->sides[0].sizes.family : ctx->sides[1].sizes.family;
    json_out_raw(o, family ? "\",\"family\":\"" : "\",\"family\":null");
    if (family) {
        json_out_raw(o, family->name);
        json_out_raw(o, "\"");
    }
    json_out_raw(o, ",\"image\":");
    describe(o, ctx, &ctx->sides[KIN_IMAGE]);
    json_out_raw(o, ",\"text\":");
    describe(o, ctx, &ctx->sides[KIN_TEXT]);
    json_out_raw(o, "}");
    return text_of(o);
}

static const struct slot *export_slot(const kin_ctx *ctx, int tower, int i)
{
    if (tower < 0 || tower > 1 || !ctx->sides[tower].loaded || i < 0 || i >= ctx->sides[tower].tower->slots.n)
        return NULL;
    return &ctx->sides[tower].tower->slots.list[i];
}

int kin_export_count(kin_ctx *ctx, int tower)
{
    return tower >= 0 && tower < 2 && ctx->sides[tower].loaded ? ctx->sides[tower].tower->slots.n : 0;
}

const char *kin_export_tensor(kin_ctx *ctx, int tower, int i)
{
    const struct slot *s = export_slot(ctx, tower, i);
    struct json_out *o = fresh(ctx);
    if (!s) {
        json_out_raw(o, "null");
        return text_of(o);
    }
    json_out_raw(o, "{\"name\":");
    json_out_string(o, s->name, strlen(s->name));
    json_out_raw(o, ",\"dtype\":\"");
    json_out_raw(o, s->form->dtype);
    json_out_raw(o, "\",\"shape\":[");
    for (uint32_t d = 0; d < s->rank; d++)
        member(o, d ? "," : "", s->shape[d]);
    member(o, "],\"bytes\":", slot_bytes(s));
    json_out_raw(o, "}");
    return text_of(o);
}

kin_status kin_export_bytes(kin_ctx *ctx, int tower, int i, uint8_t *out)
{
    DEFAULT_FLOATS
    const struct slot *s = export_slot(ctx, tower, i);
    if (!s)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "There is no such tensor to export.");
    uint64_t rows = slot_rows(s), row = slot_bytes(s) / rows;
    for (uint64_t r = 0; r < rows; r += PANEL)
        s->form->get(s, ctx->kernels, r, rows - r < PANEL ? rows - r : PANEL, out + r * row);
    return KIN_OK;
}

/* ---- pictures ------------------------------------------------------------------------------ */

static kin_status hold(kin_ctx *ctx, kin_picture fresh_picture)
{
    image_free(&ctx->picture);
    ctx->picture = fresh_picture;
    ctx->is_prepared = false;
    return KIN_OK;
}

kin_status kin_image_decode(kin_ctx *ctx, const uint8_t *bytes, size_t n)
{
    kin_picture p = {0};
    hold(ctx, p); /* the old picture goes first: two large ones need not fit */
    TRY(image_decode(bytes, n, &p, &ctx->error));
    return hold(ctx, p);
}

kin_status kin_image_decode_fast(kin_ctx *ctx, const uint8_t *bytes, size_t n, double x, double y, double width,
                                 double height)
{
    DEFAULT_FLOATS
    const resize_rule *rule = &ctx->preprocess.rule;
    const double box[4] = {x, y, width, height};
    kin_picture p = {0};
    hold(ctx, p);
    if (!ctx->has_preprocess || !rule->resize_on)
        return kin_image_decode(ctx, bytes, n);
    int w = rule->shortest_edge ? rule->shortest_edge : rule->fixed_w;
    int h = rule->shortest_edge ? rule->shortest_edge : rule->fixed_h;
    TRY(image_decode_fast(bytes, n, box, 2 * w, 2 * h, &p, &ctx->error));
    return hold(ctx, p);
}

int kin_image_reduction(const kin_ctx *ctx) { return ctx->picture.reduction; }

kin_status kin_image_raw(kin_ctx *ctx, const uint8_t *pixels, int width, int height, int channels, const uint8_t *exif,
                         size_t exif_n)
{
    kin_picture p = {0};
    hold(ctx, p);
    TRY(image_from_raw(pixels, width, height, channels, exif, exif_n, &p, &ctx->error));
    return hold(ctx, p);
}

int kin_image_width(const kin_ctx *ctx) { return ctx->picture.width; }
int kin_image_height(const kin_ctx *ctx) { return ctx->picture.height; }
const char *kin_image_format(const uint8_t *bytes, size_t n) { return image_format(bytes, n); }

kin_status kin_image_prepare(kin_ctx *ctx, double x, double y, double width, double height, int fit)
{
    DEFAULT_FLOATS
    const resize_rule *rule = &ctx->preprocess.rule;
    int w, h;
    ctx->is_prepared = false;
    if (!ctx->picture.width)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "There is no picture to prepare; decode one first.");
    if (!ctx->has_preprocess)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "There is no preprocessing; load a model first.");
    TRY(resize_output_size(&ctx->picture, x, y, width, height, fit == KIN_PAD, rule, &w, &h, &ctx->error));
    uint8_t *out = realloc(ctx->prepared, (size_t)w * (size_t)h * 3);
    if (!out)
        return kin_fail(&ctx->error, KIN_OUT_OF_MEMORY, "Not enough memory to resize the picture.");
    ctx->prepared = out;
    TRY(resize_prepare(&ctx->picture, x, y, width, height, fit == KIN_PAD, rule, out, &ctx->error));
    ctx->prepared_w = w;
    ctx->prepared_h = h;
    ctx->is_prepared = true;
    return KIN_OK;
}

int kin_prepared_width(const kin_ctx *ctx) { return ctx->is_prepared ? ctx->prepared_w : 0; }
int kin_prepared_height(const kin_ctx *ctx) { return ctx->is_prepared ? ctx->prepared_h : 0; }
const uint8_t *kin_prepared(const kin_ctx *ctx) { return ctx->prepared; }

/* ---- text ---------------------------------------------------------------------------------- */

kin_status kin_tokenize(kin_ctx *ctx, const char *utf8, size_t n)
{
    int context = ctx->context;
    ctx->n_ids = 0;
    if (!ctx->tokenizer)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "There is no vocabulary; load the text tower first.");
    if (context > ctx->ids_room) {
        int32_t *ids = realloc(ctx->ids, (size_t)context * sizeof *ids);
        if (!ids)
            return kin_fail(&ctx->error, KIN_OUT_OF_MEMORY, "Not enough memory for the tokens of a text.");
        ctx->ids = ids;
        ctx->ids_room = context;
    }
    return tokenizer_encode(ctx->tokenizer, utf8, n, context, ctx->ids, &ctx->n_ids, &ctx->error);
}

int kin_token_count(const kin_ctx *ctx) { return ctx->n_ids; }
const int32_t *kin_tokens(const kin_ctx *ctx) { return ctx->ids; }

/* ---- encoding ------------------------------------------------------------------------------ */

kin_status kin_image_begin(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    struct side *s = &ctx->sides[KIN_IMAGE];
    ctx->running = ctx->embedded = -1;
    if (!s->loaded || !ctx->is_prepared)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT,
                        "Load the image tower and prepare a picture before embedding it.");
    TRY(tower_begin_image(s->tower, TOWER_EMBEDDING, ctx->pool, &ctx->error));
    ctx->running = KIN_IMAGE;
    return KIN_OK;
}

kin_status kin_text_add(kin_ctx *ctx)
{
    struct side *s = &ctx->sides[KIN_TEXT];
    if (!s->loaded || !ctx->n_ids)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Load the text tower and tokenize a text before embedding it.");
    if (ctx->running == KIN_TEXT) /* a run that was left in the middle is given up */
        ctx->running = -1;
    return tower_add_text(s->tower, ctx->ids, ctx->n_ids, &ctx->error);
}

kin_status kin_text_begin(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    struct side *s = &ctx->sides[KIN_TEXT];
    ctx->running = ctx->embedded = -1;
    if (!s->loaded)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Load the text tower before embedding a text.");
    TRY(tower_begin_texts(s->tower, ctx->pool, &ctx->error));
    ctx->running = KIN_TEXT;
    return KIN_OK;
}

_Static_assert((int)KIN_LAST == (int)TOWER_LAST, "one number for both");

kin_status kin_layer_begin(kin_ctx *ctx, int tower, int layer, int norm)
{
    DEFAULT_FLOATS
    int until;
    ctx->running = ctx->embedded = -1;
    if ((tower != KIN_IMAGE && tower != KIN_TEXT) || !ctx->sides[tower].loaded ||
        !(tower == KIN_IMAGE ? ctx->is_prepared : ctx->n_ids > 0))
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT,
                        "Load a tower, and prepare a picture or tokenize a text, before asking for a layer.");
    struct tower *t = ctx->sides[tower].tower;
    TRY(tower_layer(t, layer, norm, &until, &ctx->error));
    TRY(tower == KIN_IMAGE
            ? tower_begin_image(t, until, ctx->pool, &ctx->error)
            : tower_begin_rows(t, ctx->ids, ctx->n_ids, ctx->tokenizer->pad, until, ctx->pool, &ctx->error));
    ctx->running = tower;
    return KIN_OK;
}

kin_status kin_step(kin_ctx *ctx)
{
    DEFAULT_FLOATS
    if (ctx->running < 0)
        return kin_fail(&ctx->error, KIN_BAD_ARGUMENT, "Nothing is being embedded.");
    kin_status status = tower_step(ctx->sides[ctx->running].tower, ctx->pool, ctx->kernels, ctx->prepared, &ctx->error);
    if (status != KIN_MORE) {
        ctx->embedded = status == KIN_OK ? ctx->running : -1;
        ctx->running = -1;
    }
    return status;
}

static const float *result(const kin_ctx *ctx, int *rows, int *columns)
{
    *rows = *columns = 0;
    return ctx->embedded < 0 ? NULL : tower_result(ctx->sides[ctx->embedded].tower, rows, columns);
}

const float *kin_embedding(const kin_ctx *ctx)
{
    int rows, columns;
    return result(ctx, &rows, &columns);
}

int kin_rows(const kin_ctx *ctx)
{
    int rows, columns;
    result(ctx, &rows, &columns);
    return rows;
}

int kin_columns(const kin_ctx *ctx)
{
    int rows, columns;
    result(ctx, &rows, &columns);
    return columns;
}
