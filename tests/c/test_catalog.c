/* test_catalog: one damaged catalogue for each rule of docs/format.md, and the search against a plain loop
 * over all rows. What is damaged is a catalogue that the writer made. */
#include "../../src/catalog.h"
#include "../../src/kin.h"
#include "test.h"
#include "written.h"
#include <math.h>
#include <stdlib.h>

enum { M = 3, R = 4, DIM = 20, ITEMS_N = 34, MAX_PARTS = PART_COUNT + 3 };

/* Three products, the first of them with two pictures: the file, and what a damaged one is put together
 * from, its metadata and its tensors with their values. The first values may be reached by their names. */
struct fixture {
    uint8_t *bytes;
    tensor parts[MAX_PARTS];
    void *data[MAX_PARTS];
    uint32_t n_parts;
    const char *meta[6];
    uint32_t n_meta;
    bool bare; /* without checksums */
    uint64_t *item_offsets, *id_offsets;
    float *scale;
    uint32_t *row_item, *id_order;
    int8_t *vectors;
    char *ids;
};

/* Appends a tensor, behind those that are as wide or wider. */
static void add(struct fixture *f, const char *name, tensor_dtype dtype, uint32_t rank, uint64_t d0, uint64_t d1,
                void *data)
{
    uint32_t at = f->n_parts++;
    for (; at > 0 && tensor_dtype_size(f->parts[at - 1].dtype) < tensor_dtype_size(dtype); at--) {
        f->parts[at] = f->parts[at - 1];
        f->data[at] = f->data[at - 1];
    }
    f->parts[at] = (tensor){name, (uint32_t)strlen(name), dtype, rank, {d0, d1, 1, 1}, 0, 0};
    f->data[at] = data;
}

static tensor *part(struct fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_parts; i++)
        if (!strcmp(f->parts[i].name, name))
            return &f->parts[i];
    return NULL;
}

static void leave_out(struct fixture *f, const char *name)
{
    uint32_t i = (uint32_t)(part(f, name) - f->parts);
    for (f->n_parts--; i < f->n_parts; i++) {
        f->parts[i] = f->parts[i + 1];
        f->data[i] = f->data[i + 1];
    }
}

/* Products with the ids b, a and ä, the first n of them; NULL if one was refused. */
static uint8_t *catalogue(int products, size_t *n)
{
    static const char *const ids[M] = {"b", "a", "\xc3\xa4"};
    kin_error err;
    kin_writer *w = kin_writer_begin(DIM, "{}", 2, &err);
    for (int p = 0, r = 0; p < products; p++) {
        char item[16];
        int8_t rows[2 * DIM];
        uint32_t pictures = p == 0 ? 2 : 1;
        for (uint32_t k = 0; k < pictures; k++, r++) {
            float v[DIM], scale;
            for (int i = 0; i < DIM; i++)
                v[i] = (float)((r * 7 + i * 5) % 11 - 5);
            kin_quantise_vector(v, DIM, rows + k * DIM, &scale, &err);
        }
        int item_n = snprintf(item, sizeof item, "{\"id\":\"%s\"}", ids[p]);
        kin_writer_add(w, ids[p], strlen(ids[p]), item, (size_t)item_n, rows, pictures, &err);
    }
    return written(w, n);
}

