/* catalog_write: the only writer of catalogue files, and its public functions; catalog.h has the layout.
 *
 * A file holds each tensor whole, while products come one by one: so each part of the file grows by itself,
 * in blocks that never move, and is given out block by block once the last product is there. Nothing is
 * copied to grow, so that a file takes the memory of its bytes and little more.
 *
 * The ids are leaves of a crit-bit tree, whose inner nodes say in which bit the ids below them first
 * differ. It finds a repeated id in no more steps than the id has bits, however ids are chosen, and walked
 * from left to right it gives their order. */
#include "catalog.h"
#include "floats.h"
#include "kin.h"
#include "nulls.h"
#include <stdlib.h>
#include <string.h>

/* A number or a node never lies in two blocks, since its size divides theirs. */
enum { BLOCK = 65536, HEADER_ROOM = 2048 /* more than a header has without its metadata */ };
enum { STEP = 1 << 25 /* products of two numbers that a call of kin_writer_end computes, and a tile more */ };

struct growing { /* bytes in blocks */
    uint8_t **blocks;
    size_t n_blocks, room, bytes;
};

struct node {
    uint64_t bit;
    uint32_t child[2]; /* by that bit: the number of a node, or LEAF and that of a product */
};
#define LEAF 0x80000000u

struct kin_writer {
    uint32_t dim, products, rows;
    uint64_t file_bytes; /* at most; exactly once it is finished */
    struct json_out metadata;
    struct growing file[1 + PART_COUNT]; /* the header, then the parts */
    struct growing nodes;                /* one less than products */
    uint32_t root;
    struct null_choice choice;
    struct nulls nulls;
    uint32_t compared;      /* rows that have their statistics */
    bool comparing;         /* they are wanted */
    bool ordered, finished; /* no product more may be added to an ordered one */
    int giving;             /* which of `file` is being given out … */
    size_t given;           /* … and how many of its bytes have been */
};

#define BAD(err, ...) kin_fail(err, KIN_BAD_ARGUMENT, __VA_ARGS__)

/* ---- bytes in blocks ----------------------------------------------------------------------- */

static void trim(struct growing *g)
{
    while (g->n_blocks * BLOCK >= g->bytes + BLOCK)
        free(g->blocks[--g->n_blocks]);
}

static void clear(struct growing *g)
{
    g->bytes = 0;
    trim(g);
    free(g->blocks);
    *g = (struct growing){0};
}

/* Room for n bytes more, so that putting them cannot fail; false when memory is short. */
static bool reserve(struct growing *g, size_t n)
{
    size_t want = (g->bytes + n + BLOCK - 1) / BLOCK;
    if (want > g->room) {
        size_t room = want > 2 * g->room ? want : 2 * g->room;
        uint8_t **blocks = realloc(g->blocks, room * sizeof *blocks);
        if (!blocks)
            return false;
        g->blocks = blocks;
        g->room = room;
    }
    while (g->n_blocks < want) {
        uint8_t *block = malloc(BLOCK);
        if (!block)
            return false;
        g->blocks[g->n_blocks++] = block;
    }
    return true;
}

static void put(struct growing *g, const void *data, size_t n)
{
    for (size_t done = 0, some; done < n; done += some, g->bytes += some) {
        some = BLOCK - g->bytes % BLOCK;
        some = some < n - done ? some : n - done;
        memcpy(g->blocks[g->bytes / BLOCK] + g->bytes % BLOCK, (const uint8_t *)data + done, some);
    }
}

static void put_u32(struct growing *g, uint32_t value) { put(g, &value, sizeof value); }
static void put_u64(struct growing *g, uint64_t value) { put(g, &value, sizeof value); }

static void *at(const struct growing *g, size_t byte) { return g->blocks[byte / BLOCK] + byte % BLOCK; }
static struct growing *part(kin_writer *w, int i) { return &w->file[1 + i]; }

