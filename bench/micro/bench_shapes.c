/* SPDX-License-Identifier: Apache-2.0
 *
 * The row and block kernels of every precision and tier on one core: 100,000 x 384, one query
 * beside a plain read of the same bytes, in turn with it, and 64 queries by 4,096 rows, in billions
 * of products a second. Medians of processor time. bench_shapes [rows [dim [rounds]]]
 */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/base.h"
#include "kernels/kernels.h"

#define ROUNDS_MAX 101
#define QUERIES 64
#define BLOCK_ROWS 4096

typedef uint64_t wide __attribute__((vector_size(64)));

typedef struct kind {
  const char *name;
  size_t at, bits; /* in the table; of a number */
  bool is_float;
} kind;

#define KIND(name, bits, is_float)                                                                 \
  { #name, offsetof(mgp_kernels, name), bits, is_float }
static const kind kinds[] = {
    KIND(f32_dot, 32, true),  KIND(f16_dot, 16, true),  KIND(bf16_dot, 16, true),
    KIND(bf16_l2, 16, true),  KIND(s8_dot, 8, false),   KIND(s8_l2, 8, false),
    KIND(u8s8_dot, 8, false), KIND(u4s8_dot, 4, false), KIND(u4_dot, 4, false),
    KIND(b1_l2, 1, false),    KIND(b1q4_dot, 1, false),
};

typedef struct data {
  unsigned char *rows, *queries;
  float *out;
  size_t count, dim;
} data;

static volatile uint64_t sink;

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
read_all(const wide *from, size_t size, size_t streams) {
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

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare_seconds(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds, size_t count) {
  qsort(seconds, count, sizeof *seconds, compare_seconds);
  return seconds[count / 2];
}

static double time_read(const data *d, size_t size) {
  double best = 1e9;
  for (size_t streams = 1; streams <= 4; streams += 3) {
    const double started = cpu_seconds();
    sink = read_all((const wide *)(const void *)d->rows, size / sizeof(wide), streams);
    const double took = cpu_seconds() - started;
    best = took < best ? took : best;
  }
  return best;
}

static double time_rows(const mgp_kernels *t, const kind *k, const data *d, size_t bytes) {
  const void *kernel = (const char *)t + k->at;
  const double started = cpu_seconds();
  if (k->is_float)
    ((const mgp_float_kernel *)kernel)->rows(d->queries, d->rows, d->dim, bytes, d->count, d->out);
  else
    ((const mgp_int_kernel *)kernel)
        ->rows(d->queries, d->rows, d->dim, bytes, d->count, (int32_t *)(void *)d->out);
  return cpu_seconds() - started;
}

static double time_block(const mgp_kernels *t, const kind *k, const data *d, size_t bytes) {
  const void *kernel = (const char *)t + k->at;
  const size_t rows = d->count < BLOCK_ROWS ? d->count : BLOCK_ROWS, apart = 4 * d->dim + 64;
  const double started = cpu_seconds();
  if (k->is_float)
    ((const mgp_float_kernel *)kernel)
        ->block(d->queries, apart, QUERIES, d->rows, d->dim, bytes, rows, d->out, BLOCK_ROWS);
  else
    ((const mgp_int_kernel *)kernel)
        ->block(d->queries, apart, QUERIES, d->rows, d->dim, bytes, rows, (int32_t *)(void *)d->out,
                BLOCK_ROWS);
  return cpu_seconds() - started;
}

static void bench(const mgp_kernels *t, const kind *k, const data *d, size_t rounds) {
  static double read[ROUNDS_MAX], one[ROUNDS_MAX], block[ROUNDS_MAX];
  const size_t bytes = (d->dim * k->bits + 7) / 8, size = bytes * d->count;
  for (size_t i = 0; i < rounds; i++) {
    read[i] = time_read(d, size);
    one[i] = time_rows(t, k, d, bytes);
    block[i] = time_block(t, k, d, bytes);
  }
  const double r = median(read, rounds), o = median(one, rounds), b = median(block, rounds);
  const size_t rows = d->count < BLOCK_ROWS ? d->count : BLOCK_ROWS;
  printf("shapes,%s,%s,%zu,%zu,%.2f,%.2f,%.3f,%.1f\n", t->tier, k->name, d->count, d->dim,
         (double)size / o / 1e9, (double)size / r / 1e9, r / o,
         (double)(rows * QUERIES) * (double)d->dim / b / 1e9);
  fflush(stdout);
}

static size_t argument(int count, char **values, int index, size_t fallback) {
  const size_t value = count > index ? strtoull(values[index], NULL, 10) : 0;
  return value ? value : fallback;
}

int main(int argc, char **argv) {
  data d = {.count = argument(argc, argv, 1, 100000), .dim = argument(argc, argv, 2, 384)};
  size_t rounds = argument(argc, argv, 3, 7);
  if (rounds > ROUNDS_MAX) rounds = ROUNDS_MAX;
  const size_t room = (d.count * d.dim * 4 + 63) / 64 * 64, outs = QUERIES * BLOCK_ROWS;
  d.rows = aligned_alloc(64, room);
  d.queries = calloc(QUERIES, 4 * d.dim + 64);
  d.out = calloc(outs > d.count ? outs : d.count, sizeof *d.out);
  if (!d.rows || !d.queries || !d.out) return 1;
  uint32_t state = 1;
  for (size_t i = 0; i < room; i++) { /* as floats of any width: positive, near 1 */
    state = state * 1664525u + 1013904223u;
    d.rows[i] = i % 2 ? 0x3c : (unsigned char)(state >> 24);
  }
  for (size_t i = 0; i < QUERIES * (4 * d.dim + 64); i++) d.queries[i] = d.rows[i % room];
  puts("bench,tier,kernel,rows,dim,gb_s,read_gb_s,ratio_to_read,block_gmul_s");
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *t = mgp_kernels_tier(*name);
    const size_t few = t && strcmp(t->tier, "plain") == 0 && rounds > 3 ? 3 : rounds;
    for (size_t i = 0; t && i < sizeof kinds / sizeof *kinds; i++) bench(t, &kinds[i], &d, few);
  }
  free(d.rows);
  free(d.queries);
  free(d.out);
  return 0;
}
