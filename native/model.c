/* model: a model's folder into a context, by the rules of web/worker/model.js: which files there are, and in which
 * order they are looked for. manifest.json is not asked: what is cut short shows by its own header and checksums. */
#include "kin_native.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MOST = 64 << 20, PIECE = 1 << 20, NAME_MOST = 200, SHARDS_MOST = 10000 };
static const char open_clip_config[] = "open_clip_config.json";

struct text {
    char *at; /* malloc'ed; NULL where there is no such file */
    size_t n;
};

/* A status of a call on the context, its sentence brought along. */
static kin_status from_context(kin_ctx *ctx, kin_status status, kin_error *err)
{
    return status == KIN_OK ? KIN_OK : kin_fail(err, status, "%s", kin_error_text(ctx));
}

/* The same of what a file holds. */
static kin_status of_file(kin_ctx *ctx, kin_status status, const char *name, kin_error *err)
{
    return status == KIN_OK ? KIN_OK : kin_fail(err, status, "%s: %s", name, kin_error_text(ctx));
}

static bool slash_ends(const char *folder)
{
    size_t n = strlen(folder);
    return n && folder[n - 1] == '/';
}

/* A regular file, or NULL and errno: a pipe would keep us for ever. */
static FILE *open_regular(const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    bool regular = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    FILE *file = regular ? fdopen(fd, "rb") : NULL;
    if (!file)
        close(fd);
    errno = regular ? errno : 0;
    return file;
}

/* *out is NULL where there is no such file. */
static kin_status open_file(const char *folder, const char *name, FILE **out, kin_error *err)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    *out = NULL;
    if (!path)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to open %s.", name);
    snprintf(path, room, "%s%s%s", folder, slash_ends(folder) ? "" : "/", name);
    *out = open_regular(path);
    int why = errno;
    free(path);
    if (*out || why == ENOENT || why == ENOTDIR)
        return KIN_OK;
    return kin_fail(err, KIN_NOT_A_MODEL, "%s of %s cannot be read (%s).", name, folder,
                    why ? strerror(why) : "it is not a regular file");
}

static kin_status broken_off(const char *folder, const char *name, kin_error *err)
{
    return kin_fail(err, KIN_NOT_A_MODEL, "%s of %s cannot be read to its end.", name, folder);
}

static kin_status read_file(const char *folder, const char *name, struct text *out, kin_error *err)
{
    FILE *file;
    *out = (struct text){0};
    TRY(open_file(folder, name, &file, err));
    if (!file)
        return KIN_OK;
    kin_status status = KIN_OK;
    size_t room = 0;
    for (;;) {
        if (out->n == room) {
            room = room ? 2 * room : 1 << 16;
            char *more = room <= CONFIG_MOST ? realloc(out->at, room) : NULL;
            if (!more) {
                status = room <= CONFIG_MOST
                             ? kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory for %s.", name)
                             : kin_fail(err, KIN_TOO_LARGE, "%s is larger than %d MiB.", name, CONFIG_MOST >> 20);
                break;
            }
            out->at = more;
        }
        size_t n = fread(out->at + out->n, 1, room - out->n, file);
        if (n == 0)
            break;
        out->n += n;
    }
    if (status == KIN_OK && ferror(file))
        status = broken_off(folder, name, err);
    fclose(file);
    if (status != KIN_OK) {
        free(out->at);
        *out = (struct text){0};
    }
    return status;
}

static kin_status missing(const char *folder, const char *what, kin_error *err)
{
    return kin_fail(err, KIN_NOT_A_MODEL, "%s has no %s: is it the folder of a CLIP model?", folder, what);
}

/* Whether a member of that name has a value that begins so. */
static bool holds(struct text in, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    for (size_t at = 0; at + n <= in.n; at++) {
        if (memcmp(in.at + at, name, n) != 0)
            continue;
        size_t next = at + n;
        while (next < in.n && memchr(" \t\r\n:", in.at[next], 5))
            next++;
        if (next + m <= in.n && memcmp(in.at + next, value, m) == 0)
            return true;
    }
    return false;
}

/* The configuration, and whether it is open_clip's. Beside that a config.json may be of other code. */
static kin_status read_config(const char *folder, struct text *config, bool *open_clip, kin_error *err)
{
    struct text other;
    TRY(read_file(folder, "config.json", config, err));
    *open_clip = false;
    if (config->at && holds(*config, "\"model_type\"", "\"clip\""))
        return KIN_OK;
    kin_status status = read_file(folder, open_clip_config, &other, err);
    *open_clip = status == KIN_OK && other.at;
    if (status != KIN_OK || *open_clip) {
        free(config->at);
        *config = other;
    }
    return status != KIN_OK || config->at ? status : missing(folder, "config.json or open_clip_config.json", err);
}

kin_status kin_model_open(kin_ctx *ctx, const char *folder, kin_error *err)
{
    struct text config;
    bool open_clip;
    TRY(read_config(folder, &config, &open_clip, err));
    kin_status status =
        of_file(ctx, kin_config(ctx, config.at, config.n), open_clip ? open_clip_config : "config.json", err);
    free(config.at);
    return status;
}

