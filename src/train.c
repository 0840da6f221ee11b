/* train: the batches, the figures, the file. */
#include "train.h"
#include "floats.h"
#include "kin.h"
#include "tensors.h"
#include <stdlib.h>

#define BAD(err, ...) kin_fail(err, KIN_BAD_ARGUMENT, __VA_ARGS__)

#define SCALE 10.0f
#define RATE 3e-3f
#define BETA_1 0.9f
#define BETA_2 0.99f

/* splitmix64 (Steele, Lea and Flood, 2014) */
static uint64_t draw(kin_trainer *t)
{
    uint64_t z = t->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static uint32_t below(kin_trainer *t, uint32_t n) { return (uint32_t)((draw(t) >> 32) * n >> 32); }

static void shuffle(kin_trainer *t, uint32_t *list, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = below(t, i), last = list[i - 1];
        list[i - 1] = list[k];
        list[k] = last;
    }
}

/* ---- room ---------------------------------------------------------------------------------- */

/* All that will be needed, at once; `held`: in each half. */
static bool make_room(kin_trainer *t, uint32_t held)
{
    const size_t row = t->stride, b = t->batch, map = 2 * (size_t)t->rank * row;
    struct {
        void **at;
        size_t n;
    } blocks[] = {
        {(void **)&t->map, map * 4},
        {(void **)&t->best, map * 4},
        {(void **)&t->grad, map * 4},
        {(void **)&t->first, map * 4},
        {(void **)&t->second, map * 4},
        {(void **)&t->side[0].in, b * sizeof(float *)},
        {(void **)&t->side[1].in, b * sizeof(float *)},
        {(void **)&t->side[0].out, b * row * 4},
        {(void **)&t->side[1].out, b * row * 4},
        {(void **)&t->side[0].grad, b * row * 4},
        {(void **)&t->side[1].grad, b * row * 4},
        {(void **)&t->side[0].h, b * t->rank * 4},
        {(void **)&t->side[1].h, b * t->rank * 4},
        {(void **)&t->side[0].inv, b * 4},
        {(void **)&t->side[1].inv, b * 4},
        {(void **)&t->e, b * ((b + 3) / 4 * 4) * 4},
        {(void **)&t->inverse[0], b * 4},
        {(void **)&t->inverse[1], (b + 3) / 4 * 16},
        {(void **)&t->inverse[2], b * 4},
        {(void **)&t->mapped, t->candidates * row * 4},
        {(void **)&t->figure[0], held * 4},
        {(void **)&t->figure[1], held * 4},
        {(void **)&t->figure[2], held * 4},
        {(void **)&t->candidate, t->m * (size_t)4},
        {(void **)&t->place, t->m * (size_t)4},
        {(void **)&t->target, t->n * (size_t)4},
        {(void **)&t->order, t->n * (size_t)4},
        {(void **)&t->x[0], t->n * row * 4},
        {(void **)&t->x[1], t->m * row * 4},
    };
    bool fits = true;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fits &= (*blocks[i].at = calloc(blocks[i].n + 1, 1)) != NULL;
    return fits;
}

void kin_trainer_close(kin_trainer *t)
{
    if (!t)
        return;
    free(t->map), free(t->best), free(t->grad), free(t->first), free(t->second);
    for (int s = 0; s < 2; s++) {
        free(t->side[s].in), free(t->side[s].out), free(t->side[s].grad), free(t->side[s].h), free(t->side[s].inv);
        free(t->x[s]);
    }
    for (int i = 0; i < 3; i++)
        free(t->inverse[i]), free(t->figure[i]);
    free(t->e), free(t->mapped), free(t->candidate), free(t->place), free(t->target), free(t->order);
    free(t);
}

