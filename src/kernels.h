/* kernels: the integer product every q8 layer is made of, in one table per instruction set. [level 2]
 *
 *   acc[r][c] = sum over k of a[r][k] * w[c][k],   a: u8, w: s8 in [-64, 63], acc: int32, exact
 *
 * A tile is up to MR rows of activations by one panel of 8 weight rows. All kernels return the
 * same int32 (255 * 64 * k stays below 2^31 for k <= 65536), so choosing among them never changes
 * a result. Each table brings its own order of bytes inside a panel (pack, unpack) and says in
 * which form it wants activations. Weight rows are padded with zeros to a multiple of 8 inputs.
 *
 * kernels_ref.c is the oracle and the fallback. A further table is one file and one line in
 * kernels_all; kernels_agree has to hold on the machine at hand before it is used. */
#ifndef KIN_KERNELS_H
#define KIN_KERNELS_H
#include "quant.h"
#include <string.h>

enum { PANEL = 8, TILE_ROWS_MAX = 8, KERNEL_K_MAX = 65536 };

/* acc[r * ld + c], c < 8; a: n_rows rows of kp activations, `stride` bytes apart; n_rows <= MR. */
typedef void kernel_tile(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc,
                         size_t ld);

struct kernels {
    const char *name;
    int rows; /* MR: activation rows a tile takes at once */
    enum act_form form;
    bool raced; /* only the clock can tell whether it beats the tables beside it: it depends on the processor */
    bool (*usable)(void); /* whether this processor has the instructions; NULL: the build says so */
    /* Puts 8 weight rows of kp inputs (kp a multiple of 8, rows `stride` bytes apart) into a panel
     * of 8 * kp bytes, and back. pack_columns reads input k of row c at [k * stride + c]. */
    void (*pack)(const int8_t *rows, size_t stride, int kp, int8_t *panel);
    void (*pack_columns)(const int8_t *columns, size_t stride, int kp, int8_t *panel);
    void (*unpack)(const int8_t *panel, int kp, int8_t *rows, size_t stride);
    kernel_tile *tile;
    kernel_tile *tile_ruled; /* for weights that keep the group rule of quant.h: two products may
                              * be added in 16 bits */
};

/* Tables of this build, the one expected to be fastest first, ending with the plain one; NULL-terminated. */
extern const struct kernels *const kernels_all[];
extern const struct kernels kernels_ref;
#if defined(__wasm_simd128__)
extern const struct kernels kernels_simd;
#endif
#if defined(__wasm_relaxed_simd__)
extern const struct kernels kernels_relaxed, kernels_relaxed_unsigned, kernels_relaxed_signed;
#endif
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx_vnni, kernels_avx512_vnni;
#endif
#if defined(__aarch64__)
extern const struct kernels kernels_neon, kernels_sdot;
#endif

/* In front of a loop over a tile's rows: with the loop left in place GCC keeps the sums in memory (AVX2: a third of the speed). */
#if defined(__clang__)
#define UNROLL_ROWS _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ROWS _Pragma("GCC unroll 8")
#endif

/* Panels in quadruples of inputs, [r0 k0..3 | r1 k0..3 | … | r7 k0..3], which several tables share. */
void kernels_pack4(const int8_t *rows, size_t stride, int kp, int8_t *panel);
void kernels_pack4_columns(const int8_t *columns, size_t stride, int kp, int8_t *panel);
void kernels_unpack4(const int8_t *panel, int kp, int8_t *rows, size_t stride);

/* Whether its products equal the plain ones on stored extremes and noise. */
bool kernels_agree(const struct kernels *k);
/* The first table that is usable and agrees. */
const struct kernels *kernels_choose(void);
/* Runs tiles of 768 inputs over one panel `times` times, to be timed; `work` has room for
 * KERNEL_WORK_BYTES. Returns the multiply-accumulates done; 0: the machine lacks what the table takes. */
enum { KERNEL_WORK_BYTES = (PANEL + 2 * TILE_ROWS_MAX) * 768 + PANEL * TILE_ROWS_MAX * 4 };
double kernels_exercise(const struct kernels *k, int times, void *work);
#endif
