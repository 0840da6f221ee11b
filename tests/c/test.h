/* test: the three checks that every C test uses, and a reader of files.
 *
 * A test is `void test_something(void)` in a C file here, named on a line of its own in a
 * .list file here. A failing check prints where and what, marks the test as failed and leaves the
 * function it stands in. Tests run from the top of the project. */
#ifndef KIN_TEST_H
#define KIN_TEST_H
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern int test_failures; /* failed checks of the running test */

/* A file's bytes in a block of just that size, so that the sanitizer sees a read beyond its end; the caller
 * frees it. NULL and n = 0 where there is no such file. */
uint8_t *test_read(const char *path, size_t *n);

#define TEST_FAIL_(...)                          \
    do {                                         \
        printf("  %s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__);                     \
        printf("\n");                            \
        test_failures++;                         \
        return;                                  \
    } while (0)

#define CHECK(cond)                         \
    do {                                    \
        if (!(cond))                        \
            TEST_FAIL_("CHECK(%s)", #cond); \
    } while (0)

/* Integers of any width up to 64 bits, compared and shown as signed ones. */
#define CHECK_EQ(a, b)                                                                               \
    do {                                                                                             \
        int64_t check_a_ = (int64_t)(a), check_b_ = (int64_t)(b);                                    \
        if (check_a_ != check_b_)                                                                    \
            TEST_FAIL_("CHECK_EQ(%s, %s): %" PRId64 " is not %" PRId64, #a, #b, check_a_, check_b_); \
    } while (0)

#define CHECK_STR(a, b)                                                                                   \
    do {                                                                                                  \
        const char *check_a_ = (a), *check_b_ = (b);                                                      \
        if (!check_a_ || !check_b_ || strcmp(check_a_, check_b_) != 0)                                    \
            TEST_FAIL_("CHECK_STR(%s, %s): \"%s\" is not \"%s\"", #a, #b, check_a_ ? check_a_ : "(null)", \
                       check_b_ ? check_b_ : "(null)");                                                   \
    } while (0)
#endif
