/* test_preprocess: every key of preprocessor_config.json, its default and its refusals, against what
 * CLIPImageProcessor makes of the same file (tools/golden_preprocess.py), and the canonical form. */
#include "../../src/preprocess.h"
#include "memory.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>

static kin_status read(const char *text, struct preprocess *p, kin_error *err)
{
    return preprocess_read(text, strlen(text), p, err);
}

static double element(json list, int i)
{
    double value = NAN;
    json it = json_first(list);
    while (i-- > 0)
        it = json_next(list, it);
    json_number(it, &value);
    return value;
}

/* The processor sums in float32 or float64 as its inputs are, so that the last places may differ. */
static bool same_colour(const struct preprocess *p, json pixel, float u)
{
    for (int c = 0; c < 3; c++) {
        double want = element(pixel, c), got = (double)((u * p->pixels.rescale - p->pixels.mean[c]) / p->pixels.std[c]);
        if (!(fabs(got - want) <=
              1e-6 * (1 + fabs(want)) * 255 * (double)p->pixels.rescale / (double)p->pixels.std[c] + 1e-6))
            return false;
    }
    return json_length(pixel) == 3;
}

void test_preprocess_equals_reference(void)
{
    static const int sizes[2][2] = {{30, 20}, {20, 50}};
    size_t n, lines = 0;
    char *golden = (char *)test_read("tests/golden/preprocess.jsonl", &n);
    CHECK(golden != NULL);
    for (char *line = golden, *end; line < golden + n; line = end + 1, lines++) {
        struct preprocess p;
        kin_error err = {0};
        json all;
        end = memchr(line, '\n', (size_t)(golden + n - line));
        CHECK(end && json_open(line, (size_t)(end - line), "golden", &all, &err) == KIN_OK);
        json config = json_get(all, "config"), shapes = json_get(all, "shapes"), shape = json_first(shapes);
        kin_status status = preprocess_read(config.at, (size_t)(config.end - config.at), &p, &err);
        if (status != KIN_OK)
            printf("  %.*s: %s\n", (int)(config.end - config.at), config.at, err.text);
        CHECK_EQ(status, KIN_OK);
        for (int i = 0; i < 2; i++, shape = json_next(shapes, shape)) {
            kin_picture picture = {.width = sizes[i][0], .height = sizes[i][1]};
            int w, h;
            CHECK_EQ(resize_output_size(&picture, 0, 0, 1, 1, 0, &p.rule, &w, &h, &err), KIN_OK);
            if (h != element(shape, 0) || w != element(shape, 1))
                printf("  %.*s: %d x %d\n", (int)(config.end - config.at), config.at, h, w);
            CHECK(h == element(shape, 0) && w == element(shape, 1));
        }
        double resample;
        CHECK(json_number(json_get(all, "resample"), &resample) && p.rule.resample == resample);
        CHECK(same_colour(&p, json_get(all, "black"), 0) && same_colour(&p, json_get(all, "white"), 255));
    }
    CHECK(lines >= 50);
    free(golden);
}

#define MEAN "\"image_mean\":[0.48145466,0.4578275,0.40821073]"
#define STD "\"image_std\":[0.26862954,0.26130258,0.27577711]"
#define RESCALE "\"resample\":3,\"rescale_factor\":0.00392156862745098"
static const char plain[] =
    "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN "," STD "," RESCALE ",\"size\":{\"shortest_edge\":224}}";

