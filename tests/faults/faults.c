/* faults: a library that is preloaded (LD_PRELOAD) into a program and stands between it and the disk. It counts the calls that
 * concern files below a folder, and at one of them does what a bad day does:
 *   KIN_FAULT_UNDER  the folder, an absolute path
 *   KIN_FAULT_KIND   kill: SIGKILL before the call; half: half of a write, then SIGKILL; power: SIGKILL, and what was not
 *                    synced is lost; short: half of a write; EIO, ENOSPC, EINTR: the call fails so
 *   KIN_FAULT_AT     at which call, from 1; 0: at none
 *   KIN_FAULT_STICKY at all later calls too, where that makes sense
 *   KIN_FAULT_COUNT  a file to which each process appends its number of calls when it ends
 * For tests/node/faults.test.js alone. Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 4096, FILES = 256 };
enum does { READS, WRITES, OTHER };

static struct {
    const char *under, *kind;
    long at, calls;
    int sticky;
} plan;
static struct {
    dev_t dev;
    ino_t ino;
} ours[FDS]; /* zero: another's */
static struct file { /* that was opened for writing */
    char path[PATH_MAX];
    off_t synced;
} files[FILES];
static int of_fd[FDS], n_files;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("KIN_FAULT_AT");
    plan.under = getenv("KIN_FAULT_UNDER");
    plan.kind = getenv("KIN_FAULT_KIND");
    plan.at = at ? atol(at) : 0;
    plan.sticky = getenv("KIN_FAULT_STICKY") != NULL;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("KIN_FAULT_COUNT");
    FILE *out = path && plan.calls ? fopen(path, "a") : NULL;
    if (!out)
        return;
    fprintf(out, "%ld\n", plan.calls);
    fclose(out);
}

