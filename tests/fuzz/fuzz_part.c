/* fuzz_part: any bytes as a file of a catalogue's folder, as they are and with their checksums put right; of one that
 * opens every tensor is read to its end. */
#include "../../src/json.h"
#include "../../src/kin.h"
#include "mend.h"
#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void use(kin_part *p, const uint8_t *file, size_t file_n)
{
    unsigned sum = 0;
    kin_error err;
    json info;
    size_t n;
    char name[257];
    const char *text = kin_part_info(p);
    must(json_open(text, strlen(text), "info", &info, &err) == KIN_OK);
    must(json_get(info, "metadata").type == JSON_OBJECT);
    json tensors = json_get(info, "tensors");
    must(tensors.type == JSON_OBJECT);
    for (json it = json_first(tensors); it.type; it = json_next(tensors, it)) {
        size_t length = json_string(json_key(tensors, it), name, sizeof name - 1);
        name[length] = 0;
        if (strlen(name) != length)
            continue; /* no name for C */
        const uint8_t *bytes = kin_part_tensor(p, name, &n);
        must(bytes && bytes >= file && n <= (size_t)(file + file_n - bytes));
        must((json_equals(it, "F32") || json_equals(it, "U32") ? (uintptr_t)bytes % 4 : 0) == 0);
        must((json_equals(it, "F64") || json_equals(it, "U64") ? (uintptr_t)bytes % 8 : 0) == 0);
        for (size_t k = 0; k < n; k++)
            sum += bytes[k];
    }
    volatile unsigned seen = sum; /* so that the reading is not left out */
    (void)seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    kin_error err;
    uint8_t *copy = malloc(n ? n : 1); /* as malloc aligns it: the caller's promise */
    if (n)
        memcpy(copy, bytes, n);
    for (int mended = 0; mended < 2; mended++) {
        if (mended)
            mend(copy, n);
        kin_part *p = kin_part_open(copy, n, &err);
        if (p)
            use(p, copy, n);
        else
            must(err.status == KIN_NOT_A_CATALOG && strlen(err.text) > 0);
        kin_part_close(p);
    }
    free(copy);
    return 0;
}
