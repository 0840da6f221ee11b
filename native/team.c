/* team: the helper threads of a pool, from their start to their end. */
#include "kin_native.h"
#include <pthread.h>
#include <stdlib.h>

enum { TEAM_MOST = 16 };

struct helper {
    pthread_t thread;
    kin_pool *pool;
    int number;
};

struct kin_team {
    kin_pool *pool;
    int helpers; /* that run */
    struct helper helper[TEAM_MOST];
};

static void *help(void *arg)
{
    struct helper *h = arg;
    kin_pool_help(h->pool, h->number);
    return NULL;
}

kin_team *kin_team_open(int threads)
{
    if (threads < 2 || threads > TEAM_MOST)
        return NULL;
    kin_team *team = calloc(1, sizeof *team);
    if (!team || !(team->pool = kin_pool_open(threads))) {
        free(team);
        return NULL;
    }
    for (int i = 1; i < threads; i++) {
        struct helper *h = &team->helper[team->helpers];
        *h = (struct helper){.pool = team->pool, .number = i};
        if (pthread_create(&h->thread, NULL, help, h)) {
            kin_team_close(team);
            return NULL;
        }
        team->helpers++;
    }
    return team;
}

kin_pool *kin_team_pool(kin_team *team) { return team->pool; }

void kin_team_close(kin_team *team)
{
    if (!team)
        return;
    kin_pool_close(team->pool);
    for (int i = 0; i < team->helpers; i++)
        pthread_join(team->helper[i].thread, NULL);
    kin_free(team->pool); /* only now: helpers read it on their way out */
    free(team);
}
