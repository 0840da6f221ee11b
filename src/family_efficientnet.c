/* family_efficientnet: EfficientNet-Lite as the tower for pictures, as timm names it and open_clip puts a linear
 * projection on it. The text tower beside it is CLIP's.
 *
 * pixels -> stem -> inverted residuals -> head, a pointwise layer of 1280 -> mean over pixels -> projection
 *
 * The files' batch norms go into the weights before them once all of a tower is there (settle): the slots are those of
 * the folded network, under names of their own, and so is what Kin writes. */
#include "conv.h"
#include "open_clip.h"
#include "tower.h"
#include <stdlib.h>

enum { STEM_CHANNELS = 32, HEAD_CHANNELS = 1280, EXPANSION = 6, STAGES = 7, WIDTH_MAX = 1632 /* of Lite4 */ };

/* Lite0; the others are wider and deeper. The first and the last stage are never repeated more often. */
static const struct stage {
    int size, stride, channels, repeats;
} stages[STAGES] = {{3, 1, 16, 1},  {3, 2, 24, 2},  {5, 2, 40, 2}, {3, 2, 80, 3},
                    {5, 1, 112, 3}, {5, 2, 192, 4}, {3, 1, 320, 1}};
static const struct scaling {
    int width, depth; /* tenths */
} scalings[] = {{10, 10}, {10, 11}, {11, 12}, {12, 14}, {14, 18}};

struct part { /* a convolution and the batch norm after it, as the files have them */
    float *weight, *gain, *shift, *mean, *var;
};

struct efficientnet {
    struct tower base;
    int n_blocks;
    struct stem stem;
    struct inverted *blocks;
    int (*numbers)[2]; /* [n_blocks]: stage and number in it, by which timm names a block */
    struct linear head;
    float *projection; /* [E, 1280] */
    struct conv_scratch scratch;
    float *raw;         /* the numbers of t->others */
    struct part *parts; /* [3 n_blocks + 2], in the order of `each` */
};

static struct efficientnet *net(struct tower *t) { return (struct efficientnet *)t; }

/* ---- configuration ------------------------------------------------------------------------- */

/* "efficientnet_lite0" … 4, with "tf_" before it or a tag after a point. */
static bool read_name(json name, int *lite, bool *same)
{
    static const char head[] = "efficientnet_lite";
    char text[64];
    size_t n = json_string(name, text, sizeof text), at = 0;
    if (n > sizeof text)
        return false;
    *same = n > 3 && !memcmp(text, "tf_", 3);
    at = (*same ? 3 : 0) + sizeof head - 1;
    if (n <= at || memcmp(text + at - (sizeof head - 1), head, sizeof head - 1) || (n > at + 1 && text[at + 1] != '.'))
        return false;
    *lite = text[at] - '0';
    return *lite >= 0 && *lite < (int)(sizeof scalings / sizeof *scalings);
}

static bool knows(json config, int kind)
{
    int lite;
    bool same;
    json model = json_get(config, "model_cfg");
    return kind == TOWER_IMAGE && read_name(json_get(json_get(model, "vision_cfg"), "timm_model_name"), &lite, &same);
}

/* timm's make_divisible by 8, of tenths. */
static int channels_of(int channels, int tenths)
{
    int tenfold = channels * tenths, rounded = (tenfold + 40) / 80 * 8;
    return rounded * 100 < 9 * tenfold ? rounded + 8 : rounded;
}

static int repeats_of(int stage, int tenths)
{
    int repeats = stages[stage].repeats;
    return stage == 0 || stage == STAGES - 1 ? repeats : (repeats * tenths + 9) / 10;
}

static kin_status read_whole(json value, const char *key, uint64_t least, uint64_t most, uint64_t otherwise, int *out,
                             kin_error *err)
{
    uint64_t n = otherwise;
    if ((value.type > JSON_NULL && !json_u64(value, &n)) || n < least || n > most)
        return kin_fail(err, KIN_UNSUPPORTED, "open_clip_config.json: %s is not a whole number from %llu to %llu.", key,
                        (unsigned long long)least, (unsigned long long)most);
    *out = (int)n;
    return KIN_OK;
}