static void fixture_fill(struct fixture *f)
{
    size_t n, bytes;
    kin_error err;
    memset(f, 0, sizeof *f);
    f->bytes = catalogue(M, &n);
    kin_catalog *c = kin_catalog_open(f->bytes, n, &err);
    for (int i = 0; i < PART_COUNT; i++) {
        const tensor *t = tensor_find(&c->file, catalog_parts[i].name);
        if (t) /* three products have no null statistics */
            add(f, catalog_parts[i].name, t->dtype, t->rank, t->shape[0], t->shape[1], f->bytes + t->begin);
    }
    f->item_offsets = (void *)kin_catalog_tensor(c, "item_offsets", &bytes);
    f->id_offsets = (void *)kin_catalog_tensor(c, "id_offsets", &bytes);
    f->scale = (void *)kin_catalog_tensor(c, "scale", &bytes);
    f->row_item = (void *)kin_catalog_tensor(c, "row_item", &bytes);
    f->id_order = (void *)kin_catalog_tensor(c, "id_order", &bytes);
    f->vectors = (void *)kin_catalog_tensor(c, "vectors", &bytes);
    f->ids = (void *)kin_catalog_tensor(c, "ids", &bytes);
    f->meta[0] = "kin.format", f->meta[1] = CATALOG_FORMAT, f->meta[2] = "kin.kind", f->meta[3] = "catalog";
    f->n_meta = 2;
    kin_catalog_close(c);
}

/* The file put together anew, in a block of exactly its size. */
static uint8_t *assemble(const struct fixture *f, size_t *n)
{
    struct json_out meta, header;
    struct crc32 crc;
    uint32_t sums[MAX_PARTS];
    size_t sizes[MAX_PARTS];
    json_out_init(&meta);
    for (uint32_t i = 0; i < f->n_meta; i++) {
        json_out_raw(&meta, i ? "," : "{");
        json_out_string(&meta, f->meta[2 * i], strlen(f->meta[2 * i]));
        json_out_raw(&meta, ":");
        json_out_string(&meta, f->meta[2 * i + 1], strlen(f->meta[2 * i + 1]));
    }
    json_out_raw(&meta, f->n_meta ? "}" : "{}");
    size_t total = 0;
    crc32_init(&crc);
    for (uint32_t i = 0; i < f->n_parts; i++) {
        const tensor *t = &f->parts[i];
        sizes[i] = tensor_dtype_size(t->dtype);
        for (uint32_t d = 0; d < t->rank; d++)
            sizes[i] *= (size_t)t->shape[d];
        sums[i] = crc32_update(&crc, 0, f->data[i], sizes[i]);
        total += sizes[i];
    }
    tensor_header_write(f->parts, f->n_parts, meta.text, meta.n, f->bare ? NULL : sums, &header);
    size_t at = header.n;
    total += at;
    uint8_t *bytes = malloc(total);
    memcpy(bytes, header.text, header.n);
    for (uint32_t i = 0; i < f->n_parts; at += sizes[i++])
        if (sizes[i])
            memcpy(bytes + at, f->data[i], sizes[i]);
    json_out_free(&header), json_out_free(&meta);
    *n = total;
    return bytes;
}

/* Opens it and gives its values up; "" if it opens, else the sentence. */
static const char *complaint(struct fixture *f, kin_error *err)
{
    size_t n;
    uint8_t *bytes = assemble(f, &n);
    kin_catalog *c = kin_catalog_open(bytes, n, err);
    kin_catalog_close(c);
    free(bytes), free(f->bytes);
    return c ? "" : err->text;
}

/* Null statistics: both tensors count or neither; what is no mean and deviation, or of other sizes, is refused. */
void test_catalog_nulls(void)
{
    static const char wrong[] = "null statistics";
    for (int turn = 0; turn < 8; turn++) {
        struct fixture f;
        kin_error err;
        size_t n;
        float nulls[R * 4] = {0.1f, 0.2f, -0.1f, 0}, best[3] = {0.5f, 0.1f, 0};
        fixture_fill(&f);
        if (turn != 1)
            add(&f, "null", DT_F32, 2, turn == 2 ? 1 : R, turn == 3 ? 3 : 4, nulls);
        if (turn != 4)
            add(&f, "null_best", DT_F32, 1, turn == 5 ? 3 : 2, 1, best);
        if (turn == 6)
            nulls[4 * R - 1] = -0.1f;
        if (turn == 7)
            best[0] = NAN;
        uint8_t *bytes = assemble(&f, &n);
        free(f.bytes);
        kin_catalog *c = kin_catalog_open(bytes, n, &err);
        if (turn == 0 || turn == 1 || turn == 4)
            CHECK(c && (c->nulls != NULL) == (turn == 0));
        else
            CHECK(!c && err.status == KIN_NOT_A_CATALOG && strstr(err.text, wrong));
        kin_catalog_close(c);
        free(bytes);
    }
}

