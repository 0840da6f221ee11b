/* test_part: which bytes are a file of a catalogue's folder, and what one says of itself. */
#include "../../src/kin.h"
#include "assemble.h"
#include "test.h"

static const char metadata[] = "{\"kin.format\":\"2\",\"kin.kind\":\"catalog-shard\"}";
static const uint8_t values[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 1, 2, 3, 4, 5, 6};

static uint8_t *shard(const char *says, size_t *n)
{
    tensor list[] = {{"scale", 5, DT_F32, 1, {2}, 0, 0}, {"vectors", 7, DT_I8, 2, {2, 3}, 0, 0}};
    return assemble(list, 2, says, values, n);
}

static bool refused(const uint8_t *bytes, size_t n, kin_status status, const char *says)
{
    kin_error err = {.status = KIN_OK};
    kin_part *p = kin_part_open(bytes, n, &err);
    bool is = !p && err.status == status && strstr(err.text, says);
    if (!is)
        printf("  %s %s\n", kin_status_name(err.status), err.text);
    kin_part_close(p);
    return is;
}

void test_part_info(void)
{
    size_t n, size;
    kin_error err;
    uint8_t *file = shard(metadata, &n);
    CHECK(file);
    kin_part *p = kin_part_open(file, n, &err);
    CHECK(p);
    for (int turn = 0; turn < 2; turn++) { /* it may be asked again */
        const char *info = kin_part_info(p);
        json is;
        CHECK_EQ(json_open(info, strlen(info), "info", &is, &err), KIN_OK);
        CHECK_EQ(json_length(is), 2);
        CHECK(json_equals(json_get(json_get(is, "metadata"), "kin.kind"), "catalog-shard"));
        json tensors = json_get(is, "tensors");
        CHECK_EQ(json_length(tensors), 2);
        CHECK(json_equals(json_get(tensors, "scale"), "F32") && json_equals(json_get(tensors, "vectors"), "I8"));
    }
    const float *scale = kin_part_tensor(p, "scale", &size);
    CHECK(size == 8 && scale[0] == 1 && scale[1] == 2);
    const int8_t *vectors = kin_part_tensor(p, "vectors", &size);
    CHECK(size == 6 && vectors[0] == 1 && vectors[5] == 6);
    CHECK(!kin_part_tensor(p, "vector", &size) && size == 0);
    kin_part_close(p);
    kin_part_close(NULL);
    free(file);
}

/* A file without a tensor is a file. */
void test_part_empty(void)
{
    size_t n;
    kin_error err;
    uint8_t *file = assemble(NULL, 0, "{}", values, &n);
    CHECK(file);
    kin_part *p = kin_part_open(file, n, &err);
    CHECK(p && strstr(kin_part_info(p), "\"tensors\":{}}"));
    kin_part_close(p);
    free(file);
}

void test_part_damaged(void)
{
    size_t n;
    uint8_t *file = shard(metadata, &n), *moved = malloc(n + 8);
    CHECK(file && moved);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            kin_error err;
            file[i] ^= (uint8_t)(1 << bit);
            CHECK(!kin_part_open(file, n, &err));
            CHECK_EQ(err.status, KIN_NOT_A_CATALOG);
            file[i] ^= (uint8_t)(1 << bit);
        }
    for (size_t cut = 0; cut < n; cut++) {
        kin_error err;
        uint8_t *part = malloc(cut ? cut : 1); /* of just that size */
        memcpy(part, file, cut);
        CHECK(!kin_part_open(part, cut, &err));
        CHECK_EQ(err.status, KIN_NOT_A_CATALOG);
        free(part);
    }
    file[n - 1] ^= 1;
    CHECK(refused(file, n, KIN_NOT_A_CATALOG,
                  "A file of the catalogue is damaged: fetch or copy it again. Other bytes "
                  "than were written are in: vectors."));
    file[n - 1] ^= 1;
    memcpy(moved + 4, file, n);
    CHECK(refused(moved + 4, n, KIN_BAD_ARGUMENT, "must start at a multiple of 8"));
    file = askew(file, &n);
    CHECK(refused(file, n, KIN_NOT_A_CATALOG, "no multiple of 8"));
    free(file), free(moved);
}

/* Files of others, which have no checksums: with metadata and without. */
void test_part_of_others(void)
{
    static const char *const headers[] = {
        "{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}   ",
        "{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}} ",
        "{}",
    };
    for (int i = 0; i < 3; i++) {
        size_t header = strlen(headers[i]), n = 8 + header + (i < 2 ? 2 : 0);
        uint8_t *file = calloc(n, 1);
        file[0] = (uint8_t)header;
        memcpy(file + 8, headers[i], header);
        CHECK(refused(file, n, KIN_NOT_A_CATALOG, "has no checksums (kin.crc32)"));
        free(file);
    }
    _Alignas(8) static const char page[] = "<!doctype html>";
    CHECK(refused((const uint8_t *)page, sizeof page, KIN_NOT_A_CATALOG, "is not a safetensors file"));
}

/* The digest is SHA-256's of all bytes (test_sha256 has the standard's examples). */
void test_part_sha256(void)
{
    static const char want[] = "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
                               "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
    uint8_t digest[32];
    kin_sha256((const uint8_t *)"abc", 3, digest);
    CHECK(!memcmp(digest, want, 32));
    kin_sha256(NULL, 0, digest);
    CHECK(digest[0] == 0xe3 && digest[31] == 0x55);
}
