/* load: a small state machine over one file after another. */
#include "load.h"
#include "quant.h"
#include <stdlib.h>

void loader_begin(struct loader *l, struct tower *tower, const struct kernels *k)
{
    *l = (struct loader){.tower = tower, .kernels = k, .head_need = 8};
}

void loader_end(struct loader *l)
{
    free(l->head), free(l->body);
    if (l->opened)
        tensor_file_close(&l->file);
    l->head = l->body = NULL;
    l->opened = false;
}

static bool starts_with(const tensor *t, const char *head)
{
    size_t n = strlen(head);
    return t->name_len >= n && !memcmp(t->name, head, n);
}

/* Cuts "@<digits>" off a name. False where there is none. */
static bool split_part(const tensor *t, size_t *name_n, uint64_t *first)
{
    size_t at = t->name_len;
    uint64_t value = 0, unit = 1;
    while (at > 0 && t->name[at - 1] >= '0' && t->name[at - 1] <= '9' && t->name_len - at < 10) {
        value += unit * (uint64_t)(t->name[--at] - '0');
        unit *= 10;
    }
    if (at == t->name_len || at == 0 || t->name[at - 1] != '@')
        return false;
    *name_n = at - 1;
    *first = value;
    return true;
}

/* Whether t has the shape of what it is for: a slot, a part of n of its rows, several slots, or one that is transposed. */
static bool has_shape(const tensor *t, const struct place *place, bool part, uint64_t n)
{
    const struct slot *s = place->slots[0];
    if (t->rank != s->rank && !(s->rank == 0 && t->rank == 1 && t->shape[0] == 1))
        return false;
    if (place->transposed)
        return t->rank == 2 && t->shape[0] == s->shape[1] && t->shape[1] == s->shape[0];
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->shape[i] != (i ? s->shape[i] : part ? n : s->shape[0] * (uint64_t)place->n))
            return false;
    return true;
}

/* Finds what tensor t is for: its place and the first row there, or none for one to skip. */
static kin_status match(struct loader *l, const tensor *t, struct place *out, uint64_t *first, kin_error *err)
{
    size_t name_n = t->name_len;
    bool part = split_part(t, &name_n, first);
    if (!part)
        *first = 0;
    struct place place = {.slots = {slots_find(&l->tower->slots, t->name, name_n)}, .n = 1};
    struct slot *s = place.slots[0];
    *out = (struct place){0};
    if (!s && !part) {
        TRY(l->tower->family->place(l->tower, t->name, t->name_len, &place, err));
        s = place.slots[0];
    }
    if (!s) {
        if (starts_with(t, "kin.") || l->tower->family->skips(l->tower, t->name, t->name_len))
            return KIN_OK;
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "The model file has a tensor %.*s that a CLIP model of this %s does not; "
                        "check that the files belong together.",
                        (int)t->name_len, t->name, l->tower->file);
    }
    uint64_t rows = slot_rows(s), n = part ? t->shape[0] : rows;
    bool shape = has_shape(t, &place, part, n), fresh = *first == s->rows_done;
    for (int i = 1; i < place.n; i++)
        fresh = fresh && !place.slots[i]->rows_done;
    if (part && (t->rank < 2 || n == 0 || n > rows || *first > rows - n))
        shape = false;
    if (!shape)
        return kin_fail(err, KIN_NOT_A_MODEL, "Tensor %.*s does not have the shape that %s asks for.", (int)t->name_len,
                        t->name, l->tower->file);
    if (!fresh || (part && s->form->panels && *first % PANEL))
        return kin_fail(err, KIN_NOT_A_MODEL, "Tensor %.*s comes twice, or its parts are out of order.",
                        (int)t->name_len, t->name);
    bool floats = t->dtype == DT_F32 || t->dtype == DT_F16 || t->dtype == DT_BF16;
    if (t->dtype == DT_I8 && s->form->weight) {
        if (!l->converted)
            return kin_fail(err, KIN_NOT_A_MODEL, "Tensor %.*s is I8 but the file does not say kin.weights = s7q128.",
                            (int)t->name_len, t->name);
    } else if (!floats || (s->form->weight && l->converted)) {
        return kin_fail(err, KIN_NOT_A_MODEL, "Tensor %.*s has dtype %s, which this reader does not take there.",
                        (int)t->name_len, t->name, tensor_dtype_name(t->dtype));
    }
    *out = place;
    return KIN_OK;
}

