/* unicode: the three questions the tokenizer asks of a code point. [level 1]
 *
 * The answers are those of the pinned reference (tools/unicode_tables.py), whose parts differ in
 * their Unicode versions; no library of this machine is asked. */
#ifndef KIN_UNICODE_H
#define KIN_UNICODE_H
#include "base.h"

enum unicode_class { UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER, UNICODE_SPACE };
enum unicode_class unicode_clip_class(uint32_t c); /* in CLIP's splitting expression */
enum unicode_class unicode_byte_class(uint32_t c); /* in the byte-level one */

/* Lower case of one code point; U+0130 alone becomes two. Returns their number. */
int unicode_lower(uint32_t c, uint32_t out[2]);

/* Normalisation form C of c[0..n) into out, which has room for 4 n + 8; returns the length. */
size_t unicode_nfc(const uint32_t *c, size_t n, uint32_t *out);

/* Next code point of s[0..n), n > 0; *used bytes. What is not UTF-8 is U+FFFD: an encoded surrogate
 * (three bytes) as one, any other stray byte each as one. */
uint32_t unicode_next(const uint8_t *s, size_t n, size_t *used);
/* UTF-8 of c into out, returns its length 1 … 4. */
int unicode_put(uint32_t c, uint8_t out[4]);
#endif
