/* SPDX-License-Identifier: Apache-2.0
 *
 * Scans of every precision on one core: one query, and a batch of 64, over 100,000 x 384. Beside
 * each scan of codes a plain read of the same bytes, in turn with it; beside the f32 batch the
 * processor's peak of fused multiply-adds. Recall@10 after re-scoring `rerank` rows. Ratios within
 * one run count, medians of few rounds of processor time.
 *
 *   bench_code_scan [rows [dim [rounds]]]       clustered random vectors
 *   bench_code_scan ROWS.npy QUERIES.npy [rounds]    f32, C order, as NumPy saves it
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "index/scan.h"

#define K 10
#define QUERIES 64
#define ROUNDS_MAX 101

typedef uint64_t wide __attribute__((vector_size(64)));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FOR_EACH_TIER __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define FOR_EACH_TIER
#endif

typedef struct data {
  mgp_dense_view view;
  float *rows, *queries;
  uint64_t *ids;
  size_t query_count, dim;
  uint64_t truth[QUERIES][K];
} data;

static volatile uint64_t sink;

/* Of this thread alone: others on the machine cost it caches and clock, but not turns. */
static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

FOR_EACH_TIER static uint64_t read_all(const wide *from, size_t size, size_t streams) {
  const size_t part = size / streams / 8 * 8;
  wide sums[8] = {{0}};
  for (size_t i = 0; i < part; i += 8)
    for (size_t s = 0; s < streams; s++)
      for (size_t j = 0; j < 8; j++) sums[j] |= from[s * part + i + j];
  uint64_t sum = 0;
  for (size_t j = 0; j < 8; j++)
    for (size_t lane = 0; lane < 8; lane++) sum |= sums[j][lane];
  return sum;
}

/* Twelve chains of a * b + s in registers: GFLOP/s. The barrier keeps them there, and apart. */
#if defined(__x86_64__)
__attribute__((target("avx512f"))) static float multiply_add(size_t steps) {
  const __m512 a = _mm512_set1_ps(0.5F), b = _mm512_set1_ps(0.25F);
  __m512 s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a;
  __m512 s6 = b, s7 = b, s8 = b, s9 = b, s10 = b, s11 = b;
#define STEP(s)                                                                                    \
  do {                                                                                             \
    s = _mm512_fmadd_ps(a, b, s);                                                                  \
    __asm__ volatile("" : "+v"(s));                                                                \
  } while (0)
  for (size_t i = 0; i < steps; i++) {
    STEP(s0);
    STEP(s1);
    STEP(s2);
    STEP(s3);
    STEP(s4);
    STEP(s5);
    STEP(s6);
    STEP(s7);
    STEP(s8);
    STEP(s9);
    STEP(s10);
    STEP(s11);
  }
#undef STEP
  s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  return _mm512_reduce_add_ps(s0);
}
#endif

static double peak_gflops(void) {
#if defined(__x86_64__)
  if (!mgp_kernels_tier("avx512")) return 0;
  const size_t steps = 3000000;
  double best = 0;
  for (int i = 0; i < 5; i++) {
    const double started = cpu_seconds();
    sink = (uint64_t)multiply_add(steps);
    const double rate = (double)steps * 12 * 32 / (cpu_seconds() - started) / 1e9;
    best = rate > best ? rate : best;
  }
  return best;
#else
  return 0;
#endif
}

static int compare_seconds(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds, size_t count) {
  qsort(seconds, count, sizeof *seconds, compare_seconds);
  return seconds[count / 2];
}

/* ---- data ---- */

static float *read_npy(const char *path, size_t *rows, size_t *dim) {
  FILE *file = fopen(path, "rb");
  char head[128] = {0};
  if (!file || fread(head, 1, sizeof head, file) != sizeof head) return NULL;
  const char *shape = strstr(head + 10, "'shape': (");
  if (!shape || sscanf(shape, "'shape': (%zu, %zu)", rows, dim) != 2) return NULL;
  float *values = aligned_alloc(64, (*rows * *dim * sizeof(float) + 63) / 64 * 64);
  const bool good = values && fread(values, sizeof(float), *rows * *dim, file) == *rows * *dim;
  fclose(file);
  return good ? values : NULL;
}

static float random_unit(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(*state >> 40) * 0x1p-24f;
}

/* Around 1,000 centres, of length 1. */
static float *make_rows(size_t rows, size_t dim, uint64_t seed) {
  float *values = aligned_alloc(64, (rows * dim * sizeof(float) + 63) / 64 * 64);
  for (size_t i = 0; values && i < rows; i++) {
    uint64_t centre = (uint64_t)(random_unit(&seed) * 1000) + 1;
    for (size_t j = 0; j < dim; j++)
      values[i * dim + j] = random_unit(&centre) - 0.4f + random_unit(&seed) - 0.5f;
    mgp_normalise_f32(values + i * dim, dim);
  }
  return values;
}

