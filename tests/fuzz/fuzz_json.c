/* fuzz_json: any bytes into json_open; what it accepts is walked, every accessor called, written by
 * json_out and read again as the same. */
#include "../../src/json.h"
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 16 }; /* so many are written: a subnormal takes a millisecond under sanitizers */

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Unescapes a string and checks that the writer's form of it reads as the same bytes. */
static void check_string(json value)
{
    size_t n = json_string(value, NULL, 0);
    char *text = malloc(n + 1), *again = malloc(n + 1);
    struct json_out o;
    json back;
    kin_error err;
    must(n <= (size_t)(value.end - value.at));
    must(json_string(value, text, n) == n);
    json_out_init(&o);
    json_out_string(&o, text, n);
    must(json_open(o.text, o.n, "string", &back, &err) == KIN_OK);
    must(json_string(back, again, n) == n && !memcmp(text, again, n));
    text[n] = 0;
    if (n <= 128 && !memchr(text, 0, n))
        must(json_equals(value, text));
    json_out_free(&o);
    free(text), free(again);
}

static void check_number(json value, int *numbers)
{
    double x, same;
    uint64_t whole;
    if (!json_number(value, &x) || ++*numbers > NUMBERS)
        return;
    if (json_u64(value, &whole))
        must((double)whole == x);
    struct json_out o;
    json back;
    kin_error err;
    json_out_init(&o);
    json_out_number(&o, x);
    must(json_open(o.text, o.n, "number", &back, &err) == KIN_OK);
    must(json_number(back, &same) && same == x);
    json_out_free(&o);
}

static void walk(json value, int depth, int *numbers)
{
    size_t n = 0;
    must(depth <= 65 && value.at < value.end);
    if (value.type == JSON_STRING)
        check_string(value);
    if (value.type == JSON_NUMBER)
        check_number(value, numbers);
    for (json it = json_first(value); it.type; it = json_next(value, it), n++) {
        must(it.at > value.at && it.end < value.end);
        if (value.type == JSON_OBJECT)
            check_string(json_key(value, it));
        walk(it, depth + 1, numbers);
    }
    must(json_length(value) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json value;
    kin_error err;
    int numbers = 0;
    if (json_open((const char *)bytes, n, "input", &value, &err) != KIN_OK) {
        must(err.status == KIN_NOT_A_MODEL && strlen(err.text) > 0);
        return 0;
    }
    walk(value, 1, &numbers);
    json_check_keys(value);
    json_get(value, "a");
    return 0;
}