kin_trainer *kin_trainer_begin(int dim, int rank, int n, int m, int at, double hold_out, uint32_t seed, kin_error *err)
{
    DEFAULT_FLOATS
    if (dim < 1 || dim > ADAPTER_DIM_MAX || rank < 1 || rank > ADAPTER_RANK_MAX || n < 1 || n > TRAIN_VECTORS_MAX ||
        m < 0 || m > TRAIN_VECTORS_MAX || at < 1 || at > TRAIN_AT_MAX || !(hold_out >= 0.01 && hold_out <= 0.5)) {
        BAD(err,
            "An adapter is trained on 1 to %d vectors of 1 to %d numbers, with a rank of 1 to %d, figures of the first "
            "1 to %d and at most half of them held out.",
            TRAIN_VECTORS_MAX, ADAPTER_DIM_MAX, ADAPTER_RANK_MAX, TRAIN_AT_MAX);
        return NULL;
    }
    uint32_t half = (uint32_t)(hold_out * n / 2);
    half = half < TRAIN_MOST_HELD ? half : TRAIN_MOST_HELD;
    if (half < TRAIN_LEAST_HELD) {
        BAD(err,
            "Of %d examples too few are held out to tell whether an adapter helps: give at least %d, or hold out more.",
            n, (int)(2 * TRAIN_LEAST_HELD / hold_out) + 1);
        return NULL;
    }
    kin_trainer *t = calloc(1, sizeof *t);
    if (t) {
        t->dim = (uint32_t)dim, t->stride = (t->dim + 7) / 8 * 8, t->rank = (uint32_t)rank;
        t->n = (uint32_t)n, t->m = (uint32_t)m, t->at = (uint32_t)at, t->random = seed;
        t->trained = t->n - 2 * half;
        t->batch = t->trained < TRAIN_BATCH ? t->trained : TRAIN_BATCH;
        t->candidates = !t->m ? half : t->m < TRAIN_CANDIDATES ? t->m : TRAIN_CANDIDATES;
        t->beta[0] = t->beta[1] = 1;
        if (make_room(t, half)) {
            for (uint32_t i = 0; i < t->n; i++)
                t->order[i] = i;
            shuffle(t, t->order, t->n);
            for (uint32_t k = 0; k < 2; k++)
                t->held[k] = (struct held){t->order + t->trained + k * half, half};
            float spread = 1 / sqrtf((float)t->dim);
            for (uint32_t k = 0; k < t->rank; k++)
                for (uint32_t i = 0; i < t->dim; i++)
                    t->map[(t->rank + k) * t->stride + i] = spread * ((float)(draw(t) >> 40) * 0x1p-23f - 1);
            return t;
        }
        kin_trainer_close(t);
    }
    kin_fail(err, KIN_OUT_OF_MEMORY, "Not enough memory to train an adapter on %d vectors.", n);
    return NULL;
}

kin_status kin_trainer_add(kin_trainer *t, int which, const float *rows, const uint32_t *targets, uint32_t n,
                           kin_error *err)
{
    DEFAULT_FLOATS
    const uint32_t all = which ? t->m : t->n, from = which ? t->filled[1] : t->filled[0];
    if ((which != 0 && which != 1) || n > all - from || t->stage != TRAIN_FILLING)
        return BAD(err, "The trainer was given more vectors than it was begun with.");
    for (uint32_t i = 0; i < n; i++, rows += t->dim) {
        float *to = t->x[which] + (size_t)(from + i) * t->stride;
        memcpy(to, rows, t->dim * sizeof *to);
        float length = sqrtf(vec_dot(to, to, (int)t->stride)), inv = 1 / length;
        if (!(length > 0) || !(length - length == 0)) /* a number that is none makes the sum none */
            return BAD(err, "Vector %u is zero, or holds a number that is not finite.", from + i);
        if (which == 0 && t->m && targets[i] >= t->m)
            return BAD(err, "The target of vector %u is not there.", from + i);
        for (uint32_t k = 0; k < t->stride; k++)
            to[k] *= inv;
        if (which == 0)
            t->target[from + i] = targets[i];
    }
    t->filled[which] += n;
    return KIN_OK;
}

static const float *row_of(const kin_trainer *t, int which, uint32_t i) { return t->x[which] + (size_t)i * t->stride; }

/* ---- a batch ------------------------------------------------------------------------------- */

static void map_one(const kin_trainer *t, const float *in, float *h, float *out, float *inv)
{
    *inv = adapter_map(t->map, t->map + (size_t)t->rank * t->stride, t->rank, t->stride, in, h, out);
}

