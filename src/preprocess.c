/* preprocess: reads the keys one by one and writes them back in sorted order. */
#include "preprocess.h"
#include "open_clip.h"
#include <string.h>

static kin_status side(json value, const char *file, const char *key, int *out, kin_error *err)
{
    uint64_t n;
    if (!json_u64(value, &n) || n < 1 || n > 4096)
        return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is not a whole number from 1 to 4096.", file, key);
    *out = (int)n;
    return KIN_OK;
}

/* A height and a width: an object of them, a list as older files have it, or one number for both. */
static kin_status sides(json value, const char *file, const char *key, int *height, int *width, kin_error *err)
{
    json first = value, second = value;
    if (value.type == JSON_OBJECT) {
        first = json_get(value, "height");
        second = json_get(value, "width");
    } else if (value.type == JSON_ARRAY) {
        first = json_first(value);
        second = json_next(value, first);
        if (json_length(value) != 2)
            return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is not a list of height and width.", file, key);
    }
    TRY(side(first, file, key, height, err));
    return side(second, file, key, width, err);
}

/* What older and other processors have, and this one does not do. */
static kin_status refuse_others(json config, json size, kin_error *err)
{
    static const char *const types[] = {"image_processor_type", "feature_extractor_type"};
    for (size_t i = 0; i < 2; i++) {
        json type = json_get(config, types[i]);
        char name[64] = "";
        size_t n = json_string(type, name, sizeof name);
        if (type.type == JSON_STRING && memcmp(name, "CLIP", 4) != 0)
            return kin_fail(err, KIN_UNSUPPORTED,
                            "preprocessor_config.json: %s is %.*s, which may cut and scale pictures otherwise than "
                            "CLIPImageProcessor does; where it does not, name that.",
                            types[i], (int)(n < sizeof name ? n : sizeof name), name);
    }
    static const char *const switches[] = {"do_pad", "use_square_size",
                                           "default_to_square"}; /* the last: of a number */
    static const char *const edges[] = {"longest_edge", "max_height", "max_width"};
    for (size_t i = 0; i < 3; i++) {
        json value = json_get(config, switches[i]);
        if (value.type > JSON_NULL && value.type != JSON_FALSE && (i < 2 || size.type == JSON_NUMBER))
            return kin_fail(err, KIN_UNSUPPORTED, "preprocessor_config.json: %s is not supported.", switches[i]);
        if (json_get(size, edges[i]).type > JSON_NULL)
            return kin_fail(err, KIN_UNSUPPORTED, "preprocessor_config.json: a size with %s is not supported.",
                            edges[i]);
    }
    if (json_get(size, "shortest_edge").type > JSON_NULL &&
        (json_get(size, "height").type > JSON_NULL || json_get(size, "width").type > JSON_NULL))
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "preprocessor_config.json: size has shortest_edge as well as height or width.");
    return KIN_OK;
}

/* Every switch that counts is on by default. */
static kin_status flag(json config, const char *key, bool *out, kin_error *err)
{
    json value = json_get(config, key);
    if (value.type != JSON_ABSENT && value.type != JSON_TRUE && value.type != JSON_FALSE)
        return kin_fail(err, KIN_NOT_A_MODEL, "preprocessor_config.json: %s is neither true nor false.", key);
    *out = value.type != JSON_FALSE;
    return KIN_OK;
}

static kin_status three(json config, const char *file, const char *key, const double otherwise[3], double out[3],
                        kin_error *err)
{
    json list = json_get(config, key);
    memcpy(out, otherwise, 3 * sizeof *out);
    if (list.type <= JSON_NULL)
        return KIN_OK;
    int i = 0;
    for (json it = json_first(list); it.type; it = json_next(list, it), i++)
        if (i > 2 || !json_number(it, &out[i]) || !(out[i] > -1e6 && out[i] < 1e6))
            i = 9;
    if (i != 3)
        return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s is not a list of three numbers.", file, key);
    return KIN_OK;
}

