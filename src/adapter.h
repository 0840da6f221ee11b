/* adapter: a low-rank map over a model's unit vectors, and the file it lies in. [level 3]
 *
 *   map(x) = (x + U^T (V x)) / ||x + U^T (V x)||      U, V: f32 [rank][dim]
 *
 * One safetensors file (docs/format.md), checked whole when it is read. Sums are those of vec_dot, the rows of U are
 * added in their order: the same bits in every build. train.c learns one. */
#ifndef KIN_ADAPTER_H
#define KIN_ADAPTER_H
#include "base.h"
#include "vec.h"

enum { ADAPTER_RANK_MAX = 64, ADAPTER_DIM_MAX = 4096 };
#define ADAPTER_MAX_BYTES (1u << 22) /* of a file read whole */

#define ADAPTER_FORMAT "1"

struct adapter {
    uint32_t dim, rank;
    float *u, *v; /* one block, which begins with u; owned */
};

/* Reads a file's bytes, which start at a multiple of 8. `image_id`: of the model whose vectors are to be mapped,
 * compared where it and the file's are not empty (KIN_MODEL_MISMATCH); dim likewise. On success the caller frees with
 * adapter_free. */
kin_status adapter_read(const uint8_t *bytes, size_t n, uint32_t dim, const char *image_id, size_t image_id_n,
                        struct adapter *out, kin_error *err);
void adapter_free(struct adapter *a);

/* out[i] += by * x[i] */
static inline void add_times(float *out, float by, const float *x, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4)
        f32x4_store(out + i, f32x4_load(out + i) + f32x4_splat(by) * f32x4_load(x + i));
    for (; i < n; i++)
        out[i] += by * x[i];
}

/* A unit vector `in` [dim] into `out` [dim], another place; h: room for `rank` numbers, V x. Rows of U and V are
 * `stride` numbers apart, those of `in` and `out` beyond dim zero. Returns 1 / ||x + U^T (V x)||. */
float adapter_map(const float *u, const float *v, uint32_t rank, uint32_t stride, const float *in, float *h,
                  float *out);
#endif
