/* The functions of vec.h against double precision. */
#include "vec.h"
#include "test.h"

void test_vec_exp(void)
{
    for (int i = -8700; i <= 8800; i++) {
        float x = (float)i / 100;
        CHECK(fabs(f32x4_exp(f32x4_splat(x))[0] / exp((double)x) - 1) < 2e-7);
    }
}

void test_vec_exp2_coarse(void)
{
    double worst = 0;
    for (int i = -125 * 4096; i <= 126 * 4096; i++) {
        float x = (float)i / 4096;
        worst = fmax(worst, fabs(f32x4_exp2_coarse(f32x4_splat(x))[0] / exp2((double)x) - 1));
    }
    CHECK(worst < 1.1e-4 && worst > 0.9e-4);
    for (int n = -126; n <= 127; n++)
        CHECK(f32x4_exp2_coarse(f32x4_splat((float)n))[0] == ldexpf(1, n));
    /* What a softmax may not see weighs nothing. */
    f32x4 none = f32x4_exp2_coarse(f32x4_splat(-127)), zero = f32x4_splat(0);
    CHECK(!memcmp(&none, &zero, sizeof none));
}

static double activated(double x, activation act)
{
    if (act == ACT_QUICK_GELU)
        return x / (1 + exp(-1.702 * x));
    if (act == ACT_GELU)
        return x * 0.5 * erfc(-x / sqrt(2));
    return x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

void test_vec_activations(void)
{
    for (activation act = ACT_QUICK_GELU; act <= ACT_GELU_TANH; act++)
        for (int i = -100000; i <= 100000; i++) {
            float x = (float)i / 1000;
            double y = activated(x, act), size = fabs((double)x);
            CHECK(fabs(f32x4_activate(f32x4_splat(x), act)[0] - y) < 2e-7 * (1 + size));
            CHECK(fabs(f32x4_activate_coarse(f32x4_splat(x), act)[0] - y) < (act == ACT_GELU ? 4e-5 : 3e-5));
        }
    static const float far[] = {1e4f, 1e20f, 3e38f};
    for (activation act = ACT_QUICK_GELU; act <= ACT_GELU_TANH; act++)
        for (int i = 0; i < 3; i++) { /* far outside of what a tower computes: x itself, and hardly anything */
            CHECK(f32x4_activate_coarse(f32x4_splat(far[i]), act)[0] == far[i]);
            CHECK(f32x4_activate_coarse(f32x4_splat(-far[i]), act)[0] > -1e-11f * far[i]);
        }
}
