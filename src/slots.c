/* slots: the list, the forms, and the hash over both. */
#include "slots.h"
#include "quant.h"
#include <stdlib.h>

/* ---- the list -------------------------------------------------------------------------------- */

bool slots_alloc(struct slots *all, int room)
{
    *all = (struct slots){.list = calloc((size_t)room, sizeof *all->list), .room = room};
    return all->list != NULL;
}

void slots_free(struct slots *all)
{
    free(all->list);
    *all = (struct slots){0};
}

struct slot *slots_add(struct slots *all, const struct slot_form *form, uint32_t rank, uint64_t rows, uint64_t columns,
                       const char *prefix, const char *name)
{
    struct slot *s = &all->list[all->n++];
    *s = (struct slot){.form = form, .rank = rank, .shape = {rows, columns, 1, 1}};
    append_text(append_text(s->name, prefix), name);
    return s;
}

struct slot *slots_add_floats(struct slots *all, float *to, uint32_t rank, uint64_t rows, uint64_t columns,
                              const char *prefix, const char *name)
{
    struct slot *s = slots_add(all, &slot_floats, rank, rows, columns, prefix, name);
    s->to.floats = to;
    return s;
}

void slots_add_linear(struct slots *all, struct linear *l, bool q8, const char *prefix, const char *name)
{
    char full[88];
    uint64_t out = (uint64_t)l->n_out, in = (uint64_t)l->n_in;
    append_text(append_text(full, prefix), name);
    struct slot *weight = slots_add(all, q8 ? &slot_linear_q8 : &slot_linear_f32, 2, out, in, full, ".weight");
    weight->to.linear = l;
    if (q8) {
        weight->scales = slots_add_floats(all, l->scale, 1, out, 1, full, ".weight_scale");
        weight->scales->form = &slot_scales;
    }
    slots_add_floats(all, l->bias, 1, out, 1, full, ".bias");
}

struct slot *slots_find(struct slots *all, const char *name, size_t n)
{
    for (int i = 0; i < all->n; i++)
        if (strlen(all->list[i].name) == n && !memcmp(all->list[i].name, name, n))
            return &all->list[i];
    return NULL;
}

const struct slot *slots_missing(const struct slots *all)
{
    for (int i = 0; i < all->n; i++)
        if (all->list[i].rows_done != slot_rows(&all->list[i]))
            return &all->list[i];
    return NULL;
}

uint64_t slot_rows(const struct slot *s) { return s->rank < 2 ? 1 : s->shape[0]; }

uint64_t slot_row_values(const struct slot *s)
{
    if (s->rank < 2)
        return s->rank ? s->shape[0] : 1;
    return s->shape[1] * s->shape[2] * s->shape[3];
}

uint64_t slot_bytes(const struct slot *s) { return slot_rows(s) * slot_row_values(s) * s->form->value_bytes; }

/* ---- the forms ------------------------------------------------------------------------------- */

/* Where row `first` of a tensor kept in the order of the file begins, in numbers. */
static size_t begin(const struct slot *s, uint64_t first) { return (size_t)(first * slot_row_values(s)); }
static size_t count(const struct slot *s, uint64_t n) { return (size_t)(n * slot_row_values(s)); }

static kin_status set_floats(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                             kin_error *err)
{
    (void)k, (void)err;
    memcpy(s->to.floats + begin(s, first), rows, count(s, n) * sizeof *rows);
    return KIN_OK;
}

static void get_floats(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    memcpy(out, s->to.floats + begin(s, first), count(s, n) * sizeof(float));
}

static kin_status set_scales(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                             kin_error *err)
{
    for (size_t i = 0; i < count(s, n); i++)
        if (!(rows[i] > 0))
            return kin_fail(err, KIN_NOT_A_MODEL, "%s holds a scale that is not positive.", s->name);
    return set_floats(s, k, first, n, rows, err);
}

/* What is kept as halves: 65520 and more would be infinite. */
static kin_status halve(const struct slot *s, float value, uint16_t *out, kin_error *err)
{
    *out = float_to_f16(value);
    if ((*out & 0x7C00) != 0x7C00)
        return KIN_OK;
    return kin_fail(err, KIN_UNSUPPORTED,
                    "%s holds a number above 65504, which q8 does not keep; load it with dtype 'f32'.", s->name);
}

