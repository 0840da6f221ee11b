/* test_load: one model file for each rule of the loader that it breaks, and the sentence about it. The files hold
 * only what the loader must see before it refuses them. */
#include "../../src/load.h"
#include "../../src/quant.h"
#include "memory.h"
#include "test.h"
#include <stdlib.h>

static const char config_text[] =
    "{\"projection_dim\":40,\"text_config\":{\"hidden_size\":8,\"intermediate_size\":8,\"num_hidden_layers\":1,"
    "\"num_attention_heads\":1,\"vocab_size\":40,\"max_position_embeddings\":4}}";

/* "" if the file's header and its data_n bytes of zeros are taken, else the sentence. */
static const char *complaint(const char *header, size_t data_n, bool q8, kin_error *err)
{
    size_t n = strlen(header), total = 8 + n + data_n;
    uint8_t *bytes = calloc(total, 1);
    struct tower *tower;
    struct loader loader;
    json config;
    bytes[0] = (uint8_t)n, bytes[1] = (uint8_t)(n >> 8);
    memcpy(bytes + 8, header, n);
    memset(err, 0, sizeof *err);
    kin_status status = json_open(config_text, sizeof config_text - 1, "config.json", &config, err);
    if (status == KIN_OK)
        status = tower_open(&tower, TOWER_TEXT, q8, config, err);
    if (status == KIN_OK) {
        loader_begin(&loader, tower, &kernels_ref);
        status = loader_feed(&loader, bytes, total, err);
        loader_end(&loader);
        tower_close(tower);
    }
    free(bytes);
    return status == KIN_OK ? "" : err->text;
}

#define ENTRY(name, dtype, shape, from, to) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" from "," to "]}"
#define PROJECTION(dtype, shape, bytes) "{" ENTRY("text_projection.weight", dtype, shape, "0", bytes) "}"
#define Q8 "\"__metadata__\":{\"kin.weights\":\"s7q128\"},"

