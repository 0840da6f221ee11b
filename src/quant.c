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
    float a = top[0] > top[1] ? top[0] : top[1], b = top[2] > top[3] ? top[2] : top[3];
    return a > b ? a : b;
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

bool quant_weight_row_valid(const int8_t *q, int k)
{
    for (int i = 0; i < k; i++)
        if (q[i] < -64 || q[i] > 63)
            return false;
    if (k >= QUANT_RULE_INPUTS)
        for (int i = 0; i < k; i += 8) {
            int n = k - i < 8 ? k - i : 8;
            if (group_sum(q + i, n, true) > QUANT_GROUP_MAX || group_sum(q + i, n, false) > QUANT_GROUP_MAX)
                return false;
        }
    return true;
}

#define TINY 0x1p-100f

void quant_signed_row(const float *x, int k, int limit, int8_t *q, float *scale)
{
    float top = max_abs(x, k), inv = (float)limit / top;
    *scale = top < TINY ? 1.0f : top / (float)limit;
    for (int i = 0; i < k; i++)
        q[i] = top < TINY ? 0 : (int8_t)clamp(round_f32(x[i] * inv), (float)-limit, (float)limit);
}

void quant_embedding_row(const float *w, int k, int8_t *q, float *scale)
{
    quant_signed_row(w, k, 127, q, scale);
}

void quant_act_row(const float *x, int k, int kp, int act_bytes, void *out, float *scale, int32_t *zero)
{
    f32x4 lo4 = f32x4_splat(0), hi4 = lo4;
    for (int i = 0; i < k; i += 4) {
        f32x4 v = i + 4 <= k ? f32x4_load(x + i) : f32x4_load_part(x + i, k - i, 0);
        lo4 = f32x4_min(lo4, v);
        hi4 = f32x4_max(hi4, v);
    }
    float lo = 0, hi = 0;
    for (int i = 0; i < 4; i++) {
        lo = lo4[i] < lo ? lo4[i] : lo;
        hi = hi4[i] > hi ? hi4[i] : hi;
    }
    float range = hi - lo;
    if (!(range >= TINY)) {
        memset(out, 0, (size_t)kp * (size_t)act_bytes);
        *scale = 1;
        *zero = 0;
        return;
    }
    float inv = 255.0f / range, z = round_f32(-lo * inv);
    *scale = range / 255.0f;
    *zero = (int32_t)z;
    f32x4 inv4 = f32x4_splat(inv), z4 = f32x4_splat(z), top4 = f32x4_splat(255), zero4 = f32x4_splat(0);
    for (int i = 0; i < kp; i += 4) {
        int n = k - i < 4 ? k - i : 4;
        f32x4 v = n == 4 ? f32x4_load(x + i) : f32x4_load_part(x + i, n > 0 ? n : 0, 0);
        v = f32x4_min(f32x4_max(f32x4_round(v * inv4) + z4, zero4), top4);
        i32x4 u = f32x4_round_i32(v);
        for (int j = 0; j < 4; j++) {
            int32_t value = j < n ? u[j] : 0;
            if (act_bytes == 2)
                ((int16_t *)out)[i + j] = (int16_t)value;
            else
                ((uint8_t *)out)[i + j] = (uint8_t)value;
        }
    }
}

float f16_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
    union { uint32_t u; float f; } bits;
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
    union { float f; uint32_t u; } bits = {x};
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
