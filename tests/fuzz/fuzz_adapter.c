/* fuzz_adapter: any bytes as an adapter of a small catalogue, as they are and with their checksums put right; under one
 * that is taken every row is a row and a query finds something. */
#include "../../src/kin.h"
#include "mend.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 4, ROWS = 3 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t *catalogue(size_t *n)
{
    static const char metadata[] = "{\"kin.image_id\":\"an id\"}";
    kin_error err;
    kin_writer *w = kin_writer_begin(DIM, metadata, sizeof metadata - 1, &err);
    must(w != NULL);
    for (int i = 0; i < ROWS; i++) {
        int8_t row[DIM] = {127, (int8_t)i, (int8_t)-i, 5};
        char id[1] = {(char)('a' + i)};
        must(kin_writer_add(w, id, 1, "{}", 2, row, 1, &err) == KIN_OK);
    }
    must(kin_writer_end(w, &err) == KIN_OK);
    *n = kin_writer_bytes(w);
    uint8_t *bytes = malloc(*n);
    must(kin_writer_take(w, bytes, *n) == *n);
    kin_writer_close(w);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    kin_error err;
    size_t size;
    uint8_t *copy = malloc(n ? n : 1), *file = catalogue(&size); /* as malloc aligns it: the caller's promise */
    if (n)
        memcpy(copy, bytes, n);
    for (int mended = 0; mended < 2; mended++) {
        if (mended)
            mend(copy, n);
        kin_catalog *c = kin_catalog_open(file, size, &err);
        must(c != NULL);
        kin_status status = kin_catalog_adapt(c, copy, n, &err);
        float query[DIM] = {0, 1, 0, 0}, mapped[DIM], row[DIM], scores[ROWS];
        uint32_t rows[ROWS], total;
        if (status == KIN_OK) {
            kin_catalog_map(c, query, mapped);
            for (uint32_t r = 0; r < ROWS; r++) {
                float squares = 0;
                kin_catalog_vector(c, r, row);
                for (int i = 0; i < DIM; i++)
                    squares += row[i] * row[i];
                must(fabsf(squares - 1) < 1e-3f);
            }
            int found = kin_catalog_search(c, mapped, NULL, NULL, -2, 0, 0, rows, scores, ROWS, &total);
            must(found == ROWS || !(mapped[0] - mapped[0] == 0)); /* a query may be mapped to nowhere */
        } else {
            must((status == KIN_NOT_AN_ADAPTER || status == KIN_UNSUPPORTED || status == KIN_MODEL_MISMATCH) &&
                 strlen(err.text) > 0);
            must(kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, scores, ROWS, &total) == ROWS);
        }
        kin_catalog_close(c);
    }
    free(copy), free(file);
    return 0;
}
