/* fuzz_model: two bytes of length n, a config.json of n bytes, then the bytes of a model file, whose
 * checksums are put right (what damage is found by them, test_tower.c tells). The lowest bits of n choose tower and
 * dtype. */
#include "../../src/load.h"
#include "mend.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_error err;
    json config;
    struct tower *tower;
    struct loader loader;
    size_t n = size < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;
    if (n == 0 || size - 2 < n || json_open((const char *)data + 2, n, "config.json", &config, &err) != KIN_OK)
        return 0;
    if (tower_open(&tower, n & 1, n & 2, config, &err) != KIN_OK)
        return 0;
    size_t file_n = size - 2 - n;
    uint8_t *file = malloc(file_n ? file_n : 1);
    memcpy(file, data + 2 + n, file_n);
    mend(file, file_n);
    loader_begin(&loader, tower, &kernels_ref);
    if (loader_feed(&loader, file, file_n, &err) == KIN_OK)
        loader_file_end(&loader, &err);
    loader_end(&loader);
    tower_close(tower);
    free(file);
    return 0;
}
