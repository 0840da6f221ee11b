/* kin: the whole public interface of the engine. [level 6]
 *
 *   kin_ctx *k = kin_open();
 *   kin_config(k, json, n);                        // config.json
 *   kin_preprocessing(k, json, n);                 // preprocessor_config.json
 *   kin_tower_begin(k, KIN_IMAGE, KIN_Q8);
 *   while (bytes arrive) kin_tower_feed(k, p, n);  // image.safetensors or model.safetensors
 *   kin_tower_file_end(k);                         // once per file or shard
 *   kin_tower_end(k);
 *   kin_image_decode(k, jpeg, n);                  // or kin_image_raw
 *   kin_image_prepare(k, 0, 0, 1, 1, KIN_CROP);
 *   kin_image_begin(k);
 *   while ((s = kin_step(k)) == KIN_MORE) ;        // at most one transformer block a step
 *   const float *v = kin_embedding(k);             // [dim], unit length
 *
 * One thread uses a context (the helpers of kin_pool work inside its calls). Results never depend
 * on the number of threads. Functions returning kin_status leave their sentence in kin_error_text.
 * Buffers handed in are only read, and only during the call; NULL may come with n = 0. Pointers handed out
 * belong to the context and live until a call makes such a thing anew, loads its tower again, or closes
 * the context. */
#ifndef KIN_H
#define KIN_H
#include "base.h"

enum { KIN_IMAGE = 0, KIN_TEXT = 1 }; /* towers */
enum { KIN_F32 = 1, KIN_Q8 = 2 };     /* dtypes */
enum { KIN_CROP = 0, KIN_PAD = 1 };   /* fit */
enum { KIN_LAST = 1 << 16 };          /* layer */
enum { KIN_NUMERICS = 2 };            /* docs/numerics.md */

/* What callers would else have to repeat, as JSON: { numerics, statuses: [name, …] in the order of their numbers,
 * towers, dtypes, fits, layers: { name: number }, families: [name, …], kernels: [{ name, race }, …] in the order of their
 * tables, race: whether only the clock can tell if it is the faster one, limits: { name: number } }. Writes it with
 * a NUL where n bytes hold it; returns the bytes it takes, 0 when memory is short. */
size_t kin_facts(char *out, size_t n);

typedef struct kin_ctx kin_ctx;

kin_ctx *kin_open(void);                        /* NULL when memory is short */
void kin_close(kin_ctx *ctx);                   /* NULL allowed */
const char *kin_error_text(const kin_ctx *ctx); /* the last error's sentence */

/* The integer kernels of this build are tables 0, 1, …; kin_open takes the first that is exact here, kin_info
 * names it.
 * All exact ones give the same bits, so one may be taken for its speed instead. */
int kin_kernels_exact(int i);        /* 1, 0; -1: there is no table i */
const char *kin_kernels_name(int i); /* "simd128" … */
double
kin_kernels_exercise(int i,
                     int times); /* runs a tile; returns its multiply-adds; 0: no memory, or not for this machine */
/* Before any tower is loaded (weights are packed for their kernels); KIN_BAD_ARGUMENT otherwise, and
 * for a table that is not exact here. */
kin_status kin_use_kernels(kin_ctx *ctx, int i);

/* Buffers for the caller's bytes (JavaScript has no other way to bring them in). */
void *kin_malloc(size_t n);
void kin_free(void *p);

/* Model. Order: kin_config, then kin_preprocessing (image) or kin_vocabulary (text), then one tower at a
 * time. A tower may be loaded later or again. `dtype`: what to hold; a file of floats is quantised to
 * KIN_Q8 by this very code, a converted q8 file cannot become KIN_F32 (KIN_UNSUPPORTED). The image tower's
 * weights take the preprocessing in: with another one a loaded tower is gone. */

/* Reads config.json: family and sizes of both towers, for kin_info, and the context length, so that texts can be
 * tokenized (and cut) without the text tower's weights; until then that is 77. What was loaded before goes. A
 * tower whose sizes cannot be read is told of when it is begun, if the other's can. */
kin_status kin_config(kin_ctx *ctx, const char *json, size_t n);
kin_status kin_preprocessing(kin_ctx *ctx, const char *json, size_t n);
/* tokenizer_json, or vocab and merges (the other NULL, 0; tokenizer_json counts); the last three may be NULL, 0.
 * KIN_NOT_A_MODEL where the text tower of kin_config has other tokens. */
