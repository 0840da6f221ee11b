/* catalog: opening and describing; the search itself is search.c. */
#include "catalog.h"
#include "floats.h"
#include "kin.h"
#include "nulls.h"
#include <stdlib.h>
#include <string.h>

const tensor catalog_parts[PART_COUNT] = {
#define X(constant, name, dtype, rank, needed) {name, sizeof name - 1, dtype, rank, {0}, 0, 0},
    CATALOG_PARTS(X)
#undef X
};

const bool catalog_needs[PART_COUNT] = {
#define X(constant, name, dtype, rank, needed) needed,
    CATALOG_PARTS(X)
#undef X
};

#define BAD(err, ...) kin_fail(err, KIN_NOT_A_CATALOG, "The catalogue " __VA_ARGS__)

/* The file's tensor that is part i of the table, NULL where it may do without, or a sentence. */
static kin_status find_part(const kin_catalog *c, int i, const tensor **out, kin_error *err)
{
    const tensor *want = &catalog_parts[i], *t = tensor_find(&c->file, want->name);
    *out = NULL;
    if (!t && !catalog_needs[i])
        return KIN_OK;
    if (!t)
        return BAD(err, "has no tensor %s; is this a Kin catalogue?", want->name);
    if (t->dtype != want->dtype || t->rank != want->rank)
        return BAD(err, "has a tensor %s that is not %s of rank %u.", want->name, tensor_dtype_name(want->dtype),
                   want->rank);
    *out = t;
    return KIN_OK;
}

static kin_status check_offsets(const kin_catalog *c, const tensor *offsets, const tensor *data, uint64_t m,
                                kin_error *err)
{
    const uint64_t *at = (const uint64_t *)(c->bytes + offsets->begin);
    bool fine = offsets->shape[0] == m + 1 && at[0] == 0;
    for (uint64_t i = 0; fine && i < m; i++)
        fine = at[i] <= at[i + 1];
    if (!fine || at[m] != data->shape[0])
        return BAD(err, "has offsets (%.*s) that do not run from 0 to the end of its data.", (int)offsets->name_len,
                   offsets->name);
    return KIN_OK;
}

/* Ids: not empty, UTF-8, all different, and id_order sorts them. */
static kin_status check_ids(const kin_catalog *c, const tensor *offsets, const tensor *ids, const tensor *order,
                            kin_error *err)
{
    const uint64_t *at = (const uint64_t *)(c->bytes + offsets->begin);
    const uint32_t *rank = (const uint32_t *)(c->bytes + order->begin);
    const uint8_t *text = c->bytes + ids->begin;
    if (order->shape[0] != c->products)
        return BAD(err, "has an id_order for %llu products, not %u.", (unsigned long long)order->shape[0], c->products);
    for (uint32_t i = 0; i < c->products; i++) {
        uint32_t b = rank[i];
        if (b >= c->products)
            return BAD(err, "has an id_order that names a product it does not have.");
        size_t n = (size_t)(at[b + 1] - at[b]);
        if (n == 0 || !json_utf8((const char *)text + at[b], n))
            return BAD(err, "has an id that is empty or not UTF-8.");
        if (i == 0)
            continue;
        uint32_t a = rank[i - 1]; /* strictly rising, so no product can stand twice either */
        size_t before = (size_t)(at[a + 1] - at[a]);
        int less = memcmp(text + at[a], text + at[b], before < n ? before : n);
        if (less > 0 || (less == 0 && before >= n))
            return BAD(err, "has ids that are not sorted by id_order, or not all different.");
    }
    return KIN_OK;
}

bool catalog_scaled(const int8_t *rows, const float *scale, uint32_t n, uint32_t dim, uint32_t *bad)
{
    for (*bad = 0; *bad < n; ++*bad) {
        double want = row_scale(rows + (size_t)*bad * dim, dim), gap = (double)scale[*bad] - want;
        if (!(gap < want * 1e-6 && gap > -want * 1e-6)) /* nor where `want` is infinite */
            return false;
    }
    return true;
}

bool catalog_moments(const float *values, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++)
        if (!(values[i] - values[i] == 0) || (i % 2 && values[i] < 0))
            return false;
    return true;
}

static kin_status check_rows(const kin_catalog *c, kin_error *err)
{
    uint32_t next = 0 /* the product that may come next */, bad;
    for (uint32_t r = 0; r < c->rows; r++) {
        uint32_t item = c->row_item[r];
        if (item > next || item + 1 < next || item >= c->products)
            return BAD(err, "has rows that do not follow its products (row %u).", r);
        next = item + 1;
    }
    if (!catalog_scaled(c->vectors, c->scale, c->rows, c->dim, &bad))
        return BAD(err, "has a scale that is not 1 / length of its vector (row %u).", bad);
    return next == c->products ? KIN_OK : BAD(err, "has a product without a picture.");
}

static kin_status find_nulls(kin_catalog *c, const tensor *rows, const tensor *best, kin_error *err)
{
    if (!rows || !best)
        return KIN_OK;
    const float *values = (const float *)(c->bytes + rows->begin), *pair = (const float *)(c->bytes + best->begin);
    if (rows->shape[0] != c->rows || rows->shape[1] != NULL_STATS || best->shape[0] != 2 ||
        !catalog_moments(values, 2 * (size_t)c->rows) || !catalog_moments(pair, 1))
        return BAD(err, "has null statistics that are no mean and deviation for each picture.");
    c->nulls = values, c->null_best = pair;
    return KIN_OK;
}

