/* mend: the checksums of a file that a fuzzer changed, put right, so that they do not hide from it what is read
 * behind them. A file that does not say "kin.crc32" in the place of one that was written is left as it is. */
#ifndef KIN_MEND_H
#define KIN_MEND_H
#include "../../src/tensors.h"
#include <string.h>

/* Where bytes[0, n) hold this text; n if nowhere. */
static size_t place_of(const uint8_t *bytes, size_t n, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= n; i++)
        if (!memcmp(bytes + i, text, length))
            return i;
    return n;
}

static void put_digits(uint8_t *at, uint32_t sum)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)"0123456789abcdef"[sum >> (28 - 4 * i) & 15];
}

static void mend(uint8_t *bytes, size_t n)
{
    static const char key[] = "\"kin.crc32\":\"";
    struct crc32 crc;
    tensor_file f;
    kin_error err;
    uint64_t header = 0;
    if (n < 8)
        return;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | bytes[i];
    if (header > n - 8)
        return;
    size_t end = 8 + (size_t)header, name = 8 + place_of(bytes + 8, (size_t)header, key);
    uint8_t *digits = bytes + name + sizeof key - 1;
    if (name + sizeof key - 1 > end - 8)
        return;
    crc32_init(&crc);
    bytes[name + 1] ^= 1; /* under another name nobody looks at them: the tensors of the file as it is */
    if (tensor_file_open(bytes, n, n, KIN_NOT_A_MODEL, "", &f, &err) == KIN_OK) {
        for (uint32_t i = 0; i < f.n && digits + 8 * (i + 2) <= bytes + end; i++)
            put_digits(digits + 8 * (i + 1), crc32_update(&crc, 0, bytes + f.tensors[i].begin,
                                                          (size_t)(f.tensors[i].end - f.tensors[i].begin)));
        tensor_file_close(&f);
    }
    bytes[name + 1] ^= 1;
    memset(digits, '0', 8);
    put_digits(digits, crc32_update(&crc, 0, bytes, end));
}
#endif
