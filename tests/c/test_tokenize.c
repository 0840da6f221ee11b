/* test_tokenize: ids against CLIPTokenizer (tools/golden_tokens.py), forms of the files, refusals. */
#include "../../src/tokenize.h"
#include "../../src/unicode.h"
#include "test.h"
#include <stdlib.h>

static tokenizer *open_small(void)
{
    size_t vocab_n, merges_n;
    char *vocab = (char *)test_read("tests/models/kin-small/vocab.json", &vocab_n);
    char *merges = (char *)test_read("tests/models/kin-small/merges.txt", &merges_n);
    tokenizer *t = NULL;
    kin_error err;
    if (vocab && merges)
        tokenizer_open(vocab, vocab_n, merges, merges_n, NULL, 0, NULL, 0, NULL, 0, NULL, 0, &t, &err);
    free(vocab), free(merges);
    return t;
}

static uint32_t crc32_more(uint32_t crc, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (crc = ~crc; n--; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static uint32_t ids_crc(const tokenizer *t, uint32_t crc, const char *text, size_t n)
{
    int32_t ids[32];
    int count = 0;
    kin_error err;
    if (tokenizer_encode(t, text, n, 32, ids, &count, &err) != KIN_OK)
        return 0;
    return crc32_more(crc, ids, (size_t)count * sizeof *ids);
}

void test_tokenize_equals_reference(void)
{
    size_t n, at = 4;
    uint8_t *golden = test_read("tests/golden/tokens.bin", &n);
    tokenizer *t = open_small();
    uint32_t texts, want, wrong = 0;
    CHECK(golden && t);
    memcpy(&texts, golden, 4);
    CHECK(texts >= 5000);
    for (uint32_t i = 0; i < texts; i++) {
        uint16_t length;
        memcpy(&length, golden + at, 2);
        memcpy(&want, golden + at + 2 + length, 4);
        wrong += ids_crc(t, 0, (const char *)golden + at + 2, length) != want;
        at += 6u + length;
    }
    CHECK_EQ(wrong, 0);
    for (uint32_t block = 0; block < 0x110000; block += 256) {
        uint32_t crc = 0;
        uint8_t utf8[4];
        if (block >= 0xD800 && block < 0xE000)
            continue;
        for (uint32_t c = block; c < block + 256; c++) {
            int length = unicode_put(c, utf8);
            crc = ids_crc(t, crc, (const char *)utf8, (size_t)length);
        }
        memcpy(&want, golden + at, 4);
        wrong += crc != want;
        at += 4;
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(at, n);
    free(golden);
    tokenizer_close(t);
}

static bool same(const tokenizer *t, const char *a, size_t a_n, const char *b, size_t b_n)
{
    return ids_crc(t, 0, a, a_n) == ids_crc(t, 0, b, b_n);
}

void test_tokenize_bytes_that_are_no_text(void)
{
    tokenizer *t = open_small();
    CHECK(t != NULL);
    CHECK(same(t,
               "a\xED\xA0\x80"
               "b",
               5,
               "a\xEF\xBF\xBD"
               "b",
               5)); /* a lone surrogate, once */
    CHECK(same(t,
               "a\xFF"
               "b",
               3,
               "a\xEF\xBF\xBD"
               "b",
               5));                                                 /* a stray byte */
    CHECK(same(t, "a\xC0\x80", 3, "a\xEF\xBF\xBD\xEF\xBF\xBD", 7)); /* overlong */
    CHECK(!same(t, "a\0b", 3, "a", 1));                             /* NUL is a character */
    CHECK(same(t, "", 0, " \n\t ", 4));
    /* what ends here reads no further, where the piece before has left its text */
    CHECK(same(t, "'s<|endoftext|>'", 16, "'s<|endoftext|> '", 17));
    CHECK(same(t, "<|ENDOFTEXT|><|endoftext|><", 27, "<|ENDOFTEXT|><|endoftext|> <", 28));
    tokenizer_close(t);
}

void test_tokenize_cuts_and_keeps_the_end(void)
{
    tokenizer *t = open_small();
    int32_t ids[77], all[77];
    int n, n_all;
    kin_error err;
    CHECK(t != NULL);
    CHECK_EQ(tokenizer_encode(t, "a photo of a dog", 16, 77, all, &n_all, &err), KIN_OK);
    CHECK_EQ(n_all, 7);
    for (int context = 2; context < 9; context++) {
        CHECK_EQ(tokenizer_encode(t, "a photo of a dog", 16, context, ids, &n, &err), KIN_OK);
        CHECK_EQ(n, context < 7 ? context : 7);
        CHECK_EQ(ids[n - 1], all[6]);
        CHECK(!memcmp(ids, all, sizeof *ids * (size_t)(n - 1)));
    }
    CHECK_EQ(tokenizer_encode(t, "a", 1, 1, ids, &n, &err), KIN_BAD_ARGUMENT);
    size_t long_n = 1 << 20; /* one word of a megabyte; a million marks on one letter */
    char *word = malloc(9u << 20);
    memset(word, 'x', long_n);
    CHECK_EQ(tokenizer_encode(t, word, long_n, 77, ids, &n, &err), KIN_OK);
    CHECK_EQ(n, 77);
    for (size_t i = 0; i + 2 <= long_n; i += 2)
        memcpy(word + i, i % 4 ? "\xCC\x81" : "\xCC\xA3", 2);
    CHECK_EQ(tokenizer_encode(t, word, long_n, 77, ids, &n, &err), KIN_OK);
    CHECK_EQ(tokenizer_encode(t, word, 9u << 20, 77, ids, &n, &err), KIN_TOO_LARGE);
    free(word);
    tokenizer_close(t);
}

static const char tiny_vocab[] =
    "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab\":4,\"ab</w>\":5,\"<|startoftext|>\":6,\"<|endoftext|>\":7}";

static kin_status open_text(const char *vocab, const char *merges, const char *json, const char *config, tokenizer **t)
{
    kin_error err;
    *t = NULL;
#define PART(text) (text), (text) ? strlen(text) : 0
    return tokenizer_open(PART(vocab), PART(merges), PART(json), PART(config), NULL, 0, NULL, 0, t, &err);
#undef PART
}

void test_tokenize_file_forms_are_one_model(void)
{
    static const char *const forms[] = {
        "{\"model\":{\"vocab\":%s,\"merges\":[\"a b\",\"a b</w>\"]}}",
        "{\"model\":{\"merges\":[[\"a\",\"b\"],[\"a\",\"b</w>\"]],\"vocab\":%s},\"added_tokens\":"
        "[{\"id\":7,\"content\":\"<|endoftext|>\",\"normalized\":false,\"special\":true}]}"};
    tokenizer *one, *other;
    char a[2048], b[2048], text[1024];
    CHECK_EQ(open_text(tiny_vocab, "#version: 0.2\na b\r\na b</w>\n\n", NULL, NULL, &one), KIN_OK);
    size_t n = tokenizer_canonical_json(one, 77, a, sizeof a);
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, forms[i], tiny_vocab);
        CHECK_EQ(open_text(NULL, NULL, text, NULL, &other), KIN_OK);
        CHECK_EQ(tokenizer_canonical_json(other, 77, b, sizeof b), n);
        CHECK(!memcmp(a, b, n));
        CHECK(same(one, "ab aab <|endoftext|>", 20, "AB aAB <|endoftext|>", 20));
        tokenizer_close(other);
    }
    tokenizer_close(one);
}

/* RFC 8785 sorts by UTF-16: a pair of surrogates comes before U+FB01, whose bytes are less. */
void test_tokenize_canonical_order(void)
{
    static const char want[] =
        "{\"context\":9,\"merges\":[[\"a\",\"b\"]],\"special_tokens\":{\"added\":[[\"\xef\xac\x81\",0],["
        "\"\xf0\x9f\x98\x80\",1]],"
        "\"bos_token\":\"<|startoftext|>\",\"eos_token\":\"<|endoftext|>\",\"pad_token\":\"<|endoftext|>\","
        "\"unk_token\":\"<|endoftext|>\"},\"vocab\":{\"<|endoftext|>\":7,\"<|startoftext|>\":6,\"a\":4,\"ab\":3,\"b\":"
        "2,"
        "\"b</w>\":5,\"\xf0\x9f\x98\x80\":1,\"\xef\xac\x81\":0}}";
    char text[sizeof want];
    tokenizer *t;
    CHECK_EQ(open_text("{\"\xef\xac\x81\":0,\"\xf0\x9f\x98\x80\":1,\"b\":2,\"ab\":3,\"a\":4,\"b</w>\":5,"
                       "\"<|startoftext|>\":6,\"<|endoftext|>\":7}",
                       "a b", NULL, "{\"additional_special_tokens\":[\"\xef\xac\x81\",\"\xf0\x9f\x98\x80\"]}", &t),
             KIN_OK);
    CHECK_EQ(tokenizer_canonical_json(t, 9, text, sizeof text), sizeof want - 1);
    text[sizeof want - 1] = 0;
    CHECK_STR(text, want);
    tokenizer_close(t);
}

/* A tokenizer.json of these added tokens, with the vocabulary and merges given. */
static void write_whole(struct json_out *o, json added, const char *vocab, size_t vocab_n, const char *merges, size_t n)
{
    json_out_init(o);
    json_out_raw(o, "{\"added_tokens\":");
    json_out_rawn(o, added.at, (size_t)(added.end - added.at));
    json_out_raw(o, ",\"model\":{\"vocab\":");
    json_out_rawn(o, vocab, vocab_n);
    json_out_raw(o, ",\"merges\":[");
    const char *line = (const char *)memchr(merges, '\n', n) + 1;
    for (const char *next; line < merges + n; line = next + 1) {
        next = memchr(line, '\n', (size_t)(merges + n - line));
        json_out_string(o, line, (size_t)(next - line));
        json_out_raw(o, next + 1 < merges + n ? "," : "]}}");
    }
}

/* Lines of tests/golden/special_tokens.jsonl: the model's files and what texts become. */
void test_tokenize_special_tokens(void)
{
    size_t vocab_n, merges_n, n, wrong = 0, lines = 0;
    char *vocab = (char *)test_read("tests/models/kin-small/vocab.json", &vocab_n);
    char *merges = (char *)test_read("tests/models/kin-small/merges.txt", &merges_n);
    char *golden = (char *)test_read("tests/golden/special_tokens.jsonl", &n);
    CHECK(vocab && merges && golden);
    for (char *line = golden, *end; line < golden + n; line = end + 1, lines++) {
        tokenizer *t;
        kin_error err;
        json all;
        end = memchr(line, '\n', (size_t)(golden + n - line));
        CHECK(end && json_open(line, (size_t)(end - line), "golden", &all, &err) == KIN_OK);
        json config = json_get(all, "config"), map = json_get(all, "map"), texts = json_get(all, "texts");
        json added = json_get(all, "added"), listed = json_get(all, "listed");
        struct json_out whole = {0};
        if (listed.type != JSON_NULL)
            write_whole(&whole, listed, vocab, vocab_n, merges, merges_n);
        CHECK(!whole.failed);
        kin_status status =
            tokenizer_open(vocab, vocab_n, merges, merges_n, whole.text, whole.n, config.at,
                           (size_t)(config.end - config.at), map.at, (size_t)(map.end - map.at),
                           added.type == JSON_NULL ? NULL : added.at, (size_t)(added.end - added.at), &t, &err);
        if (status != KIN_OK)
            printf("  line %d: %s\n", (int)lines + 1, err.text);
        CHECK_EQ(status, KIN_OK);
        for (json it = json_first(texts); it.type; it = json_next(texts, it)) {
            char text[256];
            int32_t ids[32];
            int count;
            size_t length = json_string(json_first(it), text, sizeof text);
            json want = json_next(it, json_first(it));
            CHECK_EQ(tokenizer_encode(t, text, length, 32, ids, &count, &err), KIN_OK);
            bool equal = json_length(want) == (size_t)count;
            int i = 0;
            for (json id = json_first(want); id.type && equal; id = json_next(want, id), i++) {
                uint64_t value;
                equal = json_u64(id, &value) && value == (uint64_t)ids[i];
            }
            if (!equal)
                printf("  line %d: %.*s\n", (int)lines + 1, (int)length, text);
            wrong += !equal;
        }
        json_out_free(&whole);
        tokenizer_close(t);
    }
    CHECK_EQ(wrong, 0);
    CHECK(lines >= 30);
    free(vocab), free(merges), free(golden);
}

void test_tokenize_refuses(void)
{
    tokenizer *t;
    CHECK_EQ(open_text(NULL, NULL, NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("[]", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"b\":0}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"a\":1}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"\":1}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"b\":-1}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"b\":9007199254740992}", "", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text("{\"a\":0,\"b\":1}", "", NULL, NULL, &t), KIN_NOT_A_MODEL); /* no special tokens */
    CHECK_EQ(open_text(tiny_vocab, "a c\n", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "b a\n", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a\n", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b c\n", NULL, NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"bos_token\":\"<none>\"}", &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"bos_token\":\"\"}", &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{", &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(NULL, NULL, "{\"model\":{}}", NULL, &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"pad_token\":7}", &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b\na b</w>", NULL, "{\"pad_token\":null}", &t), KIN_OK); /* as if not given */
    tokenizer_close(t);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"pad_token\":{\"content\":7}}", &t), KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"pad_token\":{\"content\":\"<p>\",\"single_word\":true}}", &t),
             KIN_UNSUPPORTED);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"added_tokens_decoder\":{\"9\":{\"content\":\"<p>\"}}}", &t),
             KIN_UNSUPPORTED); /* its id would be 8 */
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<p>\"}}}", &t),
             KIN_NOT_A_MODEL);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"image_token\":\"<image>\"}", &t), KIN_UNSUPPORTED);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"image_token\":{\"content\":\"<image>\"}}", &t), KIN_UNSUPPORTED);
    CHECK_EQ(open_text(tiny_vocab, "a b", NULL, "{\"split_special_tokens\":true}", &t), KIN_UNSUPPORTED);
    CHECK_EQ(open_text(tiny_vocab, "", "{\"model\":{}}", NULL, &t), KIN_NOT_A_MODEL); /* tokenizer.json counts */
    CHECK(t == NULL);
}