static float value_at(const uint8_t *body, tensor_dtype dtype, size_t i)
{
    uint16_t half;
    float f;
    if (dtype == DT_F32) {
        memcpy(&f, body + 4 * i, 4);
        return f;
    }
    memcpy(&half, body + 2 * i, 2);
    return dtype == DT_F16 ? f16_to_float(half) : bf16_to_float(half);
}

/* All of a tensor whose rows are the slot's columns. */
static kin_status take_transposed(struct loader *l, const tensor *t, kin_error *err)
{
    struct slot *s = l->place.slots[0];
    size_t rows = (size_t)s->shape[0], columns = (size_t)s->shape[1];
    float *row = malloc(columns * sizeof *row);
    if (!row)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read %s.", s->name);
    kin_status status = KIN_OK;
    for (size_t r = 0; r < rows && status == KIN_OK; r++) {
        for (size_t i = 0; i < columns; i++)
            row[i] = value_at(l->body, t->dtype, i * rows + r);
        status = slot_set_f32(s, l->kernels, r, 1, row, err);
    }
    free(row);
    l->body_n = 0;
    return status;
}

/* Hands the rows that were collected to the tower. */
static kin_status take(struct loader *l, const tensor *t, kin_error *err)
{
    struct slot *s = l->place.slots[l->share];
    if (l->place.transposed)
        return take_transposed(l, t, err);
    uint64_t width = slot_row_values(s), n = l->body_n / tensor_dtype_size(t->dtype) / width, first = l->first_row;
    l->first_row += n;
    l->body_n = 0;
    if (t->dtype == DT_I8)
        return slot_set_i8(s, l->kernels, first, n, (const int8_t *)l->body, err);
    if (t->dtype == DT_F32)
        return slot_set_f32(s, l->kernels, first, n, (const float *)l->body, err);
    float *rows = malloc((size_t)(n * width) * sizeof *rows);
    if (!rows)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read %s.", s->name);
    for (size_t i = 0; i < n * width; i++)
        rows[i] = value_at(l->body, t->dtype, i);
    kin_status status = slot_set_f32(s, l->kernels, first, n, rows, err);
    free(rows);
    return status;
}

/* Of a file that begins otherwise than safetensors do. */
static kin_status no_safetensors(const struct loader *l, kin_error *err)
{
    const char *other = other_file((const char *)l->head, 8);
    return kin_fail(err, KIN_NOT_A_MODEL, "The model file %s",
                    other ? other : "is not safetensors: its header length is wrong.");
}

static kin_status open_file(struct loader *l, kin_error *err)
{
    if (l->head[8] != '{' && other_file((const char *)l->head, 8)) /* such a beginning may be a length as well */
        return no_safetensors(l, err);
    TRY(tensor_file_open(l->head, l->head_n, UINT64_MAX, KIN_NOT_A_MODEL, "The model file", &l->file, err));
    free(l->head);
    l->head = NULL;
    l->opened = true;
    l->next = 0;
    if (l->file.sums)
        crc32_init(&l->crc);
    json weights = json_get(l->file.metadata, "kin.weights");
    l->converted = json_equals(weights, "s7q128");
    if (weights.type == JSON_STRING && !l->converted)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "The model's weights are of a kind this release does not know; update Kin.");
    if (l->converted && !l->tower->shape.q8)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "This model is stored as q8; load it with dtype 'q8', or convert the original with "
                        "--dtype f32.");
    return KIN_OK;
}

static kin_status feed_head(struct loader *l, const uint8_t **bytes, size_t *n, kin_error *err)
{
    while (!l->opened) {
        size_t take_n = l->head_need - l->head_n < *n ? l->head_need - l->head_n : *n;
        if (!l->head && !(l->head = malloc(8)))
            return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read the model.");
        memcpy(l->head + l->head_n, *bytes, take_n);
        l->head_n += take_n, l->at += take_n, *bytes += take_n, *n -= take_n;
        if (l->head_n < l->head_need)
            return KIN_OK;
        if (l->head_need == 8) {
            uint64_t header;
            memcpy(&header, l->head, 8);
            if (header < 2 || header > TENSOR_HEADER_MAX)
                return no_safetensors(l, err);
            l->head_need = 8 + (size_t)header;
            uint8_t *grown = realloc(l->head, l->head_need);
            if (!grown)
                return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read the model's header.");
            l->head = grown;
        } else {
            TRY(open_file(l, err));
        }
    }
    return KIN_OK;
}

