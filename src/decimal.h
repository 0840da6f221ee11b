/* decimal: decimal text as the nearest double, half to even. [level 0]
 *
 * libc's strtod gives the same bits, but it brings hexadecimal text and 128-bit floats along: 14 KB of every
 * WebAssembly build. */
#ifndef KIN_DECIMAL_H
#define KIN_DECIMAL_H
#include <stddef.h>
#include <stdint.h>

/* A number as JSON writes it, text[0..n): beyond a double infinity, too small for one a zero with its sign. */
double decimal_read(const char *text, size_t n);
/* digits * 10^exponent */
double decimal_double(uint64_t digits, int exponent);
#endif
