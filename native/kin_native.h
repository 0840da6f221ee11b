/* kin_native: what a program of this machine needs beside kin.h, which does no I/O: a model's folder, and threads. It
 * stands over kin.h alone and is part of libkin.so, so that kin-native and the Python module share it. */
#ifndef KIN_NATIVE_H
#define KIN_NATIVE_H
#include "kin.h"

/* Gives the configuration of the model in `folder` (Hugging Face's or open_clip's; of UTF-8 bytes) to the context: kin_config. */
kin_status kin_model_open(kin_ctx *ctx, const char *folder, kin_error *err);
/* Loads a tower of it, with its preprocessing or its vocabulary; dtype as kin_tower_begin takes it. */
kin_status kin_model_load(kin_ctx *ctx, const char *folder, int tower, int dtype, kin_error *err);

/* Helper threads for contexts, each of which is used by one thread at a time. */
typedef struct kin_team kin_team;
kin_team *kin_team_open(int threads);    /* 2 to 16, the caller's own included; NULL: no memory, or no more threads */
kin_pool *kin_team_pool(kin_team *team); /* for kin_use_pool */
void kin_team_close(kin_team *team);     /* after kin_close of its contexts, or kin_use_pool(ctx, NULL); NULL allowed */
#endif
