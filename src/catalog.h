/* catalog: the catalogue file, checked whole when it is opened. [level 3]
 *
 * One safetensors file over borrowed bytes (docs/format.md). M products, R pictures:
 *   item_offsets U64 [M+1]  bytes of product i in `items` (JSON Lines)
 *   id_offsets   U64 [M+1]  bytes of its id in `ids` (UTF-8)
 *   scale        F32 [R]    1 / ||row||
 *   row_item     U32 [R]    product of a row, not falling; every product has a row
 *   id_order     U32 [M]    products by the bytes of their ids
 *   row_picture  U16 [R]    which of the product's pictures
 *   vectors      I8  [R, dim], ids U8, items U8
 * Other tensors are left alone. Nobody else knows where a byte lies. */
#ifndef KIN_CATALOG_H
#define KIN_CATALOG_H
#include "codes.h"
#include "tensors.h"

enum { CATALOG_DIM_MAX = 4096 };
#define CATALOG_MAX_BYTES (1u << 31) /* of a file read whole: wasm has twice that */

typedef struct kin_catalog {
    tensor_file file;
    const uint8_t *bytes; /* borrowed */
    uint32_t products, rows, dim;
    const float *scale;
    const uint32_t *row_item;
    const int8_t *vectors;
    codes codes; /* of a catalogue of more than CODES_LEAST_ROWS rows, if there was memory for them */
    struct json_out info;
} kin_catalog;
#endif
