/* tokenize: vocabulary and merges as two hash tables, then the stages of the header one by one. */
#include "tokenize.h"
#include "unicode.h"
#include <stdlib.h>
#include <string.h>

enum { VOCAB_MAX = 1 << 20, TEXT_MAX = 8 << 20, SPECIALS_MAX = 16 };

struct token {
    uint32_t at, n; /* bytes in `text`; n = 0: no token has this id */
};

struct merge {
    int32_t left, right, merged;
};


struct tokenizer {
    char *text; /* all tokens' bytes, one after the other */
    struct token *tokens; /* by id */
    int n_tokens;         /* largest id + 1 */
    int32_t *by_text;     /* hash table of ids, -1 empty, size a power of two */
    uint32_t text_mask;
    struct merge *merges; /* by rank */
    int n_merges;
    int32_t *by_pair; /* hash table of ranks */
    uint32_t pair_mask;
    int32_t unit[256], unit_end[256]; /* byte -> id of its unit, without and with "</w>" */
    int32_t start, end, unknown, pad; /* ids */
    int32_t specials[SPECIALS_MAX];   /* cut from the raw text */
    int n_specials;
};

/* ---- tables -------------------------------------------------------------------------------- */

static uint32_t hash_bytes(const char *p, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static uint32_t hash_pair(int32_t a, int32_t b)
{
    uint64_t h = ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 0x9E3779B97F4A7C15ull;
    return (uint32_t)(h >> 32);
}

static int32_t find_token(const tokenizer *t, const char *p, size_t n)
{
    for (uint32_t i = hash_bytes(p, n);; i++) {
        int32_t id = t->by_text[i & t->text_mask];
        if (id < 0 || (t->tokens[id].n == n && !memcmp(t->text + t->tokens[id].at, p, n)))
            return id;
    }
}

static int32_t find_merge(const tokenizer *t, int32_t a, int32_t b)
{
    for (uint32_t i = hash_pair(a, b);; i++) {
        int32_t rank = t->by_pair[i & t->pair_mask];
        if (rank < 0 || (t->merges[rank].left == a && t->merges[rank].right == b))
            return rank;
    }
}

static uint32_t table_size(size_t n)
{
    uint32_t size = 16;
    while (size < 2 * n)
        size *= 2;
    return size;
}

static int32_t *empty_table(uint32_t size)
{
    int32_t *table = malloc((size_t)size * sizeof *table);
    if (table)
        memset(table, 0xFF, (size_t)size * sizeof *table);
    return table;
}

static kin_status short_of_memory(kin_error *err)
{
    return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for the vocabulary.");
}

static kin_status read_vocab(tokenizer *t, json vocab, kin_error *err)
{
    size_t n = json_length(vocab), bytes = (size_t)(vocab.end - vocab.at), at = 0;
    uint64_t top = 0, id;
    if (vocab.type != JSON_OBJECT || n < 2 || n > VOCAB_MAX)
        return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary is not a JSON object of tokens and ids.");
    for (json it = json_first(vocab); it.type; it = json_next(vocab, it)) {
        if (!json_u64(it, &id) || id >= 2 * VOCAB_MAX)
            return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary has an id that is not a whole number in range.");
        top = id > top ? id : top;
    }
    uint32_t size = table_size(n);
    t->n_tokens = (int)top + 1;
    t->text = malloc(bytes);
    t->tokens = calloc((size_t)t->n_tokens, sizeof *t->tokens);
    t->by_text = empty_table(size);
    t->text_mask = size - 1;
    if (!t->text || !t->tokens || !t->by_text)
        return short_of_memory(err);
    for (json it = json_first(vocab); it.type; it = json_next(vocab, it)) {
        size_t length = json_string(json_key(vocab, it), t->text + at, bytes - at);
        json_u64(it, &id);
        if (length == 0 || t->tokens[id].n)
            return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary has an empty token, or gives id %llu twice.",
                            (unsigned long long)id);
        t->tokens[id] = (struct token){(uint32_t)at, (uint32_t)length};
        uint32_t i = hash_bytes(t->text + at, length);
        for (; t->by_text[i & t->text_mask] >= 0; i++) {
            const struct token *other = &t->tokens[t->by_text[i & t->text_mask]];
            if (other->n == length && !memcmp(t->text + other->at, t->text + at, length))
                return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary has a token twice.");
        }
        t->by_text[i & t->text_mask] = (int32_t)id;
        at += length;
    }
    return KIN_OK;
}