static kin_status read(struct tower *t, json config, kin_error *err)
{
    json model = json_get(config, "model_cfg"), its = json_get(model, "vision_cfg");
    json pool = json_get(its, "timm_pool"), projection = json_get(its, "timm_proj"),
         bias = json_get(its, "timm_proj_bias");
    read_name(json_get(its, "timm_model_name"), &t->network, &t->same);
    if ((pool.type > JSON_NULL && !json_equals(pool, "avg")) ||
        (projection.type > JSON_NULL && !json_equals(projection, "linear")) || bias.type == JSON_TRUE)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "open_clip_config.json: timm_pool must be avg, timm_proj linear, without a bias.");
    TRY(read_whole(json_get(model, "embed_dim"), "embed_dim", 1, 4096, 0, &t->dim, err));
    TRY(read_whole(json_get(its, "image_size"), "image_size", 32, STEM_SIDE_MAX, 224, &t->image_size, err));
    struct windows w = windows_of(t->image_size, 3, 2, t->same);
    t->room = (size_t)(w.out * w.out * STEM_CHANNELS); /* no later map is larger, but for the head's */
    t->layers = 1;
    for (int s = 0; s < STAGES; s++) {
        t->layers += repeats_of(s, scalings[t->network].depth);
        w = windows_of(w.out, stages[s].size, stages[s].stride, t->same);
    }
    size_t head = (size_t)(w.out * w.out * HEAD_CHANNELS);
    t->room = t->room > head ? t->room : head;
    t->shape.channels = HEAD_CHANNELS;
    t->shape.tokens_max = 1; /* the pooled row; t->x is of the family's own shapes */
    return KIN_OK;
}

