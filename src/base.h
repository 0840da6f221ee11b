/* base: status codes, error text and small helpers that every other file may use. [level 0]
 *
 * A function that can fail returns a kin_status and writes its outputs last; on failure it has put
 * one sentence (what, where, how to mend it) into the kin_error it was given. Nothing here prints,
 * exits or keeps state of its own. */
#ifndef KIN_BASE_H
#define KIN_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(constant, name): the name is the `code` of the KinError that JavaScript throws. */
#define KIN_STATUSES(X)                                         \
    X(KIN_OK, "ok")                                             \
    X(KIN_MORE, "more") /* not an error: call kin_step again */ \
    X(KIN_OUT_OF_MEMORY, "out-of-memory")                       \
    X(KIN_BAD_ARGUMENT, "bad-argument")                         \
    X(KIN_NOT_A_MODEL, "not-a-model")                           \
    X(KIN_NOT_A_CATALOG, "not-a-catalog")                       \
    X(KIN_NOT_A_PACK, "not-a-pack")                             \
    X(KIN_NOT_AN_ADAPTER, "not-an-adapter")                     \
    X(KIN_UNSUPPORTED, "unsupported")                           \
    X(KIN_UNSUPPORTED_IMAGE, "unsupported-image")               \
    X(KIN_BAD_IMAGE, "bad-image")                               \
    X(KIN_TRUNCATED_IMAGE, "truncated-image")                   \
    X(KIN_TOO_LARGE, "too-large")                               \
    X(KIN_MODEL_MISMATCH, "model-mismatch")

typedef enum kin_status {
#define X(constant, name) constant,
    KIN_STATUSES(X)
#undef X
} kin_status;

/* The last error of a call: a status and one NUL-terminated UTF-8 sentence. The caller owns it. */
typedef struct kin_error {
    kin_status status;
    char text[400];
} kin_error;

/* Returns the JavaScript code of a status, e.g. "too-large"; static storage. */
const char *kin_status_name(kin_status status);

/* Fills *err and returns `status`. Formats: %s, %.*s, %d (int), %u (unsigned), %llu, %%.
 * Longer text is cut; bytes below 32 are written as '?', so hostile names cannot forge lines. */
kin_status kin_fail(kin_error *err, kin_status status, const char *format, ...);

/* What a file is that is not what it should be, as the sentence about it goes on; NULL where its beginning does not show it. */
const char *other_file(const char *bytes, size_t n);

/* Leaves the calling function with the status of `call` unless that is KIN_OK. */
#define TRY(call)                        \
    do {                                 \
        kin_status try_status_ = (call); \
        if (try_status_ != KIN_OK)       \
            return try_status_;          \
    } while (0)

/* a*b in 64 bits; false (and *out untouched) when the result does not fit. */
static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) { return !__builtin_mul_overflow(a, b, out); }
/* Copies a NUL-terminated text to `at`, which has room; returns where its NUL lies. */
static inline char *append_text(char *at, const char *text)
{
    while ((*at = *text++))
        at++;
    return at;
}
static inline size_t align_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
#endif