/* vocab.json, merges.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json */
static void check_sentence(const char *const files[6], kin_status status, const char *says)
{
    tokenizer *t = NULL;
    kin_error err = {0};
#define PART(i) files[i], files[i] ? strlen(files[i]) : 0
    kin_status got = tokenizer_open(PART(0), PART(1), PART(2), PART(3), PART(4), PART(5), &t, &err);
#undef PART
    tokenizer_close(t);
    if (!strstr(err.text, says))
        CHECK_STR(err.text, says);
    CHECK_EQ(got, status);
    CHECK(t == NULL);
}

#define SPECIALS "\"<|startoftext|>\":6,\"<|endoftext|>\":7}"
#define WHOLE(merges) "{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":4," SPECIALS ",\"merges\":" merges "}}"
#define LONG64 "0123456789012345678901234567890123456789012345678901234567890123"
#define LONG513 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 "x"
#define VOCAB_FORM "The vocabulary is not a JSON object of tokens and ids."
#define VOCAB_ID "The vocabulary has an id that is not a whole number in range."
#define MERGE_TOKEN "Merge 1 names a token that the vocabulary does not have."
#define MERGE_LINE "Merge 1 is not two tokens with a space between them."
#define MERGE_LIST "tokenizer.json: model.merges is not a list."
#define MERGE_PAIR "tokenizer.json: merge 1 is not a pair of tokens."
#define NO_MERGES(file) file " has no merges, so every word would fall apart into its letters: fetch it again."
#define NOT_MADE(file, n, token) file " has no merge for " n " tokens, such as " token ": it was cut short"
#define ADDED_ID "An added token's id is not a whole number."

