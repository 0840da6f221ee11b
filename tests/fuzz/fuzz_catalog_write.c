/* fuzz_catalog_write: products that the bytes describe, written as a catalogue. What the writer took must open
 * again and hold the same; what it refused must have left no trace. A record of the input:
 *   u8 length of the text | text: metadata, first of all; then for each product
 *   u8 pictures | u8 length of the id | id | u8 length of the item | item | pictures x DIM bytes of vectors */
#include "../../src/kin.h"
#include <stdlib.h>
#include <string.h>

enum { DIM = 3, MOST = 256 };

struct input {
    const uint8_t *at, *end;
};

struct product {
    const char *id, *item;
    const int8_t *rows;
    size_t id_n, item_n;
    uint32_t pictures;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static size_t number(struct input *in) { return in->at < in->end ? *in->at++ : 0; }

static const void *bytes_of(struct input *in, size_t *n)
{
    const uint8_t *at = in->at;
    if (*n > (size_t)(in->end - at))
        *n = (size_t)(in->end - at);
    in->at += *n;
    return at;
}

static void compare(const uint8_t *file, size_t n, const struct product *taken, uint32_t products)
{
    kin_error err;
    size_t items_n, ids_n, bytes;
    kin_catalog *c = kin_catalog_open(file, n, &err);
    must(c != NULL);
    const char *ids = kin_catalog_tensor(c, "ids", &ids_n), *items = kin_catalog_tensor(c, "items", &items_n);
    const uint64_t *id_at = kin_catalog_tensor(c, "id_offsets", &bytes);
    must(bytes == 8 * ((size_t)products + 1));
    const uint64_t *item_at = kin_catalog_tensor(c, "item_offsets", &bytes);
    const int8_t *rows = kin_catalog_tensor(c, "vectors", &bytes);
    for (uint32_t i = 0; i < products; i++) {
        const struct product *p = &taken[i];
        must(id_at[i + 1] - id_at[i] == p->id_n && !memcmp(ids + id_at[i], p->id, p->id_n));
        must(item_at[i + 1] - item_at[i] == p->item_n + 1 && !memcmp(items + item_at[i], p->item, p->item_n));
        must(items[item_at[i] + p->item_n] == '\n' && !memcmp(rows, p->rows, p->pictures * DIM));
        rows += p->pictures * DIM;
    }
    must(id_at[products] == ids_n && item_at[products] == items_n);
    kin_catalog_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct input in = {bytes, bytes + n};
    struct product taken[MOST];
    uint32_t products = 0;
    kin_error err;
    size_t length = number(&in), some;
    const char *metadata = bytes_of(&in, &length);
    kin_writer *w = kin_writer_begin(DIM, metadata, length, &err);
    if (!w) {
        must(err.status == KIN_BAD_ARGUMENT && strlen(err.text) > 0);
        w = kin_writer_begin(DIM, "{}", 2, &err);
    }
    while (in.at < in.end && products < MOST) {
        struct product p = {.pictures = (uint32_t)number(&in)};
        p.id_n = number(&in), p.id = bytes_of(&in, &p.id_n);
        p.item_n = number(&in), p.item = bytes_of(&in, &p.item_n);
        size_t rows_n = p.pictures * DIM;
        p.rows = bytes_of(&in, &rows_n);
        p.pictures = (uint32_t)rows_n / DIM;
        if (kin_writer_add(w, p.id, p.id_n, p.item, p.item_n, p.rows, p.pictures, &err) == KIN_OK)
            taken[products++] = p;
        else
            must(err.status == KIN_BAD_ARGUMENT && strlen(err.text) > 0);
    }
    must(kin_writer_end(w, &err) == KIN_OK);
    size_t whole = kin_writer_bytes(w), at = 0, cap = 1 + n % 5000;
    uint8_t *file = malloc(whole + cap);
    while ((some = kin_writer_take(w, file + at, cap)) > 0)
        at += some;
    must(at == whole);
    kin_writer_close(w);
    compare(file, whole, taken, products);
    free(file);
    return 0;
}