static void search_f32(const data *d, size_t queries, mgp_topk *tops) {
  magpie_error err = {0};
  magpie_status status = MAGPIE_OK;
  if (queries == 1)
    status = mgp_dense_search(&d->view, 1, d->queries, NULL, NULL, NULL, tops, &err);
  else
    status = mgp_dense_search_batch(&d->view, 1, d->queries, d->dim, queries, NULL, NULL, NULL,
                                    tops, &err);
  if (status != MAGPIE_OK) exit(1);
}

static void init_tops(mgp_topk *tops, mgp_scored storage[QUERIES][K]) {
  for (size_t q = 0; q < QUERIES; q++) mgp_topk_init(&tops[q], storage[q], K);
}

static void find_truth(data *d) {
  static mgp_scored storage[QUERIES][K];
  mgp_topk tops[QUERIES];
  init_tops(tops, storage);
  search_f32(d, d->query_count, tops);
  for (size_t q = 0; q < d->query_count; q++)
    for (size_t i = 0; i < K; i++) d->truth[q][i] = tops[q].heap[i].id;
}

static double recall_of(const data *d, const mgp_topk *tops) {
  size_t found = 0;
  for (size_t q = 0; q < d->query_count; q++)
    for (size_t i = 0; i < K; i++)
      for (size_t j = 0; j < tops[q].count; j++) found += tops[q].heap[j].id == d->truth[q][i];
  return (double)found / (double)(K * d->query_count);
}

/* ---- one precision ---- */

typedef struct result {
  double one, batch, read, recall; /* seconds of one query, of the batch, of a read */
} result;

static void print_row(const data *d, const char *name, double bytes, size_t rerank, const result *r,
                      double peak) {
  const double all = bytes * (double)d->view.count;
  printf("code_scan,%s,%s,%zu,%zu,%.1f,%zu,%.0f,%.2f,%.2f,%.3f,%.0f,%.3f,%.4f\n",
         mgp_kernels_get()->tier, name, d->view.count, d->dim, bytes, rerank, 1 / r->one,
         all / r->one / 1e9, all / r->read / 1e9, r->read / r->one,
         (double)d->query_count / r->batch, peak, r->recall);
  fflush(stdout);
}

static double time_read(const void *bytes, size_t size) {
  double best = INFINITY;
  for (size_t streams = 1; streams <= 4; streams += 3) {
    const double started = cpu_seconds();
    sink = read_all(bytes, size / sizeof(wide), streams);
    best = fmin(best, cpu_seconds() - started);
  }
  return best;
}

static void bench_f32(const data *d, size_t rounds) {
  static mgp_scored storage[QUERIES][K];
  static double one[ROUNDS_MAX], batch[ROUNDS_MAX], read[ROUNDS_MAX], peaks[ROUNDS_MAX];
  mgp_topk tops[QUERIES];
  for (size_t i = 0; i < rounds; i++) {
    init_tops(tops, storage);
    read[i] = time_read(d->rows, d->view.count * d->dim * sizeof(float));
    double started = cpu_seconds();
    search_f32(d, 1, tops);
    one[i] = cpu_seconds() - started;
    init_tops(tops, storage);
    started = cpu_seconds();
    search_f32(d, d->query_count, tops);
    batch[i] = cpu_seconds() - started;
    peaks[i] = i < 3 ? peak_gflops() : peaks[i - 1];
  }
  const result r = {median(one, rounds), median(batch, rounds), median(read, rounds),
                    recall_of(d, tops)};
  const double gflop = 2e-9 * (double)(d->query_count * d->view.count * d->dim);
  const double peak = median(peaks, rounds);
  print_row(d, "f32", 4.0 * (double)d->dim, 0, &r, peak > 0 ? gflop / r.batch / peak : 0);
}

static void search_codes(const mgp_code_view *v, const data *d, size_t queries, size_t rerank,
                         mgp_topk *tops) {
  magpie_error err = {0};
  if (mgp_code_search(v, d->queries, d->dim, queries, rerank, NULL, NULL, NULL, tops, &err) !=
      MAGPIE_OK) {
    fprintf(stderr, "bench_code_scan: %s\n", err.message);
    exit(1);
  }
}

