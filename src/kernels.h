/* kernels: the integer product every q8 layer is made of, in one table per instruction set. [level 2]
 *
 *   acc[r][c] = sum over k of a[r][k] * w[c][k],   a: u8, w: s8 in [-64, 63], acc: int32, exact
 *
 * A tile is up to MR rows of activations by one panel of 8 weight rows. All kernels return the
 * same int32 (255 * 64 * k stays below 2^31 for k <= 65536), so choosing among them never changes
 * a result. Each table brings its own order of bytes inside a panel (pack, unpack) and says how
 * wide it wants activations. Weight rows are padded with zeros to a multiple of 8 inputs.
 * kernels_ref.c is the oracle and the fallback; a further table is one file and one line in
 * kernels_all. */
#ifndef KIN_KERNELS_H
#define KIN_KERNELS_H
#include "base.h"

enum { PANEL = 8, TILE_ROWS_MAX = 8, KERNEL_K_MAX = 65536 };

struct kernels {
    const char *name;
    int rows;      /* MR: activation rows a tile takes at once */
    int act_bytes; /* 1: activations stored as u8; 2: as i16 with the same values */
    /* Puts 8 weight rows of kp inputs (kp a multiple of 8, rows `stride` bytes apart) into a panel
     * of 8 * kp bytes, and back. */
    void (*pack)(const int8_t *rows, size_t stride, int kp, int8_t *panel);
    void (*unpack)(const int8_t *panel, int kp, int8_t *rows, size_t stride);
    /* acc[n_rows][8]; a: n_rows rows of kp activations, `stride` bytes apart; n_rows <= MR. */
    void (*tile)(const void *a, size_t stride, int n_rows, const int8_t *panel, int kp, int32_t *acc);
};

/* Tables of this build, best first, ending with the plain one; NULL-terminated. */
extern const struct kernels *const kernels_all[];
extern const struct kernels kernels_ref;
#if defined(__wasm_simd128__)
extern const struct kernels kernels_simd;
#endif
/* The first table whose products equal the plain ones on stored extremes and noise. */
const struct kernels *kernels_choose(void);
bool kernels_agree(const struct kernels *k);
#endif