void test_catalog_opens(void)
{
    struct fixture f;
    kin_error err;
    size_t n, tensor_n = 9;
    double prices[M] = {1, 2, 3};
    fixture_fill(&f);
    add(&f, "later", DT_F32, 2, R, 1, f.scale); /* tensors it does not know of are left alone */
    add(&f, "codes", DT_U8, 1, 4, 1, f.ids);
    add(&f, "col.price", DT_F64, 1, M, 1, prices);
    uint8_t *bytes = assemble(&f, &n);
    free(f.bytes);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c);

    json info;
    uint64_t value;
    const char *text = kin_catalog_info(c);
    CHECK_EQ(json_open(text, strlen(text), "info", &info, &err), KIN_OK);
    CHECK(json_u64(json_get(info, "products"), &value) && value == M);
    CHECK(json_u64(json_get(info, "pictures"), &value) && value == R);
    CHECK(json_u64(json_get(info, "dim"), &value) && value == DIM);
    CHECK(json_equals(json_get(json_get(info, "metadata"), "kin.kind"), "catalog"));
    json tensors = json_get(info, "tensors");
    CHECK_EQ(json_length(tensors), PART_COUNT + 1); /* null and null_best are not in it */
    CHECK(json_equals(json_get(tensors, "items"), "U8") && json_equals(json_get(tensors, "col.price"), "F64"));

    const char *items = kin_catalog_tensor(c, "items", &tensor_n);
    CHECK_EQ(tensor_n, ITEMS_N);
    CHECK(!memcmp(items, "{\"id\":\"b\"}\n{\"id\":\"a\"}\n{\"id\":\"\xc3\xa4\"}\n", ITEMS_N));
    const double *price = kin_catalog_tensor(c, "col.price", &tensor_n);
    CHECK(tensor_n == sizeof prices && price[2] == 3);
    CHECK(!kin_catalog_tensor(c, "item", &tensor_n) && tensor_n == 0);

    float v[DIM], sum = 0;
    kin_catalog_vector(c, 2, v);
    for (int i = 0; i < DIM; i++)
        sum += v[i] * v[i];
    CHECK(fabsf(sum - 1) < 1e-6f);
    v[0] = 7;
    kin_catalog_vector(c, R, v);
    CHECK(v[0] == 7);
    kin_catalog_close(c);
    kin_catalog_close(NULL);
    free(bytes);
}