static void pair(struct json_out *o, int height, int width)
{
    json_out_raw(o, "{\"height\":");
    json_out_u64(o, (uint64_t)height);
    json_out_raw(o, ",\"width\":");
    json_out_u64(o, (uint64_t)width);
    json_out_raw(o, "}");
}

static void triple(struct json_out *o, const char *key, const double v[3])
{
    json_out_raw(o, key);
    for (int i = 0; i < 3; i++) {
        json_out_raw(o, i ? "," : "[");
        json_out_number(o, v[i]);
    }
    json_out_raw(o, "]");
}

static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
static const double clip_std[3] = {0.26862954, 0.26130258, 0.27577711};

/* What decides the pixels and their numbers, however it is spelled. */
struct settings {
    resize_rule rule;
    double mean[3], std[3], rescale;
};

/* transformers' preprocessor_config.json. */
static kin_status read_processor(json config, struct settings *out, kin_error *err)
{
    static const double zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
    resize_rule *rule = &out->rule;
    bool do_resize, do_crop, do_rescale, do_normalize;
    TRY(flag(config, "do_resize", &do_resize, err));
    TRY(flag(config, "do_center_crop", &do_crop, err));
    TRY(flag(config, "do_rescale", &do_rescale, err));
    TRY(flag(config, "do_normalize", &do_normalize, err));
    rule->resize_on = do_resize;
    rule->crop_on = do_crop;
    json size = json_get(config, "size"), edge = json_get(size, "shortest_edge"), crop = json_get(config, "crop_size");
    TRY(refuse_others(config, size, err));
    rule->shortest_edge = rule->crop_h = rule->crop_w = 224;
    if (edge.type > JSON_NULL) {
        TRY(side(edge, "preprocessor_config.json", "size.shortest_edge", &rule->shortest_edge, err));
    } else if (size.type == JSON_OBJECT || size.type == JSON_ARRAY) {
        rule->shortest_edge = 0;
        TRY(sides(size, "preprocessor_config.json", "size", &rule->fixed_h, &rule->fixed_w, err));
    } else if (size.type > JSON_NULL) {
        TRY(side(size, "preprocessor_config.json", "size", &rule->shortest_edge, err));
    }
    if (crop.type > JSON_NULL)
        TRY(sides(crop, "preprocessor_config.json", "crop_size", &rule->crop_h, &rule->crop_w, err));
    uint64_t resample = 3;
    json given = json_get(config, "resample");
    if (given.type > JSON_NULL && (!json_u64(given, &resample) || (resample != 2 && resample != 3)))
        return kin_fail(err, KIN_UNSUPPORTED,
                        "preprocessor_config.json: resample must be 3 (bicubic) or 2 (bilinear).");
    rule->resample = (int)resample;
    given = json_get(config, "rescale_factor");
    if (given.type > JSON_NULL && (!json_number(given, &out->rescale) || !(out->rescale > 0 && out->rescale < 1e6)))
        return kin_fail(err, KIN_NOT_A_MODEL, "preprocessor_config.json: rescale_factor is not a positive number.");
    TRY(three(config, "preprocessor_config.json", "image_mean", clip_mean, out->mean, err));
    TRY(three(config, "preprocessor_config.json", "image_std", clip_std, out->std, err));
    if (!do_rescale)
        out->rescale = 1;
    if (!do_normalize)
        memcpy(out->mean, zero, sizeof zero), memcpy(out->std, one, sizeof one);
    return KIN_OK;
}

