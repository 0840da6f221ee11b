/* crc32: eight bytes at a time. */
#include "crc32.h"
#include <string.h>

void crc32_init(struct crc32 *c)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t sum = b;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
        c->table[0][b] = sum;
    }
    for (int k = 1; k < CRC32_STEP; k++)
        for (int b = 0; b < 256; b++) {
            uint32_t sum = c->table[k - 1][b];
            c->table[k][b] = sum >> 8 ^ c->table[0][sum & 255];
        }
}

uint32_t crc32_update(const struct crc32 *c, uint32_t sum, const void *bytes, size_t n)
{
    const uint32_t (*t)[256] = c->table;
    const uint8_t *p = bytes;
    sum = ~sum;
    for (; n >= CRC32_STEP; n -= CRC32_STEP, p += CRC32_STEP) {
        uint32_t a, b;
        memcpy(&a, p, 4), memcpy(&b, p + 4, 4);
        a ^= sum;
        sum = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^ t[3][b & 255] ^
              t[2][b >> 8 & 255] ^ t[1][b >> 16 & 255] ^ t[0][b >> 24];
    }
    for (; n; n--)
        sum = sum >> 8 ^ t[0][(sum ^ *p++) & 255];
    return ~sum;
}