kin_status kin_vocabulary(kin_ctx *ctx, const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          const char *added_tokens, size_t added_n);
kin_status kin_tower_begin(kin_ctx *ctx, int tower, int dtype);
kin_status kin_tower_feed(kin_ctx *ctx, const uint8_t *bytes, size_t n); /* any split of the file */
kin_status kin_tower_file_end(kin_ctx *ctx);
kin_status kin_tower_end(kin_ctx *ctx); /* all tensors there? */
/* Computes a loaded tower's id, once; kin_info tells it from then on. It reads every weight (0.4 s for 88
 * MB), which only a catalogue asks for. */
kin_status kin_identify(kin_ctx *ctx, int tower);
/* JSON: { numerics, kernels, family, image, text }; family is null before kin_config, and a tower too where the
 * configuration has none: { dim, width, layers, heads, scores, loaded } with imageSize and patch (like heads 0 where
 * there are none: a convolutional tower) or context and
 * vocab, and once it is loaded { dtype, logitScale, id (empty before kin_identify) }, the image's with preprocess
 * (canonical JSON). scores: how cosines are read, "softmax" of exp(logitScale) times them. */
const char *kin_info(kin_ctx *ctx);

/* A loaded tower as canonical tensors, for kin convert and kin verify: entry i of kin_export_count,
 * described as JSON {name,dtype,shape,bytes} and written as the bytes a file of that tower holds. */
int kin_export_count(kin_ctx *ctx, int tower);
const char *kin_export_tensor(kin_ctx *ctx, int tower, int i);
kin_status kin_export_bytes(kin_ctx *ctx, int tower, int i, uint8_t *out); /* out: `bytes` long */

/* Pictures. decode: JPEG or PNG bytes -> upright RGB8 held in the context. raw: tight rows of 3
 * (RGB) or 4 (RGBA, over white) channels, turned as the EXIF block that came with them says (NULL, 0:
 * upright). */
kin_status kin_image_decode(kin_ctx *ctx, const uint8_t *bytes, size_t n);
/* As kin_image_decode, but a JPEG at 1/2, 1/4 or 1/8 of its size where the box (the one that is then
 * prepared) still has twice the pixels that the preprocessing wants; 1/1 otherwise. */
kin_status kin_image_decode_fast(kin_ctx *ctx, const uint8_t *bytes, size_t n, double x, double y, double width,
                                 double height);
int kin_image_reduction(const kin_ctx *ctx); /* 1, 2, 4 or 8 */
kin_status kin_image_raw(kin_ctx *ctx, const uint8_t *pixels, int width, int height, int channels, const uint8_t *exif,
                         size_t exif_n);
int kin_image_width(const kin_ctx *ctx); /* of the upright picture held */
int kin_image_height(const kin_ctx *ctx);
/* Format by content: "jpeg" "png" "webp" "gif" "avif" "heic" "bmp" "tiff" "svg" "html" "unknown". */
const char *kin_image_format(const uint8_t *bytes, size_t n);
/* box in fractions of the upright picture (one in pixels: divided by its width and height), rounded outward,
 * clipped; result: u8 RGB [H, W, 3]. */
kin_status kin_image_prepare(kin_ctx *ctx, double x, double y, double width, double height, int fit);
int kin_prepared_width(const kin_ctx *ctx);
int kin_prepared_height(const kin_ctx *ctx);
const uint8_t *kin_prepared(const kin_ctx *ctx);

/* Text. Returns ids with start and end tokens, truncated to the context length (end kept). */
kin_status kin_tokenize(kin_ctx *ctx, const char *utf8, size_t n);
int kin_token_count(const kin_ctx *ctx);
const int32_t *kin_tokens(const kin_ctx *ctx);

/* Encoding what kin_image_prepare or kin_tokenize left in the context. Texts are run together, which
 * is faster and gives the same bits: kin_tokenize and kin_text_add for each, until kin_text_add says
 * KIN_MORE: this text does not fit; begin, step, and add it to the next run. Adding gives up a run of texts
 * that is not done. */
kin_status kin_image_begin(kin_ctx *ctx);
kin_status kin_text_add(kin_ctx *ctx);
kin_status kin_text_begin(kin_ctx *ctx);
/* All rows of a layer of either tower, as transformers' hidden_states has them: layer 0 is what goes into the first
 * block, L what comes from the last, negative ones count from the end, KIN_LAST is last_hidden_state (a text's through
 * the final norm); norm: through the final norm in any case. A text is padded to the context. */