/* open_clip's preprocess_cfg, beside the model_cfg that may say the size. */
static kin_status read_open_clip(json config, struct settings *out, kin_error *err)
{
    static const char file[] = "open_clip_config.json";
    json its = json_get(config, "preprocess_cfg"), size = json_get(its, "size");
    json mode = json_get(its, "resize_mode"), filter = json_get(its, "interpolation");
    resize_rule *rule = &out->rule;
    int height = 224, width = 224;
    bool squash = json_equals(mode, "squash"), bilinear = json_equals(filter, "bilinear");
    if (size.type <= JSON_NULL)
        size = json_get(json_get(json_get(config, "model_cfg"), "vision_cfg"), "image_size");
    if (size.type > JSON_NULL)
        TRY(sides(size, file, "size", &height, &width, err));
    if (mode.type > JSON_NULL && !squash && !json_equals(mode, "shortest"))
        return kin_fail(err, KIN_UNSUPPORTED, "%s: resize_mode must be shortest or squash.", file);
    if (filter.type > JSON_NULL && !bilinear && !json_equals(filter, "bicubic"))
        return kin_fail(err, KIN_UNSUPPORTED, "%s: interpolation must be bicubic or bilinear.", file);
    if (!squash && height != width)
        return kin_fail(err, KIN_UNSUPPORTED, "%s: resize_mode shortest needs a square size.", file);
    *rule = (resize_rule){.resize_on = 1, .crop_on = !squash, .crop_even = 1, .resample = bilinear ? 2 : 3};
    if (squash)
        rule->fixed_h = height, rule->fixed_w = width;
    else
        rule->shortest_edge = rule->crop_h = rule->crop_w = height;
    TRY(three(its, file, "mean", clip_mean, out->mean, err));
    return three(its, file, "std", clip_std, out->std, err);
}

kin_status preprocess_read(const char *text, size_t n, struct preprocess *out, kin_error *err)
{
    struct settings s = {.rescale = 1.0 / 255};
    const char *std = "image_std";
    struct preprocess p = {.file = "preprocessor_config.json"};
    json config;
    TRY(json_open(text, n, "preprocessor_config.json", &config, err));
    if (json_get(config, "image_processor").type == JSON_OBJECT)
        config = json_get(config, "image_processor");
    if (config.type != JSON_OBJECT)
        return kin_fail(err, KIN_NOT_A_MODEL, "preprocessor_config.json is not a JSON object.");
    if (json_get(config, "model_cfg").type == JSON_OBJECT) {
        p.file = open_clip_file(config), std = "std";
        TRY(read_open_clip(config, &s, err));
    } else
        TRY(read_processor(config, &s, err));
    const resize_rule *rule = &p.rule;
    p.rule = s.rule;
    for (int i = 0; i < 3; i++) {
        if (!(s.std[i] > 1e-6))
            return kin_fail(err, KIN_NOT_A_MODEL, "%s: %s must be positive.", p.file, std);
        p.pixels.mean[i] = (float)s.mean[i];
        p.pixels.std[i] = (float)s.std[i];
    }
    p.pixels.rescale = (float)s.rescale;

    struct json_out o;
    json_out_init(&o);
    json_out_raw(&o,
                 rule->crop_on && rule->crop_even ? "{\"crop_rounding\":\"even\",\"crop_size\":" : "{\"crop_size\":");
    if (rule->crop_on)
        pair(&o, rule->crop_h, rule->crop_w);
    else
        json_out_raw(&o, "null");
    triple(&o, ",\"image_mean\":", s.mean);
    triple(&o, ",\"image_std\":", s.std);
    json_out_raw(&o, ",\"resample\":");
    json_out_u64(&o, (uint64_t)rule->resample);
    json_out_raw(&o, ",\"rescale_factor\":");
    json_out_number(&o, s.rescale);
    json_out_raw(&o, ",\"size\":");
    if (!rule->resize_on) {
        json_out_raw(&o, "null");
    } else if (rule->shortest_edge) {
        json_out_raw(&o, "{\"shortest_edge\":");
        json_out_u64(&o, (uint64_t)rule->shortest_edge);
        json_out_raw(&o, "}");
    } else {
        pair(&o, rule->fixed_h, rule->fixed_w);
    }
    json_out_raw(&o, "}");
    bool fits = !o.failed && o.n < sizeof p.canonical;
    if (fits)
        memcpy(p.canonical, o.text, o.n);
    json_out_free(&o);
    if (!fits)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read preprocessor_config.json.");
    *out = p;
    return KIN_OK;
}
