/* kin-native: pictures and texts in on standard input, vectors out on standard output, in order.
 *
 *   frame = u32 n (bytes that follow) | u32 id | u8 type | payload; little-endian
 *   to it    1 u8 fit | bytes of a JPEG or PNG         2 u8 fit | u32 width | u32 height | u8 channels | pixels
 *            3 text in UTF-8
 *   from it  130 JSON, first, id 0: it is ready        128 dim x f32        129 JSON { code, message }
 *
 * One answer for each question. It ends when its input does: exit 0; 1: it could not start, or the input is no
 * such frames (a sentence on standard error); 2: usage. The bits are those of the WebAssembly engine. */
#include "kin_native.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Frames are written as they lie in memory: this machine would have to be little-endian."
#endif

enum { FRAME_MOST = 512 << 20, HEAD = 9 };
enum { PICTURE = 1, PIXELS = 2, TEXT = 3, VECTOR = 128, FAILED = 129, READY = 130 };

static const char usage[] =
    "Usage: kin-native embed --model <folder> [--dtype q8|f32] [--threads N] [--kernels NAME]\n"
    "       kin-native kernels\n"
    "\n"
    "embed answers frames on standard input with frames on standard output; docs/native.md describes\n"
    "them. kernels lists the integer kernels of this program and whether they run here; embed takes\n"
    "the first that does, or the one named.\n";

struct options {
    const char *model, *kernels;
    int dtype, threads;
};

struct session {
    kin_ctx *ctx;
    const struct options *options;
    bool has_text; /* the text tower is loaded, at the first text */
    size_t picture_most;
};

/* ---- bytes ----------------------------------------------------------------------------------------- */

/* How many of n bytes came before the end; -1: they could not be read. */
static ssize_t read_all(uint8_t *out, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t some = read(STDIN_FILENO, out + at, n - at);
        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return -1;
        if (some == 0)
            break;
        at += (size_t)some;
    }
    return (ssize_t)at;
}

static bool write_all(const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t some = write(STDOUT_FILENO, (const uint8_t *)bytes + at, n - at);
        if (some < 0 && errno != EINTR)
            return false;
        at += some > 0 ? (size_t)some : 0;
    }
    return true;
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool answer(uint32_t id, uint8_t type, const void *payload, size_t n)
{
    uint8_t head[HEAD];
    uint32_t all = (uint32_t)n + 5;
    memcpy(head, &all, 4);
    memcpy(head + 4, &id, 4);
    head[8] = type;
    return write_all(head, HEAD) && write_all(payload, n);
}

static bool answer_error(uint32_t id, kin_status status, const char *message)
{
    char out[1024], *at = out + snprintf(out, 64, "{\"code\":\"%s\",\"message\":\"", kin_status_name(status));
    for (; *message && at < out + sizeof out - 8; message++) { /* no byte of a sentence is below 32 (kin_fail) */
        if (*message == '"' || *message == '\\')
            *at++ = '\\';
        *at++ = *message;
    }
    memcpy(at, "\"}", 2);
    return answer(id, FAILED, out, (size_t)(at + 2 - out));
}

/* ---- questions ------------------------------------------------------------------------------------- */

/* Runs what was begun to its end. */
static kin_status run(kin_ctx *ctx, kin_status begun)
{
    TRY(begun);
    kin_status status;
    while ((status = kin_step(ctx)) == KIN_MORE)
        ;
    return status;
}

/* A status of a call on the context, its sentence brought along. */
static kin_status from_context(kin_ctx *ctx, kin_status status, kin_error *err)
{
    return status == KIN_OK ? KIN_OK : kin_fail(err, status, "%s", kin_error_text(ctx));
}

static kin_status hold_pixels(struct session *s, const uint8_t *p, size_t n, kin_error *err)
{
    enum { SIZES = 9 };
    if (n < SIZES)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A picture as pixels begins with its width, height and channels.");
    uint32_t width = u32_at(p), height = u32_at(p + 4), channels = p[8];
    uint64_t bytes = (uint64_t)width * height; /* below 2^64; times channels only once it is small */
    if (width < 1 || height < 1 || (channels != 3 && channels != 4) || bytes > FRAME_MOST ||
        bytes * channels != n - SIZES)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A picture as pixels holds width x height x 3 or 4 bytes.");
    return from_context(s->ctx, kin_image_raw(s->ctx, p + SIZES, (int)width, (int)height, (int)channels, NULL, 0), err);
}

