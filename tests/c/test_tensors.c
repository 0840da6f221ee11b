/* test_tensors: one bad header for each rule of a safetensors file, extreme values in every number,
 * and what the writer writes read again. SHA-256 and CRC-32 have their few vectors here as well. */
#include "../../src/sha256.h"
#include "../../src/tensors.h"
#include "test.h"
#include <stdlib.h>

#define CODE KIN_NOT_A_CATALOG

/* Opens a file of that header and data_n zero bytes, in a block of exactly its size. */
static kin_status open_file(const char *header, size_t data_n, tensor_file *out, kin_error *err)
{
    size_t n = strlen(header), total = 8 + n + data_n;
    uint8_t *bytes = calloc(total, 1);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)n >> (8 * i));
    memcpy(bytes + 8, header, n);
    kin_status status = tensor_file_open(bytes, total, total, CODE, "it.safetensors", out, err);
    free(bytes); /* the header was copied: nothing below may need it */
    return status;
}

/* "" if the file is fine, else the sentence about it. Any open file is closed again. */
static const char *complaint(const char *header, size_t data_n, kin_error *err)
{
    tensor_file f = {0};
    memset(err, 0, sizeof *err);
    kin_status status = open_file(header, data_n, &f, err);
    if (status != KIN_OK)
        return f.tensors || f.names ? "(leaked)" : status != CODE || err->status != CODE ? "(wrong status)" : err->text;
    tensor_file_close(&f);
    return "";
}

void test_tensors_reads(void)
{
    static const char header[] = "{\"b\":{\"shape\":[3],\"dtype\":\"U8\",\"data_offsets\":[20,23],\"note\":1},"
                                 "\"__metadata__\":{\"kin.kind\":\"catalog\"},"
                                 "\"a\\u00e4\":{\"dtype\":\"F32\",\"shape\":[2,1,2],\"data_offsets\":[0,16]},"
                                 "\"scalar\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[16,20]},"
                                 "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[20,20]}}   ";
    tensor_file f;
    kin_error err;
    CHECK_EQ(open_file(header, 23, &f, &err), KIN_OK);
    uint64_t data = 8 + sizeof header - 1;
    CHECK_EQ(f.n, 4);
    CHECK_EQ(f.file_bytes, data + 23);
    CHECK(json_equals(json_get(f.metadata, "kin.kind"), "catalog"));
    const char *order[] = {"a\xc3\xa4", "scalar", "none", "b"};
    for (int i = 0; i < 4; i++)
        CHECK(tensor_find(&f, order[i]) == &f.tensors[i]);
    const tensor *t = tensor_find(&f, "a\xc3\xa4");
    CHECK_EQ(t->dtype, DT_F32);
    CHECK_EQ(t->rank, 3);
    CHECK(t->shape[0] == 2 && t->shape[1] == 1 && t->shape[2] == 2 && t->shape[3] == 1);
    CHECK_EQ(t->begin, data);
    CHECK_EQ(t->end, data + 16);
    CHECK_EQ(tensor_find(&f, "scalar")->rank, 0);
    CHECK_EQ(tensor_find(&f, "b")->begin, data + 20);
    CHECK(!tensor_find(&f, "a") && !tensor_find(&f, "__metadata__") && !tensor_find(&f, ""));
    tensor_file_close(&f);
    CHECK(!f.tensors && !f.names);

    CHECK_STR(complaint("{}", 0, &err), "");
    CHECK_STR(complaint("{\"__metadata__\":{}}", 0, &err), "");
}

/* One header a rule; T is a tensor of two F32 that fills the file. */
#define T "\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define ENTRY(text) "{\"t\":{" text "}}"
#define LONG16 "0123456789abcdef"
#define LONG64 LONG16 LONG16 LONG16 LONG16

