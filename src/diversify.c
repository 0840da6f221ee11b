/* diversify: hits in an order in which they differ, by maximal marginal relevance (Carbonell and Goldstein, 1998). [level 4] */
#include "catalog.h"
#include "floats.h"
#include "kin.h"
#include "score.h"

/* Candidate i of n gains lambda * score - (1 - lambda) * its nearest picture among those taken. */
void kin_catalog_diversify(const kin_catalog *c, uint32_t *rows, float *scores, int n, float lambda)
{
    DEFAULT_FLOATS
    float near[DIVERSIFY_MOST];
    _Alignas(64) int16_t q14[CATALOG_DIM_MAX];
    float vector[CATALOG_DIM_MAX], unit, is;
    n = n < DIVERSIFY_MOST ? n : DIVERSIFY_MOST;
    for (int i = 0; i < n; i++)
        near[i] = -1;
    for (int taken = 0; taken + 1 < n; taken++) {
        int best = taken;
        float most = 0;
        for (int i = taken; i < n; i++) {
            float gain = lambda * scores[i] - (taken ? (1 - lambda) * near[i] : 0);
            if (i == taken || gain > most)
                best = i, most = gain;
        }
        uint32_t row = rows[best];
        float score = scores[best];
        for (int i = best; i > taken; i--) /* the others keep their order: ties go to the better */
            rows[i] = rows[i - 1], scores[i] = scores[i - 1], near[i] = near[i - 1];
        rows[taken] = row, scores[taken] = score;
        kin_catalog_vector(c, row, vector);
        if (query_read(vector, c->dim, q14, &unit))
            for (int i = taken + 1; i < n; i++) {
                score_rows(q14, unit, c->vectors + (size_t)rows[i] * c->dim, c->scale + rows[i], c->dim, 1, &is);
                near[i] = is > near[i] ? is : near[i];
            }
    }
}
