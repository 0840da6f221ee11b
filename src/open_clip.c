/* open_clip: a table of beginnings. */
#include "open_clip.h"
#include <string.h>

struct rename {
    const char *from, *to; /* ending with a point: what follows it stays; in a third, '?' is q, k or v */
    enum { AS_IT_IS, IN_THIRDS, TURNED } how;
};

static const struct rename in_blocks[] = {
    {"ln_1.", "layer_norm1.", AS_IT_IS},
    {"ln_2.", "layer_norm2.", AS_IT_IS},
    {"mlp.c_fc.", "mlp.fc1.", AS_IT_IS},
    {"mlp.c_proj.", "mlp.fc2.", AS_IT_IS},
    {"attn.out_proj.", "self_attn.out_proj.", AS_IT_IS},
    {"attn.in_proj_weight", "self_attn.?_proj.weight", IN_THIRDS},
    {"attn.in_proj_bias", "self_attn.?_proj.bias", IN_THIRDS},
    {NULL, NULL, AS_IT_IS},
};
static const struct rename of_images[] = {
    {"class_embedding", "vision_model.embeddings.class_embedding", AS_IT_IS},
    {"conv1.weight", "vision_model.embeddings.patch_embedding.weight", AS_IT_IS},
    {"positional_embedding", "vision_model.embeddings.position_embedding.weight", AS_IT_IS},
    {"ln_pre.", "vision_model.pre_layrnorm.", AS_IT_IS},
    {"ln_post.", "vision_model.post_layernorm.", AS_IT_IS},
    {"proj", "visual_projection.weight", TURNED},
    {NULL, NULL, AS_IT_IS},
};
static const struct rename of_texts[] = {
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight", AS_IT_IS},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight", AS_IT_IS},
    {"ln_final.", "text_model.final_layer_norm.", AS_IT_IS},
    {"text_projection", "text_projection.weight", TURNED},
    {NULL, NULL, AS_IT_IS},
};
static const char images[] = "visual.", texts[] = "text.", blocks[] = "transformer.resblocks.";

static bool skip(const char **name, size_t *n, const char *head)
{
    size_t length = strlen(head);
    if (*n < length || memcmp(*name, head, length))
        return false;
    *name += length, *n -= length;
    return true;
}

static const struct rename *find(const struct rename *table, const char *name, size_t n)
{
    for (; table->from; table++) {
        size_t length = strlen(table->from);
        if ((n == length || (n > length && table->from[length - 1] == '.')) && !memcmp(name, table->from, length))
            return table;
    }
    return NULL;
}

bool open_clip_name(const char *name, size_t n, int share, struct open_clip_name *out)
{
    bool image = skip(&name, &n, images);
    const struct rename *table = image ? of_images : of_texts;
    if (!image)
        skip(&name, &n, texts);
    if (n > 48) /* none of theirs is that long */
        return false;
    char *at = out->name;
    if (skip(&name, &n, blocks)) {
        at = append_text(at, image ? "vision_model.encoder.layers." : "text_model.encoder.layers.");
        size_t digits = 0;
        while (digits < n && name[digits] >= '0' && name[digits] <= '9')
            *at++ = name[digits++];
        if (!digits || digits == n || name[digits] != '.')
            return false;
        *at++ = '.';
        name += digits + 1, n -= digits + 1;
        table = in_blocks;
    }
    const struct rename *found = find(table, name, n);
    if (!found)
        return false;
    at = append_text(at, found->to);
    size_t done = strlen(found->from);
    memcpy(at, name + done, n - done);
    at[n - done] = 0;
    out->shares = found->how == IN_THIRDS ? 3 : 1;
    out->transposed = found->how == TURNED;
    if (found->how == IN_THIRDS)
        *strchr(out->name, '?') = "qkv"[share];
    return true;
}

const char *open_clip_file(json config)
{
    return json_get(config, "model_cfg").type == JSON_OBJECT ? "open_clip_config.json" : "config.json";
}

bool open_clip_of_images(const char *name, size_t n) { return skip(&name, &n, images); }

bool open_clip_of_texts(const char *name, size_t n)
{
    return skip(&name, &n, texts) || skip(&name, &n, blocks) || find(of_texts, name, n) != NULL;
}
