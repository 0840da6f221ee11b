/* shortage: memory runs short at every allocation in turn, in all that the public functions do.
 *
 *   build/asan/tests/run-shortage
 *
 * Each piece of work is done once to count its allocations, then once for each of them, which fails: alone, and with
 * all that follow. A shortage must end as KIN_OUT_OF_MEMORY or not be felt, never as damage; with memory again, the
 * same context must do the work as if nothing had been. tests/c/memory.c makes the shortage; AddressSanitizer sees
 * what is lost. */
#include "../../src/kin.h"
#include "../c/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inputs ---------------------------------------------------------------------------------- */

struct file {
    char *bytes;
    size_t n;
};

static struct file read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("%s is missing\n", path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    struct file file = {.n = (size_t)ftell(f)};
    rewind(f);
    file.bytes = malloc(file.n + 1);
    file.n = fread(file.bytes, 1, file.n, f);
    file.bytes[file.n] = 0;
    fclose(f);
    return file;
}

static struct file config, weights, vocab, merges, whole, catalog, pack, part, picture;
static int model_dtype, from_whole; /* of the work at hand */

/* A tokenizer.json of vocab and merges, whose tokens need no escapes. */
static struct file join(void)
{
    struct file file = {.bytes = malloc(vocab.n + 4 * merges.n + 200)};
    char *at = file.bytes + sprintf(file.bytes, "{\"added_tokens\":[{\"id\":94,\"content\":\"<|startoftext|>\","
                                                "\"special\":true}],\"model\":{\"vocab\":%s,\"merges\":[",
                                    vocab.bytes);
    const char *separator = "";
    for (char *line = strchr(merges.bytes, '\n') + 1, *end; (end = strchr(line, '\n')); line = end + 1, separator = ",")
        at += sprintf(at, "%s\"%.*s\"", separator, (int)(end - line), line);
    at += sprintf(at, "]}}");
    file.n = (size_t)(at - file.bytes);
    return file;
}

/* ---- work: each returns the first status that is not KIN_OK ------------------------------------- */

static char result[4096]; /* what the work gave, to be compared */
static size_t result_n;

static void keep(const void *bytes, size_t n)
{
    if (result_n + n <= sizeof result)
        memcpy(result + result_n, bytes, n);
    result_n += n;
}

static kin_status keep_json(const char *text)
{
    if (!strcmp(text, "null"))
        return KIN_OUT_OF_MEMORY;
    keep(text, strlen(text));
    return KIN_OK;
}

static kin_status load_tower(kin_ctx *k, int tower)
{
    TRY(kin_tower_begin(k, tower, model_dtype));
    for (size_t at = 0; at < weights.n; at += 5000)
        TRY(kin_tower_feed(k, (const uint8_t *)weights.bytes + at, weights.n - at < 5000 ? weights.n - at : 5000));
    TRY(kin_tower_file_end(k));
    return kin_tower_end(k);
}

static kin_status run(kin_ctx *k, int tower)
{
    kin_status status;
    while ((status = kin_step(k)) == KIN_MORE)
        ;
    if (status == KIN_OK)
        keep(kin_embedding(k), (size_t)kin_dim(k, tower) * sizeof(float));
    return status;
}

static kin_status use_model(kin_ctx *k)
{
    static const char rule[] = "{\"size\":32,\"crop_size\":32}", text[] = "a b <|endoftext|> cc é A d";
    static const char special[] = "{\"pad_token\":\"<|endoftext|>\"}", added[] = "{\"<cat>\":122,\"<sks>\":123}";
    TRY(kin_config(k, config.bytes, config.n));
    TRY(kin_preprocessing(k, rule, sizeof rule - 1));
    if (from_whole)
        TRY(kin_vocabulary(k, NULL, 0, NULL, 0, whole.bytes, whole.n, special, sizeof special - 1, NULL, 0, NULL, 0));
    else
        TRY(kin_vocabulary(k, vocab.bytes, vocab.n, merges.bytes, merges.n, NULL, 0, NULL, 0, special,
                           sizeof special - 1, added, sizeof added - 1));
    for (int tower = 0; tower < 2; tower++) {
        TRY(load_tower(k, tower));
        TRY(kin_identify(k, tower));
    }
    TRY(keep_json(kin_info(k)));
    for (int i = 0; i < 3; i++)
        TRY(keep_json(kin_export_tensor(k, i % 2, i)));
    TRY(kin_image_decode(k, (const uint8_t *)picture.bytes, picture.n));
    TRY(kin_image_prepare(k, 0, 0, 1, 1, KIN_PAD));
    TRY(kin_image_begin(k));
    TRY(run(k, KIN_IMAGE));
    for (int i = 0; i < 2; i++) {
        TRY(kin_tokenize(k, text, sizeof text - 1 - 2 * (size_t)i));
        TRY(kin_text_add(k));
    }
    TRY(kin_text_begin(k));
    TRY(run(k, KIN_TEXT));
    TRY(kin_layer_begin(k, KIN_TEXT, -2, 1));
    return run(k, KIN_TEXT);
}