void test_preprocess_defaults(void)
{
    static const char *const spellings[] = {
        "{}",
        " {\n} ",
        plain,
        "{\"size\":224,\"crop_size\":224,\"do_resize\":true,\"do_center_crop\":true,\"do_rescale\":true}",
        "{\"do_normalize\":true,\"resample\":3.0,\"rescale_factor\":3.92156862745098e-3,\"do_convert_rgb\":false}",
        "{\"size\":null,\"crop_size\":null,\"resample\":null,\"rescale_factor\":null,\"image_mean\":null,\"image_std\":"
        "null}",
        "{\"size\":{\"height\":null,\"shortest_edge\":224,\"longest_edge\":null},\"crop_size\":{\"width\":224,"
        "\"height\":224}}",
        "{\"image_processor\":{\"size\":224},\"size\":9,\"processor_class\":\"CLIPProcessor\"}",
        "{\"image_processor\":null,\"image_processor_type\":\"CLIPImageProcessor\"}",
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct preprocess p;
        kin_error err;
        CHECK_EQ(read(spellings[i], &p, &err), KIN_OK);
        CHECK_STR(p.canonical, plain);
        CHECK(p.rule.resize_on && p.rule.shortest_edge == 224 && p.rule.fixed_h == 0 && p.rule.fixed_w == 0);
        CHECK(p.rule.crop_on && p.rule.crop_h == 224 && p.rule.crop_w == 224 && p.rule.resample == 3);
        CHECK(p.pixels.rescale == (float)(1.0 / 255) && p.pixels.mean[0] == 0.48145466f &&
              p.pixels.mean[1] == 0.4578275f && p.pixels.mean[2] == 0.40821073f && p.pixels.std[0] == 0.26862954f &&
              p.pixels.std[1] == 0.26130258f && p.pixels.std[2] == 0.27577711f);
    }
}

/* Each key alone: what it changes in the canonical form, the numbers with it. */
void test_preprocess_keys(void)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"{\"size\":{\"shortest_edge\":1}}",
         "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN "," STD "," RESCALE ",\"size\":{\"shortest_edge\":1}}"},
        {"{\"size\":{\"height\":4096,\"width\":7}}", "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN "," STD
                                                     "," RESCALE ",\"size\":{\"height\":4096,\"width\":7}}"},
        {"{\"do_resize\":false}",
         "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN "," STD "," RESCALE ",\"size\":null}"},
        {"{\"crop_size\":{\"height\":3,\"width\":4}}",
         "{\"crop_size\":{\"height\":3,\"width\":4}," MEAN "," STD "," RESCALE ",\"size\":{\"shortest_edge\":224}}"},
        {"{\"do_center_crop\":false}",
         "{\"crop_size\":null," MEAN "," STD "," RESCALE ",\"size\":{\"shortest_edge\":224}}"},
        {"{\"resample\":2,\"image_mean\":[1,-2e-7,0.5]}",
         "{\"crop_size\":{\"height\":224,\"width\":224},\"image_mean\":[1,-2e-7,0.5]," STD
         ",\"resample\":2,\"rescale_factor\":0.00392156862745098,\"size\":{\"shortest_edge\":224}}"},
        {"{\"image_std\":[1,2,0.1],\"rescale_factor\":1e-7}",
         "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN
         ",\"image_std\":[1,2,0.1],\"resample\":3,\"rescale_factor\":1e-7,\"size\":{\"shortest_edge\":224}}"},
        {"{\"do_rescale\":false,\"rescale_factor\":9}",
         "{\"crop_size\":{\"height\":224,\"width\":224}," MEAN "," STD
         ",\"resample\":3,\"rescale_factor\":1,\"size\":{\"shortest_edge\":224}}"},
        {"{\"do_normalize\":false,\"image_mean\":[9,9,9],\"image_std\":[9,9,9]}",
         "{\"crop_size\":{\"height\":224,\"width\":224},\"image_mean\":[0,0,0],\"image_std\":[1,1,1]," RESCALE
         ",\"size\":{\"shortest_edge\":224}}"},
    };
    struct preprocess p;
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(read(cases[i].text, &p, &err), KIN_OK);
        CHECK_STR(p.canonical, cases[i].canonical);
    }
    CHECK_EQ(read("{\"size\":{\"height\":16,\"width\":24},\"do_center_crop\":false,\"resample\":2}", &p, &err), KIN_OK);
    CHECK(p.rule.shortest_edge == 0 && p.rule.fixed_h == 16 && p.rule.fixed_w == 24 && !p.rule.crop_on &&
          p.rule.resample == 2);
    CHECK_EQ(read("{\"image_mean\":[-0.5,0,2],\"image_std\":[0.1,1e5,3],\"rescale_factor\":0.25}", &p, &err), KIN_OK);
    CHECK(p.pixels.mean[0] == -0.5f && p.pixels.mean[1] == 0 && p.pixels.mean[2] == 2 && p.pixels.std[0] == 0.1f &&
          p.pixels.std[1] == 1e5f && p.pixels.std[2] == 3 && p.pixels.rescale == 0.25f);
}

