/* vocabulary: the files that a tokenizer is made of, and the tables that encoding looks things up in. [level 3]
 *
 * Read-only after tokenizer_open. */
#ifndef KIN_VOCABULARY_H
#define KIN_VOCABULARY_H
#include "json.h"

typedef struct tokenizer tokenizer;

/* tokenizer.json, or where there is none (NULL, 0) vocab.json + merges.txt; the last three files may be NULL.
 * The texts are only read during the call.
 *
 * Special tokens are those with a role (bos, eos, unk, sep, pad, cls, mask), the added and the additional
 * ones, as in the reference: special_tokens_map.json counts before tokenizer_config.json unless that has
 * an added_tokens_decoder; without that, added tokens are those of added_tokens.json and tokenizer.json, by id; one that is "normalized" is cut from the normalised text instead of the raw
 * text, so it also stands for its spellings in capitals (the published CLIP folders have such a start
 * token); one that the vocabulary lacks gets the next id, but start, end and unknown token have to be
 * there. Every entry must be a unit, such a token or what a merge makes. "lstrip" and "rstrip" change no id. "single_word", a role of another name and split_special_tokens are KIN_UNSUPPORTED. */
kin_status tokenizer_open(const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          const char *added_tokens, size_t added_n, tokenizer **out, kin_error *err);
void tokenizer_close(tokenizer *t);

/* RFC 8785 JSON of what decides the ids: context, merges, special tokens by role (with "added" and
 * "normalized" lists only where there are such), vocabulary. Returns its length, 0 when memory is
 * short; writes at most cap bytes. */
size_t tokenizer_canonical_json(const tokenizer *t, int context, char *out, size_t cap);

/* ---- for tokenize.c ------------------------------------------------------------------------ */

enum { VOCAB_MAX = 1 << 20, SPECIALS_MAX = 16, SPECIAL_BYTES = 128 }; /* VOCAB_MAX: tokens, and merges */

struct token {
    uint32_t at, n; /* bytes in `text`; n = 0: no token has this id */
};

struct merge {
    int32_t left, right, merged;
};

/* A token cut out of the text before it is split: from the raw text, or, where its file says
 * "normalized", from the normalised one. */
struct special {
    int32_t id;
    bool normalized, listed; /* listed: by the files' list of added tokens, which no role overrules */
    uint8_t spellings;       /* bit per way in which the files gave it */
    uint32_t text_n, n;
    char text[SPECIAL_BYTES];
    uint32_t point[2 * SPECIAL_BYTES]; /* [n] what to look for, code points */
};

struct tokenizer {
    char *text;           /* all tokens' bytes, one after the other */
    struct token *tokens; /* by id */
    int n_tokens;         /* largest id + 1 */
    int n_vocab;          /* entries of the vocabulary */
    int32_t *by_text;     /* hash table of ids, -1 empty, size a power of two */
    uint32_t text_mask;
    struct merge *merges; /* by rank */
    int n_merges;
    int32_t *by_pair; /* hash table of ranks */
    uint32_t pair_mask;
    int32_t unit[256], unit_end[256];      /* byte -> id of its unit, without and with "</w>" */
    int32_t start, end, unknown, pad;      /* ids */
    struct special specials[SPECIALS_MAX]; /* by id */
    int n_specials;
};

int32_t vocabulary_find(const tokenizer *t, const char *p, size_t n);      /* id of a token's bytes, -1: none */
int32_t vocabulary_merge(const tokenizer *t, int32_t left, int32_t right); /* rank of the pair, -1: none */

/* UTF-8 s[0..n) as code points into out, which has room for n; returns their number. */
size_t text_points(const char *s, size_t n, uint32_t *out);
/* NFC, each run of white space one space, lower case: c[0..n) into out, which has room for 4 n + 8.
 * Returns the length. */
size_t text_normalise(const uint32_t *c, size_t n, uint32_t *out);
#endif
