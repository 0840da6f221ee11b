/* fuzz_json: any bytes as JSON, every value visited through the cursor. */
#include "../../src/json.h"
#include <stdlib.h>

static void visit(json v)
{
    char text[16];
    double number;
    uint64_t whole;
    json_string(v, text, sizeof text);
    json_number(v, &number);
    json_u64(v, &whole);
    for (json it = json_first(v); it.type; it = json_next(v, it)) {
        if (v.type == JSON_OBJECT && json_key(v, it).type != JSON_STRING)
            abort();
        visit(it);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_error err;
    json v;
    if (json_open((const char *)data, size, "text", &v, &err) != KIN_OK)
        return 0;
    visit(v);
    json_get(v, "a");
    json_no_duplicates(v);
    return 0;
}
