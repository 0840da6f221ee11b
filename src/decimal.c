/* decimal: m * 10^e, m a whole number. Small ones are one exact division or product; others are computed in
 * whole numbers of as many bits as it takes, and rounded once. */
#include "decimal.h"
#include <stdbool.h>
#include <string.h>

/* A double, and what lies halfway between two, has at most 768 digits: what comes after 800 can only break a tie.
 * The largest number here has 800 digits and 10^1130 below it: 3.33 bits a digit, and 64 more. */
enum { MOST_DIGITS = 800, LIMBS = 124, EXACT_POWER = 22 /* 10^22 is the last power of ten that is a double */ };

/* limb[0] is the least; no zero on top. */
struct big {
    int n;
    uint32_t limb[LIMBS];
};

static void multiply_add(struct big *b, uint32_t factor, uint32_t carry)
{
    for (int i = 0; i < b->n; i++) {
        uint64_t x = (uint64_t)b->limb[i] * factor + carry;
        b->limb[i] = (uint32_t)x;
        carry = (uint32_t)(x >> 32);
    }
    if (carry)
        b->limb[b->n++] = carry;
}

/* Returns the remainder. */
static uint32_t divide(struct big *b, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = b->n - 1; i >= 0; i--) {
        rest = rest << 32 | b->limb[i];
        b->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (b->n && !b->limb[b->n - 1])
        b->n--;
    return (uint32_t)rest;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* b * 2^exponent, of 54 bits or more; `rest`: and something less than one more. */
static double nearest(const struct big *b, int exponent, bool rest)
{
    int bits = b->n * 32;
    while (!(b->limb[(bits - 1) / 32] >> (bits - 1) % 32 & 1))
        bits--;
    int last = bits + exponent - 53; /* of the double's bits: 2^last */
    if (last < -1074)
        last = -1074;
    if (last > 971)
        return from_bits(2047ull << 52);
    uint64_t m = 0;
    int drop = last - exponent; /* at least 1 */
    for (int i = bits - 1; i >= drop; i--)
        m = m << 1 | (b->limb[i / 32] >> i % 32 & 1);
    if (drop <= bits && b->limb[(drop - 1) / 32] >> (drop - 1) % 32 & 1) {
        bool up = rest || m & 1;
        for (int i = 0; i < drop - 1 && !up; i++)
            up = b->limb[i / 32] >> i % 32 & 1;
        m += up;
    }
    /* The first of 53 bits, or a carry beyond them, adds itself to the exponent, up to infinity's. */
    return from_bits(((uint64_t)(last + 1074) << 52) + m);
}

/* b * 10^e, b of at most `digits` digits; `rest`: and something less than one more 10^e. Uses b up. */
static double convert(struct big *b, int64_t digits, int64_t e, bool rest)
{
    if (b->n == 0 || digits + e < -330)
        return 0;
    if (digits + e > 330)
        return from_bits(2047ull << 52);
    uint64_t small = b->limb[0] | (b->n > 1 ? (uint64_t)b->limb[1] << 32 : 0);
    if (b->n <= 2 && small >> 53 == 0 && e >= -EXACT_POWER && e <= EXACT_POWER) {
        double power = 1;
        for (int i = (int)(e < 0 ? -e : e); i; i--)
            power *= 10;
        return e < 0 ? (double)small / power : (double)small * power;
    }
    for (; e > 0; e--)
        multiply_add(b, 10, 0);
    /* Zeros below, so that more than 64 bits are left of the quotient: 10^k has less than 10 / 3 * k. */
    int more = e < 0 ? (int)(-e * 10 / 96 + 4) - b->n : 0;
    if (more > 0) {
        memmove(b->limb + more, b->limb, (size_t)b->n * sizeof *b->limb);
        memset(b->limb, 0, (size_t)more * sizeof *b->limb);
        b->n += more;
    } else
        more = 0;
    for (; e <= -9; e += 9)
        rest |= divide(b, 1000000000) != 0;
    for (; e < 0; e++)
        rest |= divide(b, 10) != 0;
    return nearest(b, -32 * more, rest);
}

double decimal_double(uint64_t digits, int exponent)
{
    struct big b;
    b.limb[0] = (uint32_t)digits, b.limb[1] = (uint32_t)(digits >> 32);
    b.n = b.limb[1] ? 2 : b.limb[0] != 0;
    return convert(&b, 20, exponent, false);
}

double decimal_read(const char *text, size_t n)
{
    const char *p = text, *end = text + n;
    struct big b;
    int64_t digits = 0, e = 0, given = 0;
    bool minus = p < end && *p == '-', point = false, rest = false;
    b.n = 0;
    for (p += minus; p < end && (*p == '.' || (*p >= '0' && *p <= '9')); p++) {
        if (*p == '.') {
            point = true;
        } else if (digits < MOST_DIGITS) {
            multiply_add(&b, 10, (uint32_t)(*p - '0'));
            digits += b.n > 0; /* no zeros in front */
            e -= point;
        } else {
            rest |= *p != '0';
            e += !point;
        }
    }
    if (p < end) { /* e or E */
        p++;
        bool below = p < end && *p == '-';
        for (p += p < end && (*p == '-' || *p == '+'); p < end; p++)
            if (given < INT64_C(100000000000000000)) /* no text has as many zeros as this */
                given = given * 10 + (*p - '0');
        e += below ? -given : given;
    }
    double x = convert(&b, digits, e, rest);
    return minus ? -x : x;
}