void test_load_says_what_is_wrong(void)
{
    static const struct {
        const char *header;
        size_t data_n;
        bool q8;
        const char *says;
        kin_status status;
    } cases[] = {
        {PROJECTION("F32", "40,8", "1280"), 1280, false, "", KIN_OK},
        {PROJECTION("F16", "40,8", "640"), 640, false, "", KIN_OK},
        {"{" ENTRY("kin.later", "U64", "1", "0", "8") "}", 8, false, "", KIN_OK},
        {"{" ENTRY("vision_model.x", "I32", "1", "0", "4") "}", 4, false, "", KIN_OK},
        {"{" ENTRY("visual.proj", "F32", "1", "0", "4") "}", 4, false, "", KIN_OK},
        {"{" ENTRY("text_model.x", "F32", "1", "0", "4") "}", 4, false, "has a tensor text_model.x that",
         KIN_NOT_A_MODEL},
        {"{" ENTRY("12", "F32", "1", "0", "4") "}", 4, false, "has a tensor 12 that", KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection.weight@", "F32", "40,8", "0", "1280") "}", 1280, false,
         "has a tensor text_projection.weight@ that", KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection.weight.0", "F32", "40,8", "0", "1280") "}", 1280, false,
         "has a tensor text_projection.weight.0 that", KIN_NOT_A_MODEL},
        {PROJECTION("F32", "8,40", "1280"), 1280, false, "does not have the shape", KIN_NOT_A_MODEL},
        {PROJECTION("F32", "320", "1280"), 1280, false, "does not have the shape", KIN_NOT_A_MODEL},
        {"{" ENTRY("logit_scale", "F32", "1", "0", "4") "}", 4, false, "", KIN_OK},
        {"{" ENTRY("logit_scale", "F32", "2", "0", "8") "}", 8, false, "does not have the shape", KIN_NOT_A_MODEL},
        {"{" ENTRY("logit_scale", "F32", "1,1", "0", "4") "}", 4, false, "does not have the shape", KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection", "F32", "40,8", "0", "1280") "}", 1280, false, "does not have the shape",
         KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection", "F32", "8,40", "0", "1280") "}", 1280, false, "", KIN_OK},
        {"{" ENTRY("text_projection.weight@0", "F32", "32,8", "0", "1024") "," ENTRY("text_projection.weight@32", "F32",
                                                                                     "8,8", "1024", "1280") "}",
         1280, false, "", KIN_OK},
        {"{" ENTRY("text_projection.weight@0", "F32", "0,8", "0", "0") "}", 0, false, "does not have the shape",
         KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection.weight@32", "F32", "8,8", "0", "256") "}", 256, false, "parts are out of order",
         KIN_NOT_A_MODEL},
        {"{" ENTRY("text_projection.weight@0", "F32", "32,8", "0", "1024") "," ENTRY("text_projection.weight", "F32",
                                                                                     "40,8", "1024", "2304") "}",
         2304, false, "comes twice", KIN_NOT_A_MODEL},
        {"{" ENTRY("text_model.encoder.layers.0.mlp.fc1.weight@0", "F32", "3,8", "0",
                   "96") "," ENTRY("text_model.encoder.layers.0.mlp.fc1.weight@3", "F32", "5,8", "96", "256") "}",
         256, false, "parts are out of order", KIN_NOT_A_MODEL},
        {PROJECTION("I8", "40,8", "320"), 320, false, "has dtype I8", KIN_NOT_A_MODEL},
        {PROJECTION("U16", "40,8", "640"), 640, false, "has dtype U16", KIN_NOT_A_MODEL},
        {"{" ENTRY("text_model.encoder.layers.0.mlp.fc1.weight", "I8", "8,8", "0", "64") "}", 64, true,
         "does not say kin.weights", KIN_NOT_A_MODEL},
        {"{" Q8 ENTRY("text_model.encoder.layers.0.mlp.fc1.weight", "F16", "8,8", "0", "128") "}", 128, true,
         "has dtype F16", KIN_NOT_A_MODEL},
        {"{" Q8 ENTRY("text_projection.weight", "F16", "40,8", "0", "640") "}", 640, false, "is stored as q8",
         KIN_UNSUPPORTED},
        {"{\"__metadata__\":{\"kin.weights\":\"s9\"}}", 0, true, "of a kind this release does not know",
         KIN_UNSUPPORTED},
        {PROJECTION("F32", "40,8", "1280"), 1281, false, "goes on after its last tensor", KIN_NOT_A_MODEL},
        {"", 0, false, "not safetensors: its header length", KIN_NOT_A_MODEL},
        {"{", 0, false, "not safetensors: its header length", KIN_NOT_A_MODEL},
        {"{]", 0, false, "not valid JSON", KIN_NOT_A_MODEL},
    };
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = complaint(cases[i].header, cases[i].data_n, cases[i].q8, &err);
        if (!strstr(text, cases[i].says) || (!*cases[i].says && *text))
            CHECK_STR(text, cases[i].says);
        CHECK_EQ(err.status, cases[i].status);
    }
}

/* A header's length is believed up to 100 MB; a page from a server is one at its first letter. */
void test_load_header_length(void)
{
    static const struct {
        const char *start, *says;
    } cases[] = {
        {"<!DOCTYP", "The model file is a web page: check its address."},
        {"version https://git-lfs", "The model file is a pointer of Git LFS, "},
        {"\x1f\x8b\x08\0\x12\x34\x56\x78", "The model file is packed by gzip: "},
        {"PK\3\4\x14\0\0\0", "The model file is a zip archive, "},
        {"\x01\xe1\xf5\x05\0\0\0\0", "not safetensors: its header length is wrong"}, /* 100 000 001 */
        {"\0\0\0\0\0\0\0\x80", "not safetensors: its header length is wrong"},
    };
    struct loader loader;
    kin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loader_begin(&loader, NULL, &kernels_ref);
        CHECK_EQ(loader_feed(&loader, (const uint8_t *)cases[i].start, 8, &err), KIN_NOT_A_MODEL);
        CHECK(strstr(err.text, cases[i].says));
        loader_end(&loader);
    }
    enum { LENGTH = 0x088b1f }; /* what gzip begins with where it keeps no time, as the length of a header */
    uint8_t *bytes = calloc(8 + LENGTH, 1);
    memcpy(bytes, "\x1f\x8b\x08", 3);
    loader_begin(&loader, NULL, &kernels_ref);
    CHECK_EQ(loader_feed(&loader, bytes, 8 + LENGTH, &err), KIN_NOT_A_MODEL);
    CHECK(strstr(err.text, "The model file is packed by gzip: "));
    loader_end(&loader);
    free(bytes);
}