/* clang-format off */
/* Damages one thing and says what the sentence must hold; NULL when nothing is left to damage. */
static const char *damage(struct fixture *f, int i)
{
    switch (i) {
    case 0: f->meta[1] = "1", f->bare = true; return "not of format 2";
    case 1: f->meta[1] = "3"; return "not of format 2";
    case 2: f->meta[4] = "kin.needs", f->meta[5] = "row-order", f->n_meta = 3; return "not of format 2";
    case 3: f->meta[0] = "kin.formal"; return "not of format 2";
    case 4: f->meta[3] = "model"; return "kin.kind";
    case 5: f->n_meta = 0; return "kin.kind";
    case 6: leave_out(f, "item_offsets"); return "no tensor item_offsets";
    case 7: leave_out(f, "id_offsets"); return "no tensor id_offsets";
    case 8: leave_out(f, "scale"); return "no tensor scale";
    case 9: leave_out(f, "row_item"); return "no tensor row_item";
    case 10: leave_out(f, "id_order"); return "no tensor id_order";
    case 11: leave_out(f, "row_picture"); return "no tensor row_picture";
    case 12: leave_out(f, "vectors"); return "no tensor vectors";
    case 13: leave_out(f, "ids"); return "no tensor ids";
    case 14: leave_out(f, "items"); return "no tensor items";
    case 15: part(f, "item_offsets")->dtype = DT_I64; return "item_offsets that is not U64";
    case 16: part(f, "scale")->dtype = DT_I32; return "scale that is not F32";
    case 17: part(f, "vectors")->dtype = DT_U8; return "vectors that is not I8";
    case 18: part(f, "row_picture")->dtype = DT_F16; return "row_picture that is not U16";
    case 19: part(f, "ids")->dtype = DT_BOOL; return "ids that is not U8";
    case 20: part(f, "scale")->rank = 2; return "scale that is not F32 of rank 1";
    case 21: part(f, "vectors")->rank = 3; return "vectors that is not I8 of rank 2";
    case 22: part(f, "item_offsets")->shape[0] = 0; return "sizes out of range";
    case 23: part(f, "vectors")->shape[0] = 80,
             part(f, "vectors")->shape[1] = 0; return "sizes out of range";
    case 24: part(f, "scale")->shape[0] = R - 1; return "different numbers of pictures";
    case 25: part(f, "row_item")->shape[0] = R - 1; return "different numbers of pictures";
    case 26: part(f, "row_picture")->shape[0] = R - 1; return "different numbers of pictures";
    case 27: part(f, "vectors")->shape[0] = R - 1; return "different numbers of pictures";
    case 28: part(f, "id_order")->shape[0] = M - 1; return "id_order for 2 products, not 3";
    case 29: part(f, "id_offsets")->shape[0] = M; return "offsets (id_offsets)";
    case 30: part(f, "item_offsets")->shape[0] = M; return "offsets (item_offsets)";
    case 31: f->item_offsets[0] = 1; return "offsets (item_offsets)";
    case 32: f->item_offsets[2] = 10; return "offsets (item_offsets)";
    case 33: f->item_offsets[3] = 33; return "offsets (item_offsets)";
    case 34: f->item_offsets[3] = 35; return "offsets (item_offsets)";
    case 35: f->item_offsets[1] = UINT64_MAX; return "offsets (item_offsets)";
    case 36: f->id_offsets[0] = 1ull << 63; return "offsets (id_offsets)";
    case 37: f->id_offsets[3] = UINT64_MAX; return "offsets (id_offsets)";
    case 38: f->id_offsets[2] = (1ull << 32) + 2; return "offsets (id_offsets)";
    case 39: f->id_offsets[1] = 0; return "empty or not UTF-8";
    case 40: f->ids[2] = (char)0xC0; return "empty or not UTF-8";
    case 41: f->id_offsets[2] = 3; return "empty or not UTF-8"; /* in the middle of a letter */
    case 42: f->ids[0] = (char)0xFF; return "empty or not UTF-8";
    case 43: f->ids[0] = 'a'; return "not all different";
    case 44: f->id_order[0] = 0, f->id_order[1] = 1; return "not sorted by id_order";
    case 45: f->id_order[2] = 0; return "not all different";
    case 46: f->id_order[2] = M; return "does not have";
    case 47: f->id_order[0] = UINT32_MAX; return "does not have";
    case 48: f->row_item[1] = 2; return "do not follow its products (row 1)";
    case 49: f->row_item[3] = 0; return "do not follow its products (row 3)";
    case 50: f->row_item[0] = 1; return "do not follow its products (row 0)";
    case 51: f->row_item[3] = M; return "do not follow its products (row 3)";
    case 52: f->row_item[2] = UINT32_MAX; return "do not follow its products (row 2)";
    case 53: f->row_item[3] = 1; return "product without a picture";
    case 54: f->scale[2] *= 1.000003f; return "not 1 / length of its vector (row 2)";
    case 55: f->scale[0] = 0; return "row 0";
    case 56: f->scale[0] = -f->scale[0]; return "row 0";
    case 57: f->scale[3] = NAN; return "row 3";
    case 58: f->scale[3] = INFINITY; return "row 3";
    case 59: memset(f->vectors + DIM, 0, DIM); return "row 1";
    case 60: f->vectors[3 * DIM] ^= 1; return "row 3";
    case 61: f->row_item[1] = 1, f->row_item[2] = 2, f->row_item[3] = 3; return "do not follow its products (row 3)";
    case 62: f->bare = true; return "has no checksums (kin.crc32)";
    default: return NULL;
    }
}
/* clang-format on */

