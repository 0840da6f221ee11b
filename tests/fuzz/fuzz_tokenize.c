/* fuzz_tokenize: the first byte says what the rest is: a text for a small vocabulary, a vocabulary, merges, a
 * tokenizer.json, a tokenizer_config.json, a special_tokens_map.json or an added_tokens.json. */
#include "../../src/tokenize.h"
#include <stdlib.h>
#include <string.h>

static const char vocab[] =
    "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab\":4,\"ab</w>\":5,\"<|startoftext|>\":6,\"<|endoftext|>\":7}";
static const char merges[] = "#version: 0.2\na b\na b</w>\n";
static const char sample[] = "ab aab <|ENDOFTEXT|><|endoftext|> <PAD>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { TEXT, VOCAB, MERGES, JSON, CONFIG, MAP, ADDED, PARTS };
    struct {
        const char *text;
        size_t n;
    } part[PARTS] = {{sample, sizeof sample - 1}, {vocab, sizeof vocab - 1}, {merges, sizeof merges - 1}};
    tokenizer *t = NULL;
    kin_error err;
    int32_t ids[77];
    int n;
    if (size == 0)
        return 0;
    int which = data[0] % PARTS;
    part[which].text = (const char *)data + 1;
    part[which].n = size - 1;
    if (which == JSON)
        part[VOCAB].text = NULL;
    kin_status status = tokenizer_open(part[VOCAB].text, part[VOCAB].n, part[MERGES].text, part[MERGES].n,
                                       part[JSON].text, part[JSON].n, part[CONFIG].text, part[CONFIG].n, part[MAP].text,
                                       part[MAP].n, part[ADDED].text, part[ADDED].n, &t, &err);
    if (status != KIN_OK)
        return 0;
    if (tokenizer_encode(t, part[TEXT].text, part[TEXT].n, 77, ids, &n, &err) != KIN_OK || n < 2 || n > 77)
        abort();
    size_t length = tokenizer_canonical_json(t, 77, NULL, 0);
    char *text = malloc(length);
    if (tokenizer_canonical_json(t, 77, text, length) != length)
        abort();
    json canonical; /* it has to be JSON, whatever the files hold */
    if (json_open(text, length, "canonical", &canonical, &err) != KIN_OK || json_check_keys(canonical) != KIN_OK)
        abort();
    free(text);
    tokenizer_close(t);
    return 0;
}
