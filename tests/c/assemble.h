/* assemble: safetensors files of a test's own making, with right checksums. */
#ifndef KIN_ASSEMBLE_H
#define KIN_ASSEMBLE_H
#include "../fuzz/mend.h"
#include "tensors.h"
#include <stdlib.h>
#include <string.h>

/* A file of at most 8 tensors, whose bytes lie in `values` one after the other; the caller frees it. NULL where the order
 * is wrong. */
static inline uint8_t *assemble(tensor *list, uint32_t n, const char *metadata, const void *values, size_t *size)
{
    uint32_t sums[8];
    struct json_out header;
    struct crc32 crc;
    crc32_init(&crc);
    size_t data = 0;
    for (uint32_t i = 0; i < n; i++) {
        size_t bytes = tensor_dtype_size(list[i].dtype);
        list[i].name_len = (uint32_t)strlen(list[i].name);
        for (uint32_t k = 0; k < list[i].rank; k++)
            bytes *= list[i].shape[k];
        sums[i] = crc32_update(&crc, 0, (const uint8_t *)values + data, bytes);
        data += bytes;
    }
    if (!tensor_header_write(list, n, metadata, strlen(metadata), sums, &header))
        return NULL;
    uint8_t *out = malloc(header.n + data);
    memcpy(out, header.text, header.n);
    memcpy(out + header.n, values, data);
    *size = header.n + data;
    json_out_free(&header);
    return out;
}

/* The same file with a space more in its header, so that numbers lie askew; frees what it was given. */
static inline uint8_t *askew(uint8_t *file, size_t *size)
{
    size_t header = 8 + (size_t)file[0] + 256 * (size_t)file[1];
    uint8_t *out = malloc(*size + 1);
    memcpy(out, file, header);
    out[header] = ' ';
    memcpy(out + header + 1, file + header, *size - header);
    out[0]++; /* a multiple of 8 carries nothing */
    free(file);
    *size += 1;
    mend(out, *size);
    return out;
}
#endif
