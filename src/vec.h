/* vec: float vectors and the functions Numerics 2 is made of (docs/numerics.md). [level 0]
 *
 * Written once in C vector extensions, so that every target adds the same numbers in the same
 * order: only +, -, *, / and sqrt, each correctly rounded, never contracted to fma. A reduction
 * keeps 8 virtual lanes (element i in lane i mod 8) as two 4-lane vectors and ends with
 * ((0+4)+(2+6)) + ((1+5)+(3+7)). Tails are padded with the operation's neutral element. */
#ifndef KIN_VEC_H
#define KIN_VEC_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

static inline f32x4 f32x4_load(const float *p)
{
    f32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void f32x4_store(float *p, f32x4 v) { memcpy(p, &v, sizeof v); }
static inline f32x4 f32x4_splat(float x) { return (f32x4){x, x, x, x}; }

/* n < 4 leading elements of p, the rest `pad`. */
static inline f32x4 f32x4_load_part(const float *p, int n, float pad)
{
    f32x4 v = f32x4_splat(pad);
    for (int i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}
static inline void f32x4_store_part(float *p, f32x4 v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}
static inline f32x4 f32x4_select(i32x4 mask, f32x4 yes, f32x4 no)
{
    return (f32x4)((mask & (i32x4)yes) | (~mask & (i32x4)no));
}
/* a > b ? a : b for each lane (and a < b ? a : b): one instruction on x86 and in wasm, where pmax(b, a)
 * is b < a ? a : b. */
#if defined(__wasm_simd128__)
static inline f32x4 f32x4_max(f32x4 a, f32x4 b) { return (f32x4)wasm_f32x4_pmax((v128_t)b, (v128_t)a); }
static inline f32x4 f32x4_min(f32x4 a, f32x4 b) { return (f32x4)wasm_f32x4_pmin((v128_t)b, (v128_t)a); }
#elif defined(__SSE2__) /* by name: of a comparison GCC makes four instructions */
static inline f32x4 f32x4_max(f32x4 a, f32x4 b) { return (f32x4)_mm_max_ps((__m128)a, (__m128)b); }
static inline f32x4 f32x4_min(f32x4 a, f32x4 b) { return (f32x4)_mm_min_ps((__m128)a, (__m128)b); }
#else
static inline f32x4 f32x4_max(f32x4 a, f32x4 b) { return f32x4_select(a > b, a, b); }
static inline f32x4 f32x4_min(f32x4 a, f32x4 b) { return f32x4_select(a < b, a, b); }
#endif

/* Round half to even for |x| < 2^22: adding 1.5 * 2^23 leaves no fraction bits. */
#define VEC_ROUND_MAGIC 12582912.0f
static inline f32x4 f32x4_round(f32x4 x) { return (x + f32x4_splat(VEC_ROUND_MAGIC)) - f32x4_splat(VEC_ROUND_MAGIC); }
static inline float round_f32(float x) { return (x + VEC_ROUND_MAGIC) - VEC_ROUND_MAGIC; }
/* The same as integers: the low mantissa bits of x + magic. */
static inline i32x4 f32x4_round_i32(f32x4 x)
{
    return (i32x4)(x + f32x4_splat(VEC_ROUND_MAGIC)) - (i32x4)f32x4_splat(VEC_ROUND_MAGIC);
}

static inline i32x4 i32x4_load(const int32_t *p)
{
    i32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline f32x4 f32x4_from_i32(i32x4 v) { return __builtin_convertvector(v, f32x4); }

/* The low 16 bits of 8 lanes, the low 8 bits of 16. */
static inline i16x8 i16x8_low(i32x4 a, i32x4 b)
{
    return __builtin_shufflevector((i16x8)a, (i16x8)b, 0, 2, 4, 6, 8, 10, 12, 14);
}
static inline u8x16 u8x16_low(i16x8 a, i16x8 b)
{
    return __builtin_shufflevector((u8x16)a, (u8x16)b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

static inline float f32x4_top(f32x4 v) /* the largest lane */
{
    float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
    return a > b ? a : b;
}

static inline float lanes_sum(f32x4 lo, f32x4 hi)
{
    f32x4 s = lo + hi;
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* e^x, relative error < 2e-7 on [-87, 88], clamped outside. x = n ln2 + r, |r| <= ln2/2;
 * e^r by a polynomial of degree 6 (the coefficients are the classic single-precision ones of
 * Cephes' expf), 2^n by building the exponent. */
static inline f32x4 f32x4_exp(f32x4 x)
{
    x = f32x4_min(f32x4_max(x, f32x4_splat(-87.0f)), f32x4_splat(88.0f));
    f32x4 t = x * f32x4_splat(1.44269504f);
    f32x4 n = f32x4_round(t);
    i32x4 n_i32 = f32x4_round_i32(t);
    f32x4 r = (x - n * f32x4_splat(0.693359375f)) - n * f32x4_splat(-2.12194440e-4f);
    f32x4 p = f32x4_splat(1.9875691500e-4f);
    p = p * r + f32x4_splat(1.3981999507e-3f);
    p = p * r + f32x4_splat(8.3334519073e-3f);
    p = p * r + f32x4_splat(4.1665795894e-2f);
    p = p * r + f32x4_splat(1.6666665459e-1f);
    p = p * r + f32x4_splat(5.0000001201e-1f);
    f32x4 y = (p * (r * r) + r) + f32x4_splat(1.0f);
    i32x4 exponent = (n_i32 + 127) << 23;
    return y * (f32x4)exponent;
}

/* 2^x for x in [-127, 127], for what is rounded to 8 bits afterwards: relative error < 1.1e-4, whole
 * powers exact, 2^-127 = 0. 2^(x - n) by the polynomial of degree 3 with p(0) = 1 of least relative
 * error; n is added to its exponent (x + magic ends in the bits of n, the rest is shifted out). */
static inline f32x4 f32x4_exp2_coarse(f32x4 x)
{
    f32x4 t = x + f32x4_splat(VEC_ROUND_MAGIC);
    f32x4 f = x - (t - f32x4_splat(VEC_ROUND_MAGIC));
    f32x4 p = f32x4_splat(0.05500893f);
    p = p * f + f32x4_splat(0.24221096f);
    p = p * f + f32x4_splat(0.69328293f);
    p = p * f + f32x4_splat(1.0f);
    return (f32x4)((i32x4)p + ((i32x4)t << 23));
}

/* The three activations of CLIP configs. quick: x / (1 + e^(-1.702 x)); tanh form: the same shape
 * with 2 sqrt(2/pi) (x + 0.044715 x^3) in place of 1.702 x. */
typedef enum activation { ACT_QUICK_GELU, ACT_GELU, ACT_GELU_TANH } activation;

static inline f32x4 f32x4_sigmoid_times(f32x4 x, f32x4 z) { return x / (f32x4_splat(1.0f) + f32x4_exp(-z)); }

/* gelu: x/2 (1 + erf(x / sqrt 2)); erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7. */
static inline f32x4 f32x4_gelu(f32x4 x)
{
    f32x4 z = x * f32x4_splat(0.70710678f);
    f32x4 a = f32x4_select(z < f32x4_splat(0.0f), -z, z);
    f32x4 t = f32x4_splat(1.0f) / (f32x4_splat(1.0f) + f32x4_splat(0.3275911f) * a);
    f32x4 p = f32x4_splat(1.061405429f);
    p = p * t + f32x4_splat(-1.453152027f);
    p = p * t + f32x4_splat(1.421413741f);
    p = p * t + f32x4_splat(-0.284496736f);
    p = p * t + f32x4_splat(0.254829592f);
    f32x4 e = p * t * f32x4_exp(-(a * a)); /* 1 - erf(|z|) */
    f32x4 half = x * f32x4_splat(0.5f);
    return f32x4_select(z < f32x4_splat(0.0f), half * e, x - half * e);
}

static inline f32x4 f32x4_activate(f32x4 x, activation act)
{
    if (act == ACT_QUICK_GELU)
        return f32x4_sigmoid_times(x, x * f32x4_splat(1.702f));
    if (act == ACT_GELU)
        return f32x4_gelu(x);
    f32x4 cube = x * x * x;
    return f32x4_sigmoid_times(x, (x + cube * f32x4_splat(0.044715f)) * f32x4_splat(1.5957691f));
}

/* The same, coarse: x / (1 + 2^(u (a + b u^2 + c u^4))), u being x within a bound beyond which nothing
 * changes that 8 bits could hold. gelu's a, b and c are those of least absolute error, 2.6e-5. */
static inline f32x4 f32x4_activate_coarse(f32x4 x, activation act)
{
    static const struct {
        float bound, a, b, c;
    } forms[] = {[ACT_QUICK_GELU] = {50, -2.4554669f, 0, 0},
                 [ACT_GELU] = {8, -2.3011213f, -0.10677572f, 1.0142631e-3f},
                 [ACT_GELU_TANH] = {9, -2.3022082f, -0.10294323f, 0}};
    f32x4 bound = f32x4_splat(forms[act].bound), slope = f32x4_splat(forms[act].a);
    f32x4 u = f32x4_min(f32x4_max(x, -bound), bound);
    if (act != ACT_QUICK_GELU) {
        f32x4 square = u * u;
        slope = slope + square * (f32x4_splat(forms[act].b) + square * f32x4_splat(forms[act].c));
    }
    return x / (f32x4_splat(1.0f) + f32x4_exp2_coarse(u * slope));
}

/* sum x[i] * y[i], 8 virtual lanes. */
static inline float vec_dot(const float *x, const float *y, int n)
{
    f32x4 lo = f32x4_splat(0), hi = lo;
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        lo += f32x4_load(x + i) * f32x4_load(y + i);
        hi += f32x4_load(x + i + 4) * f32x4_load(y + i + 4);
    }
    int rest = n - i, first = rest < 4 ? rest : 4;
    if (rest > 0)
        lo += f32x4_load_part(x + i, first, 0) * f32x4_load_part(y + i, first, 0);
    if (rest > 4)
        hi += f32x4_load_part(x + i + 4, rest - 4, 0) * f32x4_load_part(y + i + 4, rest - 4, 0);
    return lanes_sum(lo, hi);
}
#endif
