/* stb_config: what both files that compile stb_image set before they include it. [level 2]
 *
 * The same file must give the same pixels on every machine. Hence STBI_NO_SIMD, whose paths round
 * differently from the plain C, and zeroed memory, for what a damaged JPEG leaves undecided. The
 * callbacks tell when the decoder asks for more than there is. */
#ifndef KIN_STB_CONFIG_H
#define KIN_STB_CONFIG_H
#include "stb.h"
#include <stdlib.h>
#include <string.h>
#define STBI_MALLOC(n) calloc(1, n)
#define STBI_REALLOC(p, n) realloc(p, n)
#define STBI_FREE(p) free(p)
#define STBI_NO_SIMD
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_FAILURE_STRINGS
#define STBI_NO_THREAD_LOCALS
#define STBI_MAX_DIMENSIONS 65535
#define STBI_ASSERT(x) ((void)0)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#endif

static int stb_read(void *user, char *out, int n)
{
    struct stb_source *s = user;
    size_t left = s->n - s->at, some = n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;
    if (n > 0 && left == 0)
        s->starved = true;
    memcpy(out, s->bytes + s->at, some);
    s->at += some;
    return (int)some;
}

static void stb_skip(void *user, int n)
{
    struct stb_source *s = user;
    size_t left = s->n - s->at;
    if (n < 0) { /* stb steps back over what it has read ahead */
        size_t back = (size_t)(-(int64_t)n);
        s->at = back < s->at ? s->at - back : 0;
        return;
    }
    if ((size_t)n > left)
        s->starved = true;
    s->at += (size_t)n < left ? (size_t)n : left;
}

static int stb_at_end(void *user)
{
    struct stb_source *s = user;
    return s->at >= s->n;
}
#endif
