/* tokenize: text -> token ids, CLIP's byte-pair encoding as CLIPTokenizer has it. [level 4]
 *
 *   text -> special tokens cut out of the raw text (exact case) -> NFC -> each run of white space one
 *   space -> lower case per code point -> CLIP's split (contractions, letters, single numbers, other)
 *   -> the byte-level split of each piece -> bytes as units, "</w>" on the last -> merges by rank
 *
 * Merging is O(n log n) in the length of a piece: candidate pairs by rank (the units' own sorted once,
 * those of merges in a heap) over a linked list. */
#ifndef KIN_TOKENIZE_H
#define KIN_TOKENIZE_H
#include "vocabulary.h"

enum { TEXT_MAX_BYTES = 8 << 20 };

/* ids[0..*count): start token, the text's tokens, end token; at most `context` (>= 2) of them, the
 * end token kept. Text is UTF-8 of any length up to TEXT_MAX_BYTES, NUL included; what is not UTF-8 counts as
 * U+FFFD. */
kin_status tokenizer_encode(const tokenizer *t, const char *utf8, size_t n, int context, int32_t *ids, int *count,
                            kin_error *err);

#endif
