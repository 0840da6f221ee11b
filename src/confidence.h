/* confidence: from a score to how surely it is more than chance. [level 4]
 *
 *   confidence = Phi((score - mean) / deviation)^M      of a catalogue of M products: that none of M scores drawn by
 *                                                       chance is higher
 *   mean       = p+ mu - p- mean_image[row] + (t+ - t-) mean_text[row]
 *   deviation  = p+ sigma + p- deviation_image[row] + (t+ + t-) deviation_text[row]
 *
 * p and t are the weights of the query's pictures and words over the length of their sum, + of the wanted ones, - of the
 * unwanted ones. Deviations add as they would if parts rose and fell together, so a blend is never surer than its surest
 * part. Of words, and of what is not wanted, chance is what the row scores against the null queries. A wanted picture is
 * most often of the very kind that the catalogue's own rows are, which are its null queries: against them it would have
 * to beat its peers. So mu and sigma come from the best that each null query found instead (null_best): such that the
 * confidence is VERDICT_WEAK two deviations below their mean, and VERDICT_MATCH one below it. */
#ifndef KIN_CONFIDENCE_H
#define KIN_CONFIDENCE_H
#include "catalog.h"

#define VERDICT_WEAK 0.5
#define VERDICT_MATCH 0.95

/* Phi, the standard normal distribution: absolute error < 1e-15, relative < 1e-12 in the lower tail. */
double normal_below(double z);
/* The z of a confidence in 0..1 among so many products, within [-40, 40]. */
double confidence_z(double confidence, uint32_t products);

struct chance { /* what confidence needs of a query; ready is false where the catalogue has no statistics */
    const float *blend;
    float mu, sigma;
    bool ready;
};
struct chance chance_of(const kin_catalog *c, const float *blend);
/* (score - mean) / deviation; NaN where there is none. */
double chance_z(const kin_catalog *c, const struct chance *chance, uint32_t row, float score);
#endif