/* ---- ids ----------------------------------------------------------------------------------- */

static struct node *node_at(const kin_writer *w, uint32_t i) { return at(&w->nodes, i * sizeof(struct node)); }

/* A bit of an id as the tree counts them: for each byte a 1 and then its eight bits, behind the last byte
 * zeros. So an id comes before the longer ones that begin with it. */
static int bit_of(const char *id, size_t n, uint64_t bit)
{
    uint64_t i = bit / 9, k = bit % 9;
    return i < n && (k == 0 || ((uint8_t)id[i] >> (8 - k) & 1));
}

/* The first bit in which the id differs from every other; false if it is one of them. The walk by its own
 * bits ends at a product whose id agrees with it for as long as any does. */
static bool find_difference(kin_writer *w, const char *id, size_t n, uint64_t *bit)
{
    uint32_t to = w->root;
    while (!(to & LEAF)) {
        const struct node *node = node_at(w, to);
        to = node->child[bit_of(id, n, node->bit)];
    }
    uint64_t ends[2];
    for (uint32_t i = 0; i < 2; i++)
        ends[i] = *(const uint64_t *)at(part(w, PART_ID_OFFSETS), ((to & ~LEAF) + i) * sizeof ends[i]);
    size_t other_n = (size_t)(ends[1] - ends[0]), i = 0;
    for (; i < n && i < other_n; i++) {
        uint32_t differ = (uint8_t)id[i] ^ *(const uint8_t *)at(part(w, PART_IDS), (size_t)ends[0] + i);
        if (differ) {
            *bit = 9 * (uint64_t)i + (uint64_t)__builtin_clz(differ) - 23; /* of eight bits the first is 1 */
            return true;
        }
    }
    *bit = 9 * (uint64_t)i;
    return n != other_n;
}

/* Hangs the next product into the tree; there is room for its node. */
static void insert_id(kin_writer *w, const char *id, size_t n, uint64_t bit)
{
    uint32_t leaf = LEAF | w->products, *link = &w->root;
    if (w->products > 0) {
        while (!(*link & LEAF) && node_at(w, *link)->bit < bit) {
            struct node *node = node_at(w, *link);
            link = &node->child[bit_of(id, n, node->bit)];
        }
        int side = bit_of(id, n, bit);
        struct node node = {.bit = bit};
        node.child[side] = leaf;
        node.child[!side] = *link;
        leaf = w->products - 1;
        put(&w->nodes, &node, sizeof node);
    }
    *link = leaf;
}

/* Writes id_order and uses the tree up: on the way down a node keeps, in place of its first child, the node
 * above that still has its second one to come. */
static void write_order(kin_writer *w)
{
    const uint32_t none = UINT32_MAX; /* no node: there is a leaf more */
    uint32_t waiting = none, to = w->root;
    if (w->products == 0)
        return;
    for (;;) {
        while (!(to & LEAF)) {
            struct node *node = node_at(w, to);
            uint32_t first = node->child[0];
            node->child[0] = waiting;
            waiting = to;
            to = first;
        }
        put_u32(part(w, PART_ID_ORDER), to & ~LEAF);
        if (waiting == none)
            return;
        const struct node *node = node_at(w, waiting);
        waiting = node->child[0];
        to = node->child[1];
    }
}

static uint32_t sum_of(const struct crc32 *crc, const struct growing *g)
{
    uint32_t sum = 0;
    for (size_t byte = 0, some; byte < g->bytes; byte += some) {
        some = g->bytes - byte < BLOCK ? g->bytes - byte : BLOCK;
        sum = crc32_update(crc, sum, at(g, byte), some);
    }
    return sum;
}

/* ---- public -------------------------------------------------------------------------------- */