kin_status kin_layer_begin(kin_ctx *ctx, int tower, int layer, int norm);
kin_status kin_step(kin_ctx *ctx); /* KIN_MORE, KIN_OK (done) or an error */
/* What the last run left, [kin_rows][kin_columns]: an embedding [1][dim] of unit length, those of the texts added, or
 * a layer's rows. NULL, 0 and 0 where there is nothing. */
const float *kin_embedding(const kin_ctx *ctx);
int kin_rows(const kin_ctx *ctx);
int kin_columns(const kin_ctx *ctx);
int kin_dim(const kin_ctx *ctx, int tower); /* 0 if that tower is not loaded */

/* Helper threads (wasm: other instances on the same memory; native: pthreads of the caller).
 * kin_pool_open makes room for n threads in all (leader included); each helper i in 1..n-1 calls
 * kin_pool_help and stays there until kin_pool_close; the leader gives the pool to a context. */
typedef struct kin_pool kin_pool;
kin_pool *kin_pool_open(int n_threads);
void kin_pool_help(kin_pool *pool, int i);
void kin_pool_close(kin_pool *pool); /* helpers leave; memory stays for them: kin_free it when they have left */
void kin_use_pool(kin_ctx *ctx, kin_pool *pool); /* NULL: one thread. Gives up a run that is not done. */

/* Catalogue, docs/format.md. The bytes are BORROWED: they stay where they are until close. */
typedef struct kin_catalog kin_catalog;
kin_catalog *kin_catalog_open(const uint8_t *bytes, size_t n, kin_error *err); /* NULL: see err */
void kin_catalog_close(kin_catalog *catalog);
/* JSON: { products, pictures, dim, metadata: {…}, tensors: { name: dtype } } */
const char *kin_catalog_info(kin_catalog *catalog);
/* A tensor's values, within the borrowed bytes, and how many bytes they are; NULL and 0 for a name that is
 * not there. Those of docs/format.md are aligned to their dtype. */
const void *kin_catalog_tensor(const kin_catalog *catalog, const char *name, size_t *bytes);
/* Int8 scan. query: f32 [dim], unit length. mask: u8 [products], 0 = left out, or NULL.
 * Writes at most `cap` hits, best first (score descending, then row ascending), one per product
 * (its best picture): rows[] picture row, scores[] cosine. Returns their number; *total = products
 * that passed the mask, min_score and min_confidence (0: any; above it none passes a catalogue without null
 * statistics). In a catalogue of more than 200,000 rows of at least 128 numbers only the rows nearest by sign bits
 * are scored (codes.h), unless `exact`, min_score > -2, min_confidence > 0 or cap > codes_depth / 100: hits then have
 * the same scores, but one may be missing.
 * blend: f32 [4], of what the query is a sum: the weights over the length of the sum, each without its sign, of the
 * pictures that are wanted and of those that are not, and of words that are wanted and that are not. NULL: one picture. */
int kin_catalog_search(const kin_catalog *catalog, const float *query, const float *blend, const uint8_t *mask,
                       float min_score, float min_confidence, int exact, uint32_t *rows, float *scores, int cap,
                       uint32_t *total);
/* How surely each of n hits is more than chance (confidence.h), 0..1; NaN where the catalogue has no statistics. */
void kin_catalog_confidence(const kin_catalog *catalog, const float *blend, const uint32_t *rows, const float *scores,
                            int n, float *out);
/* Orders the first DIVERSIFY_MOST of n hits, best first, by maximal marginal relevance: next comes the one with the most
 * lambda * score - (1 - lambda) * cosine to the nearest before it. */
enum { DIVERSIFY_MOST = 200 };
void kin_catalog_diversify(const kin_catalog *catalog, uint32_t *rows, float *scores, int n, float lambda);
/* The unit vector of a picture row (dequantised) into out[dim]. */
void kin_catalog_vector(const kin_catalog *catalog, uint32_t row, float *out);
/* Maps the rows of an open catalogue by an adapter (adapter.h), a file of docs/format.md whose bytes are not needed after the
 * call and start at a multiple of 8, once: rows are rounded anew, codes made anew, null statistics void. KIN_NOT_AN_ADAPTER,
 * KIN_UNSUPPORTED, KIN_MODEL_MISMATCH (another dim, or another kin.image_id where both have one) and KIN_OUT_OF_MEMORY leave it as
 * it was. */