static kin_status add_merge(tokenizer *t, const char *left, size_t left_n, const char *right, size_t right_n,
                            kin_error *err)
{
    char joined[512];
    int32_t a = find_token(t, left, left_n), b = find_token(t, right, right_n), c = -1;
    if (left_n + right_n <= sizeof joined) {
        memcpy(joined, left, left_n);
        memcpy(joined + left_n, right, right_n);
        c = find_token(t, joined, left_n + right_n);
    }
    if (a < 0 || b < 0 || c < 0)
        return kin_fail(err, KIN_NOT_A_MODEL, "Merge %d names a token that the vocabulary does not have.",
                        t->n_merges + 1);
    t->merges[t->n_merges] = (struct merge){a, b, c};
    uint32_t i = hash_pair(a, b);
    for (; t->by_pair[i & t->pair_mask] >= 0; i++) {
        struct merge *m = &t->merges[t->by_pair[i & t->pair_mask]];
        if (m->left == a && m->right == b) /* given again: the last rank counts, as in the reference */
            break;
    }
    t->by_pair[i & t->pair_mask] = t->n_merges++;
    return KIN_OK;
}

static bool room_for_merges(tokenizer *t, size_t n)
{
    uint32_t size = table_size(n);
    t->merges = malloc((n ? n : 1) * sizeof *t->merges);
    t->by_pair = empty_table(size);
    t->pair_mask = size - 1;
    return t->merges && t->by_pair;
}

static kin_status add_merge_line(tokenizer *t, const char *line, size_t n, kin_error *err)
{
    const char *space = memchr(line, ' ', n);
    size_t left = space ? (size_t)(space - line) : 0;
    if (left == 0 || left + 1 >= n || memchr(space + 1, ' ', n - left - 1))
        return kin_fail(err, KIN_NOT_A_MODEL, "Merge %d is not two tokens with a space between them.", t->n_merges + 1);
    return add_merge(t, line, left, space + 1, n - left - 1, err);
}

static kin_status read_merges_txt(tokenizer *t, const char *text, size_t n, kin_error *err)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    if (lines > VOCAB_MAX)
        return kin_fail(err, KIN_NOT_A_MODEL, "merges.txt has too many lines.");
    if (!room_for_merges(t, lines))
        return short_of_memory(err);
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t next = end ? (size_t)(end - text) + 1 : n, length = next - at - (end ? 1 : 0);
        if (length && text[at + length - 1] == '\r')
            length--;
        bool comment = at == 0 && length >= 8 && !memcmp(text, "#version", 8);
        if (length && !comment)
            TRY(add_merge_line(t, text + at, length, err));
        at = next;
    }
    return KIN_OK;
}

static kin_status read_merges_json(tokenizer *t, json merges, kin_error *err)
{
    size_t n = json_length(merges);
    if (merges.type != JSON_ARRAY || n > VOCAB_MAX)
        return kin_fail(err, KIN_NOT_A_MODEL, "tokenizer.json: model.merges is not a list.");
    if (!room_for_merges(t, n))
        return short_of_memory(err);
    for (json it = json_first(merges); it.type; it = json_next(merges, it)) {
        char left[512], right[512];
        json second = json_next(it, json_first(it));
        size_t left_n = json_string(it.type == JSON_ARRAY ? json_first(it) : it, left, sizeof left);
        if (left_n > sizeof left)
            return kin_fail(err, KIN_NOT_A_MODEL, "tokenizer.json: merge %d is not a pair of tokens.", t->n_merges + 1);
        if (it.type == JSON_STRING) {
            TRY(add_merge_line(t, left, left_n, err));
            continue;
        }
        size_t right_n = json_string(second, right, sizeof right);
        if (json_length(it) != 2 || right_n > sizeof right)
            return kin_fail(err, KIN_NOT_A_MODEL, "tokenizer.json: merge %d is not a pair of tokens.", t->n_merges + 1);
        TRY(add_merge(t, left, left_n, right, right_n, err));
    }
    return KIN_OK;
}

/* ---- special tokens ------------------------------------------------------------------------ */

