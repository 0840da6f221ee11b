/* fuzz_preprocess: any bytes as a preprocessor_config.json or open_clip_config.json; of what is accepted the promises
 * that resize and tower rely on, and that its canonical form is a file of the first kind and means the same, but for
 * where open_clip's crop begins, of which that kind knows nothing. */
#include "../../src/preprocess.h"
#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool side(int n) { return n >= 1 && n <= 4096; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct preprocess p, again;
    kin_error err;
    if (preprocess_read((const char *)bytes, n, &p, &err) != KIN_OK) {
        must((err.status == KIN_NOT_A_MODEL || err.status == KIN_UNSUPPORTED) && strlen(err.text) > 0);
        return 0;
    }
    const resize_rule *r = &p.rule;
    must(r->shortest_edge ? side(r->shortest_edge) : side(r->fixed_h) && side(r->fixed_w));
    must((!r->crop_on || (side(r->crop_h) && side(r->crop_w))) && (r->resample == 2 || r->resample == 3));
    for (int i = 0; i < 3; i++)
        must(p.pixels.std[i] > 0 && p.pixels.std[i] < 1e7f && p.pixels.mean[i] > -1e7f && p.pixels.mean[i] < 1e7f);
    must(p.pixels.rescale >= 0 && p.pixels.rescale < 1e7f);
    must(memchr(p.canonical, 0, sizeof p.canonical) != NULL);
    must(preprocess_read(p.canonical, strlen(p.canonical), &again, &err) == KIN_OK);
    must(r->resize_on || strstr(p.canonical, "\"size\":null"));
    must(r->crop_on || strstr(p.canonical, "\"crop_size\":null"));
    if (!r->resize_on || !r->crop_on) /* null would be read as the default */
        return 0;
    static const char even[] = "{\"crop_rounding\":\"even\",";
    bool theirs = !strncmp(p.canonical, even, sizeof even - 1);
    must(theirs == (r->crop_even != 0));
    again.rule.crop_even = r->crop_even;
    must(!memcmp(&again.rule, r, sizeof *r) && again.pixels.rescale == p.pixels.rescale &&
         !strcmp(again.canonical + 1, p.canonical + (theirs ? sizeof even - 1 : 1)));
    for (int i = 0; i < 3; i++) /* -0 is written as 0 */
        must(again.pixels.mean[i] == p.pixels.mean[i] && again.pixels.std[i] == p.pixels.std[i]);
    return 0;
}
