/* test_catalog_write: the bytes of a catalogue, taken in any split; what is refused; ids of every kind; how much
 * memory it takes, and what happens where there is none. */
#include "../../src/catalog.h"
#include "../../src/kin.h"
#include "memory.h"
#include "test.h"
#include "written.h"
#include <math.h>
#include <stdlib.h>

static uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static kin_status add(kin_writer *w, const char *id, const char *item, const int8_t *rows, uint32_t pictures,
                      kin_error *err)
{
    return kin_writer_add(w, id, strlen(id), item, strlen(item), rows, pictures, err);
}

static uint32_t plain_crc(const uint8_t *bytes, size_t n)
{
    uint32_t sum = ~0u;
    for (size_t i = 0; i < 8 * n; i++) {
        uint32_t odd = (sum ^ bytes[i / 8] >> i % 8) & 1;
        sum = sum >> 1 ^ (odd ? 0xEDB88320u : 0);
    }
    return ~sum;
}

/* Every byte of a small one, as docs/format.md has it. */
void test_writer_bytes(void)
{
    static const char header[] =
        "{\"__metadata__\":{\"kin.format\":\"2\",\"kin.kind\":\"catalog\",\"kin.numerics\":\"2\",\"kin.fit\":\"crop\","
        "\"kin.model\":\"\\ud800/\xc3\xa4\\u0001\",\"kin.crc32\":\"00000000"
        "9f836ce0aaeee8a0fb4b6838c369a10aa988dff7097ec6c6d4e92419161310c45204d6d9\"},"
        "\"item_offsets\":{\"dtype\":\"U64\",\"shape\":[3],\"data_offsets\":[0,24]},"
        "\"id_offsets\":{\"dtype\":\"U64\",\"shape\":[3],\"data_offsets\":[24,48]},"
        "\"scale\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[48,60]},"
        "\"row_item\":{\"dtype\":\"U32\",\"shape\":[3],\"data_offsets\":[60,72]},"
        "\"id_order\":{\"dtype\":\"U32\",\"shape\":[2],\"data_offsets\":[72,80]},"
        "\"row_picture\":{\"dtype\":\"U16\",\"shape\":[3],\"data_offsets\":[80,86]},"
        "\"vectors\":{\"dtype\":\"I8\",\"shape\":[3,2],\"data_offsets\":[86,92]},"
        "\"ids\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[92,95]},"
        "\"items\":{\"dtype\":\"U8\",\"shape\":[14],\"data_offsets\":[95,109]}}";
    static const char meta[] = " { \"kin.fit\" : \"crop\" ,\t\"kin.model\":\"\\ud800/\xc3\xa4\\u0001\"}\n";
    static const uint64_t offsets[] = {0, 3, 14, 0, 2, 3};
    static const float scale[] = {0.2f, 1, 1 / 127.0f};
    static const uint32_t row_item[] = {0, 0, 1}, id_order[] = {1, 0};
    static const uint16_t row_picture[] = {0, 1, 0};
    static const int8_t vectors[] = {3, 4, 0, -1, 127, 0};
    kin_error err;
    size_t n, head_n = (sizeof header - 1 + 7) / 8 * 8;
    uint8_t want[2000], *at = want;
    char digits[9];
    for (int i = 0; i < 8; i++)
        *at++ = (uint8_t)(head_n >> (8 * i));
    memset(at, ' ', head_n);
    memcpy(at, header, sizeof header - 1), at += head_n;
    uint32_t sum = plain_crc(want, (size_t)(at - want)); /* its own digits are zeros here */
    snprintf(digits, sizeof digits, "%08x", sum);
    memcpy(strstr((char *)want + 8, "kin.crc32") + 12, digits, 8);
    memcpy(at, offsets, sizeof offsets), at += sizeof offsets;
    memcpy(at, scale, sizeof scale), at += sizeof scale;
    memcpy(at, row_item, sizeof row_item), at += sizeof row_item;
    memcpy(at, id_order, sizeof id_order), at += sizeof id_order;
    memcpy(at, row_picture, sizeof row_picture), at += sizeof row_picture;
    memcpy(at, vectors, sizeof vectors), at += sizeof vectors;
    memcpy(at, "\xc3\xa4z{}\n{\"id\":\"z\"}\n", 17), at += 17;

    kin_writer *w = kin_writer_begin(2, meta, strlen(meta), &err);
    CHECK(w);
    CHECK_EQ(add(w, "\xc3\xa4", "{}", vectors, 2, &err), KIN_OK);
    CHECK_EQ(add(w, "z", "{\"id\":\"z\"}", vectors + 4, 1, &err), KIN_OK);
    uint8_t *bytes = written(w, &n);
    CHECK(bytes);
    CHECK_EQ(n, at - want);
    CHECK(!memcmp(bytes, want, n));
    free(bytes);
}

