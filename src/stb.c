/* stb: the one file that compiles stb_image, cut down to JPEG and PNG.
 *
 * The same file must give the same pixels on every machine. Hence STBI_NO_SIMD, whose paths round
 * differently from the plain C, and zeroed memory, for what a damaged JPEG leaves undecided. */
#include "stb.h"
#include <stdlib.h>
#include <string.h>
#define STBI_MALLOC(n) calloc(1, n)
#define STBI_REALLOC(p, n) realloc(p, n)
#define STBI_FREE(p) free(p)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
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
#include <stb_image.h>

static int read_some(void *user, char *out, int n)
{
    struct stb_source *s = user;
    size_t left = s->n - s->at, some = n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;
    if (n > 0 && left == 0)
        s->starved = true;
    memcpy(out, s->bytes + s->at, some);
    s->at += some;
    return (int)some;
}

static void skip(void *user, int n)
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

static int at_end(void *user)
{
    struct stb_source *s = user;
    return s->at >= s->n;
}

uint8_t *stb_decode(struct stb_source *source, int channels, int *width, int *height)
{
    static const stbi_io_callbacks callbacks = {read_some, skip, at_end};
    int in_file;
    return stbi_load_from_callbacks(&callbacks, source, width, height, &in_file, channels);
}
