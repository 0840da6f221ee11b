/* team: a pool of kin.h with helpers that are threads of this process. */
#ifndef KIN_TEAM_H
#define KIN_TEAM_H
#include "../../src/kin.h"
#include "../../src/pool.h"
#include <pthread.h>

struct team {
    kin_pool *pool;
    int threads;
    pthread_t ids[POOL_MAX_THREADS];
    struct helper {
        kin_pool *pool;
        int number;
    } helpers[POOL_MAX_THREADS];
};

void team_start(struct team *t, int threads); /* 0: no pool */
void team_end(struct team *t);
#endif