enum { MANY = 12000, DIM = 20 }; /* every part is longer than a block of the writer's */

/* Product i of many: its id, item and pictures. */
static uint32_t product(int i, char id[64], char item[128], int8_t rows[3 * DIM])
{
    uint64_t seed = (uint64_t)i;
    uint32_t pictures = 1 + random_u32(&seed) % 3;
    snprintf(id, 64, "%x-%0*d", random_u32(&seed), i % 30, i);
    snprintf(item, 128, "{\"id\":\"%s\",\"n\":%d}", id, i);
    for (uint32_t k = 0; k < pictures * DIM; k++)
        rows[k] = (int8_t)(random_u32(&seed) % 255 - 127);
    return pictures;
}

static kin_writer *many(void)
{
    kin_error err;
    char id[64], item[128];
    int8_t rows[3 * DIM];
    kin_writer *w = kin_writer_begin(DIM, "{}", 2, &err);
    for (int i = 0; i < MANY; i++) {
        uint32_t pictures = product(i, id, item, rows);
        if (add(w, id, item, rows, pictures, &err) != KIN_OK)
            printf("  %s\n", err.text);
    }
    return w;
}

void test_writer_any_split(void)
{
    static const size_t caps[] = {1, 7, 65535, 65536, 65537, 1000000};
    kin_error err;
    size_t n, bytes_n, at_n;
    uint8_t *file = written(many(), &n);
    CHECK(file);
    for (size_t k = 0; k < sizeof caps / sizeof *caps; k++) {
        kin_writer *w = many();
        uint8_t *out = malloc(caps[k]);
        size_t at = 0, some;
        CHECK_EQ(kin_writer_take(w, out, caps[k]), 0); /* not finished */
        CHECK_EQ(kin_writer_bytes(w), 0);
        CHECK_EQ(kin_writer_end(w, &err), KIN_OK);
        CHECK_EQ(kin_writer_bytes(w), n);
        CHECK_EQ(kin_writer_take(w, out, 0), 0);
        while ((some = kin_writer_take(w, out, caps[k])) > 0) {
            CHECK(some == (n - at < caps[k] ? n - at : caps[k]));
            CHECK(!memcmp(file + at, out, some));
            at += some;
        }
        CHECK_EQ(at, n);
        CHECK_EQ(kin_writer_bytes(w), n);
        free(out);
        kin_writer_close(w);
    }

    kin_catalog *c = kin_catalog_open(file, n, &err);
    CHECK(c);
    CHECK_EQ(c->products, MANY);
    const char *ids = kin_catalog_tensor(c, "ids", &bytes_n), *items = kin_catalog_tensor(c, "items", &bytes_n);
    const uint64_t *id_at = kin_catalog_tensor(c, "id_offsets", &at_n);
    const uint64_t *item_at = kin_catalog_tensor(c, "item_offsets", &at_n);
    const uint16_t *row_picture = kin_catalog_tensor(c, "row_picture", &at_n);
    for (uint32_t i = 0, r = 0; i < MANY; i++) {
        char id[64], item[128];
        int8_t rows[3 * DIM], again[DIM];
        float unit[DIM], scale;
        uint32_t pictures = product((int)i, id, item, rows);
        CHECK(id_at[i + 1] - id_at[i] == strlen(id) && !memcmp(ids + id_at[i], id, strlen(id)));
        strcat(item, "\n");
        CHECK(item_at[i + 1] - item_at[i] == strlen(item) && !memcmp(items + item_at[i], item, strlen(item)));
        CHECK(!memcmp(c->vectors + (size_t)r * DIM, rows, pictures * DIM));
        for (uint32_t p = 0; p < pictures; p++, r++) {
            CHECK(c->row_item[r] == i && row_picture[r] == p);
            int top = 0;
            for (int k = 0; k < DIM; k++) {
                unit[k] = (float)rows[p * DIM + (uint32_t)k];
                top = abs(rows[p * DIM + (uint32_t)k]) > top ? abs(rows[p * DIM + (uint32_t)k]) : top;
            }
            CHECK_EQ(kin_quantise_vector(unit, DIM, again, &scale, &err), KIN_OK);
            if (top == 127) /* then the row is its own quantisation */
                CHECK(scale == c->scale[r]);
        }
    }
    kin_catalog_close(c);
    free(file);
}

