/* linear: panels, the f32 tile and the shared epilogue. */
#include "linear.h"
#include <stdlib.h>

bool linear_alloc(struct linear *l, int n_out, int n_in, bool q8)
{
    size_t np = align_up((size_t)n_out, PANEL), kp = align_up((size_t)n_in, 8);
    *l = (struct linear){.n_out = n_out, .n_in = n_in, .np = (int)np, .kp = (int)kp};
    l->ruled = n_in >= QUANT_RULE_INPUTS;
    l->bias = calloc(np, sizeof *l->bias);
    if (q8) {
        l->panels = malloc(np * kp); /* linear_set_q8 writes all of it, padding too */
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
    for (int c = 0; c < PANEL; c++) {
        int32_t sum = 0;
        for (int i = 0; c < n_rows && i < l->n_in; i++)
            sum += rows[(size_t)c * l->n_in + i];
        l->colsum[n + c] = sum;
    }
    int8_t *panel = l->panels + (size_t)n * l->kp;
    if (n_rows == PANEL && l->n_in == l->kp) {
        k->pack(rows, (size_t)l->n_in, l->kp, panel);
        return;
    }
    int8_t block[PANEL * 64]; /* padded and packed 64 inputs at a time, so that it needs no heap */
    for (int i = 0; i < l->kp; i += 64) {
        int width = l->kp - i < 64 ? l->kp - i : 64, some = l->n_in - i < 64 ? l->n_in - i : 64;
        memset(block, 0, sizeof block);
        for (int c = 0; c < n_rows; c++)
            memcpy(block + c * 64, rows + (size_t)c * l->n_in + i, (size_t)some);
        k->pack(block, 64, width, panel + (size_t)i * PANEL);
    }
}

void linear_get_q8(const struct linear *l, const struct kernels *k, int n, int n_rows, int8_t *rows)
{
    int8_t block[PANEL * 64];
    const int8_t *panel = l->panels + (size_t)n * l->kp;
    for (int i = 0; i < l->kp; i += 64) {
        int width = l->kp - i < 64 ? l->kp - i : 64, some = l->n_in - i < 64 ? l->n_in - i : 64;
        k->unpack(panel + (size_t)i * PANEL, width, block, 64);
        for (int c = 0; c < n_rows; c++)
            memcpy(rows + (size_t)c * l->n_in + i, block + c * 64, (size_t)some);
    }
}

void linear_set_f32(struct linear *l, int n, int n_rows, const float *rows)
{
    float *panel = l->panels_f32 + (size_t)n * l->kp;
    for (int c = 0; c < n_rows; c++)
        for (int i = 0; i < l->n_in; i++)
            panel[(size_t)i * PANEL + c] = rows[(size_t)c * l->n_in + i];
}

void linear_get_f32(const struct linear *l, int n, int n_rows, float *rows)
{
    const float *panel = l->panels_f32 + (size_t)n * l->kp;
    for (int c = 0; c < n_rows; c++)
        for (int i = 0; i < l->n_in; i++)
            rows[(size_t)c * l->n_in + i] = panel[(size_t)i * PANEL + c];
}

bool acts_alloc(struct acts *a, int rows, int n_in)
{
    size_t n = (size_t)rows;
    a->q = malloc(n * align_up((size_t)n_in, 8) * 2);
    a->scale = malloc(n * sizeof *a->scale);
    a->zero = malloc(n * sizeof *a->zero);
    return a->q && a->scale && a->zero;
}

void acts_free(struct acts *a)
{
    free(a->q), free(a->scale), free(a->zero);
    *a = (struct acts){0};
}

void acts_begin(struct acts *a, const struct kernels *k, const float *x, int m, int n_in)
{
    a->m = m;
    a->k = n_in;
    a->kp = (int)align_up((size_t)n_in, 8);
    a->stride = (size_t)a->kp * act_bytes(k->form);
    a->rows_f32 = x;
}

void acts_set_row(struct acts *a, const struct kernels *k, int m, const float *x)
{
    quant_act_row(x, a->k, a->kp, k->form, acts_row(a, m), &a->scale[m], &a->zero[m]);
}

void acts_move_row(struct acts *a, int from, int to)
{
    memcpy(acts_row(a, to), acts_row(a, from), a->stride);
    a->scale[to] = a->scale[from];
    a->zero[to] = a->zero[from];
}

void acts_set_bytes(struct acts *a, const struct kernels *k, int m, const uint8_t *u, int at, int n)
{
    int32_t shift = act_shift(k->form);
    if (n == 0) {
        memset(acts_row(a, m), (uint8_t)-shift, a->stride);
        a->scale[m] = 1;
        a->zero[m] = -shift;
    } else if (k->form == ACT_I16) {
        int16_t *to = (int16_t *)acts_row(a, m) + at;
        for (int i = 0; i < n; i++)
            to[i] = u[i];
    } else {
        uint8_t *to = (uint8_t *)acts_row(a, m) + at;
        for (int i = 0; i < n; i++)
            to[i] = (uint8_t)(u[i] - shift);
    }
}

struct quantise_job {
    struct acts *a;
    const struct kernels *k;
};

static void quantise_rows(void *arg, int begin, int end, int thread)
{
    struct quantise_job *job = arg;
    (void)thread;
    for (int m = begin; m < end; m++)
        acts_set_row(job->a, job->k, m, job->a->rows_f32 + (size_t)m * job->a->k);
}

void acts_from_rows(struct acts *a, kin_pool *pool, const struct kernels *k, bool q8, const float *x, int m, int n_in)
{
    acts_begin(a, k, x, m, n_in);
    if (q8)
        pool_run(pool, quantise_rows, &(struct quantise_job){a, k}, m);
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
            f32x4 x0 = f32x4_splat(a[i]), x1 = f32x4_splat(a1[i]), x2 = f32x4_splat(a2[i]), x3 = f32x4_splat(a3[i]);
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

void tile_product(const struct kernels *k, const void *a, size_t stride, int m, const int8_t *panels, int n_panels,
                  int panel_kp, int kp, int32_t *acc)
{
    size_t ld = (size_t)n_panels * PANEL;
    for (int p = 0; p < n_panels; p++)
        for (int r = 0; r < m; r += k->rows)
            k->tile((const uint8_t *)a + (size_t)r * stride, stride, m - r < k->rows ? m - r : k->rows,
                    panels + (size_t)p * PANEL * panel_kp, kp, acc + (size_t)r * ld + (size_t)p * PANEL, ld);
}

void tile_product_f32(const float *a, int lda, int m, const float *panels, int n_panels, int k, int kp, float *acc)
{
    float tile[4 * PANEL];
    for (int p = 0; p < n_panels; p++)
        for (int r = 0; r < m; r += 4) {
            int n_rows = m - r < 4 ? m - r : 4;
            tile_f32(a + (size_t)r * lda, lda, n_rows, panels + (size_t)p * PANEL * kp, k, tile);
            for (int i = 0; i < n_rows; i++)
                memcpy(acc + ((size_t)(r + i) * n_panels + p) * PANEL, tile + i * PANEL, PANEL * sizeof *acc);
        }
}

struct apply_job {
    const struct product *products;
    int n;
    const struct kernels *k;
    const struct acts *a;
    int ldy;
    enum linear_out how;
    activation act;
};

/* One row of a panel, 8 outputs, of which `left` are there: stored, or added to what is there. */
static inline void finish_row(float *out, int left, f32x4 lo, f32x4 hi, bool add)
{
    float row[PANEL] = {0}, *to = left < PANEL ? row : out;
    if (left < PANEL)
        memcpy(row, out, (size_t)left * sizeof *row);
    f32x4_store(to, add ? f32x4_load(to) + lo : lo);
    f32x4_store(to + 4, add ? f32x4_load(to + 4) + hi : hi);
    if (left < PANEL)
        memcpy(out, row, (size_t)left * sizeof *row);
}

/* acc -> (acc - z colsum) (s scale) + bias, for the rows of a tile. */
static inline void finish_q8(const struct linear *l, const struct acts *a, const int32_t *acc, int m, int n_rows, int n,
                             float *y, int ldy, enum linear_out how, activation act)
{
    i32x4 sum_lo = i32x4_load(l->colsum + n), sum_hi = i32x4_load(l->colsum + n + 4);
    f32x4 scale_lo = f32x4_load(l->scale + n), scale_hi = f32x4_load(l->scale + n + 4);
    f32x4 bias_lo = f32x4_load(l->bias + n), bias_hi = f32x4_load(l->bias + n + 4);
    for (int r = 0; r < n_rows; r++, acc += PANEL) {
        f32x4 s = f32x4_splat(a->scale[m + r]);
        int32_t z = a->zero[m + r];
        f32x4 lo = f32x4_from_i32(i32x4_load(acc) - z * sum_lo) * (s * scale_lo) + bias_lo;
        f32x4 hi = f32x4_from_i32(i32x4_load(acc + 4) - z * sum_hi) * (s * scale_hi) + bias_hi;
        if (how == LINEAR_ACTIVATE)
            lo = f32x4_activate_coarse(lo, act), hi = f32x4_activate_coarse(hi, act);
        finish_row(y + (size_t)(m + r) * ldy + n, l->n_out - n, lo, hi, how == LINEAR_ADD);
    }
}

/* `count` panels from output n on. A tile's activations stay in the nearest cache over all of them. */
static void panels_q8(const struct apply_job *job, const struct product *product, int n, int count)
{
    const struct linear *l = product->l;
    const struct kernels *k = job->k;
    const struct acts *a = job->a;
    kernel_tile *tile = l->ruled ? k->tile_ruled : k->tile;
    int32_t acc[TILE_ROWS_MAX * PANEL];
    for (int m = 0; m < a->m; m += k->rows) {
        int n_rows = a->m - m < k->rows ? a->m - m : k->rows;
        for (int at = n; at < n + count * PANEL; at += PANEL) {
            tile(acts_row(a, m), a->stride, n_rows, l->panels + (size_t)at * l->kp, l->kp, acc, PANEL);
            if (job->how == LINEAR_ACTIVATE) /* thrice the same: each keeps a body without branches */
                finish_q8(l, a, acc, m, n_rows, at, product->y, job->ldy, LINEAR_ACTIVATE, job->act);
            else if (job->how == LINEAR_ADD)
                finish_q8(l, a, acc, m, n_rows, at, product->y, job->ldy, LINEAR_ADD, job->act);
            else
                finish_q8(l, a, acc, m, n_rows, at, product->y, job->ldy, LINEAR_STORE, job->act);
        }
    }
}

static void panel_f32(const struct apply_job *job, const struct product *product, int n)
{
    const struct linear *l = product->l;
    const struct acts *a = job->a;
    f32x4 bias_lo = f32x4_load(l->bias + n), bias_hi = f32x4_load(l->bias + n + 4);
    for (int m = 0; m < a->m; m += 4) {
        int n_rows = a->m - m < 4 ? a->m - m : 4;
        float acc[4 * PANEL];
        tile_f32(a->rows_f32 + (size_t)m * a->k, a->k, n_rows, l->panels_f32 + (size_t)n * l->kp, l->n_in, acc);
        for (int r = 0; r < n_rows; r++) {
            f32x4 lo = f32x4_load(acc + r * PANEL) + bias_lo, hi = f32x4_load(acc + r * PANEL + 4) + bias_hi;
            if (job->how == LINEAR_ACTIVATE)
                lo = f32x4_activate(lo, job->act), hi = f32x4_activate(hi, job->act);
            finish_row(product->y + (size_t)(m + r) * job->ldy + n, l->n_out - n, lo, hi, job->how == LINEAR_ADD);
        }
    }
}

enum { PANELS_BYTES = 24 * 1024 }; /* of weights at once: most of a 32 KB cache */

static void apply_panels(void *arg, int begin, int end, int thread)
{
    const struct apply_job *job = arg;
    (void)thread;
    for (int i = 0, first = 0; i < job->n; i++) {
        const struct product *product = &job->products[i];
        const struct linear *l = product->l;
        int panels = l->np / PANEL, some = PANELS_BYTES / (PANEL * l->kp);
        int p = begin > first ? begin - first : 0, last = end - first < panels ? end - first : panels;
        for (int count; p < last; p += count) {
            count = !l->panels || some < 1 ? 1 : last - p < some ? last - p : some;
            if (l->panels)
                panels_q8(job, product, p * PANEL, count);
            else
                panel_f32(job, product, p * PANEL);
        }
        first += panels;
    }
}

void linear_apply(const struct product *products, int n, kin_pool *pool, const struct kernels *k, const struct acts *a,
                  int ldy, enum linear_out how, activation act)
{
    struct apply_job job = {products, n, k, a, ldy, how, act};
    int panels = 0;
    for (int i = 0; i < n; i++)
        panels += products[i].l->np / PANEL;
    pool_run(pool, apply_panels, &job, panels);
}
