/* Decimal text as doubles: the host's strtod gives the same bits. */
#include "decimal.h"
#include "test.h"
#include <stdbool.h>
#include <stdlib.h>

static uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* From a block of just that size, so that the sanitizer sees a read beyond the end. */
static bool as_strtod(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    uint64_t ours = bits_of(decimal_read(copy, n)), theirs = bits_of(strtod(text, NULL));
    free(copy);
    if (ours != theirs)
        printf("  %s: %016" PRIx64 " is not %016" PRIx64 "\n", text, ours, theirs);
    return ours == theirs;
}

void test_decimal_cases(void)
{
    static const char *const cases[] = {"0",
                                        "-0",
                                        "-0.0e5",
                                        "0e999999999",
                                        "1",
                                        "-1.25e2",
                                        "0.1",
                                        "1e22",
                                        "1e23",
                                        "1E-22",
                                        "1e-23",
                                        "0.001e3",
                                        "9007199254740991",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9007199254740995",
                                        "90071992547409930e-1",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "1.797693134862315807e308",
                                        "1e308",
                                        "1e309",
                                        "-1e309",
                                        "1e330",
                                        "1e331",
                                        "1e99999999999999999999999999",
                                        "1e-99999999999999999999999999",
                                        "-1e-400",
                                        "5e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "3e-324",
                                        "1e-323",
                                        "2.2250738585072014e-308",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072008e-308",
                                        "4.9e-324",
                                        "1.00000000000000011102230246251565405",
                                        "123456789012345678e-30"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(as_strtod(cases[i]));
    /* Zeros in front and behind beyond any number of digits kept. */
    static char text[3100];
    for (int zeros = 1; zeros < 3000; zeros += 97) {
        snprintf(text, sizeof text, "0.%0*d7e%d", zeros, 0, zeros);
        CHECK(as_strtod(text));
        snprintf(text, sizeof text, "7%0*de-%d", zeros, 0, zeros);
        CHECK(as_strtod(text));
    }
    CHECK_EQ(bits_of(decimal_double(0, 5)), bits_of(0));
    CHECK_EQ(bits_of(decimal_double(UINT64_MAX, 0)), bits_of(18446744073709551616.0));
    CHECK_EQ(bits_of(decimal_double(5, -324)), 1);
    CHECK_EQ(bits_of(decimal_double(5, -1000000)), 0);
    CHECK_EQ(bits_of(decimal_double(5, 1000000)), 2047ll << 52);
}

void test_decimal_random_text(void)
{
    static const int most[] = {1, 5, 15, 17, 19, 25, 63, 800, 1000};
    static char text[1100];
    uint64_t seed = 3;
    for (int turn = 0; turn < 60000; turn++) {
        int digits = 1 + (int)(random_u32(&seed) % (uint32_t)most[turn % 9]);
        int point = (int)(random_u32(&seed) % (uint32_t)(digits + 1)), at = 0;
        if (turn % 9 > 6 && turn % 5) /* long ones take longer */
            continue;
        if (random_u32(&seed) % 4 == 0)
            text[at++] = '-';
        for (int i = 0; i < digits; i++) {
            if (i == point)
                at += sprintf(text + at, "%s.", i ? "" : "0");
            text[at++] = (char)('0' + random_u32(&seed) % 10);
        }
        uint32_t kind = random_u32(&seed) % 4; /* no exponent; a small one; any; near the subnormals */
        if (kind)
            sprintf(text + at, "%c%+d", turn % 2 ? 'e' : 'E',
                    kind == 1   ? (int)(random_u32(&seed) % 61) - 30
                    : kind == 2 ? (int)(random_u32(&seed) % 701) - 350
                                : -300 - point - (int)(random_u32(&seed) % 30));
        else
            text[at] = 0;
        CHECK(as_strtod(text));
    }
}

/* The digits of m * 2^e, e > -1100: returns how many, first first; the number is digits * 10^exponent. */
static int digits_of(uint64_t m, int e, char *out, int *exponent)
{
    static uint8_t least[1200];
    int n = 0;
    for (; m; m /= 10)
        least[n++] = (uint8_t)(m % 10);
    for (int i = e < 0 ? -e : e; i; i--) {
        int carry = 0;
        for (int k = 0; k < n; k++) {
            carry += least[k] * (e < 0 ? 5 : 2);
            least[k] = (uint8_t)(carry % 10);
            carry /= 10;
        }
        if (carry)
            least[n++] = (uint8_t)carry;
    }
    for (int i = 0; i < n; i++)
        out[i] = (char)('0' + least[n - 1 - i]);
    *exponent = e < 0 ? e : 0;
    return n;
}

/* Halfway between two doubles the even one; a digit less or more, however far behind, decides. */
void test_decimal_halfway(void)
{
    static char text[1400];
    uint64_t seed = 7;
    for (int turn = 0; turn < 600; turn++) {
        uint64_t bits = ((uint64_t)random_u32(&seed) << 33 | (uint64_t)random_u32(&seed) << 2) & ~(1ull << 63);
        bits ^= random_u32(&seed);
        if (turn % 4 == 0)
            bits &= (1ull << (1 + turn % 53)) - 1; /* subnormals */
        if (turn % 4 == 1)
            bits = (bits & ~0xfffull << 52) | (uint64_t)(1000 + turn % 100) << 52; /* near 1 */
        if (turn == 2)
            bits = (2047ull << 52) - 1; /* above it lies infinity */
        if (bits >> 52 == 2047)
            continue;
        int e = (int)(bits >> 52), exponent;
        uint64_t m = (bits & ((1ull << 52) - 1)) | (e ? 1ull << 52 : 0), even = bits + (bits & 1);
        int n = digits_of(2 * m + 1, (e ? e : 1) - 1076, text, &exponent);
        sprintf(text + n, "e%d", exponent);
        CHECK(as_strtod(text));
        CHECK_EQ(bits_of(strtod(text, NULL)), even);
        int zeros = (int)(random_u32(&seed) % 400);
        sprintf(text + n, ".%0*d1e%d", zeros + 1, 0, exponent);
        CHECK(as_strtod(text));
        CHECK_EQ(bits_of(decimal_read(text, strlen(text))), bits + 1);
        if (text[n - 1] == '0')
            continue;
        text[n - 1]--;
        sprintf(text + n, "%se%d", turn % 2 ? ".999999999" : "", exponent);
        CHECK(as_strtod(text));
        CHECK_EQ(bits_of(decimal_read(text, strlen(text))), bits);
    }
}

void test_decimal_round_trip(void)
{
    char text[40];
    uint64_t seed = 5;
    for (int turn = 0; turn < 50000; turn++) {
        double x;
        uint64_t bits = (uint64_t)random_u32(&seed) << 33 ^ (uint64_t)random_u32(&seed) << 11 ^ random_u32(&seed);
        memcpy(&x, &bits, sizeof x);
        if (!(x - x == 0))
            continue;
        snprintf(text, sizeof text, "%.17g", x);
        CHECK_EQ(bits_of(decimal_read(text, strlen(text))), bits);
        snprintf(text, sizeof text, "%.*g", 1 + turn % 17, x);
        CHECK(as_strtod(text));
    }
}
