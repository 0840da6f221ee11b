/* test_kernels: every table of kernels that this processor can run beside plain loops over the definition,
 * acc[r][c] = sum over k of a[r][k] w[c][k], at the shapes of attention's two products and of linear layers.
 * Every array is a block of just its size, so that the sanitizer sees a tile that reads or writes beyond.
 * WebAssembly's tables are held against the plain one by tests/node/kernels.test.js. */
#include "../../src/linear.h"
#include "test.h"
#include <stdlib.h>

static uint32_t seed;

static uint32_t noise(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }

/* round 0 and 1: all at one end, where a step of 16 bits would saturate or wrap; then noise. */
static uint8_t some_u8(int round) { return (uint8_t)(round < 2 ? 255 : noise() & 255); }
static int8_t some_s8(int round) { return (int8_t)(round == 0 ? 63 : round == 1 ? -64 : (int)(noise() & 127) - 64); }

/* u [rows][kp] as the table wants its activations. */
static void *in_form(const struct kernels *k, const uint8_t *u, int rows, int kp)
{
    size_t n = (size_t)rows * (size_t)kp;
    uint8_t *out = malloc(n * act_bytes(k->form));
    for (size_t i = 0; i < n; i++)
        if (k->form == ACT_I16)
            ((int16_t *)(void *)out)[i] = u[i];
        else
            out[i] = (uint8_t)(u[i] - act_shift(k->form));
    return out;
}

/* Where acc [rows][8 panels] first differs from sums over w(c, i), or -1. A shifted form lacks its shift times
 * the sum of the weights, as callers count it in by the zero point. */
typedef int8_t weight_at(const int8_t *w, int stride, int c, int i);
static int8_t by_rows(const int8_t *w, int stride, int c, int i) { return w[c * stride + i]; }
static int8_t by_columns(const int8_t *w, int stride, int c, int i) { return w[i * stride + c]; }

static int wrong_at(const struct kernels *k, const int32_t *acc, const uint8_t *u, const int8_t *w, weight_at *at,
                    int stride, int rows, int columns, int kp)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            int32_t want = 0;
            for (int i = 0; i < kp; i++)
                want += (u[r * kp + i] - act_shift(k->form)) * at(w, stride, c, i);
            if (acc[r * columns + c] != want)
                return r * columns + c;
        }
    return -1;
}

/* u [rows][kp] by w, of which a panel holds eight: keys [columns][kp], or the columns of values [kp][columns]. */
static int product_wrong(const struct kernels *k, const uint8_t *u, const int8_t *w, bool values, int rows, int columns,
                         int kp)
{
    size_t bytes = (size_t)columns * (size_t)kp;
    int8_t *panels = malloc(bytes);
    int32_t *acc = malloc((size_t)rows * (size_t)columns * sizeof *acc);
    void *a = in_form(k, u, rows, kp);
    int stride = values ? columns : kp;
    for (int p = 0; p < columns; p += PANEL)
        if (values)
            k->pack_columns(w + p, (size_t)stride, kp, panels + (size_t)p * (size_t)kp);
        else
            k->pack(w + (size_t)p * (size_t)kp, (size_t)stride, kp, panels + (size_t)p * (size_t)kp);
    tile_product(k, a, (size_t)kp * act_bytes(k->form), rows, panels, columns / PANEL, kp, kp, acc);
    int wrong = wrong_at(k, acc, u, w, values ? by_columns : by_rows, stride, rows, columns, kp);
    free(panels), free(acc), free(a);
    return wrong;
}

/* Queries by keys and probabilities by values of one head: T tokens padded to Tp, D channels to Dp, the padding
 * zero; all queries, and one, as the last block has it. */
static int head_wrong(const struct kernels *k, int tokens, int depth, int round)
{
    int tp = (int)align_up((size_t)tokens, 8), dp = (int)align_up((size_t)depth, 8), wrong = -1;
    uint8_t *q = calloc((size_t)tokens, (size_t)dp), *e = calloc((size_t)tokens, (size_t)tp);
    int8_t *rows = calloc((size_t)tp, (size_t)dp);
    for (int j = 0; j < tokens; j++) {
        for (int d = 0; d < depth; d++)
            q[j * dp + d] = some_u8(round), rows[j * dp + d] = some_s8(round);
        for (int i = 0; i < tokens; i++)
            e[j * tp + i] = some_u8(round);
    }
    for (int some = 0; some < 2 && wrong < 0; some++) {
        int n_q = some ? 1 : tokens;
        wrong = product_wrong(k, q, rows, false, n_q, tp, dp);
        if (wrong < 0)
            wrong = product_wrong(k, e, rows, true, n_q, dp, tp);
    }
    free(q), free(e), free(rows);
    return wrong;
}

