/* test_json: what RFC 8259 allows and what it does not, the cursor, and numbers as RFC 8785 has
 * them. */
#include "../../src/json.h"
#include "test.h"
#include <stdlib.h>
#include <time.h>

/* Opens text of n bytes in a block of its own, so that a read past it is seen by AddressSanitizer.
 */
static kin_status open_copy(const char *text, size_t n, kin_error *err)
{
    char *copy = malloc(n ? n : 1);
    json value;
    memcpy(copy, text, n);
    kin_status status = json_open(copy, n, "it.json", &value, err);
    free(copy);
    return status;
}

static json parse(const char *text)
{
    json value = {JSON_ABSENT, NULL, NULL};
    kin_error err;
    json_open(text, strlen(text), "it.json", &value, &err);
    return value;
}

void test_json_accepts(void)
{
    /* clang-format off */
    static const char *const good[] = {
        "null", "true", "false", " \t\r\n0\n", "-0", "-0.0e-0", "1E+2", "12345678901234567890",
        "\"\"", "[]", "{}",
        "[ ]", "{ }", "[1,[2,[3]],{}]", "{\"\":1}", "{\"a\":1,\"a\":2}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00 \\ud800\"", "\"\x7f\"",
        "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"",
        " { \"a\" : [ true , null ] , \"b\" : { } } ",
    };
    /* clang-format on */
    kin_error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        kin_status status = open_copy(good[i], strlen(good[i]), &err);
        if (status != KIN_OK)
            printf("  refused: %s\n", good[i]);
        CHECK_EQ(status, KIN_OK);
    }
}

/* One text a rule. */
void test_json_refuses(void)
{
    /* clang-format off */
    static const char *const bad[] = {
        "", " ", "nul", "nulll", "True", "+1", "01", "-", "1.", ".5", "1e", "1e+", "1.e3", "0x1",
        "NaN", "Infinity",
        "1 2", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",
        "\"\x1f\"", "'a'",
        "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,",
        "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1]", "[1}", "// c\n1", "1 // c",
        "\xef\xbb\xbfnull",
        "\"\x80\"", "\"\xc0\xaf\"", "\"\xc1\xbf\"", "\"\xc3\"", "\"\xe0\x9f\xbf\"",
        "\"\xed\xa0\x80\"",
        "\"\xe2\x82\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"",
        "\"\xff\"",
        "\"\xf0\x9f\x98", "\"\xc3" "a\"", "\"\xf0\x9f\x98" "a\"", "{\"a\"x1}", "[1x2]", "{\"a\":1x\"b\":2}",
    };
    /* clang-format on */
    kin_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kin_status status = open_copy(bad[i], strlen(bad[i]), &err);
        if (status != KIN_NOT_A_MODEL)
            printf("  accepted: %s\n", bad[i]);
        CHECK_EQ(status, KIN_NOT_A_MODEL);
        CHECK(strstr(err.text, "it.json"));
    }
    CHECK_EQ(open_copy("1\0", 2, &err), KIN_NOT_A_MODEL);
    CHECK_EQ(open_copy("\"a\0b\"", 5, &err), KIN_NOT_A_MODEL);
    CHECK_EQ(open_copy("\"\\\0\"", 4, &err), KIN_NOT_A_MODEL);
    static const char *const others[][2] = {
        {"<!doctype html>", "it.json is a web page: "},
        {"version https://git-lfs.github.com/spec/v1\n", "it.json is a pointer of Git LFS, "},
        {"\x1f\x8b\x08", "it.json is packed by gzip: "},
        {"PK\3\4", "it.json is a zip archive, "},
        {"\xff\xfe{", "it.json is UTF-16: "},
        {"\xfe\xff{", "it.json is UTF-16: "},
        {"\xef\xbb\xbf{}", "it.json begins with a byte order mark: "},
        {"versions", "it.json is not valid JSON; fetch it again."},
        {"PK", "it.json is not valid JSON; fetch it again."}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_EQ(open_copy(others[i][0], strlen(others[i][0]), &err), KIN_NOT_A_MODEL);
        if (strncmp(err.text, others[i][1], strlen(others[i][1])))
            CHECK_STR(err.text, others[i][1]);
    }
}

