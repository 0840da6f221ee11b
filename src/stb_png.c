/* stb_png: stb_image's PNG half. */
#include "stb_config.h"
#define STBI_ONLY_PNG
#include <stb_image.h>

uint8_t *stb_png(struct stb_source *source, int *width, int *height)
{
    static const stbi_io_callbacks callbacks = {stb_read, stb_skip, stb_at_end};
    int in_file;
    return stbi_load_from_callbacks(&callbacks, source, width, height, &in_file, 4);
}
