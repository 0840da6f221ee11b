/* tensors: every rule of the format is checked here, before anything but the header is allocated.
 */
#include "tensors.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DT_COUNT] = {{"U64", 8},  {"I64", 8}, {"F64", 8}, {"F32", 4}, {"I32", 4}, {"U32", 4}, {"F16", 2},
                      {"BF16", 2}, {"I16", 2}, {"U16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};

size_t tensor_dtype_size(tensor_dtype dtype) { return dtypes[dtype].size; }
const char *tensor_dtype_name(tensor_dtype dtype) { return dtypes[dtype].name; }

struct context {
    kin_status code;
    const char *what;
    const uint8_t *head;
    uint64_t data; /* bytes after the header, UINT64_MAX when unknown */
    kin_error *err;
};

#define BAD(c, ...) kin_fail((c)->err, (c)->code, __VA_ARGS__)

/* One entry of the header but for its name. Offsets are relative to the data here. */
static kin_status read_entry(const struct context *c, json entry, tensor *t)
{
    json shape = json_get(entry, "shape"), range = json_get(entry, "data_offsets");
    json dtype = json_get(entry, "dtype");
    int n = (int)t->name_len;
    t->dtype = DT_COUNT;
    for (int d = 0; d < DT_COUNT; d++)
        if (json_equals(dtype, dtypes[d].name))
            t->dtype = (tensor_dtype)d;
    if (t->dtype == DT_COUNT)
        return BAD(c, "%s: tensor %.*s has a dtype that is not known.", c->what, n, t->name);
    if (shape.type != JSON_ARRAY || json_length(shape) > TENSOR_MAX_RANK)
        return BAD(c, "%s: tensor %.*s has no shape of at most 4 sizes.", c->what, n, t->name);
    uint64_t bytes = dtypes[t->dtype].size;
    for (json it = json_first(shape); it.type; it = json_next(shape, it)) {
        uint64_t size;
        if (!json_u64(it, &size) || !mul_u64(bytes, size, &bytes))
            return BAD(c, "%s: the shape of tensor %.*s is not a list of whole numbers in range.", c->what, n, t->name);
        t->shape[t->rank++] = size;
    }
    for (uint32_t i = t->rank; i < TENSOR_MAX_RANK; i++)
        t->shape[i] = 1;
    json begin = json_first(range);
    if (range.type != JSON_ARRAY || json_length(range) != 2 || !json_u64(begin, &t->begin) ||
        !json_u64(json_next(range, begin), &t->end))
        return BAD(c, "%s: data_offsets of tensor %.*s are not two whole numbers.", c->what, n, t->name);
    if (t->begin > t->end || t->end - t->begin != bytes)
        return BAD(c, "%s: tensor %.*s spans %llu bytes, but its shape and dtype take %llu.", c->what, n, t->name,
                   (unsigned long long)(t->end - t->begin), (unsigned long long)bytes);
    if (t->end > c->data)
        return BAD(c, "%s: tensor %.*s lies beyond the end of the file; the file is cut short.", c->what, n, t->name);
    if (t->begin % dtypes[t->dtype].size)
        return BAD(c, "%s: tensor %.*s is not aligned to its dtype.", c->what, n, t->name);
    return KIN_OK;
}

static int by_begin(const void *a, const void *b)
{
    const tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static kin_status check_metadata(const struct context *c, json metadata)
{
    if (metadata.type != JSON_ABSENT && metadata.type != JSON_OBJECT)
        return BAD(c, "%s: __metadata__ is not an object of strings.", c->what);
    for (json it = json_first(metadata); it.type; it = json_next(metadata, it))
        if (it.type != JSON_STRING)
            return BAD(c, "%s: __metadata__ is not an object of strings.", c->what);
    return KIN_OK;
}

/* ---- checksums ------------------------------------------------------------------------------- */

enum { SUM_DIGITS = 8 };

static void write_sum(char *digits, uint32_t sum)
{
    for (int i = 0; i < SUM_DIGITS; i++, sum <<= 4)
        digits[i] = "0123456789abcdef"[sum >> 28];
}

/* Of the bytes before the data, in which the digits of this sum itself lie at `own`. */
static uint32_t header_sum(const uint8_t *head, size_t n, size_t own)
{
    struct crc32 crc;
    crc32_init(&crc);
    uint32_t sum = crc32_update(&crc, crc32_update(&crc, 0, head, own), "00000000", SUM_DIGITS);
    return crc32_update(&crc, sum, head + own + SUM_DIGITS, n - own - SUM_DIGITS);
}

static bool is_sum(const char *digits, uint32_t sum)
{
    char want[SUM_DIGITS];
    write_sum(want, sum);
    return !memcmp(want, digits, SUM_DIGITS);
}

/* The header's own, if the file has checksums; those of the tensors may be asked for afterwards. */
static kin_status check_sums(const struct context *c, size_t n, size_t tensors, tensor_file *f)
{
    json sums = json_get(f->metadata, "kin.crc32");
    if (sums.type == JSON_ABSENT)
        return KIN_OK;
    f->sums = sums.at + 1;
    size_t own = 8 + (size_t)(f->sums - f->names);
    if ((size_t)(sums.end - sums.at) - 2 == SUM_DIGITS * (1 + tensors) &&
        is_sum(f->sums, header_sum(c->head, 8 + n, own)))
        return KIN_OK;
    return BAD(c, "%s is damaged: its header does not have the checksum that was written; fetch it again.", c->what);
}

bool tensor_is_whole(const tensor_file *file, uint32_t i, uint32_t sum)
{
    return !file->sums || is_sum(file->sums + SUM_DIGITS * (1 + (size_t)i), sum);
}

/* Reads all entries into f->tensors, names into f->names behind the header's text. */
static kin_status read_entries(const struct context *c, json header, tensor_file *f, char *names)
{
    for (json it = json_first(header); it.type; it = json_next(header, it)) {
        json key = json_key(header, it);
        if (json_equals(key, "__metadata__"))
            continue;
        tensor *t = &f->tensors[f->n];
        *t = (tensor){.name = names};
        size_t n = json_string(key, names, (size_t)(key.end - key.at));
        if (n == 0 || n > 256)
            return BAD(c, "%s: a tensor's name has %llu bytes; 1 to 256 are allowed.", c->what, (unsigned long long)n);
        names += n;
        t->name_len = (uint32_t)n;
        TRY(read_entry(c, it, t));
        f->n++;
    }
    return KIN_OK;
}

static kin_status check_tiling(const struct context *c, tensor_file *f)
{
    uint64_t at = 0;
    qsort(f->tensors, f->n, sizeof *f->tensors, by_begin);
    for (uint32_t i = 0; i < f->n; i++) {
        const tensor *t = &f->tensors[i];
        if (t->begin != at)
            return BAD(c, "%s: tensor %.*s %s; the file is damaged.", c->what, (int)t->name_len, t->name,
                       t->begin < at ? "overlaps the one before it" : "leaves a gap before it");
        at = t->end;
    }
    if (c->data != UINT64_MAX && at != c->data)
        return BAD(c, "%s: %llu bytes follow the last tensor; the file is damaged.", c->what,
                   (unsigned long long)(c->data - at));
    return KIN_OK;
}

static kin_status open_header(const struct context *c, size_t n, tensor_file *f)
{
    json header;
    char *text = f->names;
    if (json_open(text, n, c->what, &header, c->err) != KIN_OK) {
        c->err->status = c->code;
        return c->code;
    }
    if (text[0] != '{') /* nor a space before it */
        return BAD(c, "%s: the header is not a JSON object.", c->what);
    kin_status keys = json_check_keys(header);
    if (keys == KIN_OUT_OF_MEMORY)
        return kin_fail(c->err, keys, "Not enough memory for the header of %s.", c->what);
    if (keys != KIN_OK)
        return BAD(c, "%s: a name stands twice in the header.", c->what);
    f->metadata = json_get(header, "__metadata__");
    TRY(check_metadata(c, f->metadata));
    size_t entries = json_length(header) - (f->metadata.type != JSON_ABSENT);
    TRY(check_sums(c, n, entries, f));
    f->tensors = malloc((entries ? entries : 1) * sizeof *f->tensors);
    if (!f->tensors)
        return kin_fail(c->err, KIN_OUT_OF_MEMORY, "Not enough memory for the header of %s.", c->what);
    TRY(read_entries(c, header, f, text + n));
    TRY(check_tiling(c, f));
    uint64_t data = f->n ? f->tensors[f->n - 1].end : 0;
    for (uint32_t i = 0; i < f->n; i++) /* no overflow: json_u64 takes whole numbers below 2^53 */
        f->tensors[i].begin += 8 + n, f->tensors[i].end += 8 + n;
    f->file_bytes = 8 + n + data;
    return KIN_OK;
}

kin_status tensor_file_open(const uint8_t *head, size_t head_n, uint64_t file_bytes, kin_status code, const char *what,
                            tensor_file *out, kin_error *err)
{
    struct context c = {code, what, head, UINT64_MAX, err};
    tensor_file f = {0};
    uint64_t n = 0;
    if (head_n < 8)
        return BAD(&c, "%s is too short to be a safetensors file.", what);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | head[i];
    if (n < 2 || n > TENSOR_HEADER_MAX || n > head_n - 8)
        return BAD(&c, "%s is not a safetensors file: its header length is wrong.", what);
    if (file_bytes != UINT64_MAX)
        c.data = file_bytes - 8 - n;
    f.names = malloc(2 * (size_t)n); /* the header's text, then the unescaped names, never longer */
    if (!f.names)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the header of %s.", what);
    memcpy(f.names, head + 8, (size_t)n);
    kin_status status = open_header(&c, (size_t)n, &f);
    if (status != KIN_OK) {
        tensor_file_close(&f);
        return status;
    }
    *out = f;
    return KIN_OK;
}

void tensor_file_close(tensor_file *file)
{
    free(file->tensors), free(file->names);
    *file = (tensor_file){0};
}

const tensor *tensor_find(const tensor_file *file, const char *name)
{
    size_t n = strlen(name);
    for (uint32_t i = 0; i < file->n; i++)
        if (file->tensors[i].name_len == n && !memcmp(file->tensors[i].name, name, n))
            return &file->tensors[i];
    return NULL;
}

/* Of the header's own sum zeros, until the header is whole. Returns where the digits begin. */
static size_t put_sums(struct json_out *o, bool first, const uint32_t *sums, uint32_t n)
{
    char digits[SUM_DIGITS];
    json_out_raw(o, first ? "" : ",");
    json_out_raw(o, "\"kin.crc32\":\"00000000");
    size_t at = o->n - SUM_DIGITS;
    for (uint32_t i = 0; i < n; i++) {
        write_sum(digits, sums[i]);
        json_out_rawn(o, digits, SUM_DIGITS);
    }
    json_out_raw(o, "\"");
    return at;
}

bool tensor_header_write(const tensor *tensors, uint32_t n, const char *metadata, size_t metadata_n,
                         const uint32_t *sums, struct json_out *out)
{
    struct json_out o;
    uint64_t at = 0;
    size_t digits = 0;
    for (uint32_t i = 1; i < n; i++)
        if (dtypes[tensors[i - 1].dtype].size < dtypes[tensors[i].dtype].size)
            return false; /* a wider one could lie askew */
    json_out_init(&o);
    json_out_rawn(&o, "\0\0\0\0\0\0\0", 8); /* the length, known at the end */
    json_out_raw(&o, "{\"__metadata__\":");
    json_out_rawn(&o, metadata, metadata_n - 1);
    if (sums)
        digits = put_sums(&o, metadata_n == 2, sums, n);
    json_out_raw(&o, "}");
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bytes = dtypes[tensors[i].dtype].size;
        json_out_raw(&o, ",");
        json_out_string(&o, tensors[i].name, tensors[i].name_len);
        json_out_raw(&o, ":{\"dtype\":\"");
        json_out_raw(&o, dtypes[tensors[i].dtype].name);
        json_out_raw(&o, "\",\"shape\":[");
        for (uint32_t d = 0; d < tensors[i].rank; d++) {
            json_out_raw(&o, d ? "," : "");
            json_out_u64(&o, tensors[i].shape[d]);
            bytes *= tensors[i].shape[d];
        }
        json_out_raw(&o, "],\"data_offsets\":[");
        json_out_u64(&o, at);
        json_out_raw(&o, ",");
        json_out_u64(&o, at += bytes);
        json_out_raw(&o, "]}");
    }
    json_out_raw(&o, "}");
    while (o.n % 8 && !o.failed)
        json_out_raw(&o, " ");
    if (o.failed) {
        json_out_free(&o);
        return false;
    }
    for (int i = 0; i < 8; i++)
        o.text[i] = (char)((uint64_t)(o.n - 8) >> (8 * i));
    if (sums)
        write_sum(o.text + digits, header_sum((const uint8_t *)o.text, o.n, digits));
    *out = o;
    return true;
}

kin_status tensor_file_check(const tensor_file *file, const uint8_t *bytes, kin_status code, const char *what,
                             kin_error *err)
{
    if (!file->sums)
        return kin_fail(err, code, "%s has no checksums (kin.crc32); is it a file of Kin's?", what);
    struct crc32 crc;
    struct json_out names;
    bool whole = true;
    crc32_init(&crc);
    json_out_init(&names);
    for (uint32_t i = 0; i < file->n; i++) {
        const tensor *t = &file->tensors[i];
        if (tensor_is_whole(file, i, crc32_update(&crc, 0, bytes + t->begin, (size_t)(t->end - t->begin))))
            continue;
        json_out_raw(&names, whole ? "" : ", ");
        json_out_rawn(&names, t->name, t->name_len);
        whole = false;
    }
    if (!whole)
        kin_fail(err, code, "%s is damaged: fetch or copy it again. Other bytes than were written are in: %.*s.", what,
                 (int)names.n, names.text);
    json_out_free(&names);
    return whole ? KIN_OK : code;
}

void tensor_file_tell(const tensor_file *file, struct json_out *out)
{
    json_out_raw(out, "\"metadata\":");
    json_out_rawn(out, file->metadata.at, (size_t)(file->metadata.end - file->metadata.at));
    json_out_raw(out, ",\"tensors\":{");
    for (uint32_t i = 0; i < file->n; i++) {
        json_out_raw(out, i ? "," : "");
        json_out_string(out, file->tensors[i].name, file->tensors[i].name_len);
        json_out_raw(out, ":\"");
        json_out_raw(out, tensor_dtype_name(file->tensors[i].dtype));
        json_out_raw(out, "\"");
    }
    json_out_raw(out, "}");
}

const void *tensor_values(const tensor_file *file, const uint8_t *bytes, const char *name, size_t *n)
{
    const tensor *t = tensor_find(file, name);
    *n = t ? (size_t)(t->end - t->begin) : 0;
    return t ? bytes + t->begin : NULL;
}