void test_catalog_refuses(void)
{
    struct fixture f;
    kin_error err;
    fixture_fill(&f);
    CHECK_STR(complaint(&f, &err), "");
    for (int i = 0;; i++) {
        fixture_fill(&f);
        const char *says = damage(&f, i);
        if (!says) {
            free(f.bytes);
            break;
        }
        const char *text = complaint(&f, &err);
        if (!strstr(text, says))
            printf("  case %d: %s\n", i, text);
        CHECK(strstr(text, says));
        CHECK(!strncmp(text, "The catalogue ", 14) && text[strlen(text) - 1] != ' ');
        CHECK_EQ(err.status, i < 4 ? KIN_UNSUPPORTED : KIN_NOT_A_CATALOG);
    }
}

/* A header of a length that another writer may choose, its checksum right, would leave numbers askew. */
void test_catalog_header_askew(void)
{
    struct fixture f;
    struct crc32 crc;
    kin_error err;
    size_t n;
    char digits[9];
    fixture_fill(&f);
    uint8_t *whole = assemble(&f, &n), *bytes = malloc(n + 4);
    size_t head = 8 + (whole[0] | (size_t)whole[1] << 8);
    memcpy(bytes, whole, head);
    memcpy(bytes + head, "    ", 4);
    memcpy(bytes + head + 4, whole + head, n - head);
    head += 4;
    bytes[0] = (uint8_t)(head - 8), bytes[1] = (uint8_t)((head - 8) >> 8);
    char *sum = strstr((char *)bytes + 8, "kin.crc32\":\"") + 12;
    memcpy(sum, "00000000", 8);
    crc32_init(&crc);
    snprintf(digits, sizeof digits, "%08x", crc32_update(&crc, 0, bytes, head));
    memcpy(sum, digits, 8);
    CHECK(!kin_catalog_open(bytes, n + 4, &err));
    CHECK_STR(err.text, "The catalogue has a header whose length is no multiple of 8.");
    CHECK_EQ(err.status, KIN_NOT_A_CATALOG);
    free(bytes), free(whole), free(f.bytes);
}

/* Vectors of more numbers than the sums have room for are refused before they are summed. */
void test_catalog_widest(void)
{
    static int8_t wide[4097];
    struct fixture f;
    kin_error err;
    memset(wide, -128, sizeof wide);
    fixture_fill(&f);
    f.scale[0] = (float)(1 / (128 * sqrt(4097)));
    f.row_item[0] = f.id_order[0] = 0;
    f.item_offsets[1] = ITEMS_N, f.id_offsets[1] = 4;
    part(&f, "item_offsets")->shape[0] = part(&f, "id_offsets")->shape[0] = 2;
    part(&f, "id_order")->shape[0] = part(&f, "vectors")->shape[0] = 1;
    part(&f, "scale")->shape[0] = part(&f, "row_item")->shape[0] = part(&f, "row_picture")->shape[0] = 1;
    part(&f, "vectors")->shape[1] = 4097;
    f.data[part(&f, "vectors") - f.parts] = wide;
    CHECK(strstr(complaint(&f, &err), "sizes out of range"));
    CHECK(!kin_writer_begin(4097, "{}", 2, &err));

    kin_writer *w = kin_writer_begin(4096, "{}", 2, &err);
    CHECK_EQ(kin_writer_add(w, "a", 1, "{}", 2, wide, 1, &err), KIN_OK);
    size_t n;
    uint8_t *bytes = written(w, &n);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c);
    float *query = malloc(4096 * sizeof *query), score;
    uint32_t row, total;
    for (int i = 0; i < 4096; i++)
        query[i] = 1 / 64.0f;
    CHECK_EQ(kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, &row, &score, 1, &total), 1);
    CHECK(fabsf(score + 1) < 1e-6f); /* the largest sum there is, not wrapped */
    kin_catalog_close(c);
    free(query), free(bytes);
}

