/* test_pool: each item once, and the same results, with 1 to 4 threads and without a pool. */
#include "../../src/pool.h"
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ITEMS = 1000 };

struct job {
    uint32_t values[ITEMS];
    uint8_t times[ITEMS], range[ITEMS];
};

static void work(void *arg, int begin, int end, int range)
{
    struct job *job = arg;
    for (int i = begin; i < end; i++) {
        job->values[i] = (uint32_t)i * 2654435761u ^ (uint32_t)i >> 3;
        job->times[i]++;
        job->range[i] = (uint8_t)range;
    }
}

struct helper {
    kin_pool *pool;
    int number;
};

static void *help(void *arg)
{
    struct helper *h = arg;
    kin_pool_help(h->pool, h->number);
    return NULL;
}

void test_pool_same_results(void)
{
    static const int lengths[] = {0, 1, 2, 3, 5, 64, ITEMS};
    for (int threads = 0; threads <= 4; threads++) { /* 0: no pool */
        kin_pool *pool = threads ? kin_pool_open(threads) : NULL;
        pthread_t ids[4];
        struct helper helpers[4];
        CHECK(!threads || pool != NULL);
        CHECK_EQ(pool_ranges(pool), threads > 1 ? 2 * threads : 1);
        for (int i = 1; i < threads; i++) {
            helpers[i] = (struct helper){pool, i};
            CHECK_EQ(pthread_create(&ids[i], NULL, help, &helpers[i]), 0);
        }
        /* The first rounds run before all helpers have joined, the later ones with them. */
        int wrong = 0;
        for (int round = 0; round < 70; round++) {
            struct job job = {0};
            int n = lengths[round % 7];
            pool_run(pool, work, &job, n);
            for (int i = 0; i < ITEMS; i++) {
                wrong += job.times[i] != (i < n);
                wrong += i < n && job.values[i] != ((uint32_t)i * 2654435761u ^ (uint32_t)i >> 3);
                wrong += i > 0 && i < n && job.range[i] < job.range[i - 1]; /* ranges in order */
            }
        }
        kin_pool_close(pool);
        for (int i = 1; i < threads; i++)
            CHECK_EQ(pthread_join(ids[i], NULL), 0);
        CHECK_EQ(wrong, 0);
        free(pool); /* kin_pool_close leaves it to helpers on their way out; here they are joined */
    }
}

/* Before all helpers have joined, the leader does everything in one call. */
static void wait_for_all(kin_pool *pool)
{
    static struct job job;
    do
        pool_run(pool, work, &job, ITEMS);
    while (job.range[ITEMS - 1] != pool_ranges(pool) - 1);
}

static atomic_int frozen;

static void freeze(int signal_number)
{
    (void)signal_number;
    atomic_store(&frozen, 2);
    while (atomic_load(&frozen) == 2)
        sched_yield();
}

/* The leader does the work of a helper that has no core, and the helper comes back in good order. */
void test_pool_absent_helper(void)
{
    enum { THREADS = 3, ROUNDS = 200 };
    kin_pool *pool = kin_pool_open(THREADS);
    pthread_t ids[THREADS];
    struct helper helpers[THREADS];
    struct sigaction action = {.sa_handler = freeze};
    struct job job;
    int wrong = 0;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 1; i < THREADS; i++) {
        helpers[i] = (struct helper){pool, i};
        CHECK_EQ(pthread_create(&ids[i], NULL, help, &helpers[i]), 0);
    }
    wait_for_all(pool);
    for (int round = 0; round < 3 * ROUNDS; round++) {
        if (round == ROUNDS) { /* between two jobs, so it holds no range */
            atomic_store(&frozen, 1);
            CHECK_EQ(pthread_kill(ids[1], SIGUSR1), 0);
            while (atomic_load(&frozen) == 1)
                sched_yield();
        } else if (round == 2 * ROUNDS) {
            atomic_store(&frozen, 0);
        }
        memset(&job, 0, sizeof job);
        pool_run(pool, work, &job, ITEMS);
        for (int i = 0; i < ITEMS; i++)
            wrong += job.times[i] != 1;
    }
    kin_pool_close(pool);
    for (int i = 1; i < THREADS; i++)
        CHECK_EQ(pthread_join(ids[i], NULL), 0);
    CHECK_EQ(wrong, 0);
    free(pool);
}

/* Many more threads than cores, and jobs of no length: each item once all the same. */
void test_pool_crowded(void)
{
    enum { THREADS = 8, ROUNDS = 20000, FEW = 24 };
    kin_pool *pool = kin_pool_open(THREADS);
    pthread_t ids[THREADS];
    struct helper helpers[THREADS];
    struct job job;
    int wrong = 0;
    for (int i = 1; i < THREADS; i++) {
        helpers[i] = (struct helper){pool, i};
        CHECK_EQ(pthread_create(&ids[i], NULL, help, &helpers[i]), 0);
    }
    wait_for_all(pool);
    for (int round = 0; round < ROUNDS; round++) {
        memset(job.times, 0, FEW);
        pool_run(pool, work, &job, FEW);
        for (int i = 0; i < FEW; i++)
            wrong += job.times[i] != 1;
    }
    kin_pool_close(pool);
    for (int i = 1; i < THREADS; i++)
        CHECK_EQ(pthread_join(ids[i], NULL), 0);
    CHECK_EQ(wrong, 0);
    free(pool);
}

void test_pool_bad_sizes(void)
{
    CHECK(kin_pool_open(0) == NULL);
    CHECK(kin_pool_open(-1) == NULL);
    CHECK(kin_pool_open(POOL_MAX_THREADS + 1) == NULL);
    kin_pool_close(NULL);
}
