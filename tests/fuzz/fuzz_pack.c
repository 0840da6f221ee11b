/* fuzz_pack: any bytes as a label pack, as they are and with their checksums put right; of one that opens every
 * tensor that it names is read to its end. */
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

static void use(kin_pack *p)
{
    static const char *const names[] = {"null", "phrases", "negatives", "background", "pictures", "labels"};
    uint64_t dim = 0;
    unsigned sum = 0;
    kin_error err;
    json info;
    const char *text = kin_pack_info(p);
    must(json_open(text, strlen(text), "info", &info, &err) == KIN_OK);
    must(json_u64(json_get(info, "dim"), &dim) && dim >= 1 && dim <= 4096);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        const uint8_t *bytes = kin_pack_tensor(p, names[i], &n);
        must(bytes && (i == 0 ? n % 8 == 0 : i < 5 ? n % dim == 0 : true));
        for (size_t k = 0; k < n; k++)
            sum += bytes[k];
    }
    size_t none;
    must(!kin_pack_tensor(p, "nothing", &none) && none == 0);
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
        kin_pack *p = kin_pack_open(copy, n, &err);
        if (p)
            use(p);
        else
            must((err.status == KIN_NOT_A_PACK || err.status == KIN_UNSUPPORTED) && strlen(err.text) > 0);
        kin_pack_close(p);
    }
    free(copy);
    return 0;
}
