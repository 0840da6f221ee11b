/* linear: panels, the f32 tile and the shared epilogue. */
#include "linear.h"
#include "quant.h"
#include <stdlib.h>

bool linear_alloc(struct linear *l, int n_out, int n_in, bool q8)
{
    size_t np = align_up((size_t)n_out, PANEL), kp = align_up((size_t)n_in, 8);
    *l = (struct linear){.n_out = n_out, .n_in = n_in, .np = (int)np, .kp = (int)kp};
    l->bias = calloc(np, sizeof *l->bias);
    if (q8) {
        l->panels = calloc(np, kp);
        l->scale = calloc(np, sizeof *l->scale);
        l->colsum = calloc(np, sizeof *l->colsum);
        return l->bias && l->panels && l->scale && l->colsum;
    }
    l->panels_f32 = calloc(np * kp, sizeof *l->panels_f32);
    return l->bias && l->panels_f32;
}

void linear_free(struct linear *l)
{
    free(l->panels), free(l->panels_f32), free(l->scale), free(l->colsum), free(l->bias);
    *l = (struct linear){0};
}

void linear_set_q8(struct linear *l, const struct kernels *k, int n, int n_rows, const int8_t *rows)
{
    int8_t block[PANEL * 64]; /* packed 64 inputs at a time, so that padding needs no heap */
    for (int c = 0; c < PANEL; c++) {
        int32_t sum = 0;
        for (int i = 0; c < n_rows && i < l->n_in; i++)
            sum += rows[(size_t)c * l->n_in + i];
        l->colsum[n + c] = sum;
    }
    int8_t *panel = l->panels + (size_t)n * l->kp;
    for (int i = 0; i < l->kp; i += 64) {
        int width = l->kp - i < 64 ? l->kp - i : 64;
        memset(block, 0, sizeof block);
        for (int c = 0; c < n_rows; c++)
            for (int j = 0; j < width && i + j < l->n_in; j++)
                block[c * 64 + j] = rows[(size_t)c * l->n_in + i + j];
        k->pack(block, 64, width, panel + (size_t)i * PANEL);
    }
}

void linear_row_q8(const struct linear *l, const struct kernels *k, int n, int8_t *row)
{
    int8_t block[PANEL * 64];
    const int8_t *panel = l->panels + (size_t)(n / PANEL * PANEL) * l->kp;
    for (int i = 0; i < l->kp; i += 64) {
        int width = l->kp - i < 64 ? l->kp - i : 64;
        k->unpack(panel + (size_t)i * PANEL, width, block, 64);
        for (int j = 0; j < width && i + j < l->n_in; j++)
            row[i + j] = block[n % PANEL * 64 + j];
    }
}

void linear_set_f32(struct linear *l, int n, int n_rows, const float *rows)
{
    float *panel = l->panels_f32 + (size_t)n * l->kp;
    for (int c = 0; c < n_rows; c++)
        for (int i = 0; i < l->n_in; i++)
            panel[(size_t)i * PANEL + c] = rows[(size_t)c * l->n_in + i];
}

void linear_row_f32(const struct linear *l, int n, float *row)
{
    const float *panel = l->panels_f32 + (size_t)(n / PANEL * PANEL) * l->kp;
    for (int i = 0; i < l->n_in; i++)
        row[i] = panel[(size_t)i * PANEL + n % PANEL];
}

struct quantise_job {
    struct acts *a;
    const struct kernels *k;
    const float *x;
};

static void quantise_rows(void *arg, int begin, int end, int thread)
{
    struct quantise_job *job = arg;
    struct acts *a = job->a;
    (void)thread;
    for (int m = begin; m < end; m++)
        quant_act_row(job->x + (size_t)m * a->k, a->k, a->kp, job->k->act_bytes,
                      (uint8_t *)a->q + (size_t)m * a->stride, &a->scale[m], &a->zero[m]);
}

void acts_from_rows(struct acts *a, kin_pool *pool, const struct kernels *k, bool q8, const float *x, int m,
                    int n_in)
{
    a->m = m;
    a->k = n_in;
    a->kp = (int)align_up((size_t)n_in, 8);
    a->stride = (size_t)a->kp * (size_t)k->act_bytes;
    a->rows_f32 = x;
    if (q8)
        pool_run(pool, quantise_rows, &(struct quantise_job){a, k, x}, m);
}

/* Up to 4 rows by one panel: each output is summed over k in order. */
static void tile_f32(const float *a, int lda, int n_rows, const float *panel, int k, float *acc)
{
    f32x4 lo[4], hi[4];
    for (int r = 0; r < n_rows; r++)
        lo[r] = hi[r] = f32x4_splat(0);
    if (n_rows == 4) {
        f32x4 l0 = lo[0], l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
        const float *a1 = a + lda, *a2 = a1 + lda, *a3 = a2 + lda;
        for (int i = 0; i < k; i++, panel += PANEL) {
            f32x4 w0 = f32x4_load(panel), w1 = f32x4_load(panel + 4);
            f32x4 x0 = f32x4_splat(a[i]), x1 = f32x4_splat(a1[i]), x2 = f32x4_splat(a2[i]),
                  x3 = f32x4_splat(a3[i]);
            l0 += x0 * w0, h0 += x0 * w1;
            l1 += x1 * w0, h1 += x1 * w1;
            l2 += x2 * w0, h2 += x2 * w1;
            l3 += x3 * w0, h3 += x3 * w1;
        }
        lo[0] = l0, lo[1] = l1, lo[2] = l2, lo[3] = l3;
        hi[0] = h0, hi[1] = h1, hi[2] = h2, hi[3] = h3;
    } else {
        for (int r = 0; r < n_rows; r++)
            for (int i = 0; i < k; i++) {
                f32x4 x = f32x4_splat(a[(size_t)r * lda + i]);
                lo[r] += x * f32x4_load(panel + (size_t)i * PANEL);
                hi[r] += x * f32x4_load(panel + (size_t)i * PANEL + 4);
            }
    }
    for (int r = 0; r < n_rows; r++) {
        f32x4_store(acc + r * PANEL, lo[r]);
        f32x4_store(acc + r * PANEL + 4, hi[r]);
    }
}

