/* part: one of the files of a catalogue's folder, checked whole; what its tensors hold is the reader's to check. [level 3] */
#include "kin.h"
#include "sha256.h"
#include "tensors.h"
#include <stdlib.h>

struct kin_part {
    tensor_file file;
    const uint8_t *bytes; /* borrowed */
    struct json_out info;
};

static const char what[] = "A file of the catalogue";

static kin_status check(const struct kin_part *p, kin_error *err)
{
    TRY(tensor_file_check(&p->file, p->bytes, KIN_NOT_A_CATALOG, what, err));
    for (uint32_t i = 0; i < p->file.n; i++)
        if (p->file.tensors[i].begin % tensor_dtype_size(p->file.tensors[i].dtype))
            return kin_fail(err, KIN_NOT_A_CATALOG, "%s has a header whose length is no multiple of 8.", what);
    return KIN_OK;
}

kin_part *kin_part_open(const uint8_t *bytes, size_t n, kin_error *err)
{
    if ((uintptr_t)bytes % 8) {
        kin_fail(err, KIN_BAD_ARGUMENT, "%s must start at a multiple of 8.", what);
        return NULL;
    }
    kin_part *p = calloc(1, sizeof *p);
    if (!p) {
        kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to open a file of the catalogue.");
        return NULL;
    }
    p->bytes = bytes;
    json_out_init(&p->info);
    if (tensor_file_open(bytes, n, n, KIN_NOT_A_CATALOG, what, &p->file, err) == KIN_OK && check(p, err) == KIN_OK)
        return p;
    kin_part_close(p);
    return NULL;
}

void kin_part_close(kin_part *part)
{
    if (!part)
        return;
    tensor_file_close(&part->file);
    json_out_free(&part->info);
    free(part);
}

const char *kin_part_info(kin_part *p)
{
    static const char short_of_memory[] = "null";
    struct json_out *o = &p->info;
    json_out_free(o);
    json_out_raw(o, "{");
    tensor_file_tell(&p->file, o);
    json_out_raw(o, "}");
    json_out_rawn(o, "", 1);
    return o->failed ? short_of_memory : o->text;
}

const void *kin_part_tensor(const kin_part *p, const char *name, size_t *bytes)
{
    return tensor_values(&p->file, p->bytes, name, bytes);
}

void kin_sha256(const uint8_t *bytes, size_t n, uint8_t digest[32])
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, bytes, n);
    sha256_final(&h, digest);
}
