/* memory: what a test's allocations come to, and a shortage when it asks for one. The tests, and those of
 * tests/shortage, are linked so that every allocation of theirs and the engine's goes through memory.c. */
#ifndef KIN_MEMORY_H
#define KIN_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

extern long memory_left;      /* so many allocations succeed, then all fail; -1: none fails */
extern bool memory_once;      /* then one fails alone */
extern long memory_made;      /* allocations, failed ones too */
extern size_t memory_held;    /* bytes not freed yet */
extern size_t memory_peak;    /* the most that were held */
extern size_t memory_largest; /* the largest single allocation */
#endif