/* Every beginning of a text is refused: no cut file passes, and none is read past its end. */
void test_json_cut_anywhere(void)
{
    static const char text[] = "{\"a\\n\\u00e4\":[1.5e-3,true,null,\"\xe2\x82\xac\"],\"b\":{\"c\":false}}";
    kin_error err;
    for (size_t n = 0; n < sizeof text - 1; n++)
        CHECK_EQ(open_copy(text, n, &err), KIN_NOT_A_MODEL);
    CHECK_EQ(open_copy(text, sizeof text - 1, &err), KIN_OK);
}

void test_json_depth(void)
{
    char text[200];
    kin_error err;
    for (int depth = 63; depth <= 66; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        CHECK_EQ(open_copy(text, 2 * (size_t)depth, &err), depth <= 64 ? KIN_OK : KIN_NOT_A_MODEL);
    }
    size_t many = 1 << 20; /* a deep text costs no stack */
    char *deep = malloc(many);
    memset(deep, '[', many);
    CHECK_EQ(open_copy(deep, many, &err), KIN_NOT_A_MODEL);
    free(deep);
}

void test_json_cursor(void)
{
    json v = parse(" { \"a\" : 1 , \"b\\\"\" : [ 2 , \"]}\" , { } ] , \"c\\\\\" : { \"a\" : 3 } , "
                   "\"a\" : 4 } ");
    uint64_t n;
    CHECK_EQ(v.type, JSON_OBJECT);
    CHECK_EQ(json_length(v), 4);
    CHECK(json_u64(json_get(v, "a"), &n));
    CHECK_EQ(n, 4);
    json list = json_get(v, "b\"");
    CHECK_EQ(list.type, JSON_ARRAY);
    CHECK_EQ(json_length(list), 3);
    json it = json_first(list);
    CHECK_EQ(it.type, JSON_NUMBER);
    it = json_next(list, it);
    CHECK(json_equals(it, "]}"));
    it = json_next(list, it);
    CHECK_EQ(it.type, JSON_OBJECT);
    CHECK_EQ(json_first(it).type, JSON_ABSENT);
    CHECK_EQ(json_next(list, it).type, JSON_ABSENT);
    CHECK_EQ(json_next(list, json_next(list, it)).type, JSON_ABSENT); /* and stays there */
    CHECK(json_u64(json_get(json_get(v, "c\\"), "a"), &n));
    CHECK_EQ(n, 3);
    CHECK_EQ(json_get(v, "d").type, JSON_ABSENT);
    CHECK_EQ(json_get(list, "a").type, JSON_ABSENT);
    CHECK_EQ(json_get(json_get(v, "d"), "a").type, JSON_ABSENT);
    CHECK_EQ(json_length(json_get(v, "a")), 0);
    CHECK(!json_equals(parse("123"), "2")); /* no text, whatever stands between its ends */
    char longer[160];
    memset(longer, 'a', sizeof longer - 1), longer[0] = longer[sizeof longer - 2] = '"', longer[sizeof longer - 1] = 0;
    char same[160];
    memcpy(same, longer + 1, sizeof same - 1), same[sizeof longer - 3] = 0;
    CHECK(!json_equals(parse(longer), same)); /* above 128 bytes none is equal, and none is read past its end */

    const char *keys[] = {"a", "b\"", "c\\", "a"};
    int i = 0;
    for (it = json_first(v); it.type; it = json_next(v, it))
        CHECK(json_equals(json_key(v, it), keys[i++]));
    CHECK_EQ(i, 4);
}

