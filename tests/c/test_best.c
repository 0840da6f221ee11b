/* test_best: the best of many rows, against sorting all of them. */
#include "../../src/best.h"
#include "clustered.h"
#include "test.h"

struct scored {
    float score;
    uint32_t row;
};

static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Many scores are the same; rows come in no order. */
void test_best_equals_sort(void)
{
    enum { MOST = 300 };
    uint64_t seed = 1;
    for (int turn = 0; turn < 400; turn++) {
        struct scored all[MOST];
        uint32_t rows[MOST + 1];
        float scores[MOST + 1];
        int n = (int)(random_u32(&seed) % (MOST + 1)),
            cap = turn % 10 ? (int)(random_u32(&seed) % MOST) : turn / 10 % 3;
        uint32_t values = turn % 3 ? 7 : 1u << 20;
        struct best best = {rows, scores, 0, cap};
        rows[cap] = 12345; /* must stay */
        for (int i = 0; i < n; i++) {
            all[i] = (struct scored){(float)(random_u32(&seed) % values) - 3, (uint32_t)(i * 7919 % 10007)};
            best_offer(&best, all[i].score, all[i].row);
        }
        best_sort(&best);
        qsort(all, (size_t)n, sizeof *all, compare);
        CHECK_EQ(best.n, n < cap ? n : cap);
        CHECK_EQ(rows[cap], 12345);
        for (int i = 0; i < best.n; i++)
            CHECK(rows[i] == all[i].row && scores[i] == all[i].score);
    }
}
