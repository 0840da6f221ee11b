/* main: runs the tests named in build/tests/list.h, which the Makefile makes of the .list files there.
 *
 *   build/release/tests            all of them
 *   build/release/tests json size  those whose name contains "json" or "size"
 *
 * Prints a line a test and a sum; exits 1 if a test failed or a filter matched none. */
#include "test.h"
#include <stdlib.h>

int test_failures;

uint8_t *test_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    *n = 0;
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    *n = fread(bytes, 1, (size_t)size, f);
    fclose(f);
    return bytes;
}

#define TEST(name) void name(void);
#include "list.h"
#undef TEST

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name) {#name, name},
#include "list.h"
#undef TEST
    {NULL, NULL}, /* the list may be empty */
};

static int wanted(const char *name, int n_filters, char **filters)
{
    for (int i = 0; i < n_filters; i++)
        if (strstr(name, filters[i]))
            return 1;
    return n_filters == 0;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow the name of its test */
    for (int i = 0; tests[i].name; i++) {
        if (!wanted(tests[i].name, argc - 1, argv + 1))
            continue;
        test_failures = 0;
        tests[i].run();
        printf("%s %s\n", test_failures ? "FAIL" : "ok  ", tests[i].name);
        if (test_failures)
            failed++;
        else
            passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
