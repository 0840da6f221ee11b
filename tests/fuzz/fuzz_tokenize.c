/* fuzz_tokenize: the first byte says what the rest is: a text for a small vocabulary, a vocabulary, merges or
 * a tokenizer.json. */
#include "../../src/tokenize.h"
#include <stdlib.h>
#include <string.h>

static const char vocab[] =
    "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab\":4,\"ab</w>\":5,\"<|startoftext|>\":6,\"<|endoftext|>\":7}";
static const char merges[] = "#version: 0.2\na b\na b</w>\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer *t = NULL;
    kin_error err;
    int32_t ids[77];
    int n;
    if (size == 0)
        return 0;
    const char *rest = (const char *)data + 1;
    bool text = data[0] % 4 == 0;
    kin_status status =
        text             ? tokenizer_open(vocab, sizeof vocab - 1, merges, sizeof merges - 1, NULL, 0, NULL, 0, NULL, 0, &t, &err)
        : data[0] % 4 == 1 ? tokenizer_open(rest, size - 1, merges, sizeof merges - 1, NULL, 0, NULL, 0, NULL, 0, &t, &err)
        : data[0] % 4 == 2 ? tokenizer_open(vocab, sizeof vocab - 1, rest, size - 1, NULL, 0, NULL, 0, NULL, 0, &t, &err)
                           : tokenizer_open(NULL, 0, NULL, 0, rest, size - 1, NULL, 0, NULL, 0, &t, &err);
    if (status != KIN_OK)
        return 0;
    if (tokenizer_encode(t, text ? rest : "ab aab", text ? size - 1 : 6, 77, ids, &n, &err) != KIN_OK || n < 2 || n > 77)
        abort();
    free(malloc(tokenizer_canonical_json(t, 77, NULL, 0)));
    tokenizer_close(t);
    return 0;
}
