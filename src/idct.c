/* idct: four columns (then four rows) a vector. */
#include "idct.h"
#include "vec8.h"

#define FIXED(x) ((int)((x) * 4096 + 0.5))

static inline u32x4 times(u32x4 v, int factor) { return v * u32x4_splat(factor); }

/* One pass over four lines at once, s[0 … 7] -> out[0 … 7]; `round` is added before the shift. Where
 * the last four inputs are known to be 0 the compiler drops their part. */
static inline __attribute__((always_inline)) void pass_8(const u32x4 s[8], s32x4 out[8], int round, int shift)
{
    u32x4 p1 = times(s[2] + s[6], FIXED(0.5411961f));
    u32x4 e2 = p1 + times(s[6], FIXED(-1.847759065f)), e3 = p1 + times(s[2], FIXED(0.765366865f));
    u32x4 e0 = ((s[0] + s[4]) << 12) + u32x4_splat(round);
    u32x4 e1 = ((s[0] - s[4]) << 12) + u32x4_splat(round);
    u32x4 even[4] = {e0 + e3, e1 + e2, e1 - e2, e0 - e3};

    u32x4 p3 = s[7] + s[3], p4 = s[5] + s[1];
    u32x4 p5 = times(p3 + p4, FIXED(1.175875602f));
    p1 = p5 + times(s[7] + s[1], FIXED(-0.899976223f));
    u32x4 p2 = p5 + times(s[5] + s[3], FIXED(-2.562915447f));
    p3 = times(p3, FIXED(-1.961570560f));
    p4 = times(p4, FIXED(-0.390180644f));
    u32x4 odd[4] = {times(s[1], FIXED(1.501321110f)) + p1 + p4, times(s[3], FIXED(3.072711026f)) + p2 + p3,
                    times(s[5], FIXED(2.053119869f)) + p2 + p4, times(s[7], FIXED(0.298631336f)) + p1 + p3};
    for (int i = 0; i < 4; i++) {
        out[i] = (s32x4)(even[i] + odd[i]) >> shift;
        out[7 - i] = (s32x4)(even[i] - odd[i]) >> shift;
    }
}

static inline u32x4 load_4(const short *p)
{
    i16x4 v;
    memcpy(&v, p, sizeof v);
    return (u32x4) __builtin_convertvector(v, s32x4);
}