void test_tensors_refuses(void)
{
    static const struct {
        const char *header;
        size_t data_n;
        const char *says;
    } cases[] = {
        {"{" T "", 8, "not valid JSON"},
        {"{" T "}x", 8, "not valid JSON"},
        {"["
         "]",
         0, "not a JSON object"},
        {" {" T "}", 8, "not a JSON object"},
        {"{" T "," T "}", 8, "stands twice"},
        {"{" T ",\"\\u0074\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]}}", 8, "stands twice"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}," T "}", 8, "stands twice"},
        {"{\"__metadata__\":1," T "}", 8, "not an object of strings"},
        {"{\"__metadata__\":[\"a\"]," T "}", 8, "not an object of strings"},
        {"{\"__metadata__\":{\"a\":1}," T "}", 8, "not an object of strings"},
        {"{\"__metadata__\":{\"a\":{}}," T "}", 8, "not an object of strings"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "name has 0 bytes"},
        {"{\"" LONG64 LONG64 LONG64 LONG64 "x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
         "name has 257 bytes"},
        {"{\"t\":3}", 8, "dtype"},
        {"{\"t\":[]}", 8, "dtype"},
        {ENTRY("\"shape\":[2],\"data_offsets\":[0,8]"), 8, "dtype"},
        {ENTRY("\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]"), 8, "dtype"},
        {ENTRY("\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]"), 8, "dtype"},
        {ENTRY("\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]"), 8, "dtype"},
        {ENTRY("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, "no shape"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]"), 8, "no shape"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":{\"a\":2},\"data_offsets\":[0,8]"), 8, "no shape"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2,1,1,1,1],\"data_offsets\":[0,8]"), 8, "no shape"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]"), 8, "whole numbers"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]"), 8, "whole numbers"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]"), 8, "whole numbers"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[null],\"data_offsets\":[0,8]"), 8, "whole numbers"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]"), 0, "whole numbers"},
        /* 4 * 5581 * 1652637885120010 = 8 modulo 2^64 */
        {ENTRY("\"dtype\":\"F32\",\"shape\":[5581,1652637885120010],\"data_offsets\":[0,8]"), 8, "whole numbers"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{\"a\":0,\"b\":8}"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.5,8.5]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.5]"), 8, "data_offsets"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"), 8, "spans"},
        /* 8 * 2 * 1073741823 * 1073741825 = -16 modulo 2^64 */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":[0,16]},"
         "\"t\":{\"dtype\":\"F64\",\"shape\":[2,1073741823,1073741825],\"data_offsets\":[16,0]}}",
         16, "tensor t spans"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,7]"), 7,
         "spans 7 bytes, but its shape and dtype take 8"},
        {ENTRY("\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]"), 8, "take 16"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), 7, "cut short"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), 9, "1 bytes follow"},
        {ENTRY("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]"), 12, "gap"},
        {"{" T ",\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16, "gap"},
        {"{" T ",\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "overlaps"},
        {"{" T ",\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "overlaps"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
         6, "not aligned"},
        {"{}", 1, "1 bytes follow"},
    };
    kin_error err;
    CHECK_STR(complaint("{" T "}", 8, &err), "");
    CHECK_STR(complaint("{\"none\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]}," T "}", 8, &err), "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = complaint(cases[i].header, cases[i].data_n, &err);
        if (!strstr(text, cases[i].says))
            printf("  case %d, %.60s: %s\n", (int)i, cases[i].header, text);
        CHECK(strstr(text, cases[i].says));
        CHECK(strstr(text, "it.safetensors"));
    }
}

/* A hostile name can neither forge a line nor flood the sentence. */
void test_tensors_hostile_name(void)
{
    kin_error err;
    const char *text = complaint("{\"a\\nok: all is well\\u0000\":{\"dtype\":\"X\"}}", 0, &err);
    CHECK(strstr(text, "a?ok"));
    CHECK(!strchr(text, '\n'));
}

void test_tensors_header_length(void)
{
    static const uint64_t lengths[] = {0, 1, 3, 100000001, INT32_MAX, UINT32_MAX, 1ull << 63, UINT64_MAX};
    tensor_file f = {0};
    kin_error err;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t bytes[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
        for (int k = 0; k < 8; k++)
            bytes[k] = (uint8_t)(lengths[i] >> (8 * k));
        CHECK_EQ(tensor_file_open(bytes, 10, 10, CODE, "it", &f, &err), CODE);
        CHECK(strstr(err.text, "header length is wrong"));
        CHECK_EQ(tensor_file_open(bytes, 10, UINT64_MAX, CODE, "it", &f, &err), CODE);
        CHECK(!f.names);
    }
    uint8_t *bytes = calloc(8 + 100000001, 1); /* the header is there, and yet too long */
    memcpy(bytes, "\x01\xe1\xf5\x05", 4);
    CHECK_EQ(tensor_file_open(bytes, 8 + 100000001, UINT64_MAX, CODE, "it", &f, &err), CODE);
    CHECK(strstr(err.text, "header length is wrong"));
    free(bytes);
    bytes = malloc(8);
    memset(bytes, 0, 8);
    for (size_t n = 0; n <= 8; n++) {
        CHECK_EQ(tensor_file_open(bytes, n, n, CODE, "it", &f, &err), CODE);
        CHECK(strstr(err.text, "it "));
    }
    free(bytes);
}