static kin_status embed_picture(struct session *s, uint8_t type, const uint8_t *p, size_t n, kin_error *err)
{
    if (n < 1 || p[0] > KIN_PAD)
        return kin_fail(err, KIN_BAD_ARGUMENT, "A picture begins with its fit: 0 crop, 1 pad.");
    int fit = p[0];
    if (type == PIXELS)
        TRY(hold_pixels(s, p + 1, n - 1, err));
    else if (n - 1 > s->picture_most)
        return kin_fail(err, KIN_TOO_LARGE, "The picture is larger than %d MiB.", (int)(s->picture_most >> 20));
    else
        TRY(from_context(s->ctx, kin_image_decode(s->ctx, p + 1, n - 1), err));
    TRY(from_context(s->ctx, kin_image_prepare(s->ctx, 0, 0, 1, 1, fit), err));
    return from_context(s->ctx, run(s->ctx, kin_image_begin(s->ctx)), err);
}

static kin_status embed_text(struct session *s, const uint8_t *p, size_t n, kin_error *err)
{
    if (!s->has_text)
        TRY(kin_model_load(s->ctx, s->options->model, KIN_TEXT, s->options->dtype, err));
    s->has_text = true;
    TRY(from_context(s->ctx, kin_tokenize(s->ctx, (const char *)p, n), err));
    TRY(from_context(s->ctx, kin_text_add(s->ctx), err));
    return from_context(s->ctx, run(s->ctx, kin_text_begin(s->ctx)), err);
}

static bool answer_question(struct session *s, uint32_t id, uint8_t type, const uint8_t *p, size_t n)
{
    kin_error err;
    kin_status status = type == PICTURE || type == PIXELS ? embed_picture(s, type, p, n, &err)
                        : type == TEXT ? embed_text(s, p, n, &err)
                                       : kin_fail(&err, KIN_BAD_ARGUMENT, "There is no question of type %d.", type);
    if (status != KIN_OK)
        return answer_error(id, status, err.text);
    return answer(id, VECTOR, kin_embedding(s->ctx), (size_t)kin_columns(s->ctx) * sizeof(float));
}

static int stop(const char *why)
{
    fprintf(stderr, "kin-native: %s\n", why);
    return 1;
}

/* Until the input ends, or is cut in a frame: then nobody waits for an answer. */
static int serve(struct session *s)
{
    uint8_t head[HEAD], *payload = NULL;
    size_t room = 0;
    int code = 0;
    for (ssize_t got; code == 0 && (got = read_all(head, HEAD)) != 0;) {
        uint32_t all = got == HEAD ? u32_at(head) : 0;
        if (all < 5 || all > FRAME_MOST) {
            code = stop("standard input holds no frames: start it by a program that speaks its protocol.");
            break;
        }
        size_t n = all - 5;
        if (n > room) {
            free(payload);
            payload = malloc(room = n);
        }
        if (n && !payload)
            code = stop("not enough memory for a picture.");
        else if (read_all(payload, n) != (ssize_t)n)
            code = stop("standard input ended within a frame.");
        else if (!answer_question(s, u32_at(head + 4), head[8], payload, n))
            code = stop("standard output is closed.");
    }
    free(payload);
    return code;
}

/* ---- start ----------------------------------------------------------------------------------------- */

static kin_status use_kernels(kin_ctx *ctx, const char *name, kin_error *err)
{
    for (int i = 0; kin_kernels_exact(i) >= 0; i++)
        if (!strcmp(kin_kernels_name(i), name))
            return from_context(ctx, kin_use_kernels(ctx, i), err);
    return kin_fail(err, KIN_BAD_ARGUMENT, "There are no kernels '%s': kin-native kernels lists them.", name);
}

static int list_kernels(void)
{
    for (int i = 0, exact; (exact = kin_kernels_exact(i)) >= 0; i++)
        printf("%s\t%s\n", kin_kernels_name(i), exact ? "exact here" : "not for this machine");
    return 0;
}

/* A number of kin_facts, which has none twice. */
static size_t limit(const char *name)
{
    size_t n = kin_facts(NULL, 0), found = 0;
    char *facts = malloc(n), *at = facts && kin_facts(facts, n) == n ? strstr(facts, name) : NULL;
    if (at)
        found = strtoul(at + strlen(name), NULL, 10);
    free(facts);
    return found;
}

