/* preprocess: a model's preprocessor_config.json, or open_clip's preprocess_cfg, as numbers and as canonical JSON. [level 4]
 *
 * Missing keys take the defaults of transformers' CLIPImageProcessor. The canonical form (RFC
 * 8785, defaults filled in, only what changes pixels or their normalisation) is part of the model
 * id, so that two spellings of one rule are one model. */
#ifndef KIN_PREPROCESS_H
#define KIN_PREPROCESS_H
#include "json.h"
#include "resize.h"

/* x = (u8 * rescale - mean) / std */
struct pixel_rule {
    float mean[3], std[3], rescale;
};

struct preprocess {
    const char *file; /* whose rules these are */
    resize_rule rule;
    struct pixel_rule pixels;
    char canonical[512]; /* NUL-terminated */
};

/* text: preprocessor_config.json, processor_config.json (then its image_processor) or open_clip_config.json. */
kin_status preprocess_read(const char *text, size_t n, struct preprocess *out, kin_error *err);
#endif
