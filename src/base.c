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
