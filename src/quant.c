/* quant: see quant.h for the formulas. Sums keep the 8 virtual lanes of vec.h. */
#include "quant.h"
#include "vec.h"

static float max_abs(const float *x, int k)
{
    f32x4 top = f32x4_splat(0);
    for (int i = 0; i < k; i += 4) {
        f32x4 v = i + 4 <= k ? f32x4_load(x + i) : f32x4_load_part(x + i, k - i, 0);
        top = f32x4_max(top, f32x4_max(v, -v));
    }
    return f32x4_top(top);
}

static float clamp(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

static bool in_first_group(int position) { return (position & 2) == 0; }

static int group_sum(const int8_t *block, int n, bool first)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        if (in_first_group(i) == first)
            sum += block[i] < 0 ? -block[i] : block[i];
    return sum;
}

/* Moves single weights of a group one step towards zero until its sum fits, each time the one
 * whose step adds the least squared error: (w - (q -+ 1) s)^2 - (w - q s)^2. */
static void obey(const float *w, int8_t *q, int n, float scale, bool first)
{
    int sum = group_sum(q, n, first);
    while (sum > QUANT_GROUP_MAX) {
        int best = -1;
        float least = 0;
        for (int i = 0; i < n; i++) {
            if (in_first_group(i) != first || q[i] == 0)
                continue;
            float was = w[i] - (float)q[i] * scale;
            float now = w[i] - (float)(q[i] > 0 ? q[i] - 1 : q[i] + 1) * scale;
            float damage = now * now - was * was;
            if (best < 0 || damage < least)
                best = i, least = damage;
        }
        q[best] = (int8_t)(q[best] > 0 ? q[best] - 1 : q[best] + 1);
        sum--;
    }
}

static float round_row(const float *w, int k, float scale, int8_t *q)
{
    f32x4 error[2] = {f32x4_splat(0), f32x4_splat(0)};
    for (int i = 0; i < k; i += 8) {
        int n = k - i < 8 ? k - i : 8;
        for (int j = 0; j < n; j++)
            q[i + j] = (int8_t)clamp(round_f32(w[i + j] / scale), -64, 63);
        if (k >= QUANT_RULE_INPUTS) {
            obey(w + i, q + i, n, scale, true);
            obey(w + i, q + i, n, scale, false);
        }
        for (int j = 0; j < n; j++) {
            float d = w[i + j] - (float)q[i + j] * scale;
            error[j / 4][j % 4] += d * d;
        }
    }
    return lanes_sum(error[0], error[1]);
}

void quant_weight_row(const float *w, int k, int8_t *q, float *scale)
{
    float top = max_abs(w, k);
    float unit = (top < 1e-8f ? 1e-8f : top) / 63.0f;
    float best_scale = unit, least = 0;
    for (int candidate = 0; candidate < 17; candidate++) { /* 0.55, 0.58, … 1.03 of the full range */
        float s = unit * (0.55f + 0.03f * (float)candidate);
        float error = round_row(w, k, s, q);
        if (candidate == 0 || error < least)
            least = error, best_scale = s;
    }
    round_row(w, k, best_scale, q);
    *scale = best_scale;
}

/* Two blocks of eight weights, the bytes of words (little-endian, as all targets are). In [-64, 63] the two
 * top bits of a byte are the same; the sizes are at most 64, so that sums of two fit a byte and those of
 * four its half word. */
bool quant_weight_row_valid(const int8_t *q, int k)
{
    typedef uint64_t u64x2 __attribute__((vector_size(16)));
    const uint64_t ones = 0x0101010101010101, even = 0x00FF00FF00FF00FF, tops = 0x80008000;
    const uint64_t over = k < QUANT_RULE_INPUTS ? 0 : tops - (QUANT_GROUP_MAX + 1) * (uint64_t)0x10001;
    u64x2 bad = {0};
    for (int i = 0; i < k; i += 16) {
        u64x2 block = {0};
        if (i + 16 <= k)
            memcpy(&block, q + i, 16);
        else
            memcpy(&block, q + i, (size_t)(k - i));
        u64x2 signs = block >> 7 & ones, sizes = (block ^ ((signs << 8) - signs)) + signs;
        u64x2 pairs = (sizes & even) + (sizes >> 8 & even); /* positions 01, 23, 45, 67 */
        u64x2 groups = (pairs + (pairs >> 32)) & 0xFFFFFFFF;
        bad |= ((block ^ block << 1) & 0x80 * ones) | ((groups + over) & tops);
    }
    return !(bad[0] | bad[1]);
}

#define TINY 0x1p-100f

int32_t quant_signed_row(const float *x, int k, int limit, int8_t *q, float *scale)
{
    float top = max_abs(x, k);
    if (top < TINY) {
        memset(q, 0, (size_t)k);
        *scale = 1;
        return 0;
    }
    *scale = top / (float)limit;
    f32x4 inv = f32x4_splat((float)limit / top), most = f32x4_splat((float)limit);
    i32x4 sum = {0};
    int i = 0;
    for (; i + 16 <= k; i += 16) {
        i32x4 v[4];
        for (int j = 0; j < 4; j++) {
            v[j] = f32x4_round_i32(f32x4_min(f32x4_max(f32x4_load(x + i + 4 * j) * inv, -most), most));
            sum += v[j];
        }
        u8x16 bytes = u8x16_low(i16x8_low(v[0], v[1]), i16x8_low(v[2], v[3]));
        memcpy(q + i, &bytes, sizeof bytes);
    }
    int32_t total = sum[0] + sum[1] + sum[2] + sum[3];
    for (; i < k; i++) {
        q[i] = (int8_t)clamp(round_f32(x[i] * inv[0]), -most[0], most[0]);
        total += q[i];
    }
    return total;
}