static kin_status use_picture(kin_ctx *k)
{
    static const char rule[] = "{\"size\":16,\"crop_size\":16}";
    static const uint8_t raw[4 * 4 * 4] = {1, 2, 3, 128};
    TRY(kin_preprocessing(k, rule, sizeof rule - 1));
    TRY(kin_image_decode(k, (const uint8_t *)picture.bytes, picture.n));
    TRY(kin_image_prepare(k, 0.1, 0, 0.8, 1, KIN_CROP));
    keep(kin_prepared(k), (size_t)kin_prepared_width(k) * (size_t)kin_prepared_height(k) * 3);
    TRY(kin_image_decode_fast(k, (const uint8_t *)picture.bytes, picture.n, 0, 0, 1, 1));
    TRY(kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP));
    keep(kin_prepared(k), (size_t)kin_prepared_width(k) * (size_t)kin_prepared_height(k) * 3);
    TRY(kin_image_raw(k, raw, 4, 4, 4, NULL, 0));
    return kin_image_prepare(k, 0, 0, 1, 1, KIN_PAD);
}

static kin_status search(kin_catalog *c)
{
    float query[64] = {1}, scores[4];
    uint32_t rows[4], total;
    TRY(keep_json(kin_catalog_info(c)));
    int n = kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, scores, 4, &total);
    keep(rows, (size_t)n * sizeof *rows);
    return KIN_OK;
}

static kin_status use_catalog(kin_ctx *k)
{
    (void)k;
    kin_error err = {.status = KIN_OK};
    kin_catalog *c = kin_catalog_open((const uint8_t *)catalog.bytes, catalog.n, &err);
    if (!c)
        return err.status;
    kin_status status = search(c);
    kin_catalog_close(c);
    return status;
}

static kin_status use_pack(kin_ctx *k)
{
    (void)k;
    kin_error err = {.status = KIN_OK};
    kin_pack *p = kin_pack_open((const uint8_t *)pack.bytes, pack.n, &err);
    if (!p)
        return err.status;
    kin_status status = keep_json(kin_pack_info(p));
    kin_pack_close(p);
    return status;
}

static kin_status use_part(kin_ctx *k)
{
    (void)k;
    kin_error err = {.status = KIN_OK};
    kin_part *p = kin_part_open((const uint8_t *)part.bytes, part.n, &err);
    if (!p)
        return err.status;
    kin_status status = keep_json(kin_part_info(p));
    kin_part_close(p);
    return status;
}

/* Of products with two rows each. What was short is tried again on the same folder, which must be as it was. */
enum { FOLDER_DIM = 4, FOLDER_PRODUCTS = 6, FOLDER_ROWS = 12 };

static kin_status again(kin_status status, kin_status (*call)(kin_folder *, kin_error *), kin_folder *f, kin_error *err)
{
    if (status != KIN_OUT_OF_MEMORY)
        return status;
    long left = memory_left;
    memory_left = -1;
    kin_status second = call(f, err);
    memory_left = left;
    return second == KIN_OK ? status : KIN_NOT_A_CATALOG; /* which is a fault */
}

static int8_t folder_vectors[FOLDER_ROWS][FOLDER_DIM];
static float folder_scale[FOLDER_ROWS], folder_nulls[FOLDER_ROWS][4];

static kin_status give_shard(kin_folder *f, kin_error *err)
{
    return kin_folder_shard(f, 1, folder_vectors[5], folder_scale + 5, folder_nulls[5], 5, err);
}

