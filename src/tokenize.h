/* tokenize: text -> token ids, CLIP's byte-pair encoding as CLIPTokenizer has it. [level 3]
 *
 *   text -> special tokens cut out of the raw text (exact case) -> NFC -> each run of white space one
 *   space -> lower case per code point -> CLIP's split (contractions, letters, single numbers, other)
 *   -> the byte-level split of each piece -> bytes as units, "</w>" on the last -> merges by rank
 *
 * Merging is O(n log n) in the length of a piece: candidate pairs by rank (the units' own sorted once,
 * those of merges in a heap) over a linked list. A tokenizer is read-only after tokenizer_open. */
#ifndef KIN_TOKENIZE_H
#define KIN_TOKENIZE_H
#include "json.h"

typedef struct tokenizer tokenizer;

/* vocab.json + merges.txt, or tokenizer.json (the others NULL, 0); the last two files may be NULL.
 * The texts are only read during the call.
 *
 * Special tokens are those with a role (bos, eos, unk, sep, pad, cls, mask), the added and the additional
 * ones, as in the reference: special_tokens_map.json counts before tokenizer_config.json unless that has
 * an added_tokens_decoder; one that is "normalized" is cut from the normalised text instead of the raw
 * text, so it also stands for its spellings in capitals (the published CLIP folders have such a start
 * token); one that the vocabulary lacks gets the next id, but start, end and unknown token have to be
 * there. "lstrip" and "rstrip" change no id. "single_word" is KIN_UNSUPPORTED. */
kin_status tokenizer_open(const char *vocab_json, size_t vocab_n, const char *merges_txt, size_t merges_n,
                          const char *tokenizer_json, size_t tokenizer_n, const char *tokenizer_config,
                          size_t tokenizer_config_n, const char *special_tokens_map, size_t special_n,
                          tokenizer **out, kin_error *err);
void tokenizer_close(tokenizer *t);

/* ids[0..*count): start token, the text's tokens, end token; at most `context` (>= 2) of them, the
 * end token kept. Text is UTF-8 of any length up to 8 MB, NUL included; what is not UTF-8 counts as
 * U+FFFD. */
kin_status tokenizer_encode(const tokenizer *t, const char *utf8, size_t n, int context, int32_t *ids,
                            int *count, kin_error *err);

/* RFC 8785 JSON of what decides the ids: context, merges, special tokens by role (with "added" and
 * "normalized" lists only where there are such), vocabulary. Returns its length, 0 when memory is
 * short; writes at most cap bytes. */
size_t tokenizer_canonical_json(const tokenizer *t, int context, char *out, size_t cap);
#endif
