/* facts: what callers would otherwise have to repeat, told by those who know it. [level 6]
 *
 * Each list comes from the macro, table or constant that the engine itself uses, so that no other language keeps a
 * copy: kin.h says what the JSON holds. */
#include "adapter.h"
#include "catalog.h"
#include "confidence.h"
#include "family.h"
#include "image.h"
#include "kernels.h"
#include "kin.h"
#include "nulls.h"
#include "pack.h"
#include "tensors.h"
#include "tokenize.h"

struct number {
    const char *name;
    uint64_t value;
};

static const struct number towers[] = {{"image", KIN_IMAGE}, {"text", KIN_TEXT}, {0}},
                           dtypes[] = {{"f32", KIN_F32}, {"q8", KIN_Q8}, {0}},
                           fits[] = {{"crop", KIN_CROP}, {"pad", KIN_PAD}, {0}}, layers[] = {{"last", KIN_LAST}, {0}},
                           limits[] = {{"jpegPixels", IMAGE_MAX_JPEG_PIXELS},
                                       {"pixels", IMAGE_MAX_PIXELS},
                                       {"side", IMAGE_MAX_SIDE},
                                       {"jpegScans", IMAGE_MAX_SCANS},
                                       {"decodeBytes", IMAGE_MAX_MEMORY},
                                       {"pictureBytes", IMAGE_MAX_BYTES},
                                       {"textBytes", TEXT_MAX_BYTES},
                                       {"vocabulary", VOCAB_MAX},
                                       {"jsonDepth", JSON_MAX_DEPTH},
                                       {"headerBytes", TENSOR_HEADER_MAX},
                                       {"catalogDim", CATALOG_DIM_MAX},
                                       {"catalogBytes", CATALOG_MAX_BYTES},
                                       {"packBytes", PACK_MAX_BYTES},
                                       {"adapterBytes", ADAPTER_MAX_BYTES},
                                       {"exactRows", CODES_LEAST_ROWS},
                                       {"exactDim", CODES_LEAST_DIM},
                                       {"nullProducts", NULL_LEAST},
                                       {"diverse", DIVERSIFY_MOST},
                                       {"threads", POOL_MAX_THREADS},
                                       {0}};

static void put_numbers(struct json_out *o, const char *key, const struct number *list)
{
    json_out_raw(o, key);
    for (int i = 0; list[i].name; i++) {
        json_out_raw(o, i ? ",\"" : "{\"");
        json_out_raw(o, list[i].name);
        json_out_raw(o, "\":");
        json_out_u64(o, list[i].value);
    }
    json_out_raw(o, "}");
}

size_t kin_facts(char *out, size_t n)
{
    struct json_out o;
    json_out_init(&o);
    json_out_raw(&o, "{\"numerics\":");
    json_out_u64(&o, KIN_NUMERICS);
    json_out_raw(&o, ",\"statuses\":[");
#define X(constant, name) ",\"" name "\""
    static const char statuses[] = KIN_STATUSES(X);
#undef X
    json_out_raw(&o, statuses + 1);
    put_numbers(&o, "],\"towers\":", towers);
    put_numbers(&o, ",\"dtypes\":", dtypes);
    put_numbers(&o, ",\"fits\":", fits);
    put_numbers(&o, ",\"layers\":", layers);
    put_numbers(&o, ",\"limits\":", limits);
    json_out_raw(&o, ",\"verdicts\":{\"match\":");
    json_out_number(&o, VERDICT_MATCH);
    json_out_raw(&o, ",\"weak\":");
    json_out_number(&o, VERDICT_WEAK);
    json_out_raw(&o, ",\"none\":0");
    json_out_raw(&o, "},\"families\":[");
#define X(name) ",\"" #name "\""
    static const char families[] = FAMILIES(X);
#undef X
    json_out_raw(&o, families + 1);
    json_out_raw(&o, "],\"kernels\":[");
    for (int i = 0; kernels_all[i]; i++) {
        json_out_raw(&o, i ? ",{\"name\":\"" : "{\"name\":\"");
        json_out_raw(&o, kernels_all[i]->name);
        json_out_raw(&o, kernels_all[i]->raced ? "\",\"race\":true}" : "\",\"race\":false}");
    }
    json_out_raw(&o, "]}");
    json_out_rawn(&o, "", 1); /* the NUL */
    size_t size = o.failed ? 0 : o.n;
    if (size && size <= n)
        memcpy(out, o.text, size);
    json_out_free(&o);
    return size;
}