static kin_status give_delta(kin_folder *f, kin_error *err)
{
    static const uint16_t counts[] = {1, 0};
    return kin_folder_delta(f, counts, 2, folder_vectors[0], folder_scale, folder_nulls[0], err);
}

static kin_status look(kin_folder *f, kin_error *err)
{
    static const uint32_t shards[] = {1};
    static const float query[FOLDER_DIM] = {0, 0, 1, 0};
    uint32_t rows[4], total;
    float scores[4], confidence[4];
    const kin_catalog *c = kin_folder_view(f, shards, 1, err);
    if (!c)
        return err->status;
    int n = kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, scores, 4, &total);
    kin_catalog_confidence(c, NULL, rows, scores, n, confidence);
    if (n < 1 || confidence[0] != confidence[0])
        return KIN_NOT_A_CATALOG; /* a view without what it should have */
    keep(rows, (size_t)n * sizeof *rows), keep(confidence, (size_t)n * sizeof *confidence);
    return KIN_OK;
}

static kin_status give_far(kin_folder *f, kin_error *err)
{
    static const uint8_t bits[FOLDER_ROWS][2][16];
    return kin_folder_far(f, 2, bits[0][0], folder_scale, FOLDER_ROWS, err);
}

static kin_status near_shards(kin_folder *f, kin_error *err)
{
    static const float query[FOLDER_DIM] = {0, 0, 1, 0};
    uint32_t shards[4], products[4], found, n;
    float scores[4];
    (void)err;
    n = kin_folder_near(f, query, NULL, 6, shards, 4, products, scores, 4, &found);
    if (n == 0)
        return found ? KIN_NOT_A_CATALOG : KIN_OUT_OF_MEMORY;
    keep(shards, n * sizeof *shards), keep(products, found * sizeof *products);
    return KIN_OK;
}

static kin_status nearer_shards(kin_folder *f, kin_error *err)
{
    static const float query[FOLDER_DIM] = {0, 0, 1, 0};
    uint32_t shards[4], products[4], found, n;
    float scores[4];
    (void)err;
    n = kin_folder_nearer(f, query, NULL, 6, shards, 4, products, scores, 4, &found);
    if (n == 0)
        return found ? KIN_NOT_A_CATALOG : KIN_OUT_OF_MEMORY;
    keep(shards, n * sizeof *shards), keep(scores, found * sizeof *scores);
    return KIN_OK;
}

static kin_status fill_folder(kin_folder *f, kin_error *err)
{
    static kin_status (*const calls[])(kin_folder *, kin_error *) = {near_shards, give_far,   nearer_shards, give_shard,
                                                                 look,        give_delta, give_delta,    look};
    uint16_t counts[FOLDER_PRODUCTS];
    int8_t mean[FOLDER_DIM] = {0};
    uint8_t bits[FOLDER_ROWS][16];
    for (int p = 0; p < FOLDER_PRODUCTS; p++)
        counts[p] = 2;
    kin_codes_of(folder_vectors[0], FOLDER_ROWS, FOLDER_DIM, mean, bits[0]);
    TRY(kin_folder_products(f, counts, FOLDER_PRODUCTS, err));
    TRY(kin_folder_codes(f, bits[0], FOLDER_ROWS, err));
    kin_status status = KIN_OK; /* the first that was short; the rest is done all the same */
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        kin_status is = again(calls[i](f, err), calls[i], f, err);
        status = status == KIN_OK || is == KIN_NOT_A_CATALOG ? is : status;
    }
    return status;
}

static kin_status use_folder(kin_ctx *k)
{
    (void)k;
    static const int8_t mean[FOLDER_DIM] = {0};
    static const uint8_t spread[FOLDER_DIM] = {50, 50, 50, 50};
    static const float best[2] = {0.5f, 0.1f};
    kin_error err = {.status = KIN_OK};
    for (int r = 0; r < FOLDER_ROWS; r++) {
        float v[FOLDER_DIM] = {(float)(r * 5 % 7) - 3, 1, (float)(r * 3 % 5) - 2, -1};
        TRY(kin_quantise_vector(v, FOLDER_DIM, folder_vectors[r], &folder_scale[r], &err));
        for (int i = 0; i < 4; i++)
            folder_nulls[r][i] = 0.1f;
    }
    kin_folder *f = kin_folder_open(FOLDER_DIM, FOLDER_PRODUCTS, FOLDER_ROWS, 5, mean, spread, best, &err);
    if (!f)
        return err.status;
    kin_status status = fill_folder(f, &err);
    kin_folder_close(f);
    return status;
}

