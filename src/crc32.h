/* crc32: CRC-32 of IEEE 802.3 (reflected, 0xEDB88320), of zip, PNG and gzip. [level 0]
 *
 * It finds every error within 32 bits and all but one in 2^32 others; it is no protection against
 * somebody who means to deceive. */
#ifndef KIN_CRC32_H
#define KIN_CRC32_H
#include <stddef.h>
#include <stdint.h>

enum { CRC32_STEP = 8 /* bytes looked up at once */ };

/* table[k][b]: what byte b does to the sum when k bytes come after it. Made when it is needed, which takes
 * microseconds, since 8 KiB of constants would have to be fetched with every build. */
struct crc32 {
    uint32_t table[CRC32_STEP][256];
};
void crc32_init(struct crc32 *c);
/* The sum of what was summed before (nothing: 0) and then these bytes. */
uint32_t crc32_update(const struct crc32 *c, uint32_t sum, const void *bytes, size_t n);
#endif
