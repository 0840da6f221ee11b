/* kernels_ref: the integer tile in plain C, the list of tables, and the choice among them. */
#include "kernels.h"
#include "vec8.h"

/* ---- the plain table; panel bytes: [k][8 rows] ------------------------------------------------ */

static void pack_ref(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k++)
        for (int c = 0; c < PANEL; c++)
            panel[k * PANEL + c] = rows[(size_t)c * stride + k];
}

static void pack_columns_ref(const int8_t *columns, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k++)
        memcpy(panel + k * PANEL, columns + (size_t)k * stride, PANEL);
}

static void unpack_ref(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k++)
        for (int c = 0; c < PANEL; c++)
            rows[(size_t)c * stride + k] = panel[k * PANEL + c];
}

static void tile_ref(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc, size_t ld)
{
    for (int r = 0; r < n_rows; r++) {
        const uint8_t *row = (const uint8_t *)a + (size_t)r * stride;
        int32_t sum[PANEL] = {0};
        for (int k = 0; k < kp; k++)
            for (int c = 0; c < PANEL; c++)
                sum[c] += row[k] * panel[k * PANEL + c];
        memcpy(acc + r * ld, sum, sizeof sum);
    }
}

const struct kernels kernels_ref = {.name = "plain C",
                                    .rows = 4,
                                    .form = ACT_U8,
                                    .pack = pack_ref,
                                    .pack_columns = pack_columns_ref,
                                    .unpack = unpack_ref,
                                    .tile = tile_ref,
                                    .tile_ruled = tile_ref};

/* ---- panels of quadruples ----------------------------------------------------------------------- */

static u32x4 load4(const int8_t *p)
{
    u32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static void store4(int8_t *p, u32x4 v) { memcpy(p, &v, sizeof v); }

void kernels_pack4(const int8_t *rows, size_t stride, int kp, int8_t *panel)
{
    int k = 0;
    for (; k + 16 <= kp; k += 16, panel += 16 * PANEL)
        for (int c = 0; c < PANEL; c += 4) { /* four quadruples of four rows, transposed */
            const int8_t *row = rows + (size_t)c * stride + k;
            u32x4 r0 = load4(row), r1 = load4(row + stride), r2 = load4(row + 2 * stride), r3 = load4(row + 3 * stride);
            u32x4 lo01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
                  hi01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
            u32x4 lo23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5),
                  hi23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
            int8_t *out = panel + 4 * c;
            store4(out, __builtin_shufflevector(lo01, lo23, 0, 1, 4, 5));
            store4(out + 4 * PANEL, __builtin_shufflevector(lo01, lo23, 2, 3, 6, 7));
            store4(out + 8 * PANEL, __builtin_shufflevector(hi01, hi23, 0, 1, 4, 5));
            store4(out + 12 * PANEL, __builtin_shufflevector(hi01, hi23, 2, 3, 6, 7));
        }
    for (; k < kp; k += 4)
        for (int c = 0; c < PANEL; c++, panel += 4)
            memcpy(panel, rows + (size_t)c * stride + k, 4);
}

void kernels_pack4_columns(const int8_t *columns, size_t stride, int kp, int8_t *panel)
{
    for (int k = 0; k < kp; k += 4, columns += 4 * stride)
        for (int c = 0; c < PANEL; c++, panel += 4) {
            panel[0] = columns[c];
            panel[1] = columns[stride + c];
            panel[2] = columns[2 * stride + c];
            panel[3] = columns[3 * stride + c];
        }
}

void kernels_unpack4(const int8_t *panel, int kp, int8_t *rows, size_t stride)
{
    for (int k = 0; k < kp; k += 4)
        for (int c = 0; c < PANEL; c++, panel += 4)
            memcpy(rows + (size_t)c * stride + k, panel, 4);
}

/* ---- the choice ----------------------------------------------------------------------------------- */