/* Every beginning of a file is refused, and so is one byte more. */
void test_catalog_cut_anywhere(void)
{
    kin_error err;
    size_t n;
    uint8_t *bytes = catalogue(M, &n);
    for (size_t cut = 0; cut <= n + 1; cut++) {
        uint8_t *copy = calloc(cut ? cut : 1, 1);
        memcpy(copy, bytes, cut < n ? cut : n);
        kin_catalog *c = kin_catalog_open(copy, cut, &err);
        CHECK((c != NULL) == (cut == n));
        CHECK(c || err.status == KIN_NOT_A_CATALOG);
        kin_catalog_close(c);
        free(copy);
    }
    uint8_t *shifted = malloc(n + 4);
    memcpy(shifted + 4, bytes, n);
    CHECK(!kin_catalog_open(shifted + 4, n, &err));
    CHECK_EQ(err.status, KIN_BAD_ARGUMENT);
    free(shifted), free(bytes);
}

/* Each bit of a file that is flipped is found, wherever it lies; of several damaged tensors all are named. */
void test_catalog_any_bit(void)
{
    kin_error err;
    size_t n;
    uint8_t *bytes = catalogue(M, &n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        kin_catalog *c = kin_catalog_open(bytes, n, &err);
        if (c || err.status != KIN_NOT_A_CATALOG)
            printf("  bit %zu: %s\n", bit, c ? "opens" : err.text);
        CHECK(!c && err.status == KIN_NOT_A_CATALOG);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c);
    size_t items = (size_t)tensor_find(&c->file, "items")->begin,
           vectors = (size_t)tensor_find(&c->file, "vectors")->begin;
    kin_catalog_close(c);
    bytes[items] ^= 1, bytes[vectors + 5] ^= 128;
    CHECK(!kin_catalog_open(bytes, n, &err));
    CHECK_STR(
        err.text,
        "The catalogue is damaged: fetch or copy it again. Other bytes than were written are in: vectors, items.");
    free(bytes);
}

void test_catalog_empty(void)
{
    kin_error err;
    size_t n;
    float query[DIM] = {1}, score;
    uint32_t row, total = 9;
    uint8_t *bytes = catalogue(0, &n);
    kin_catalog *c = kin_catalog_open(bytes, n, &err);
    CHECK(c);
    CHECK_EQ(kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, &row, &score, 1, &total), 0);
    CHECK_EQ(total, 0);
    kin_catalog_close(c);
    free(bytes);
}

/* ---- search ---------------------------------------------------------------------------------- */

static uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

struct hit {
    uint32_t row;
    float score;
};

static int compare_hits(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The definition, row by row; returns the number of products that pass. */
static uint32_t search_plainly(const kin_catalog *c, const float *query, const uint8_t *mask, float min_score,
                               struct hit *hits)
{
    float top = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->dim; i++)
        top = fmaxf(top, fabsf(query[i]));
    for (uint32_t item = 0; item < c->products; item++) {
        struct hit best = {0, -INFINITY};
        for (uint32_t r = 0; r < c->rows; r++) {
            int64_t acc = 0;
            if (c->row_item[r] != item)
                continue;
            for (uint32_t i = 0; i < c->dim; i++)
                acc += (int64_t)rintf(query[i] * (8191 / top)) * c->vectors[(size_t)r * c->dim + i];
            float score = (float)acc * (top / 8191) * c->scale[r];
            if (score > best.score)
                best = (struct hit){r, score};
        }
        if ((!mask || mask[item]) && best.score >= min_score)
            hits[n++] = best;
    }
    qsort(hits, n, sizeof *hits, compare_hits);
    return n;
}

/* A catalogue of random rows, built straight into the struct that the search reads; a third of the
 * rows repeat the one before, so that there are ties. */