static kin_status add_special(tokenizer *t, int32_t id, kin_error *err)
{
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i] == id)
            return KIN_OK;
    if (t->n_specials == SPECIALS_MAX)
        return kin_fail(err, KIN_UNSUPPORTED, "The vocabulary has more than %d special tokens.", SPECIALS_MAX);
    t->specials[t->n_specials++] = id;
    return KIN_OK;
}

/* A special token by role: the files may give a string or {"content": …}. */
static kin_status read_special(tokenizer *t, const char *role, const json *files, const char *otherwise,
                               int32_t *id, kin_error *err)
{
    char text[128];
    size_t n = strlen(otherwise);
    memcpy(text, otherwise, n);
    for (int i = 0; i < 2; i++) { /* tokenizer_config.json counts before special_tokens_map.json */
        json value = json_get(files[i], role);
        if (value.type == JSON_OBJECT)
            value = json_get(value, "content");
        if (value.type != JSON_STRING)
            continue;
        n = json_string(value, text, sizeof text);
        if (n == 0 || n > sizeof text)
            return kin_fail(err, KIN_NOT_A_MODEL, "The special token %s is empty or too long.", role);
        break;
    }
    *id = find_token(t, text, n);
    if (*id < 0)
        return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary does not have its own %s.", role);
    return add_special(t, *id, err);
}

static kin_status read_added(tokenizer *t, json added, kin_error *err)
{
    for (json it = json_first(added); it.type; it = json_next(added, it)) {
        char text[128];
        size_t n = json_string(json_get(it, "content"), text, sizeof text);
        int32_t id = n <= sizeof text ? find_token(t, text, n) : -1;
        if (id < 0)
            return kin_fail(err, KIN_UNSUPPORTED, "tokenizer.json adds a token that its vocabulary does not have.");
        TRY(add_special(t, id, err));
    }
    return KIN_OK;
}

/* GPT-2's byte units: printable Latin-1 stands for itself, the rest for U+0100 and on. */
static void find_units(tokenizer *t)
{
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; b++) {
        bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        char text[8];
        size_t n = (size_t)unicode_put(itself ? b : next++, (uint8_t *)text);
        t->unit[b] = find_token(t, text, n);
        memcpy(text + n, "</w>", 4);
        t->unit_end[b] = find_token(t, text, n + 4);
    }
}

static kin_status open_all(tokenizer *t, const char *vocab_json, size_t vocab_n, const char *merges_txt,
                           size_t merges_n, const char *tokenizer_json, size_t tokenizer_n,
                           const json files[2], kin_error *err)
{
    static const char end_text[] = "<|endoftext|>";
    if (vocab_json && merges_txt) {
        json vocab;
        TRY(json_open(vocab_json, vocab_n, "vocab.json", &vocab, err));
        TRY(read_vocab(t, vocab, err));
        TRY(read_merges_txt(t, merges_txt, merges_n, err));
    } else if (tokenizer_json) {
        json whole, model;
        TRY(json_open(tokenizer_json, tokenizer_n, "tokenizer.json", &whole, err));
        model = json_get(whole, "model");
        TRY(read_vocab(t, json_get(model, "vocab"), err));
        TRY(read_merges_json(t, json_get(model, "merges"), err));
        TRY(read_added(t, json_get(whole, "added_tokens"), err));
    } else {
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "The model has neither vocab.json with merges.txt nor tokenizer.json.");
    }
    TRY(read_special(t, "bos_token", files, "<|startoftext|>", &t->start, err));
    TRY(read_special(t, "eos_token", files, end_text, &t->end, err));
    TRY(read_special(t, "unk_token", files, end_text, &t->unknown, err));
    TRY(read_special(t, "pad_token", files, end_text, &t->pad, err));
    find_units(t);
    return KIN_OK;
}

kin_status tokenizer_open(const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          tokenizer **out, kin_error *err)
{
    json files[2] = {{JSON_ABSENT, NULL, NULL}, {JSON_ABSENT, NULL, NULL}};
    if (tokenizer_config)
        TRY(json_open(tokenizer_config, tokenizer_config_n, "tokenizer_config.json", &files[0], err));
    if (special_tokens_map)
        TRY(json_open(special_tokens_map, special_n, "special_tokens_map.json", &files[1], err));
    tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return short_of_memory(err);
    kin_status status =
        open_all(t, vocab_json, vocab_n, merges_txt, merges_n, tokenizer_json, tokenizer_n, files, err);
    if (status != KIN_OK) {
        tokenizer_close(t);
        return status;
    }
    *out = t;
    return KIN_OK;
}

