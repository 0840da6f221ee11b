/* replay: feeds stored inputs to a fuzz target without libFuzzer, so that any compiler can do it.
 *
 *   build/fuzz/replay-image tests/fuzz/corpus/image/?*
 *
 * Each input lies in a block of exactly its size: AddressSanitizer then sees a read one past it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    long size = ftell(file);
    uint8_t *bytes = size >= 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    int bad = size < 0 || (size > 0 && (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size));
    fclose(file);
    if (bad)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return bad;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "%s: no inputs given\n", argv[0]);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]))
            return 1;
    }
    printf("%s: %d inputs\n", argv[0], argc - 1);
    return 0;
}