static kin_status begin_tensor(struct loader *l, const tensor *t, kin_error *err)
{
    TRY(match(l, t, &l->place, &l->first_row, err));
    if (!l->place.n)
        return KIN_OK;
    const struct slot *s = l->place.slots[0];
    uint64_t all = t->end - t->begin, panel = slot_row_values(s) * PANEL * tensor_dtype_size(t->dtype);
    l->share = 0;
    l->share_end = t->begin + all / (uint64_t)l->place.n;
    l->body_size = (size_t)(panel < all && !l->place.transposed ? panel : all);
    l->body = malloc(l->body_size);
    return l->body ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for %s.", s->name);
}

kin_status loader_feed(struct loader *l, const uint8_t *bytes, size_t n, kin_error *err)
{
    TRY(feed_head(l, &bytes, &n, err));
    while (l->opened && l->next < l->file.n) {
        const tensor *t = &l->file.tensors[l->next];
        if (l->at == t->begin && !l->place.n)
            TRY(begin_tensor(l, t, err));
        uint64_t left = (l->place.n ? l->share_end : t->end) - l->at;
        size_t some = left < n ? (size_t)left : n;
        if (l->place.n) {
            if (some > l->body_size - l->body_n)
                some = l->body_size - l->body_n;
            memcpy(l->body + l->body_n, bytes, some);
            l->body_n += some;
        }
        if (l->file.sums)
            l->sum = crc32_update(&l->crc, l->sum, bytes, some);
        l->at += some, bytes += some, n -= some;
        bool whole = l->at == t->end;
        if (whole && !tensor_is_whole(&l->file, l->next, l->sum))
            return kin_fail(
                err, KIN_NOT_A_MODEL,
                "The model file is damaged: tensor %.*s has other bytes than were written; fetch or convert it "
                "again.",
                (int)t->name_len, t->name);
        bool share = l->place.n && l->at == l->share_end;
        if (l->body_n && (share || l->body_n == l->body_size))
            TRY(take(l, t, err));
        if (whole) {
            free(l->body);
            l->body = NULL;
            l->place.n = 0;
            l->sum = 0;
            l->next++;
        } else if (share) {
            l->share++, l->first_row = 0;
            l->share_end += (t->end - t->begin) / (uint64_t)l->place.n;
        } else if (!n) {
            return KIN_OK;
        }
    }
    if (n)
        return kin_fail(err, KIN_NOT_A_MODEL, "The model file goes on after its last tensor; it is damaged.");
    return KIN_OK;
}

kin_status loader_file_end(struct loader *l, kin_error *err)
{
    bool whole = l->opened && l->next == l->file.n;
    loader_end(l);
    loader_begin(l, l->tower, l->kernels);
    return whole ? KIN_OK : kin_fail(err, KIN_NOT_A_MODEL, "The model file ended early; fetch it again.");
}

kin_status model_id(const struct tower *t, const struct kernels *k, const char *what, const char *json, size_t n,
                    char hex[65], kin_error *err)
{
    struct sha256 h;
    uint8_t digest[32];
    struct json_out o;
    sha256_init(&h);
    TRY(slots_hash(&t->slots, k, &h, err));
    json_out_init(&o);
    json_out_raw(&o, "{\"config\":");
    tower_canonical(t, &o);
    json_out_raw(&o, ",\"");
    json_out_raw(&o, what);
    json_out_raw(&o, "\":");
    bool fine = !o.failed;
    if (fine)
        sha256_update(&h, o.text, o.n);
    json_out_free(&o);
    if (!fine)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to identify the model.");
    sha256_update(&h, json, n);
    sha256_update(&h, "}", 1);
    sha256_final(&h, digest);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = 0;
    return KIN_OK;
}