void tokenizer_close(tokenizer *t)
{
    if (!t)
        return;
    free(t->text), free(t->tokens), free(t->by_text), free(t->merges), free(t->by_pair), free(t);
}

int tokenizer_vocab_size(const tokenizer *t) { return t->n_tokens; }

/* ---- encoding ------------------------------------------------------------------------------ */

struct candidate {
    int32_t rank, at; /* the pair that begins at symbol `at` */
    int32_t left, right;
};

/* One encoding: where ids go, and scratch for the longest run of text. */
struct encoding {
    const tokenizer *t;
    int32_t *ids;
    int n, cap;
    uint32_t *raw, *text; /* code points before and after normalisation */
    uint8_t *bytes;       /* UTF-8 of a piece */
    int32_t *symbol, *next, *previous;
    struct candidate *heap;
    size_t heap_n;
};

static bool full(const struct encoding *e) { return e->n == e->cap; }

static void emit(struct encoding *e, int32_t id)
{
    if (!full(e))
        e->ids[e->n++] = id;
}

static bool before(struct candidate a, struct candidate b)
{
    return a.rank < b.rank || (a.rank == b.rank && a.at < b.at);
}

static void push(struct encoding *e, struct candidate c)
{
    size_t i = e->heap_n++;
    for (; i > 0 && before(c, e->heap[(i - 1) / 2]); i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = c;
}

static struct candidate pop(struct encoding *e)
{
    struct candidate top = e->heap[0], last = e->heap[--e->heap_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= e->heap_n)
            break;
        if (child + 1 < e->heap_n && before(e->heap[child + 1], e->heap[child]))
            child++;
        if (!before(e->heap[child], last))
            break;
        e->heap[i] = e->heap[child];
        i = child;
    }
    e->heap[i] = last;
    return top;
}

static void consider(struct encoding *e, int32_t at)
{
    int32_t right = at < 0 ? -1 : e->next[at];
    if (right < 0)
        return;
    int32_t rank = find_merge(e->t, e->symbol[at], e->symbol[right]);
    if (rank >= 0)
        push(e, (struct candidate){rank, at, e->symbol[at], e->symbol[right]});
}

/* Merges the n byte units in e->symbol: always the pair of least rank, the leftmost of equals. Each
 * merge adds at most two candidates, so the heap holds at most 3n. A candidate whose symbols have
 * changed since is passed over. */
static void merge_units(struct encoding *e, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        e->next[i] = i + 1 < n ? i + 1 : -1;
        e->previous[i] = i - 1;
    }
    e->heap_n = 0;
    for (int32_t i = 0; i < n; i++)
        consider(e, i);
    while (e->heap_n) {
        struct candidate c = pop(e);
        int32_t right = e->symbol[c.at] == c.left ? e->next[c.at] : -1;
        if (right < 0 || e->symbol[right] != c.right)
            continue;
        e->symbol[c.at] = e->t->merges[c.rank].merged;
        e->symbol[right] = -2; /* gone: equals no symbol of a candidate */
        e->next[c.at] = e->next[right];
        if (e->next[right] >= 0)
            e->previous[e->next[right]] = c.at;
        consider(e, e->previous[c.at]);
        consider(e, c.at);
    }
    for (int32_t i = 0; i >= 0 && !full(e); i = e->next[i])
        emit(e, e->symbol[i]);
}

/* A piece that the byte-level split left whole. */
static void encode_word(struct encoding *e, const uint32_t *c, size_t n)
{
    int32_t m = 0;
    for (size_t i = 0; i < n; i++)
        m += unicode_put(c[i], e->bytes + m);
    for (int32_t i = 0; i < m; i++) {
        int32_t id = i == m - 1 ? e->t->unit_end[e->bytes[i]] : e->t->unit[e->bytes[i]];
        e->symbol[i] = id < 0 ? e->t->unknown : id;
    }
    merge_units(e, m);
}

