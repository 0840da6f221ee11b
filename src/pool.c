/* pool: the leader publishes a job by raising `generation`. Whoever moves claimed[i] from the last job's
 * number to this one's runs range i and, a helper, counts it in `done`. A thread takes its own ranges,
 * then those that nobody has begun: a helper that sleeps, waits for a core or has a slow one holds up
 * little. A late helper finds all claimed, and what it read of the job cannot change while a range that
 * it claimed is not done.
 * `broken` is the pool's first word: whoever runs a helper writes 1 there when the helper trapped,
 * since its share is then lost and the leader would wait for ever. The leader traps too. A helper whose
 * thread was ended in the middle of a range tells nobody, and the leader hears nothing while it waits: it
 * gives up, likewise, once no range was done for `patience` times SPINS looks. */
#define _DEFAULT_SOURCE /* syscall, nanosleep */
#include "floats.h"
#include "pool.h"
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__wasm__)
#if defined(__wasm_atomics__)
static void sleep_while(atomic_uint *word, unsigned seen)
{
    __builtin_wasm_memory_atomic_wait32((int *)word, (int)seen, -1);
}
static void wake_all(atomic_uint *word) { __builtin_wasm_memory_atomic_notify((int *)word, ~0u); }
#else /* a build without shared memory has no helpers */
static void sleep_while(atomic_uint *word, unsigned seen) { (void)word, (void)seen; }
static void wake_all(atomic_uint *word) { (void)word; }
#endif
#elif defined( \
    __linux__) /* not a condition variable: waking one waits for those woken before, who may be without a core */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
static void sleep_while(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void wake_all(atomic_uint *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }
#else
#include <time.h>
static void sleep_while(atomic_uint *word, unsigned seen)
{
    if (atomic_load(word) == seen)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}
static void wake_all(atomic_uint *word) { (void)word; }
#endif

enum {
    SPINS = 1 << 16,    /* about 0.1 ms of atomic loads */
    PATIENCE = 1 << 17, /* 10 s to a minute, while a range takes milliseconds */
    RANGES = 2          /* of a thread */
};

struct kin_pool {
    _Alignas(64) atomic_uint broken;
    atomic_uint patience;                /* the second word: tests write less there */
    _Alignas(64) atomic_uint generation; /* odd jobs and even jobs alike: it only has to change */
    atomic_uint sleepers;
    _Alignas(64) atomic_uint done;
    atomic_uint joined; /* helpers that have entered; fewer than n-1 means: work alone */
    _Alignas(64) atomic_uint stop;
    _Alignas(64) atomic_uint claimed[POOL_MAX_THREADS * RANGES]; /* the last job whose range i somebody took */
    int n_threads;
    pool_fn fn;
    void *arg;
    int n;
};

kin_pool *kin_pool_open(int n_threads)
{
    if (n_threads < 1 || n_threads > POOL_MAX_THREADS)
        return NULL;
    kin_pool *pool = aligned_alloc(64, align_up(sizeof *pool, 64));
    if (pool)
        *pool = (kin_pool){.n_threads = n_threads, .patience = PATIENCE};
    return pool;
}

int pool_threads(const kin_pool *pool) { return pool ? pool->n_threads : 1; }

/* Runs what is left of this job, the thread's own ranges first; returns how many ranges that were. */
static unsigned run_ranges(kin_pool *pool, int thread, unsigned job)
{
    int ranges = pool->n_threads * RANGES;
    unsigned ran = 0;
    for (int k = 0; k < ranges; k++) {
        int i = (thread * RANGES + k) % ranges;
        unsigned last = job - 1;
        if (atomic_load(&pool->claimed[i]) != last || !atomic_compare_exchange_strong(&pool->claimed[i], &last, job))
            continue;
        int begin = (int)((int64_t)pool->n * i / ranges);
        int end = (int)((int64_t)pool->n * (i + 1) / ranges);
        if (begin < end)
            pool->fn(pool->arg, begin, end, thread);
        ran++;
    }
    return ran;
}

static unsigned publish(kin_pool *pool)
{
    unsigned job = atomic_fetch_add(&pool->generation, 1) + 1;
    if (atomic_load(&pool->sleepers))
        wake_all(&pool->generation);
    return job;
}

static void check_helpers(kin_pool *pool)
{
    if (atomic_load_explicit(&pool->broken, memory_order_relaxed))
        __builtin_trap();
}

static void wait_for_helpers(kin_pool *pool, unsigned ranges)
{
    unsigned seen = 0, done;
    uint64_t looks = 0;
    while ((done = atomic_load(&pool->done)) < ranges) {
        if (done != seen)
            looks = 0;
        seen = done;
        if (++looks / SPINS >= atomic_load_explicit(&pool->patience, memory_order_relaxed))
            atomic_store(&pool->broken, 1);
        check_helpers(pool);
    }
}

void pool_run(kin_pool *pool, pool_fn fn, void *arg, int n)
{
    if (pool)
        check_helpers(pool);
    if (!pool || n < 2 || atomic_load(&pool->joined) + 1 < (unsigned)pool->n_threads || atomic_load(&pool->stop)) {
        if (n > 0)
            fn(arg, 0, n, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->n = n;
    atomic_store(&pool->done, 0);
    unsigned own = run_ranges(pool, 0, publish(pool));
    wait_for_helpers(pool, (unsigned)(pool->n_threads * RANGES) - own);
}

void kin_pool_help(kin_pool *pool, int i)
{
    DEFAULT_FLOATS
    unsigned seen = atomic_load(&pool->generation);
    atomic_fetch_add(&pool->joined, 1);
    while (!atomic_load(&pool->stop)) { /* a helper may also come after the pool was closed */
        unsigned spins = 0;
        while (atomic_load(&pool->generation) == seen)
            if (++spins >= SPINS) {
                atomic_fetch_add(&pool->sleepers, 1);
                sleep_while(&pool->generation, seen);
                atomic_fetch_sub(&pool->sleepers, 1);
            }
        seen = atomic_load(&pool->generation); /* jobs may have passed without this helper */
        if (atomic_load(&pool->stop))
            return;
        unsigned ran = run_ranges(pool, i, seen);
        if (ran)
            atomic_fetch_add(&pool->done, ran);
    }
}

/* The memory is not freed: a helper may still be reading it on its way out. */
void kin_pool_close(kin_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, 1);
    publish(pool);
}
