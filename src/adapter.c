/* adapter: reading the file, and the map itself. */
#include "adapter.h"
#include "tensors.h"
#include <stdlib.h>

#define BAD(err, ...) kin_fail(err, KIN_NOT_AN_ADAPTER, "The adapter " __VA_ARGS__)

float adapter_map(const float *u, const float *v, uint32_t rank, uint32_t stride, const float *in, float *h, float *out)
{
    const int n = (int)stride;
    memcpy(out, in, stride * sizeof *out);
    for (uint32_t k = 0; k < rank; k++)
        h[k] = vec_dot(v + (size_t)k * stride, in, n);
    for (uint32_t k = 0; k < rank; k++, u += stride)
        add_times(out, h[k], u, stride);
    float inv = 1 / sqrtf(vec_dot(out, out, n));
    for (int i = 0; i < n; i++)
        out[i] *= inv;
    return inv;
}

void adapter_free(struct adapter *a)
{
    free(a->u);
    *a = (struct adapter){0};
}

static kin_status check_metadata(const tensor_file *f, const char *image_id, size_t image_id_n, kin_error *err)
{
    json own = json_get(f->metadata, "kin.image_id");
    if (!json_equals(json_get(f->metadata, "kin.kind"), "adapter"))
        return BAD(err, "does not say kin.kind = adapter; is this an adapter of Kin's?");
    if (!json_equals(json_get(f->metadata, "kin.format"), ADAPTER_FORMAT) ||
        json_get(f->metadata, "kin.needs").type != JSON_ABSENT)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "The adapter is not of format " ADAPTER_FORMAT
                        " as this release knows it: train it again, or update Kin.");
    /* an id has no character that would be escaped: its text is its bytes */
    size_t own_n = own.type == JSON_STRING ? (size_t)(own.end - own.at) - 2 : 0;
    if (own_n && image_id_n && (own_n != image_id_n || memcmp(own.at + 1, image_id, own_n) != 0))
        return kin_fail(err, KIN_MODEL_MISMATCH,
                        "The adapter was trained on vectors of another model than the catalogue's: train it again.");
    return KIN_OK;
}

static kin_status find(const tensor_file *f, const uint8_t *bytes, const char *name, const tensor *same,
                       const tensor **out, kin_error *err)
{
    const tensor *t = tensor_find(f, name);
    if (!t || t->dtype != DT_F32 || t->rank != 2 || t->shape[0] < 1 || t->shape[0] > ADAPTER_RANK_MAX ||
        t->shape[1] < 1 || t->shape[1] > ADAPTER_DIM_MAX ||
        (same && (t->shape[0] != same->shape[0] || t->shape[1] != same->shape[1])))
        return BAD(err, "has no tensor %s that is F32 of 1 to %d rows of 1 to %d numbers, as many as the other's.",
                   name, ADAPTER_RANK_MAX, ADAPTER_DIM_MAX);
    if (t->begin % sizeof(float))
        return BAD(err, "has a header whose length is no multiple of 8.");
    const float *values = (const float *)(const void *)(bytes + t->begin);
    for (uint64_t i = 0; i < (t->end - t->begin) / sizeof(float); i++)
        if (!(values[i] - values[i] == 0))
            return BAD(err, "has a number in %s that is not finite.", name);
    *out = t;
    return KIN_OK;
}

static kin_status take(const tensor_file *f, const uint8_t *bytes, uint32_t dim, const char *image_id,
                       size_t image_id_n, struct adapter *out, kin_error *err)
{
    const tensor *u, *v;
    TRY(check_metadata(f, image_id, image_id_n, err));
    TRY(tensor_file_check(f, bytes, KIN_NOT_AN_ADAPTER, "The adapter", err));
    TRY(find(f, bytes, "U", NULL, &u, err));
    TRY(find(f, bytes, "V", u, &v, err));
    if (u->shape[1] != dim)
        return kin_fail(err, KIN_MODEL_MISMATCH,
                        "The adapter is for vectors of %u numbers, and the catalogue's have %u: train it on vectors of "
                        "the catalogue's model.",
                        (unsigned)u->shape[1], dim);
    size_t size = (size_t)(u->end - u->begin);
    float *block = malloc(2 * size);
    if (!block)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to open the adapter.");
    memcpy(block, bytes + u->begin, size);
    memcpy(block + size / sizeof *block, bytes + v->begin, size);
    *out = (struct adapter){.dim = dim, .rank = (uint32_t)u->shape[0], .u = block, .v = block + size / sizeof *block};
    return KIN_OK;
}

kin_status adapter_read(const uint8_t *bytes, size_t n, uint32_t dim, const char *image_id, size_t image_id_n,
                        struct adapter *out, kin_error *err)
{
    tensor_file f;
    if ((uintptr_t)bytes % 8)
        return kin_fail(err, KIN_BAD_ARGUMENT, "An adapter's bytes must start at a multiple of 8.");
    TRY(tensor_file_open(bytes, n, n, KIN_NOT_AN_ADAPTER, "The adapter", &f, err));
    kin_status status = take(&f, bytes, dim, image_id, image_id_n, out, err);
    tensor_file_close(&f);
    return status;
}