/* Length of a contraction at c[0..n): 's 't 're 've 'm 'll 'd; 0 if none. */
static size_t contraction(const uint32_t *c, size_t n)
{
    if (n < 2 || c[0] != '\'')
        return 0;
    if (c[1] == 's' || c[1] == 't' || c[1] == 'm' || c[1] == 'd')
        return 2;
    bool two = n > 2 && ((c[1] == 'r' && c[2] == 'e') || (c[1] == 'v' && c[2] == 'e') || (c[1] == 'l' && c[2] == 'l'));
    return two ? 3 : 0;
}

static size_t run(const uint32_t *c, size_t n, enum unicode_class (*class_of)(uint32_t))
{
    size_t i = 1;
    while (i < n && class_of(c[i]) == class_of(c[0]))
        i++;
    return i;
}

/* The byte-level split of one of CLIP's pieces, which have no spaces in them:
 * contractions | letters+ | numbers+ | others+ (white space of its own kind falls under runs too). */
static void encode_piece(struct encoding *e, const uint32_t *c, size_t n)
{
    while (n && !full(e)) {
        size_t length = contraction(c, n);
        if (!length)
            length = run(c, n, unicode_byte_class);
        encode_word(e, c, length);
        c += length, n -= length;
    }
}

static size_t literal(const uint32_t *c, size_t n, const char *text)
{
    size_t length = strlen(text);
    if (n < length)
        return 0;
    for (size_t i = 0; i < length; i++)
        if (c[i] != (uint8_t)text[i])
            return 0;
    return length;
}

/* CLIP's split: the two special tokens' spellings (lower case by now), contractions, a run of letters,
 * one number, a run of the rest; spaces fall away. */
static void encode_normal(struct encoding *e, const uint32_t *c, size_t n)
{
    while (n && !full(e)) {
        enum unicode_class class = unicode_clip_class(c[0]);
        size_t length = literal(c, n, "<|startoftext|>");
        if (!length)
            length = literal(c, n, "<|endoftext|>");
        if (!length)
            length = contraction(c, n);
        if (!length)
            length = class == UNICODE_NUMBER || class == UNICODE_SPACE ? 1 : run(c, n, unicode_clip_class);
        if (class != UNICODE_SPACE)
            encode_piece(e, c, length);
        c += length, n -= length;
    }
}

/* Text between special tokens: code points, NFC, spaces, lower case, split. */
static void encode_text(struct encoding *e, const uint8_t *s, size_t n)
{
    size_t m = 0, kept = 0;
    for (size_t at = 0, used; at < n; at += used)
        e->raw[m++] = unicode_next(s + at, n - at, &used);
    m = unicode_nfc(e->raw, m, e->text);
    /* NFC never lengthens by more than its room, and lower case only by U+0130, whose second part is
     * taken from what the read position has freed or from the room behind (4 n). */
    uint32_t *out = e->raw;
    for (size_t i = 0; i < m; i++) {
        if (unicode_clip_class(e->text[i]) == UNICODE_SPACE) {
            if (kept == 0 || out[kept - 1] != ' ')
                out[kept++] = ' ';
            continue;
        }
        kept += (size_t)unicode_lower(e->text[i], out + kept);
    }
    encode_normal(e, out, kept);
}

/* The special token that the raw text has at s, the longest if several, or -1. */
static int32_t special_at(const tokenizer *t, const uint8_t *s, size_t n)
{
    int32_t best = -1;
    for (int i = 0; i < t->n_specials; i++) {
        struct token token = t->tokens[t->specials[i]];
        if (token.n <= n && !memcmp(s, t->text + token.at, token.n) && (best < 0 || token.n > t->tokens[best].n))
            best = t->specials[i];
    }
    return best;
}

static void encode_raw(struct encoding *e, const uint8_t *s, size_t n)
{
    size_t from = 0, at = 0;
    while (at < n && !full(e)) {
        int32_t id = special_at(e->t, s + at, n - at);
        if (id < 0) {
            at++;
            continue;
        }
        encode_text(e, s + from, at - from);
        emit(e, id);
        at += e->t->tokens[id].n;
        from = at;
    }
    if (!full(e))
        encode_text(e, s + from, n - from);
}