static kin_status check_metadata(const kin_catalog *c, kin_error *err)
{
    json format = json_get(c->file.metadata, "kin.format");
    if (!json_equals(json_get(c->file.metadata, "kin.kind"), "catalog"))
        return BAD(err, "does not say kin.kind = catalog; is this a Kin catalogue?");
    if (!json_equals(format, CATALOG_FORMAT) || json_get(c->file.metadata, "kin.needs").type != JSON_ABSENT)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "The catalogue is not of format " CATALOG_FORMAT
                        " as this release knows it: build it again, or update Kin.");
    return KIN_OK;
}

static kin_status check(kin_catalog *c, kin_error *err)
{
    const tensor *part[PART_COUNT];
    TRY(check_metadata(c, err));
    TRY(tensor_file_check(&c->file, c->bytes, KIN_NOT_A_CATALOG, "The catalogue", err));
    for (int i = 0; i < PART_COUNT; i++)
        TRY(find_part(c, i, &part[i], err));
    uint64_t m = part[PART_ITEM_OFFSETS]->shape[0], r = part[PART_VECTORS]->shape[0];
    uint64_t dim = part[PART_VECTORS]->shape[1];
    if (m - 1 > INT32_MAX || r > INT32_MAX || dim < 1 || dim > CATALOG_DIM_MAX) /* nor may m be 0 */
        return BAD(err, "has sizes out of range: %llu products, %llu pictures of %llu numbers.", (unsigned long long)m,
                   (unsigned long long)r, (unsigned long long)dim);
    c->products = c->counted = (uint32_t)(m - 1);
    c->rows = (uint32_t)r;
    c->dim = (uint32_t)dim;
    if (part[PART_SCALE]->shape[0] != r || part[PART_ROW_ITEM]->shape[0] != r || part[PART_ROW_PICTURE]->shape[0] != r)
        return BAD(err, "has tensors for different numbers of pictures.");
    for (int i = 0; i < PART_COUNT; i++)
        if (part[i] && part[i]->begin % tensor_dtype_size(part[i]->dtype))
            return BAD(err, "has a header whose length is no multiple of 8.");
    c->scale = (const float *)(c->bytes + part[PART_SCALE]->begin);
    c->row_item = (const uint32_t *)(c->bytes + part[PART_ROW_ITEM]->begin);
    c->vectors = (const int8_t *)(c->bytes + part[PART_VECTORS]->begin);
    TRY(check_offsets(c, part[PART_ITEM_OFFSETS], part[PART_ITEMS], c->products, err));
    TRY(check_offsets(c, part[PART_ID_OFFSETS], part[PART_IDS], c->products, err));
    TRY(check_ids(c, part[PART_ID_OFFSETS], part[PART_IDS], part[PART_ID_ORDER], err));
    TRY(find_nulls(c, part[PART_NULLS], part[PART_NULL_BEST], err));
    return check_rows(c, err);
}

kin_catalog *kin_catalog_open(const uint8_t *bytes, size_t n, kin_error *err)
{
    DEFAULT_FLOATS
    if ((uintptr_t)bytes % 8) {
        kin_fail(err, KIN_BAD_ARGUMENT, "A catalogue's bytes must start at a multiple of 8.");
        return NULL;
    }
    kin_catalog *c = calloc(1, sizeof *c);
    if (!c) {
        kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to open the catalogue.");
        return NULL;
    }
    c->bytes = bytes;
    json_out_init(&c->info);
    if (tensor_file_open(bytes, n, n, KIN_NOT_A_CATALOG, "The catalogue", &c->file, err) != KIN_OK ||
        check(c, err) != KIN_OK) {
        kin_catalog_close(c);
        return NULL;
    }
    if (c->rows > CODES_LEAST_ROWS && c->dim >= CODES_LEAST_DIM)
        codes_make(&c->codes, c->vectors, c->rows, c->dim); /* without them every search is exact */
    return c;
}

void kin_catalog_close(kin_catalog *catalog)
{
    if (!catalog)
        return;
    tensor_file_close(&catalog->file);
    json_out_free(&catalog->info);
    codes_free(&catalog->codes);
    adapter_free(&catalog->adapter);
    free(catalog->adapted);
    free(catalog);
}

const char *kin_catalog_info(kin_catalog *c)
{
    static const char short_of_memory[] = "null";
    struct json_out *o = &c->info;
    json_out_free(o);
    json_out_raw(o, "{\"products\":");
    json_out_u64(o, c->products);
    json_out_raw(o, ",\"pictures\":");
    json_out_u64(o, c->rows);
    json_out_raw(o, ",\"dim\":");
    json_out_u64(o, c->dim);
    json_out_raw(o, ",");
    tensor_file_tell(&c->file, o);
    json_out_raw(o, "}");
    json_out_rawn(o, "", 1);
    return o->failed ? short_of_memory : o->text;
}

const void *kin_catalog_tensor(const kin_catalog *c, const char *name, size_t *bytes)
{
    return tensor_values(&c->file, c->bytes, name, bytes);
}

kin_error *kin_error_new(void) { return calloc(1, sizeof(kin_error)); }
const char *kin_error_struct_text(const kin_error *err) { return err->text; }
int kin_error_struct_status(const kin_error *err) { return err->status; }