/* ---- what stands beside a tower ------------------------------------------------------------------ */

static kin_status load_preprocessing(kin_ctx *ctx, const char *folder, bool open_clip, kin_error *err)
{
    const char *name = open_clip ? open_clip_config : "processor_config.json";
    struct text rules;
    TRY(read_file(folder, name, &rules, err));
    /* it counts where it holds them, as in the reference */
    if (!open_clip && !holds(rules, "\"image_processor\"", "{")) {
        free(rules.at);
        TRY(read_file(folder, name = "preprocessor_config.json", &rules, err));
    }
    if (!rules.at)
        return missing(folder, "preprocessor_config.json", err);
    kin_status status = of_file(ctx, kin_preprocessing(ctx, rules.at, rules.n), name, err);
    free(rules.at);
    return status;
}

static kin_status load_vocabulary(kin_ctx *ctx, const char *folder, kin_error *err)
{
    enum { VOCAB, MERGES, TOKENIZER, CONFIG, SPECIAL, ADDED, FILES };
    static const char *const names[] = {
        "vocab.json",       "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json"};
    struct text t[FILES] = {0};
    kin_status status = read_file(folder, names[TOKENIZER], &t[TOKENIZER], err); /* counts where it is there */
    for (int i = 0; status == KIN_OK && i < FILES; i++)
        if (i != TOKENIZER && (i > MERGES || !t[TOKENIZER].at))
            status = read_file(folder, names[i], &t[i], err);
    if (status == KIN_OK && !t[TOKENIZER].at && !(t[VOCAB].at && t[MERGES].at))
        status = missing(folder, "tokenizer.json, or vocab.json and merges.txt", err);
    if (status == KIN_OK)
        status = from_context(ctx,
                              kin_vocabulary(ctx, t[VOCAB].at, t[VOCAB].n, t[MERGES].at, t[MERGES].n, t[TOKENIZER].at,
                                             t[TOKENIZER].n, t[CONFIG].at, t[CONFIG].n, t[SPECIAL].at, t[SPECIAL].n,
                                             t[ADDED].at, t[ADDED].n),
                              err);
    for (int i = 0; i < FILES; i++)
        free(t[i].at);
    return status;
}

/* ---- an index of shards: {"weight_map": {"<tensor>": "<file>", …}, …} ------------------------------ */

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at))
        c->at++;
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* A string as it is written, without its quotes. */
static bool take_string(struct cursor *c, const char **text, size_t *n)
{
    if (!take(c, '"'))
        return false;
    for (*text = c->at; c->at < c->end && *c->at != '"'; c->at++)
        if (*c->at == '\\' && ++c->at == c->end)
            return false;
    if (c->at == c->end)
        return false;
    *n = (size_t)(c->at++ - *text);
    return true;
}

/* A value of any kind, up to the comma or bracket behind it. */
static bool skip_value(struct cursor *c)
{
    const char *text;
    size_t n;
    for (int depth = 0; c->at < c->end;) {
        if (*c->at == '"') {
            if (!take_string(c, &text, &n))
                return false;
            continue;
        }
        if (depth == 0 && strchr(",}", *c->at))
            return true;
        depth += strchr("{[", *c->at) ? 1 : strchr("}]", *c->at) ? -1 : 0;
        if (depth < 0)
            return false;
        c->at++;
    }
    return false;
}

static bool starts(const char *text, size_t n, const char *with)
{
    return n >= strlen(with) && !memcmp(text, with, strlen(with));
}

/* Whether a tensor is the other tower's. */
static bool of_other(int tower, const char *name, size_t n)
{
    return tower == KIN_IMAGE ? starts(name, n, "text_model.") || starts(name, n, "text_projection.")
                              : starts(name, n, "vision_model.") || starts(name, n, "visual_projection.");
}

/* A name that leads nowhere else. */
static bool plain_name(const char *name, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    bool plain = n > 0 && n < NAME_MOST && name[0] != '.';
    for (size_t i = 0; plain && i < n; i++)
        plain = strchr(letters, name[i]) && name[i];
    return plain;
}

struct names {
    char (*list)[NAME_MOST];
    size_t n;
};

static bool add_name(struct names *names, const char *name, size_t n)
{
    for (size_t i = 0; i < names->n; i++)
        if (strlen(names->list[i]) == n && !memcmp(names->list[i], name, n))
            return true;
    if (names->n == SHARDS_MOST)
        return false;
    void *more = realloc(names->list, (names->n + 1) * sizeof *names->list);
    if (!more)
        return false;
    names->list = more;
    memcpy(names->list[names->n], name, n);
    names->list[names->n++][n] = 0;
    return true;
}