void quant_embedding_row(const float *w, int k, int8_t *q, float *scale) { quant_signed_row(w, k, 127, q, scale); }

static void range_of(const float *x, int k, float *lo, float *hi)
{
    f32x4 lo4 = f32x4_splat(0), hi4 = lo4;
    int i = 0;
    for (; i + 4 <= k; i += 4) {
        f32x4 v = f32x4_load(x + i);
        lo4 = f32x4_min(lo4, v);
        hi4 = f32x4_max(hi4, v);
    }
    f32x4 tops =
        f32x4_max(__builtin_shufflevector(-lo4, hi4, 0, 1, 4, 5), __builtin_shufflevector(-lo4, hi4, 2, 3, 6, 7));
    *lo = -(tops[0] > tops[1] ? tops[0] : tops[1]), *hi = tops[2] > tops[3] ? tops[2] : tops[3];
    for (; i < k; i++) {
        *lo = x[i] < *lo ? x[i] : *lo;
        *hi = x[i] > *hi ? x[i] : *hi;
    }
}

static void fill_acts(void *out, int from, int to, enum act_form form, int32_t value)
{
    for (int i = from; i < to; i++)
        if (form == ACT_I16)
            ((int16_t *)out)[i] = (int16_t)value;
        else
            ((uint8_t *)out)[i] = (uint8_t)value;
}

void quant_act_row(const float *x, int k, int kp, enum act_form form, void *out, float *scale, int32_t *zero)
{
    float lo, hi;
    range_of(x, k, &lo, &hi);
    quant_act_row_within(x, k, kp, form, lo, hi, out, scale, zero);
}

void quant_act_row_within(const float *x, int k, int kp, enum act_form form, float lo, float hi, void *out,
                          float *scale, int32_t *zero)
{
    float range = hi - lo, shift = (float)act_shift(form);
    if (!(range >= TINY)) {
        fill_acts(out, 0, kp, form, -act_shift(form));
        *scale = 1;
        *zero = -act_shift(form);
        return;
    }
    float inv = 255.0f / range, z = round_f32(-lo * inv) - shift;
    *scale = range / 255.0f;
    int32_t whole_z = *zero = (int32_t)z;
    /* Clamped before they are rounded: the bounds are whole, so it comes to the same. */
    f32x4 inv4 = f32x4_splat(inv), least = f32x4_splat(-shift - z), most = f32x4_splat(255 - shift - z);
    int i = 0;
    for (; i + 8 <= k; i += 8) {
        i32x4 v[2];
        for (int j = 0; j < 2; j++) {
            f32x4 u = f32x4_min(f32x4_max(f32x4_load(x + i + 4 * j) * inv4, least), most);
            v[j] = f32x4_round_i32(u) + whole_z;
        }
        i16x8 a = i16x8_low(v[0], v[1]);
        u8x16 bytes = u8x16_low(a, a);
        if (form == ACT_I16)
            memcpy((int16_t *)out + i, &a, sizeof a);
        else
            memcpy((uint8_t *)out + i, &bytes, 8);
    }
    for (; i < k; i++)
        fill_acts(out, i, i + 1, form, (int32_t)round_f32(clamp(x[i] * inv, least[0], most[0])) + whole_z);
    fill_acts(out, k, kp, form, -act_shift(form));
}

float f16_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
    union {
        uint32_t u;
        float f;
    } bits;
    if (exponent == 0) {
        bits.f = (float)fraction * 0x1p-24f;
        bits.u |= sign;
    } else {
        bits.u = sign | (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | fraction << 13;
    }
    return bits.f;
}

uint16_t float_to_f16(float x)
{
    union {
        float f;
        uint32_t u;
    } bits = {x};
    uint32_t sign = bits.u >> 16 & 0x8000, rest = bits.u & 0x7FFFFFFF;
    if (rest >= 0x47800000) /* 65536 and more, infinity, NaN */
        return (uint16_t)(sign | 0x7C00 | (rest > 0x7F800000 ? 0x200 : 0));
    if (rest < 0x38800000) { /* below 2^-14: a multiple of 2^-24 */
        bits.u = rest;
        float q = round_f32(bits.f * 0x1p24f); /* < 1024.5, so the magic sum rounds it */
        return (uint16_t)(sign | (uint32_t)q);
    }
    uint32_t half = rest - 0x38000000, tail = half & 0x1FFF;
    half >>= 13;
    if (tail > 0x1000 || (tail == 0x1000 && (half & 1)))
        half++; /* may carry into the exponent, up to infinity: that is the right rounding */
    return (uint16_t)(sign | half);
}