/* Dots of a with n rows that follow each other, each as vec_dot has it: stride is a multiple of 8. */
static void dots(const float *a, const float *rows, uint32_t n, uint32_t stride, float *out)
{
    uint32_t j = 0;
    for (; j + 4 <= n; j += 4, rows += 4 * stride) {
        f32x4 lo[4] = {{0}}, hi[4] = {{0}};
        for (uint32_t i = 0; i < stride; i += 8) {
            f32x4 p = f32x4_load(a + i), q = f32x4_load(a + i + 4);
            for (int k = 0; k < 4; k++) {
                lo[k] += p * f32x4_load(rows + (size_t)k * stride + i);
                hi[k] += q * f32x4_load(rows + (size_t)k * stride + i + 4);
            }
        }
        for (int k = 0; k < 4; k++)
            out[j + (uint32_t)k] = lanes_sum(lo[k], hi[k]);
    }
    for (; j < n; j++, rows += stride)
        out[j] = vec_dot(a, rows, (int)stride);
}

/* out = sum of w[j * step] rows[j], in the order of j, for four w that lie `next` apart. */
static void sums4(const float *w, size_t step, size_t next, const float *rows, uint32_t n, uint32_t stride, float *out)
{
    for (uint32_t i = 0; i < stride; i += 8) {
        f32x4 lo[4] = {{0}}, hi[4] = {{0}};
        for (uint32_t j = 0; j < n; j++) {
            f32x4 p = f32x4_load(rows + (size_t)j * stride + i), q = f32x4_load(rows + (size_t)j * stride + i + 4);
            for (size_t k = 0; k < 4; k++) {
                f32x4 by = f32x4_splat(w[j * step + k * next]);
                lo[k] += by * p;
                hi[k] += by * q;
            }
        }
        for (size_t k = 0; k < 4; k++) {
            f32x4_store(out + k * stride + i, lo[k]);
            f32x4_store(out + k * stride + i + 4, hi[k]);
        }
    }
}

/* grad[i] = sum of w[i][j] rows[j], in the order of j; `columns`: of w[j][i]. */
static void weigh(const float *w, size_t width, bool columns, const float *rows, uint32_t n, uint32_t stride,
                  float *grad)
{
    const size_t step = columns ? width : 1, next = columns ? 1 : width;
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4)
        sums4(w + i * next, step, next, rows, n, stride, grad + (size_t)i * stride);
    for (; i < n; i++)
        for (uint32_t k = 0; k < stride; k++) {
            float sum = 0;
            for (uint32_t j = 0; j < n; j++)
                sum += w[i * next + j * step] * rows[(size_t)j * stride + k];
            grad[(size_t)i * stride + k] = sum;
        }
}

/* From the gradient by the mapped vectors of a side to that by U and V: through y = z / |z|, z = x + U^T h, h = V x. */
static void back(kin_trainer *t, const struct side *s, uint32_t n)
{
    const size_t half = (size_t)t->rank * t->stride;
    for (uint32_t i = 0; i < n; i++) {
        const float *y = s->out + (size_t)i * t->stride, *x = s->in[i], *h = s->h + (size_t)i * t->rank;
        float *d = s->grad + (size_t)i * t->stride, along = vec_dot(d, y, (int)t->stride), inv = s->inv[i];
        for (uint32_t k = 0; k < t->stride; k++)
            d[k] = (d[k] - along * y[k]) * inv;
        for (uint32_t r = 0; r < t->rank; r++) {
            float *du = t->grad + (size_t)r * t->stride, *dv = du + half;
            float by = vec_dot(t->map + (size_t)r * t->stride, d, (int)t->stride);
            add_times(du, h[r], d, t->stride);
            add_times(dv, by, x, t->stride);
        }
    }
}