static bool read_weight_map(struct cursor *c, int tower, struct names *names)
{
    const char *tensor, *file;
    size_t tensor_n, file_n;
    if (!take(c, '{'))
        return false;
    do {
        if (!take_string(c, &tensor, &tensor_n) || !take(c, ':') || !take_string(c, &file, &file_n))
            return false;
        if (!of_other(tower, tensor, tensor_n) && (!plain_name(file, file_n) || !add_name(names, file, file_n)))
            return false;
    } while (take(c, ','));
    return take(c, '}') && names->n > 0;
}

static bool read_index(struct cursor c, int tower, struct names *names)
{
    const char *key;
    size_t n;
    if (!take(&c, '{'))
        return false;
    do {
        if (!take_string(&c, &key, &n) || !take(&c, ':'))
            return false;
        if (n == 10 && !memcmp(key, "weight_map", n))
            return read_weight_map(&c, tower, names);
        if (!skip_value(&c))
            return false;
    } while (take(&c, ','));
    return false;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* ---- weights ------------------------------------------------------------------------------------ */

static kin_status feed_file(kin_ctx *ctx, const char *folder, const char *name, FILE *file, kin_error *err)
{
    uint8_t *piece = malloc(PIECE);
    if (!piece)
        return kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to read %s.", name);
    kin_status status = KIN_OK;
    for (size_t n; status == KIN_OK && (n = fread(piece, 1, PIECE, file)) > 0;)
        status = of_file(ctx, kin_tower_feed(ctx, piece, n), name, err);
    free(piece);
    TRY(status);
    return ferror(file) ? broken_off(folder, name, err) : of_file(ctx, kin_tower_file_end(ctx), name, err);
}

static kin_status feed_shards(kin_ctx *ctx, const char *folder, const struct names *names, kin_error *err)
{
    for (size_t i = 0; i < names->n; i++) {
        FILE *file;
        TRY(open_file(folder, names->list[i], &file, err));
        if (!file)
            return missing(folder, names->list[i], err);
        kin_status status = feed_file(ctx, folder, names->list[i], file, err);
        fclose(file);
        TRY(status);
    }
    return KIN_OK;
}

static kin_status feed_index(kin_ctx *ctx, const char *folder, int tower, const char *name, struct text index,
                             kin_error *err)
{
    struct names names = {0};
    kin_status status = KIN_OK;
    if (!read_index((struct cursor){index.at, index.at + index.n}, tower, &names))
        status = kin_fail(err, KIN_NOT_A_MODEL, "%s does not say which files hold the weights.", name);
    else {
        qsort(names.list, names.n, sizeof *names.list, by_name);
        status = feed_shards(ctx, folder, &names, err);
    }
    free(names.list);
    return status;
}

/* <stem>.safetensors, or the shards that its index names; *found says whether there was either. */
static kin_status feed_stem(kin_ctx *ctx, const char *folder, int tower, const char *stem, bool *found, kin_error *err)
{
    char name[64];
    FILE *file;
    snprintf(name, sizeof name, "%s.safetensors", stem);
    TRY(open_file(folder, name, &file, err));
    *found = file != NULL;
    if (file) {
        kin_status status = feed_file(ctx, folder, name, file, err);
        fclose(file);
        return status;
    }
    struct text index;
    snprintf(name, sizeof name, "%s.safetensors.index.json", stem);
    TRY(read_file(folder, name, &index, err));
    *found = index.at != NULL;
    if (!index.at)
        return KIN_OK;
    kin_status status = feed_index(ctx, folder, tower, name, index, err);
    free(index.at);
    return status;
}

static kin_status no_weights(const char *folder, const char *tower, bool open_clip, kin_error *err)
{
    const char *stem = open_clip ? "open_clip_" : "";
    char name[64];
    FILE *file;
    snprintf(name, sizeof name, "%spytorch_model.bin", stem);
    TRY(open_file(folder, name, &file, err));
    if (file) {
        fclose(file);
        return kin_fail(err, KIN_UNSUPPORTED,
                        "%s holds its weights as %s only: save them as %smodel.safetensors first.", folder, name, stem);
    }
    snprintf(name, sizeof name, "%s.safetensors or %smodel.safetensors", tower, stem);
    return missing(folder, name, err);
}

kin_status kin_model_load(kin_ctx *ctx, const char *folder, int tower, int dtype, kin_error *err)
{
    const char *name = tower == KIN_IMAGE ? "image" : "text";
    const char *stems[] = {name, "open_clip_model", "model"};
    struct text config;
    bool open_clip, found = false;
    TRY(read_config(folder, &config, &open_clip, err));
    free(config.at);
    TRY(tower == KIN_IMAGE ? load_preprocessing(ctx, folder, open_clip, err) : load_vocabulary(ctx, folder, err));
    TRY(from_context(ctx, kin_tower_begin(ctx, tower, dtype), err));
    for (int i = 0; !found && i < 3; i++)
        if (i != 1 || open_clip)
            TRY(feed_stem(ctx, folder, tower, stems[i], &found, err));
    return found ? from_context(ctx, kin_tower_end(ctx), err) : no_weights(folder, name, open_clip, err);
}