/* A refusal leaves the writer as it was: the file is that of the products that were taken. */
void test_writer_refuses(void)
{
    static const int8_t rows[3 * 65536] = {1, 2, 3, 0, 0, 0, 4, 5, 6}; /* the second one is all zeros */
    static const char deep[] =
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]"
        "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}";
    static const struct {
        const char *id;
        size_t id_n;
        const char *item;
        uint32_t pictures;
        const char *says;
    } cases[] = {
        {"", 0, "{}", 1, "A product's id is empty or not UTF-8."},
        {"\xff", 1, "{}", 1, "A product's id is empty or not UTF-8."},
        {"\xed\xa0\x80", 3, "{}", 1, "A product's id is empty or not UTF-8."},
        {"b\xc3\xa4", 2, "{}", 1, "A product's id is empty or not UTF-8."},
        {"a", 1, "{}", 1, "There is a product 'a' already."},
        {"b", 1, "", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "[]", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{}{}", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{}\n", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{\"a\":\n1}", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{\"a\":\"\xff\"}", 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, deep, 1, "The item of product 'b' is not a JSON object on one line."},
        {"b", 1, "{}", 0, "The product 'b' has 0 pictures; 1 to 65535 are possible."},
        {"b", 1, "{}", 65536, "The product 'b' has 65536 pictures; 1 to 65535 are possible."},
        {"b", 1, "{}", 3, "Picture 1 of product 'b' has a vector of zeros."},
        {"0123456789012345678901234567890123456789012345678901234567\xe2\x82\xac", 61, "", 1,
         "The item of product '0123456789012345678901234567890123456789012345678901234567' is not"},
    };
    kin_error err;
    size_t n, plain_n;
    kin_writer *w = kin_writer_begin(3, "{}", 2, &err);
    CHECK_EQ(add(w, "a", "{}", rows, 1, &err), KIN_OK);
    uint8_t *plain = written(w, &plain_n);

    w = kin_writer_begin(3, "{}", 2, &err);
    CHECK_EQ(add(w, "a", "{}", rows, 1, &err), KIN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(kin_writer_add(w, cases[i].id, cases[i].id_n, cases[i].item, strlen(cases[i].item), rows,
                                cases[i].pictures, &err),
                 KIN_BAD_ARGUMENT);
        if (!strstr(err.text, cases[i].says))
            CHECK_STR(err.text, cases[i].says);
    }
    CHECK_EQ(kin_writer_end(w, &err), KIN_OK);
    CHECK_EQ(kin_writer_end(w, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(add(w, "c", "{}", rows, 1, &err), KIN_BAD_ARGUMENT);
    CHECK(strstr(err.text, "finished"));
    n = kin_writer_bytes(w);
    CHECK_EQ(n, plain_n);
    uint8_t *bytes = malloc(n);
    CHECK_EQ(kin_writer_take(w, bytes, n), n);
    CHECK(!memcmp(bytes, plain, n));
    kin_writer_close(w);
    kin_writer_close(NULL);
    free(bytes), free(plain);

    static int8_t most[65535]; /* as many pictures as there may be */
    memset(most, 1, sizeof most);
    w = kin_writer_begin(1, "{}", 2, &err);
    CHECK_EQ(add(w, "a", "{}", most, 65535, &err), KIN_OK);
    bytes = written(w, &n);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c && c->rows == 65535);
    kin_catalog_close(c);
    free(bytes);
}

void test_writer_metadata(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not a JSON object"},
        {"null", "not a JSON object"},
        {"[\"a\"]", "not a JSON object"},
        {"{\"a\":\"b\"", "not a JSON object"},
        {"{\"a\":\"b\",\"\\u0061\":\"c\"}", "a key twice"},
        {"{\"a\":\"b\"", "not a JSON object"}, /* after one that was */
        {"{\"a\":1}", "not a string"},
        {"{\"a\":{}}", "not a string"},
        {"{\"kin.format\":\"1\"}", "kin.format"},
        {"{\"a\":\"b\",\"kin.kind\":\"catalog\"}", "kin.kind"},
        {"{\"kin.numeri\\u0063s\":\"1\"}", "kin.numerics"},
        {"{\"kin.crc32\":\"00000000\"}", "kin.crc32"},
        {"{\"kin.needs\":\"\"}", "kin.needs"},
    };
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(!kin_writer_begin(1, cases[i].text, strlen(cases[i].text), &err));
        CHECK_EQ(err.status, KIN_BAD_ARGUMENT);
        if (!strstr(err.text, cases[i].says))
            CHECK_STR(err.text, cases[i].says);
    }
    for (int dim = -1; dim <= 0; dim++) {
        CHECK(!kin_writer_begin(dim, "{}", 2, &err));
        CHECK_EQ(err.status, KIN_BAD_ARGUMENT);
    }
    CHECK(!kin_writer_begin(1, "{}", 99999999, &err)); /* not read */
    CHECK_EQ(err.status, KIN_TOO_LARGE);
}

