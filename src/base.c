/* base: names of the statuses and the small formatter behind kin_fail. */
#include "base.h"
#include <stdarg.h>
#include <string.h>

const char *kin_status_name(kin_status status)
{
    static const char *const names[] = {
#define X(constant, name) name,
        KIN_STATUSES(X)
#undef X
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "internal";
}

const char *other_file(const char *bytes, size_t n)
{
    static const char utf16[] = "is UTF-16: save it as UTF-8.";
    static const char *const others[][2] = {
        {"<", "is a web page: check its address."},
        {"version ", "is a pointer of Git LFS, not the file itself: run 'git lfs pull' where it comes from."},
        {"\x1f\x8b", "is packed by gzip: unpack it, or have the server say Content-Encoding: gzip."},
        {"PK\3\4", "is a zip archive, as PyTorch's own files are: unpack it, or save the weights as safetensors."},
        {"\xff\xfe", utf16},
        {"\xfe\xff", utf16},
        {"\xef\xbb\xbf", "begins with a byte order mark: save it as UTF-8 without one."}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (n >= strlen(others[i][0]) && !memcmp(bytes, others[i][0], strlen(others[i][0])))
            return others[i][1];
    return NULL;
}

struct cursor {
    char *at, *end; /* end leaves room for the NUL */
};

static void put(struct cursor *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n && text[i] && out->at < out->end; i++)
        *out->at++ = (unsigned char)text[i] < 32 ? '?' : text[i];
}

static void put_u64(struct cursor *out, unsigned long long value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[sizeof digits - ++n] = (char)('0' + value % 10);
    while (value /= 10);
    put(out, digits + sizeof digits - n, n);
}

kin_status kin_fail(kin_error *err, kin_status status, const char *format, ...)
{
    struct cursor out = {err->text, err->text + sizeof err->text - 1};
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(&out, p, 1);
        } else if (*++p == 's') {
            const char *text = va_arg(args, const char *);
            put(&out, text, strlen(text));
        } else if (*p == '.') { /* %.*s */
            int n = va_arg(args, int);
            put(&out, va_arg(args, const char *), n < 0 ? 0 : (size_t)n);
            p += 2;
        } else if (*p == 'd') {
            int value = va_arg(args, int);
            if (value < 0)
                put(&out, "-", 1);
            put_u64(&out, value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value);
        } else if (*p == 'u') {
            put_u64(&out, va_arg(args, unsigned));
        } else if (*p == 'l') { /* %llu */
            put_u64(&out, va_arg(args, unsigned long long));
            p += 2;
        } else {
            put(&out, p, 1);
        }
    }
    va_end(args);
    while (out.at > err->text && ((unsigned char)out.at[-1] & 0xC0) == 0x80 && out.at == out.end)
        out.at--; /* never end in the middle of a UTF-8 sequence */
    *out.at = 0;
    err->status = status;
    return status;
}
