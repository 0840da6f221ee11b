/* test_train: the gradient against differences of the loss, which is computed here in double by its definition; what is
 * learned, and what is refused; an adapter's file and a catalogue under it. */
#include "../../src/train.h"
#include "../../src/catalog.h"
#include "../../src/confidence.h"
#include "../../src/kin.h"
#include "../../src/sha256.h"
#include "assemble.h"
#include "test.h"
#include "written.h"
#include <math.h>
#include <stdlib.h>

static uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}
/* About normal, from whole numbers, so that every machine has the same. */
static float noise(uint64_t *seed)
{
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum += (int)(random_u32(seed) % 2001) - 1000;
    return (float)sum / 1024;
}

/* n examples of `dim` numbers. A target is a point in the first 4 numbers; what it is found by lies there faintly, under noise in
 * all others that is the same for many targets: a map that turns the noise down helps. `shown` 0: nothing links them. */
struct set {
    float *left, *right;
    uint32_t *target;
    int n, m, dim;
};
static struct set make_set(int n, int m, int dim, float shown, bool kinds)
{
    struct set s = {
        calloc((size_t)n * (size_t)dim, 4), calloc((size_t)m * (size_t)dim, 4), calloc((size_t)n, 4), n, m, dim};
    uint64_t seed = 7;
    float *hidden = calloc((size_t)m * 4, 4);
    for (int k = 0; k < m; k++)
        for (int i = 0; i < dim; i++) {
            float value = noise(&seed);
            if (i < 4)
                hidden[k * 4 + i] = value;
            s.right[k * dim + i] = i < 4 ? value * shown : 1.5f * noise(&seed);
        }
    for (int j = 0; j < n; j++) {
        s.target[j] = kinds || n > m ? random_u32(&seed) % (uint32_t)m : (uint32_t)j;
        for (int i = 0; i < dim; i++)
            s.left[j * dim + i] =
                i < 4 ? shown * (hidden[s.target[j] * 4 + (uint32_t)i] + 0.2f * noise(&seed)) : 1.5f * noise(&seed);
    }
    free(hidden);
    return s;
}
static void free_set(struct set *s) { free(s->left), free(s->right), free(s->target); }

static kin_trainer *start(const struct set *s, bool kinds, int rank, int at, double hold_out, uint32_t seed)
{
    kin_error err;
    kin_trainer *t = kin_trainer_begin(s->dim, rank, s->n, kinds ? 0 : s->m, at, hold_out, seed, &err);
    if (t && (kin_trainer_add(t, 0, s->left, s->target, (uint32_t)s->n, &err) != KIN_OK ||
              (!kinds && kin_trainer_add(t, 1, s->right, NULL, (uint32_t)s->m, &err) != KIN_OK))) {
        printf("  %s\n", err.text);
        kin_trainer_close(t);
        return NULL;
    }
    return t;
}

static kin_status finish(kin_trainer *t)
{
    kin_error err;
    kin_status status;
    while ((status = kin_trainer_step(t, &err)) == KIN_MORE)
        ;
    return status;
}

static uint8_t *file_of(kin_trainer *t, const char *id, size_t *n)
{
    *n = kin_trainer_file(t, id, strlen(id), NULL, 0);
    uint8_t *bytes = malloc(*n + 1);
    if (kin_trainer_file(t, id, strlen(id), bytes, *n) != *n)
        *n = 0;
    return bytes;
}

/* ---- the gradient -------------------------------------------------------------------------------- */

static void map_in_double(const kin_trainer *t, const double *map, const float *x, double *y)
{
    double squares = 0;
    for (uint32_t i = 0; i < t->dim; i++)
        y[i] = (double)x[i];
    for (uint32_t k = 0; k < t->rank; k++) {
        double h = 0;
        for (uint32_t i = 0; i < t->dim; i++)
            h += map[(t->rank + k) * t->stride + i] * (double)x[i];
        for (uint32_t i = 0; i < t->dim; i++)
            y[i] += h * map[k * t->stride + i];
    }
    for (uint32_t i = 0; i < t->dim; i++)
        squares += y[i] * y[i];
    for (uint32_t i = 0; i < t->dim; i++)
        y[i] /= sqrt(squares);
}