static void canonical(const struct tower *t, struct json_out *o)
{
    char network[] = "lite0";
    network[4] = (char)('0' + t->network);
    json_out_raw(o, "{\"dim\":");
    json_out_u64(o, (uint64_t)t->dim);
    json_out_raw(o, ",\"family\":\"efficientnet\",\"image_size\":");
    json_out_u64(o, (uint64_t)t->image_size);
    json_out_raw(o, ",\"network\":\"");
    json_out_raw(o, network);
    json_out_raw(o, t->same ? "\",\"padding\":\"same\"}" : "\",\"padding\":\"symmetric\"}");
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool alloc_blocks(struct efficientnet *own)
{
    struct tower *t = &own->base;
    const struct scaling *scaling = &scalings[t->network];
    bool q8 = t->shape.q8;
    int channels = STEM_CHANNELS, side = own->stem.windows.out;
    for (int s = 0; s < STAGES; s++)
        for (int i = 0; i < repeats_of(s, scaling->depth); i++) {
            struct inverted *b = &own->blocks[own->n_blocks];
            int out = channels_of(stages[s].channels, scaling->width), stride = i ? 1 : stages[s].stride;
            int wide = s ? channels * EXPANSION : channels;
            struct windows w = windows_of(side, stages[s].size, stride, t->same);
            own->numbers[own->n_blocks][0] = s, own->numbers[own->n_blocks][1] = i;
            own->n_blocks++;
            b->residual = stride == 1 && channels == out;
            if ((s && !linear_alloc(&b->expand, wide, channels, q8)) || !depthwise_alloc(&b->depthwise, &w, wide) ||
                !linear_alloc(&b->project, out, wide, q8))
                return false;
            channels = out, side = w.out;
        }
    return linear_alloc(&own->head, HEAD_CHANNELS, channels, q8);
}

static char *append_number(char *at, int n)
{
    if (n > 9)
        *at++ = (char)('0' + n / 10);
    *at++ = (char)('0' + n % 10);
    *at = 0;
    return at;
}

static void list(struct efficientnet *own)
{
    struct tower *t = &own->base;
    bool q8 = t->shape.q8;
    stem_list(&own->stem, &t->slots, "vision_model.", "stem");
    for (int i = 0; i < own->n_blocks; i++) {
        char prefix[64];
        struct inverted *b = &own->blocks[i];
        append_text(append_number(append_text(prefix, "vision_model.blocks."), i), ".");
        if (b->expand.n_out)
            slots_add_linear(&t->slots, &b->expand, q8, prefix, "expand");
        depthwise_list(&b->depthwise, &t->slots, q8, prefix, "depthwise");
        slots_add_linear(&t->slots, &b->project, q8, prefix, "project");
    }
    slots_add_linear(&t->slots, &own->head, q8, "vision_model.", "head");
    struct slot *projection = slots_add_floats(&t->slots, own->projection, 2, (uint64_t)t->dim, HEAD_CHANNELS, "",
                                               "visual_projection.weight");
    if (q8)
        projection->form = &slot_halves;
    slots_add_floats(&t->slots, &t->logit_scale, 0, 1, 1, "", "logit_scale");
}

/* A block has 8 tensors at most, the rest 7. */
static bool make(struct tower *t)
{
    struct efficientnet *own = net(t);
    int n = t->layers - 1;
    own->blocks = calloc((size_t)n, sizeof *own->blocks);
    own->numbers = calloc((size_t)n, sizeof *own->numbers);
    own->projection = calloc((size_t)t->dim * HEAD_CHANNELS, sizeof *own->projection);
    if (!own->blocks || !own->numbers || !own->projection || !slots_alloc(&t->slots, n * 8 + 7) ||
        !stem_alloc(&own->stem, t->image_size, STEM_CHANNELS, t->same, t->shape.q8) || !alloc_blocks(own))
        return false;
    list(own);
    return true;
}

static void close(struct tower *t)
{
    struct efficientnet *own = net(t);
    for (int i = 0; own->blocks && i < own->n_blocks; i++) {
        struct inverted *b = &own->blocks[i];
        linear_free(&b->expand), linear_free(&b->project), depthwise_free(&b->depthwise);
        free(b->scale), free(b->shift);
    }
    stem_free(&own->stem), linear_free(&own->head), conv_scratch_free(&own->scratch);
    free(own->blocks), free(own->numbers), free(own->projection), free(own->raw), free(own->parts);
}

/* ---- batch norms ----------------------------------------------------------------------------- */

/* The convolutions of the files, in the order of the slots of their weights. */
struct convolution {
    char name[48], norm[48]; /* after "visual.trunk." */
    struct slot *weight, *bias;
};

static struct slot *slot_named(struct efficientnet *own, const char *prefix, const char *name)
{
    char full[88];
    append_text(append_text(full, prefix), name);
    return slots_find(&own->base.slots, full, strlen(full));
}

/* Convolution i, or false past the last. */
static bool each(struct efficientnet *own, int i, struct convolution *out)
{
    static const char *const names[3] = {"conv_pw", "conv_dw", "conv_pwl"}, *const norms[3] = {"bn1", "bn2", "bn3"},
                             *const ours[3] = {"expand", "depthwise", "project"};
    char prefix[88], theirs[48];
    int block = i / 3, which = i % 3; /* 0: stem; 1, 2: block 0; then three a block; head */
    if (i == 0 || i == 3 * own->n_blocks) {
        append_text(out->name, i ? "conv_head" : "conv_stem");
        append_text(out->norm, i ? "bn2" : "bn1");
        append_text(prefix, i ? "vision_model.head" : "vision_model.stem");
    } else if (block >= own->n_blocks) {
        return false;
    } else {
        bool first = !own->blocks[block].expand.n_out; /* its names: conv_dw, bn1, conv_pw, bn2 */
        char *at = append_number(append_text(theirs, "blocks."), own->numbers[block][0]);
        append_text(append_number(append_text(at, "."), own->numbers[block][1]), ".");
        append_text(append_text(out->name, theirs), first && which == 2 ? names[0] : names[which]);
        append_text(append_text(out->norm, theirs), norms[first ? which - 1 : which]);
        at = append_number(append_text(prefix, "vision_model.blocks."), block);
        append_text(append_text(at, "."), ours[which]);
    }
    out->weight = slot_named(own, prefix, ".weight");
    out->bias = slot_named(own, prefix, ".bias");
    return true;
}

static struct slot *add_other(struct tower *t, float *to, const struct slot *like, const char *name, const char *tail)
{
    char prefix[88];
    append_text(append_text(prefix, "visual.trunk."), name);
    struct slot *s = slots_add_floats(&t->others, to, like->rank, like->shape[0], like->shape[1], prefix, tail);
    s->shape[2] = like->shape[2], s->shape[3] = like->shape[3];
    return s;
}

/* Room for the files' own form, made when the first of it comes. */
static kin_status make_others(struct efficientnet *own, kin_error *err)
{
    struct tower *t = &own->base;
    struct convolution c;
    size_t total = 0;
    int n = 0;
    for (; each(own, n, &c); n++)
        total += (size_t)(slot_rows(c.weight) * (slot_row_values(c.weight) + 4));
    own->raw = malloc(total * sizeof *own->raw);
    own->parts = calloc((size_t)n, sizeof *own->parts);
    if (!own->raw || !own->parts || !slots_alloc(&t->others, 5 * n))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the image tower's weights.");
    float *at = own->raw;
    for (int i = 0; each(own, i, &c); i++) {
        struct part *p = &own->parts[i];
        size_t rows = (size_t)slot_rows(c.weight);
        p->weight = at, at += rows * (size_t)slot_row_values(c.weight);
        p->gain = at, p->shift = at + rows, p->mean = at + 2 * rows, p->var = at + 3 * rows, at += 4 * rows;
        struct slot *s = add_other(t, p->weight, c.weight, c.name, ".weight");
        if (s->rank == 2) /* a convolution of one pixel */
            s->rank = 4;
        add_other(t, p->gain, c.bias, c.norm, ".weight");
        add_other(t, p->shift, c.bias, c.norm, ".bias");
        add_other(t, p->mean, c.bias, c.norm, ".running_mean");
        add_other(t, p->var, c.bias, c.norm, ".running_var");
    }
    return KIN_OK;
}

static bool starts_with(const char *name, size_t n, const char *head)
{
    size_t length = strlen(head);
    return n >= length && !memcmp(name, head, length);
}

static bool ends_with(const char *name, size_t n, const char *tail)
{
    size_t length = strlen(tail);
    return n >= length && !memcmp(name + n - length, tail, length);
}

static kin_status place(struct tower *t, const char *name, size_t n, struct place *out, kin_error *err)
{
    static const char projection[] = "visual.head.proj.weight", ours[] = "visual_projection.weight";
    struct slot *s = NULL;
    if (starts_with(name, n, "visual.trunk.")) {
        if (!t->others.list)
            TRY(make_others(net(t), err));
        s = slots_find(&t->others, name, n);
    } else if (n == sizeof projection - 1 && !memcmp(name, projection, n)) {
        s = slots_find(&t->slots, ours, sizeof ours - 1);
    }
    *out = (struct place){.slots = {s}, .n = s != NULL};
    return KIN_OK;
}

static bool skips(const struct tower *t, const char *name, size_t n)
{
    (void)t;
    return starts_with(name, n, "text_model.") || starts_with(name, n, "text_projection.") ||
           open_clip_of_texts(name, n) || ends_with(name, n, ".num_batches_tracked");
}

/* What a channel holds on the average after its batch norm and ReLU6, as far as it is normal with the norm's shift and
 * gain: the mean of 32 values that are equally likely. */
static double usual(const struct part *p, size_t channel)
{
    static const double places[16] = {0.0391761, 0.1177699, 0.1970991, 0.2776904, 0.3601299, 0.4450965,
                                      0.5334097, 0.6260990, 0.7245144, 0.8305109, 0.9467818, 1.0775156,
                                      1.2298588, 1.4177971, 1.6759397, 2.1538747};
    double gain = (double)p->gain[channel], shift = (double)p->shift[channel], sum = 0;
    for (int i = 0; i < 32; i++) {
        double y = shift + (i % 2 ? places[i / 2] : -places[i / 2]) * gain;
        sum += y < 0 ? 0 : y > 6 ? 6 : y;
    }
    return sum / 32;
}

/* Rounded weights give sums that are off by the roundings times what usually comes in: what that makes is taken back
 * from the bias. Rows [r, r + n) of `w` were just set. */
static void correct(const struct convolution *c, const double *comes, const struct kernels *k, size_t r, size_t n,
                    const float *w, float *bias)
{
    size_t width = (size_t)slot_row_values(c->weight);
    const float *scales = c->weight->scales->to.floats;
    int8_t q[PANEL * WIDTH_MAX];
    c->weight->form->get(c->weight, k, r, n, q);
    for (size_t i = 0; i < n; i++) {
        double off = 0;
        for (size_t j = 0; j < width; j++)
            off += ((double)q[i * width + j] * (double)scales[r + i] - (double)w[i * width + j]) * comes[j];
        bias[r + i] = (float)((double)bias[r + i] - off);
    }
}

/* w' = w g, bias = shift - mean g with g = gain / sqrt(var + eps), in double, rounded once. `before`: of the layer whose
 * ReLU6 comes in, or NULL. */
static kin_status fold(const struct part *p, const struct part *before, double eps, const struct convolution *c,
                       const struct kernels *k, kin_error *err)
{
    size_t rows = (size_t)slot_rows(c->weight), width = (size_t)slot_row_values(c->weight);
    float *folded = malloc((PANEL * width + rows) * sizeof *folded), *bias = folded ? folded + PANEL * width : NULL;
    double *comes = malloc(width * sizeof *comes);
    kin_status status =
        folded && comes ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the image tower's weights.");
    bool corrected = before && c->weight->scales;
    for (size_t j = 0; corrected && status == KIN_OK && j < width; j++)
        comes[j] = usual(before, j);
    for (size_t r = 0, n; r < rows && status == KIN_OK; r += n) {
        n = rows - r < PANEL ? rows - r : PANEL;
        for (size_t i = 0; i < n; i++) {
            double gain = (double)p->gain[r + i] / sqrt((double)p->var[r + i] + eps);
            for (size_t j = 0; j < width; j++)
                folded[i * width + j] = (float)((double)p->weight[(r + i) * width + j] * gain);
            bias[r + i] = (float)((double)p->shift[r + i] - (double)p->mean[r + i] * gain);
        }
        status = slot_set_f32(c->weight, k, r, n, folded, err);
        if (corrected && status == KIN_OK)
            correct(c, comes, k, r, n, folded, bias);
    }
    if (status == KIN_OK)
        status = slot_set_f32(c->bias, k, 0, 1, bias, err);
    free(folded), free(comes);
    return status;
}

static kin_status settle(struct tower *t, const struct kernels *k, kin_error *err)
{
    struct efficientnet *own = net(t);
    struct convolution c;
    for (int i = 0; own->parts && each(own, i, &c); i++) {
        if (c.weight->rows_done || c.bias->rows_done)
            return kin_fail(err, KIN_NOT_A_MODEL, "The model has %s twice, with its batch norm and without.",
                            c.weight->name);
        TRY(fold(&own->parts[i], i % 3 == 2 ? &own->parts[i - 1] : NULL, t->same ? 1e-3 : 1e-5, &c, k, err));
    }
    free(own->raw), free(own->parts);
    own->raw = NULL, own->parts = NULL;
    slots_free(&t->others);
    return KIN_OK;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static kin_status finish(struct tower *t, const struct kernels *k, kin_error *err)
{
    struct efficientnet *own = net(t);
    bool q8 = t->shape.q8;
    const struct windows *stem = &own->stem.windows;
    size_t rows = (size_t)stem->out * (size_t)stem->out, acts = rows * 32, map = 0, wide = 0;
    for (int i = 0; i < own->n_blocks; i++) {
        const struct windows *w = &own->blocks[i].depthwise.windows;
        size_t channels = (size_t)own->blocks[i].depthwise.channels, side = (size_t)windows_padded(w);
        size_t in = (size_t)(w->in * w->in), out = (size_t)(w->out * w->out);
        size_t narrow = align_up((size_t)own->blocks[i].expand.n_in, 8);
        acts = acts > in * narrow ? acts : in * narrow;
        acts = acts > out * channels ? acts : out * channels;
        size_t padded = ((side + 1) * side + DEPTHWISE_SLACK) * channels;
        map = map > padded ? map : padded;
        wide = wide > in * channels ? wide : in * channels;
        if (!inverted_finish(&own->blocks[i], q8))
            return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to finish loading the model.");
    }
    const struct windows *last = &own->blocks[own->n_blocks - 1].depthwise.windows;
    size_t head = (size_t)(last->out * last->out) * HEAD_CHANNELS;
    wide = q8 || wide < head ? head : wide;
    if (!conv_scratch_alloc(&own->scratch, k, q8, rows, acts, map, wide))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to finish loading the model.");
    return stem_finish(&own->stem, &t->pixels, k, err);
}

static bool ready(struct tower *t, int threads)
{
    (void)t, (void)threads;
    return true;
}

static void embed(struct tower *t, kin_pool *pool, const struct kernels *k, const uint8_t *pixels)
{
    struct efficientnet *own = net(t);
    stem_run(&own->stem, &own->scratch, &own->blocks[0].depthwise.windows, pool, k, pixels, t->x);
    t->columns = STEM_CHANNELS;
    t->spans[0].tokens = own->stem.windows.out * own->stem.windows.out;
}

/* The last layer: the head, and where only the pooled row is wanted the mean of its rows, summed in order. */
static void run_head(struct efficientnet *own, bool pooled, kin_pool *pool, const struct kernels *k)
{
    struct tower *t = &own->base;
    int rows = t->spans[0].tokens;
    float *y = own->scratch.wide;
    pointwise_relu6(&own->head, t->shape.q8, &own->scratch, pool, k, t->x, rows, y);
    t->columns = HEAD_CHANNELS;
    memcpy(t->x, y, (size_t)(pooled ? 1 : rows) * HEAD_CHANNELS * sizeof *y);
    if (!pooled)
        return;
    for (int m = 1; m < rows; m++)
        for (int c = 0; c < HEAD_CHANNELS; c++)
            t->x[c] = t->x[c] + y[(size_t)m * HEAD_CHANNELS + (size_t)c];
    for (int c = 0; c < HEAD_CHANNELS; c++)
        t->x[c] = t->x[c] / (float)rows;
}

static void layer(struct tower *t, int i, bool pooled, kin_pool *pool, const struct kernels *k)
{
    struct efficientnet *own = net(t);
    if (i == own->n_blocks) {
        run_head(own, pooled, pool, k);
        return;
    }
    const struct inverted *b = &own->blocks[i];
    inverted_run(b, t->shape.q8, &own->scratch, pool, k, t->x);
    t->columns = b->project.n_out;
    t->spans[0].tokens = b->depthwise.windows.out * b->depthwise.windows.out;
}

static void pool(struct tower *t, float *row, float *out)
{
    for (int i = 0; i < t->dim; i++)
        out[i] = vec_dot(net(t)->projection + (size_t)i * HEAD_CHANNELS, row, HEAD_CHANNELS);
}

const struct family family_efficientnet = {"efficientnet", SCORES_SOFTMAX, sizeof(struct efficientnet),
                                           knows,          read,           make,
                                           place,          skips,          settle,
                                           finish,         ready,          embed,
                                           layer,          NULL,           pool,
                                           close,          canonical};
