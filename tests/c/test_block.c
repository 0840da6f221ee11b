/* A causal block over more tokens than the queries that attention takes at a time: every form of activations
 * and every length gives the same bits. */
#include "block.h"
#include "test.h"
#include <stdlib.h>

enum { TOKENS = 45, CHANNELS = 40, HEADS = 2 };

/* Activations less 128, which only processors with signed dot products want. */
static void signed_tile(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    for (int r = 0; r < n_rows; r++)
        for (int c = 0; c < PANEL; c++) {
            const int8_t *row = (const int8_t *)a + (size_t)r * stride;
            acc[(size_t)r * ld + c] = 0;
            for (int i = 0; i < kp; i++)
                acc[(size_t)r * ld + c] += row[i] * panel[i / 4 * 4 * PANEL + c * 4 + i % 4];
        }
}
static const struct kernels kernels_signed = {.name = "signed",
                                              .rows = 6,
                                              .form = ACT_S8,
                                              .pack = kernels_pack4,
                                              .pack_columns = kernels_pack4_columns,
                                              .unpack = kernels_unpack4,
                                              .tile = signed_tile,
                                              .tile_ruled = signed_tile};

static int random_below(uint64_t *seed, int n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((*seed >> 33) % (uint64_t)n);
}

static void fill(struct linear *l, const struct kernels *k, uint64_t *seed)
{
    int8_t *rows = malloc((size_t)PANEL * l->n_in);
    for (int n = 0; n < l->n_out; n += PANEL) {
        for (int i = 0; i < PANEL * l->n_in; i++)
            rows[i] = (int8_t)(random_below(seed, 128) - 64);
        linear_set_q8(l, k, n, PANEL, rows);
    }
    for (int n = 0; n < l->n_out; n++)
        l->scale[n] = 0.004f, l->bias[n] = (float)random_below(seed, 9) * 0.01f;
    free(rows);
}

/* x [tokens][CHANNELS] of the first `tokens` after one block. */
static bool run_block(const struct kernels *k, int tokens, bool causal, float *x)
{
    struct block_shape shape = {TOKENS, TOKENS, CHANNELS, HEADS, 64, 1e-5f, ACT_GELU, causal, true};
    struct block b;
    struct block_scratch s = {0};
    uint64_t seed = 5;
    bool fine = block_alloc(&b, &shape) && block_scratch_alloc(&s, &shape, 1);
    if (fine) {
        struct linear *all[] = {&b.q, &b.k, &b.v, &b.out, &b.fc1, &b.fc2};
        for (int i = 0; i < 6; i++)
            fill(all[i], k, &seed);
        for (int c = 0; c < CHANNELS; c++)
            b.norm1.gain[c] = 2, b.norm2.gain[c] = 1;
        for (int i = 0; i < TOKENS * CHANNELS; i++) {
            float v = (float)random_below(&seed, 2001) / 1000 - 1;
            if (i < tokens * CHANNELS)
                x[i] = v;
        }
        block_run(&b, &shape, &s, NULL, k, x, &(struct span){0, tokens, 0, tokens - 1}, 1, false);
    }
    block_scratch_free(&s);
    block_free(&b);
    return fine;
}

void test_block_forms(void)
{
    for (int causal = 0; causal < 2; causal++) {
        float want[TOKENS * CHANNELS], x[TOKENS * CHANNELS];
        CHECK(run_block(&kernels_ref, TOKENS, causal, want));
        CHECK(run_block(&kernels_signed, TOKENS, causal, x));
        CHECK(!memcmp(x, want, sizeof want));
        for (const struct kernels *const *k = kernels_all; *k; k++) {
            if ((*k)->usable && !(*k)->usable())
                continue;
            CHECK(run_block(*k, TOKENS, causal, x));
            CHECK(!memcmp(x, want, sizeof want));
        }
    }
}

void test_block_lengths(void)
{
    static const struct kernels *const forms[] = {&kernels_ref, &kernels_signed};
    float want[TOKENS * CHANNELS], x[TOKENS * CHANNELS];
    CHECK(run_block(&kernels_ref, TOKENS, true, want));
    for (int form = 0; form < 2; form++)
        for (int tokens = 1; tokens < TOKENS; tokens++) {
            CHECK(run_block(forms[form], tokens, true, x));
            CHECK(!memcmp(x, want, (size_t)tokens * CHANNELS * sizeof *x));
        }
}