void train_gradient(kin_trainer *t, const uint32_t *rows, uint32_t n)
{
    const size_t width = (n + 3) / 4 * 4;
    const bool kinds = !t->m;
    struct side *a = &t->side[0], *b = kinds ? a : &t->side[1];
    float *row = t->inverse[0], *column = t->inverse[1], *partner = t->inverse[2];
    for (uint32_t i = 0; i < n; i++) {
        a->in[i] = row_of(t, 0, rows[i]);
        map_one(t, a->in[i], a->h + (size_t)i * t->rank, a->out + (size_t)i * t->stride, a->inv + i);
        if (kinds)
            continue;
        b->in[i] = row_of(t, 1, t->target[rows[i]]);
        map_one(t, b->in[i], b->h + (size_t)i * t->rank, b->out + (size_t)i * t->stride, b->inv + i);
    }
    memset(column, 0, width * sizeof *column);
    for (uint32_t i = 0; i < n; i++) {
        float *e = t->e + i * width;
        f32x4 sum = f32x4_splat(0);
        uint32_t partners = 0;
        dots(a->out + (size_t)i * t->stride, b->out, n, t->stride, e);
        for (size_t j = n; j < width; j++)
            e[j] = -100; /* e^-100s is no part of a sum */
        for (size_t j = 0; j < width; j += 4)
            f32x4_store(e + j, f32x4_exp((f32x4_load(e + j) - f32x4_splat(1)) * f32x4_splat(SCALE)));
        for (size_t j = n; j < width; j++)
            e[j] = 0;
        if (kinds)
            e[i] = 0;
        for (size_t j = 0; j < width; j += 4) {
            sum += f32x4_load(e + j);
            f32x4_store(column + j, f32x4_load(column + j) + f32x4_load(e + j));
        }
        for (uint32_t j = 0; j < n; j++)
            partners += t->target[rows[j]] == t->target[rows[i]] && !(kinds && i == j);
        row[i] = 1 / ((sum[0] + sum[2]) + (sum[1] + sum[3]));
        partner[i] = partners ? 1 / (float)partners : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        column[i] = 1 / column[i];
        if (partner[i] == 0)
            row[i] = column[i] = 0;
    }
    const float by = SCALE / (2 * (float)n);
    for (uint32_t i = 0; i < n; i++) {
        float *e = t->e + i * width;
        const uint32_t own = t->target[rows[i]];
        for (uint32_t j = 0; j < n; j++) {
            float pull = t->target[rows[j]] == own && !(kinds && i == j) ? partner[i] + partner[j] : 0;
            e[j] = (e[j] * (row[i] + column[j]) - pull) * by;
        }
    }
    memset(t->grad, 0, 2 * (size_t)t->rank * t->stride * sizeof *t->grad);
    weigh(t->e, width, false, b->out, n, t->stride, a->grad);
    if (kinds) {
        for (size_t k = 0; k < (size_t)n * t->stride; k++)
            a->grad[k] *= 2; /* the matrix is its own mirror: each vector is row and column */
    } else {
        weigh(t->e, width, true, a->out, n, t->stride, b->grad);
        back(t, b, n);
    }
    back(t, a, n);
}

static void descend(kin_trainer *t)
{
    t->beta[0] *= (double)BETA_1, t->beta[1] *= (double)BETA_2;
    const float by = RATE / (float)(1 - t->beta[0]), root = 1 / (float)(1 - t->beta[1]);
    for (size_t i = 0; i < 2 * (size_t)t->rank * t->stride; i++) {
        float g = t->grad[i];
        t->first[i] = BETA_1 * t->first[i] + (1 - BETA_1) * g;
        t->second[i] = BETA_2 * t->second[i] + (1 - BETA_2) * (g * g);
        t->map[i] -= by * t->first[i] / (sqrtf(t->second[i] * root) + 1e-8f);
    }
}

/* ---- figures ------------------------------------------------------------------------------- */

enum {
    NOWHERE = UINT32_MAX,
    CHUNK = 256,
    STEP = 1 << 24 /* products of two numbers that a call computes, and a row more */
};

/* Whom held-out vectors of pairs are held against: their own targets, then others in order. */
static void choose_candidates(kin_trainer *t)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < t->m; k++)
        t->place[k] = NOWHERE;
    for (uint32_t i = t->trained; i < t->n + t->m; i++) {
        uint32_t k = i < t->n ? t->target[t->order[i]] : i - t->n;
        if (t->place[k] == NOWHERE && n < t->candidates)
            t->candidate[t->place[k] = n++] = k;
    }
}

static void map_candidates(kin_trainer *t, const struct held *held)
{
    float h[ADAPTER_RANK_MAX], inv;
    for (uint32_t j = 0; j < t->candidates; j++)
        map_one(t, t->m ? row_of(t, 1, t->candidate[j]) : row_of(t, 0, held->rows[j]), h,
                t->mapped + (size_t)j * t->stride, &inv);
}