kin_status kin_catalog_adapt(kin_catalog *catalog, const uint8_t *bytes, size_t n, kin_error *err);
/* A query's unit vector f32 [dim] as that adapter maps it, into out[dim], another place. */
void kin_catalog_map(const kin_catalog *catalog, const float *vector, float *out);
/* A catalogue as a folder, docs/format.md: the codes of all rows are there, the rows themselves lie in shards of which a
 * query reads a few. Products are numbered in the folder's order, then those of its deltas; shards in their order, then one
 * for each delta, which is always there.
 *
 *   kin_folder *f = kin_folder_open(dim, products, rows, shard_rows, mean, spread, null_best, &err);
 *   kin_folder_products(f, counts, n, &err), kin_folder_codes(f, bits, n, &err)     // in any split, first to last
 *   kin_folder_delta(f, counts, n, vectors, scale, nulls, &err)                     // each, in order; also later
 *   n = kin_folder_near(f, query, mask, depth, shards, cap, …);                     // which are worth reading
 *   kin_folder_far(f, 3, bits, scale, n, &err), kin_folder_nearer(f, …)             // for words: the same, by finer codes
 *   kin_folder_shard(f, shards[0], vectors, scale, nulls, n, &err) …                // what of these is not there yet
 *   kin_catalog *c = kin_folder_view(f, shards, n, &err);                           // a catalogue of their rows and the deltas'
 *   kin_catalog_search(c, …), kin_folder_place(f, row, where) …
 *   kin_folder_close(f);
 *
 * Everything given in is copied. Failures leave the folder as it was: KIN_NOT_A_CATALOG for numbers that do not fit each other. */
typedef struct kin_folder kin_folder;
/* mean i8 [dim], spread u8 [dim]: of the codes; null_best f32 [2], or NULL where there are no null statistics: then all shards
 * come without. NULL: see err. */
kin_folder *kin_folder_open(int dim, uint32_t products, uint32_t rows, uint32_t shard_rows, const int8_t *mean,
                            const uint8_t *spread, const float *null_best, kin_error *err);
void kin_folder_close(kin_folder *folder); /* NULL allowed */
/* How many rows each of the next n products has, at least one. */
kin_status kin_folder_products(kin_folder *folder, const uint16_t *counts, uint32_t n, kin_error *err);
/* The codes of the next n rows, ceil(dim / 128) * 16 bytes each. */
kin_status kin_folder_codes(kin_folder *folder, const uint8_t *bits, uint32_t n, kin_error *err);
/* Finer codes of the next n rows (codes.h), by which words are told apart too: planes * ceil(dim / 128) * 16 bytes each,
 * planes 1..3 and the same at each call; scale f32 [n]: the rows'. May come at any time, and need not. */
kin_status kin_folder_far(kin_folder *folder, int planes, const uint8_t *bits, const float *scale, uint32_t n,
                          kin_error *err);
/* n products more, which may be without rows, once all codes are there: the sum of counts are its rows, nulls f32 [rows, 4]. */
kin_status kin_folder_delta(kin_folder *folder, const uint16_t *counts, uint32_t n, const int8_t *vectors,
                            const float *scale, const float *nulls, kin_error *err);
/* Forgets all deltas but the first n. */
void kin_folder_trim(kin_folder *folder, uint32_t n);
/* A shard's rows: n must be as many as it has, and of codes and finer codes that came before they must be the rows. */
kin_status kin_folder_shard(kin_folder *folder, uint32_t shard, const int8_t *vectors, const float *scale,
                            const float *nulls, uint32_t n, kin_error *err);
int kin_folder_has(const kin_folder *folder, uint32_t shard);
void kin_folder_forget(kin_folder *folder, uint32_t shard); /* a delta's stays */
/* The shards of the `depth` rows that are nearest by their codes, that of the nearest first, at most `cap`; returns how many.
 * query f32 [dim], unit length; mask u8 [products, deltas' included] or NULL. Also the products of these rows, at most `most`,
 * with scores that are estimates; *found: how many. 0 and 0 for a query that points nowhere, without memory, and before all
 * codes are there. */