void test_json_strings(void)
{
    char out[64];
    json v = parse("\"a\\u00e4\\ud83d\\ude00\\ud800x\\udc00\\ud800\\u0041\\n\\/\\u0000\"");
    static const char want[] = "a\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
                               "A\n/";
    size_t n = json_string(v, out, sizeof out);
    CHECK_EQ(n, sizeof want); /* its NUL is the text's own */
    CHECK(!memcmp(out, want, n));
    memset(out, '#', sizeof out);
    CHECK_EQ(json_string(v, out, 2), n); /* cut, and the full length told */
    CHECK(!memcmp(out, want, 2) && out[2] == '#');
    CHECK(json_string(parse("1"), out, sizeof out) == SIZE_MAX);
    CHECK(json_equals(parse("\"\\u0061b\""), "ab"));
    CHECK(!json_equals(parse("\"ab\""), "abc"));
    CHECK(!json_equals(parse("\"abc\""), "ab"));
    CHECK(!json_equals(parse("1"), "1"));
}

void test_json_whole_numbers(void)
{
    /* clang-format off */
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0}, {"-0", 0}, {"1", 1}, {"77.0", 77}, {"1e3", 1000}, {"2147483647", 2147483647},
        {"2147483648", 2147483648u}, {"4294967295", 4294967295u},
        {"9007199254740991", 9007199254740991u},
    };
    static const char *const bad[] = {
        "-1", "0.5", "1e-3", "9007199254740992", "9007199254740993", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "1e400", "-1e400", "\"1\"", "true", "null",
        "[1]",
    };
    /* clang-format on */
    uint64_t n;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(json_u64(parse(good[i].text), &n));
        CHECK_EQ(n, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        n = 5;
        if (json_u64(parse(bad[i]), &n))
            printf("  accepted: %s\n", bad[i]);
        CHECK_EQ(n, 5);
    }
}

void test_json_doubles(void)
{
    char text[80];
    double x = 5;
    CHECK(json_number(parse("-1.25e2"), &x) && x == -125);
    CHECK(json_number(parse("5e-324"), &x) && x == 5e-324);
    CHECK(json_number(parse("1e-400"), &x) && x == 0);
    CHECK(json_number(parse("1.00000000000000011102230246251565405"), &x) && x == 1.0000000000000002);
    x = 5;
    CHECK(!json_number(parse("1e309"), &x) && x == 5);
    CHECK(!json_number(parse("\"1\""), &x) && x == 5);
    memset(text, '1', 64); /* JSON_MAX_NUMBER + 1 */
    text[64] = 0;
    CHECK(!json_number(parse(text), &x) && x == 5);
    text[63] = 0;
    CHECK(json_number(parse(text), &x) && x > 1e62);
}

void test_json_duplicates(void)
{
    CHECK_EQ(json_check_keys(parse("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}],\"\":0,\"A\":0,\"aa\":0}")), KIN_OK);
    CHECK_EQ(json_check_keys(parse("{\"a\":{\"b\":1},\"b\":\"a\",\"c\":[\"a\",\"a\"],\"d\":{\"b\":{}}}")), KIN_OK);
    CHECK_EQ(json_check_keys(parse("[1,1]")), KIN_OK);
    CHECK_EQ(json_check_keys(parse("{}")), KIN_OK);
    CHECK_EQ(json_check_keys(parse("{\"a\" :1,\"b\":[{\"x\":0}],\"a\" : 1}")), KIN_BAD_ARGUMENT); /* around others */
    CHECK_EQ(json_check_keys(parse("{\"a\":1,\"b\":2,\"a\":1}")), KIN_BAD_ARGUMENT);
    CHECK_EQ(json_check_keys(parse("{\"a\":1,\"\\u0061\":2}")), KIN_BAD_ARGUMENT); /* equal once unescaped */
    CHECK_EQ(json_check_keys(parse("{\"\":1,\"\":2}")), KIN_BAD_ARGUMENT);
    CHECK_EQ(json_check_keys(parse("[[{\"a\":{\"b\":1,\"b\":2}}]]")), KIN_BAD_ARGUMENT);
}