static kin_status write_products(kin_writer *w, kin_error *err)
{
    static const char item[] = "{\"id\":\"a\",\"title\":\"a boot\"}";
    uint8_t out[256];
    for (int i = 0; i < 40; i++) { /* their table of ids grows */
        char id[2] = {(char)('0' + i), 'x'};
        int8_t rows[2][4] = {{1, 2, 3, 127}, {(int8_t)(i + 1), 0, 0, 127}};
        TRY(kin_writer_add(w, id, 2, item, sizeof item - 1, rows[0], 2, err));
    }
    TRY(kin_writer_end(w, err));
    for (size_t n; (n = kin_writer_take(w, out, sizeof out)) > 0;)
        keep(out, n);
    return KIN_OK;
}

static kin_status use_writer(kin_ctx *k)
{
    (void)k;
    static const char metadata[] = "{\"kin.fit\":\"crop\",\"kin.model\":\"m\"}";
    kin_error err = {.status = KIN_OK};
    kin_writer *w = kin_writer_begin(4, metadata, sizeof metadata - 1, &err);
    if (!w)
        return err.status;
    kin_status status = write_products(w, &err);
    kin_writer_close(w);
    return status;
}

/* Learns a map in which the first number counts less, and puts a catalogue under it. */
static kin_status use_trainer(kin_ctx *k)
{
    (void)k;
    kin_error err = {.status = KIN_OK};
    float rows[80][8];
    uint32_t kinds[80];
    _Alignas(8) static uint8_t file[8192];
    kin_trainer *t = kin_trainer_begin(8, 2, 80, 0, 3, 0.5, 1, &err);
    if (!t)
        return err.status;
    for (uint32_t i = 0; i < 80; i++) {
        kinds[i] = i % 4;
        for (uint32_t j = 0; j < 8; j++)
            rows[i][j] = j == 0 ? (float)(i * 7 % 11) - 5 : j == 1 + kinds[i] ? 2 : 0.1f;
    }
    kin_status status = kin_trainer_add(t, 0, rows[0], kinds, 80, &err);
    while (status == KIN_OK && (status = kin_trainer_step(t, &err)) == KIN_MORE)
        status = KIN_OK;
    size_t n = status == KIN_OK ? kin_trainer_file(t, "id", 2, file, sizeof file) : 0;
    kin_trainer_close(t);
    if (status == KIN_OK && !n)
        return KIN_OUT_OF_MEMORY;
    keep(file, n);
    kin_writer *w = status == KIN_OK ? kin_writer_begin(8, "{}", 2, &err) : NULL;
    static const int8_t row[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    _Alignas(8) static uint8_t bytes[8192];
    status = w ? kin_writer_add(w, "a", 1, "{}", 2, row, 1, &err) : err.status;
    if (status == KIN_OK)
        status = kin_writer_end(w, &err);
    size_t size = status == KIN_OK ? kin_writer_take(w, bytes, sizeof bytes) : 0;
    kin_writer_close(w);
    kin_catalog *c = size ? kin_catalog_open(bytes, size, &err) : NULL;
    if (!c)
        return err.status;
    status = kin_catalog_adapt(c, file, n, &err);
    if (status == KIN_OK) {
        float mapped[8];
        kin_catalog_vector(c, 0, mapped);
        keep(mapped, sizeof mapped);
    }
    kin_catalog_close(c);
    return status;
}

static kin_status use_rest(kin_ctx *k)
{
    (void)k;
    char facts[4096];
    kin_error *err = kin_error_new();
    kin_pool *pool = kin_pool_open(1);
    int table = 0; /* the first that this machine has */
    while (kin_kernels_exact(table) != 1)
        table++;
    double done = kin_kernels_exercise(table, 1);
    size_t n = kin_facts(facts, sizeof facts);
    bool fine = err && pool && done > 0 && n > 0;
    free(err), free(pool);
    if (n)
        keep(facts, n);
    return fine ? KIN_OK : KIN_OUT_OF_MEMORY;
}

/* ---- the rounds ------------------------------------------------------------------------------ */

static int faults;
static long failed, rounds;
static bool all_after; /* the allocation that fails */

static void fault(const char *name, long n, const char *what, const char *sentence)
{
    if (faults++ < 20)
        printf("%s, allocation %ld%s: %s%s%s\n", name, n, all_after ? " and all after" : "", what,
               *sentence ? ": " : "", sentence);
}

/* The n-th allocation from now on fails; 0: none. */
static void let_fail(long n)
{
    memory_made = 0;
    memory_left = n - 1;
    memory_once = !all_after;
}

static kin_status once(kin_ctx *k, kin_status (*work)(kin_ctx *), long failing)
{
    result_n = 0;
    let_fail(failing);
    kin_status status = work(k);
    memory_left = -1;
    return status;
}

static void exhaust(const char *name, kin_status (*work)(kin_ctx *))
{
    char wanted[sizeof result];
    kin_ctx *k = kin_open();
    if (!k || once(k, work, 0) != KIN_OK) {
        fault(name, 0, "fails with memory enough", k ? kin_error_text(k) : "");
        kin_close(k);
        return;
    }
    size_t wanted_n = result_n, kept = result_n < sizeof result ? result_n : sizeof result;
    memcpy(wanted, result, kept);
    kin_close(k);
    bool more = true;
    for (long n = 1; more; n++)
        for (int rest = 0; rest < 2; rest++) {
            all_after = rest;
            let_fail(n);
            k = kin_open();
            memory_left = -1;
            if (!k) /* a shortage said as such */
                k = kin_open();
            kin_status status = once(k, work, n);
            more = memory_made >= n;
            rounds++;
            failed += status != KIN_OK;
            if (status != KIN_OK && status != KIN_OUT_OF_MEMORY)
                fault(name, n, kin_status_name(status), kin_error_text(k));
            if (!rest)
                status = once(k, work, 0);
            if (!rest && status != KIN_OK)
                fault(name, n, "and afterwards", kin_error_text(k));
            else if (!rest && (result_n != wanted_n || memcmp(result, wanted, kept)))
                fault(name, n, "afterwards another result", "");
            kin_close(k);
        }
}

int main(void)
{
    static const char *const pictures[] = {"exif-6-II.jpg",      "reduce-420-progressive.jpg", "reduce-gray.jpg",
                                           "png-palette-8-0.png", "png-colour-6-16-1.png",      "png-gray-4-clear.png",
                                           "png-two-parts.png",   "png-interlaced-8x8.png",     "png-palette-4-alpha.png"};
    config = read_file("tests/golden/tower/quick-gelu-f16/config.json");
    weights = read_file("tests/golden/tower/quick-gelu-f16/model.safetensors");
    vocab = read_file("tests/golden/tower/vocab.json");
    merges = read_file("tests/golden/tower/merges.txt");
    catalog = read_file("tests/fuzz/corpus/catalog/three");
    pack = read_file("tests/fuzz/corpus/pack/two");
    part = read_file("tests/fuzz/corpus/part/shard");
    whole = join();
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        char path[128];
        snprintf(path, sizeof path, "tests/golden/images/%s", pictures[i]);
        free(picture.bytes);
        picture = read_file(path);
        exhaust(pictures[i], use_picture);
    }
    for (from_whole = 0; from_whole < 2; from_whole++) {
        model_dtype = from_whole ? KIN_F32 : KIN_Q8;
        exhaust(from_whole ? "f32 model with tokenizer.json" : "q8 model", use_model);
    }
    exhaust("catalogue", use_catalog);
    exhaust("label pack", use_pack);
    exhaust("a folder's file", use_part);
    exhaust("folder", use_folder);
    exhaust("writer", use_writer);
    exhaust("trainer", use_trainer);
    exhaust("the rest", use_rest);
    free(config.bytes), free(weights.bytes), free(vocab.bytes), free(merges.bytes), free(whole.bytes);
    free(catalog.bytes), free(pack.bytes), free(part.bytes), free(picture.bytes);
    printf("%ld rounds of a shortage, %ld ended as one, %d wrongly\n", rounds, failed, faults);
    return faults > 0;
}