const struct kernels *const kernels_all[] = {
#if defined(__wasm_relaxed_simd__)
    &kernels_relaxed,
    &kernels_relaxed_unsigned,
    &kernels_relaxed_signed,
#endif
#if defined(__wasm_simd128__)
    &kernels_simd,
#endif
#if defined(__x86_64__)
    &kernels_avx512_vnni,
    &kernels_avx_vnni,
    &kernels_avx2,
#endif
#if defined(__aarch64__)
    &kernels_sdot,
    &kernels_neon,
#endif
    &kernels_ref,
    NULL,
};

static uint32_t noise(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

/* Rounds 0 and 1: extremes that would show a saturating or wrapping 16-bit step; then noise. With
 * `ruled` the extremes fill the group rule to its limit, 2 * 64 a group and 255 * 128 in 16 bits. */
static int8_t test_weight(int round, bool ruled, int k, uint32_t *seed)
{
    int noisy = (int)(noise(seed) >> 25) - 64;
    if (round >= 2)
        return (int8_t)(ruled ? noisy / 2 : noisy);
    int w = round == 0 ? 63 : -64;
    return (int8_t)(!ruled || (k & 4) == 0 ? w : 0);
}

static bool tiles_agree(const struct kernels *k, bool ruled)
{
    enum { KP = 72 };
    int8_t w[PANEL][KP], columns[KP][PANEL], back[PANEL][KP];
    int8_t panel[PANEL * KP], same[PANEL * KP], plain_panel[PANEL * KP];
    uint8_t a8[TILE_ROWS_MAX][KP], a[TILE_ROWS_MAX * KP * 2];
    uint32_t seed = 1;
    for (int round = 0; round < 4; round++) {
        int32_t sum[PANEL] = {0};
        for (int i = 0; i < PANEL * KP; i++) {
            w[i / KP][i % KP] = columns[i % KP][i / KP] = test_weight(round, ruled, i % KP, &seed);
            sum[i / KP] += w[i / KP][i % KP];
        }
        for (int i = 0; i < TILE_ROWS_MAX * KP; i++) {
            uint8_t u = (uint8_t)(round < 2 ? 255 : noise(&seed) >> 24);
            a8[i / KP][i % KP] = u;
            if (k->form == ACT_I16)
                ((int16_t *)(void *)a)[i] = u;
            else
                a[i] = (uint8_t)(u - act_shift(k->form));
        }
        k->pack_columns(columns[0], PANEL, KP, same);
        k->pack(w[0], KP, KP, panel);
        k->unpack(panel, KP, back[0], KP);
        if (memcmp(same, panel, sizeof panel) || memcmp(back, w, sizeof w))
            return false;
        kernels_ref.pack(w[0], KP, KP, plain_panel);
        for (int rows = 1; rows <= k->rows; rows++) {
            int32_t got[TILE_ROWS_MAX * PANEL], want[TILE_ROWS_MAX * PANEL];
            (ruled ? k->tile_ruled : k->tile)(a, KP * act_bytes(k->form), rows, panel, KP, got, PANEL);
            tile_ref(a8, KP, rows, plain_panel, KP, want, PANEL);
            for (int i = 0; i < rows * PANEL; i++)
                if (got[i] + act_shift(k->form) * sum[i % PANEL] != want[i])
                    return false;
        }
    }
    return true;
}

bool kernels_agree(const struct kernels *k)
{
    return (!k->usable || k->usable()) && tiles_agree(k, false) && tiles_agree(k, true);
}

const struct kernels *kernels_choose(void)
{
    const struct kernels *const *k = kernels_all;
    while (*k != &kernels_ref && !kernels_agree(*k))
        k++;
    return *k;
}

double kernels_exercise(const struct kernels *k, int times, void *work)
{
    enum { KP = 768 };
    if (k->usable && !k->usable())
        return 0;
    int32_t *acc = work;
    int8_t *panel = (int8_t *)(acc + PANEL * TILE_ROWS_MAX), *a = panel + PANEL * KP;
    memset(work, 0, KERNEL_WORK_BYTES);
    for (int i = 0; i < times; i++)
        k->tile_ruled(a, KP * act_bytes(k->form), k->rows, panel, KP, acc, PANEL);
    return (double)times * k->rows * PANEL * KP;
}
