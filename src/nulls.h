/* nulls: how each row of a catalogue scores against what it is not, computed as the catalogue is written. [level 2]
 *
 *   mean[row], deviation[row]   of its scores against up to 256 null queries, of pictures and of words
 *   best                        mean and deviation, over the null queries of pictures, of the highest score of any row
 *
 * The null queries of pictures are rows of the catalogue itself: the first picture of each of the products whose ids
 * have the smallest SHA-256 (by its first 8 bytes, then by the order of products). None is held against rows of its own
 * product. Those of words are vectors that the caller gives. Sums run in double, over the queries in order. */
#ifndef KIN_NULLS_H
#define KIN_NULLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NULL_QUERIES = 256, /* at most, of each kind */
    NULL_LEAST = 16,    /* fewer products say nothing of chance */
    NULL_TILE = 16,     /* rows a call */
    NULL_STATS = 4      /* numbers a row: mean and deviation by pictures, then by words; zeros where there are none */
};
enum { NULL_IMAGE, NULL_TEXT };

/* The products chosen so far, by key and place ascending. */
struct null_choice {
    uint64_t key[NULL_QUERIES];
    uint32_t product[NULL_QUERIES], row[NULL_QUERIES]; /* and its first row */
    uint32_t n;
};
void null_choose(struct null_choice *c, const char *id, size_t id_n, uint32_t product, uint32_t row);

struct nulls {
    uint32_t dim, n[2]; /* queries of each kind */
    int16_t *q14;       /* [n[0] + n[1]][dim] */
    float *scores;      /* [n[0] + n[1]][NULL_TILE] */
    float unit[2 * NULL_QUERIES];
    float best[NULL_QUERIES];       /* of a picture's query: the highest score so far */
    uint32_t product[NULL_QUERIES]; /* … and whose it is */
};

/* Room for so many queries, at most NULL_QUERIES of each kind; false when memory is short. */
bool nulls_begin(struct nulls *n, uint32_t dim, uint32_t images, uint32_t texts);
/* Query i of a kind, f32 [dim]; `product`: whose, for pictures. False for one that points nowhere. */
bool nulls_set(struct nulls *n, int kind, uint32_t i, const float *query, uint32_t product);
/* Statistics of up to NULL_TILE rows that follow each other, into out[count][NULL_STATS]. */
void nulls_of_rows(struct nulls *n, const int8_t *rows, const float *scale, const uint32_t *product, uint32_t count,
                   float *out);
/* Mean and deviation of the best, once all rows have been seen. */
void nulls_best(const struct nulls *n, float out[2]);
void nulls_end(struct nulls *n);
#endif