/* The metadata of the file: the writer's own, then the caller's as they are written. */
static kin_status read_metadata(kin_writer *w, const char *text, size_t n, kin_error *err)
{
    static const char *const own[] = {"kin.format", "kin.kind", "kin.numerics", "kin.crc32", "kin.null", "kin.needs"};
    struct json_out *o = &w->metadata;
    json all;
    if (n > TENSOR_HEADER_MAX - HEADER_ROOM)
        return kin_fail(err, KIN_TOO_LARGE, "The catalogue's metadata are larger than 99 MB.");
    if (json_open(text, n, "", &all, err) != KIN_OK || all.type != JSON_OBJECT)
        return BAD(err, "The catalogue's metadata are not a JSON object.");
    kin_status keys = json_check_keys(all);
    if (keys == KIN_BAD_ARGUMENT)
        return BAD(err, "The catalogue's metadata have a key twice.");
    o->failed = keys == KIN_OUT_OF_MEMORY;
    json_out_raw(o, "{\"kin.format\":\"" CATALOG_FORMAT "\",\"kin.kind\":\"catalog\",\"kin.numerics\":\"");
    json_out_u64(o, KIN_NUMERICS);
    json_out_raw(o, "\"");
    for (json it = json_first(all); it.type; it = json_next(all, it)) {
        json key = json_key(all, it);
        if (it.type != JSON_STRING)
            return BAD(err, "The catalogue's metadata have a value that is not a string.");
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (json_equals(key, own[i]))
                return BAD(err, "The catalogue's metadata have %s, which the writer sets itself: leave it out.",
                           own[i]);
        json_out_raw(o, ",");
        json_out_rawn(o, key.at, (size_t)(key.end - key.at));
        json_out_raw(o, ":");
        json_out_rawn(o, it.at, (size_t)(it.end - it.at));
    }
    json_out_raw(o, "}");
    w->file_bytes = o->n + HEADER_ROOM;
    return KIN_OK;
}

static kin_status begin(kin_writer *w, int dim, const char *metadata, size_t n, kin_error *err)
{
    if (dim < 1 || dim > CATALOG_DIM_MAX)
        return BAD(err, "A catalogue's vectors have 1 to %d numbers, not %d.", CATALOG_DIM_MAX, dim);
    w->dim = (uint32_t)dim;
    TRY(read_metadata(w, metadata, n, err));
    if (w->metadata.failed || !reserve(part(w, PART_ITEM_OFFSETS), 8) || !reserve(part(w, PART_ID_OFFSETS), 8))
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to begin a catalogue.");
    put_u64(part(w, PART_ITEM_OFFSETS), 0);
    put_u64(part(w, PART_ID_OFFSETS), 0);
    w->file_bytes += 16;
    return KIN_OK;
}

kin_writer *kin_writer_begin(int dim, const char *metadata, size_t n, kin_error *err)
{
    kin_writer *w = calloc(1, sizeof *w);
    if (!w) {
        kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to begin a catalogue.");
        return NULL;
    }
    if (begin(w, dim, metadata, n, err) != KIN_OK) {
        kin_writer_close(w);
        return NULL;
    }
    return w;
}

void kin_writer_close(kin_writer *w)
{
    if (!w)
        return;
    for (int i = 0; i <= PART_COUNT; i++)
        clear(&w->file[i]);
    clear(&w->nodes);
    nulls_end(&w->nulls);
    json_out_free(&w->metadata);
    free(w);
}

/* How much of an id a sentence shows, in whole letters. */
static int shown(const char *id, size_t n)
{
    size_t most = n < 60 ? n : 60;
    while (most < n && ((uint8_t)id[most] & 0xC0) == 0x80)
        most--;
    return (int)most;
}

