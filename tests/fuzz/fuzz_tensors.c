/* fuzz_tensors: any bytes as a safetensors file, whole and with its size unknown; of what is
 * accepted the promises of tensors.h are checked. */
#include "../../src/tensors.h"
#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(tensor_file *f)
{
    uint64_t at = f->n ? f->tensors[0].begin : f->file_bytes;
    for (uint32_t i = 0; i < f->n; i++) {
        const tensor *t = &f->tensors[i];
        char name[257];
        uint64_t bytes = tensor_dtype_size(t->dtype);
        must(t->begin == at && t->end >= t->begin && t->rank <= TENSOR_MAX_RANK);
        for (int d = 0; d < TENSOR_MAX_RANK; d++)
            bytes *= t->shape[d];
        must(t->end - t->begin == bytes);
        at = t->end;
        must(t->name_len >= 1 && t->name_len <= 256);
        memcpy(name, t->name, t->name_len);
        name[t->name_len] = 0;
        if (strlen(name) == t->name_len)
            must(tensor_find(f, name) == t); /* no other has its name */
    }
    must(at == f->file_bytes);
    for (json it = json_first(f->metadata); it.type; it = json_next(f->metadata, it))
        must(it.type == JSON_STRING);
    tensor_file_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    tensor_file f;
    kin_error err;
    if (tensor_file_open(bytes, n, n, KIN_NOT_A_CATALOG, "input", &f, &err) == KIN_OK) {
        must(f.file_bytes == n);
        check(&f);
    } else {
        must(err.status == KIN_NOT_A_CATALOG && strlen(err.text) > 0);
    }
    if (tensor_file_open(bytes, n, UINT64_MAX, KIN_NOT_A_MODEL, "input", &f, &err) == KIN_OK)
        check(&f);
    else
        must(err.status == KIN_NOT_A_MODEL);
    return 0;
}
