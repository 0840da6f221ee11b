/* best: a heap over two arrays. */
#include "best.h"

static bool behind(float score_a, uint32_t row_a, float score_b, uint32_t row_b)
{
    return score_a < score_b || (score_a == score_b && row_a > row_b);
}

static void put(struct best *b, int i, float score, uint32_t row)
{
    b->scores[i] = score;
    b->rows[i] = row;
}

/* Sinks a row from the top of the first n entries; the worst is on top. */
static void sink(struct best *b, int n, float score, uint32_t row)
{
    int i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && behind(b->scores[child + 1], b->rows[child + 1], b->scores[child], b->rows[child]))
            child++;
        if (!behind(b->scores[child], b->rows[child], score, row))
            break;
        put(b, i, b->scores[child], b->rows[child]);
        i = child;
    }
    put(b, i, score, row);
}

void best_offer(struct best *b, float score, uint32_t row)
{
    if (b->n < b->cap) {
        int i = b->n++;
        while (i > 0 && behind(score, row, b->scores[(i - 1) / 2], b->rows[(i - 1) / 2])) {
            put(b, i, b->scores[(i - 1) / 2], b->rows[(i - 1) / 2]);
            i = (i - 1) / 2;
        }
        put(b, i, score, row);
    } else if (b->cap > 0 && behind(b->scores[0], b->rows[0], score, row)) {
        sink(b, b->n, score, row);
    }
}

/* The worst moves to the end, again and again. */
void best_sort(struct best *b)
{
    for (int n = b->n - 1; n > 0; n--) {
        float score = b->scores[n];
        uint32_t row = b->rows[n];
        put(b, n, b->scores[0], b->rows[0]);
        sink(b, n, score, row);
    }
}
