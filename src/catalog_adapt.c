/* catalog_adapt: an open catalogue whose rows and queries go through an adapter.
 *
 * Rows are mapped as floats and rounded to bytes as the writer rounds them, so that they are what a catalogue built of
 * mapped vectors would hold, but for the first rounding. What was computed of the old rows goes: codes are made anew,
 * null statistics, which need the phrases' vectors too, are void. */
#include "catalog.h"
#include "floats.h"
#include "kin.h"
#include <stdlib.h>

/* The mapped rows of `c` into bytes and scales. */
static kin_status map_rows(const kin_catalog *c, const struct adapter *a, int8_t *rows, float *scale, kin_error *err)
{
    float in[CATALOG_DIM_MAX], out[CATALOG_DIM_MAX], h[ADAPTER_RANK_MAX];
    for (uint32_t r = 0; r < c->rows; r++) {
        kin_catalog_vector(c, r, in);
        adapter_map(a->u, a->v, a->rank, a->dim, in, h, out);
        if (kin_quantise_vector(out, (int)c->dim, rows + (size_t)r * c->dim, scale + r, err) != KIN_OK)
            return kin_fail(err, KIN_NOT_AN_ADAPTER,
                            "The adapter maps row %u of the catalogue to no direction: train it again.", r);
    }
    return KIN_OK;
}

kin_status kin_catalog_adapt(kin_catalog *c, const uint8_t *bytes, size_t n, kin_error *err)
{
    DEFAULT_FLOATS
    struct adapter a = {0};
    json id = json_get(c->file.metadata, "kin.image_id");
    size_t id_n = id.type == JSON_STRING ? (size_t)(id.end - id.at) - 2 : 0;
    if (c->adapter.rank)
        return kin_fail(err, KIN_BAD_ARGUMENT, "The catalogue has an adapter already: open it anew for another.");
    TRY(adapter_read(bytes, n, c->dim, id.at ? id.at + 1 : "", id_n, &a, err));
    size_t size = (size_t)c->rows * (c->dim + sizeof(float));
    uint8_t *block = malloc(size ? size : 1);
    float *scale = (float *)(void *)block;
    int8_t *rows = block ? (int8_t *)(scale + c->rows) : NULL;
    kin_status status = block ? map_rows(c, &a, rows, scale, err)
                              : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to map the catalogue's pictures.");
    if (status != KIN_OK) {
        adapter_free(&a);
        free(block);
        return status;
    }
    c->adapter = a;
    c->adapted = block;
    c->vectors = rows, c->scale = scale;
    c->nulls = c->null_best = NULL;
    if (c->codes.bits) {
        codes_free(&c->codes);
        codes_make(&c->codes, c->vectors, c->rows, c->dim);
    }
    return KIN_OK;
}

void kin_catalog_map(const kin_catalog *c, const float *vector, float *out)
{
    DEFAULT_FLOATS
    float h[ADAPTER_RANK_MAX];
    adapter_map(c->adapter.u, c->adapter.v, c->adapter.rank, c->dim, vector, h, out);
}
