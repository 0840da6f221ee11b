/* json: one validating pass, then a cursor that trusts it; and a small writer. */
#include "json.h"
#include "decimal.h"
#include <stdlib.h>
#include <string.h>

/* ---- validation ---------------------------------------------------------------------------- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Length of the UTF-8 sequence at p, 0 if it is not one. */
static int utf8_length(const char *s, const char *end)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t left = (size_t)(end - s);
    int n = p[0] < 0x80                   ? 1
            : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
            : (p[0] & 0xF0) == 0xE0       ? 3
            : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                          : 0;
    if (left < (size_t)n)
        return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

bool json_utf8(const char *text, size_t n)
{
    const char *end = text + n;
    while (text < end) {
        int used = utf8_length(text, end);
        if (!used)
            return false;
        text += used;
    }
    return true;
}

/* Each pass_… returns the byte after what it accepted, or NULL. */
static const char *pass_string(const char *p, const char *end)
{
    if (p >= end || *p++ != '"')
        return NULL;
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 32)
            return NULL;
        if (*p == '\\') {
            if (++p >= end || !strchr("\"\\/bfnrtu", *p) || !*p)
                return NULL;
            if (*p == 'u') {
                if (hex4(p + 1, end) < 0)
                    return NULL;
                p += 4;
            }
            p++;
        } else {
            int n = utf8_length(p, end);
            if (!n)
                return NULL;
            p += n;
        }
    }
    return p < end ? p + 1 : NULL;
}

static const char *pass_digits(const char *p, const char *end)
{
    if (p >= end || *p < '0' || *p > '9')
        return NULL;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static const char *pass_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if (!(p = pass_digits(p, end)))
        return NULL;
    if (p < end && *p == '.' && !(p = pass_digits(p + 1, end)))
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = pass_digits(p, end);
    }
    return p;
}

static const char *pass_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && !memcmp(p, word, n) ? p + n : NULL;
}

