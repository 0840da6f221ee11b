/* tokenize: vocabulary and merges as two hash tables, then the stages of the header one by one. */
#include "tokenize.h"
#include "unicode.h"
#include <stdlib.h>
#include <string.h>

enum { VOCAB_MAX = 1 << 20, TEXT_MAX = 8 << 20, SPECIALS_MAX = 16, SPECIAL_BYTES = 128 };

struct token {
    uint32_t at, n; /* bytes in `text`; n = 0: no token has this id */
};

struct merge {
    int32_t left, right, merged;
};

/* A token cut out of the text before it is split: from the raw text, or, where its file says
 * "normalized", from the normalised one. */
struct special {
    int32_t id;
    bool normalized, listed; /* listed: by the files' list of added tokens, which no role overrules */
    uint8_t spellings;       /* bit per way in which the files gave it */
    uint32_t text_n, n;
    char text[SPECIAL_BYTES];
    uint32_t point[2 * SPECIAL_BYTES]; /* [n] what to look for, code points */
};

struct tokenizer {
    char *text; /* all tokens' bytes, one after the other */
    struct token *tokens; /* by id */
    int n_tokens;         /* largest id + 1 */
    int n_vocab;          /* entries of the vocabulary */
    int32_t *by_text;     /* hash table of ids, -1 empty, size a power of two */
    uint32_t text_mask;
    struct merge *merges; /* by rank */
    int n_merges;
    int32_t *by_pair; /* hash table of ranks */
    uint32_t pair_mask;
    int32_t unit[256], unit_end[256]; /* byte -> id of its unit, without and with "</w>" */
    int32_t start, end, unknown, pad; /* ids */
    struct special specials[SPECIALS_MAX]; /* by id */
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
    t->n_vocab = (int)n;
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

/* ---- normalisation ------------------------------------------------------------------------- */

/* NFC, each run of white space one space, lower case: c[0..n) into out, which has room for 4 n + 8.
 * Returns the length. */
static size_t normalise(const uint32_t *c, size_t n, uint32_t *out)
{
    size_t m = unicode_nfc(c, n, out), doubled = 0, kept = 0;
    for (size_t i = 0; i < m; i++)
        doubled += out[i] == 0x130; /* the one that lower case makes two of */
    memmove(out + doubled, out, m * sizeof *out);
    for (size_t i = doubled; i < doubled + m; i++) {
        if (unicode_clip_class(out[i]) != UNICODE_SPACE)
            kept += (size_t)unicode_lower(out[i], out + kept);
        else if (kept == 0 || out[kept - 1] != ' ')
            out[kept++] = ' ';
    }
    return kept;
}

static size_t code_points(const char *s, size_t n, uint32_t *out)
{
    size_t m = 0;
    for (size_t at = 0, used; at < n; at += used)
        out[m++] = unicode_next((const uint8_t *)s + at, n - at, &used);
    return m;
}

/* ---- special tokens ------------------------------------------------------------------------ */

/* How a file gives a special token: as a string, or as an object with its text and flags. */
struct spelling {
    char text[SPECIAL_BYTES];
    size_t n;
    bool normalized;
    int kind; /* 0 string, 1 … 4 object by its flags */
};

static struct special *find_special(tokenizer *t, const char *text, size_t n)
{
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i].text_n == n && !memcmp(t->specials[i].text, text, n))
            return &t->specials[i];
    return NULL;
}

/* Objects of special_tokens_map.json are special without saying so; what is not special is looked for
 * in the normalised text unless it says otherwise. */
static kin_status read_spelling(json value, bool special, const char *what, struct spelling *out, kin_error *err)
{
    bool object = value.type == JSON_OBJECT;
    special = special || json_get(value, "special").type == JSON_TRUE;
    json normalized = json_get(value, "normalized");
    out->normalized = object && (normalized.type == JSON_TRUE || (normalized.type != JSON_FALSE && !special));
    out->kind = object ? 1 + 2 * special + out->normalized : 0;
    out->n = json_string(object ? json_get(value, "content") : value, out->text, sizeof out->text);
    if (out->n == 0 || out->n > sizeof out->text)
        return kin_fail(err, KIN_NOT_A_MODEL, "The special token %s is no text, or empty or too long.", what);
    if (json_get(value, "single_word").type == JSON_TRUE)
        return kin_fail(err, KIN_UNSUPPORTED, "The special token %s is asked for as a single word only.", what);
    return KIN_OK;
}

