/* fuzz_catalog: any bytes as a catalogue, as they are and with their checksums put right; one that opens is
 * described, searched and read row by row. */
#include "../../src/json.h"
#include "../../src/kin.h"
#include "mend.h"
#include <stdlib.h>
#include <string.h>

enum { CAP = 8 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void use(kin_catalog *c)
{
    uint64_t products = 0, pictures = 0, dim = 0;
    uint32_t rows[CAP], total;
    float scores[CAP];
    kin_error err;
    json info;
    const char *text = kin_catalog_info(c);
    must(json_open(text, strlen(text), "info", &info, &err) == KIN_OK);
    must(json_u64(json_get(info, "products"), &products) && json_u64(json_get(info, "pictures"), &pictures) &&
         json_u64(json_get(info, "dim"), &dim) && dim >= 1 && dim <= 4096 && pictures >= products);
    float *v = calloc((size_t)dim, sizeof *v);
    uint8_t *mask = malloc((size_t)products + 1);
    for (uint64_t p = 0; p < products; p++)
        mask[p] = p % 3 != 0;
    v[dim - 1] = 1;
    for (uint32_t r = 0; r < pictures; r++)
        kin_catalog_vector(c, r, v);
    for (int masked = 0; masked < 2; masked++) {
        int n = kin_catalog_search(c, v, NULL, masked ? mask : NULL, -2, 0, 0, rows, scores, CAP, &total);
        must(n <= CAP && (uint64_t)n <= total && total <= products && (masked || total == products));
        for (int i = 0; i < n; i++)
            must(rows[i] < pictures && scores[i] > -1.01f && scores[i] < 1.01f &&
                 (i == 0 || scores[i] <= scores[i - 1]));
    }
    free(v), free(mask);
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
        kin_catalog *c = kin_catalog_open(copy, n, &err);
        if (c)
            use(c);
        else
            must((err.status == KIN_NOT_A_CATALOG || err.status == KIN_UNSUPPORTED) && strlen(err.text) > 0);
        kin_catalog_close(c);
    }
    free(copy);
    return 0;
}
