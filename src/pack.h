/* pack: a file of label vectors (docs/format.md), checked whole when it is opened. [level 3]
 *
 * One safetensors file of L labels with P phrases and N negatives, and of a background of B phrases and K pictures, all
 * vectors of E numbers. What the text in `labels` says of them is the reader's in web/shared/labels.js to check: here
 * are sizes, checksums and numbers. */
#ifndef KIN_PACK_H
#define KIN_PACK_H
#include "tensors.h"

enum { PACK_DIM_MAX = 4096, PACK_ROWS_MAX = 1000000 /* of each tensor */ };
#define PACK_MAX_BYTES (1u << 26) /* of a file read whole */

#define PACK_FORMAT "1"

/* X(constant, name, dtype, rank) in the order of the file, the widest first so that each is aligned. */
#define PACK_PARTS(X)                                                                                    \
    X(NULL, "null", DT_F32, 2)            /* [L, 2] mean and deviation over the background, or [0, 2] */ \
    X(PHRASES, "phrases", DT_F32, 2)      /* [P, E] unit vectors, label after label; or DT_I8 */         \
    X(NEGATIVES, "negatives", DT_F32, 2)  /* [N, E] the same */                                          \
    X(BACKGROUND, "background", DT_I8, 2) /* [B, E] phrases for whatever there is */                     \
    X(PICTURES, "pictures", DT_I8, 2)     /* [K, E] pictures of whatever there is */                     \
    X(LABELS, "labels", DT_U8, 1)         /* a JSON object */
#endif