static kin_status set_halves(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                             kin_error *err)
{
    float *to = s->to.floats + begin(s, first);
    uint16_t half;
    (void)k;
    for (size_t i = 0, all = count(s, n); i < all; i++) {
        TRY(halve(s, rows[i], &half, err));
        to[i] = f16_to_float(half);
    }
    return KIN_OK;
}

static void get_halves(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    for (size_t i = 0; i < count(s, n); i++)
        ((uint16_t *)out)[i] = float_to_f16(s->to.floats[begin(s, first) + i]);
}

static kin_status set_raw_halves(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                                 kin_error *err)
{
    uint16_t *to = s->to.halves + begin(s, first);
    (void)k;
    for (size_t i = 0, all = count(s, n); i < all; i++)
        TRY(halve(s, rows[i], &to[i], err));
    return KIN_OK;
}

static void get_raw_halves(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    memcpy(out, s->to.halves + begin(s, first), count(s, n) * sizeof *s->to.halves);
}

static kin_status set_linear_q8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                                kin_error *err)
{
    struct linear *l = s->to.linear;
    size_t width = (size_t)slot_row_values(s);
    int8_t *q = malloc(PANEL * width);
    if (!q)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read %s.", s->name);
    for (uint64_t r = 0; r < n; r += PANEL) {
        int some = (int)(n - r < PANEL ? n - r : PANEL);
        for (int c = 0; c < some; c++)
            quant_weight_row(rows + (r + (uint64_t)c) * width, (int)width, q + (size_t)c * width,
                             &l->scale[first + r + (uint64_t)c]);
        linear_set_q8(l, k, (int)(first + r), some, q);
    }
    free(q);
    s->scales->rows_done = 1;
    return KIN_OK;
}

static uint64_t set_linear_i8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const int8_t *rows)
{
    size_t width = (size_t)slot_row_values(s);
    for (uint64_t r = 0; r < n; r++)
        if (!quant_weight_row_valid(rows + r * width, (int)width))
            return r;
    for (uint64_t r = 0; r < n; r += PANEL)
        linear_set_q8(s->to.linear, k, (int)(first + r), (int)(n - r < PANEL ? n - r : PANEL), rows + r * width);
    return n;
}

static void get_linear_q8(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    linear_get_q8(s->to.linear, k, (int)first, (int)n, out);
}

static kin_status set_linear_f32(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                                 kin_error *err)
{
    (void)k, (void)err;
    for (uint64_t r = 0; r < n; r += PANEL)
        linear_set_f32(s->to.linear, (int)(first + r), (int)(n - r < PANEL ? n - r : PANEL), rows + begin(s, r));
    return KIN_OK;
}

static void get_linear_f32(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    linear_get_f32(s->to.linear, (int)first, (int)n, out);
}

/* Number i of a row [c][y][x] is number [y][x][c] of the panel's row; area = P P. */
static size_t pixel_place(size_t i, size_t area) { return i % area * 3 + i / area; }

static kin_status set_pixels_f32(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                                 kin_error *err)
{
    (void)k, (void)err;
    struct linear *l = s->to.linear;
    size_t width = (size_t)slot_row_values(s), area = width / 3;
    for (uint64_t r = 0; r < n; r++) {
        float *panel = l->panels_f32 + (first + r) / PANEL * PANEL * (size_t)l->kp;
        for (size_t i = 0; i < width; i++)
            panel[pixel_place(i, area) * PANEL + (first + r) % PANEL] = rows[r * width + i];
    }
    return KIN_OK;
}

static void get_pixels_f32(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    size_t width = (size_t)slot_row_values(s), area = width / 3;
    const float *panel = s->to.linear->panels_f32 + first * (size_t)s->to.linear->kp;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < width; i++)
            ((float *)out)[c * width + i] = panel[pixel_place(i, area) * PANEL + c];
}

static kin_status set_table_q8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                               kin_error *err)
{
    (void)k, (void)err;
    for (uint64_t r = 0; r < n; r++)
        quant_embedding_row(rows + begin(s, r), (int)slot_row_values(s), s->to.table + begin(s, first + r),
                            &s->scales->to.floats[first + r]);
    s->scales->rows_done = 1;
    return KIN_OK;
}