/* Whether the one at `own` is among the `at` nearest of y; equal ones are in their order. */
static float found(const kin_trainer *t, const float *y, uint32_t own)
{
    float score[CHUNK], wanted;
    uint32_t before = 0;
    dots(y, t->mapped + (size_t)own * t->stride, 1, t->stride, &wanted);
    for (uint32_t j = 0; j < t->candidates; j += CHUNK) {
        uint32_t n = t->candidates - j < CHUNK ? t->candidates - j : CHUNK;
        dots(y, t->mapped + (size_t)j * t->stride, n, t->stride, score);
        for (uint32_t k = 0; k < n; k++)
            before += score[k] > wanted || (score[k] == wanted && j + k < own);
    }
    return before < t->at;
}

/* The share of its kind among the `at` nearest of the q-th of the half, itself left out. */
static float alike(const kin_trainer *t, const struct held *held, uint32_t q)
{
    float score[CHUNK], best[TRAIN_AT_MAX];
    uint32_t who[TRAIN_AT_MAX], n = 0, same = 0, most = t->at < held->n - 1 ? t->at : held->n - 1;
    for (uint32_t j = 0; j < held->n; j += CHUNK) {
        uint32_t some = held->n - j < CHUNK ? held->n - j : CHUNK;
        dots(t->mapped + (size_t)q * t->stride, t->mapped + (size_t)j * t->stride, some, t->stride, score);
        for (uint32_t k = 0; k < some; k++) {
            if (j + k == q || (n == most && !(score[k] > best[n - 1])))
                continue;
            uint32_t at = n < most ? n++ : n - 1;
            for (; at > 0 && score[k] > best[at - 1]; at--)
                best[at] = best[at - 1], who[at] = who[at - 1];
            best[at] = score[k], who[at] = j + k;
        }
    }
    for (uint32_t k = 0; k < n; k++)
        same += t->target[held->rows[who[k]]] == t->target[held->rows[q]];
    return (float)same / (float)most;
}

/* Figures of some held-out vectors more into out; true when all have theirs. */
static bool look(kin_trainer *t, int which, float *out)
{
    const struct held *held = &t->held[which];
    float y[ADAPTER_DIM_MAX], h[ADAPTER_RANK_MAX], inv;
    if (t->seen == 0)
        map_candidates(t, held);
    for (uint64_t done = 0; t->seen < held->n; done += (uint64_t)t->candidates * t->stride) {
        if (done >= STEP)
            return false;
        uint32_t row = held->rows[t->seen];
        if (t->m)
            map_one(t, row_of(t, 0, row), h, y, &inv);
        out[t->seen] = t->m ? found(t, y, t->place[t->target[row]]) : alike(t, held, t->seen);
        t->seen++;
    }
    t->seen = 0;
    return true;
}

static double mean_of(const float *values, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)values[i];
    return sum / n;
}

static void judge(kin_trainer *t)
{
    const uint32_t n = t->held[HELD_JUDGE].n;
    double squares = 0, gain;
    t->before = mean_of(t->figure[1], n), t->after = mean_of(t->figure[2], n);
    gain = t->after - t->before;
    for (uint32_t i = 0; i < n; i++) {
        double off = (double)t->figure[2][i] - (double)t->figure[1][i] - gain;
        squares += off * off;
    }
    t->error = sqrt(squares / n / n);
    t->helps = gain > 0 && gain > 2 * t->error;
}

/* ---- steps --------------------------------------------------------------------------------- */

static void batch(kin_trainer *t)
{
    if (t->next + t->batch > t->trained)
        t->next = 0;
    if (t->next == 0)
        shuffle(t, t->order, t->trained);
    train_gradient(t, t->order + t->next, t->batch);
    descend(t);
    t->next += t->batch;
    t->batches++;
}

