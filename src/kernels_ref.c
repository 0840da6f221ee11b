/* kernels_ref: the integer tile in plain C. Panel bytes: [k][8 rows]. */
#include "kernels.h"

static void pack_ref(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k++)
        for (int c = 0; c < PANEL; c++)
            panel[k * PANEL + c] = rows[(size_t)c * stride + k];
}

static void unpack_ref(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k++)
        for (int c = 0; c < PANEL; c++)
            rows[(size_t)c * stride + k] = panel[k * PANEL + c];
}

static void tile_ref(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc)
{
    for (int r = 0; r < n_rows; r++) {
        const uint8_t *row = (const uint8_t *)a + (size_t)r * stride;
        int32_t sum[PANEL] = {0};
        for (int k = 0; k < kp; k++)
            for (int c = 0; c < PANEL; c++)
                sum[c] += row[k] * panel[k * PANEL + c];
        for (int c = 0; c < PANEL; c++)
            acc[r * PANEL + c] = sum[c];
    }
}

const struct kernels kernels_ref = {
    .name = "plain C", .rows = 4, .act_bytes = 1, .pack = pack_ref, .unpack = unpack_ref, .tile = tile_ref};

const struct kernels *const kernels_all[] = {
#if defined(__wasm_simd128__)
    &kernels_simd,
#endif
    &kernels_ref,
    NULL,
};

/* Extremes that would show a saturating or wrapping 16-bit step, then noise from an LCG. */
bool kernels_agree(const struct kernels *k)
{
    enum { KP = 64 };
    int8_t w[PANEL][KP], panel[PANEL * KP], plain_panel[PANEL * KP];
    uint8_t a8[TILE_ROWS_MAX][KP];
    int16_t a16[TILE_ROWS_MAX][KP];
    uint32_t seed = 1;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < PANEL * KP; i++) {
            seed = seed * 1664525u + 1013904223u;
            w[i / KP][i % KP] = (int8_t)(round == 0 ? 63 : round == 1 ? -64 : (int)(seed >> 25) - 64);
        }
        for (int i = 0; i < TILE_ROWS_MAX * KP; i++) {
            seed = seed * 1664525u + 1013904223u;
            a8[i / KP][i % KP] = (uint8_t)(round < 2 ? 255 : seed >> 24);
            a16[i / KP][i % KP] = a8[i / KP][i % KP];
        }
        k->pack(w[0], KP, KP, panel);
        kernels_ref.pack(w[0], KP, KP, plain_panel);
        for (int rows = 1; rows <= k->rows; rows++) {
            int32_t got[TILE_ROWS_MAX * PANEL], want[TILE_ROWS_MAX * PANEL];
            const void *a = k->act_bytes == 2 ? (const void *)a16 : (const void *)a8;
            k->tile(a, (size_t)KP * k->act_bytes, rows, panel, KP, got);
            kernels_ref.tile(a8, KP, rows, plain_panel, KP, want);
            for (int i = 0; i < rows * PANEL; i++)
                if (got[i] != want[i])
                    return false;
        }
    }
    return true;
}

const struct kernels *kernels_choose(void)
{
    const struct kernels *const *k = kernels_all;
    while (*k != &kernels_ref && !kernels_agree(*k))
        k++;
    return *k;
}
