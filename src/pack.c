/* pack: opening and describing a file of label vectors. */
#include "pack.h"
#include "floats.h"
#include "kin.h"
#include <stdlib.h>

enum {
#define X(constant, name, dtype, rank) PART_##constant,
    PACK_PARTS(X)
#undef X
        PART_COUNT
};

static const tensor parts[PART_COUNT] = {
#define X(constant, name, dtype, rank) {name, sizeof name - 1, dtype, rank, {0}, 0, 0},
    PACK_PARTS(X)
#undef X
};

struct kin_pack {
    tensor_file file;
    const uint8_t *bytes; /* borrowed */
    struct json_out info;
    uint32_t dim;
};

#define BAD(err, ...) kin_fail(err, KIN_NOT_A_PACK, "The label pack " __VA_ARGS__)

static kin_status check_metadata(const struct kin_pack *p, kin_error *err)
{
    if (!json_equals(json_get(p->file.metadata, "kin.kind"), "labels"))
        return BAD(err, "does not say kin.kind = labels; is this a label pack of Kin's?");
    if (!json_equals(json_get(p->file.metadata, "kin.format"), PACK_FORMAT) ||
        json_get(p->file.metadata, "kin.needs").type != JSON_ABSENT)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "The label pack is not of format " PACK_FORMAT
                        " as this release knows it: build it again, or update Kin.");
    return KIN_OK;
}

static kin_status check_part(struct kin_pack *p, int i, kin_error *err)
{
    const tensor *want = &parts[i], *t = tensor_find(&p->file, want->name);
    int small = i == PART_PHRASES || i == PART_NEGATIVES; /* may be I8 too */
    if (!t || (t->dtype != want->dtype && !(small && t->dtype == DT_I8)) || t->rank != want->rank)
        return BAD(err, "has no tensor %s that is %s%s of rank %u.", want->name, tensor_dtype_name(want->dtype),
                   small ? " or I8" : "", want->rank);
    if (t->begin % tensor_dtype_size(t->dtype))
        return BAD(err, "has a header whose length is no multiple of 8.");
    if (i == PART_PHRASES)
        p->dim = t->shape[1] <= PACK_DIM_MAX ? (uint32_t)t->shape[1] : 0;
    uint64_t columns = i == PART_NULL ? 2 : p->dim;
    if (t->shape[0] > PACK_ROWS_MAX * (i == PART_LABELS ? 64ull : 1) || (want->rank == 2 && t->shape[1] != columns) ||
        columns < 1)
        return BAD(err, "has a tensor %s whose shape does not fit the others'.", want->name);
    if (t->dtype == DT_F32) {
        const float *values = (const float *)(const void *)(p->bytes + t->begin);
        for (uint64_t k = 0; k < (t->end - t->begin) / 4; k++)
            if (!(values[k] - values[k] == 0)) /* infinite, or no number */
                return BAD(err, "has a number in %s that is not finite.", want->name);
    }
    return KIN_OK;
}

static kin_status check(struct kin_pack *p, kin_error *err)
{
    TRY(check_metadata(p, err));
    TRY(tensor_file_check(&p->file, p->bytes, KIN_NOT_A_PACK, "The label pack", err));
    for (int i = 0; i < PART_COUNT; i++)
        TRY(check_part(p, i, err));
    return KIN_OK;
}

kin_pack *kin_pack_open(const uint8_t *bytes, size_t n, kin_error *err)
{
    DEFAULT_FLOATS
    if ((uintptr_t)bytes % 8) {
        kin_fail(err, KIN_BAD_ARGUMENT, "A label pack's bytes must start at a multiple of 8.");
        return NULL;
    }
    kin_pack *p = calloc(1, sizeof *p);
    if (!p) {
        kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to open the label pack.");
        return NULL;
    }
    p->bytes = bytes;
    json_out_init(&p->info);
    if (tensor_file_open(bytes, n, n, KIN_NOT_A_PACK, "The label pack", &p->file, err) == KIN_OK &&
        check(p, err) == KIN_OK)
        return p;
    kin_pack_close(p);
    return NULL;
}

void kin_pack_close(kin_pack *pack)
{
    if (!pack)
        return;
    tensor_file_close(&pack->file);
    json_out_free(&pack->info);
    free(pack);
}

const char *kin_pack_info(kin_pack *p)
{
    static const char short_of_memory[] = "null";
    struct json_out *o = &p->info;
    json_out_free(o);
    json_out_raw(o, "{\"dim\":");
    json_out_u64(o, p->dim);
    json_out_raw(o, ",");
    tensor_file_tell(&p->file, o);
    json_out_raw(o, "}");
    json_out_rawn(o, "", 1);
    return o->failed ? short_of_memory : o->text;
}

const void *kin_pack_tensor(const kin_pack *p, const char *name, size_t *bytes)
{
    return tensor_values(&p->file, p->bytes, name, bytes);
}
