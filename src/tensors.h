/* tensors: the header of a safetensors file, read strictly and written. [level 2]
 *
 *   u64 little-endian header length n | n bytes JSON | data
 *
 * Strict (design 1.4): n <= 100 MB and <= file; JSON object without duplicate keys; dtype known;
 * shape x dtype size = end - begin without overflow; ranges tile the data with no gap, overlap or
 * trailing byte; each offset a multiple of its dtype size. Only the header is copied
 * and its entries are listed; data are neither read nor given room here.
 *
 * Checksums: "kin.crc32" of the metadata is eight lower-case hexadecimal digits for all bytes before the data,
 * these eight counted as '0', then eight for each tensor in the order of the file. So no bit of a file is
 * outside them. The header's is checked here, a tensor's by whoever reads its bytes. */
#ifndef KIN_TENSORS_H
#define KIN_TENSORS_H
#include "crc32.h"
#include "json.h"

enum { TENSOR_MAX_RANK = 4, TENSOR_HEADER_MAX = 100000000 };

typedef enum tensor_dtype {
    DT_U64,
    DT_I64,
    DT_F64,
    DT_F32,
    DT_I32,
    DT_U32,
    DT_F16,
    DT_BF16,
    DT_I16,
    DT_U16,
    DT_I8,
    DT_U8,
    DT_BOOL,
    DT_COUNT
} tensor_dtype;
size_t tensor_dtype_size(tensor_dtype dtype);
const char *tensor_dtype_name(tensor_dtype dtype); /* "F32" … as in the file */

typedef struct tensor {
    const char *name; /* unescaped UTF-8, not NUL-terminated; lives as long as the tensor_file */
    uint32_t name_len;
    tensor_dtype dtype;
    uint32_t rank; /* 0..4 */
    uint64_t shape[TENSOR_MAX_RANK];
    uint64_t begin, end; /* byte range within the file (header included) */
} tensor;

typedef struct tensor_file {
    tensor *tensors; /* sorted by begin; zero-sized ones first among equals */
    uint32_t n;
    uint64_t file_bytes; /* 8 + n + data */
    json metadata;       /* the __metadata__ object (string values) or JSON_ABSENT */
    const char *sums;    /* the digits of kin.crc32; NULL where the file has none */
    char *names;         /* owned copy of header and names: what is above points into it */
} tensor_file;

/* Parses a header. `head` holds the first head_n bytes of the file (at least 8 + header length);
 * file_bytes is the file's size or UINT64_MAX when unknown (then out->file_bytes says what it must
 * be). `code` is the status for a bad file (KIN_NOT_A_MODEL or KIN_NOT_A_CATALOG), `what` names it.
 * On success the caller owns *out and gives it to tensor_file_close. */
kin_status tensor_file_open(const uint8_t *head, size_t head_n, uint64_t file_bytes, kin_status code, const char *what,
                            tensor_file *out, kin_error *err);
void tensor_file_close(tensor_file *file);
/* By exact name; NULL if absent. */
const tensor *tensor_find(const tensor_file *file, const char *name);
/* Whether the bytes of the i-th tensor, whose CRC-32 is `sum`, are those that were written; true where the file
 * has no checksums. */
bool tensor_is_whole(const tensor_file *file, uint32_t i, uint32_t sum);
/* The checksums of a whole file that must have them, of all tensors, also those that nobody knows; the sentence names
 * the damaged ones. `code` and `what` as above. */
kin_status tensor_file_check(const tensor_file *file, const uint8_t *bytes, kin_status code, const char *what,
                             kin_error *err);
/* "metadata":{…},"tensors":{"name":"dtype", …}: what a file that has metadata says of itself. */
void tensor_file_tell(const tensor_file *file, struct json_out *out);
/* A tensor's values within the file's bytes, and how many bytes they are; NULL and 0 for a name that is not there. */
const void *tensor_values(const tensor_file *file, const uint8_t *bytes, const char *name, size_t *n);

/* Puts the 8 + n header bytes for tensors[] laid out one after the other in the given order into *out
 * (begin and end ignored; widest dtype first is the caller's job and is checked). `metadata` is the
 * JSON object of strings that stands as __metadata__, taken over as it is written, to its closing brace; before
 * that comes kin.crc32, if `sums` has the CRC-32 of each tensor's bytes. Padded with spaces to a multiple of 8.
 * The caller frees *out; false, and nothing to free, if the order is wrong or memory short. */
bool tensor_header_write(const tensor *tensors, uint32_t n, const char *metadata, size_t metadata_n,
                         const uint32_t *sums, struct json_out *out);
#endif
