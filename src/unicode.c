/* unicode: binary searches over the generated tables, and NFC by the standard's algorithm. */
#include "unicode.h"
#include "unicode_tables.h"
#include <string.h>

enum {
    HANGUL_S = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    HANGUL_NV = 21,
    HANGUL_NT = 28,
    HANGUL_NS = 11172,
    HANGUL_NL = 19,
    FIRST_BITS = 18,
    FIRST_MASK = (1 << FIRST_BITS) - 1
}; /* of the entries of `decomposed` */

static uint32_t run_value(const struct unicode_run *runs, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > runs[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= runs[low].first ? runs[low].value : 0;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum unicode_class unicode_clip_class(uint32_t c) { return run_value(class_runs, COUNT(class_runs), c) >> 2; }
enum unicode_class unicode_byte_class(uint32_t c) { return run_value(class_runs, COUNT(class_runs), c) & 3; }
static uint32_t combining(uint32_t c) { return c < 0x300 ? 0 : run_value(combining_runs, COUNT(combining_runs), c); }

int unicode_lower(uint32_t c, uint32_t out[2])
{
    size_t low = 0, high = COUNT(lower_runs);
    if (c == 0x130) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > lower_runs[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    const struct unicode_lower_run *r = &lower_runs[low < COUNT(lower_runs) ? low : 0];
    bool upper = c >= r->first && c <= r->last && (c - r->first) % r->step == 0;
    out[0] = upper ? c + (uint32_t)r->difference : c;
    return 1;
}

/* Hangul by rule, the rest one step after the other. */
static size_t decompose(uint32_t c, uint32_t *out)
{
    if (c >= HANGUL_S && c < HANGUL_S + HANGUL_NS) {
        uint32_t s = c - HANGUL_S, t = s % HANGUL_NT;
        out[0] = HANGUL_L + s / (HANGUL_NV * HANGUL_NT);
        out[1] = HANGUL_V + s % (HANGUL_NV * HANGUL_NT) / HANGUL_NT;
        out[2] = HANGUL_T + t;
        return t ? 3 : 2;
    }
    size_t low = 0, high = c < 0xC0 ? 0 : COUNT(decomposed_spans); /* spans before `low` begin at or below c */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c >= decomposed_spans[middle].first)
            low = middle + 1;
        else
            high = middle;
    }
    const struct unicode_span *span = low ? &decomposed_spans[low - 1] : NULL;
    if (!span || c - span->first >= span->n) {
        out[0] = c;
        return 1;
    }
    uint32_t pair = decomposed[span->at + (c - span->first)];
    size_t n = decompose(pair & FIRST_MASK, out);
    if (pair >> FIRST_BITS)
        out[n++] = seconds[pair >> FIRST_BITS];
    return n;
}

/* The code point whose decomposition is entry `at`. */
static uint32_t code_point_of(size_t at)
{
    size_t low = 0, high = COUNT(decomposed_spans);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (at >= decomposed_spans[middle].at)
            low = middle + 1;
        else
            high = middle;
    }
    return decomposed_spans[low - 1].first + (uint32_t)(at - decomposed_spans[low - 1].at);
}

/* The code point that a, b compose to, or 0. */
static uint32_t compose(uint32_t a, uint32_t b)
{
    if (a >= HANGUL_L && a < HANGUL_L + HANGUL_NL && b >= HANGUL_V && b < HANGUL_V + HANGUL_NV)
        return HANGUL_S + ((a - HANGUL_L) * HANGUL_NV + (b - HANGUL_V)) * HANGUL_NT;
    if (a >= HANGUL_S && a < HANGUL_S + HANGUL_NS && (a - HANGUL_S) % HANGUL_NT == 0 && b > HANGUL_T &&
        b < HANGUL_T + HANGUL_NT)
        return a + (b - HANGUL_T);
    size_t low = 0, high = COUNT(composed_order); /* the first entry that begins with a */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((decomposed[composed_order[middle]] & FIRST_MASK) < a)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < COUNT(composed_order); low++) {
        uint32_t pair = decomposed[composed_order[low]];
        if ((pair & FIRST_MASK) != a)
            break;
        if (seconds[pair >> FIRST_BITS] == b)
            return code_point_of(composed_order[low]);
    }
    return 0;
}

/* Marks in out[from..to) by combining class, stable: a counting sort, since a hostile text may be a
 * million marks long. */
static void sort_marks(uint32_t *out, size_t from, size_t to, uint32_t *spare)
{
    size_t start[256] = {0}, at = 0;
    for (size_t i = from; i < to; i++)
        start[combining(out[i])]++;
    for (int v = 0; v < 256; v++) {
        size_t count = start[v];
        start[v] = at;
        at += count;
    }
    for (size_t i = from; i < to; i++)
        spare[start[combining(out[i])]++] = out[i];
    memcpy(out + from, spare, (to - from) * sizeof *out);
}

size_t unicode_nfc(const uint32_t *c, size_t n, uint32_t *out)
{
    size_t m = 0, longest = 0;
    for (size_t i = 0; i < n; i++)
        longest = c[i] > longest ? c[i] : longest;
    if (longest < 0x300) { /* nothing below composes or reorders */
        memcpy(out, c, n * sizeof *out);
        return n;
    }
    for (size_t i = 0; i < n; i++)
        m += decompose(c[i], out + m);
    for (size_t i = 0; i < m;) {
        size_t from = i;
        while (i < m && combining(out[i]))
            i++;
        bool sorted = true;
        for (size_t k = from + 1; k < i && sorted; k++)
            sorted = combining(out[k - 1]) <= combining(out[k]);
        if (!sorted) /* few: insertion; many: counting through the free end of the buffer */
            for (size_t k = from + 1; k < i && i - from <= 32; k++)
                for (size_t j = k; j > from && combining(out[j - 1]) > combining(out[j]); j--) {
                    uint32_t swap = out[j];
                    out[j] = out[j - 1];
                    out[j - 1] = swap;
                }
        if (!sorted && i - from > 32)
            sort_marks(out, from, i, out + m);
        i = i > from ? i : i + 1;
    }
    size_t kept = 0, starter = SIZE_MAX;
    uint32_t before = 0; /* class of the last code point kept after the starter */
    for (size_t i = 0; i < m; i++) {
        uint32_t class = combining(out[i]), joined = 0;
        bool next_to = starter != SIZE_MAX && kept == starter + 1;
        if (starter != SIZE_MAX && (next_to || (before < class && before)))
            joined = compose(out[starter], out[i]);
        if (joined) {
            out[starter] = joined;
            continue;
        }
        if (class == 0)
            starter = kept;
        before = class;
        out[kept++] = out[i];
    }
    return kept;
}

uint32_t unicode_next(const uint8_t *s, size_t n, size_t *used)
{
    uint32_t c = s[0];
    size_t length = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    *used = 1;
    if (length == 1)
        return c;
    if (length == 0 || length > n)
        return 0xFFFD;
    c &= 0x7F >> length;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0xFFFD;
        c = c << 6 | (s[i] & 63);
    }
    if ((length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c > 0x10FFFF)))
        return 0xFFFD;
    *used = length;
    return c >= 0xD800 && c < 0xE000 ? 0xFFFD : c;
}

int unicode_put(uint32_t c, uint8_t out[4])
{
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 63));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}