/* Ids that begin with each other, hold any byte, or come again: found again, and sorted (the reader checks). */
void test_writer_ids(void)
{
    enum { TIMES = 4000, LONGEST = 300 };
    static const int8_t row[] = {1};
    static char ids[TIMES][8];
    static size_t sizes[TIMES];
    static char long_id[LONGEST];
    uint64_t seed = 9;
    uint32_t n_ids = 0;
    kin_error err;
    size_t n;
    kin_writer *w = kin_writer_begin(1, "{}", 2, &err);
    memset(long_id, 'a', sizeof long_id);
    for (size_t k = LONGEST; k > 0; k--) /* a tree as deep as it has ids */
        CHECK_EQ(kin_writer_add(w, long_id, k, "{}", 2, row, 1, &err), KIN_OK);
    for (size_t k = LONGEST; k > 0; k--)
        CHECK_EQ(kin_writer_add(w, long_id, k, "{}", 2, row, 1, &err), KIN_BAD_ARGUMENT);
    for (int t = 0; t < TIMES; t++) {
        static const char *const letters[] = {"b", "", "c", "\x7f", "\xc3\xa4", "\xef\xac\x81", "\xf0\x9f\x98\x80"};
        char *id = ids[n_ids];
        size_t size = 0;
        for (uint32_t k = 1 + random_u32(&seed) % 2; k; k--) {
            const char *letter = letters[random_u32(&seed) % 7];
            size_t bytes = *letter ? strlen(letter) : 1; /* the empty one is a zero byte */
            memcpy(id + size, letter, bytes), size += bytes;
        }
        bool known = false;
        for (uint32_t k = 0; k < n_ids; k++)
            known = known || (sizes[k] == size && !memcmp(ids[k], id, size));
        CHECK_EQ(kin_writer_add(w, id, size, "{}", 2, row, 1, &err), known ? KIN_BAD_ARGUMENT : KIN_OK);
        if (!known)
            sizes[n_ids++] = size;
    }
    CHECK_EQ(n_ids, 7 + 49);
    uint8_t *bytes = written(w, &n);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c);
    CHECK_EQ(c->products, LONGEST + n_ids);
    kin_catalog_close(c);
    free(bytes);
}

