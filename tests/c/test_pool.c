/* test_pool: each item once, and the same results, with 1 to 4 threads and without a pool. */
#include "team.h"
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 1000 };

struct job {
    uint32_t values[ITEMS];
    uint8_t times[ITEMS];
    atomic_int calls, wrong, busy[POOL_MAX_THREADS];
};

/* No two calls at a time say that they are the same thread: scratch memory counts on it. */
static void work(void *arg, int begin, int end, int thread)
{
    struct job *job = arg;
    job->wrong += atomic_fetch_add(&job->busy[thread], 1) != 0;
    job->calls++;
    for (int i = begin; i < end; i++) {
        job->values[i] = (uint32_t)i * 2654435761u ^ (uint32_t)i >> 3;
        job->times[i]++;
    }
    job->busy[thread]--;
}

void test_pool_same_results(void)
{
    static const int lengths[] = {0, 1, 2, 3, 5, 64, ITEMS};
    for (int threads = 0; threads <= 4; threads++) {
        struct team team;
        team_start(&team, threads);
        CHECK_EQ(pool_threads(team.pool), threads ? threads : 1);
        /* The first rounds run before all helpers have joined, the later ones with them. */
        int wrong = 0;
        for (int round = 0; round < 70; round++) {
            struct job job = {0};
            int n = lengths[round % 7];
            pool_run(team.pool, work, &job, n);
            for (int i = 0; i < ITEMS; i++) {
                wrong += job.times[i] != (i < n);
                wrong += i < n && job.values[i] != ((uint32_t)i * 2654435761u ^ (uint32_t)i >> 3);
            }
            wrong += job.wrong;
        }
        team_end(&team);
        CHECK_EQ(wrong, 0);
    }
}

/* Before all helpers have joined, the leader does everything in one call. */
static void wait_for_all(kin_pool *pool)
{
    for (int calls = 0; calls < 2;) {
        struct job job = {0};
        pool_run(pool, work, &job, ITEMS);
        calls = job.calls;
    }
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
    enum { ROUNDS = 200 };
    struct team team;
    struct sigaction action = {.sa_handler = freeze};
    int wrong = 0;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    team_start(&team, 3);
    wait_for_all(team.pool);
    for (int round = 0; round < 3 * ROUNDS; round++) {
        if (round == ROUNDS) { /* between two jobs, so it holds no range */
            atomic_store(&frozen, 1);
            CHECK_EQ(pthread_kill(team.ids[1], SIGUSR1), 0);
            while (atomic_load(&frozen) == 1)
                sched_yield();
        } else if (round == 2 * ROUNDS) {
            atomic_store(&frozen, 0);
        }
        struct job job = {0};
        pool_run(team.pool, work, &job, ITEMS);
        for (int i = 0; i < ITEMS; i++)
            wrong += job.times[i] != 1;
        wrong += job.wrong;
    }
    team_end(&team);
    CHECK_EQ(wrong, 0);
}

static atomic_int ended;

/* The helper's thread ends in the middle of its range; the leader's own range lasts until then. */
static void end_helper(void *arg, int begin, int end, int thread)
{
    (void)arg, (void)begin, (void)end;
    if (thread) {
        atomic_store(&ended, 1);
        pthread_exit(NULL);
    }
    while (!atomic_load(&ended))
        sched_yield();
}

/* The leader gives up on such a helper instead of waiting for ever: it traps. */
void test_pool_lost_helper(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct team team;
        alarm(60);
        team_start(&team, 2);
        atomic_store((atomic_uint *)team.pool + 1, 64); /* its second word: patience */
        wait_for_all(team.pool);
        pool_run(team.pool, end_helper, NULL, ITEMS);
        _exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) != SIGALRM);
}

/* Many more threads than cores, and jobs of no length: each item once all the same. */
void test_pool_crowded(void)
{
    enum { ROUNDS = 20000, FEW = 24 };
    struct team team;
    struct job job = {0};
    int wrong = 0;
    team_start(&team, 8);
    wait_for_all(team.pool);
    for (int round = 0; round < ROUNDS; round++) {
        memset(job.times, 0, FEW);
        pool_run(team.pool, work, &job, FEW);
        for (int i = 0; i < FEW; i++)
            wrong += job.times[i] != 1;
    }
    team_end(&team);
    CHECK_EQ(wrong + job.wrong, 0);
}

void test_pool_bad_sizes(void)
{
    CHECK(kin_pool_open(0) == NULL);
    CHECK(kin_pool_open(-1) == NULL);
    CHECK(kin_pool_open(POOL_MAX_THREADS + 1) == NULL);
    kin_pool_close(NULL);
}

/* Helpers without work take no processor time, and hear the next job all the same. */
void test_pool_sleeps(void)
{
    struct team team;
    struct timespec while_idle = {.tv_nsec = 300 * 1000 * 1000}, settling = {.tv_nsec = 50 * 1000 * 1000};
    team_start(&team, 4);
    wait_for_all(team.pool);
    nanosleep(&settling, NULL);
    clock_t before = clock();
    nanosleep(&while_idle, NULL);
    double busy = (double)(clock() - before) / CLOCKS_PER_SEC;
    struct job job = {0};
    pool_run(team.pool, work, &job, ITEMS);
    team_end(&team);
    CHECK(busy < 0.03); /* of 0.9 s, were they awake on cores enough */
    CHECK_EQ(job.wrong, 0);
    CHECK(job.calls > 1);
}
