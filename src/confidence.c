/* confidence: the normal distribution by sums and products alone, and rows by it. */
#include "confidence.h"
#include "floats.h"
#include "kin.h"
#include "nulls.h"
#include <math.h>
#include <string.h>

/* e^x for x in [-700, 0]: x = n ln2 + r, |r| <= ln2 / 2, and Taylor's series for e^r. */
static double exp_below(double x)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    double n = (x * 1.4426950408889634 + magic) - magic;
    double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10; /* ln2, its first 32 bits apart */
    double sum = 1;
    for (int i = 14; i > 0; i--)
        sum = 1 + sum * r / i;
    uint64_t bits = (uint64_t)(1023 + (int)n) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* Up to 3 the series Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3*5) + ...), whose terms have one sign; beyond it Laplace's
 * continued fraction 1 - Phi(z) = phi(z) / (z + 1/(z + 2/(z + 3/(z + ...)))). */
double normal_below(double z)
{
    double size = z < 0 ? -z : z;
    if (!(size < 37))
        return z > 0;
    double density = exp_below(-0.5 * size * size) * 0.3989422804014327;
    if (size < 3) {
        double term = size, sum = size;
        for (int k = 3; k < 90; k += 2)
            sum += term *= size * size / k;
        return z < 0 ? 0.5 - density * sum : 0.5 + density * sum;
    }
    double fraction = size;
    for (int k = 120; k > 0; k--)
        fraction = size + k / fraction;
    return z < 0 ? density / fraction : 1 - density / fraction;
}

static double confidence_of(double z, uint32_t products)
{
    double power = normal_below(z), all = 1;
    for (uint32_t n = products; n; n >>= 1, power *= power)
        if (n & 1)
            all *= power;
    return all;
}

double confidence_z(double confidence, uint32_t products)
{
    double low = -40, high = 40;
    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (confidence_of(middle, products) < confidence)
            low = middle;
        else
            high = middle;
    }
    return high;
}

struct chance chance_of(const kin_catalog *c, const float *blend)
{
    static const float picture[] = {1, 0, 0, 0};
    struct chance chance = {.blend = blend ? blend : picture, .ready = c->nulls != NULL};
    if (chance.ready && chance.blend[0] > 0) {
        double weak = confidence_z(VERDICT_WEAK, c->counted), match = confidence_z(VERDICT_MATCH, c->counted);
        double sigma = (double)c->null_best[1] / (match - weak);
        chance.sigma = (float)sigma;
        chance.mu = (float)((double)c->null_best[0] - 2 * (double)c->null_best[1] - weak * sigma);
    }
    return chance;
}

double chance_z(const kin_catalog *c, const struct chance *chance, uint32_t row, float score)
{
    if (!chance->ready)
        return NAN;
    const float *p = chance->blend, *own = c->nulls + NULL_STATS * (size_t)row;
    double mean = (double)p[0] * chance->mu - (double)p[1] * own[0] + ((double)p[2] - p[3]) * own[2];
    double deviation = (double)p[0] * chance->sigma + (double)p[1] * own[1] + ((double)p[2] + p[3]) * own[3];
    return deviation > 0 ? ((double)score - mean) / deviation : (double)NAN;
}

void kin_catalog_confidence(const kin_catalog *c, const float *blend, const uint32_t *rows, const float *scores, int n,
                            float *out)
{
    DEFAULT_FLOATS
    struct chance chance = chance_of(c, blend);
    for (int i = 0; i < n; i++) {
        double z = rows[i] < c->rows ? chance_z(c, &chance, rows[i], scores[i]) : (double)NAN;
        out[i] = z == z ? (float)confidence_of(z, c->counted) : NAN;
    }
}