/* No block grows with the file; with the file's bytes goes little more, and what was taken is freed. */
void test_writer_memory(void)
{
    const size_t slack = (PART_COUNT + 2) * 65536 + MANY * 16;
    static uint8_t out[100000];
    kin_error err;
    size_t before = memory_held, some;
    memory_peak = before, memory_largest = 0;
    kin_writer *w = many();
    CHECK_EQ(kin_writer_end(w, &err), KIN_OK);
    size_t n = kin_writer_bytes(w);
    CHECK(n > 3 * slack / 2);
    CHECK(memory_peak - before < n + slack);
    CHECK(memory_largest <= 65536);
    for (size_t at = 0; (some = kin_writer_take(w, out, sizeof out)) > 0;) {
        at += some;
        CHECK(memory_held - before < n - at + slack / 2);
    }
    CHECK(memory_held - before < 10000);
    kin_writer_close(w);
    CHECK_EQ(memory_held, before);
}

/* Each allocation in turn fails: a status, no crash, and tried again the same file. */
void test_writer_short_of_memory(void)
{
    static const char *const ids[] = {"b", "a", "c"};
    enum { WIDE = 4096, PICTURES = 40 }; /* vectors of several blocks */
    kin_error err;
    size_t n, plain_n = 0;
    int8_t *rows = malloc(WIDE * PICTURES);
    uint8_t *plain = NULL;
    memset(rows, 3, WIDE * PICTURES);
    for (long left = -1, refused = 1; refused; left++) {
        size_t before = memory_held;
        refused = 0;
        memory_left = left;
        kin_writer *w = kin_writer_begin(WIDE, "{\"a\":\"b\"}", 9, &err);
        if (!w) {
            memory_left = -1;
            CHECK_EQ(err.status, KIN_OUT_OF_MEMORY);
            CHECK_EQ(memory_held, before);
            refused = 1;
            continue;
        }
        for (int i = 0; i < 3; i++) {
            size_t held = memory_held;
            kin_status status = add(w, ids[i], "{}", rows, PICTURES, &err);
            if (status != KIN_OK) {
                memory_left = -1;
                CHECK_EQ(status, KIN_OUT_OF_MEMORY);
                CHECK(strstr(err.text, "Not enough memory"));
                CHECK(memory_held < held + 1000); /* but for tables of blocks */
                CHECK_EQ(add(w, ids[i], "{}", rows, PICTURES, &err), KIN_OK);
                refused = 1;
            }
        }
        kin_status status = kin_writer_end(w, &err);
        if (status != KIN_OK) {
            memory_left = -1;
            CHECK_EQ(status, KIN_OUT_OF_MEMORY);
            CHECK_EQ(kin_writer_end(w, &err), KIN_OK);
            refused = 1;
        }
        memory_left = -1;
        n = kin_writer_bytes(w);
        uint8_t *bytes = malloc(n);
        CHECK_EQ(kin_writer_take(w, bytes, n), n);
        kin_writer_close(w);
        if (left < 0) { /* the first turn has all the memory that it wants */
            plain = bytes, plain_n = n, refused = 1;
            continue;
        }
        CHECK(n == plain_n && !memcmp(bytes, plain, n));
        free(bytes);
    }
    free(plain), free(rows);

    kin_writer *w = kin_writer_begin(1, "{}", 2, &err);
    for (int i = 0; i < 17000; i++) { /* their order takes a block more than is there */
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        CHECK_EQ(add(w, id, "{}", (const int8_t[]){1}, 1, &err), KIN_OK);
    }
    memory_left = 0;
    kin_status status = kin_writer_end(w, &err);
    memory_left = -1;
    CHECK_EQ(status, KIN_OUT_OF_MEMORY);
    CHECK_EQ(kin_writer_end(w, &err), KIN_OK);
    kin_writer_close(w);
}
