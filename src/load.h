/* load: the bytes of a model's safetensors files, arriving in any split, into a tower. [level 5]
 *
 * Per file: 8 bytes length, header, tensors in file order. A tensor is checked against the tower's
 * list (name, dtype, shape), then collected, converted and packed 8 rows at a time, so that no more
 * than a panel of it exists twice (a transposed one is collected whole). Names: Hugging Face's, or those that the
 * family places; `<name>@<first row>` is a part of a split tensor, parts ascending. What the family skips (the other
 * tower's tensors, say) and "kin.*" is passed over, anything else refused by name. Where the file has checksums
 * (tensors.h) each tensor is held against its own, also one that is passed over. */
#ifndef KIN_LOAD_H
#define KIN_LOAD_H
#include "sha256.h"
#include "tensors.h"
#include "tower.h"

struct loader {
    struct tower *tower;
    const struct kernels *kernels;
    uint8_t *head; /* length and header while they arrive; then NULL */
    size_t head_n, head_need;
    tensor_file file;
    bool opened, converted; /* header read; file says kin.weights = s7q128 */
    uint32_t next;          /* index into file.tensors */
    uint64_t at;            /* position in the file */
    struct place place;     /* where the tensor at hand goes; n 0 while one is skipped */
    int share;              /* the slot of it whose rows come now, until position share_end */
    uint64_t share_end;
    uint8_t *body; /* up to a panel of its rows; the next of them is first_row */
    size_t body_n, body_size;
    uint64_t first_row;
    struct crc32 crc; /* where the file has checksums */
    uint32_t sum;     /* of the tensor at hand */
};

void loader_begin(struct loader *l, struct tower *tower, const struct kernels *k);
kin_status loader_feed(struct loader *l, const uint8_t *bytes, size_t n, kin_error *err);
kin_status loader_file_end(struct loader *l, kin_error *err);
void loader_end(struct loader *l); /* frees what is left; may be called at any time */

/* Model id: SHA-256 over the tower's tensors (slots_hash), then RFC 8785 JSON of what else decides an embedding:
 * {"config":…,"<what>":…}, the tower's configuration and json[0..n), its preprocessing or vocabulary. */
kin_status model_id(const struct tower *t, const struct kernels *k, const char *what, const char *json, size_t n,
                    char hex[65], kin_error *err);
#endif