/* The canonical form with all its keys is itself such a file, and reads as the same rule. */
void test_preprocess_is_canonical(void)
{
    struct preprocess p, again;
    kin_error err;
    CHECK_EQ(
        read("{\"size\":{\"width\":20,\"height\":30},\"resample\":2,\"image_std\":[0.333333333333333314829616256247,"
             "2,1e1],\"crop_size\":17,\"image_mean\":[0.1,0.20,30e-2],\"rescale_factor\":7.843137254901961e-03}",
             &p, &err),
        KIN_OK);
    CHECK_STR(p.canonical, "{\"crop_size\":{\"height\":17,\"width\":17},\"image_mean\":[0.1,0.2,0.3],\"image_std\":"
                           "[0.3333333333333333,2,10],\"resample\":2,\"rescale_factor\":0.00784313725490196,"
                           "\"size\":{\"height\":30,\"width\":20}}");
    CHECK_EQ(read(p.canonical, &again, &err), KIN_OK);
    CHECK(!memcmp(&again, &p, sizeof p));
}

#define OPEN_CLIP(members) "{\"model_cfg\":{},\"preprocess_cfg\":{" members "}}"

void test_preprocess_refuses(void)
{
    static const struct {
        const char *text;
        kin_status status;
        const char *names;
    } cases[] = {
        {"", KIN_NOT_A_MODEL, "preprocessor_config.json"},
        {"[]", KIN_NOT_A_MODEL, "not a JSON object"},
        {"{", KIN_NOT_A_MODEL, "preprocessor_config.json is not valid JSON"},
        {"<html>", KIN_NOT_A_MODEL, "preprocessor_config.json"},
        {"{\"image_processor_type\":\"ViTImageProcessor\",\"size\":9}", KIN_UNSUPPORTED,
         "image_processor_type is ViTImageProcessor, which"},
        {"{\"feature_extractor_type\":\"Bit\"}", KIN_UNSUPPORTED, "feature_extractor_type is Bit, which"},
        {"{\"size\":0}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":4097}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":-1}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":2.5}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":\"224\"}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":[]}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":[224]}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":[224,224,3]}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":[224,\"224\"]}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":[0,224]}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":{\"shortest_edge\":9,\"height\":9}}", KIN_NOT_A_MODEL, "shortest_edge"},
        {"{\"size\":{\"longest_edge\":12}}", KIN_UNSUPPORTED, "longest_edge"},
        {"{\"size\":9,\"default_to_square\":true}", KIN_UNSUPPORTED, "default_to_square"},
        {"{\"use_square_size\":true}", KIN_UNSUPPORTED, "use_square_size"},
        {"{\"do_pad\":1}", KIN_UNSUPPORTED, "do_pad"},
        {"{\"size\":true}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":{}}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":{\"height\":9}}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":{\"shortest_edge\":\"9\"}}", KIN_NOT_A_MODEL, "size"},
        {"{\"size\":{\"max_height\":9,\"max_width\":9}}", KIN_UNSUPPORTED, "max_height"},
        {"{\"size\":{\"shortest_edge\":9,\"longest_edge\":12}}", KIN_UNSUPPORTED, "longest_edge"},
        {"{\"crop_size\":0}", KIN_NOT_A_MODEL, "size"},
        {"{\"crop_size\":[9]}", KIN_NOT_A_MODEL, "crop_size"},
        {"{\"crop_size\":[9,null]}", KIN_NOT_A_MODEL, "crop_size"},
        {"{\"crop_size\":\"9\"}", KIN_NOT_A_MODEL, "crop_size"},
        {"{\"crop_size\":true}", KIN_NOT_A_MODEL, "crop_size"},
        {"{\"crop_size\":{\"shortest_edge\":9}}", KIN_NOT_A_MODEL, "size"},
        {"{\"crop_size\":{\"height\":9,\"width\":5000}}", KIN_NOT_A_MODEL, "size"},
        {"{\"resample\":0}", KIN_UNSUPPORTED, "resample"},
        {"{\"resample\":\"bicubic\"}", KIN_UNSUPPORTED, "resample"},
        {"{\"rescale_factor\":0}", KIN_NOT_A_MODEL, "rescale_factor"},
        {"{\"rescale_factor\":-1}", KIN_NOT_A_MODEL, "rescale_factor"},
        {"{\"rescale_factor\":1e7}", KIN_NOT_A_MODEL, "rescale_factor"},
        {"{\"rescale_factor\":\"1\"}", KIN_NOT_A_MODEL, "rescale_factor"},
        {"{\"image_mean\":0.5}", KIN_NOT_A_MODEL, "image_mean"},
        {"{\"image_mean\":[0.5,0.5]}", KIN_NOT_A_MODEL, "image_mean"},
        {"{\"image_mean\":[1,1,1,1]}", KIN_NOT_A_MODEL, "image_mean"},
        {"{\"image_mean\":[1,1,null]}", KIN_NOT_A_MODEL, "image_mean"},
        {"{\"image_mean\":[1,1,1e6]}", KIN_NOT_A_MODEL, "image_mean"},
        {"{\"image_std\":[]}", KIN_NOT_A_MODEL, "image_std"},
        {"{\"image_std\":{\"a\":1,\"b\":1}}", KIN_NOT_A_MODEL, "image_std"},
        {"{\"image_std\":[1,0,1]}", KIN_NOT_A_MODEL, "image_std"},
        {"{\"image_std\":[1,-1,1]}", KIN_NOT_A_MODEL, "image_std"},
        {"{\"do_resize\":0}", KIN_NOT_A_MODEL, "do_resize"},
        {"{\"do_center_crop\":\"no\"}", KIN_NOT_A_MODEL, "do_center_crop"},
        {"{\"do_rescale\":null}", KIN_NOT_A_MODEL, "do_rescale"},
        {"{\"do_normalize\":[]}", KIN_NOT_A_MODEL, "do_normalize"},
        {OPEN_CLIP("\"size\":0"), KIN_NOT_A_MODEL, "size"},
        {OPEN_CLIP("\"size\":[32,24]"), KIN_UNSUPPORTED, "resize_mode shortest needs a square size"},
        {OPEN_CLIP("\"resize_mode\":\"longest\""), KIN_UNSUPPORTED, "resize_mode must be"},
        {OPEN_CLIP("\"interpolation\":\"random\""), KIN_UNSUPPORTED, "interpolation must be"},
        {OPEN_CLIP("\"mean\":0.5"), KIN_NOT_A_MODEL, "mean"},
        {OPEN_CLIP("\"std\":[1,2]"), KIN_NOT_A_MODEL, "std"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preprocess p, untouched;
        kin_error err = {0};
        memset(&p, 7, sizeof p), memset(&untouched, 7, sizeof untouched);
        kin_status status = read(cases[i].text, &p, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].names))
            printf("  %s: %s\n", cases[i].text, err.text);
        CHECK_EQ(status, cases[i].status);
        CHECK(err.status == status && strstr(err.text, cases[i].names) && err.text[strlen(err.text) - 1] == '.');
        CHECK(!memcmp(&p, &untouched, sizeof p));
    }
    struct preprocess p;
    kin_error err = {0};
    memory_left = 0;
    kin_status status = read("{}", &p, &err);
    memory_left = -1;
    CHECK_EQ(status, KIN_OUT_OF_MEMORY);
    CHECK_STR(err.text, "Not enough memory to read preprocessor_config.json.");
}
