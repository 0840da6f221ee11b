/* vocabulary: vocab.json, merges.txt, tokenizer.json and the special tokens as two hash tables, and back as
 * canonical JSON, by which a model is known. */
#include "vocabulary.h"
#include "unicode.h"
#include <stdlib.h>
#include <string.h>

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

int32_t vocabulary_find(const tokenizer *t, const char *p, size_t n)
{
    for (uint32_t i = hash_bytes(p, n);; i++) {
        int32_t id = t->by_text[i & t->text_mask];
        if (id < 0 || (t->tokens[id].n == n && !memcmp(t->text + t->tokens[id].at, p, n)))
            return id;
    }
}

int32_t vocabulary_merge(const tokenizer *t, int32_t a, int32_t b)
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
    int32_t a = vocabulary_find(t, left, left_n), b = vocabulary_find(t, right, right_n), c = -1;
    if (left_n + right_n <= sizeof joined) {
        memcpy(joined, left, left_n);
        memcpy(joined + left_n, right, right_n);
        c = vocabulary_find(t, joined, left_n + right_n);
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
        kin_status status = length && !comment ? add_merge_line(t, text + at, length, err) : KIN_OK;
        const char *other = status == KIN_NOT_A_MODEL && !t->n_merges ? other_file(text, n) : NULL;
        if (other)
            return kin_fail(err, status, "merges.txt %s", other);
        TRY(status);
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

size_t text_normalise(const uint32_t *c, size_t n, uint32_t *out)
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

size_t text_points(const char *s, size_t n, uint32_t *out)
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
        *s = (struct special){.id = vocabulary_find(t, given->text, given->n), .listed = listed};
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

/* ---- added tokens: those that the files list with an id each ---------------------------------- */

/* The files that special tokens stand in; JSON_ABSENT where there is none. */
struct special_files {
    json config, map, added, whole; /* tokenizer_config, special_tokens_map, added_tokens, tokenizer.json */
};

struct added {
    uint64_t id;
    json value; /* a token, or the number that added_tokens.json gives to the text `key` */
    json key;
};

/* Puts a token into its place by id; one that comes later with the same id takes it. */
static kin_status keep_added(struct added *list, int *n, struct added one, kin_error *err)
{
    int at = *n;
    while (at > 0 && list[at - 1].id > one.id)
        at--;
    if (at > 0 && list[at - 1].id == one.id) {
        list[at - 1] = one;
        return KIN_OK;
    }
    if (*n == SPECIALS_MAX)
        return kin_fail(err, KIN_UNSUPPORTED, "The vocabulary has more than %d added tokens.", SPECIALS_MAX);
    memmove(list + at + 1, list + at, (size_t)(*n - at) * sizeof *list);
    list[at] = one;
    ++*n;
    return KIN_OK;
}

/* A key such as "49406". */
static bool digits_u64(json key, uint64_t *out)
{
    char text[10];
    size_t n = json_string(key, text, sizeof text);
    *out = 0;
    for (size_t i = 0; i < n && n < sizeof text; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return n > 0 && n < sizeof text;
}

/* Of an object by id (tokenizer_config.json), an object by text (added_tokens.json) or a list (tokenizer.json). */
static kin_status list_added(json from, bool by_text, struct added *list, int *n, kin_error *err)
{
    for (json it = json_first(from); it.type; it = json_next(from, it)) {
        struct added one = {UINT64_MAX, it, {JSON_ABSENT, NULL, NULL}};
        bool fine;
        if (from.type == JSON_OBJECT)
            one.key = json_key(from, it);
        if (from.type == JSON_OBJECT && !by_text)
            fine = digits_u64(one.key, &one.id);
        else
            fine = json_u64(by_text ? it : json_get(it, "id"), &one.id);
        if (!fine)
            return kin_fail(err, KIN_NOT_A_MODEL, "An added token's id is not a whole number.");
        TRY(keep_added(list, n, one, err));
    }
    return KIN_OK;
}

/* special_tokens_map.json counts before tokenizer_config.json, but not where that lists added tokens. */
static json special_value(const struct special_files *files, const char *role, bool *in_map)
{
    json value = json_get(files->map, role);
    *in_map = value.type > JSON_NULL && json_get(files->config, "added_tokens_decoder").type != JSON_OBJECT;
    return *in_map ? value : json_get(files->config, role);
}

static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
enum { ROLES = sizeof roles / sizeof *roles };

static json extra_tokens(const struct special_files *files, bool *in_map)
{
    json extra = special_value(files, "extra_special_tokens", in_map);
    return json_length(extra) ? extra : special_value(files, "additional_special_tokens", in_map);
}

static bool is_token(json value, const struct spelling *given)
{
    char text[SPECIAL_BYTES];
    size_t n = json_string(value.type == JSON_OBJECT ? json_get(value, "content") : value, text, sizeof text);
    return n == given->n && !memcmp(text, given->text, n);
}

/* added_tokens.json only has texts and ids: those that the files also name as special are. */
static void flag_added(const struct special_files *files, struct spelling *given)
{
    bool in_map, special = false;
    for (int i = 0; i < ROLES; i++)
        special = special || is_token(special_value(files, roles[i], &in_map), given);
    json extra = extra_tokens(files, &in_map);
    for (json it = json_first(extra); it.type; it = json_next(extra, it))
        special = special || is_token(it, given);
    given->normalized = !special;
    given->kind = 1 + 2 * special + given->normalized;
}

/* By id, as the reference adds them. */
static kin_status read_added(tokenizer *t, const struct special_files *files, kin_error *err)
{
    struct added list[SPECIALS_MAX];
    int n = 0;
    json decoder = json_get(files->config, "added_tokens_decoder");
    if (decoder.type == JSON_OBJECT) {
        TRY(list_added(decoder, false, list, &n, err));
    } else {
        TRY(list_added(files->added, true, list, &n, err));
        TRY(list_added(json_get(files->whole, "added_tokens"), false, list, &n, err));
    }
    for (int i = 0; i < n; i++) {
        bool by_text = list[i].value.type == JSON_NUMBER;
        struct spelling given;
        int32_t id;
        TRY(read_spelling(by_text ? list[i].key : list[i].value, false, "among the added tokens", &given, err));
        if (by_text)
            flag_added(files, &given);
        TRY(add_special(t, &given, true, &id, err));
        if (id >= t->n_vocab && list[i].id != (uint64_t)id && vocabulary_find(t, given.text, given.n) < 0)
            return kin_fail(err, KIN_UNSUPPORTED, "An added token leaves a gap: it would have to have id %d.", (int)id);
    }
    return KIN_OK;
}

/* ---- tokens by role --------------------------------------------------------------------------- */

/* A special token by role; `otherwise` if no file gives one, NULL: then there is none. A role that is
 * `needed` has to be in the vocabulary. */
static kin_status read_role(tokenizer *t, const char *role, const struct special_files *files, const char *otherwise,
                            bool needed, int32_t *id, kin_error *err)
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
    if (needed && vocabulary_find(t, given.text, given.n) < 0)
        return kin_fail(err, KIN_NOT_A_MODEL, "The vocabulary does not have its own %s.", role);
    return add_special(t, &given, false, id, err);
}

/* What the reference would make more of: its tokens of other names, and cutting no special token at all. */
static kin_status refuse_others(json file, kin_error *err)
{
    for (json it = json_first(file); it.type && file.type == JSON_OBJECT; it = json_next(file, it)) {
        static const char end[] = "_token";
        char name[64];
        json key = json_key(file, it);
        size_t n = json_string(key, name, sizeof name);
        bool known = (it.type != JSON_STRING && it.type != JSON_OBJECT) || n > sizeof name || n < sizeof end - 1 ||
                     memcmp(name + n - (sizeof end - 1), end, sizeof end - 1) != 0;
        for (int i = 0; i < ROLES; i++)
            known = known || json_equals(key, roles[i]);
        if (!known)
            return kin_fail(err, KIN_UNSUPPORTED, "The model has a %.*s, which CLIP's tokenizer does not know.", (int)n,
                            name);
    }
    if (json_get(file, "split_special_tokens").type == JSON_TRUE)
        return kin_fail(err, KIN_UNSUPPORTED, "tokenizer_config.json: split_special_tokens is not supported.");
    return KIN_OK;
}

static kin_status read_specials(tokenizer *t, const struct special_files *files, kin_error *err)
{
    static const char end_text[] = "<|endoftext|>";
    int32_t unused;
    bool in_map;
    TRY(refuse_others(files->config, err));
    TRY(refuse_others(files->map, err));
    TRY(read_added(t, files, err));
    TRY(read_role(t, "bos_token", files, "<|startoftext|>", true, &t->start, err));
    TRY(read_role(t, "eos_token", files, end_text, true, &t->end, err));
    TRY(read_role(t, "unk_token", files, end_text, true, &t->unknown, err));
    TRY(read_role(t, "sep_token", files, NULL, false, &unused, err));
    TRY(read_role(t, "pad_token", files, end_text, false, &t->pad, err));
    TRY(read_role(t, "cls_token", files, NULL, false, &unused, err));
    TRY(read_role(t, "mask_token", files, NULL, false, &unused, err));
    json extra = extra_tokens(files, &in_map);
    for (json it = json_first(extra); it.type; it = json_next(extra, it)) {
        struct spelling given;
        TRY(read_spelling(it, in_map, "among the additional ones", &given, err));
        TRY(add_special(t, &given, false, &unused, err));
    }
    for (int i = 0; i < t->n_specials; i++) {
        struct special *s = &t->specials[i];
        uint32_t raw[SPECIAL_BYTES], out[4 * SPECIAL_BYTES + 8];
        size_t n = text_points(s->text, s->text_n, raw);
        if (s->normalized)
            n = text_normalise(raw, n, out);
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
        t->unit[b] = vocabulary_find(t, text, n);
        memcpy(text + n, "</w>", 4);
        t->unit_end[b] = vocabulary_find(t, text, n + 4);
    }
}

/* That every token can come of a text: it is a unit, a special token, or what a merge makes. Else merges are missing, and
 * words fall apart otherwise than in training. */
static kin_status check_made(const tokenizer *t, const char *file, kin_error *err)
{
    uint8_t *made = calloc((size_t)t->n_tokens, 1);
    int missing = 0, first = 0, ends = 0;
    if (!made)
        return short_of_memory(err);
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i].id < t->n_tokens)
            made[t->specials[i].id] = 1;
    for (int b = 0; b < 256; b++) {
        ends += t->unit_end[b] >= 0;
        for (int end = 0; end < 2; end++)
            if ((end ? t->unit_end : t->unit)[b] >= 0)
                made[(end ? t->unit_end : t->unit)[b]] = 1;
    }
    for (int i = 0; i < t->n_merges; i++)
        made[t->merges[i].merged] = 1;
    for (int id = t->n_tokens; id-- > 0;)
        if (t->tokens[id].n && !made[id])
            missing++, first = id;
    free(made);
    if (!ends)
        return kin_fail(err, KIN_UNSUPPORTED,
                        "The vocabulary has no token that ends a word, such as a</w>: it is not of CLIP's kind.");
    if (missing)
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "%s has no merge for %d of the vocabulary's %d tokens, such as %.*s: it was cut short or is "
                        "another model's; fetch it again.",
                        file, missing, t->n_vocab, (int)t->tokens[first].n, t->text + t->tokens[first].at);
    return KIN_OK;
}