/* The reference adds tokens one after the other: a later spelling of the same text overrules an earlier
 * one, unless that very spelling was there before. What the vocabulary lacks gets the next id. */
static kin_status add_special(tokenizer *t, const struct spelling *given, bool listed, int32_t *id, kin_error *err)
{
    struct special *s = find_special(t, given->text, given->n);
    if (!s) {
        int32_t next = t->n_vocab;
        if (t->n_specials == SPECIALS_MAX)
            return kin_fail(err, KIN_UNSUPPORTED, "The vocabulary has more than %d special tokens.", SPECIALS_MAX);
        for (int i = 0; i < t->n_specials; i++)
            next = t->specials[i].id >= next ? t->specials[i].id + 1 : next;
        s = &t->specials[t->n_specials++];
        *s = (struct special){.id = find_token(t, given->text, given->n), .listed = listed};
        s->text_n = (uint32_t)given->n;
        memcpy(s->text, given->text, given->n);
        if (s->id < 0)
            s->id = next;
    }
    *id = s->id;
    if ((s->listed && !listed) || s->spellings & 1 << given->kind)
        return KIN_OK;
    s->spellings |= (uint8_t)(1 << given->kind);
    s->normalized = given->normalized;
    return KIN_OK;
}

/* tokenizer.json's list, or tokenizer_config.json's object of them by id. */
static kin_status read_added(tokenizer *t, json added, kin_error *err)
{
    for (json it = json_first(added); it.type; it = json_next(added, it)) {
        struct spelling given;
        char key[16];
        int32_t id;
        uint64_t wanted = UINT64_MAX;
        TRY(read_spelling(it, false, "among the added tokens", &given, err));
        TRY(add_special(t, &given, true, &id, err));
        if (added.type == JSON_OBJECT) {
            size_t n = json_string(json_key(added, it), key, sizeof key);
            wanted = 0;
            for (size_t i = 0; i < n && n <= 9; i++)
                wanted = wanted * 10 + (uint64_t)(uint8_t)(key[i] - '0');
        } else {
            json_u64(json_get(it, "id"), &wanted);
        }
        if (id >= t->n_vocab && wanted != (uint64_t)id && find_token(t, given.text, given.n) < 0)
            return kin_fail(err, KIN_UNSUPPORTED, "An added token leaves a gap: it would have to have id %d.", (int)id);
    }
    return KIN_OK;
}

/* special_tokens_map.json counts before tokenizer_config.json, but not where that lists added tokens. */
static json special_value(const json files[2], const char *role, bool *in_map)
{
    json value = json_get(files[1], role);
    *in_map = value.type > JSON_NULL && json_get(files[0], "added_tokens_decoder").type != JSON_OBJECT;
    return *in_map ? value : json_get(files[0], role);
}

/* A special token by role; `otherwise` if no file gives one, NULL: then there is none. A role that is
 * `needed` has to be in the vocabulary. */
static kin_status read_role(tokenizer *t, const char *role, const json files[2], const char *otherwise, bool needed,
                            int32_t *id, kin_error *err)
{
    struct spelling given = {.kind = 0};
    bool in_map;
    json value = special_value(files, role, &in_map);
    if (value.type > JSON_NULL) {
        TRY(read_spelling(value, in_map, role, &given, err));
    } else if (otherwise) {
        given.n = strlen(otherwise);
        memcpy(given.text, otherwise, given.n);
    } else {
        return KIN_OK;
    }
    if (needed && find_token(t, given.text, given.n) < 0)
        return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary does not have its own %s.", role);
    return add_special(t, &given, false, id, err);
}