/* A file of one text_projection in open_clip's way, its numbers 0 to 319 by rows of 40. */
static uint8_t *transposed_file(bool half, size_t *n)
{
    const char *header = half ? "{" ENTRY("text_projection", "F16", "8,40", "0", "640") "}"
                              : "{" ENTRY("text_projection", "F32", "8,40", "0", "1280") "}";
    size_t head = strlen(header), size = half ? 2 : 4;
    uint8_t *bytes = calloc(8 + head + 320 * size, 1), *at = bytes + 8 + head;
    bytes[0] = (uint8_t)head;
    memcpy(bytes + 8, header, head);
    for (int i = 0; i < 320; i++, at += size) {
        float value = (float)i;
        uint16_t bits = float_to_f16(value);
        memcpy(at, half ? (void *)&bits : (void *)&value, size);
    }
    *n = 8 + head + 320 * size;
    return bytes;
}

/* Its rows become the columns; short of memory at any allocation, that is said. */
void test_load_transposes(void)
{
    json config;
    kin_error err;
    CHECK_EQ(json_open(config_text, sizeof config_text - 1, "config.json", &config, &err), KIN_OK);
    for (int half = 0; half < 2; half++) {
        size_t n;
        uint8_t *bytes = transposed_file(half, &n);
        kin_status status = KIN_OUT_OF_MEMORY;
        for (long left = 0; status != KIN_OK; left++) {
            struct tower *tower;
            struct loader loader;
            CHECK_EQ(tower_open(&tower, TOWER_TEXT, false, config, &err), KIN_OK);
            loader_begin(&loader, tower, &kernels_ref);
            memory_left = left;
            status = loader_feed(&loader, bytes, n, &err);
            memory_left = -1;
            CHECK(status == KIN_OK || status == KIN_OUT_OF_MEMORY);
            const float *got = slots_find(&tower->slots, "text_projection.weight", 22)->to.floats;
            int wrong = 0;
            for (int r = 0; r < 40 && status == KIN_OK; r++)
                for (int i = 0; i < 8; i++)
                    wrong += got[r * 8 + i] != (float)(i * 40 + r);
            CHECK_EQ(wrong, 0);
            loader_end(&loader);
            tower_close(tower);
        }
        free(bytes);
    }
}

/* What a family makes only once it meets open_clip's names can run short as well. */
void test_load_short_of_memory_for_a_place(void)
{
    static const char header[] = "{" ENTRY("visual.trunk.conv_stem.weight", "F32", "32,3,3,3", "0", "3456") "}";
    size_t config_n, n = 8 + sizeof header - 1 + 3456;
    char *text = (char *)test_read("tests/golden/open_clip/lite0/open_clip_config.same.json", &config_n);
    uint8_t *bytes = calloc(n, 1);
    json config;
    kin_error err = {0};
    bytes[0] = sizeof header - 1;
    memcpy(bytes + 8, header, sizeof header - 1);
    CHECK(text && json_open(text, config_n, "config.json", &config, &err) == KIN_OK);
    kin_status status = KIN_OUT_OF_MEMORY;
    for (long left = 0; status == KIN_OUT_OF_MEMORY; left++) {
        struct tower *tower;
        struct loader loader;
        CHECK_EQ(tower_open(&tower, TOWER_IMAGE, false, config, &err), KIN_OK);
        loader_begin(&loader, tower, &kernels_ref);
        memory_left = left;
        status = loader_feed(&loader, bytes, n, &err);
        memory_left = -1;
        loader_end(&loader);
        tower_close(tower);
    }
    if (status != KIN_OK)
        CHECK_STR(err.text, "");
    free(bytes), free(text);
}