/* After a round: is the map the best so far, and is it time to end? */
static void compare(kin_trainer *t)
{
    const size_t bytes = 2 * (size_t)t->rank * t->stride * sizeof *t->map;
    double figure = mean_of(t->figure[0], t->held[HELD_STOP].n);
    t->since++;
    if (t->rounds == 0 || figure > t->best_stop) {
        t->best_stop = figure, t->since = 0;
        memcpy(t->best, t->map, bytes);
    }
    if (t->rounds == 0)
        t->begin_stop = figure;
    if (t->rounds++ == TRAIN_MOST_ROUNDS || t->since == TRAIN_PATIENCE) {
        memcpy(t->map, t->best, bytes);
        t->stage = TRAIN_AFTER;
    } else {
        t->stage = TRAIN_BATCHES;
    }
}

kin_status kin_trainer_step(kin_trainer *t, kin_error *err)
{
    DEFAULT_FLOATS
    switch (t->stage) {
    case TRAIN_FILLING:
        if (t->filled[0] != t->n || t->filled[1] != t->m)
            return BAD(err, "The trainer was given fewer vectors than it was begun with.");
        if (t->m)
            choose_candidates(t);
        t->stage = TRAIN_BEFORE;
        break;
    case TRAIN_BEFORE:
        if (look(t, HELD_JUDGE, t->figure[1]))
            t->stage = TRAIN_LOOK;
        break;
    case TRAIN_BATCHES:
        batch(t);
        if (t->batches % TRAIN_ROUND == 0)
            t->stage = TRAIN_LOOK;
        break;
    case TRAIN_LOOK:
        if (look(t, HELD_STOP, t->figure[0]))
            compare(t);
        break;
    case TRAIN_AFTER:
        if (!look(t, HELD_JUDGE, t->figure[2]))
            break;
        judge(t);
        t->stage = TRAIN_DONE;
        break;
    default: return KIN_OK;
    }
    return t->stage == TRAIN_DONE ? KIN_OK : KIN_MORE;
}

int kin_trainer_rounds(const kin_trainer *t) { return (int)t->rounds; }
int kin_trainer_helps(const kin_trainer *t) { return t->helps; }
double kin_trainer_figure(const kin_trainer *t, int which)
{
    const double figures[] = {t->begin_stop, t->best_stop, t->before, t->after, t->error};
    return which >= 0 && which < 5 ? figures[which] : 0;
}

static void put_metadata(const kin_trainer *t, const char *image_id, size_t n, struct json_out *o)
{
    json_out_raw(o, "{\"kin.format\":\"" ADAPTER_FORMAT "\",\"kin.kind\":\"adapter\",\"kin.image_id\":");
    json_out_string(o, image_id, n);
    json_out_raw(o, ",\"kin.figures\":\"");
    json_out_raw(o, t->m ? "found " : "alike ");
    json_out_u64(o, t->at);
    for (int i = 2; i < 4; i++) {
        json_out_raw(o, " ");
        json_out_number(o, kin_trainer_figure(t, i));
    }
    json_out_raw(o, "\"}");
}

size_t kin_trainer_file(const kin_trainer *t, const char *image_id, size_t n, uint8_t *out, size_t cap)
{
    DEFAULT_FLOATS
    const size_t row = t->dim * sizeof(float), part = t->rank * row;
    tensor list[2] = {{.name = "U", .name_len = 1}, {.name = "V", .name_len = 1}};
    struct json_out metadata, header;
    struct crc32 crc;
    uint32_t sums[2] = {0};
    size_t size = 0;
    if (t->stage != TRAIN_DONE)
        return 0;
    crc32_init(&crc);
    for (int i = 0; i < 2; i++) {
        list[i].dtype = DT_F32, list[i].rank = 2;
        list[i].shape[0] = t->rank, list[i].shape[1] = t->dim;
        for (uint32_t r = 0; r < t->rank; r++)
            sums[i] = crc32_update(&crc, sums[i], t->map + ((size_t)i * t->rank + r) * t->stride, row);
    }
    json_out_init(&metadata);
    put_metadata(t, image_id, n, &metadata);
    if (!metadata.failed && tensor_header_write(list, 2, metadata.text, metadata.n, sums, &header)) {
        size = header.n + 2 * part;
        if (size <= cap) {
            memcpy(out, header.text, header.n);
            for (uint32_t r = 0; r < 2 * t->rank; r++)
                memcpy(out + header.n + r * row, t->map + (size_t)r * t->stride, row);
        }
        json_out_free(&header);
    }
    json_out_free(&metadata);
    return size;
}