static kin_catalog random_catalog(uint32_t products, uint32_t dim, uint64_t *seed)
{
    kin_catalog c = {.products = products, .counted = products, .dim = dim};
    size_t most = (size_t)products * 3;
    int8_t *vectors = malloc(most * dim);
    float *scale = malloc(most * sizeof *scale);
    uint32_t *row_item = malloc(most * sizeof *row_item);
    for (uint32_t p = 0; p < products; p++)
        for (uint32_t pictures = 1 + random_u32(seed) % 3; pictures; pictures--) {
            int8_t *row = vectors + (size_t)c.rows * dim;
            double sum = 0;
            bool repeat = c.rows > 0 && random_u32(seed) % 3 == 0;
            for (uint32_t i = 0; i < dim; i++) {
                row[i] = repeat ? row[(ptrdiff_t)i - (ptrdiff_t)dim] : (int8_t)(random_u32(seed) % 256 - 128);
                sum += row[i] * row[i];
            }
            if (sum == 0)
                sum = row[0] = 1;
            scale[c.rows] = (float)(1 / sqrt(sum));
            row_item[c.rows++] = p;
        }
    c.vectors = vectors, c.scale = scale, c.row_item = row_item;
    return c;
}

void test_search_equals_plain_loop(void)
{
    static const uint32_t dims[] = {1, 7, 15, 16, 17, 31, 32, 100, 256, 512, 2047, 2048, 2049, 4096};
    uint64_t seed = 7;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        uint32_t dim = dims[d], products = dim > 1000 ? 20 : 150;
        kin_catalog c = random_catalog(products, dim, &seed);
        float *query = malloc(dim * sizeof *query);
        uint8_t *mask = malloc(products);
        struct hit *want = malloc(products * sizeof *want);
        static const int caps[] = {0, 1, 2, 5, 24, 1000};
        for (int turn = 0; turn < 12; turn++) {
            double length = 0;
            for (uint32_t i = 0; i < dim; i++) {
                query[i] = (float)(random_u32(&seed) % 2001) - 1000 + (i == 0) * 0.5f;
                length += (double)query[i] * query[i];
            }
            for (uint32_t i = 0; i < dim; i++)
                query[i] = (float)(query[i] / sqrt(length));
            for (uint32_t p = 0; p < products; p++)
                mask[p] = (uint8_t)(turn % 4 == 1 ? random_u32(&seed) % 6 == 0 : random_u32(&seed) % 3);
            const uint8_t *m = turn % 2 ? mask : NULL;
            float min_score = turn % 3 ? -2 : 0.01f;
            int cap = caps[turn % 6];
            uint32_t rows[1001], total, n = search_plainly(&c, query, m, min_score, want);
            float scores[1001];
            rows[cap] = 12345; /* must stay */
            int got = kin_catalog_search(&c, query, NULL, m, min_score, 0, 0, rows, scores, cap, &total);
            CHECK_EQ(total, n);
            CHECK_EQ(got, n < (uint32_t)cap ? n : (uint32_t)cap);
            CHECK_EQ(rows[cap], 12345);
            for (int i = 0; i < got; i++) {
                CHECK_EQ(rows[i], want[i].row);
                CHECK(scores[i] == want[i].score);
            }
        }
        free(want), free(mask), free(query);
        free((void *)c.vectors), free((void *)c.scale), free((void *)c.row_item);
    }
}