/* The text tower's id is null: it is loaded only for a text. */
static kin_status open_session(struct session *s, kin_error *err)
{
    const struct options *o = s->options;
    s->picture_most = limit("\"pictureBytes\":");
    if (!s->ctx || !s->picture_most)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to start.");
    if (o->kernels)
        TRY(use_kernels(s->ctx, o->kernels, err));
    TRY(kin_model_open(s->ctx, o->model, err));
    TRY(kin_model_load(s->ctx, o->model, KIN_IMAGE, o->dtype, err));
    return from_context(s->ctx, kin_identify(s->ctx, KIN_IMAGE), err);
}

/* The value of a string of kin_info, whose texts need no escapes. */
static int text_of(const char *info, const char *key, const char **value)
{
    const char *at = strstr(info, key);
    *value = at ? at + strlen(key) : "";
    return (int)strcspn(*value, "\"");
}

static bool say_hello(const struct session *s)
{
    char out[512];
    const char *kernels, *id, *info = kin_info(s->ctx);
    int kernels_n = text_of(info, "\"kernels\":\"", &kernels), id_n = text_of(info, "\"id\":\"", &id);
    int n = snprintf(out, sizeof out,
                     "{\"numerics\":%d,\"dim\":%d,\"ids\":{\"image\":\"%.*s\",\"text\":null},\"kernels\":\"%.*s\","
                     "\"decoder\":\"own\"}",
                     KIN_NUMERICS, kin_dim(s->ctx, KIN_IMAGE), id_n, id, kernels_n, kernels);
    return answer(0, READY, out, (size_t)n);
}

static int embed(const struct options *o)
{
    kin_error err;
    struct session s = {.options = o, .ctx = kin_open()};
    kin_team *team = o->threads > 1 ? kin_team_open(o->threads) : NULL;
    int code = open_session(&s, &err) != KIN_OK ? stop(err.text)
               : o->threads > 1 && !team        ? stop("threads could not be started.")
                                                : 0;
    if (code == 0 && team)
        kin_use_pool(s.ctx, kin_team_pool(team));
    if (code == 0)
        code = say_hello(&s) ? serve(&s) : stop("standard output is closed.");
    kin_close(s.ctx);
    kin_team_close(team);
    return code;
}

static int wrong(const char *what, const char *which)
{
    fprintf(stderr, "kin-native: %s%s\n\n%s", what, which, usage);
    return 2;
}

static bool read_number(const char *text, int *out)
{
    char *end;
    long n = strtol(text, &end, 10);
    *out = (int)n;
    return *text && !*end && n >= 1 && n <= (long)limit("\"threads\":");
}

static int read_embed(int n, char **args)
{
    struct options o = {.dtype = KIN_Q8, .threads = 1};
    for (int i = 0; i < n; i += 2) {
        const char *name = args[i], *value = i + 1 < n ? args[i + 1] : NULL;
        bool model = !strcmp(name, "--model"), dtype = !strcmp(name, "--dtype"), threads = !strcmp(name, "--threads"),
             kernels = !strcmp(name, "--kernels");
        if (!model && !dtype && !threads && !kernels)
            return wrong("there is no option ", name);
        if (!value)
            return wrong("a value is missing after ", name);
        if (model)
            o.model = value;
        else if (kernels)
            o.kernels = value;
        else if (threads && !read_number(value, &o.threads))
            return wrong("--threads takes a whole number from 1 to 16, not ", value);
        else if (dtype && strcmp(value, "q8") && strcmp(value, "f32"))
            return wrong("--dtype takes q8 or f32, not ", value);
        else if (dtype)
            o.dtype = strcmp(value, "q8") ? KIN_F32 : KIN_Q8;
    }
    return o.model && *o.model ? embed(&o) : wrong("embed needs --model and a folder", "");
}

int main(int n, char **args)
{
    if (n > 1 && (!strcmp(args[1], "--help") || !strcmp(args[1], "-h"))) {
        fputs(usage, stdout);
        return 0;
    }
    if (n == 2 && !strcmp(args[1], "kernels"))
        return list_kernels();
    if (n > 2 && !strcmp(args[1], "kernels"))
        return wrong("kernels takes nothing, not ", args[2]);
    if (n < 2 || strcmp(args[1], "embed"))
        return wrong(n < 2 ? "a command is missing: embed or kernels" : "there is no command ", n < 2 ? "" : args[1]);
    return read_embed(n - 2, args + 2);
}
