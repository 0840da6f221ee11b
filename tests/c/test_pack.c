/* test_pack: which files are label packs, and what one says of itself. */
#include "../../src/pack.h"
#include "../../src/kin.h"
#include "assemble.h"
#include "test.h"

enum { DIM = 4, PARTS = 6, MANY = PACK_ROWS_MAX + 1 };

static const char good[] = "{\"kin.format\":\"1\",\"kin.kind\":\"labels\"}";

/* Two labels with three phrases and one negative, two phrases and one picture of a background. */
static const tensor whole[PARTS] = {
    {"null", 4, DT_F32, 2, {2, 2}, 0, 0},        {"phrases", 7, DT_F32, 2, {3, DIM}, 0, 0},
    {"negatives", 9, DT_F32, 2, {1, DIM}, 0, 0}, {"background", 10, DT_I8, 2, {2, DIM}, 0, 0},
    {"pictures", 8, DT_I8, 2, {1, DIM}, 0, 0},   {"labels", 6, DT_U8, 1, {2}, 0, 0}};

static uint8_t values[MANY * DIM + 256];

static kin_status opened(const uint8_t *file, size_t n, kin_error *err)
{
    *err = (kin_error){.status = KIN_OK};
    kin_pack *p = kin_pack_open(file, n, err);
    kin_pack_close(p);
    return err->status;
}

void test_pack_files(void)
{
    static const struct {
        const char *metadata;
        int part; /* which is another */
        tensor is;
        kin_status want;
        const char *says;
    } cases[] = {
        {good, 0, {"null", 4, DT_F32, 2, {2, 2}, 0, 0}, KIN_OK, ""},
        {good, 0, {"null", 4, DT_F32, 2, {0, 2}, 0, 0}, KIN_OK, ""},
        {"{}", 0, {"null", 4, DT_F32, 2, {2, 2}, 0, 0}, KIN_NOT_A_PACK, "kin.kind"},
        {"{\"kin.format\":\"1\",\"kin.kind\":\"adapter\"}",
         0,
         {"null", 4, DT_F32, 2, {2, 2}, 0, 0},
         KIN_NOT_A_PACK,
         "kin.kind"},
        {"{\"kin.kind\":\"labels\"}", 0, {"null", 4, DT_F32, 2, {2, 2}, 0, 0}, KIN_UNSUPPORTED, "not of format"},
        {"{\"kin.format\":\"2\",\"kin.kind\":\"labels\"}",
         0,
         {"null", 4, DT_F32, 2, {2, 2}, 0, 0},
         KIN_UNSUPPORTED,
         "not of format"},
        {"{\"kin.format\":\"1\",\"kin.kind\":\"labels\",\"kin.needs\":\"x\"}",
         0,
         {"null", 4, DT_F32, 2, {2, 2}, 0, 0},
         KIN_UNSUPPORTED,
         "not of format"},
        {good,
         1,
         {"phrase", 6, DT_F32, 2, {3, DIM}, 0, 0},
         KIN_NOT_A_PACK,
         "no tensor phrases that is F32 or I8 of rank 2"},
        {good, 1, {"phrases", 7, DT_I32, 2, {3, DIM}, 0, 0}, KIN_NOT_A_PACK, "no tensor phrases"},
        {good, 1, {"phrases", 7, DT_F32, 3, {3, DIM, 1}, 0, 0}, KIN_NOT_A_PACK, "no tensor phrases"},
        {good, 4, {"pictures", 8, DT_U8, 2, {1, DIM}, 0, 0}, KIN_NOT_A_PACK, "no tensor pictures that is I8 of rank 2"},
        {good, 5, {"labels", 6, DT_U8, 2, {2, 1}, 0, 0}, KIN_NOT_A_PACK, "no tensor labels that is U8 of rank 1"},
        {good, 5, {"labels", 6, DT_U8, 1, {MANY}, 0, 0}, KIN_OK, ""},
        {good, 3, {"background", 10, DT_I8, 2, {MANY, DIM}, 0, 0}, KIN_NOT_A_PACK, "background whose shape"},
        {good, 0, {"null", 4, DT_F32, 2, {2, 3}, 0, 0}, KIN_NOT_A_PACK, "null whose shape"},
        {good, 2, {"negatives", 9, DT_F32, 2, {1, DIM + 1}, 0, 0}, KIN_NOT_A_PACK, "negatives whose shape"},
        {good, 1, {"phrases", 7, DT_F32, 2, {3, PACK_DIM_MAX + 1}, 0, 0}, KIN_NOT_A_PACK, "phrases whose shape"},
        {good, 1, {"phrases", 7, DT_F32, 2, {3, 0}, 0, 0}, KIN_NOT_A_PACK, "phrases whose shape"},
    };
    size_t n = 0;
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tensor list[PARTS];
        memcpy(list, whole, sizeof list);
        list[cases[i].part] = cases[i].is;
        uint8_t *file = assemble(list, PARTS, cases[i].metadata, values, &n);
        CHECK(file);
        kin_status is = opened(file, n, &err);
        free(file);
        if (is != cases[i].want || (is != KIN_OK && !strstr(err.text, cases[i].says)))
            printf("  case %d: %s %s\n", (int)i, kin_status_name(is), err.text);
        CHECK_EQ(is, cases[i].want);
        CHECK(is == KIN_OK || strstr(err.text, cases[i].says));
    }
    tensor list[PARTS];
    memcpy(list, whole, sizeof list);
    for (int i = 0; i < 3; i++) { /* a number that is none: the last of null, of phrases, of negatives */
        static const size_t at[] = {3, 15, 19};
        float none = i ? (float)1e300 : 0.0f / 0.0f;
        memcpy(values + 4 * at[i], &none, sizeof none);
        uint8_t *file = assemble(list, PARTS, good, values, &n);
        CHECK_EQ(opened(file, n, &err), KIN_NOT_A_PACK);
        CHECK(strstr(err.text, "not finite"));
        free(file);
        memset(values, 0, 4 * 20);
    }
    uint8_t *file = assemble(list, PARTS, good, values, &n), *moved = malloc(n + 8);
    file[n - 1] ^= 1;
    CHECK_EQ(opened(file, n, &err), KIN_NOT_A_PACK); /* damaged */
    file[n - 1] ^= 1;
    CHECK_EQ(opened(file, n - 1, &err), KIN_NOT_A_PACK);
    CHECK_EQ(opened(file, n, &err), KIN_OK);
    memcpy(moved + 4, file, n);
    CHECK_EQ(opened(moved + 4, n, &err), KIN_BAD_ARGUMENT);
    file = askew(file, &n);
    CHECK_EQ(opened(file, n, &err), KIN_NOT_A_PACK);
    CHECK(strstr(err.text, "no multiple of 8"));
    free(file), free(moved);
    kin_pack_close(NULL);
}

