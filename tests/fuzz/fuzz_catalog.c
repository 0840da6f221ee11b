/* fuzz_catalog: any bytes as a catalogue; one that opens must bear a search. */
#include "../../src/kin.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = aligned_alloc(8, (size + 8) / 8 * 8);
    kin_error err;
    memcpy(bytes, data, size);
    kin_catalog *catalog = kin_catalog_open(bytes, size, &err);
    if (catalog) {
        static float query[4096];
        uint32_t rows[8], total;
        float scores[8];
        query[0] = 0.5f, query[4095] = -1;
        kin_catalog_info(catalog);
        kin_catalog_search(catalog, query, NULL, -1, rows, scores, 8, &total);
        kin_catalog_vector(catalog, 0, query);
        kin_catalog_close(catalog);
    }
    free(bytes);
    return 0;
}
