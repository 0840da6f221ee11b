/* memory: malloc and its kin, counted (memory.h); --wrap of the linker puts them in the way. */
#include "memory.h"
#include <malloc.h>
#include <stdlib.h>

long memory_left = -1, memory_made;
bool memory_once;
size_t memory_held, memory_peak, memory_largest;

void *__real_malloc(size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__real_calloc(size_t times, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);

static bool is_short(void) /* other tests have threads, but no shortage */
{
    bool fails = memory_left == 0;
    __atomic_add_fetch(&memory_made, 1, __ATOMIC_RELAXED);
    if (memory_left > 0 || (fails && memory_once))
        memory_left--;
    return fails;
}

static void *counted(void *p, size_t n)
{
    size_t held = __atomic_add_fetch(&memory_held, p ? malloc_usable_size(p) : 0, __ATOMIC_RELAXED);
    if (held > __atomic_load_n(&memory_peak, __ATOMIC_RELAXED))
        __atomic_store_n(&memory_peak, held, __ATOMIC_RELAXED);
    if (n > __atomic_load_n(&memory_largest, __ATOMIC_RELAXED))
        __atomic_store_n(&memory_largest, n, __ATOMIC_RELAXED);
    return p;
}

void *__wrap_malloc(size_t n) { return is_short() ? NULL : counted(__real_malloc(n), n); }
void *__wrap_calloc(size_t times, size_t n) { return is_short() ? NULL : counted(__real_calloc(times, n), times * n); }
void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return is_short() ? NULL : counted(__real_aligned_alloc(alignment, n), n);
}

void *__wrap_realloc(void *p, size_t n)
{
    if (is_short())
        return NULL;
    size_t before = p ? malloc_usable_size(p) : 0;
    void *grown = __real_realloc(p, n);
    if (grown || n == 0)
        __atomic_sub_fetch(&memory_held, before, __ATOMIC_RELAXED);
    return counted(grown, n);
}

void __wrap_free(void *p)
{
    __atomic_sub_fetch(&memory_held, p ? malloc_usable_size(p) : 0, __ATOMIC_RELAXED);
    __real_free(p);
}
