/* slots: the list of a tower's tensors: what each is called, its shape, how its numbers are set, exported
 * and hashed. [level 4]
 *
 * A family lists its tensors once (family.h), each with a form and the place where the engine keeps it; load,
 * export and the model's id walk that list. In which dtype a tensor stands in a file that Kin writes (its
 * canonical form) is the form's business:
 *
 *   form           canonical  kept as
 *   floats         F32        float [n]: norms, biases, class and position embeddings, logit_scale
 *   scales         F32        float [rows]: above 0; a quantised tensor's, filled with it where it is quantised here
 *   halves         F16        float [n], values that an F16 holds: projections of a q8 tower
 *   raw_halves     F16        F16 [n]: what is folded into something else once all is there
 *   linear_q8      I8         struct linear: [out, in] as s7q128 (quant.h)
 *   linear_f32     F32        struct linear
 *   pixels_f32     F32        struct linear: a convolution [out, 3, P, P] as rows [y][x][channel], the order of pixels
 *   table_q8       I8         int8 [rows, n] in [-127, 127]: a q8 tower's token embedding
 *
 * The list points into weights that belong to the tower; it owns only itself. */
#ifndef KIN_SLOTS_H
#define KIN_SLOTS_H
#include "linear.h"
#include "sha256.h"

struct slot;

struct slot_form {
    const char *dtype;  /* of the canonical form, as safetensors spells it */
    size_t value_bytes; /* of a number in that form */
    bool weight;        /* a weight that a converted file holds as I8 with scales of its own */
    bool panels;        /* parts of it start at a multiple of PANEL rows */
    /* Rows [first, first + n), checked to be finite. */
    kin_status (*set_f32)(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                          kin_error *err);
    /* The same from a converted file; NULL where the canonical form is not I8. Returns how many of the rows keep the
     * form's rule before one that breaks it; only where all n do are they taken. */
    uint64_t (*set_i8)(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const int8_t *rows);
    /* Rows [first, first + n) in the canonical form; first a multiple of PANEL, n at most PANEL. */
    void (*get)(const struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, void *out);
};
extern const struct slot_form slot_floats, slot_scales, slot_halves, slot_raw_halves, slot_linear_q8, slot_linear_f32,
    slot_pixels_f32, slot_table_q8;

struct slot {
    char name[88];
    const struct slot_form *form;
    uint32_t rank; /* 0 … 4 */
    uint64_t shape[4];
    union { /* where the numbers go, by form */
        float *floats;
        uint16_t *halves;
        struct linear *linear;
        int8_t *table;
    } to;
    struct slot *scales; /* of a quantised tensor: the slot of its rows' scales; else NULL */
    uint64_t rows_done;  /* rows filled so far (ranks 0 and 1 count as one row) */
};

struct slots {
    struct slot *list;
    int n, room;
};

/* Room for `room` tensors, all that will be added; false when memory is short. */
bool slots_alloc(struct slots *all, int room);
void slots_free(struct slots *all);

/* Each adds a tensor named <prefix><name>, together at most 87 bytes; pointers stay good, since the list never
 * moves. Shapes: rank 0 is [], 1 [rows], 2 [rows, columns]. */
struct slot *slots_add_floats(struct slots *all, float *to, uint32_t rank, uint64_t rows, uint64_t columns,
                              const char *prefix, const char *name);
/* `form` and `to` are left to the caller. */
struct slot *slots_add(struct slots *all, const struct slot_form *form, uint32_t rank, uint64_t rows, uint64_t columns,
                       const char *prefix, const char *name);
/* <prefix><name>.weight, in q8 .weight_scale too, and .bias. */
void slots_add_linear(struct slots *all, struct linear *l, bool q8, const char *prefix, const char *name);

struct slot *slots_find(struct slots *all, const char *name, size_t n); /* NULL: there is none */
/* The first tensor that is not whole yet, or NULL. */
const struct slot *slots_missing(const struct slots *all);

uint64_t slot_rows(const struct slot *s);
uint64_t slot_row_values(const struct slot *s);
uint64_t slot_bytes(const struct slot *s); /* in the canonical form */

/* Rows [first, first + n) given as floats, or (canonical form I8) as a converted file holds them. Rows come in
 * rising order. KIN_NOT_A_MODEL: not finite, a scale that is not positive, a row that breaks its rule. */
kin_status slot_set_f32(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const float *rows,
                        kin_error *err);
kin_status slot_set_i8(struct slot *s, const struct kernels *k, uint64_t first, uint64_t n, const int8_t *rows,
                       kin_error *err);

/* Hashes all tensors in order of their names' bytes, each as name, newline, dtype, newline, shape joined by commas,
 * newline, bytes of the canonical form. */
kin_status slots_hash(const struct slots *all, const struct kernels *k, struct sha256 *h, kin_error *err);
#endif
