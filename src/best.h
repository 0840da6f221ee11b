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

/* Whether a row with this score would be kept, as best_offer finds as well; for who has many that would not. The row comes
 * behind those that are kept. */
static inline bool best_takes(const struct best *b, float score)
{
    return b->n < b->cap || (b->cap > 0 && score > b->scores[0]);
}
void best_offer(struct best *b, float score, uint32_t row);
void best_sort(struct best *b); /* once, after the last */
#endif
