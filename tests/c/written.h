/* written: the file of a catalogue writer, for tests that want one. */
#ifndef KIN_WRITTEN_H
#define KIN_WRITTEN_H
#include "kin.h"
#include <stdlib.h>

/* Ends and closes the writer; the file in a block of exactly its size, or NULL. */
static inline uint8_t *written(kin_writer *w, size_t *n)
{
    kin_error err;
    uint8_t *bytes = NULL;
    *n = 0;
    if (kin_writer_end(w, &err) == KIN_OK) {
        *n = kin_writer_bytes(w);
        bytes = malloc(*n);
        if (kin_writer_take(w, bytes, *n) != *n) {
            free(bytes);
            bytes = NULL;
        }
    }
    kin_writer_close(w);
    return bytes;
}
#endif