static uint64_t set_table_i8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const int8_t *rows)
{
    (void)k;
    for (size_t i = 0; i < count(s, n); i++)
        if (rows[i] == -128)
            return i / slot_row_values(s);
    memcpy(s->to.table + begin(s, first), rows, count(s, n));
    return n;
}

static void get_table_q8(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out)
{
    (void)k;
    memcpy(out, s->to.table + begin(s, first), count(s, n));
}

const struct slot_form slot_floats = {"F32", 4, .set_f32 = set_floats, .get = get_floats},
                       slot_scales = {"F32", 4, .set_f32 = set_scales, .get = get_floats},
                       slot_halves = {"F16", 2, .set_f32 = set_halves, .get = get_halves},
                       slot_raw_halves = {"F16", 2, .set_f32 = set_raw_halves, .get = get_raw_halves},
                       slot_linear_q8 = {"I8", 1, true, true, set_linear_q8, set_linear_i8, get_linear_q8},
                       slot_linear_f32 = {"F32", 4, true, true, .set_f32 = set_linear_f32, .get = get_linear_f32},
                       slot_pixels_f32 = {"F32", 4, .set_f32 = set_pixels_f32, .get = get_pixels_f32},
                       slot_table_q8 = {"I8", 1, true, false, set_table_q8, set_table_i8, get_table_q8};

kin_status slot_set_f32(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                        kin_error *err)
{
    for (size_t i = 0; i < count(s, n); i++)
        if (!(rows[i] - rows[i] == 0))
            return kin_fail(err, KIN_NOT_A_MODEL, "%s holds a value that is not finite; the file is damaged.", s->name);
    TRY(s->form->set_f32(s, k, first, n, rows, err));
    s->rows_done += n;
    return KIN_OK;
}

kin_status slot_set_i8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const int8_t *rows,
                       kin_error *err)
{
    uint64_t good = s->form->set_i8(s, k, first, n, rows);
    if (good < n)
        return kin_fail(err, KIN_NOT_A_MODEL, "%s row %llu breaks the rule s7q128; convert the model again.", s->name,
                        (unsigned long long)(first + good));
    s->rows_done += n;
    return KIN_OK;
}

/* ---- the hash -------------------------------------------------------------------------------- */

static void hash_text(struct sha256 *h, const char *text) { sha256_update(h, text, strlen(text)); }

static void hash_number(struct sha256 *h, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[sizeof digits - ++n] = (char)('0' + value % 10);
    while (value /= 10);
    sha256_update(h, digits + sizeof digits - n, n);
}

static void hash_slot(const struct slot *s, const struct kernels *k, struct sha256 *h, uint8_t *panel)
{
    hash_text(h, s->name);
    hash_text(h, "\n");
    hash_text(h, s->form->dtype);
    hash_text(h, "\n");
    for (uint32_t d = 0; d < s->rank; d++) {
        hash_text(h, d ? "," : "");
        hash_number(h, s->shape[d]);
    }
    hash_text(h, "\n");
    for (uint64_t r = 0, n; r < slot_rows(s); r += n) {
        n = slot_rows(s) - r < PANEL ? slot_rows(s) - r : PANEL;
        s->form->get(s, k, r, n, panel);
        sha256_update(h, panel, count(s, n) * s->form->value_bytes);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct slot *const *)a)->name, (*(const struct slot *const *)b)->name);
}

kin_status slots_hash(const struct slots *all, const struct kernels *k, struct sha256 *h, kin_error *err)
{
    size_t widest = 1;
    for (int i = 0; i < all->n; i++)
        if (slot_row_values(&all->list[i]) > widest)
            widest = (size_t)slot_row_values(&all->list[i]);
    const struct slot **order = malloc((size_t)all->n * sizeof *order);
    uint8_t *panel = malloc(PANEL * widest * sizeof(float));
    if (!order || !panel) {
        free(order), free(panel);
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to identify the model.");
    }
    for (int i = 0; i < all->n; i++)
        order[i] = &all->list[i];
    qsort(order, (size_t)all->n, sizeof *order, by_name);
    for (int i = 0; i < all->n; i++)
        hash_slot(order[i], k, h, panel);
    free(order), free(panel);
    return KIN_OK;
}