/* Rows a … d -> columns, into to[0 … 3]. */
static inline void transpose(s32x4 a, s32x4 b, s32x4 c, s32x4 d, u32x4 to[4])
{
    s32x4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    s32x4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    to[0] = (u32x4)__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
    to[1] = (u32x4)__builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
    to[2] = (u32x4)__builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
    to[3] = (u32x4)__builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

/* Four columns of four rows, a column a vector -> four bytes a row in the 32-bit lanes. */
static inline s32x4 rows_of_4(const s32x4 column[4])
{
    u8x16 v = u8x16_narrow(i16x8_narrow(column[0], column[1]), i16x8_narrow(column[2], column[3]));
    for (int i = 0; i < 2; i++) /* byte (column, row) moves to (row, column) */
        v = u8x16_zip_low(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    return (s32x4)v;
}

static inline void store_rows(uint8_t *out, int stride, const s32x4 column[8])
{
    s32x4 left = rows_of_4(column), right = rows_of_4(column + 4);
    u8x16 rows[2] = {(u8x16)__builtin_shufflevector(left, right, 0, 4, 1, 5),
                     (u8x16)__builtin_shufflevector(left, right, 2, 6, 3, 7)};
    for (int i = 0; i < 4; i++)
        memcpy(out + i * stride, (const uint8_t *)rows + 8 * i, 8);
}

static inline int all_zero(i16x8 v)
{
#if defined(__wasm_simd128__)
    return !wasm_v128_any_true((v128_t)v);
#else
    uint64_t halves[2];
    memcpy(halves, &v, sizeof v);
    return !(halves[0] | halves[1]);
#endif
}

/* FULL 0: only the 4x4 lowest frequencies are there. */
static inline __attribute__((always_inline)) void idct(uint8_t *out, int stride, const short *data, int full)
{
    const u32x4 zero = u32x4_splat(0);
    s32x4 left[8], right[8];
    u32x4 s[8];
    for (int i = 0; i < 8; i++)
        s[i] = i < 4 || full ? load_4(data + 8 * i) : zero;
    pass_8(s, left, 512, 10);
    if (full) {
        for (int i = 0; i < 8; i++)
            s[i] = load_4(data + 8 * i + 4);
        pass_8(s, right, 512, 10);
    }
    for (int half = 0; half < 2; half++) {
        const s32x4 *l = left + 4 * half, *r = right + 4 * half;
        s32x4 column[8];
        transpose(l[0], l[1], l[2], l[3], s);
        if (full)
            transpose(r[0], r[1], r[2], r[3], s + 4);
        else
            s[4] = s[5] = s[6] = s[7] = zero;
        pass_8(s, column, 65536 + (128 << 17), 17); /* 128 moves samples to 0 … 255 */
        store_rows(out + 4 * half * stride, stride, column);
    }
}

void idct_8(uint8_t *out, int stride, short data[64])
{
    const i16x8 right_half = {0, 0, 0, 0, -1, -1, -1, -1}, not_mean = {0, -1, -1, -1, -1, -1, -1, -1};
    i16x8 row[8];
    memcpy(row, data, sizeof row);
    i16x8 lower = (row[4] | row[5]) | (row[6] | row[7]), upper = (row[1] | row[2]) | row[3];
    if (!all_zero(lower | ((upper | row[0]) & right_half))) {
        idct(out, stride, data, 1);
    } else if (!all_zero(upper | (row[0] & not_mean))) {
        idct(out, stride, data, 0);
    } else { /* the mean alone: (4 mean << 12, rounded) >> 17 */
        int mean = ((data[0] * 4 * 4096) + 65536 + (128 << 17)) >> 17;
        mean = mean < 0 ? 0 : mean > 255 ? 255 : mean;
        for (int i = 0; i < 8; i++)
            memset(out + i * stride, mean, 8);
    }
}

static inline __attribute__((always_inline)) void pass_4(const u32x4 s[4], s32x4 out[4], int round, int shift)
{
    u32x4 e0 = ((s[0] + s[2]) << 12) + u32x4_splat(round);
    u32x4 e1 = ((s[0] - s[2]) << 12) + u32x4_splat(round);
    u32x4 o0 = times(s[1], FIXED(1.306562965f)) + times(s[3], FIXED(0.541196100f));
    u32x4 o1 = times(s[1], FIXED(0.541196100f)) - times(s[3], FIXED(1.306562965f));
    out[0] = (s32x4)(e0 + o0) >> shift;
    out[1] = (s32x4)(e1 + o1) >> shift;
    out[2] = (s32x4)(e1 - o1) >> shift;
    out[3] = (s32x4)(e0 - o0) >> shift;
}

void idct_4(uint8_t *out, int stride, short data[64])
{
    u32x4 s[4];
    s32x4 v[4];
    for (int i = 0; i < 4; i++)
        s[i] = load_4(data + 8 * i);
    pass_4(s, v, 512, 10);
    transpose(v[0], v[1], v[2], v[3], s);
    pass_4(s, v, 65536 + (128 << 17), 17);
    s32x4 rows = rows_of_4(v);
    for (int i = 0; i < 4; i++)
        memcpy(out + i * stride, (const uint8_t *)&rows + 4 * i, 4);
}

static uint8_t sample(int eightfold)
{
    int x = (eightfold + 4 + 1024) >> 3;
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

void idct_2(uint8_t *out, int stride, short data[64])
{
    int a = data[0] + data[8], b = data[0] - data[8], c = data[1] + data[9], d = data[1] - data[9];
    out[0] = sample(a + c);
    out[1] = sample(a - c);
    out[stride] = sample(b + d);
    out[stride + 1] = sample(b - d);
}

void idct_1(uint8_t *out, int stride, short data[64])
{
    (void)stride;
    out[0] = sample(data[0]);
}
