/* best: the best of many scored rows, kept in the caller's arrays. [level 1]
 *
 * A row ranks behind another with a lower score, or with the same and a later number. While rows come the arrays are a
 * heap whose top is the worst that is kept; best_sort makes a list of it, best first. */
#ifndef KIN_BEST_H
#define KIN_BEST_H
#include <stdbool.h>
#include <stdint.h>

struct best { /* begins as { rows, scores, 0, cap }, arrays of cap, which may be 0 */
    uint32_t *rows;
    float *scores;
    int n, cap;
};

void best_offer(struct best *b, float score, uint32_t row);
void best_sort(struct best *b); /* once, after the last */
#endif