static kin_status check_product(const kin_writer *w, const char *id, size_t id_n, const char *item, size_t item_n,
                                const int8_t *rows, uint32_t pictures, kin_error *err)
{
    json value;
    if (w->ordered || w->comparing)
        return BAD(err, "The catalogue is finished and takes no more products: begin another.");
    if (id_n == 0 || !json_utf8(id, id_n))
        return BAD(err, "A product's id is empty or not UTF-8.");
    int n = shown(id, id_n);
    if (pictures < 1 || pictures > CATALOG_PICTURES_MAX)
        return BAD(err, "The product '%.*s' has %u pictures; 1 to %d are possible.", n, id, pictures,
                   CATALOG_PICTURES_MAX);
    if (json_open(item, item_n, "", &value, err) != KIN_OK || value.type != JSON_OBJECT || memchr(item, '\n', item_n))
        return BAD(err, "The item of product '%.*s' is not a JSON object on one line.", n, id);
    for (uint32_t p = 0; p < pictures; p++, rows += w->dim) {
        uint32_t i = 0;
        while (i < w->dim && rows[i] == 0)
            i++;
        if (i == w->dim)
            return BAD(err, "Picture %u of product '%.*s' has a vector of zeros.", p, n, id);
    }
    return KIN_OK;
}

static kin_status short_of_memory(kin_writer *w, kin_error *err)
{
    for (int i = 0; i <= PART_COUNT; i++)
        trim(&w->file[i]);
    trim(&w->nodes);
    return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a catalogue of more than %u pictures.", w->rows);
}

kin_status kin_writer_add(kin_writer *w, const char *id, size_t id_n, const char *item, size_t item_n,
                          const int8_t *rows, uint32_t pictures, kin_error *err)
{
    DEFAULT_FLOATS
    uint64_t bit = 0, more = 0;
    TRY(check_product(w, id, id_n, item, item_n, rows, pictures, err));
    if (w->products > 0 && !find_difference(w, id, id_n, &bit))
        return BAD(err, "There is a product '%.*s' already.", shown(id, id_n), id);
    const size_t grows[PART_COUNT] = {
        [PART_ITEM_OFFSETS] = 8,
        [PART_ID_OFFSETS] = 8,
        [PART_SCALE] = 4 * (size_t)pictures,
        [PART_ROW_ITEM] = 4 * (size_t)pictures,
        [PART_ID_ORDER] = 4, /* put at the end */
        [PART_ROW_PICTURE] = 2 * (size_t)pictures,
        [PART_VECTORS] = w->dim * (size_t)pictures,
        [PART_IDS] = id_n,
        [PART_ITEMS] = item_n + 1,
    };
    for (int i = 0; i < PART_COUNT; i++)
        more += grows[i];
    if (more > CATALOG_MAX_BYTES - w->file_bytes) /* fewer than 2^31 products and pictures follow from it */
        return kin_fail(err, KIN_TOO_LARGE, "A catalogue of more than %u pictures would be larger than 2 GiB.",
                        w->rows);
    bool fits = reserve(&w->nodes, sizeof(struct node));
    for (int i = 0; i < PART_COUNT && fits; i++)
        fits = reserve(part(w, i), grows[i]);
    if (!fits)
        return short_of_memory(w, err);

    insert_id(w, id, id_n, bit);
    put(part(w, PART_IDS), id, id_n);
    put(part(w, PART_ITEMS), item, item_n);
    put(part(w, PART_ITEMS), "\n", 1);
    put_u64(part(w, PART_ID_OFFSETS), part(w, PART_IDS)->bytes);
    put_u64(part(w, PART_ITEM_OFFSETS), part(w, PART_ITEMS)->bytes);
    put(part(w, PART_VECTORS), rows, grows[PART_VECTORS]);
    for (uint32_t p = 0; p < pictures; p++) {
        float scale = (float)row_scale(rows + (size_t)p * w->dim, w->dim);
        uint16_t picture = (uint16_t)p;
        put(part(w, PART_SCALE), &scale, sizeof scale);
        put(part(w, PART_ROW_PICTURE), &picture, sizeof picture);
        put_u32(part(w, PART_ROW_ITEM), w->products);
    }
    null_choose(&w->choice, id, id_n, w->products, w->rows);
    w->file_bytes += more;
    w->rows += pictures;
    w->products++;
    return KIN_OK;
}

