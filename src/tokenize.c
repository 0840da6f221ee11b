/* tokenize: the stages of the header one by one. */
#include "tokenize.h"
#include "unicode.h"
#include <stdlib.h>
#include <string.h>

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
 * the rank each (ranks are below 2^20), since a heap of a million is slow. */
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
    int32_t rank = right < 0 ? -1 : vocabulary_merge(e->t, e->symbol[at], e->symbol[right]);
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
            encode_between(e, e->text, text_normalise(c + from, length, e->text), true);
        if (s)
            emit(e, s->id);
        from = at = s ? at + s->n : n;
    }
}

kin_status tokenizer_encode(const tokenizer *t, const char *utf8, size_t n, int context, int32_t *ids, int *count,
                            kin_error *err)
{
    if (context < 2)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A context has room for the start and the end token at least.");
    if (n > TEXT_MAX_BYTES)
        return kin_fail(err, KIN_TOO_LARGE, "The text is longer than 8 MB.");
    struct encoding e = {.t = t, .ids = ids + 1, .cap = context - 2};
    e.raw = malloc((n + 1) * sizeof *e.raw);
    e.text = malloc((4 * n + 8) * sizeof *e.text);
    e.failed = !e.raw || !e.text;
    if (!e.failed)
        encode_between(&e, e.raw, text_points(utf8, n, e.raw), false);
    free(e.raw), free(e.text), free_piece(&e);
    if (e.failed)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for a text of %llu bytes.", (unsigned long long)n);
    ids[0] = t->start;
    ids[e.n + 1] = t->end;
    *count = e.n + 2;
    return KIN_OK;
}