static int below(const char *path)
{
    size_t n = plan.under ? strlen(plan.under) : 0;
    return n && strncmp(path, plan.under, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void lose(void)
{
    for (int i = 0; i < n_files; i++) {
        struct stat now;
        if (stat(files[i].path, &now) == 0 && now.st_size > files[i].synced && truncate(files[i].path, files[i].synced) != 0)
            abort();
    }
    die();
}

/* Counts a call. The errno that it is to fail with; -1: half of it; -2: half of it and then the end; 0: nothing. */
static int turn(enum does what)
{
    pthread_mutex_lock(&mutex);
    long call = ++plan.calls;
    int hit = plan.kind && plan.at && (call == plan.at || (plan.sticky && call > plan.at)), result = 0;
    if (hit && strcmp(plan.kind, "kill") == 0)
        die();
    if (hit && strcmp(plan.kind, "power") == 0)
        lose();
    if (hit && strcmp(plan.kind, "half") == 0) {
        if (what != WRITES)
            die();
        result = -2;
    }
    if (hit && strcmp(plan.kind, "short") == 0)
        result = what == OTHER ? 0 : -1;
    if (hit && strcmp(plan.kind, "EIO") == 0)
        result = EIO;
    if (hit && strcmp(plan.kind, "ENOSPC") == 0)
        result = what == READS ? 0 : ENOSPC;
    if (hit && strcmp(plan.kind, "EINTR") == 0)
        result = what == OTHER ? 0 : EINTR;
    pthread_mutex_unlock(&mutex);
    return result;
}

static int opened(int fd, const char *path, int flags)
{
    struct stat now;
    if (fd < 0 || fd >= FDS || fstat(fd, &now) != 0)
        return fd;
    ours[fd].dev = now.st_dev;
    ours[fd].ino = now.st_ino;
    of_fd[fd] = -1;
    if ((flags & O_ACCMODE) == O_RDONLY)
        return fd;
    pthread_mutex_lock(&mutex);
    int i = 0;
    while (i < n_files && strcmp(files[i].path, path) != 0)
        i++;
    if (i < FILES) {
        if (i == n_files) {
            n_files++;
            snprintf(files[i].path, sizeof files[i].path, "%s", path);
            files[i].synced = now.st_size;
        }
        of_fd[fd] = i;
    }
    pthread_mutex_unlock(&mutex);
    return fd;
}

#define FAIL(given, fails)                                                                                             \
    do {                                                                                                               \
        int error = (given);                                                                                           \
        if (error > 0) {                                                                                               \
            errno = error;                                                                                             \
            return fails;                                                                                              \
        }                                                                                                              \
    } while (0)

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;                                                      \
        va_end(list);                                                                                                  \
        int mine = below(path);                                                                                        \
        if (mine)                                                                                                      \
            FAIL(turn(OTHER), -1);                                                                                      \
        int fd = REAL(#name, int (*)(const char *, int, ...))(path, flags, mode);                                      \
        return mine ? opened(fd, path, flags) : fd;                                                                    \
    }
OPEN(open)
OPEN(open64)

/* Not every close passes here (libuv asks the kernel itself), and then the number is another file's. */
static int is_ours(int fd)
{
    struct stat now;
    return fd >= 0 && fd < FDS && ours[fd].ino && fstat(fd, &now) == 0 && now.st_ino == ours[fd].ino && now.st_dev == ours[fd].dev;
}

/* Half of it may be nothing of one byte, which a caller takes for the end: at least one. */
static size_t half(size_t n) { return n > 1 ? n / 2 : n; }

#define PART(name, type, kind, ...)                                                                                    \
    if (!is_ours(fd))                                                                                                  \
        return REAL(name, type)(fd, __VA_ARGS__);                                                                      \
    int result = turn(kind);                                                                                           \
    FAIL(result, -1);                                                                                                  \
    if (result < 0)                                                                                                    \
        n = half(n);                                                                                                   \
    ssize_t done = REAL(name, type)(fd, __VA_ARGS__);                                                                  \
    if (result == -2)                                                                                                  \
        die();                                                                                                         \
    return done;

ssize_t read(int fd, void *to, size_t n) { PART("read", ssize_t(*)(int, void *, size_t), READS, to, n) }
ssize_t write(int fd, const void *from, size_t n) { PART("write", ssize_t(*)(int, const void *, size_t), WRITES, from, n) }
ssize_t pread(int fd, void *to, size_t n, off_t at) { PART("pread", ssize_t(*)(int, void *, size_t, off_t), READS, to, n, at) }
ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
    PART("pread64", ssize_t(*)(int, void *, size_t, off64_t), READS, to, n, at)
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    PART("pwrite", ssize_t(*)(int, const void *, size_t, off_t), WRITES, from, n, at)
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    PART("pwrite64", ssize_t(*)(int, const void *, size_t, off64_t), WRITES, from, n, at)
}

static void is_synced(int fd)
{
    struct stat now;
    if (of_fd[fd] >= 0 && fstat(fd, &now) == 0)
        files[of_fd[fd]].synced = now.st_size;
}

#define SYNC(name)                                                                                                     \
    int name(int fd)                                                                                                   \
    {                                                                                                                  \
        if (!is_ours(fd))                                                                                              \
            return REAL(#name, int (*)(int))(fd);                                                                      \
        FAIL(turn(OTHER), -1);                                                                                          \
        int result = REAL(#name, int (*)(int))(fd);                                                                    \
        is_synced(fd);                                                                                                 \
        return result;                                                                                                 \
    }
SYNC(fsync)
SYNC(fdatasync)

int ftruncate64(int fd, off64_t n)
{
    int mine = is_ours(fd);
    if (mine)
        FAIL(turn(OTHER), -1);
    if (mine && of_fd[fd] >= 0 && files[of_fd[fd]].synced > n)
        files[of_fd[fd]].synced = n;
    return REAL("ftruncate64", int (*)(int, off64_t))(fd, n);
}
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }

int rename(const char *from, const char *to)
{
    if (!below(from) && !below(to))
        return REAL("rename", int (*)(const char *, const char *))(from, to);
    FAIL(turn(OTHER), -1);
    int result = REAL("rename", int (*)(const char *, const char *))(from, to);
    for (int i = 0; result == 0 && i < n_files; i++) {
        if (strcmp(files[i].path, to) == 0)
            files[i].path[0] = 0;
        if (strcmp(files[i].path, from) == 0)
            snprintf(files[i].path, sizeof files[i].path, "%s", to);
    }
    return result;
}

#define ON_PATH(name, declared, ...)                                                                                   \
    int name declared                                                                                                  \
    {                                                                                                                  \
        if (below(path))                                                                                               \
            FAIL(turn(OTHER), -1);                                                                                      \
        return REAL(#name, int(*) declared)(__VA_ARGS__);                                                              \
    }
ON_PATH(mkdir, (const char *path, mode_t mode), path, mode)
ON_PATH(unlink, (const char *path), path)
ON_PATH(rmdir, (const char *path), path)