/* Phrases and negatives may be bytes. */
void test_pack_info(void)
{
    size_t n = 0, size;
    kin_error err;
    tensor list[PARTS];
    memcpy(list, whole, sizeof list);
    for (int i = 0; i < 2; i++) {
        uint8_t *file = assemble(list, PARTS, good, values, &n);
        kin_pack *p = kin_pack_open(file, n, &err);
        CHECK(p);
        char want[256], metadata[160] = {0};
        const char *info = kin_pack_info(p), *sums = strstr(info, ",\"tensors\"");
        CHECK(sums && !strncmp(info, "{\"dim\":4,\"metadata\":{", 21));
        memcpy(metadata, info + 20, (size_t)(sums - info) - 20);
        CHECK(strstr(metadata, "\"kin.kind\":\"labels\""));
        snprintf(want, sizeof want, "\"phrases\":\"%s\"", i ? "I8" : "F32");
        CHECK(strstr(sums, want) && strstr(sums, "\"labels\":\"U8\""));
        const uint8_t *phrases = kin_pack_tensor(p, "phrases", &size);
        CHECK(phrases == file + (n - 2 - 4 - 8 - (i ? 4 : 16) - size));
        CHECK_EQ(size, 3 * DIM * (i ? 1 : 4));
        CHECK(!kin_pack_tensor(p, "nothing", &size) && size == 0);
        kin_pack_close(p);
        free(file);
        list[1].dtype = list[2].dtype = DT_I8;
    }
}