static void bench_codes(const data *d, mgp_codec_kind kind, unsigned bits, size_t rerank,
                        size_t rounds) {
  static mgp_scored storage[QUERIES][K];
  static double one[ROUNDS_MAX], batch[ROUNDS_MAX], read[ROUNDS_MAX];
  const mgp_codec_options options = {.kind = kind, .bits = bits, .dim = d->dim, .seed = 1};
  magpie_error err = {0};
  mgp_coder *coder = NULL;
  mgp_topk tops[QUERIES];
  const size_t sample = d->view.count < 10000 ? d->view.count : 10000;
  if (mgp_coder_create(NULL, &options, &coder, &err) != MAGPIE_OK ||
      mgp_coder_train(coder, d->rows, d->dim, sample, &err) != MAGPIE_OK)
    exit(1);
  const size_t size = (mgp_coder_size(coder, d->view.count) + 63) / 64 * 64;
  void *codes = aligned_alloc(64, size);
  if (!codes || mgp_coder_encode(coder, d->rows, d->dim, d->view.count, codes, &err) != MAGPIE_OK)
    exit(1);
  const mgp_code_view v = {.coder = coder,
                           .codes = codes,
                           .ids = d->ids,
                           .count = d->view.count,
                           .rows = rerank ? d->rows : NULL,
                           .dim = d->dim,
                           .stride = d->dim};
  for (size_t i = 0; i < rounds; i++) {
    init_tops(tops, storage);
    read[i] = time_read(codes, size);
    double started = cpu_seconds();
    search_codes(&v, d, 1, rerank, tops);
    one[i] = cpu_seconds() - started;
    init_tops(tops, storage);
    started = cpu_seconds();
    search_codes(&v, d, d->query_count, rerank, tops);
    batch[i] = cpu_seconds() - started;
  }
  const result r = {median(one, rounds), median(batch, rounds), median(read, rounds),
                    recall_of(d, tops)};
  char name[32];
  snprintf(name, sizeof name, bits ? "%s-%u" : "%s", mgp_coder_name(coder), bits);
  print_row(d, name, mgp_coder_row_size(coder), rerank, &r, 0);
  mgp_coder_destroy(coder);
  free(codes);
}

static size_t argument(int count, char **values, int index, size_t fallback) {
  const size_t value = count > index ? strtoull(values[index], NULL, 10) : 0;
  return value ? value : fallback;
}

static bool load(data *d, int argc, char **argv) {
  size_t rows = 0, queries = QUERIES, dim = 0;
  if (argc > 2 && strstr(argv[1], ".npy")) {
    d->rows = read_npy(argv[1], &rows, &d->dim);
    d->queries = read_npy(argv[2], &queries, &dim);
    if (!d->rows || !d->queries || dim != d->dim) return false;
  } else {
    rows = argument(argc, argv, 1, 100000);
    d->dim = argument(argc, argv, 2, 384);
    d->rows = make_rows(rows, d->dim, 1);
    d->queries = make_rows(QUERIES, d->dim, 2);
  }
  d->query_count = queries < QUERIES ? queries : QUERIES;
  d->ids = calloc(rows, sizeof *d->ids);
  if (!d->rows || !d->queries || !d->ids) return false;
  for (size_t i = 0; i < rows; i++) d->ids[i] = i;
  d->view = (mgp_dense_view){
      .rows = d->rows, .ids = d->ids, .count = rows, .dim = d->dim, .stride = d->dim};
  return rows >= K;
}

int main(int argc, char **argv) {
  static data d;
  size_t rounds = argument(argc, argv, 3, 9);
  if (rounds > ROUNDS_MAX) rounds = ROUNDS_MAX;
  if (!load(&d, argc, argv)) {
    fputs("bench_code_scan: no memory, or not two f32 .npy files of one width\n", stderr);
    return 1;
  }
  find_truth(&d);
  puts("bench,tier,codec,rows,dim,bytes_row,rerank,qps_1,gb_s,read_gb_s,ratio_to_read,qps_64,"
       "share_of_peak,recall_10");
  bench_f32(&d, rounds);
  bench_codes(&d, MGP_CODEC_BF16, 0, 0, rounds);
  bench_codes(&d, MGP_CODEC_BF16, 0, 20, rounds);
  bench_codes(&d, MGP_CODEC_INT8, 0, 0, rounds);
  bench_codes(&d, MGP_CODEC_INT8, 0, 20, rounds);
  bench_codes(&d, MGP_CODEC_INT8DIM, 0, 0, rounds);
  bench_codes(&d, MGP_CODEC_INT4, 0, 50, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ, 4, 0, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ, 4, 30, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ, 2, 60, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ, 1, 300, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ1, 0, 0, rounds);
  bench_codes(&d, MGP_CODEC_RABITQ1, 0, 300, rounds);
  bench_codes(&d, MGP_CODEC_PQ, 0, 300, rounds);
  free(d.rows);
  free(d.queries);
  free(d.ids);
  return 0;
}
