/* stb_png: stb_image's PNG half. */
#include "stb_config.h"
#define STBI_ONLY_PNG
/* A chunk of that length, whose type and length have been read, with the right checksum. */
#define STBI_CHUNK_IS_WHOLE(s, length) chunk_is_whole((s)->img_buffer, (s)->img_buffer_end, length)
static bool chunk_is_whole(const uint8_t *body, const uint8_t *end, size_t length);
#include <stb_image.h>

uint32_t stb_crc32(const uint8_t *p, size_t n)
{
    uint32_t table[16], crc = ~0u; /* by half bytes: small enough to make on the spot */
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    for (size_t i = 0; i < n; i++) {
        crc = crc >> 4 ^ table[(crc ^ p[i]) & 15];
        crc = crc >> 4 ^ table[(crc ^ p[i] >> 4) & 15];
    }
    return ~crc;
}

static bool chunk_is_whole(const uint8_t *body, const uint8_t *end, size_t length)
{
    const uint8_t *sum = body + length;
    return length + 4 <= (size_t)(end - body) &&
           stb_crc32(body - 4, length + 4) ==
               ((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3]);
}

struct stb_samples stb_png(const uint8_t *bytes, size_t n)
{
    stbi__context s;
    stbi__result_info info = {0};
    struct stb_samples out = {0};
    stbi__start_mem(&s, bytes, (int)n);
    out.data = stbi__png_load(&s, &out.width, &out.height, &out.channels, 0, &info);
    out.bytes = info.bits_per_channel / 8;
    return out;
}