/* Extreme numbers in each place: all are refused, nothing overflows. */
void test_tensors_extremes(void)
{
    static const char *const values[] = {"0",
                                         "1",
                                         "2147483647",
                                         "2147483648",
                                         "4294967295",
                                         "4294967296",
                                         "9007199254740991",
                                         "9007199254740992",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "1e308",
                                         "-1",
                                         "-9223372036854775808"};
    static const char *const places[] = {
        "{\"t\":{\"dtype\":\"F64\",\"shape\":[%s],\"data_offsets\":[0,24]}}",
        "{\"t\":{\"dtype\":\"F64\",\"shape\":[3,%s],\"data_offsets\":[0,16]}}",
        "{\"t\":{\"dtype\":\"F64\",\"shape\":[%s,%s,%s,%s],\"data_offsets\":[0,16]}}",
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[24],\"data_offsets\":[%s,25]}}",
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[24],\"data_offsets\":[2,%s]}}",
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[%s],\"data_offsets\":[8,%s]}}",
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[%s,%s]}}",
    };
    char header[256];
    kin_error err;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            snprintf(header, sizeof header, places[p], values[v], values[v], values[v], values[v]);
            CHECK(strstr(complaint(header, 24, &err), "it.safetensors"));
        }
}

/* While the size of a file is unknown its header says it; ranges must still tile. */
void test_tensors_unknown_size(void)
{
    static const char header[] = "{" T "}";
    uint8_t bytes[8 + sizeof header] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    tensor_file f;
    kin_error err;
    CHECK_EQ(tensor_file_open(bytes, 8 + sizeof header - 1, UINT64_MAX, CODE, "it", &f, &err), KIN_OK);
    CHECK_EQ(f.file_bytes, 8 + sizeof header - 1 + 8);
    tensor_file_close(&f);

    static const char gap[] = "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
    uint8_t other[8 + sizeof gap] = {sizeof gap - 1};
    memcpy(other + 8, gap, sizeof gap - 1);
    CHECK_EQ(tensor_file_open(other, 8 + sizeof gap - 1, UINT64_MAX, CODE, "it", &f, &err), CODE);
    CHECK(strstr(err.text, "gap"));
}

void test_tensors_dtypes(void)
{
    static const struct {
        const char *name;
        size_t size;
    } dtypes[] = {{"U64", 8},  {"I64", 8}, {"F64", 8}, {"F32", 4}, {"I32", 4}, {"U32", 4}, {"F16", 2},
                  {"BF16", 2}, {"I16", 2}, {"U16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
    char header[128];
    tensor_file f;
    kin_error err;
    CHECK_EQ(sizeof dtypes / sizeof *dtypes, DT_COUNT);
    for (int d = 0; d < DT_COUNT; d++) {
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%d]}}",
                 dtypes[d].name, (int)(3 * dtypes[d].size));
        CHECK_EQ(open_file(header, 3 * dtypes[d].size, &f, &err), KIN_OK);
        CHECK_STR(tensor_dtype_name(f.tensors[0].dtype), dtypes[d].name);
        CHECK_EQ(tensor_dtype_size(f.tensors[0].dtype), dtypes[d].size);
        tensor_file_close(&f);
    }
}

void test_tensors_write(void)
{
    static const char meta[] = "{\"a\":\"x\\\"y\",\"kin.kind\":\"catalog\"}";
    tensor t[] = {{"off", 3, DT_U64, 1, {2, 1, 1, 1}, 0, 0},
                  {"m\xc3\xa4", 3, DT_F32, 2, {2, 3, 1, 1}, 0, 0},
                  {"none", 4, DT_F32, 1, {0, 1, 1, 1}, 0, 0},
                  {"one", 3, DT_I8, 0, {1, 1, 1, 1}, 0, 0}};
    struct json_out head;
    tensor_file f;
    kin_error err;
    CHECK(tensor_header_write(t, 4, meta, strlen(meta), NULL, &head));
    size_t n = head.n;
    CHECK_EQ(n % 8, 0);
    CHECK_EQ(tensor_file_open((uint8_t *)head.text, n, n + 16 + 24 + 1, CODE, "it", &f, &err), KIN_OK);
    json_out_free(&head);
    CHECK_EQ(f.n, 4);
    CHECK(json_equals(json_get(f.metadata, "a"), "x\"y"));
    for (int i = 0; i < 4; i++) {
        CHECK(f.tensors[i].name_len == t[i].name_len && !memcmp(f.tensors[i].name, t[i].name, t[i].name_len));
        CHECK(f.tensors[i].dtype == t[i].dtype && f.tensors[i].rank == t[i].rank);
        CHECK(!memcmp(f.tensors[i].shape, t[i].shape, sizeof t[i].shape));
    }
    CHECK_EQ(f.tensors[1].begin, n + 16);
    tensor_file_close(&f);
    t[3].dtype = DT_F64; /* wider than the one before it */
    CHECK(!tensor_header_write(t, 4, meta, strlen(meta), NULL, &head));
}