static void with_every_table(void (*check)(const struct kernels *k))
{
    for (const struct kernels *const *k = kernels_all; *k; k++)
        if (!(*k)->usable || (*k)->usable())
            check(*k);
}

static void attention(const struct kernels *k)
{
    static const int tokens[] = {50, 77, 197, 7, 1, 8, 17, 64, 145}, depths[] = {64, 32, 80, 48, 8, 20, 96, 7};
    seed = 1;
    for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++)
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
            for (int round = 0; round < 3; round++) {
                int wrong = head_wrong(k, tokens[t], depths[d], round);
                if (wrong >= 0)
                    printf("  %s: %d tokens, depth %d, round %d: output %d\n", k->name, tokens[t], depths[d], round,
                           wrong);
                CHECK(wrong < 0);
            }
}

void test_kernels_attention(void) { with_every_table(attention); }

/* Rows of a layer's weights, those of 512 inputs and more under the group rule of quant.h at its limit, for every
 * number of rows that a tile may have. */
static void long_rows(const struct kernels *k)
{
    static const int inputs[] = {8, 40, 256, 512, 768, 2048, 3072, 8192};
    seed = 2;
    for (size_t n = 0; n < sizeof inputs / sizeof *inputs; n++)
        for (int round = 0; round < 3; round++) {
            int kp = inputs[n];
            bool ruled = kp >= QUANT_RULE_INPUTS;
            int8_t *w = malloc((size_t)PANEL * (size_t)kp), *panel = malloc((size_t)PANEL * (size_t)kp);
            uint8_t *u = malloc((size_t)k->rows * (size_t)kp);
            for (int i = 0; i < PANEL * kp; i++)
                w[i] = ruled && round < 2 && (i & 4) ? 0 : ruled && round == 2 ? some_s8(2) / 2 : some_s8(round);
            for (int i = 0; i < k->rows * kp; i++)
                u[i] = some_u8(round);
            for (int c = 0; c < PANEL; c++)
                CHECK(quant_weight_row_valid(w + (size_t)c * (size_t)kp, kp));
            k->pack(w, (size_t)kp, kp, panel);
            for (int rows = 1; rows <= k->rows; rows++) {
                int32_t *acc = malloc((size_t)rows * PANEL * sizeof *acc);
                void *a = in_form(k, u, rows, kp);
                (ruled ? k->tile_ruled : k->tile)(a, (size_t)kp * act_bytes(k->form), rows, panel, kp, acc, PANEL);
                int wrong = wrong_at(k, acc, u, w, by_rows, kp, rows, PANEL, kp);
                if (wrong >= 0)
                    printf("  %s: %d inputs, %d rows, round %d: output %d\n", k->name, kp, rows, round, wrong);
                CHECK(wrong < 0);
                free(acc), free(a);
            }
            free(w), free(panel), free(u);
        }
}

void test_kernels_long_rows(void) { with_every_table(long_rows); }

/* A panel is the same from rows and from columns, whatever lies between them, and gives back what went in. */
static void pack_and_back(const struct kernels *k)
{
    seed = 3;
    for (int kp = 8; kp <= 208; kp += 8)
        for (size_t gap = 0; gap <= 24; gap += 12) {
            size_t row = (size_t)kp + gap, column = PANEL + gap, n = (size_t)PANEL * (size_t)kp;
            int8_t *rows = malloc(7 * row + (size_t)kp), *columns = malloc(((size_t)kp - 1) * column + PANEL);
            int8_t *panel = malloc(n), *same = malloc(n), *back = malloc(7 * row + (size_t)kp);
            for (size_t c = 0; c < PANEL; c++)
                for (size_t i = 0; i < (size_t)kp; i++)
                    rows[c * row + i] = columns[i * column + c] = some_s8(2);
            k->pack(rows, row, kp, panel);
            k->pack_columns(columns, column, kp, same);
            CHECK(!memcmp(panel, same, n));
            k->unpack(panel, kp, back, row);
            for (size_t c = 0; c < PANEL; c++)
                CHECK(!memcmp(back + c * row, rows + c * row, (size_t)kp));
            free(rows), free(columns), free(panel), free(same), free(back);
        }
}

void test_kernels_pack_and_back(void) { with_every_table(pack_and_back); }
