/* team: see team.h. */
#include "team.h"
#include "test.h"

static void *help(void *arg)
{
    struct helper *h = arg;
    kin_pool_help(h->pool, h->number);
    return NULL;
}

void team_start(struct team *t, int threads)
{
    *t = (struct team){.threads = threads, .pool = threads ? kin_pool_open(threads) : NULL};
    CHECK(!threads || t->pool != NULL);
    for (int i = 1; i < threads; i++) {
        t->helpers[i] = (struct helper){t->pool, i};
        CHECK_EQ(pthread_create(&t->ids[i], NULL, help, &t->helpers[i]), 0);
    }
}

void team_end(struct team *t)
{
    kin_pool_close(t->pool);
    for (int i = 1; i < t->threads; i++)
        CHECK_EQ(pthread_join(t->ids[i], NULL), 0);
    kin_free(t->pool); /* kin_pool_close leaves it to helpers on their way out; here they are joined */
}