/* ---- null statistics ----------------------------------------------------------------------- */

/* The vectors of n rows from `row` on, at most NULL_TILE, into out, and their products. */
static void get_rows(const kin_writer *w, uint32_t row, uint32_t n, int8_t *out, float *scale, uint32_t *product)
{
    for (size_t from = (size_t)row * w->dim, done = 0, all = (size_t)n * w->dim, some; done < all; done += some) {
        some = BLOCK - (from + done) % BLOCK;
        some = some < all - done ? some : all - done;
        memcpy(out + done, at(&w->file[1 + PART_VECTORS], from + done), some);
    }
    for (uint32_t r = 0; r < n; r++) {
        scale[r] = *(const float *)at(&w->file[1 + PART_SCALE], 4 * (size_t)(row + r));
        product[r] = *(const uint32_t *)at(&w->file[1 + PART_ROW_ITEM], 4 * (size_t)(row + r));
    }
}

/* What the statistics are of stands in the metadata. False, and no change, where memory is short. */
static bool name_queries(kin_writer *w, uint32_t rows, uint32_t phrases)
{
    struct json_out *o = &w->metadata;
    size_t n = o->n--; /* the closing brace */
    json_out_raw(o, ",\"kin.null\":\"rows=");
    json_out_u64(o, rows);
    json_out_raw(o, " phrases=");
    json_out_u64(o, phrases);
    json_out_raw(o, " list=1\"}");
    if (!o->failed)
        return true;
    o->failed = false;
    o->n = n;
    o->text[n - 1] = '}';
    return false;
}

kin_status kin_writer_null(kin_writer *w, const float *phrases, int n, kin_error *err)
{
    DEFAULT_FLOATS
    int8_t row[CATALOG_DIM_MAX];
    float query[CATALOG_DIM_MAX], scale;
    uint32_t product;
    if (w->ordered || w->comparing || n < 0 || n > NULL_QUERIES)
        return BAD(err, "Null queries are given once, before the end, and at most %d phrases.", NULL_QUERIES);
    if (w->products < NULL_LEAST)
        return KIN_OK;
    uint64_t more = NULL_STATS * sizeof(float) * (uint64_t)w->rows + 2 * sizeof(float);
    if (more > CATALOG_MAX_BYTES - w->file_bytes)
        return kin_fail(err, KIN_TOO_LARGE,
                        "A catalogue of %u pictures with null statistics would be larger than 2 GiB.", w->rows);
    if (!nulls_begin(&w->nulls, w->dim, w->choice.n, (uint32_t)n))
        return short_of_memory(w, err);
    for (int i = 0; i < n; i++)
        if (!nulls_set(&w->nulls, NULL_TEXT, (uint32_t)i, phrases + (size_t)i * w->dim, 0)) {
            nulls_end(&w->nulls);
            return BAD(err, "The vector of null phrase %d is zero, or not finite.", i);
        }
    if (!name_queries(w, w->choice.n, (uint32_t)n)) {
        nulls_end(&w->nulls);
        return short_of_memory(w, err);
    }
    for (uint32_t i = 0; i < w->choice.n; i++) {
        get_rows(w, w->choice.row[i], 1, row, &scale, &product);
        for (uint32_t k = 0; k < w->dim; k++)
            query[k] = (float)row[k] * scale;
        nulls_set(&w->nulls, NULL_IMAGE, i, query, product);
    }
    w->comparing = true;
    w->file_bytes += more;
    return KIN_OK;
}