/* The definition at the top of train.h. */
static double loss_of(const kin_trainer *t, const double *map, const uint32_t *rows, uint32_t n, bool kinds)
{
    static double y[64][32], z[64][32], e[64][64];
    double loss = 0;
    for (uint32_t i = 0; i < n; i++) {
        map_in_double(t, map, t->x[0] + (size_t)rows[i] * t->stride, y[i]);
        map_in_double(t, map,
                      kinds ? t->x[0] + (size_t)rows[i] * t->stride : t->x[1] + (size_t)t->target[rows[i]] * t->stride,
                      z[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            double dot = 0;
            for (uint32_t k = 0; k < t->dim; k++)
                dot += y[i][k] * z[j][k];
            e[i][j] = kinds && i == j ? 0 : exp(10 * (dot - 1));
        }
    for (uint32_t i = 0; i < n; i++) {
        double row = 0, column = 0, pull = 0, partners = 0;
        for (uint32_t j = 0; j < n; j++) {
            row += e[i][j], column += e[j][i];
            if (t->target[rows[j]] == t->target[rows[i]] && !(kinds && i == j))
                pull += log(e[i][j]) + log(e[j][i]), partners++;
        }
        if (partners > 0)
            loss += log(row) + log(column) - pull / partners;
    }
    return loss / (2 * n);
}

static void check_gradient(bool kinds, uint32_t n)
{
    struct set s = make_set(120, kinds ? 12 : 80, 13, 1, kinds);
    kin_trainer *t = start(&s, kinds, 3, 1, 0.4, 5);
    CHECK(t && n <= t->batch);
    size_t size = 2 * (size_t)t->rank * t->stride;
    double map[96], worst = 0, largest = 0;
    uint32_t rows[64];
    uint64_t seed = 3;
    for (size_t i = 0; i < size; i++) {
        if (i % t->stride < t->dim)
            t->map[i] = 0.3f * noise(&seed);
        map[i] = (double)t->map[i];
    }
    for (uint32_t i = 0; i < n; i++)
        rows[i] = i;
    train_gradient(t, rows, n);
    for (size_t i = 0; i < size; i++) {
        if (i % t->stride >= t->dim) {
            CHECK(t->grad[i] == 0);
            continue;
        }
        double was = map[i], step = 1e-5;
        map[i] = was + step;
        double above = loss_of(t, map, rows, n, kinds);
        map[i] = was - step;
        double below = loss_of(t, map, rows, n, kinds), wanted = (above - below) / (2 * step);
        map[i] = was;
        worst = fmax(worst, fabs(wanted - (double)t->grad[i]));
        largest = fmax(largest, fabs(wanted));
    }
    CHECK(largest > 1e-3);
    CHECK(worst < 1e-4 * largest);
    kin_trainer_close(t);
    free_set(&s);
}
void test_train_gradient_of_pairs(void) { check_gradient(false, 40), check_gradient(false, 39); }
void test_train_gradient_of_kinds(void) { check_gradient(true, 40), check_gradient(true, 29); }

/* ---- learning ------------------------------------------------------------------------------------ */

static void hash_of(const uint8_t *bytes, size_t n, char out[65])
{
    struct sha256 h;
    uint8_t digest[32];
    sha256_init(&h);
    sha256_update(&h, bytes, n);
    sha256_final(&h, digest);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* What is learned of a set: tests/node/adapter.test.js asks every WebAssembly build for the same bytes. */
static void check_learning(bool kinds, int n, int m, int dim, const char *hash)
{
    char is[65];
    size_t size;
    struct set s = make_set(n, m, dim, 0.7f, kinds);
    kin_trainer *t = start(&s, kinds, 6, kinds ? 10 : 1, 0.4, 9);
    CHECK(t);
    CHECK_EQ(kin_trainer_file(t, "", 0, NULL, 0), 0);
    CHECK_EQ(finish(t), KIN_OK);
    CHECK_EQ(finish(t), KIN_OK); /* and stays so */
    CHECK(kin_trainer_helps(t));
    CHECK(kin_trainer_figure(t, 3) > kin_trainer_figure(t, 2) + 0.1);
    CHECK(kin_trainer_figure(t, 3) - kin_trainer_figure(t, 2) > 2 * kin_trainer_figure(t, 4));
    CHECK(kin_trainer_figure(t, 1) > kin_trainer_figure(t, 0));
    CHECK(kin_trainer_figure(t, 5) == 0 && kin_trainer_figure(t, -1) == 0);
    CHECK(kin_trainer_rounds(t) > 1 && kin_trainer_rounds(t) <= TRAIN_MOST_ROUNDS + 1);
    uint8_t *bytes = file_of(t, "an id", &size);
    hash_of(bytes, size, is);
    free(bytes);
    kin_trainer_close(t);
    CHECK_STR(is, hash);
    free_set(&s);
}
void test_train_pairs(void)
{
    check_learning(false, 401, 150, 20, "acb3f80aae6dc01a84da3e836b1014689eb52c8c23715eb6dc864ec5ba157d48");
}
void test_train_kinds(void)
{
    check_learning(true, 403, 8, 21, "3845230282e8881b18441fee111cbbfac8c07fcfe41e71ddb37a188a0637d66f");
}

/* Pairs that nothing links: what fits those that it saw helps no other. */
void test_train_refuses_what_does_not_help(void)
{
    for (int kinds = 0; kinds < 2; kinds++) {
        struct set s = make_set(600, kinds ? 12 : 600, 16, 0, kinds);
        kin_trainer *t = start(&s, kinds, 8, kinds ? 10 : 1, 0.3, 9);
        CHECK(t);
        CHECK_EQ(finish(t), KIN_OK);
        CHECK(!kin_trainer_helps(t));
        kin_trainer_close(t);
        free_set(&s);
    }
}

static bool refused(int dim, int rank, int n, int m, int at, double hold_out)
{
    kin_error err = {0};
    kin_trainer *t = kin_trainer_begin(dim, rank, n, m, at, hold_out, 1, &err);
    bool is = !t && err.status == KIN_BAD_ARGUMENT && strlen(err.text) > 20;
    kin_trainer_close(t);
    return is;
}
void test_train_arguments(void)
{
    CHECK(!refused(8, 4, 100, 100, 1, 0.2));
    CHECK(refused(0, 4, 100, 100, 1, 0.2) && refused(4097, 4, 100, 100, 1, 0.2));
    CHECK(refused(8, 0, 100, 100, 1, 0.2) && refused(8, 65, 100, 100, 1, 0.2));
    CHECK(refused(8, 4, 0, 100, 1, 0.2) && refused(8, 4, -200000, 100, 1, 0.2) && refused(8, 4, 200001, 100, 1, 0.2));
    CHECK(refused(8, 4, 100, -1, 1, 0.2) && refused(8, 4, 100, 200001, 1, 0.2));
    CHECK(refused(8, 4, 100, 100, 0, 0.2) && refused(8, 4, 100, 100, 101, 0.2));
    CHECK(refused(8, 4, 200000, 100, 1, 0.009) && refused(8, 4, 100, 100, 1, 0) && refused(8, 4, 100, 100, 1, 0.6) &&
          refused(8, 4, 100, 100, 1, NAN));
    CHECK(refused(8, 4, 99, 100, 1, 0.2)); /* too few held out */
    struct set s = make_set(100, 100, 8, 1, false);
    kin_error err;
    kin_trainer *t = kin_trainer_begin(8, 4, 100, 100, 1, 0.2, 1, &err);
    CHECK(t);
    CHECK_EQ(kin_trainer_step(t, &err), KIN_BAD_ARGUMENT);
    for (uint32_t n = 0; n < 2; n++)
        CHECK(kin_trainer_add(t, 2, s.left, s.target, n, &err) == KIN_BAD_ARGUMENT &&
              kin_trainer_add(t, -1, s.left, s.target, n, &err) == KIN_BAD_ARGUMENT);
    CHECK_EQ(kin_trainer_add(t, 0, s.left, s.target, 101, &err), KIN_BAD_ARGUMENT);
    for (int i = 0; i < 4; i++) {
        float bad[8] = {i == 0 ? NAN : i == 1 ? INFINITY : i == 2 ? 0 : 1e30f};
        CHECK_EQ(kin_trainer_add(t, 0, bad, s.target, 1, &err), KIN_BAD_ARGUMENT);
        CHECK_EQ(kin_trainer_add(t, 1, bad, NULL, 1, &err), KIN_BAD_ARGUMENT);
    }
    uint32_t nobody = 100;
    CHECK_EQ(kin_trainer_add(t, 0, s.left, &nobody, 1, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(kin_trainer_add(t, 0, s.left, s.target, 100, &err), KIN_OK);
    CHECK_EQ(kin_trainer_step(t, &err), KIN_BAD_ARGUMENT);
    CHECK_EQ(kin_trainer_add(t, 1, s.right, NULL, 100, &err), KIN_OK);
    CHECK_EQ(kin_trainer_step(t, &err), KIN_MORE);
    CHECK_EQ(kin_trainer_add(t, 1, s.right, NULL, 0, &err), KIN_BAD_ARGUMENT); /* begun */
    kin_trainer_close(t);
    t = kin_trainer_begin(8, 4, 100, 100, 1, 0.2, 1, &err);
    CHECK(t);
    CHECK_EQ(kin_trainer_add(t, 1, s.right, NULL, 100, &err), KIN_OK);
    CHECK_EQ(kin_trainer_step(t, &err), KIN_BAD_ARGUMENT); /* what finds them is not there */
    kin_trainer_close(t);
    kin_trainer_close(NULL);
    free_set(&s);
}

/* ---- the file and the catalogue ------------------------------------------------------------------- */

enum { DIM = 12, ROWS = 40 };

static uint8_t *catalogue(const struct set *s, const char *metadata, size_t *n)
{
    kin_error err;
    kin_writer *w = kin_writer_begin(s->dim, metadata, strlen(metadata), &err);
    for (int i = 0; i < ROWS; i++) {
        char id[8];
        int8_t row[ADAPTER_DIM_MAX];
        float scale;
        snprintf(id, sizeof id, "p%d", i);
        kin_quantise_vector(s->right + i * s->dim, s->dim, row, &scale, &err);
        kin_writer_add(w, id, strlen(id), "{}", 2, row, 1, &err);
    }
    float phrase[ADAPTER_DIM_MAX] = {1};
    kin_writer_null(w, phrase, 1, &err);
    return written(w, n);
}

/* A trained adapter of vectors of DIM numbers. */
static uint8_t *trained(const struct set *s, const char *id, size_t *n)
{
    kin_trainer *t = start(s, false, 4, 1, 0.3, 9);
    uint8_t *bytes = t && finish(t) == KIN_OK ? file_of(t, id, n) : NULL;
    kin_trainer_close(t);
    return bytes;
}

void test_adapter_of_a_catalogue(void)
{
    struct set s = make_set(400, 200, DIM, 0.7f, false);
    kin_error err = {0};
    size_t n, m;
    uint8_t *file = trained(&s, "one", &n), *bytes = catalogue(&s, "{\"kin.image_id\":\"one\"}", &m);
    kin_catalog *c = kin_catalog_open(bytes, m, &err), *plain = kin_catalog_open(bytes, m, &err);
    CHECK(c && plain && c->nulls);
    struct adapter a;
    CHECK_EQ(adapter_read(file, n, DIM, "one", 3, &a, &err), KIN_OK);
    CHECK_EQ(a.rank, 4);
    CHECK_EQ(kin_catalog_adapt(c, file, n, &err), KIN_OK);
    memset(file, 0, n); /* not needed any more */
    for (uint32_t r = 0; r < ROWS; r++) {
        float was[DIM], is[DIM], mapped[DIM], h[4], scale, want[DIM];
        int8_t row[DIM];
        kin_catalog_vector(plain, r, was);
        kin_catalog_vector(c, r, is);
        kin_catalog_map(c, was, mapped);
        double squares = 0, sum[DIM];
        for (int i = 0; i < DIM; i++)
            sum[i] = (double)was[i];
        for (int k = 0; k < 4; k++) {
            double along = 0;
            for (int i = 0; i < DIM; i++)
                along += (double)a.v[k * DIM + i] * (double)was[i];
            for (int i = 0; i < DIM; i++)
                sum[i] += along * (double)a.u[k * DIM + i];
        }
        for (int i = 0; i < DIM; i++)
            squares += sum[i] * sum[i];
        CHECK_EQ(kin_quantise_vector(mapped, DIM, row, &scale, &err), KIN_OK);
        adapter_map(a.u, a.v, a.rank, DIM, was, h, want);
        for (int i = 0; i < DIM; i++) {
            CHECK(fabs(sum[i] / sqrt(squares) - (double)mapped[i]) < 1e-6);
            CHECK(mapped[i] == want[i]);
            CHECK(is[i] == (float)row[i] * scale);
        }
    }
    /* scores are of what lies there now, statistics are void */
    float query[DIM], row[DIM], score[ROWS], sure[ROWS];
    uint32_t rows[ROWS], total;
    kin_catalog_map(c, s.right, query);
    int found = kin_catalog_search(c, query, NULL, NULL, -2, 0, 0, rows, score, ROWS, &total);
    CHECK_EQ(found, ROWS);
    kin_catalog_confidence(c, NULL, rows, score, found, sure);
    for (int i = 0; i < found; i++) {
        double dot = 0, size = 0;
        kin_catalog_vector(c, rows[i], row);
        for (int k = 0; k < DIM; k++)
            dot += (double)row[k] * (double)query[k], size += (double)query[k] * (double)query[k];
        CHECK(fabs(dot / sqrt(size) - (double)score[i]) < 1e-3);
        CHECK(sure[i] != sure[i]);
    }
    CHECK_EQ(kin_catalog_adapt(c, bytes, m, &err), KIN_BAD_ARGUMENT); /* once */
    adapter_free(&a);
    kin_catalog_close(c), kin_catalog_close(plain);
    free(file), free(bytes), free_set(&s);
}

static kin_status adapts(const uint8_t *catalog, size_t m, const uint8_t *file, size_t n, kin_error *err)
{
    uint8_t *copy = malloc(n + 1);
    memcpy(copy, file, n);
    kin_catalog *c = kin_catalog_open(catalog, m, err);
    kin_status status = c ? kin_catalog_adapt(c, copy, n, err) : KIN_OUT_OF_MEMORY;
    if (c && status != KIN_OK && (c->adapter.rank || c->adapted || !c->nulls))
        status = KIN_MORE; /* it was not left as it was */
    kin_catalog_close(c);
    free(copy);
    return status;
}

void test_adapter_files(void)
{
    static const char good[] = "{\"kin.format\":\"1\",\"kin.kind\":\"adapter\"}",
                      kind[] = "{\"kin.format\":\"1\",\"kin.kind\":\"labels\"}",
                      format[] = "{\"kin.format\":\"2\",\"kin.kind\":\"adapter\"}",
                      needs[] = "{\"kin.format\":\"1\",\"kin.kind\":\"adapter\",\"kin.needs\":\"x\"}",
                      other[] = "{\"kin.format\":\"1\",\"kin.kind\":\"adapter\",\"kin.image_id\":\"two\"}",
                      none[] = "{\"kin.format\":\"1\",\"kin.kind\":\"adapter\",\"kin.image_id\":\"\"}";
    static float values[2 * 4097];
    struct set s = make_set(50, 50, DIM, 1, false);
    size_t m, n;
    uint8_t *c = catalogue(&s, "{\"kin.image_id\":\"one\"}", &m);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)(i % 7) / 16;
    struct {
        tensor t[2];
        const char *metadata;
        kin_status want;
    } cases[] = {
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, good, KIN_OK},
        {{{"U", 1, DT_F32, 2, {64, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {64, DIM}, 0, 0}}, none, KIN_OK},
        {{{"U", 1, DT_F32, 2, {65, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {65, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {0, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {0, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, 0}, 0, 0}, {"V", 1, DT_F32, 2, {2, 0}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {1, 4097}, 0, 0}, {"V", 1, DT_F32, 2, {1, 4097}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {3, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM - 1}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"W", 1, DT_F32, 2, {2, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_I32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 1, {2 * DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 3, {2, DIM, 1}, 0, 0}, {"V", 1, DT_F32, 3, {2, DIM, 1}, 0, 0}}, good, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, DIM - 1}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM - 1}, 0, 0}}, good, KIN_MODEL_MISMATCH},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, other, KIN_MODEL_MISMATCH},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, kind, KIN_NOT_AN_ADAPTER},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, format, KIN_UNSUPPORTED},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, needs, KIN_UNSUPPORTED},
        {{{"U", 1, DT_F32, 2, {2, DIM}, 0, 0}, {"V", 1, DT_F32, 2, {2, DIM}, 0, 0}}, "{}", KIN_NOT_AN_ADAPTER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_error err = {0};
        uint8_t *file = assemble(cases[i].t, 2, cases[i].metadata, values, &n);
        CHECK(file);
        kin_status is = adapts(c, m, file, n, &err);
        if (is != cases[i].want)
            printf("  case %d: %s %s\n", (int)i, kin_status_name(is), err.text);
        CHECK_EQ(is, cases[i].want);
        free(file);
    }
    kin_error err;
    uint8_t *file = assemble(cases[0].t, 2, good, values, &n);
    for (size_t i = 0; i < n; i++) { /* no flipped bit passes, nor an end before the end */
        file[i] ^= 4;
        CHECK(adapts(c, m, file, n, &err) == KIN_NOT_AN_ADAPTER || err.status == KIN_UNSUPPORTED);
        file[i] ^= 4;
        CHECK_EQ(adapts(c, m, file, i, &err), KIN_NOT_AN_ADAPTER);
    }
    CHECK_EQ(adapts(c, m, file, n, &err), KIN_OK);
    file = askew(file, &n);
    CHECK_EQ(adapts(c, m, file, n, &err), KIN_NOT_AN_ADAPTER);
    CHECK(strstr(err.text, "no multiple of 8"));
    free(file);
    for (int i = 0; i < 3; i++) { /* numbers that are none; a map to nowhere: x + U^T V x overflows */
        static const float odd[] = {NAN, INFINITY, 3e38f};
        for (int k = 0; k < 4 * DIM; k++)
            values[k] = i < 2 ? (k == 3 * DIM ? odd[i] : 1) : odd[i];
        file = assemble(cases[0].t, 2, good, values, &n);
        CHECK_EQ(adapts(c, m, file, n, &err), KIN_NOT_AN_ADAPTER);
        struct adapter a; /* the map alone is to nowhere only over a catalogue's rows */
        kin_status is = adapter_read(file, n, DIM, "one", 3, &a, &err);
        CHECK_EQ(is, i < 2 ? KIN_NOT_AN_ADAPTER : KIN_OK);
        if (is == KIN_OK)
            adapter_free(&a);
        free(file);
    }
    kin_catalog *open = kin_catalog_open(c, m, &err);
    file = malloc(64);
    CHECK_EQ(kin_catalog_adapt(open, file + 1, 20, &err), KIN_BAD_ARGUMENT);
    free(file);
    kin_catalog_close(open);
    free(c), free_set(&s);
}