static kin_status open_all(tokenizer *t, const char *vocab_json, size_t vocab_n, const char *merges_txt,
                           size_t merges_n, const struct special_files *files, kin_error *err)
{
    if (files->whole.type) {
        json model = json_get(files->whole, "model"), type = json_get(model, "type");
        if (type.type > JSON_NULL && !json_equals(type, "BPE"))
            return kin_fail(err, KIN_UNSUPPORTED, "tokenizer.json: model.type must be BPE, which CLIP's is.");
        TRY(read_vocab(t, json_get(model, "vocab"), err));
        TRY(read_merges_json(t, json_get(model, "merges"), err));
    } else if (vocab_json && merges_txt) {
        json vocab;
        TRY(json_open(vocab_json, vocab_n, "vocab.json", &vocab, err));
        TRY(read_vocab(t, vocab, err));
        TRY(read_merges_txt(t, merges_txt, merges_n, err));
    } else {
        return kin_fail(err, KIN_NOT_A_MODEL, "The model has neither vocab.json with merges.txt nor tokenizer.json.");
    }
    TRY(read_specials(t, files, err));
    const char *file = files->whole.type ? "tokenizer.json" : "merges.txt";
    if (!t->n_merges) /* no CLIP model is without: the file is empty, or cut after its first line */
        return kin_fail(err, KIN_NOT_A_MODEL,
                        "%s has no merges, so every word would fall apart into its letters: fetch it again.", file);
    find_units(t);
    return check_made(t, file, err);
}

/* JSON_ABSENT where there is no such file. */
static kin_status open_object(const char *text, size_t n, const char *name, json *out, kin_error *err)
{
    if (!text)
        return KIN_OK;
    TRY(json_open(text, n, name, out, err));
    return out->type == JSON_OBJECT ? KIN_OK : kin_fail(err, KIN_NOT_A_MODEL, "%s is not a JSON object.", name);
}

kin_status tokenizer_open(const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          const char *added_tokens, size_t added_n, tokenizer **out, kin_error *err)
{
    struct special_files files = {0};
    TRY(open_object(tokenizer_json, tokenizer_n, "tokenizer.json", &files.whole, err));
    TRY(open_object(tokenizer_config, tokenizer_config_n, "tokenizer_config.json", &files.config, err));
    TRY(open_object(special_tokens_map, special_n, "special_tokens_map.json", &files.map, err));
    TRY(open_object(added_tokens, added_n, "added_tokens.json", &files.added, err));
    tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return short_of_memory(err);
    kin_status status = open_all(t, vocab_json, vocab_n, merges_txt, merges_n, &files, err);
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