/* The score is the cosine, to what 8 and 14 bits leave of it. */
void test_search_scores_are_cosines(void)
{
    uint64_t seed = 3;
    kin_catalog c = random_catalog(40, 512, &seed);
    float query[512], scores[40], row[512];
    uint32_t rows[40], total;
    kin_catalog_vector(&c, 17, query);
    CHECK_EQ(kin_catalog_search(&c, query, NULL, NULL, -2, 0, 0, rows, scores, 40, &total), 40);
    CHECK(fabsf(scores[0] - 1) < 1e-4f);
    uint32_t as_good = 6; /* a score equal to min_score passes */
    while (as_good < 40 && scores[as_good] == scores[5])
        as_good++;
    float least = scores[5];
    kin_catalog_search(&c, query, NULL, NULL, least, 0, 0, rows, scores, 40, &total);
    CHECK_EQ(total, as_good);
    kin_catalog_search(&c, query, NULL, NULL, -2, 0, 0, rows, scores, 40, &total);
    for (int h = 0; h < 40; h++) {
        double cosine = 0;
        kin_catalog_vector(&c, rows[h], row);
        for (int i = 0; i < 512; i++)
            cosine += (double)row[i] * query[i];
        CHECK(fabs(cosine - scores[h]) < 1e-4);
    }
    free((void *)c.vectors), free((void *)c.scale), free((void *)c.row_item);
}

void test_search_useless_queries(void)
{
    static const float useless[] = {0, -0.0f, NAN, INFINITY, -INFINITY, 1e-44f, 1e-38f};
    uint64_t seed = 5;
    kin_catalog c = random_catalog(5, DIM, &seed);
    float query[DIM], scores[5];
    uint32_t rows[5], total;
    for (size_t k = 0; k < sizeof useless / sizeof *useless; k++)
        for (int at = 0; at < DIM; at += DIM - 1) {
            memset(query, 0, sizeof query);
            query[at] = useless[k];
            total = 9;
            CHECK_EQ(kin_catalog_search(&c, query, NULL, NULL, -2, 0, 0, rows, scores, 5, &total), 0);
            CHECK_EQ(total, 0);
        }
    query[0] = 1;
    CHECK_EQ(kin_catalog_search(&c, query, NULL, NULL, NAN, 0, 0, rows, scores, 5, &total), 0);
    CHECK_EQ(kin_catalog_search(&c, query, NULL, NULL, -2, 0, 0, rows, scores, -1, &total), 0);
    CHECK_EQ(total, 5);
    free((void *)c.vectors), free((void *)c.scale), free((void *)c.row_item);
}

void test_search_quantises(void)
{
    static const float wrong[] = {NAN, INFINITY, -INFINITY, 0, 1e-44f};
    float *v = calloc(4097, sizeof *v), scale = 5;
    int8_t *row = malloc(4097);
    kin_error *err = kin_error_new();
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        v[3] = wrong[k];
        CHECK_EQ(kin_quantise_vector(v, 8, row, &scale, err), KIN_BAD_ARGUMENT);
        CHECK_EQ(kin_error_struct_status(err), KIN_BAD_ARGUMENT);
        CHECK(strstr(kin_error_struct_text(err), "A vector"));
    }
    v[3] = 1;
    CHECK_EQ(kin_quantise_vector(v, 0, row, &scale, err), KIN_BAD_ARGUMENT);
    CHECK_EQ(kin_quantise_vector(v, -1, row, &scale, err), KIN_BAD_ARGUMENT);
    CHECK_EQ(kin_quantise_vector(v, 4097, row, &scale, err), KIN_BAD_ARGUMENT);
    CHECK(scale == 5);

    static const float sample[] = {0.5f, -1, 0.25f, 0.0039f, 0.004f, -0.75f, 0, 1e-20f};
    static const int8_t want[] = {64, -127, 32, 0, 1, -95, 0, 0}; /* 63.5 to even, 31.75, 0.495, 0.508, -95.25 */
    CHECK_EQ(kin_quantise_vector(sample, 8, row, &scale, err), KIN_OK);
    CHECK(!memcmp(row, want, 8));
    CHECK(scale == (float)(1 / sqrt(64 * 64 + 127 * 127 + 32 * 32 + 1 + 95 * 95)));
    for (int i = 0; i < 4096; i++) /* neither size nor sign of the largest matters */
        v[i] = i % 2 ? -3e38f : 3e38f;
    CHECK_EQ(kin_quantise_vector(v, 4096, row, &scale, err), KIN_OK);
    CHECK(row[0] == 127 && row[1] == -127);
    free(err), free(row), free(v);
}