/* kin.crc32: what is written is read; other digits, a bit of the header, another number of them are refused. */
void test_tensors_checksums(void)
{
    static const uint32_t sums[] = {0x0123abcd, 0, UINT32_MAX};
    tensor t[] = {{"a", 1, DT_F32, 1, {2, 1, 1, 1}, 0, 0},
                  {"none", 4, DT_I8, 1, {0, 1, 1, 1}, 0, 0},
                  {"b", 1, DT_I8, 1, {3, 1, 1, 1}, 0, 0}};
    for (int empty = 0; empty < 2; empty++) {
        const char *meta = empty ? "{}" : "{\"a\":\"kin.crc32\"}";
        struct json_out head;
        tensor_file f;
        kin_error err;
        CHECK(tensor_header_write(t, 3, meta, strlen(meta), sums, &head));
        CHECK_EQ(head.n % 8, 0);
        uint8_t *bytes = (uint8_t *)head.text;
        CHECK_EQ(tensor_file_open(bytes, head.n, head.n + 11, CODE, "it", &f, &err), KIN_OK);
        for (uint32_t i = 0; i < 3; i++)
            for (int bit = 0; bit < 32; bit++)
                CHECK(tensor_is_whole(&f, i, sums[i]) && !tensor_is_whole(&f, i, sums[i] ^ 1u << bit));
        tensor_file_close(&f);
        size_t key = (size_t)(strstr(head.text + 8, "kin.crc32\":") - head.text); /* without its name there are none */
        for (size_t bit = 0; bit < 8 * head.n; bit++) {
            if (bit / 8 >= key && bit / 8 < key + 9)
                continue;
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK_EQ(tensor_file_open(bytes, head.n, UINT64_MAX, CODE, "it", &f, &err), CODE);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        bytes[key + 24] -= 32; /* 0123Abcd is not as it is written */
        CHECK_EQ(tensor_file_open(bytes, head.n, UINT64_MAX, CODE, "it", &f, &err), CODE);
        CHECK_STR(err.text, "it is damaged: its header does not have the checksum that was written; fetch it again.");
        json_out_free(&head);
    }
    static const char *const headers[] = {
        "{\"__metadata__\":{\"kin.crc32\":\"\"}}",
        "{\"__metadata__\":{\"kin.crc32\":\"0000000\"}}",
        "{\"__metadata__\":{\"kin.crc32\":\"0000000000000000\"}}",
        "{\"__metadata__\":{\"kin.crc32\":\"\\u003000\"}}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        tensor_file f;
        kin_error err;
        CHECK_EQ(open_file(headers[i], 0, &f, &err), CODE);
        CHECK(strstr(err.text, "does not have the checksum"));
    }
}

/* The check value of every list of CRCs, and the same for any split of the bytes. */
void test_crc32(void)
{
    struct crc32 c;
    uint8_t bytes[100];
    crc32_init(&c);
    CHECK_EQ(crc32_update(&c, 0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(crc32_update(&c, 0, NULL, 0), 0);
    for (int i = 0; i < 100; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= 100; n++)
        for (size_t some = 1; some <= 100; some++) {
            uint32_t sum = 0;
            for (size_t at = 0; at < n; at += some)
                sum = crc32_update(&c, sum, bytes + at, some < n - at ? some : n - at);
            CHECK_EQ(sum, crc32_update(&c, 0, bytes, n));
        }
    CHECK_EQ(crc32_update(&c, 0, bytes, 100), 0x821d3e85);
}

/* FIPS 180-4's examples, and the same digest for any split of the bytes. */
void test_sha256(void)
{
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    struct sha256 h;
    uint8_t digest[32], other[32], bytes[300];
    char hex[65];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sha256_init(&h);
        sha256_update(&h, cases[i].text, strlen(cases[i].text));
        sha256_final(&h, digest);
        for (int k = 0; k < 32; k++)
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        CHECK_STR(hex, cases[i].digest);
    }
    for (int i = 0; i < 300; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= 300; n++) { /* every length across the padding's edges */
        sha256_init(&h);
        sha256_update(&h, bytes, n);
        sha256_final(&h, digest);
        sha256_init(&h);
        for (size_t at = 0, some = 1; at < n; at += some, some = some % 70 + 3)
            sha256_update(&h, bytes + at, some < n - at ? some : n - at);
        sha256_final(&h, other);
        CHECK(!memcmp(digest, other, sizeof digest));
    }
    static const char want300[] = "9a76b8af8f16f19d60de2b3999c22f9d10be4395c90ea3bfc5eb6cd6254243af";
    for (int k = 0; k < 32; k++)
        snprintf(hex + 2 * k, 3, "%02x", digest[k]);
    CHECK_STR(hex, want300);
}