/* Statistics of some rows more: KIN_MORE until all have them. */
static kin_status compare(kin_writer *w, kin_error *err)
{
    int8_t rows[NULL_TILE * CATALOG_DIM_MAX];
    float scale[NULL_TILE], stats[NULL_TILE * NULL_STATS], best[2];
    uint32_t product[NULL_TILE];
    uint64_t each = (uint64_t)w->dim * (w->nulls.n[NULL_IMAGE] + w->nulls.n[NULL_TEXT]);
    for (uint64_t done = 0; w->compared < w->rows; done += each * NULL_TILE) {
        uint32_t left = w->rows - w->compared, n = left < NULL_TILE ? left : NULL_TILE;
        if (done >= STEP)
            return KIN_MORE;
        if (!reserve(part(w, PART_NULLS), n * NULL_STATS * sizeof(float)))
            return short_of_memory(w, err);
        get_rows(w, w->compared, n, rows, scale, product);
        nulls_of_rows(&w->nulls, rows, scale, product, n, stats);
        put(part(w, PART_NULLS), stats, n * NULL_STATS * sizeof(float));
        w->compared += n;
    }
    if (!reserve(part(w, PART_NULL_BEST), sizeof best))
        return short_of_memory(w, err);
    nulls_best(&w->nulls, best);
    put(part(w, PART_NULL_BEST), best, sizeof best);
    nulls_end(&w->nulls);
    w->comparing = false;
    return KIN_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* The header, once all parts are whole. */
static bool write_header(kin_writer *w)
{
    tensor list[PART_COUNT];
    uint32_t sums[PART_COUNT], n = 0;
    struct crc32 crc;
    struct json_out header;
    crc32_init(&crc);
    for (int i = 0; i < PART_COUNT; i++) {
        const struct growing *g = part(w, i);
        if (!catalog_needs[i] && !g->bytes)
            continue;
        list[n] = catalog_parts[i];
        uint64_t columns = i == PART_VECTORS ? w->dim : i == PART_NULLS ? NULL_STATS : 1;
        list[n].shape[0] = g->bytes / tensor_dtype_size(list[n].dtype) / columns;
        list[n].shape[1] = columns;
        sums[n++] = sum_of(&crc, g);
    }
    if (!tensor_header_write(list, n, w->metadata.text, w->metadata.n, sums, &header))
        return false;
    bool fits = reserve(&w->file[0], header.n);
    if (fits)
        put(&w->file[0], header.text, header.n);
    json_out_free(&header);
    return fits;
}

kin_status kin_writer_end(kin_writer *w, kin_error *err)
{
    DEFAULT_FLOATS
    if (w->finished)
        return BAD(err, "The catalogue is finished already.");
    if (w->comparing)
        TRY(compare(w, err));
    if (!w->ordered && !reserve(part(w, PART_ID_ORDER), 4 * (size_t)w->products))
        return short_of_memory(w, err);
    if (!w->ordered)
        write_order(w);
    w->ordered = true;
    clear(&w->nodes);
    if (!write_header(w))
        return short_of_memory(w, err);
    w->file_bytes = 0;
    for (int i = 0; i <= PART_COUNT; i++)
        w->file_bytes += w->file[i].bytes;
    w->finished = true;
    return KIN_OK;
}

size_t kin_writer_bytes(const kin_writer *w) { return w->finished ? (size_t)w->file_bytes : 0; }

size_t kin_writer_take(kin_writer *w, uint8_t *out, size_t cap)
{
    size_t n = 0;
    while (w->finished && n < cap && w->giving <= PART_COUNT) {
        struct growing *g = &w->file[w->giving];
        size_t block = w->given / BLOCK, some = BLOCK - w->given % BLOCK;
        if (w->given == g->bytes) {
            clear(g);
            w->giving++;
            w->given = 0;
            continue;
        }
        some = some < g->bytes - w->given ? some : g->bytes - w->given;
        some = some < cap - n ? some : cap - n;
        memcpy(out + n, at(g, w->given), some);
        n += some;
        w->given += some;
        if (w->given / BLOCK > block) {
            free(g->blocks[block]);
            g->blocks[block] = NULL;
        }
    }
    return n;
}