static const char *pass_value(const char *p, const char *end, int depth)
{
    if (p >= end)
        return NULL;
    switch (*p) {
    case '"': return pass_string(p, end);
    case 't': return pass_word(p, end, "true");
    case 'f': return pass_word(p, end, "false");
    case 'n': return pass_word(p, end, "null");
    case '{':
    case '[': break;
    default: return pass_number(p, end);
    }
    char close = *p == '{' ? '}' : ']';
    if (depth >= JSON_MAX_DEPTH)
        return NULL;
    p = skip_space(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        if (close == '}') {
            if (!(p = pass_string(p, end)))
                return NULL;
            p = skip_space(p, end);
            if (p >= end || *p != ':')
                return NULL;
            p = skip_space(p + 1, end);
        }
        if (!(p = pass_value(p, end, depth + 1)))
            return NULL;
        p = skip_space(p, end);
        if (p >= end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
        p = skip_space(p + 1, end);
    }
}

/* ---- the cursor: from here on the text is known to be valid ---------------------------------- */

/* Finds the end of a valid value without looking into it more than needed. */
static const char *end_of_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static json value_at(const char *p, const char *end)
{
    json v = {JSON_NUMBER, p, p};
    if (*p == '"') {
        v.type = JSON_STRING;
        v.end = end_of_string(p);
    } else if (*p == '{' || *p == '[') {
        int depth = 0;
        v.type = *p == '{' ? JSON_OBJECT : JSON_ARRAY;
        do {
            if (*p == '"') {
                p = end_of_string(p);
                continue;
            }
            depth += *p == '{' || *p == '[' ? 1 : *p == '}' || *p == ']' ? -1 : 0;
            p++;
        } while (depth);
        v.end = p;
    } else {
        v.type = *p == 't' ? JSON_TRUE : *p == 'f' ? JSON_FALSE : *p == 'n' ? JSON_NULL : JSON_NUMBER;
        while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\n' && *p != '\r' && *p != '\t')
            p++;
        v.end = p;
    }
    return v;
}

kin_status json_open(const char *text, size_t n, const char *what, json *out, kin_error *err)
{
    text = n ? text : ""; /* NULL + 0 is undefined in C */
    const char *end = text + n, *p = skip_space(text, end);
    const char *past = n ? pass_value(p, end, 0) : NULL;
    if (!past || skip_space(past, end) != end) {
        const char *other = other_file(p, (size_t)(end - p));
        return kin_fail(err, KIN_NOT_A_MODEL, "%s %s", what, other ? other : "is not valid JSON; fetch it again.");
    }
    *out = value_at(p, end);
    return KIN_OK;
}

/* The item that starts at or after p inside a container that ends at `end` (its bracket included).
 */
static json item_at(json container, const char *p)
{
    p = skip_space(p, container.end);
    if (*p == '}' || *p == ']')
        return (json){JSON_ABSENT, p, p};
    if (container.type == JSON_OBJECT) {
        p = skip_space(end_of_string(p), container.end);
        p = skip_space(p + 1, container.end); /* ':' */
    }
    return value_at(p, container.end);
}

json json_first(json container)
{
    if (container.type != JSON_OBJECT && container.type != JSON_ARRAY)
        return (json){JSON_ABSENT, NULL, NULL};
    return item_at(container, container.at + 1);
}

json json_next(json container, json item)
{
    if (item.type == JSON_ABSENT)
        return item;
    const char *p = skip_space(item.end, container.end);
    return *p == ',' ? item_at(container, p + 1) : (json){JSON_ABSENT, p, p};
}

json json_key(json object, json item)
{
    const char *p = item.at - 1; /* back over ':' and spaces to the key's closing quote … */
    while (*p != '"')
        p--;
    const char *close = p;
    for (;;) { /* … and to the opening one: a quote with an even number of backslashes before it */
        do
            p--;
        while (*p != '"');
        const char *b = p;
        while (b > object.at && b[-1] == '\\')
            b--;
        if ((p - b) % 2 == 0)
            break;
    }
    return (json){JSON_STRING, p, close + 1};
}

size_t json_length(json container)
{
    size_t n = 0;
    for (json it = json_first(container); it.type; it = json_next(container, it))
        n++;
    return n;
}

static size_t put_utf8(uint32_t c, char *out, size_t cap, size_t at)
{
    uint8_t bytes[4];
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (int i = n - 1; i > 0; i--, c >>= 6)
        bytes[i] = (uint8_t)(0x80 | (c & 63));
    bytes[0] = (uint8_t)(lead[n] | c);
    for (int i = 0; i < n; i++)
        if (at + (size_t)i < cap)
            out[at + (size_t)i] = (char)bytes[i];
    return at + (size_t)n;
}

size_t json_string(json value, char *out, size_t cap)
{
    size_t n = 0;
    if (value.type != JSON_STRING)
        return SIZE_MAX;
    const char *end = value.end - 1;
    for (const char *p = value.at + 1; p < end; p++) {
        if (*p != '\\') {
            if (n < cap)
                out[n] = *p;
            n++;
            continue;
        }
        p++;
        if (*p == 'u') {
            uint32_t c = (uint32_t)hex4(p + 1, end);
            p += 4;
            if (c >= 0xD800 && c < 0xDC00 && end - p > 6 && p[1] == '\\' && p[2] == 'u') {
                uint32_t low = (uint32_t)hex4(p + 3, end);
                if (low >= 0xDC00 && low < 0xE000) {
                    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                    p += 6;
                }
            }
            n = put_utf8(c >= 0xD800 && c < 0xE000 ? 0xFFFD : c, out, cap, n);
            continue;
        }
        char c = *p == 'b' ? '\b' : *p == 'f' ? '\f' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p == 't' ? '\t' : *p;
        if (n < cap)
            out[n] = c;
        n++;
    }
    return n;
}

bool json_equals(json value, const char *text)
{
    char small[128];
    size_t want = strlen(text);
    if (value.type != JSON_STRING || want > sizeof small)
        return false;
    return json_string(value, small, sizeof small) == want && !memcmp(small, text, want);
}

json json_get(json object, const char *key)
{
    if (object.type != JSON_OBJECT)
        return (json){JSON_ABSENT, NULL, NULL};
    json found = {JSON_ABSENT, NULL, NULL};
    for (json it = json_first(object); it.type; it = json_next(object, it))
        if (json_equals(json_key(object, it), key))
            found = it;
    return found;
}

bool json_number(json value, double *out)
{
    size_t n = (size_t)(value.end - value.at);
    if (value.type != JSON_NUMBER || n > JSON_MAX_NUMBER)
        return false;
    double x = decimal_read(value.at, n);
    if (!(x - x == 0))
        return false;
    *out = x;
    return true;
}

bool json_u64(json value, uint64_t *out)
{
    double x;
    if (!json_number(value, &x) || !(x >= 0 && x < 9007199254740992.0) || x != (double)(uint64_t)x)
        return false;
    *out = (uint64_t)x;
    return true;
}

/* A key of one of a value's objects; those are numbered in the order they begin. */
struct key {
    uint32_t object, n;
    const char *text; /* unescaped */
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order ? order : x->n < y->n ? -1 : x->n > y->n;
}

/* Lists the keys of all objects in `value`, their unescaped text in `text`, in one pass whatever the nesting, and
 * returns how many there are; NULL: only counts. In valid text a key is a string before a colon. */
static size_t list_keys(json value, struct key *keys, char *text)
{
    uint32_t open[JSON_MAX_DEPTH + 1], begun = 0;
    size_t n = 0, depth = 0;
    for (const char *p = value.at, *end; p < value.end; p = end) {
        end = p + 1;
        if (*p == '{' || *p == '[')
            open[depth++] = begun++;
        else if (*p == '}' || *p == ']')
            depth--;
        if (*p != '"')
            continue;
        end = end_of_string(p);
        const char *after = skip_space(end, value.end);
        if (after == value.end || *after != ':')
            continue;
        if (keys) {
            size_t length = json_string((json){JSON_STRING, p, end}, text, (size_t)(end - p));
            keys[n] = (struct key){open[depth - 1], (uint32_t)length, text};
            text += length;
        }
        n++;
    }
    return n;
}

kin_status json_check_keys(json value)
{
    size_t n = list_keys(value, NULL, NULL);
    if (n == 0)
        return KIN_OK;
    struct key *keys = malloc(n * sizeof *keys);
    char *text = malloc((size_t)(value.end - value.at)); /* unescaped keys are never longer than written ones */
    kin_status status = keys && text ? KIN_OK : KIN_OUT_OF_MEMORY;
    if (status == KIN_OK) {
        list_keys(value, keys, text);
        qsort(keys, n, sizeof *keys, compare_keys);
        for (size_t i = 1; i < n && status == KIN_OK; i++)
            if (compare_keys(&keys[i - 1], &keys[i]) == 0)
                status = KIN_BAD_ARGUMENT;
    }
    free(keys), free(text);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------- */

void json_out_init(struct json_out *o) { *o = (struct json_out){0}; }

void json_out_free(struct json_out *o)
{
    free(o->text);
    *o = (struct json_out){0};
}

void json_out_rawn(struct json_out *o, const char *text, size_t n)
{
    if (o->failed || n == 0) /* there may be no text at all */
        return;
    if (n > o->room - o->n) {
        size_t room = o->room * 2 > o->n + n ? o->room * 2 : o->n + n + 256;
        char *grown = realloc(o->text, room);
        if (!grown) {
            o->failed = true;
            return;
        }
        o->text = grown;
        o->room = room;
    }
    memcpy(o->text + o->n, text, n);
    o->n += n;
}

void json_out_raw(struct json_out *o, const char *text) { json_out_rawn(o, text, strlen(text)); }

void json_out_string(struct json_out *o, const char *utf8, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    json_out_rawn(o, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)utf8[i];
        const char *named = c ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", c) : NULL;
        if (c >= 32 && c != '"' && c != '\\') {
            json_out_rawn(o, utf8 + i, 1);
        } else if (c == '"' || c == '\\' || (named && c < 32)) {
            char letter = c == '"' || c == '\\' ? (char)c : named[1];
            json_out_rawn(o, "\\", 1);
            json_out_rawn(o, &letter, 1);
        } else {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            json_out_rawn(o, escape, sizeof escape);
        }
    }
    json_out_rawn(o, "\"", 1);
}

void json_out_u64(struct json_out *o, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[sizeof digits - ++n] = (char)('0' + value % 10);
    while (value /= 10);
    json_out_rawn(o, digits + sizeof digits - n, n);
}

/* All decimal digits of x > 0, least first: x = digits * 10^exponent exactly, since m * 2^-e is
 * m * 5^e / 10^e. At most 767 digits; returns how many. */
static int exact_digits(double x, uint8_t *digits, int *exponent)
{
    uint64_t bits, m;
    int n = 0;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52);
    m = (bits & ((1ull << 52) - 1)) | (e ? 1ull << 52 : 0);
    e = (e ? e : 1) - 1075;
    for (; e < 0 && m % 2 == 0; e++)
        m /= 2;
    for (; m; m /= 10)
        digits[n++] = (uint8_t)(m % 10);
    int factor = e < 0 ? 5 : 2;
    for (int times = e < 0 ? -e : e; times; times--) {
        int carry = 0;
        for (int i = 0; i < n; i++) {
            carry += digits[i] * factor;
            digits[i] = (uint8_t)(carry % 10);
            carry /= 10;
        }
        if (carry)
            digits[n++] = (uint8_t)carry;
    }
    *exponent = e < 0 ? e : 0;
    return n;
}

