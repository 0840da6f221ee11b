/* stb: stb_image's JPEG half: markers and entropy coding; the transforms are ours (idct), and its
 * conversion of whole pictures is left out: the components are handed over as they are. */
#include "stb_config.h"
#include "idct.h"
#define STBI_ONLY_JPEG
#include <stb_image.h>

static void hand_over(stbi__jpeg *j, struct planes *out)
{
    int d = j->denominator;
    out->n = j->s->img_n;
    out->width = (int)(j->s->img_x + (unsigned)d - 1) / d;
    out->height = (int)(j->s->img_y + (unsigned)d - 1) / d;
    for (int i = 0; i < out->n; i++) {
        struct plane *p = &out->plane[i];
        p->memory = j->progressive ? j->img_comp[i].raw_coeff : j->img_comp[i].raw_data;
        j->img_comp[i].raw_coeff = j->img_comp[i].raw_data = NULL;
        p->data = j->progressive ? (const uint8_t *)j->img_comp[i].coeff : j->img_comp[i].data;
        p->stride = (size_t)(j->progressive ? j->img_comp[i].coeff_w : j->img_comp[i].w2);
        p->block = j->progressive ? j->img_comp[i].side : 0;
        p->across = j->img_h_max / j->img_comp[i].h * 8 / (d * j->img_comp[i].side);
        p->down = j->img_v_max / j->img_comp[i].v * 8 / (d * j->img_comp[i].side);
    }
}

bool stb_jpeg(struct stb_source *source, int denominator, struct planes *out)
{
    stbi_io_callbacks callbacks = {stb_read, stb_skip, stb_at_end};
    stbi__context s;
    stbi__jpeg *j = calloc(1, sizeof *j);
    if (!j)
        return false;
    /* The buffer is the whole file: the callbacks are asked only for what lies beyond its end. */
    stbi__start_callbacks(&s, &callbacks, source);
    s.img_buffer = s.img_buffer_original = (stbi_uc *)source->bytes;
    s.img_buffer_end = s.img_buffer_original_end = (stbi_uc *)source->bytes + source->n;
    source->at = source->n;
    j->s = &s;
    j->denominator = denominator;
    j->idct[8] = idct_8;
    j->idct[4] = idct_4;
    j->idct[2] = idct_2;
    j->idct[1] = idct_1;
    s.img_n = 0;
    bool whole = stbi__decode_jpeg_image(j);
    if (whole)
        hand_over(j, out);
    else
        stbi__cleanup_jpeg(j);
    free(j);
    return whole;
}