uint32_t kin_folder_near(const kin_folder *folder, const float *query, const uint8_t *mask, uint32_t depth,
                         uint32_t *shards, uint32_t cap, uint32_t *products, float *scores, uint32_t most,
                         uint32_t *found);
/* The same by the finer codes, once those of all rows are there too. */
uint32_t kin_folder_nearer(const kin_folder *folder, const float *query, const uint8_t *mask, uint32_t depth,
                           uint32_t *shards, uint32_t cap, uint32_t *products, float *scores, uint32_t most,
                           uint32_t *found);
/* Of how many products a hit is one, for its confidence: without those that deltas replaced; 0, as at first: of all. The next views'. */
void kin_folder_counted(kin_folder *folder, uint32_t products);
/* Once all products are there: a catalogue of the rows of these shards, all of which are there, and of all deltas, rows in order: for kin_catalog_search
 * (its mask and its total are of all products), _confidence, _diversify and _vector. Belongs to the folder; the next call makes it anew. NULL:
 * see err. */
const kin_catalog *kin_folder_view(kin_folder *folder, const uint32_t *shards, uint32_t n, kin_error *err);
/* Of a row of the last view: its product, and which of the product's rows it is, from 0. */
void kin_folder_place(const kin_folder *folder, uint32_t row, uint32_t where[2]);
/* The shard of a product's first row; UINT32_MAX for one without rows, and before all products are there. */
uint32_t kin_folder_first(const kin_folder *folder, uint32_t product);
/* The unit vector of a product's first row into out[dim]; 0 where its shard is not there, else 1. */
int kin_folder_vector(const kin_folder *folder, uint32_t product, float *out);
/* One of a folder's files, checked as any safetensors file of ours; as a label pack's. info: JSON { metadata: {…}, tensors: { name: dtype } } */
typedef struct kin_part kin_part;
kin_part *kin_part_open(const uint8_t *bytes, size_t n, kin_error *err); /* NULL: see err */
void kin_part_close(kin_part *part);
const char *kin_part_info(kin_part *part);
const void *kin_part_tensor(const kin_part *part, const char *name, size_t *bytes);
/* For who writes a folder: what its codes are made with (codes.h), and the codes of n rows, as kin_folder_codes takes them. */
void kin_codes_train(const int8_t *vectors, uint32_t rows, int dim, int8_t *mean, uint8_t *spread);
void kin_codes_of(const int8_t *vectors, uint32_t rows, int dim, const int8_t *mean, uint8_t *bits);
void kin_sha256(const uint8_t *bytes, size_t n, uint8_t digest[32]);
/* A file of label vectors, docs/format.md; as a catalogue's. info: JSON { dim, metadata: {…}, tensors: { name: dtype } } */
typedef struct kin_pack kin_pack;
kin_pack *kin_pack_open(const uint8_t *bytes, size_t n, kin_error *err); /* NULL: see err */
void kin_pack_close(kin_pack *pack);
const char *kin_pack_info(kin_pack *pack);
const void *kin_pack_tensor(const kin_pack *pack, const char *name, size_t *bytes);
/* One row for a catalogue being written: i8 [dim] and its scale 1/||row||. KIN_BAD_ARGUMENT for a
 * non-finite or zero vector. */
kin_status kin_quantise_vector(const float *vector, int dim, int8_t *row, float *scale, kin_error *err);
/* Writing a catalogue:
 *
 *   kin_writer *w = kin_writer_begin(dim, "{\"kin.fit\":\"crop\"}", n, &err);
 *   while (products come) kin_writer_add(w, id, id_n, item, item_n, rows, pictures, &err);
 *   while (kin_writer_end(w, &err) == KIN_MORE) ;      // may be after kin_writer_null
 *   while ((n = kin_writer_take(w, out, cap)) > 0) ;   // the file's bytes, first to last
 *   kin_writer_close(w);                               // also before the end: nothing is kept
 *
 * The bytes are taken, not handed to a function, since a caller of WebAssembly has none to give. Everything
 * given in is copied. The writer holds the file's bytes, 16 a product until the end, and at most 64 KiB
 * unused for each tensor, and while kin_writer_end computes statistics 2 KiB and 1 KiB a number of a vector more; what was taken is freed. The same calls give the same bytes. */
typedef struct kin_writer kin_writer;
/* metadata: a JSON object of strings without kin.format, kin.kind, kin.numerics, kin.crc32 and kin.null, which the
 * writer adds, and kin.needs; each text as it is written here. NULL: see err. */