static kin_status read_specials(tokenizer *t, json tokenizer_json, const json files[2], kin_error *err)
{
    static const char end_text[] = "<|endoftext|>";
    json listed = json_get(files[0], "added_tokens_decoder");
    int32_t unused;
    bool in_map;
    TRY(read_added(t, listed.type == JSON_OBJECT ? listed : json_get(tokenizer_json, "added_tokens"), err));
    TRY(read_role(t, "bos_token", files, "<|startoftext|>", true, &t->start, err));
    TRY(read_role(t, "eos_token", files, end_text, true, &t->end, err));
    TRY(read_role(t, "unk_token", files, end_text, true, &t->unknown, err));
    TRY(read_role(t, "sep_token", files, NULL, false, &unused, err));
    TRY(read_role(t, "pad_token", files, end_text, false, &t->pad, err));
    TRY(read_role(t, "cls_token", files, NULL, false, &unused, err));
    TRY(read_role(t, "mask_token", files, NULL, false, &unused, err));
    json extra = special_value(files, "extra_special_tokens", &in_map);
    if (json_length(extra) == 0)
        extra = special_value(files, "additional_special_tokens", &in_map);
    for (json it = json_first(extra); it.type; it = json_next(extra, it)) {
        struct spelling given;
        TRY(read_spelling(it, in_map, "among the additional ones", &given, err));
        TRY(add_special(t, &given, false, &unused, err));
    }
    for (int i = 0; i < t->n_specials; i++) {
        struct special *s = &t->specials[i];
        uint32_t raw[SPECIAL_BYTES], out[4 * SPECIAL_BYTES + 8];
        size_t n = code_points(s->text, s->text_n, raw);
        if (s->normalized)
            n = normalise(raw, n, out);
        memcpy(s->point, s->normalized ? out : raw, n * sizeof *raw);
        s->n = (uint32_t)n;
        struct special moved = *s; /* into place: a few, by id */
        int k = i;
        for (; k > 0 && t->specials[k - 1].id > moved.id; k--)
            t->specials[k] = t->specials[k - 1];
        t->specials[k] = moved;
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
    json whole = {JSON_ABSENT, NULL, NULL};
    if (vocab_json && merges_txt) {
        json vocab;
        TRY(json_open(vocab_json, vocab_n, "vocab.json", &vocab, err));
        TRY(read_vocab(t, vocab, err));
        TRY(read_merges_txt(t, merges_txt, merges_n, err));
    } else if (tokenizer_json) {
        json model;
        TRY(json_open(tokenizer_json, tokenizer_n, "tokenizer.json", &whole, err));
        model = json_get(whole, "model");
        TRY(read_vocab(t, json_get(model, "vocab"), err));
        TRY(read_merges_json(t, json_get(model, "merges"), err));
    } else {
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "The model has neither vocab.json with merges.txt nor tokenizer.json.");
    }
    TRY(read_specials(t, whole, files, err));
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

/* ---- encoding ------------------------------------------------------------------------------ */

/* One encoding: where ids go, and scratch. */
struct encoding {
    const tokenizer *t;
    int32_t *ids;
    int n, cap;
    bool failed;          /* memory ran short */
    uint32_t *raw, *text; /* code points before and after normalisation */
    /* One piece: its units as a linked list, and candidate pairs as rank << 32 | left symbol: those of
     * the units in order, those that merges bring in a binary heap. Grown to the largest piece met. */
    size_t room;
    int32_t *symbol, *next, *previous;
    uint64_t *sorted, *heap;
    size_t heap_n;
};

static bool full(const struct encoding *e) { return e->n == e->cap || e->failed; }

static void emit(struct encoding *e, int32_t id)
{
    if (!full(e))
        e->ids[e->n++] = id;
}

static void free_piece(struct encoding *e)
{
    free(e->symbol), free(e->next), free(e->previous), free(e->sorted), free(e->heap);
}

/* A piece of n units merges less than n times, and each merge adds at most two candidates. */
static bool room_for_piece(struct encoding *e, size_t n)
{
    if (n <= e->room)
        return true;
    free_piece(e);
    e->room = n < 256 ? 256 : n;
    e->symbol = malloc(e->room * sizeof *e->symbol);
    e->next = malloc(e->room * sizeof *e->next);
    e->previous = malloc(e->room * sizeof *e->previous);
    e->sorted = malloc(e->room * sizeof *e->sorted);
    e->heap = malloc(2 * e->room * sizeof *e->heap);
    e->failed = !e->symbol || !e->next || !e->previous || !e->sorted || !e->heap;
    return !e->failed;
}

static void push(struct encoding *e, uint64_t candidate)
{
    size_t i = e->heap_n++;
    for (; i > 0 && candidate < e->heap[(i - 1) / 2]; i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = candidate;
}

static uint64_t pop(struct encoding *e)
{
    uint64_t top = e->heap[0], last = e->heap[--e->heap_n];
    size_t i = 0, child;
    for (; (child = 2 * i + 1) < e->heap_n; i = child) {
        child += child + 1 < e->heap_n && e->heap[child + 1] < e->heap[child];
        if (last <= e->heap[child])
            break;
        e->heap[i] = e->heap[child];
    }
    e->heap[i] = last;
    return top;
}

/* Sorts n candidates that come by symbol: words by insertion, more in two stable passes over 10 bits of
 * the rank each (ranks are below VOCAB_MAX = 2^20), since a heap of a million is slow. */
static void sort_candidates(uint64_t *c, uint64_t *spare, size_t n)
{
    if (n < 64) {
        for (size_t i = 1; i < n; i++) {
            uint64_t moved = c[i];
            size_t k = i;
            for (; k > 0 && c[k - 1] > moved; k--)
                c[k] = c[k - 1];
            c[k] = moved;
        }
        return;
    }
    for (int shift = 32; shift < 52; shift += 10) {
        uint32_t start[1024] = {0}, at = 0;
        for (size_t i = 0; i < n; i++)
            start[c[i] >> shift & 1023]++;
        for (int v = 0; v < 1024; v++) {
            uint32_t count = start[v];
            start[v] = at;
            at += count;
        }
        for (size_t i = 0; i < n; i++)
            spare[start[c[i] >> shift & 1023]++] = c[i];
        uint64_t *swap = c;
        c = spare;
        spare = swap;
    }
}

/* The candidate that begins at symbol `at`, UINT64_MAX if none. */
static uint64_t candidate_at(const struct encoding *e, int32_t at)
{
    int32_t right = at < 0 ? -1 : e->next[at];
    int32_t rank = right < 0 ? -1 : find_merge(e->t, e->symbol[at], e->symbol[right]);
    return rank < 0 ? UINT64_MAX : (uint64_t)rank << 32 | (uint32_t)at;
}

/* Merges the n byte units in e->symbol: always the pair of least rank, the leftmost of equals. A
 * candidate whose symbols have changed since is passed over. */
static void merge_units(struct encoding *e, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        e->next[i] = i + 1 < n ? i + 1 : -1;
        e->previous[i] = i - 1;
    }
    size_t sorted_n = 0, taken = 0;
    for (int32_t i = 0; i < n; i++) {
        e->sorted[sorted_n] = candidate_at(e, i);
        sorted_n += e->sorted[sorted_n] != UINT64_MAX;
    }
    sort_candidates(e->sorted, e->heap, sorted_n);
    e->heap_n = 0;
    while (e->heap_n || taken < sorted_n) {
        bool old = taken < sorted_n && (e->heap_n == 0 || e->sorted[taken] < e->heap[0]);
        uint64_t top = old ? e->sorted[taken++] : pop(e);
        int32_t at = (int32_t)(uint32_t)top;
        const struct merge *m = &e->t->merges[top >> 32];
        int32_t right = e->symbol[at] == m->left ? e->next[at] : -1;
        if (right < 0 || e->symbol[right] != m->right)
            continue;
        e->symbol[at] = m->merged;
        e->symbol[right] = -2; /* gone: equals no symbol of a merge */
        e->next[at] = e->next[right];
        if (e->next[right] >= 0)
            e->previous[e->next[right]] = at;
        uint64_t around[2] = {candidate_at(e, e->previous[at]), candidate_at(e, at)};
        for (int k = 0; k < 2; k++)
            if (around[k] != UINT64_MAX)
                push(e, around[k]);
    }
    for (int32_t i = 0; i >= 0 && !full(e); i = e->next[i])
        emit(e, e->symbol[i]);
}

/* A piece that the byte-level split left whole. */
static void encode_word(struct encoding *e, const uint32_t *c, size_t n)
{
    uint8_t utf8[4];
    size_t m = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        m += (size_t)unicode_put(c[i], utf8);
    if (!room_for_piece(e, m))
        return;
    for (size_t i = 0; i < n; i++) {
        int length = unicode_put(c[i], utf8);
        for (int k = 0; k < length; k++, at++) {
            int32_t id = at == m - 1 ? e->t->unit_end[utf8[k]] : e->t->unit[utf8[k]];
            e->symbol[at] = id < 0 ? e->t->unknown : id;
        }
    }
    merge_units(e, (int32_t)m);
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

/* The special token at c, the longest if several, or NULL. */
static const struct special *special_at(const tokenizer *t, const uint32_t *c, size_t n, bool normalized)
{
    const struct special *best = NULL;
    for (int i = 0; i < t->n_specials; i++) {
        const struct special *s = &t->specials[i];
        if (s->normalized == normalized && s->point[0] == c[0] && s->n <= n && (!best || s->n > best->n) &&
            !memcmp(s->point, c, s->n * sizeof *c))
            best = s;
    }
    return best;
}

/* Cuts the special tokens of one kind out of c[0..n): first the raw text's, then, between those, the
 * normalised text's; what lies between is split. */
static void encode_between(struct encoding *e, const uint32_t *c, size_t n, bool normalized)
{
    for (size_t from = 0, at = 0; from < n && !full(e);) {
        const struct special *s = at < n ? special_at(e->t, c + at, n - at, normalized) : NULL;
        if (!s && at++ < n)
            continue;
        size_t length = (s ? at : n) - from;
        if (normalized)
            encode_normal(e, c + from, length);
        else
            encode_between(e, e->text, normalise(c + from, length, e->text), true);
        if (s)
            emit(e, s->id);
        from = at = s ? at + s->n : n;
    }
}

kin_status tokenizer_encode(const tokenizer *t, const char *utf8, size_t n, int context, int32_t *ids,
                            int *count, kin_error *err)
{
    if (context < 2)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A context has room for the start and the end token at least.");
    if (n > TEXT_MAX)
        return kin_fail(err, KIN_TOO_LARGE, "The text is longer than 8 MB.");
    struct encoding e = {.t = t, .ids = ids + 1, .cap = context - 2};
    e.raw = malloc((n + 1) * sizeof *e.raw);
    e.text = malloc((4 * n + 8) * sizeof *e.text);
    e.failed = !e.raw || !e.text;
    if (!e.failed)
        encode_between(&e, e.raw, code_points(utf8, n, e.raw), false);
    free(e.raw), free(e.text), free_piece(&e);
    if (e.failed)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a text of %llu bytes.", (unsigned long long)n);
    ids[0] = t->start;
    ids[e.n + 1] = t->end;
    *count = e.n + 2;
    return KIN_OK;
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

static void put_special(struct json_out *o, const tokenizer *t, int32_t id)
{
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i].id == id)
            json_out_string(o, t->specials[i].text, t->specials[i].text_n);
}

/* "added":[[token, id], …] of the special tokens without a role, if there are any; by id, which is as good
 * an order as any that does not depend on the form of the files. */
static void put_added(struct json_out *o, const tokenizer *t)
{
    int n = 0;
    for (int i = 0; i < t->n_specials; i++) {
        int32_t id = t->specials[i].id;
        if (id == t->start || id == t->end || id == t->pad || id == t->unknown)
            continue;
        json_out_raw(o, n++ ? ",[" : "\"added\":[[");
        put_special(o, t, id);
        json_out_raw(o, ",");
        json_out_u64(o, (uint64_t)id);
        json_out_raw(o, "]");
    }
    json_out_raw(o, n ? "]," : "");
}

/* "normalized":[token, …] of those that are cut from the normalised text, if there are any. */
static void put_normalized(struct json_out *o, const tokenizer *t)
{
    int n = 0;
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i].normalized) {
            json_out_raw(o, n++ ? "," : ",\"normalized\":[");
            put_special(o, t, t->specials[i].id);
        }
    json_out_raw(o, n ? "]" : "");
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
    json_out_raw(&o, "],\"special_tokens\":{");
    put_added(&o, t);
    json_out_raw(&o, "\"bos_token\":");
    put_special(&o, t, t->start);
    json_out_raw(&o, ",\"eos_token\":");
    put_special(&o, t, t->end);
    put_normalized(&o, t);
    json_out_raw(&o, ",\"pad_token\":");
    put_special(&o, t, t->pad);
    json_out_raw(&o, ",\"unk_token\":");
    put_special(&o, t, t->unknown);
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