kin_status tokenizer_encode(const tokenizer *t, const char *utf8, size_t n, int context, int32_t *ids,
                            int *count, kin_error *err)
{
    if (context < 2)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A context has room for the start and the end token at least.");
    if (n > TEXT_MAX)
        return kin_fail(err, KIN_TOO_LARGE, "The text is longer than 8 MB.");
    struct encoding e = {.t = t, .ids = ids + 1, .cap = context - 2};
    size_t points = 4 * n + 8, bytes = 12 * n + 32; /* U+FFFD for a stray byte takes three */
    e.raw = malloc(points * sizeof *e.raw);
    e.text = malloc(points * sizeof *e.text);
    e.bytes = malloc(bytes);
    size_t units = 4 * n + 32;
    e.symbol = malloc(units * sizeof *e.symbol);
    e.next = malloc(units * sizeof *e.next);
    e.previous = malloc(units * sizeof *e.previous);
    e.heap = malloc(3 * units * sizeof *e.heap);
    bool fine = e.raw && e.text && e.bytes && e.symbol && e.next && e.previous && e.heap;
    if (fine) {
        encode_raw(&e, (const uint8_t *)utf8, n);
        ids[0] = t->start;
        ids[e.n + 1] = t->end;
        *count = e.n + 2;
    }
    free(e.raw), free(e.text), free(e.bytes), free(e.symbol), free(e.next), free(e.previous), free(e.heap);
    return fine ? KIN_OK : kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a text of %llu bytes.",
                                    (unsigned long long)n);
}

/* ---- identity ------------------------------------------------------------------------------ */

struct sorted {
    const char *text;
    uint32_t n;
    int32_t id;
};

/* RFC 8785 sorts by UTF-16 units: as UTF-8 bytes, but that U+E000 … U+FFFF come after all pairs. */
static int by_utf16(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    uint32_t n = x->n < y->n ? x->n : y->n;
    for (uint32_t i = 0; i < n; i++) {
        int p = (uint8_t)x->text[i], q = (uint8_t)y->text[i];
        if (p != q) {
            p += p == 0xEE || p == 0xEF ? 0x100 : 0;
            q += q == 0xEE || q == 0xEF ? 0x100 : 0;
            return p - q;
        }
    }
    return x->n < y->n ? -1 : x->n > y->n;
}

static void put_token(struct json_out *o, const tokenizer *t, int32_t id)
{
    json_out_string(o, t->text + t->tokens[id].at, t->tokens[id].n);
}

size_t tokenizer_canonical_json(const tokenizer *t, int context, char *out, size_t cap)
{
    struct json_out o;
    struct sorted *order = malloc((size_t)t->n_tokens * sizeof *order);
    size_t n = 0;
    if (!order)
        return 0;
    json_out_init(&o);
    json_out_raw(&o, "{\"context\":");
    json_out_u64(&o, (uint64_t)context);
    json_out_raw(&o, ",\"merges\":[");
    for (int i = 0; i < t->n_merges; i++) {
        json_out_raw(&o, i ? ",[" : "[");
        put_token(&o, t, t->merges[i].left);
        json_out_raw(&o, ",");
        put_token(&o, t, t->merges[i].right);
        json_out_raw(&o, "]");
    }
    static const char *const roles[] = {"],\"special_tokens\":{\"bos_token\":", ",\"eos_token\":", ",\"pad_token\":",
                                        ",\"unk_token\":"};
    const int32_t ids[] = {t->start, t->end, t->pad, t->unknown};
    for (int i = 0; i < 4; i++) {
        json_out_raw(&o, roles[i]);
        put_token(&o, t, ids[i]);
    }
    json_out_raw(&o, "},\"vocab\":{");
    for (int32_t id = 0; id < t->n_tokens; id++)
        if (t->tokens[id].n)
            order[n++] = (struct sorted){t->text + t->tokens[id].at, t->tokens[id].n, id};
    qsort(order, n, sizeof *order, by_utf16);
    for (size_t i = 0; i < n; i++) {
        json_out_raw(&o, i ? "," : "");
        json_out_string(&o, order[i].text, order[i].n);
        json_out_raw(&o, ":");
        json_out_u64(&o, (uint64_t)order[i].id);
    }
    json_out_raw(&o, "}}");
    size_t length = o.failed ? 0 : o.n;
    if (length)
        memcpy(out ? out : o.text, o.text, length < cap ? length : cap);
    json_out_free(&o);
    free(order);
    return length;
}