kin_writer *kin_writer_begin(int dim, const char *metadata, size_t n, kin_error *err);
/* One product. id: UTF-8, not empty, not there yet. item: a JSON object on one line, taken over as it is
 * written. rows: i8 [pictures][dim] as kin_quantise_vector makes them, none all zeros; pictures 1..65,535.
 * What is refused (KIN_BAD_ARGUMENT; KIN_TOO_LARGE beyond a file of 2 GiB; KIN_OUT_OF_MEMORY) leaves the
 * writer as it was. */
kin_status kin_writer_add(kin_writer *writer, const char *id, size_t id_n, const char *item, size_t item_n,
                          const int8_t *rows, uint32_t pictures, kin_error *err);
/* Asks for null statistics (nulls.h), once, after the last product: phrases f32 [n][dim], the vectors of the null
 * phrases, n 0..256. Of fewer than 16 products there are none. */
kin_status kin_writer_null(kin_writer *writer, const float *phrases, int n, kin_error *err);
/* No more products, not even after KIN_OUT_OF_MEMORY, when it may be tried again. KIN_MORE: some statistics are
 * computed, call it again. */
kin_status kin_writer_end(kin_writer *writer, kin_error *err);
size_t kin_writer_bytes(const kin_writer *writer); /* the whole file's; 0 before the end */
/* The next bytes of the file, at most cap; returns their number: 0 when all were taken, and before the end. */
size_t kin_writer_take(kin_writer *writer, uint8_t *out, size_t cap);
void kin_writer_close(kin_writer *writer); /* NULL allowed */
/* Learning an adapter (train.h):
 *
 *   kin_trainer *t = kin_trainer_begin(dim, rank, n, m, at, hold_out, seed, &err);
 *   kin_trainer_add(t, 0, lefts, targets, n, &err);    // in any split
 *   kin_trainer_add(t, 1, rights, NULL, m, &err);
 *   while ((s = kin_trainer_step(t, &err)) == KIN_MORE) ;
 *   if (kin_trainer_helps(t)) kin_trainer_file(t, image_id, id_n, out, cap);
 *   kin_trainer_close(t);
 *
 * Of pairs m > 0, and a left's target is a right, 0..m-1; of kinds m = 0 and it is the number of its kind. rank 1..64; at
 * 1..100: how many of the nearest count; hold_out 0.01..0.5: the share kept for figures, at most 2,000. All memory is
 * taken at the beginning: 4 * dim bytes a vector, the same for 8,192 and 1,000 more; everything given in is copied. NULL: see err. The same
 * calls give the same bytes in every build. */
typedef struct kin_trainer kin_trainer;
kin_trainer *kin_trainer_begin(int dim, int rank, int n, int m, int at, double hold_out, uint32_t seed, kin_error *err);
/* n vectors more, f32 [n][dim] of any length but zero, of the lefts (0) or the rights (1). After KIN_BAD_ARGUMENT close it. */
kin_status kin_trainer_add(kin_trainer *trainer, int which, const float *rows, const uint32_t *targets, uint32_t n,
                           kin_error *err);
/* Some hundredths of a second of work: KIN_MORE, KIN_OK (done) or KIN_BAD_ARGUMENT before all vectors are there. */
kin_status kin_trainer_step(kin_trainer *trainer, kin_error *err);
int kin_trainer_rounds(const kin_trainer *trainer); /* so far */
int kin_trainer_helps(
    const kin_trainer *trainer); /* 1 once it is done and the gain is above twice its standard error */
/* 0, 1: of the vectors that say when to stop, at the beginning and the best so far; 2, 3: of those that judge, before and after;
 * 4: the standard error of that gain. Shares, 0..1. */
double kin_trainer_figure(const kin_trainer *trainer, int which);
/* Writes the file where cap bytes hold it, with the id of the image model of whose vectors it is (may be empty); returns the bytes
 * it takes, 0 when memory is short or it is not done. */
size_t kin_trainer_file(const kin_trainer *trainer, const char *image_id, size_t n, uint8_t *out, size_t cap);
void kin_trainer_close(kin_trainer *trainer); /* NULL allowed */
/* Error struct for the functions above, for callers that cannot lay one out themselves. */
kin_error *kin_error_new(void);
const char *kin_error_struct_text(const kin_error *err);
int kin_error_struct_status(const kin_error *err);
#endif