void tile_product(const struct kernels *k, const void *a, size_t stride, int m, const int8_t *panels,
                  int n_panels, int kp, int32_t *acc)
{
    int32_t tile[TILE_ROWS_MAX * PANEL];
    for (int p = 0; p < n_panels; p++)
        for (int r = 0; r < m; r += k->rows) {
            int n_rows = m - r < k->rows ? m - r : k->rows;
            k->tile((const uint8_t *)a + (size_t)r * stride, stride, n_rows,
                    panels + (size_t)p * PANEL * kp, kp, tile);
            for (int i = 0; i < n_rows; i++)
                memcpy(acc + ((size_t)(r + i) * n_panels + p) * PANEL, tile + i * PANEL,
                       PANEL * sizeof *acc);
        }
}

void tile_product_f32(const float *a, int lda, int m, const float *panels, int n_panels, int k, int kp,
                      float *acc)
{
    float tile[4 * PANEL];
    for (int p = 0; p < n_panels; p++)
        for (int r = 0; r < m; r += 4) {
            int n_rows = m - r < 4 ? m - r : 4;
            tile_f32(a + (size_t)r * lda, lda, n_rows, panels + (size_t)p * PANEL * kp, k, tile);
            for (int i = 0; i < n_rows; i++)
                memcpy(acc + ((size_t)(r + i) * n_panels + p) * PANEL, tile + i * PANEL,
                       PANEL * sizeof *acc);
        }
}

struct apply_job {
    const struct linear *l;
    const struct kernels *k;
    const struct acts *a;
    float *y;
    int ldy;
    enum linear_out how;
    activation act;
};

/* Four outputs of one row: store, add or activate; the last panel may reach beyond n_out. */
static void finish(const struct apply_job *job, int m, int n, f32x4 y)
{
    float *out = job->y + (size_t)m * job->ldy + n;
    int left = job->l->n_out - n;
    if (left <= 0)
        return;
    if (job->how == LINEAR_ACTIVATE)
        y = f32x4_activate(y, job->act);
    if (left < 4) {
        if (job->how == LINEAR_ADD)
            y = f32x4_load_part(out, left, 0) + y;
        f32x4_store_part(out, y, left);
        return;
    }
    f32x4_store(out, job->how == LINEAR_ADD ? f32x4_load(out) + y : y);
}

static f32x4 to_float(const int32_t *acc, int32_t zero, const int32_t *colsum)
{
    i32x4 v, c;
    memcpy(&v, acc, sizeof v);
    memcpy(&c, colsum, sizeof c);
    return __builtin_convertvector(v - zero * c, f32x4);
}

static void apply_panels(void *arg, int begin, int end, int thread)
{
    const struct apply_job *job = arg;
    const struct linear *l = job->l;
    const struct acts *a = job->a;
    (void)thread;
    int rows = l->panels ? job->k->rows : 4;
    for (int p = begin; p < end; p++) {
        int n = p * PANEL;
        f32x4 b0 = f32x4_load(l->bias + n), b1 = f32x4_load(l->bias + n + 4);
        for (int m = 0; m < a->m; m += rows) {
            int n_rows = a->m - m < rows ? a->m - m : rows;
            if (l->panels) {
                int32_t acc[TILE_ROWS_MAX * PANEL];
                job->k->tile((const uint8_t *)a->q + (size_t)m * a->stride, a->stride, n_rows,
                             l->panels + (size_t)n * l->kp, l->kp, acc);
                f32x4 s0 = f32x4_load(l->scale + n), s1 = f32x4_load(l->scale + n + 4);
                for (int r = 0; r < n_rows; r++) {
                    f32x4 s = f32x4_splat(a->scale[m + r]);
                    int32_t z = a->zero[m + r];
                    finish(job, m + r, n, to_float(acc + r * PANEL, z, l->colsum + n) * (s * s0) + b0);
                    finish(job, m + r, n + 4,
                           to_float(acc + r * PANEL + 4, z, l->colsum + n + 4) * (s * s1) + b1);
                }
            } else {
                float acc[4 * PANEL];
                tile_f32(a->rows_f32 + (size_t)m * a->k, a->k, n_rows, l->panels_f32 + (size_t)n * l->kp,
                         l->n_in, acc);
                for (int r = 0; r < n_rows; r++) {
                    finish(job, m + r, n, f32x4_load(acc + r * PANEL) + b0);
                    finish(job, m + r, n + 4, f32x4_load(acc + r * PANEL + 4) + b1);
                }
            }
        }
    }
}

void linear_apply(const struct linear *l, kin_pool *pool, const struct kernels *k, const struct acts *a,
                  float *y, int ldy, enum linear_out how, activation act)
{
    struct apply_job job = {l, k, a, y, ldy, how, act};
    pool_run(pool, apply_panels, &job, l->np / PANEL);
}