/* Nesting costs nothing: 60 levels around 2 MB of keys take about as long as one (it was 60 times that). */
void test_json_duplicates_nested(void)
{
    enum { DEPTH = 60, KEYS = 200000, ROOM = KEYS * 12 + DEPTH * 10 };
    char *text = malloc(ROOM);
    double seconds[2];
    for (int nested = 0; nested < 2; nested++) {
        json value;
        kin_error err;
        char *at = text;
        for (int i = 0; i < (nested ? DEPTH : 1); i++)
            at = append_text(at, "{\"\":");
        for (int i = 0; i < KEYS; i++)
            at += snprintf(at, 16, "%s\"%d\":0", i ? "," : "{", i);
        for (int i = 0; i <= (nested ? DEPTH : 1); i++)
            *at++ = '}';
        CHECK_EQ(json_open(text, (size_t)(at - text), "nested", &value, &err), KIN_OK);
        clock_t begun = clock();
        CHECK_EQ(json_check_keys(value), KIN_OK);
        seconds[nested] = (double)(clock() - begun) / CLOCKS_PER_SEC;
    }
    free(text);
    if (seconds[1] > 4 * seconds[0] + 0.2)
        printf("  flat %.3f s, nested %.3f s\n", seconds[0], seconds[1]);
    CHECK(seconds[1] <= 4 * seconds[0] + 0.2);
}

/* What ECMAScript's String(x) gives (checked against V8 on 60,000 doubles when this was written).
 */
void test_json_writes_numbers(void)
{
    /* clang-format off */
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0, "0"}, {-0.0, "0"}, {1, "1"}, {-1.5, "-1.5"}, {10, "10"}, {100, "100"}, {0.1, "0.1"},
        {0.48145466, "0.48145466"}, {0.26130258, "0.26130258"}, {1 / 255.0, "0.00392156862745098"},
        {1e-5, "0.00001"}, {1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.5e-7, "1.5e-7"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123456789012345680000.0, "123456789012345680000"}, {1e21, "1e+21"},
        {1.25e21, "1.25e+21"}, {1e23, "1e+23"},
        {9007199254740993.0, "9007199254740992"}, {5e-324, "5e-324"}, {6.3e-322, "6.3e-322"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"}, {0x1p-24, "5.960464477539063e-8"},
        {0x1p60, "1152921504606847000"},
        {9.128384543142937, "9.128384543142937"},
        {2.4333972048578046e-209, "2.4333972048578046e-209"},
        {43 * 0x1p-22, "0.000010251998901367188"}, /* …1875: a tie, to even */
        {(double)2.6593f, "2.6593000888824463"}, {1e308 * 10, "null"}, {-1e308 * 10, "null"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_out o;
        json_out_init(&o);
        json_out_number(&o, cases[i].x);
        json_out_rawn(&o, "", 1);
        CHECK_STR(o.text, cases[i].text);
        json_out_free(&o);
    }
}

/* Random bit patterns are read back as they were, and no text is longer than 25 bytes. */
void test_json_numbers_round_trip(void)
{
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        struct json_out o;
        kin_error err;
        json v;
        double x, back = 0;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = seed ^ seed >> 31;
        memcpy(&x, &bits, sizeof x);
        if (!(x - x == 0))
            continue;
        json_out_init(&o);
        json_out_number(&o, x);
        CHECK(o.n <= 25);
        CHECK_EQ(json_open(o.text, o.n, "number", &v, &err), KIN_OK);
        CHECK(json_number(v, &back));
        CHECK(back == x);
        json_out_free(&o);
    }
}

void test_json_writes_strings(void)
{
    struct json_out o;
    char all[128], back[128];
    kin_error err;
    json v;
    json_out_init(&o);
    json_out_string(&o, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4", 14);
    json_out_raw(&o, ",");
    json_out_string(&o, "", 0);
    json_out_raw(&o, ",");
    json_out_u64(&o, 0);
    json_out_raw(&o, ",");
    json_out_u64(&o, UINT64_MAX);
    json_out_rawn(&o, "", 1);
    CHECK(!o.failed);
    CHECK_STR(o.text, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\",\"\",0,18446744073709551615");
    json_out_free(&o);
    for (int i = 0; i < 128; i++)
        all[i] = (char)i;
    json_out_string(&o, all, sizeof all);
    CHECK_EQ(json_open(o.text, o.n, "string", &v, &err), KIN_OK);
    CHECK_EQ(json_string(v, back, sizeof back), sizeof all);
    CHECK(!memcmp(all, back, sizeof all));
    json_out_free(&o);
}
