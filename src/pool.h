/* pool: runs a range of independent items on one or more threads. [level 1]
 *
 * One leader calls pool_run; n-1 helpers sit in kin_pool_help. Items are split into contiguous ranges,
 * two for each thread, and no value is reduced across them, so results do not depend on the number of
 * threads. A thread does its own ranges, then others that nobody has begun, since a thread may be
 * without a core or have a slower one. Helpers spin on one word while work keeps coming and sleep on
 * it (memory.atomic.wait32 in wasm) after about a tenth of a millisecond without any, because a
 * wake-up costs tens of microseconds in browsers and a block needs several hand-overs. */
#ifndef KIN_POOL_H
#define KIN_POOL_H
#include "base.h"

enum { POOL_MAX_THREADS = 16 };
typedef struct kin_pool kin_pool;
typedef void (*pool_fn)(void *arg, int begin, int end, int thread);

/* Calls fn(arg, begin, end, thread) so that [0, n) is covered once; returns when all is done. `thread`, 0 to
 * pool_threads - 1, is who runs the call, so it may number scratch memory. pool may be NULL: thread 0. */
void pool_run(kin_pool *pool, pool_fn fn, void *arg, int n);
int pool_threads(const kin_pool *pool); /* 1 for NULL */

kin_pool *kin_pool_open(int n_threads);
void kin_pool_help(kin_pool *pool, int i);
void kin_pool_close(kin_pool *pool);
#endif
