/* json: an allocation-free cursor over JSON text (RFC 8259). [level 1]
 *
 * The text is borrowed and need not be NUL-terminated. json_open validates the whole text once
 * (syntax, UTF-8, nesting), so the accessors below cannot fail on syntax later.
 * A json value cannot outlive the text it points into. Duplicate keys: the validator refuses them
 * only where json_check_keys is asked for (safetensors headers). */
#ifndef KIN_JSON_H
#define KIN_JSON_H
#include "base.h"

enum { JSON_MAX_DEPTH = 64 /* of nesting */, JSON_MAX_NUMBER = 63 /* bytes */ };

typedef enum json_type {
    JSON_ABSENT, /* no such member or element */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_type;

typedef struct json {
    json_type type;
    const char *at;  /* first byte of the value */
    const char *end; /* one past its last byte */
} json;

/* Validates text[0..n) and returns its one value. `what` names the file in the error sentence.
 * status: KIN_NOT_A_MODEL on any violation. */
kin_status json_open(const char *text, size_t n, const char *what, json *out, kin_error *err);

/* True if the bytes are UTF-8 (no surrogates, none longer than it need be). */
bool json_utf8(const char *text, size_t n);

/* Object member by key (plain UTF-8, compared after unescaping); JSON_ABSENT when missing or when
 * `object` is no object. Last of duplicates, as in JavaScript and Python. */
json json_get(json object, const char *key);

/* Iteration: for (json it = json_first(v); it.type; it = json_next(v, it)). In an object the
 * iterator is the VALUE and json_key(object, it) is its key. */
json json_first(json container);
json json_next(json container, json item);
json json_key(json object, json item);
size_t json_length(json container); /* members or elements; O(bytes) */

/* Number as double (false if not a number, beyond a double or longer than JSON_MAX_NUMBER); as a whole
 * number 0..2^53-1 (false if not one: 2^53 is also what 2^53+1 reads as). */
bool json_number(json value, double *out);
bool json_u64(json value, uint64_t *out);
/* Unescapes a string into out[0..cap) and returns its full length in bytes (may exceed cap; no
 * NUL is written). Lone surrogates become U+FFFD. SIZE_MAX if the value is not a string. */
size_t json_string(json value, char *out, size_t cap);
/* True if value is a string equal to the NUL-terminated text. */
bool json_equals(json value, const char *text);

/* KIN_OK if no object inside `value` (itself included) has two equal keys, KIN_BAD_ARGUMENT if one has;
 * KIN_OUT_OF_MEMORY. O(n log n) in keys, and one pass over the bytes whatever the nesting. */
kin_status json_check_keys(json value);

/* JSON written into one growing buffer. After a failed allocation `failed` is set and the rest does
 * nothing; text is not NUL-terminated unless the caller adds it (json_out_rawn(o, "", 1)). */
struct json_out {
    char *text;
    size_t n, room;
    bool failed;
};
void json_out_init(struct json_out *o);
void json_out_free(struct json_out *o);
void json_out_raw(struct json_out *o, const char *text);
void json_out_rawn(struct json_out *o, const char *text, size_t n);
void json_out_string(struct json_out *o, const char *utf8, size_t n); /* quoted, minimal escapes */
void json_out_u64(struct json_out *o, uint64_t value);
/* Doubles as ECMAScript's Number::toString writes them (RFC 8785); what is not finite as null. */
void json_out_number(struct json_out *o, double value);
#endif