/* The fewest digits that read back as x > 0, and of several such the nearest to x. Only the two
 * neighbours of x with so many digits can be: what reads back as x is one interval around it. Both
 * are tried, because below a power of two the interval is half as wide. */
static uint64_t shortest(double x, int *exponent)
{
    uint8_t digits[800];
    int lowest, n = exact_digits(x, digits, &lowest);
    uint64_t below = 0;
    for (int i = n - 1; i >= 0; i--) {
        below = below * 10 + digits[i];
        int half = i == 0 ? -1 : digits[i - 1] < 5 ? -1 : digits[i - 1] > 5 ? 1 : 0;
        for (int k = i - 2; k >= 0 && half == 0; k--)
            half = digits[k] > 0;
        uint64_t up = half > 0 || (half == 0 && below % 2); /* half to even */
        *exponent = lowest + i;
        for (int other = 0; other < 2; other++, up ^= 1)
            if (decimal_double(below + up, *exponent) == x)
                return below + up;
    }
    return 0; /* not reached: 17 digits always suffice */
}

void json_out_number(struct json_out *o, double value)
{
    uint64_t d;
    int exponent, n = 0;
    char digits[24];
    if (!(value - value == 0)) { /* as JSON.stringify does */
        json_out_raw(o, "null");
        return;
    }
    if (value < 0) {
        json_out_rawn(o, "-", 1);
        value = -value;
    }
    if (value == 0) {
        json_out_rawn(o, "0", 1);
        return;
    }
    d = shortest(value, &exponent);
    while (d % 10 == 0 && d)
        d /= 10, exponent++;
    for (uint64_t rest = d; rest; rest /= 10)
        n++;
    for (int i = n; i > 0; d /= 10)
        digits[--i] = (char)('0' + d % 10);
    int point = n + exponent; /* digits before the point */
    if (point > 21 || point < -5) {
        json_out_rawn(o, digits, 1);
        if (n > 1) {
            json_out_rawn(o, ".", 1);
            json_out_rawn(o, digits + 1, (size_t)n - 1);
        }
        json_out_raw(o, point > 0 ? "e+" : "e-");
        json_out_u64(o, (uint64_t)(point > 0 ? point - 1 : 1 - point));
        return;
    }
    if (point <= 0) {
        json_out_raw(o, "0.");
        for (int i = point; i < 0; i++)
            json_out_rawn(o, "0", 1);
        json_out_rawn(o, digits, (size_t)n);
        return;
    }
    json_out_rawn(o, digits, (size_t)(point < n ? point : n));
    for (int i = n; i < point; i++)
        json_out_rawn(o, "0", 1);
    if (point < n) {
        json_out_rawn(o, ".", 1);
        json_out_rawn(o, digits + point, (size_t)(n - point));
    }
}