/* One file or token wrong each: the sentence says which, not what comes of it later. */
void test_tokenize_says_what_is_wrong(void)
{
    static const struct {
        const char *vocab, *merges, *json, *config, *map, *added, *says;
        kin_status status;
    } cases[] = {
        {.vocab = "[0,1]", .says = VOCAB_FORM},
        {.vocab = "{\"a\":0}", .says = VOCAB_FORM},
        {.vocab = "{\"a\":0,\"b\":2097152}", .says = VOCAB_ID},
        {.vocab = "{\"a\":0,\"b\":2097151}", .says = "The vocabulary does not have its own bos_token."},
        {.vocab = "{\"a\":0,\"b\":\"1\"}", .says = VOCAB_ID},
        {.vocab = "{\"a\":0,\"\":1}", .says = "The vocabulary has an empty token, or gives id 1 twice."},
        {.vocab = "{\"a\":0,\"b\":0}", .says = "The vocabulary has an empty token, or gives id 0 twice."},
        {.vocab = "{\"a\":0,\"a\":1}", .says = "The vocabulary has a token twice."},
        {.vocab = "{\"b\":0,\"ab\":1," SPECIALS, .merges = "a b", .says = MERGE_TOKEN},
        {.vocab = "{\"a\":0,\"ab\":1," SPECIALS, .merges = "a b", .says = MERGE_TOKEN},
        {.vocab = "{\"a\":0,\"b\":1," SPECIALS, .merges = "a b", .says = MERGE_TOKEN},
        {.merges = "ab", .says = MERGE_LINE},
        {.merges = " b", .says = MERGE_LINE},
        {.merges = "a ", .says = MERGE_LINE},
        {.merges = "a b c", .says = MERGE_LINE},
        {.merges = "", .says = NO_MERGES("merges.txt")},
        {.merges = "#version: 0.2\n\r\n", .says = NO_MERGES("merges.txt")},
        {.merges = "#version: 0.2", .says = NO_MERGES("merges.txt")},
        {.merges = "a b", .json = WHOLE("[]"), .says = NO_MERGES("tokenizer.json")},
        {.json = "{", .says = "tokenizer.json is not valid JSON"},
        {.json = "{\"model\":{\"vocab\":[0,1],\"merges\":[]}}", .says = VOCAB_FORM},
        {.json = WHOLE("{}"), .says = MERGE_LIST},
        {.json = WHOLE("[7]"), .says = MERGE_PAIR},
        {.json = WHOLE("[\"" LONG513 "\"]"), .says = MERGE_PAIR},
        {.json = WHOLE("[[\"" LONG513 "\",\"b\"]]"), .says = MERGE_PAIR},
        {.json = WHOLE("[[\"a\",\"" LONG513 "\"]]"), .says = MERGE_PAIR},
        {.json = WHOLE("[[\"a\",7]]"), .says = MERGE_PAIR},
        {.json = WHOLE("[[\"a\",\"b\",\"c\"]]"), .says = MERGE_PAIR},
        {.json = WHOLE("[[\"b\",\"a\"]]"), .says = MERGE_TOKEN},
        {.json = WHOLE("[\"ab\"]"), .says = MERGE_LINE},
        {.vocab = "{", .says = "vocab.json is not valid JSON"},
        {.config = "{", .says = "tokenizer_config.json is not valid JSON"},
        {.map = "{", .says = "special_tokens_map.json is not valid JSON"},
        {.added = "{", .says = "added_tokens.json is not valid JSON"},
        {.config = "null", .says = "tokenizer_config.json is not a JSON object."},
        {.map = "[]", .says = "special_tokens_map.json is not a JSON object."},
        {.added = "[]", .says = "added_tokens.json is not a JSON object."},
        {.json = "7", .says = "tokenizer.json is not a JSON object."},
        {.json = "{\"model\":{\"type\":\"WordPiece\"}}",
         .status = KIN_UNSUPPORTED,
         .says = "tokenizer.json: model.type must be BPE, which CLIP's is."},
        {.merges = "a b", .says = NOT_MADE("merges.txt", "1 of the vocabulary's 8", "ab</w>")},
        {.merges = "a b</w>", .says = NOT_MADE("merges.txt", "1 of the vocabulary's 8", "ab")},
        {.vocab = "{\"a\":0,\"b\":1,\"a</w>\":2,\"ab\":3,\"aab\":4,\"bab\":5," SPECIALS,
         .merges = "a b",
         .says = NOT_MADE("merges.txt", "2 of the vocabulary's 8", "aab")},
        {.json = WHOLE("[\"a b\"]"),
         .status = KIN_UNSUPPORTED,
         .says = "The vocabulary has no token that ends a word, such as a</w>: it is not of CLIP's kind."},
        {.merges = "version https://git-lfs.github.com/spec/v1\n", .says = "merges.txt is a pointer of Git LFS, "},
        {.merges = "\xef\xbb\xbf#version: 0.2\na b\na b</w>\n", .says = "merges.txt begins with a byte order mark: "},
        {.merges = "a b\n<a b", .says = "Merge 2 names a token that the vocabulary does not have."},
        {.added = "{\"<p>\":\"8\"}", .says = ADDED_ID},
        {.json = "{\"added_tokens\":[{\"id\":\"8\",\"content\":\"<p>\"}],\"model\":{\"vocab\":{\"a\":0," SPECIALS
                 ",\"merges\":[]}}",
         .says = ADDED_ID},
        {.added = "{\"<p>\":9}",
         .status = KIN_UNSUPPORTED,
         .says = "An added token leaves a gap: it would have to have id 8."},
        {.config = "{\"added_tokens_decoder\":{\"/\":\"<p>\"}}", .says = ADDED_ID},
        {.config = "{\"added_tokens_decoder\":{\":\":\"<p>\"}}", .says = ADDED_ID},
        {.config = "{\"added_tokens_decoder\":{\"\":\"<p>\"}}", .says = ADDED_ID},
        {.config = "{\"added_tokens_decoder\":{\"0000000008\":\"<p>\"}}", .says = ADDED_ID},
        {.config = "{\"added_tokens_decoder\":{\"8\":\"\"}}",
         .says = "The special token among the added tokens is no text, or empty or too long."},
        {.config = "{\"bos_token\":\"" LONG64 LONG64 "x\"}",
         .says = "The special token bos_token is no text, or empty or too long."},
        {.config = "{\"bos_token\":\"\"}", .says = "The special token bos_token is no text, or empty or too long."},
        {.config = "{\"eos_token\":\"<x>\"}", .says = "The vocabulary does not have its own eos_token."},
        {.config = "{\"unk_token\":\"<x>\"}", .says = "The vocabulary does not have its own unk_token."},
        {.config = "{\"sep_token\":7}", .says = "The special token sep_token is no text, or empty or too long."},
        {.config = "{\"pad_token\":7}", .says = "The special token pad_token is no text, or empty or too long."},
        {.config = "{\"cls_token\":7}", .says = "The special token cls_token is no text, or empty or too long."},
        {.config = "{\"mask_token\":7}", .says = "The special token mask_token is no text, or empty or too long."},
        {.config = "{\"additional_special_tokens\":[7]}",
         .says = "The special token among the additional ones is no text, or empty or too long."},
        {.map = "{\"x_token\":\"x\"}",
         .status = KIN_UNSUPPORTED,
         .says = "The model has a x_token, which CLIP's tokenizer does not know."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *files[] = {cases[i].vocab ? cases[i].vocab : tiny_vocab,
                               cases[i].merges ? cases[i].merges : "",
                               cases[i].json,
                               cases[i].config,
                               cases[i].map,
                               cases[i].added};
        check_sentence(files, cases[i].status ? cases[i].status : KIN_NOT_A_MODEL, cases[i].says);
    }
}

/* `head`, then so many times `more`, then `tail`. */
static char *repeated(const char *head, const char *more, size_t times, const char *tail)
{
    size_t n = strlen(more), at = strlen(head);
    char *text = malloc(at + n * times + strlen(tail) + 1);
    memcpy(text, head, at);
    for (; times; times--, at += n)
        memcpy(text + at, more, n);
    strcpy(text + at, tail);
    return text;
}

/* One more of everything than there may be. */
void test_tokenize_limits(void)
{
    char *vocab = repeated("{\"a\":0", ",\"a\":0", VOCAB_MAX, "}");
    char *lines = repeated("", "\n", VOCAB_MAX, "");
    char *list = repeated("{\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[0", ",0", VOCAB_MAX, "]}}");
    check_sentence((const char *[]){vocab, "", NULL, NULL, NULL, NULL}, KIN_NOT_A_MODEL, VOCAB_FORM);
    check_sentence((const char *[]){tiny_vocab, lines, NULL, NULL, NULL, NULL}, KIN_NOT_A_MODEL,
                   "merges.txt has too many lines.");
    check_sentence((const char *[]){tiny_vocab, "", list, NULL, NULL, NULL}, KIN_NOT_A_MODEL, MERGE_LIST);
    free(vocab), free(lines), free(list);
    for (int n = SPECIALS_MAX - 1; n <= SPECIALS_MAX + 1; n++) { /* the start and the end token are two more */
        char added[4096], config[4096];
        size_t at = (size_t)sprintf(added, "{"), end = (size_t)sprintf(config, "{\"additional_special_tokens\":[");
        for (int i = 0; i < n; i++) {
            at += (size_t)sprintf(added + at, "%s\"<%d>\":%d", i ? "," : "", i, 8 + i);
            end += (size_t)sprintf(config + end, "%s\"<%d>\"", i ? "," : "", i);
        }
        strcpy(added + at, "}"), strcpy(config + end, "]}");
        check_sentence((const char *[]){tiny_vocab, "", NULL, NULL, NULL, added}, KIN_UNSUPPORTED,
                       n > SPECIALS_MAX ? "The vocabulary has more than 16 added tokens."
                                        : "The vocabulary has more than 16 special tokens.");
        check_sentence((const char *[]){tiny_vocab, "", NULL, config, NULL, NULL}, KIN_UNSUPPORTED,
                       "The vocabulary has more than 16 special tokens.");
    }
}
